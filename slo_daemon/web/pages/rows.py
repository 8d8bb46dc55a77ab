"""SLOs as lines of a table: the worst first, and how many there are of each state."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from slo_daemon.core.pilot.records import Records
from slo_daemon.core.pilot.verdict import Assessment
from slo_daemon.core.plots.frame import Mark as IncidentMark
from slo_daemon.core.report_charts import marks_for
from slo_daemon.core.slo.measurement import DataState, Measured
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.phrases import (
    say_cause,
    say_evaluation,
    say_measured,
    say_minute,
    say_name,
    say_objective,
)
from slo_daemon.core.snapshot import SloView
from slo_daemon.web.pages.marks import DATA, LEVELS, MET, Mark, budget_mark, budget_notes

_MET_ORDER = {False: 0, None: 1, True: 2}
Count = tuple[Mark, int, str]  # what, how many, and the parameters of the list that shows them


@dataclass(frozen=True, slots=True)
class SloRow:
    """One line of an SLO table. `path`: of its page and, below `/api/v1`, of its JSON."""

    path: str
    pilot: str
    name: str
    value: str
    objective: str
    met: Mark
    level: Mark
    since: str
    burning: str
    data: Mark
    detail: str
    budget: Mark
    budget_notes: tuple[str, ...]


def row_of(view: SloView) -> SloRow:
    """The line of one SLO."""
    evaluation, state, objective = view.evaluation, view.state, view.instance.slo.objective
    measurement = evaluation.measurement if evaluation is not None else None
    budget = evaluation.budget if evaluation is not None else None
    return SloRow(
        path=path_of(view.instance.id),
        pilot=view.instance.slo.pilot,
        name=say_name(view.instance),
        value=say_measured(measurement, objective) if isinstance(measurement, Measured) else "–",
        objective=say_objective(objective),
        met=MET[met_of(view)],
        level=LEVELS[state.level],
        since=say_minute(state.since) if state.level else "",
        burning=say_cause(evaluation),
        data=DATA[view.data_state],
        detail="" if met_of(view) is not None else say_evaluation(evaluation),
        budget=budget_mark(budget),
        budget_notes=budget_notes(budget),
    )


def path_of(instance_id: str) -> str:
    """`/slos/` and the id. Values of labels may hold slashes and dots, which a browser would take for folders."""
    slo_id, brace, group = instance_id.partition("{")
    return f"/slos/{quote(slo_id)}{quote(brace + group, safe='')}"


def met_of(view: SloView) -> bool | None:
    """Whether the objective is met; None while that is not known."""
    return view.evaluation.met if view.evaluation is not None else None


def trouble_of(view: SloView) -> tuple[int, int, bool]:
    """Sorts the worst first: by level, then what is missed or not known, then what could not be seen."""
    return (-view.state.level, _MET_ORDER[met_of(view)], view.data_state is DataState.OK)


def is_fine(view: SloView) -> bool:
    """Met, no alert, and seen."""
    return met_of(view) is True and not view.state.level and view.data_state is DataState.OK


def worst(views: Iterable[SloView], most: int) -> list[SloView]:
    """The worst of those that are not fine."""
    return sorted((view for view in views if not is_fine(view)), key=trouble_of)[:most]


def counts(views: Sequence[SloView], pilot: str = "") -> list[Count]:
    """How many SLOs are at which level, and how many could not be seen, each with the way to them."""
    of = f"&pilot={quote(pilot)}" if pilot else ""
    levels = Counter(view.state.level for view in views)
    data = Counter(view.data_state for view in views)
    found: list[Count] = [
        (LEVELS[level], levels[level], f"level={level.word}{of}") for level in sorted(Level, reverse=True)
    ]
    found += [
        (_unseen(state), data[state], f"data={state.value}{of}")
        for state in DataState
        if state is not DataState.OK and data[state]
    ]
    return found


def incident_marks(assessment: Assessment | None) -> tuple[IncidentMark, ...]:
    """The latest incidents of a pilot, for the axes of time of charts."""
    records = assessment.records if assessment is not None else None
    return marks_for(records.incidents.recent) if isinstance(records, Records) else ()


def _unseen(state: DataState) -> Mark:
    tone, symbol, word = DATA[state]
    return tone, symbol, word if word in ("no data", "no traffic") else f"data {word}"
