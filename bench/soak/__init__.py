"""The daemon itself as a process, with a real Prometheus and thousands of services, watched from outside."""
