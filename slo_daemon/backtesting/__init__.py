"""The past replayed: the daemon's own machinery, slot by slot, over a recorded source."""
