"""The one style sheet of the HTML report: light and dark by the reader's preference, narrow screens, paper."""

from base64 import b64encode
from hashlib import sha256

from slo_daemon.core.plots.style import DARK, LIGHT, STYLE

_LIGHT = f"""
color-scheme: light dark; --paper: #f7f8fa; --card: {LIGHT["paper"]}; --ink: {LIGHT["ink"]}; --quiet: {LIGHT["faint"]};
--line: {LIGHT["rule"]}; --link: {LIGHT["line"]}; --good: {LIGHT["good"]}; --warn: {LIGHT["warn"]}; --bad: {LIGHT["bad"]};
--open: {LIGHT["open"]}; --good-back: #e4f4ea; --bad-back: #fde8e6; --open-back: #eceff5; --warn-back: #fdf0d7;
""".strip()
_DARK = f"""
--paper: #12151b; --card: {DARK["paper"]}; --ink: {DARK["ink"]}; --quiet: {DARK["faint"]};
--line: {DARK["rule"]}; --link: {DARK["line"]}; --good: {DARK["good"]}; --warn: {DARK["warn"]}; --bad: {DARK["bad"]};
--open: {DARK["open"]}; --good-back: #16301f; --bad-back: #3d1a19; --open-back: #262d3a; --warn-back: #372a11;
""".strip()

