"""The demonstration: real servers on loopback, a simulated search service, and a month of its history."""
