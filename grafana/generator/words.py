"""What values are called, and in which colour. No value is told by its colour alone, and what is not known is grey."""

from collections.abc import Iterable, Sequence

from grafana_foundation_sdk.models.dashboard import (
    DashboardSpecialValueMapOptions,
    SpecialValueMap,
    SpecialValueMatch,
    ValueMap,
    ValueMapping,
    ValueMappingResult,
)

from slo_daemon.core.pilot.truth import Truth
from slo_daemon.core.pilot.verdict import Verdict
from slo_daemon.core.slo.budget import BudgetState
from slo_daemon.core.slo.measurement import DataState

GOOD, WARN, BAD, UNKNOWN, PLAIN = "green", "orange", "red", "#808080", "blue"
NO_DATA = "no data"

Words = Sequence[tuple[float, str, str]]
"""Value, word, colour."""

LEVEL: Words = ((0, "none", GOOD), (1, "warning", WARN), (2, "critical", BAD))
MET: Words = ((0, "missed", BAD), (1, "met", GOOD))
READY: Words = ((0, "not ready or not known", UNKNOWN), (1, "ready", GOOD))
GATE: Words = ((-1, "fail: roll back", BAD), (0, "inconclusive: wait", UNKNOWN), (1, "pass", GOOD))
FIRED: Words = ((0, "has not fired", GOOD), (1, "has fired", BAD))
BLIND: Words = ((0, "sees", GOOD), (1, "is blind", WARN))
UP: Words = ((0, "down", BAD), (1, "up", GOOD))
RELOAD: Words = ((0, "refused", BAD), (1, "taken", GOOD))
MISMATCH: Words = ((0, "as planned", GOOD), (1, "mismatch", BAD))

_DATA = {
    DataState.OK: ("ok", GOOD),
    DataState.NO_TRAFFIC: ("no traffic", PLAIN),
    DataState.NO_DATA: ("no data", BAD),
    DataState.STALE: ("stale", BAD),
    DataState.ERROR: ("error", BAD),
    DataState.UNKNOWN: ("unknown", UNKNOWN),
}
_BUDGET = {
    BudgetState.COMPLETE: ("complete", GOOD),
    BudgetState.PARTIAL: ("partial", WARN),
    BudgetState.BACKFILLING: ("backfilling", UNKNOWN),
}
_VERDICT = {
    Verdict.READY: ("READY", GOOD),
    Verdict.NOT_READY: ("NOT READY", BAD),
    Verdict.INCONCLUSIVE: ("INCONCLUSIVE", UNKNOWN),
}
_TRUTH = {
    Truth.TRUE: ("true", GOOD),
    Truth.FALSE: ("false", BAD),
    Truth.UNKNOWN: ("unknown", UNKNOWN),
}


def _numbered(known: Iterable[tuple[str, str]]) -> Words:
    return tuple((n, word, colour) for n, (word, colour) in enumerate(known, 1))


# As `names.coded` numbers them.
DATA_STATE = _numbered(_DATA[state] for state in DataState)
BUDGET_STATE = _numbered(_BUDGET[state] for state in BudgetState)
VERDICT = _numbered(_VERDICT[verdict] for verdict in Verdict)
TRUTH = _numbered(_TRUTH[truth] for truth in Truth)
# The same as texts, for columns that show a label.
DATA_STATE_TEXT = tuple((state.value, *_DATA[state]) for state in DataState)
TRUTH_TEXT = tuple((truth.value, *_TRUTH[truth]) for truth in Truth)
BUDGET_STATE_TEXT = tuple((state.value, *_BUDGET[state]) for state in BudgetState)
VERDICT_TEXT = tuple((verdict.value, *_VERDICT[verdict]) for verdict in Verdict)


def mapping(words: Iterable[tuple[float | str, str, str]], missing: str = NO_DATA) -> list[ValueMapping]:
    """Values by their words; what is missing is called `missing`, in grey."""
    options = {
        f"{value:g}" if isinstance(value, int | float) else value: ValueMappingResult(
            text=word, color=colour, index=n
        )
        for n, (value, word, colour) in enumerate(words)
    }
    known: list[ValueMapping] = [ValueMap(options=options)] if options else []
    return [*known, missing_mapping(missing, len(options))]


def missing_mapping(text: str = NO_DATA, index: int = 0) -> SpecialValueMap:
    """What stands, in grey, where there is no value."""
    result = ValueMappingResult(text=text, color=UNKNOWN, index=index)
    return SpecialValueMap(
        options=DashboardSpecialValueMapOptions(match=SpecialValueMatch.NULL_AND_NAN, result=result)
    )
