"""Charts: small pure functions from values to SVG text. Same inputs, same bytes; no script, nothing loaded.

Every chart has a title and a description, says nothing by colour alone, and leaves a gap where nothing is known. Colours
are classes of the one style sheet in `style.py`, which a page holds once.
"""
