"""docs/readiness.md is true: the table of roles, and every case with what it comes to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from slo_daemon.core.pilot.criteria.parse import parse
from slo_daemon.core.pilot.facts import Judged
from slo_daemon.core.pilot.gates import Gate, verdict_of
from slo_daemon.core.pilot.measures import OBSERVED, measures_of
from slo_daemon.core.pilot.pilot import CriterionText, Pilot, Ramp, RampStep, Role
from slo_daemon.core.pilot.readiness import assess
from slo_daemon.core.pilot.records import Override, OverrideKind, Records, RecordsUnavailable, Severity
from slo_daemon.core.pilot.truth import Truth
from slo_daemon.core.pilot.verdict import EFFECTS, Assessment
from slo_daemon.core.slo.measure import Watched
from slo_daemon.core.slo.query import Failed, FailReason
from slo_daemon.core.slo.window import Slot
from tests.documents import DOCS, codes, first_codes, rows, section
from tests.factories import (
    NOW,
    SLOT,
    all_readings,
    bad_readings,
    healthy_readings,
    incident,
    judged,
    one_number,
    plain_pilot,
    records_of,
    view,
)

PAGE = DOCS / "readiness.md"
RAMP = Ramp(0.05, 0.20, (RampStep(1, 0.05), RampStep(2, 0.10), RampStep(4, 0.15), RampStep(6, 0.20)), "x")
WELL = "incidents[7d] == 0 or incidents[7d] > 0"
TRIGGER = "open_incidents > 0"
INCIDENT = "no critical incident is unresolved"


@dataclass(frozen=True)
class Case:
    """A pilot that is well, but for what is said."""

    go_live: str = WELL
    trigger: str = TRIGGER
    slos: str = "well"
    incidents: Mapping[str, Any] = field(default_factory=dict)
    overrides: tuple[Override, ...] = ()
    store: bool = True
    slot: Slot | None = SLOT
    age: float = 0.0


def override(kind: OverrideKind, criterion: str = "") -> Override:
    return Override(1, "plain", kind, criterion, "Ada", "because", NOW - 60, NOW + 3_600)


HOLD = override(OverrideKind.HOLD)
OPEN = {"severity": Severity.INFO}
CRITICAL = {"severity": Severity.CRITICAL}
CASES = {
    "all is well": Case(),
    "a go-live criterion or success metric is false": Case(go_live="incidents[7d] > 100"),
    "a go-live criterion or success metric is unknown": Case(go_live="user_satisfaction > 4.0"),
    "an SLO is missed": Case(slos="bad"),
    "a critical incident is open": Case(trigger="incidents[7d] > 100", incidents=CRITICAL),
    "a critical incident is open, that criterion is waived": Case(
        trigger="incidents[7d] > 100",
        incidents=CRITICAL,
        overrides=(override(OverrideKind.WAIVE, INCIDENT),),
    ),
    "an SLO cannot be told": Case(slos="failed"),
    "a trigger cannot see": Case(trigger="user_satisfaction < 3.0"),
    "a trigger has fired": Case(incidents=OPEN),
    "a trigger is true, and waived": Case(incidents=OPEN, overrides=(override(OverrideKind.WAIVE, TRIGGER),)),
    "a person holds the rollout": Case(overrides=(HOLD,)),
    "a person holds the rollout, a trigger has fired": Case(incidents=OPEN, overrides=(HOLD,)),
    "the store cannot be read": Case(go_live="pilot_age > 1d", trigger="pilot_age > 3650d", store=False),
    "the latest slot is older than two intervals": Case(age=3 * SLOT.interval),
    "the latest slot is older than five minutes": Case(age=301.0),
    "no slot was finished since the start": Case(slot=None),
}


def pilot_of(case: Case) -> Pilot:
    return replace(
        plain_pilot(),
        ramp=RAMP,
        go_live_criteria=(CriterionText(case.go_live, Role.GO_LIVE, parse(case.go_live)),),
        rollback_triggers=(CriterionText(case.trigger, Role.ROLLBACK, parse(case.trigger)),),
    )


def slos_of(case: Case, pilot: Pilot) -> list[Judged]:
    readings: Callable[..., Any] = bad_readings if case.slos == "bad" else healthy_readings
    views = [view(slo, readings(slo)) for slo in pilot.slos]
    if case.slos == "failed":
        first = pilot.slos[0]
        failed = Failed("q", FailReason.TIMEOUT, "no answer within 5 s")
        views[0] = view(first, dict.fromkeys(all_readings(first, {}), failed))
    return judged(*views) if case.slot else [replace(one, evaluation=None) for one in judged(*views)]


def assessed(case: Case) -> Assessment:
    pilot = pilot_of(case)
    (observed,) = [one.slo for one in measures_of(pilot) if one.slo.name == OBSERVED]
    shown = view(observed, dict.fromkeys(all_readings(observed, {}), one_number(0.10)))
    assert shown.evaluation is not None
    watched = [Watched(shown.instance, shown.evaluation)]
    records: Records | RecordsUnavailable = replace(
        records_of([incident(**case.incidents)] if case.incidents else []), overrides=case.overrides
    )
    if not case.store:
        records = RecordsUnavailable("store_unavailable", "the store cannot be read: disk gone")
    return assess(pilot, case.slot, NOW + case.age, slos_of(case, pilot), records, watched)[0]


@pytest.mark.parametrize("row", rows(section(PAGE, "Every case"), "case"), ids=lambda row: row[0])
def test_a_case_comes_to_what_the_page_says(row: list[str]) -> None:
    case = CASES[row[0]]
    found = assessed(case)
    gates = [verdict_of(gate, found, NOW + case.age, SLOT.interval).value for gate in Gate]
    assert [found.verdict.value, found.advice.value, *gates] == row[1:]


def test_every_case_stands_on_the_page() -> None:
    assert [row[0] for row in rows(section(PAGE, "Every case"), "case")] == list(CASES)


def test_a_waiver_that_was_never_read_cannot_keep_a_true_trigger_from_firing() -> None:
    always = "pilot_age > 1d"
    waiver = override(OverrideKind.WAIVE, always)
    assert assessed(Case(trigger=always, overrides=(waiver,))).fired == ()
    assert assessed(Case(trigger=always, overrides=(waiver,), store=False)).fired != ()


def test_the_table_of_roles_is_the_programs() -> None:
    table = rows(section(PAGE, "Criteria and their roles"), "role")
    told = {
        (role, state): cell
        for row in table
        for role in codes(row[0])[:1]
        for state, cell in zip((Truth.TRUE, Truth.FALSE, Truth.UNKNOWN), row[1:4], strict=True)
    }
    assert told == {(role.value, truth): effect.value for (role, truth), effect in EFFECTS.items()}
    assert first_codes(table, 0)[0] == Role.DEFAULT.value
