"""A snapshot as metrics. What is old is not shown: values vanish, levels and timestamps stay.

An alert level is there for every known SLO as long as it is configured, before the first slot too. Its data state is that
of the last slot, the persisted one after a restart: so a restart does not interrupt what alerts on it. Once nobody has
looked for `LONGEST_SLOT_AGE` the data state is `unknown`.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from slo_daemon.adapters.gauges.table import FAMILIES
from slo_daemon.adapters.gauges.text import label_text, number_text
from slo_daemon.core.pilot.slo_facts import LONGEST_SLOT_AGE
from slo_daemon.core.quantity import show_duration
from slo_daemon.core.slo.budget import Budget, BudgetState
from slo_daemon.core.slo.evaluation import Evaluation
from slo_daemon.core.slo.measurement import DataState, Measured
from slo_daemon.core.slo.phrases import say_objective
from slo_daemon.core.slo.slo import Slo, SloInstance
from slo_daemon.core.slo.state import SloState
from slo_daemon.core.snapshot import SloView, Snapshot


class _Series(NamedTuple):
    """What stands on an SLO's lines in every slot. Only `own` is its own; equal texts of many SLOs are one.

    `own`: the labels that tell it apart; the others close the labels of one family, and bring the value where it is fixed.
    """

    slo: Slo
    own: str
    value: str
    ratio: str
    objective: str
    info: str
    budget: str


class _Row(NamedTuple):
    """One SLO at one slot. `evaluation` is None where there is none of the present."""

    series: _Series
    state: SloState
    data_state: DataState
    evaluation: Evaluation | None


class SnapshotText:
    """Writes snapshots. Keeps the label texts of the SLOs it saw last; one caller at a time."""

    def __init__(self) -> None:
        self._series: dict[str, _Series] = {}

    def slos(self, snapshot: Snapshot, *, stalled: bool) -> tuple[bytes, ...]:
        """The families of SLOs. `stalled`: the slot is too old to speak of the present (see `is_stalled`)."""
        rows = self._rows(snapshot, stalled=stalled)
        parts = []
        for name, write in _WRITERS.items():
            text = "".join([write(row) for row in rows])
            if text:
                parts.append((FAMILIES[name].head + text).encode(errors="replace"))
        return tuple(parts)

    def _rows(self, snapshot: Snapshot, *, stalled: bool) -> list[_Row]:
        latest, limit = latest_slot(snapshot), longest_age(snapshot)
        oldest = float("inf") if stalled else latest - limit
        used: dict[str, _Series] = {}
        rows = []
        for slo_id, view in snapshot.slos.items():
            series = self._series.get(slo_id)
            if series is None or series.slo is not view.instance.slo:
                series = _series_of(view.instance)
            used[slo_id] = series
            evaluation = view.evaluation
            if stalled or evaluation is None or latest - evaluation.slot.time > limit:
                evaluation = None
            rows.append(_Row(series, view.state, _data_state(view, evaluation, oldest), evaluation))
        self._series = used
        return rows


def latest_slot(snapshot: Snapshot) -> float:
    """Unix seconds of the newest slot that anything in the snapshot stems from; 0.0 when there never was one."""
    if snapshot.slot is not None:
        return snapshot.slot.time
    return max((view.state.last_slot or 0.0 for view in snapshot.slos.values()), default=0.0)


def longest_age(snapshot: Snapshot) -> float:
    """How old (seconds) a slot may be to speak of the present."""
    return LONGEST_SLOT_AGE if snapshot.slot is None else max(LONGEST_SLOT_AGE, 3 * snapshot.slot.interval)


def is_stalled(snapshot: Snapshot, now: float) -> bool:
    """Whether nobody has evaluated anything for too long at the time `now` (Unix seconds)."""
    return now - latest_slot(snapshot) > longest_age(snapshot)


def _series_of(instance: SloInstance) -> _Series:
    slo = instance.slo
    window, unit = str(slo.window), slo.objective.dimension.value
    return _Series(
        slo=slo,
        own=label_text({**dict(instance.labels), "pilot": slo.pilot, "slo": slo.name}),
        value=_closing(window=window, unit=unit),
        ratio=_closing(window=window),
        objective=_closing(number_text(slo.objective.target.base), unit=unit),
        info=_closing(
            "1",
            sli=slo.indicator.kind,
            objective=say_objective(slo.objective),
            window=window,
            runbook=slo.runbook,
        ),
        budget="" if slo.budget is None else _closing(window=str(slo.budget.window)),
    )


@lru_cache(maxsize=4096)
def _closing(value: str = "", **labels: str) -> str:
    """The end of a line: further labels, and a value where it is always the same."""
    return f",{label_text(labels)}}} {value}" + ("\n" if value else "")


def _data_state(view: SloView, evaluation: Evaluation | None, oldest: float) -> DataState:
    """The current evaluation's, else that of the last slot unless it lies before `oldest` (Unix seconds)."""
    if evaluation is not None:
        return evaluation.data_state
    last = view.state.last_slot
    return view.state.data_state if last is not None and last >= oldest else DataState.UNKNOWN


def _one_of(name: str, label: str, values: tuple[str, ...]) -> dict[str, list[str]]:
    """For each of `values` all lines of a one-hot family that says it, taken apart where an SLO's own labels belong."""
    found = {}
    for chosen in values:
        lines = [f'{label}="{value}"}} {int(value == chosen)}\n' for value in values]
        found[chosen] = [f"{name}{{", *(f",{line}{name}{{" for line in lines[:-1]), f",{lines[-1]}"]
    return found


