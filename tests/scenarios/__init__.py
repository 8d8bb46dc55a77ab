"""Stories of pilots in YAML, played by the daemon's own machinery over a real Prometheus. See README.md."""
