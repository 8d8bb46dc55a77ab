"""The replayed outage of the demo as a table for a terminal."""

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from slo_daemon.console import QUIET
from slo_daemon.core.slo.phrases import say_count, say_minute
from slo_daemon.demo.replay import Replayed

DAY = 86_400.0


def replayed_block(found: Replayed, now: float) -> RenderableType:
    """What fired when, what the gates said, when it was over. `now`: Unix seconds."""
    outage = found.outage
    heading = f"What would have happened {(now - outage.start) / DAY:.0f} days ago"
    about = (
        f"Treatment failed and was slow from {say_minute(outage.start)} to {say_minute(outage.end)[11:]} UTC. "
        f"Replayed: {say_count(found.slots, 'slot')} of 5 minutes, {say_count(found.queries, 'query', 'queries')}."
    )
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("UTC", no_wrap=True)
    table.add_column("What changed")
    for moment in found.moments:
        for number, said in enumerate(moment.said):
            table.add_row("" if number else say_minute(moment.at)[11:], Text(said))
    return Group(Text(heading, style="bold"), Text(about, style=QUIET), Text(), table)
