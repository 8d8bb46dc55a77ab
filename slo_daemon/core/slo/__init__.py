"""The measuring wing: from objective and readings to level and transition. It knows nothing of pilots."""
