"""The Helm chart: rendered by the real helm, and held against what Kubernetes, Prometheus and the daemon itself say of it."""
