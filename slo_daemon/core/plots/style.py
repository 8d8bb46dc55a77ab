"""The colours of charts, by name, in light and in dark, and the style sheet made of them.

Text reaches a contrast of 4.5 to 1 on the paper, lines and areas that mean something 3 to 1.
"""

from collections.abc import Mapping

LIGHT: Mapping[str, str] = {
    "paper": "#ffffff",
    "ink": "#1d2330",
    "faint": "#5a6374",
    "rule": "#dde1e8",
    "line": "#1c56b8",
    "band": "#cfe0f8",
    "good": "#1a6b3c",
    "good-back": "#d3efdd",
    "warn": "#8a5300",
    "warn-back": "#fbe6bf",
    "bad": "#b3201c",
    "bad-back": "#f9d3d0",
    "open": "#56607a",
    "open-back": "#e6e9f0",
}
DARK: Mapping[str, str] = {
    "paper": "#1b2029",
    "ink": "#e7eaf0",
    "faint": "#a3adbf",
    "rule": "#39414f",
    "line": "#8ab6ff",
    "band": "#2a3f63",
    "good": "#7bd6a0",
    "good-back": "#1d4a30",
    "warn": "#f0bd6a",
    "warn-back": "#4d3a12",
    "bad": "#ff9d96",
    "bad-back": "#5c2422",
    "open": "#b4bed2",
    "open-back": "#2d3442",
}

_RULES = """
.plot { display: block; width: 100%; height: auto; }
.plot-small { max-width: 17rem; }
.plot text { font: 11px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; fill: var(--plot-faint); }
.plot .plot-ink { fill: var(--plot-ink); }
.plot .plot-strong { fill: var(--plot-ink); font-weight: 600; }
.plot .plot-over { paint-order: stroke; stroke: var(--plot-paper); stroke-width: 3px; stroke-linejoin: round; }
.plot .plot-good { fill: var(--plot-good); } .plot .plot-warn { fill: var(--plot-warn); }
.plot .plot-bad { fill: var(--plot-bad); } .plot .plot-open { fill: var(--plot-open); }
.plot .plot-good-back { fill: var(--plot-good-back); } .plot .plot-warn-back { fill: var(--plot-warn-back); }
.plot .plot-bad-back { fill: var(--plot-bad-back); } .plot .plot-open-back { fill: var(--plot-open-back); }
.plot .plot-point { fill: var(--plot-line); } .plot .plot-band { fill: var(--plot-band); }
.plot .plot-paper { fill: var(--plot-paper); }
.plot .plot-ring { fill: var(--plot-paper); stroke: var(--plot-line); stroke-width: 1.25; }
.plot .plot-rule { fill: none; stroke: var(--plot-rule); stroke-width: 1; }
.plot .plot-axis { fill: none; stroke: var(--plot-faint); stroke-width: 1; }
.plot .plot-line { fill: none; stroke: var(--plot-line); stroke-width: 1.75; stroke-linejoin: round; stroke-linecap: round; }
.plot .plot-thin { fill: none; stroke: var(--plot-line); stroke-width: 1.25; }
.plot .plot-part { stroke-dasharray: 1.5 3; }
.plot .plot-ahead { fill: none; stroke: var(--plot-line); stroke-width: 1.5; stroke-dasharray: 5 4; }
.plot .plot-plan { fill: none; stroke: var(--plot-faint); stroke-width: 1.5; stroke-dasharray: 6 3; }
.plot .plot-target { fill: none; stroke: var(--plot-good); stroke-width: 1.25; stroke-dasharray: 4 2; }
.plot .plot-warning { fill: none; stroke: var(--plot-warn); stroke-width: 1.25; stroke-dasharray: 2 2; }
.plot .plot-critical { fill: none; stroke: var(--plot-bad); stroke-width: 1.5; }
.plot .plot-today { fill: none; stroke: var(--plot-ink); stroke-width: 1; stroke-dasharray: 1 2; }
.plot .plot-incident { fill: none; stroke: var(--plot-bad); stroke-width: 1; stroke-dasharray: 1 3; }
.plot .plot-heavy { font-weight: 700; }
.plot .plot-on-line { fill: var(--plot-paper); stroke: var(--plot-line); font-weight: 600; }
.plot .plot-edge-line { stroke: var(--plot-line); stroke-width: 1; }
.plot .plot-edge-good { stroke: var(--plot-good); } .plot .plot-edge-bad { stroke: var(--plot-bad); }
.plot .plot-edge-open { stroke: var(--plot-open); stroke-dasharray: 2 2; }
""".strip()


def _variables(palette: Mapping[str, str]) -> str:
    return " ".join(f"--plot-{name}: {colour};" for name, colour in palette.items())


STYLE = f"""\
:root {{ {_variables(LIGHT)} }}
@media (prefers-color-scheme: dark) {{ :root {{ {_variables(DARK)} }} }}
@media print {{ :root {{ {_variables(LIGHT)} }} .plot {{ print-color-adjust: exact; -webkit-print-color-adjust: exact; }} }}
{_RULES}
"""
"""For pages: one style sheet for all charts on it."""
