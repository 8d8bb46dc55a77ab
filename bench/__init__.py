"""Measures what evaluating SLOs costs and how exact it is, against other ways to do it, on a history whose truth is known.

Not part of the product: `make bench` and `make soak` run it, docs/performance.md shows what came out.
"""