_DATA_STATES = _one_of("slo_data_state", "state", tuple(state.value for state in DataState))
_BUDGET_STATES = _one_of("slo_error_budget_state", "state", tuple(state.value for state in BudgetState))


def _alert_level(row: _Row) -> str:
    return f"slo_alert_level{{{row.series.own}}} {int(row.state.level)}\n"


def _data_states(row: _Row) -> str:
    return row.series.own.join(_DATA_STATES[row.data_state.value])


def _met(row: _Row) -> str:
    met = row.evaluation.met if row.evaluation is not None else None
    return "" if met is None else f"slo_met{{{row.series.own}}} {int(met)}\n"


def _sli_value(row: _Row) -> str:
    measured = row.evaluation.measurement if row.evaluation is not None else None
    if not isinstance(measured, Measured):
        return ""
    return f"slo_sli_value{{{row.series.own}{row.series.value}{number_text(measured.value)}\n"


def _objective_value(row: _Row) -> str:
    return f"slo_objective_value{{{row.series.own}{row.series.objective}"


def _sli_ratio(row: _Row) -> str:
    measured = row.evaluation.measurement if row.evaluation is not None else None
    if not isinstance(measured, Measured) or measured.good is None or not measured.total:
        return ""
    return f"slo_sli_ratio{{{row.series.own}{row.series.ratio}{number_text(measured.good / measured.total)}\n"


def _budget(row: _Row) -> Budget | None:
    return row.evaluation.budget if row.evaluation is not None else None


def _told_budget(row: _Row) -> Budget | None:
    """None while the past is being fetched: a number of so little would be read as one of the whole window."""
    budget = _budget(row)
    return None if budget is None or budget.state is BudgetState.BACKFILLING else budget


def _remaining(row: _Row) -> str:
    budget = _told_budget(row)
    if budget is None or budget.remaining is None:
        return ""
    left = number_text(budget.remaining)
    return f"slo_error_budget_remaining_ratio{{{row.series.own}{row.series.budget}{left}\n"


def _budget_states(row: _Row) -> str:
    budget = _budget(row)
    return "" if budget is None else row.series.own.join(_BUDGET_STATES[budget.state.value])


def _exhausted(row: _Row) -> str:
    budget = _told_budget(row)
    if budget is None or budget.exhausted_at is None:
        return ""
    at = number_text(budget.exhausted_at)
    return f"slo_error_budget_exhausted_timestamp_seconds{{{row.series.own}}} {at}\n"


def _burn_rates(row: _Row) -> str:
    if row.evaluation is None or not row.evaluation.burn_rates:
        return ""
    rates: dict[int, float | None] = {}
    for rate in row.evaluation.burn_rates:
        rates[rate.pair.long], rates[rate.pair.short] = rate.long_rate, rate.short_rate
    begin = f"slo_burn_rate{{{row.series.own}"
    return "".join(
        [
            f"{begin}{_lookback(seconds)}{number_text(rate)}\n"
            for seconds, rate in rates.items()
            if rate is not None
        ]
    )


def _thresholds(row: _Row) -> str:
    if row.evaluation is None or not row.evaluation.burn_rates:
        return ""
    lowest: dict[int, float] = {}
    for rate in row.evaluation.burn_rates:
        seconds = rate.pair.long
        lowest[seconds] = min(rate.threshold, lowest.get(seconds, rate.threshold))
    begin = f"slo_burn_rate_threshold{{{row.series.own}"
    return "".join([f"{begin}{_lookback(s)}{number_text(limit)}\n" for s, limit in lowest.items()])


@lru_cache(maxsize=4096)
def _lookback(seconds: int) -> str:
    return _closing(lookback=show_duration(seconds))


def _coverage(row: _Row) -> str:
    if row.evaluation is None:
        return ""
    own, series = row.series.own, row.series
    share, budget, text = row.evaluation.coverage, row.evaluation.budget, ""
    if share is not None:
        text = f"slo_coverage_ratio{{{own}{series.ratio}{number_text(share)}\n"
    if budget is not None and series.budget != series.ratio:
        text += f"slo_coverage_ratio{{{own}{series.budget}{number_text(budget.tally.coverage)}\n"
    return text


def _last_good(row: _Row) -> str:
    at = row.state.last_good_slot
    if at is None:
        return ""
    return f"slo_last_good_evaluation_timestamp_seconds{{{row.series.own}}} {number_text(at)}\n"


def _info(row: _Row) -> str:
    return f"slo_info{{{row.series.own}{row.series.info}"


_WRITERS: dict[str, Callable[[_Row], str]] = {
    "slo_alert_level": _alert_level,
    "slo_data_state": _data_states,
    "slo_met": _met,
    "slo_sli_value": _sli_value,
    "slo_objective_value": _objective_value,
    "slo_sli_ratio": _sli_ratio,
    "slo_error_budget_remaining_ratio": _remaining,
    "slo_error_budget_state": _budget_states,
    "slo_error_budget_exhausted_timestamp_seconds": _exhausted,
    "slo_burn_rate": _burn_rates,
    "slo_burn_rate_threshold": _thresholds,
    "slo_coverage_ratio": _coverage,
    "slo_last_good_evaluation_timestamp_seconds": _last_good,
    "slo_info": _info,
}
