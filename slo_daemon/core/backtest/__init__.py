"""The past, judged as the present is: what the daemon would have said, slot after slot, and how it is shown.

`spans`: runs of one value. `story`: what a replay came to. `tape`: snapshots folded into a story. `lanes`: a story as lanes
of a timeline. `svg`, `terminal`: lanes drawn. `shape`: a story for programs.
"""