REPORT_STYLE = f"""
:root {{ {_LIGHT} }}
@media (prefers-color-scheme: dark) {{ :root {{ {_DARK} }} }}
{STYLE.strip()}
* {{ box-sizing: border-box; }}
body {{
  margin: 0 auto; padding: 1.25rem clamp(.75rem, 3vw, 2rem); max-width: 76rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
}}
h1 {{ font-size: 1.6rem; line-height: 1.25; margin: .1rem 0 .35rem; overflow-wrap: anywhere; }}
h2 {{ font-size: 1.2rem; margin: 0 0 .5rem; }}
h3 {{ font-size: 1rem; margin: 1.4rem 0 .35rem; }}
p {{ margin: .35rem 0; overflow-wrap: anywhere; }}
ul {{ margin: .35rem 0; padding-left: 1.25rem; }}
li {{ overflow-wrap: anywhere; margin: .2rem 0; }}
q {{ overflow-wrap: anywhere; }}
code {{ font-size: .85em; overflow-wrap: anywhere; }}
small {{ display: block; color: var(--quiet); font-size: .85rem; overflow-wrap: anywhere; }}
a {{ color: var(--link); text-underline-offset: .15em; }}
a:focus-visible {{ outline: 2px solid var(--link); outline-offset: 2px; border-radius: 2px; }}
.skip {{ position: absolute; left: -100rem; }}
.skip:focus {{ position: static; }}
.kicker, .facts, .note, footer {{ color: var(--quiet); font-size: .9rem; margin: 0; }}
nav ul {{ display: flex; flex-wrap: wrap; gap: .15rem 1rem; list-style: none; padding: 0; margin: .75rem 0; font-size: .9rem; }}
section {{ margin: 1rem 0; padding: 1rem 1.25rem; background: var(--card); border: 1px solid var(--line); border-radius: .6rem; }}
.good {{ color: var(--good); }} .warn {{ color: var(--warn); }} .bad {{ color: var(--bad); }} .open {{ color: var(--open); }}
.banner {{ border-width: 2px; }}
.banner h2 {{ font-size: 1.7rem; margin: 0; }}
.banner .advice {{ font-size: 1.15rem; color: var(--ink); margin: 0 0 .35rem; }}
.banner.is-good {{ border-color: var(--good); background: var(--good-back); }}
.banner.is-bad {{ border-color: var(--bad); background: var(--bad-back); }}
.banner.is-open {{ border-color: var(--open); background: var(--open-back); }}
.banner .facts {{ color: var(--ink); }}
.two {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)); gap: 0 2rem; }}
.symbols {{ list-style: none; padding: 0; }}
.symbols li {{ padding-left: 1.15rem; text-indent: -1.15rem; }}
.symbols li > * {{ text-indent: 0; }}
.mark {{ font-weight: 600; white-space: nowrap; }}
.findings, .records {{ list-style: none; padding: 0; }}
.findings > li, .records > li {{ padding: .45rem 0; border-top: 1px solid var(--line); margin: 0; }}
.findings > li:first-child, .records > li:first-child {{ border-top: 0; }}
.findings > li {{ display: grid; grid-template-columns: 6.5rem minmax(0, 1fr); gap: 0 .5rem; }}
dl {{ display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; margin: 0; }}
dt {{ color: var(--quiet); }}
dd {{ margin: 0; overflow-wrap: anywhere; }}
table {{ width: 100%; border-collapse: collapse; margin: .6rem 0 .9rem; font-size: .95rem; }}
caption {{ position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }}
th, td {{ padding: .4rem .6rem .4rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }}
thead th {{ font-size: .8rem; color: var(--quiet); font-weight: 600; vertical-align: bottom; }}
tbody th {{ font-weight: 600; overflow-wrap: anywhere; }}
tbody tr:last-child > * {{ border-bottom: 0; }}
.number {{ font-variant-numeric: tabular-nums; }}
td .plot {{ width: 7.5rem; }}
.charts {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)); gap: 1rem 1.75rem; margin: .75rem 0; }}
.charts.days {{ grid-template-columns: repeat(auto-fill, minmax(min(100%, 14rem), 1fr)); }}
figure {{ margin: 0; min-width: 0; }}
.charts .plot:not(.plot-small) {{ max-width: 26rem; }}
figcaption {{ font-size: .9rem; font-weight: 600; margin-bottom: .3rem; overflow-wrap: anywhere; }}
figcaption small {{ font-weight: 400; }}
@media (min-width: 60rem) {{ .banner .two {{ grid-template-columns: minmax(0, 5fr) minmax(0, 3fr); }} }}
@media screen and (max-width: 46rem) {{
  section {{ padding: .9rem; }}
  .banner h2 {{ font-size: 1.4rem; }}
  table, tbody, tr {{ display: block; }}
  thead {{ display: none; }}
  tr {{ padding: .5rem 0; border-bottom: 1px solid var(--line); }}
  tbody tr:last-child {{ border-bottom: 0; }}
  th, td {{ border: 0; padding: .15rem 0; }}
  tbody th {{ display: block; }}
  .mark {{ white-space: normal; }}
  td {{ display: grid; grid-template-columns: 7.5rem minmax(0, 1fr); gap: .5rem; overflow-wrap: anywhere; }}
  td::before {{ content: attr(data-label); color: var(--quiet); font-size: .85rem; }}
  .findings > li {{ display: block; }}
  dl {{ grid-template-columns: 1fr; gap: 0; }}
  dd {{ margin-bottom: .35rem; }}
  .charts .plot:not(.plot-small) {{ max-width: none; }}
}}
@media print {{
  :root {{ {_LIGHT.replace("light dark", "light").replace("#f7f8fa", "#ffffff")} }}
  @page {{ margin: 14mm 12mm; }}
  html {{ font-size: 11px; }}
  body {{ padding: 0; max-width: none; }}
  .banner .two {{ grid-template-columns: minmax(0, 5fr) minmax(0, 3fr); }}
  nav, .skip {{ display: none; }}
  section {{ border: 0; border-top: 1px solid var(--line); border-radius: 0; padding: .6rem 0; margin: .6rem 0; }}
  .banner {{ border: 2px solid; padding: .8rem 1rem; print-color-adjust: exact; -webkit-print-color-adjust: exact; }}
  h2, h3 {{ break-after: avoid; }}
  figure, tr, .banner, .findings > li, .records > li {{ break-inside: avoid; }}
  .charts {{ grid-template-columns: 1fr 1fr; gap: .75rem 1.5rem; }}
  .charts.days {{ grid-template-columns: repeat(3, 1fr); }}
  a {{ color: inherit; text-decoration: none; }}
}}
"""


def policy_of(style: str) -> str:
    """The content security policy of a page with just this style sheet: nothing runs, nothing is loaded."""
    digest = b64encode(sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
