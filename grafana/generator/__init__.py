"""Writes `grafana/dashboards/*.json`: `python -m grafana.generator`. Needs the development packages.

`names`: PromQL, with every metric and label checked against the daemon's own table. `words`: what values are called, and
their colours. `panels`: kinds of panels. `board`: variables, links, annotations and layout. Then one module for each dashboard.
"""
