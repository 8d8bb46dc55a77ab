"""One file for each change of the tables, linked by `down_revision`. A released file is never edited; there is no way back."""
