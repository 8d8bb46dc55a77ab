"""Verbs: fetch, decide (in core), store, tell."""
