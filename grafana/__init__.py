"""Grafana: the dashboards, the program that writes them, and files to provision them."""
