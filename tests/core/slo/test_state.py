"""The table of levels as an operator reads it: a line is a slot, a word is what the slot saw."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_daemon.core.quantity import parse_quantity
from slo_daemon.core.slo.book import entry_of
from slo_daemon.core.slo.budget import BudgetMethod, BudgetPolicy
from slo_daemon.core.slo.objective import Direction, Level, Objective
from slo_daemon.core.slo.query import Failed, FailReason, Reading
from slo_daemon.core.slo.selector import parse_selector
from slo_daemon.core.slo.sli import Ratio
from slo_daemon.core.slo.slo import AlertPolicy, MissingDataPolicy, Slo
from slo_daemon.core.slo.state import TABLE, Signal, SloState, TransitionReason, diagram
from slo_daemon.core.slo.step import Outcome, removal, step
from slo_daemon.core.slo.window import Slot, Window
from tests.core.slo.readings import NOTHING, number, readings_of
from tests.factories import evaluated

INTERVAL = 60.0
TOTAL = 1_000_000.0
OBJECTIVE = Objective(Direction.AT_MOST, *map(parse_quantity, ("0.1%", "0.5%", "1%")))


def slo(
    alerting: AlertPolicy | None = None, *, budget: bool = False, missing: MissingDataPolicy | None = None
) -> Slo:
    return Slo(
        pilot="p",
        name="error-rate",
        indicator=Ratio(
            parse_selector('r{code="500"}'), parse_selector("r"), counts_good=False, as_good=False
        ),
        objective=OBJECTIVE,
        window=Window(300),
        alerting=alerting or AlertPolicy(),
        budget=BudgetPolicy(Window(30 * 86_400), BudgetMethod.OCCURRENCES, 0.999) if budget else None,
        missing_data=missing or MissingDataPolicy(),
    )


def readings(subject: Slo, saw: str) -> dict[str, Reading]:
    shares = {"good": 0.0, "met-not-clear": 0.0049, "warning": 0.006, "critical": 0.02}
    if saw in shares:
        return readings_of(subject, {"bad": number(TOTAL * shares[saw]), "total": number(TOTAL)})
    if saw == "idle":
        return readings_of(subject, {"bad": NOTHING, "total": number(0.0)})
    if saw == "few":
        return readings_of(subject, {"bad": NOTHING, "total": number(10.0)})
    if saw == "gone":
        return readings_of(subject, {"bad": NOTHING, "total": NOTHING}, fresh=NOTHING)
    failed = Failed("q", FailReason.TIMEOUT, "no answer within 10 s")
    return dict.fromkeys(entry_of(subject).asks, failed)


def play(subject: Slo, slots: Sequence[str], start: SloState | None = None) -> list[Outcome]:
    state, outcomes = start, []
    first = 0.0 if start is None or start.last_slot is None else start.last_slot / INTERVAL
    for number_, saw in enumerate(slots, start=1):
        slot = Slot((first + number_) * INTERVAL, INTERVAL)
        word = saw.removesuffix("/down")
        evaluation = evaluated(subject, readings(subject, word), slot)
        outcome = step(evaluation, state, source_down=saw.endswith("/down"))
        outcomes.append(outcome)
        state = outcome.state
    return outcomes


def levels(subject: Slo, slots: str, start: SloState | None = None) -> str:
    return "".join("-wC"[o.state.level] for o in play(subject, slots.split(), start))


AT_ONCE = AlertPolicy(raise_for=0, clear_for=120)
PATIENT = AlertPolicy(raise_for=180, clear_for=180)


@pytest.mark.parametrize(
    ("policy", "slots", "expected"),
    [
        (AT_ONCE, "good warning critical", "-wC"),
        (AT_ONCE, "critical good good", "CC-"),
        (AT_ONCE, "critical warning warning good good", "CCww-"),
        (AT_ONCE, "critical good critical good good", "CCCC-"),
        (AT_ONCE, "warning met-not-clear met-not-clear met-not-clear good good", "wwwww-"),
        (PATIENT, "critical critical good critical critical critical", "-----C"),
        (PATIENT, "critical warning critical warning", "--ww"),
        (PATIENT, "critical lost critical gone critical", "----C"),
        (PATIENT, "critical critical few critical", "---C"),
        (PATIENT, "critical critical critical good idle good lost good", "--CCCCC-"),
        (AT_ONCE, "critical good few good", "CCC-"),
    ],
    ids=[
        "raised at once",
        "lowered after two good slots",
        "lowered step by step while the worse part is over",
        "a new breach starts the clear run anew",
        "a value between the clear and the raise threshold keeps the level",
        "raised after three slots in a row, and one good slot starts over",
        "three slots past warning are a warning, though not all were critical",
        "a slot that could not look neither advances nor resets",
        "too few events neither advance nor reset",
        "idle and lost slots do not count as good ones",
        "too few events neither count as good nor undo a good slot",
    ],
)
def test_levels_over_slots(policy: AlertPolicy, slots: str, expected: str) -> None:
    assert levels(slo(policy), slots) == expected


def test_missing_data_holds_a_critical_level_however_long_it_lasts() -> None:
    assert levels(slo(AT_ONCE), "critical " + "gone " * 200) == "C" * 201


def test_missing_data_becomes_a_warning_within_15_minutes_and_critical_within_an_hour() -> None:
    shown = levels(slo(), "good " + "gone " * 70)
    assert shown.index("w") == 15
    assert shown.index("C") == 60


def test_missing_data_escalates_by_the_budget_it_would_burn() -> None:
    """99.9 % over 30 days allows 43 minutes: 1 % of them is 26 s, 5 % is 130 s; one lost slot alone is no outage."""
    assert levels(slo(budget=True), "good gone gone gone gone") == "--wCC"


def test_one_lost_slot_is_no_outage() -> None:
    assert levels(slo(budget=True), "good lost good gone good lost good") == "-------"


def test_no_traffic_and_a_dead_source_hold_without_escalation() -> None:
    assert levels(slo(budget=True), "good " + "idle " * 100) == "-" * 101
    assert levels(slo(budget=True), "warning " + "lost/down " * 100) == "w" * 101


def test_escalation_can_be_turned_off_for_one_slo() -> None:
    off = slo(budget=True, missing=MissingDataPolicy(escalate=False, because="sleeps at night"))
    assert levels(off, "good " + "gone " * 100) == "-" * 101


def test_an_escalated_level_goes_only_by_evidence() -> None:
    assert levels(slo(AT_ONCE, budget=True), "good gone gone gone good good") == "--wCC-"


def test_time_in_which_the_daemon_did_not_run_is_not_missing_data() -> None:
    subject = slo()
    before = play(subject, ["good"])[-1].state
    late = Slot(before.last_slot + 10 * 3600, INTERVAL)  # type: ignore[operator]
    outcome = step(evaluated(subject, readings(subject, "gone"), late), before)
    assert outcome.state.level is Level.NONE
    assert outcome.state.missing_seconds == INTERVAL


def test_a_firing_level_stays_after_a_restart_until_there_is_evidence() -> None:
    subject = slo(PATIENT)
    firing = play(subject, ["critical"] * 3)[-1].state
    assert levels(subject, "lost good good good", firing) == "CCC-"


@pytest.mark.parametrize("saw", ["idle", "lost/down", "gone", "few"])
def test_a_shorter_wait_that_comes_into_force_lowers_nothing_by_itself(saw: str) -> None:
    """The policy was edited, or the interval became longer, while two of four good slots had been seen."""
    waiting = play(slo(AlertPolicy(clear_for=240)), ["critical", "good", "good"])[-1].state
    assert waiting.level is Level.CRITICAL
    assert levels(slo(AT_ONCE), f"{saw} good", waiting) == "C-"


@pytest.mark.parametrize("saw", ["idle", "lost/down", "few"])
def test_a_shorter_wait_that_comes_into_force_raises_nothing_by_itself(saw: str) -> None:
    waiting = play(slo(PATIENT), ["critical", "critical"])[-1].state
    assert levels(slo(AT_ONCE), saw, waiting) == "-"


def test_a_dead_source_raises_nothing_though_data_was_missing_before() -> None:
    before = play(slo(), ["good", *["gone"] * 5])[-1].state
    assert levels(slo(budget=True), "lost/down lost/down gone", before) == "--C"


def test_a_clock_that_was_set_back_does_not_blind_an_slo() -> None:
    subject = slo(AT_ONCE)
    ahead = play(subject, ["good"], SloState("p/error-rate", last_slot=100 * INTERVAL))[-1].state
    assert ahead.last_slot == 101 * INTERVAL
    outcomes = play(subject, ["good", "critical", "good", "good"], replace(ahead, last_slot=101 * INTERVAL))
    assert outcomes[1].state.level is Level.CRITICAL
    state, shown = ahead, ""
    for number_, saw in enumerate(["critical", "good", "good"], start=20):
        evaluation = evaluated(subject, readings(subject, saw), Slot(number_ * INTERVAL, INTERVAL))
        state = step(evaluation, state).state
        shown += "-wC"[state.level]
    assert shown == "CC-"
    assert state.last_slot == 101 * INTERVAL  # a store keeps the state with the newest slot
    assert state.since <= 22 * INTERVAL
    assert state.last_good_slot == 22 * INTERVAL


def test_the_same_slot_evaluated_twice_changes_nothing() -> None:
    subject = slo(PATIENT)
    state = play(subject, ["critical", "critical"])[-1].state
    again = Slot(state.last_slot or 0.0, INTERVAL)
    outcome = step(evaluated(subject, readings(subject, "critical"), again), state)
    assert outcome.state == state
    assert outcome.transition is None


def test_every_transition_has_a_reason_and_the_next_number() -> None:
    outcomes = play(slo(AT_ONCE, budget=True), ["critical", *["warning"] * 2, *["good"] * 2, *["gone"] * 3])
    told = [o.transition for o in outcomes if o.transition is not None]
    assert [(t.sequence, t.before, t.after, t.reason) for t in told] == [
        (1, Level.NONE, Level.CRITICAL, TransitionReason.THRESHOLD),
        (2, Level.CRITICAL, Level.WARNING, TransitionReason.IMPROVED),
        (3, Level.WARNING, Level.NONE, TransitionReason.RECOVERED),
        (4, Level.NONE, Level.WARNING, TransitionReason.MISSING_DATA),
        (5, Level.WARNING, Level.CRITICAL, TransitionReason.MISSING_DATA),
    ]
    assert told[0].value == pytest.approx(0.02)
    assert "2%" in told[0].detail
    assert "no evidence for" in told[3].detail


def test_an_slo_that_was_removed_is_told_as_over() -> None:
    firing = play(slo(AT_ONCE), ["critical"])[-1].state
    last = removal(firing, 999.0)
    assert (last.before, last.after, last.reason) == (Level.CRITICAL, Level.NONE, TransitionReason.REMOVED)
    assert last.sequence == firing.sequence + 1


SLOTS = st.lists(
    st.sampled_from(
        ["good", "met-not-clear", "warning", "critical", "idle", "few", "gone", "lost", "lost/down"]
    ),
    max_size=60,
)
POLICIES = st.sampled_from([AT_ONCE, PATIENT])


@given(POLICIES, SLOTS, st.booleans())
def test_a_level_never_falls_in_a_slot_that_did_not_prove_something_better(
    policy: AlertPolicy, slots: list[str], budget: bool
) -> None:
    before = Level.NONE
    for saw, outcome in zip(slots, play(slo(policy, budget=budget), slots), strict=True):
        if outcome.state.level < before:
            assert saw in ("good", "met-not-clear", "warning")
        before = outcome.state.level


@given(POLICIES, SLOTS)
def test_the_state_and_its_transitions_tell_the_same_story(policy: AlertPolicy, slots: list[str]) -> None:
    level = Level.NONE
    for outcome in play(slo(policy), slots):
        if outcome.transition is not None:
            assert outcome.transition.before is level
            assert outcome.transition.after is not level
            level = outcome.transition.after
        assert outcome.state.level is level


def test_the_table_changes_something_in_every_row_and_never_lowers_without_a_clear_signal() -> None:
    for (before, heard), (after, _) in TABLE.items():
        assert after is not before
        if after < before:
            assert heard in (Signal.ALL_CLEAR, Signal.WARNING_REMAINS)


def test_the_picture_in_the_documents_is_drawn_from_the_table() -> None:
    page = Path(__file__).parents[3] / "docs" / "levels.md"
    assert f"```mermaid\n{diagram()}\n```" in page.read_text()
