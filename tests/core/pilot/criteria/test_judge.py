"""One criterion, judged: intervals decide, what is not known stays unknown, and clocks count evaluations."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from math import inf, nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slo_daemon.core.pilot.criteria.criterion import All, Any, Compare, Criterion, Met, Not, Op, Operand
from slo_daemon.core.pilot.criteria.evidence import Known, Source, Unknown
from slo_daemon.core.pilot.criteria.hold import Hold, held
from slo_daemon.core.pilot.criteria.interval import decide
from slo_daemon.core.pilot.criteria.judge import judge
from slo_daemon.core.pilot.criteria.parse import parse
from slo_daemon.core.pilot.criteria.placed import comparisons
from slo_daemon.core.pilot.criteria.show import show, show_operand
from slo_daemon.core.pilot.truth import Truth
from slo_daemon.core.quantity import parse_quantity
from tests.core.pilot.criteria.strategies import CRITERIA, INTERVAL, Told, known, met_fact, slot

T, F, U = Truth.TRUE, Truth.FALSE, Truth.UNKNOWN
FINITE = st.floats(-100, 100, allow_nan=False)


@pytest.mark.parametrize(
    ("op", "low", "high", "truth"),
    [
        ("<", 1, 4, T), ("<", 1, 5, U), ("<", 5, 6, F), ("<", 4, 6, U),
        ("<=", 1, 5, T), ("<=", 5, 6, U), ("<=", 5.1, 6, F),
        (">", 6, 7, T), (">", 5, 7, U), (">", 4, 5, F), (">", 6, inf, T), (">", 4, inf, U),
        (">=", 5, 7, T), (">=", 4, 5, U), (">=", 4, 4.9, F),
        ("==", 5, 5, T), ("==", 4, 5, U), ("==", 6, 7, F), ("==", 1, 4, F),
        ("!=", 5, 5, F), ("!=", 4, 5, U), ("!=", 6, 7, T),
        ("<", nan, nan, U), (">", nan, nan, U), ("!=", nan, nan, U), ("==", nan, 5, U), ("<", 6, 1, U),
    ],
)  # fmt: skip
def test_the_whole_interval_decides(op: str, low: float, high: float, truth: Truth) -> None:
    assert decide(Op(op), low, high, 5.0) is truth


@given(st.sampled_from(Op), FINITE, FINITE, st.integers(-100, 100), st.floats(0, 1))
def test_what_is_decided_holds_for_every_value_of_the_interval(
    op: Op, one: float, other: float, number: int, where: float
) -> None:
    low, high = min(one, other), max(one, other)
    inside = min(high, max(low, low + where * (high - low)))
    truth = decide(op, low, high, float(number))
    if truth is not U:
        assert decide(op, inside, inside, float(number)) is truth
    assert decide(op, inside, inside, float(number)) is not U


SENTENCES = [
    ("availability < 99.5%", known(0.9931), T, "holds", "availability is 99.31 %, less than 99.5 %"),
    ("availability < 99.5%", known(0.9997), F, "fails", "availability is 99.97 %, not less than 99.5 %"),
    ("availability < 99.5%", known(0.995, 0.99, 0.999, limit="too_few_events"), U, "too_few_events",
     "availability is 99.5 % (between 99 % and 99.9 %), so it cannot be told whether it is less than 99.5 %: too few events"),
    ("availability < 99.5%", known(0.999, 0.5, 0.9995, limit="incomplete_window"), U, "incomplete_window",
     "availability is 99.9 % (between 50 % and 99.95 %), so it cannot be told whether it is less than 99.5 %: not all of the window was seen"),
    ("latency_p99 > 200ms", known(0.18, 0.15, 0.25, "s", limit="no_bucket_edge"), U, "no_bucket_edge",
     "latency_p99 is 180 ms (between 150 ms and 250 ms), so it cannot be told whether it is more than 200 ms: no bucket edge lies there"),
    ("latency_p99 > 200ms point", known(0.18, 0.15, 0.25, "s", limit="no_bucket_edge"), F, "fails",
     "latency_p99 is 180 ms (between 150 ms and 250 ms), not more than 200 ms"),
    ("latency_p99 > 200ms", known(inf, 1.0, inf, "s"), T, "holds",
     "latency_p99 is over 1000 ms, more than 200 ms"),
    ("user_satisfaction > 4.0/5", known(4.2, 3.9, 4.4, "/5", limit="sampling"), U, "undecided",
     "user_satisfaction is 4.2/5 (between 3.9/5 and 4.4/5), so it cannot be told whether it is more than 4.0/5"),
    ("user_satisfaction > 4", replace(known(4.2, 4.1, 4.4, "/5"), n=61.0, noun="votes"), T, "holds",
     "user_satisfaction is 4.2/5 from 61 votes (between 4.1/5 and 4.4/5), more than 4/5"),
    ("critical_incidents[7d] == 0", known(0.0, unit=""), T, "holds", "critical_incidents[7d] is 0"),
    ("critical_incidents[7d] == 0", known(1.0, unit=""), F, "fails", "critical_incidents[7d] is 1, not 0"),
    ("critical_incidents[7d] != 0", known(0.0, unit=""), F, "fails", "critical_incidents[7d] is 0, not different from 0"),
    ("pilot_age > 14d", replace(known(13 * 86_400.0, unit="s"), about="it began on 2026-10-23"), F, "fails",
     "pilot_age is 13 d, not more than 14 d; it began on 2026-10-23"),
    ("availability < 99.5%", Unknown("stale", "the newest sample is 20 minutes old"), U, "stale",
     "availability: the newest sample is 20 minutes old"),
    ("availability < 99.5%", known(nan, nan, nan), U, "not_a_number", "availability is not a number"),
    ("availability != 99.5%", known(nan, 0.0, 1.0), U, "not_a_number", "availability is not a number"),
    ("availability < 99.5%", known(0.5, 0.9, 0.1), U, "not_a_number", "availability is not a number"),
    ("latency_p99 > 200ms", known(0.5), U, "unit_mismatch", "latency_p99 cannot be compared with 200ms"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "evidence", "truth", "reason", "detail"),
    SENTENCES,
    ids=[f"{row[0]} {row[3]}" for row in SENTENCES],
)
def test_a_comparison_is_judged_and_told(
    text: str, evidence: Known | Unknown, truth: Truth, reason: str, detail: str
) -> None:
    criterion = parse(text)
    (compare,) = comparisons(criterion)
    judgement, holds = judge(criterion, Told({show_operand(compare.operand): evidence}), slot(0), {})
    assert (judgement.truth, judgement.reason, judgement.detail) == (truth, reason, detail)
    assert holds == {}


def test_the_evidence_goes_with_the_judgement() -> None:
    source = Source("1h", "sum(x)", 7.0)
    evidence = replace(known(0.999, 0.998, 0.9995), n=4000.0, source=source)
    judgement, _ = judge(parse("availability < 99.5%"), Told({"availability": evidence}), slot(0), {})
    assert (judgement.value, judgement.interval, judgement.n, judgement.source) == (
        0.999, (0.998, 0.9995), 4000.0, source,
    )  # fmt: skip
    assert judgement.margin == pytest.approx(0.995 - 0.998)  # the bound that decides
    unknown = Unknown("too_few_votes", "12 votes", 4.1, (3.5, 4.6), None, 12.0, 99.0, source)
    judgement, _ = judge(parse("s > 4/5"), Told({"s": unknown}), slot(0), {})
    assert (judgement.value, judgement.interval, judgement.n, judgement.earliest, judgement.source) == (
        4.1, (3.5, 4.6), 12.0, 99.0, source,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "margin"),
    [("a < 5", -1), ("a > 5", 1), ("a <= 8", 2), ("a == 5", -1), ("a != 5", 1), ("not a > 5", -1)],
)
def test_the_margin_is_positive_on_the_side_where_it_is_true(text: str, margin: float) -> None:
    assert judge(parse(text), Told({"a": known(6.0, unit="")}), slot(0), {})[0].margin == margin


def test_a_test_of_significance_asks_for_its_level() -> None:
    facts = Told()
    judge(parse("a > 5% significant at 1%"), facts, slot(0), {})
    judge(parse("a > 5%"), facts, slot(0), {})
    assert facts.asked == [0.01, 0.05]


# parts


def facts_of(truths: Sequence[Truth]) -> Told:
    """a, b, c ... that make `a > 5` what is wanted."""
    values = {T: known(6.0, unit=""), F: known(4.0, unit=""), U: Unknown("stale", "nothing new")}
    return Told({name: values[truth] for name, truth in zip("abc", truths, strict=False)})


@pytest.mark.parametrize(
    ("text", "truths", "truth", "detail"),
    [
        ("a > 5 and b > 5", (T, T), T, "a is 6, more than 5; b is 6, more than 5"),
        ("a > 5 and b > 5", (T, F), F, "b is 4, not more than 5"),
        ("a > 5 and b > 5", (U, F), F, "b is 4, not more than 5"),
        ("a > 5 and b > 5", (U, T), U, "a: nothing new"),
        ("a > 5 or b > 5", (U, T), T, "b is 6, more than 5"),
        ("a > 5 or b > 5", (U, F), U, "a: nothing new"),
        ("a > 5 or b > 5", (F, F), F, "a is 4, not more than 5; b is 4, not more than 5"),
        ("not a > 5", (T,), F, "a is 6, more than 5"),
        ("not a > 5", (U,), U, "a: nothing new"),
    ],
)
def test_parts_combine_as_kleene_says(text: str, truths: Sequence[Truth], truth: Truth, detail: str) -> None:
    judgement, _ = judge(parse(text), facts_of(truths), slot(0), {})
    assert (judgement.truth, judgement.detail) == (truth, detail)


def test_a_turned_reason_is_turned() -> None:
    assert judge(parse("not a > 5"), facts_of([T]), slot(0), {})[0].reason == "fails"
    assert judge(parse("not a > 5"), facts_of([F]), slot(0), {})[0].reason == "holds"
    assert judge(parse("not a > 5"), facts_of([U]), slot(0), {})[0].reason == "stale"


A_B_C = st.recursive(
    st.sampled_from("abc").map(lambda n: Compare(Operand(n), Op.MORE, parse_quantity("5"))),
    lambda inner: (
        st.lists(inner, min_size=2, max_size=3).map(lambda p: All(tuple(p)))
        | st.lists(inner, min_size=2, max_size=3).map(lambda p: Any(tuple(p)))
        | st.builds(Not, inner)
    ),
    max_leaves=6,
)


@settings(deadline=None)
@given(A_B_C, st.lists(st.sampled_from(Truth), min_size=3, max_size=3))
def test_what_is_decided_stays_so_whatever_the_unknown_parts_are(
    criterion: Criterion, truths: list[Truth]
) -> None:
    decided = judge(criterion, facts_of(truths), slot(0), {})[0].truth
    choices = [[T, F] if truth is U else [truth] for truth in truths]
    possible = {judge(criterion, facts_of(one), slot(0), {})[0].truth for one in product(*choices)}
    assert decided is U or possible == {decided}


@settings(deadline=None, max_examples=200)
@given(CRITERIA)
def test_with_nothing_known_nothing_is_decided(criterion: Criterion) -> None:
    judgement, holds = judge(criterion, Told(), slot(0), {})
    assert judgement.truth is U
    assert judgement.reason
    assert set(holds) <= {show(compare) for compare in comparisons(criterion)}


# met


def test_slos_that_are_met_are_counted() -> None:
    told = Told(mets=[met_fact("a", T), met_fact("b", F, "slo_missed", 9.0), met_fact("c", U, "stale", 7.0)])
    every, _ = judge(parse("all slos met for 14d"), told, slot(0), {})
    assert (every.truth, every.reason, every.value, every.n, every.earliest) == (F, "slo_missed", 1, 3, 9.0)
    assert (
        every.detail
        == "1 of 3 objectives met for 14d, earliest pass on 1970-01-01 00:00 UTC; not met: b (b said so); cannot be told for c (c said so)"
    )
    some, _ = judge(parse("any slos met"), told, slot(0), {})
    assert (some.truth, some.reason, some.detail) == (T, "holds", "1 of 3 objectives met")
    one, _ = judge(parse("c met"), told, slot(0), {})
    assert (one.truth, one.reason, one.earliest, one.detail) == (
        U, "stale", 7.0, "0 of 1 objective met, earliest pass on 1970-01-01 00:00 UTC; c: c said so",
    )  # fmt: skip
    no, _ = judge(parse("any slos in (b, c) met"), told, slot(0), {})
    assert (no.truth, no.earliest) == (U, 7.0)


def test_where_there_is_nothing_to_meet_nothing_is_known() -> None:
    for text in ("all slos met", "any slos met", "not all slos met"):
        judgement, _ = judge(parse(text), Told(), slot(0), {})
        assert (judgement.truth, judgement.reason) == (U, "nothing_to_meet")


def test_the_earliest_time_of_all_parts_is_the_latest_of_them() -> None:
    facts = [met_fact("a", F, earliest=5.0), met_fact("b", F, earliest=9.0), met_fact("c", F)]
    assert judge(parse("a met and b met"), Told(mets=facts), slot(0), {})[0].earliest == 9.0
    assert judge(parse("a met or b met"), Told(mets=facts), slot(0), {})[0].earliest == 5.0
    assert judge(parse("a met and c met"), Told(mets=facts), slot(0), {})[0].earliest is None
    assert judge(parse("a met or c met"), Told(mets=facts), slot(0), {})[0].earliest == 5.0
    assert judge(parse("not a met"), Told(mets=facts), slot(0), {})[0].earliest is None
    assert judge(Met(), Told(mets=facts), slot(0), {})[0].earliest is None


# for 5m


def run(truths: str, hold: str = "2m") -> str:
    """What `a > 5 for 2m` is in each slot (30 s apart); t, f and u are what it is alone, . is a slot that does not happen."""
    criterion, holds, said = parse(f"a > 5 for {hold}"), dict[str, Hold](), ""
    for number, truth in enumerate(truths):
        if truth == ".":
            said += "."
            continue
        judgement, holds = judge(criterion, facts_of([{"t": T, "f": F, "u": U}[truth]]), slot(number), holds)
        said += judgement.truth.value[0]
    return said


@pytest.mark.parametrize(
    ("alone", "over_time"),
    [
        ("ftttttt", "ffffftt"),  # true for 4 intervals of 30 s
        ("tttttft", "uuuutff"),
        ("ttttt", "uuuut"),  # what it was before the first slot is not known
        ("fttuttttt", "fffufuutt"),  # one unknown pauses the clock; had it been true, it would be over
        ("fttuuttttt", "fffuuuuuut"),  # two start it anew
        ("fffff", "fffff"),
        ("uuuuu", "uuuuu"),
        ("ftt.ttttt", None),
        ("ftt..ttttt", None),
    ],
)
def test_for_a_time_means_at_every_evaluation_of_it(alone: str, over_time: str | None) -> None:
    if over_time is not None:
        assert run(alone) == over_time
    else:  # an evaluation that does not take place counts like one that shows nothing
        unknown = run(alone.replace(".", "u"))
        assert run(alone) == "".join("." if a == "." else o for a, o in zip(alone, unknown, strict=True))


def test_what_is_missing_until_it_holds_is_told() -> None:
    criterion = parse("a > 5 for 2m")
    _, holds = judge(criterion, facts_of([F]), slot(0), {})
    _, holds = judge(criterion, facts_of([T]), slot(1), holds)
    judgement, holds = judge(criterion, facts_of([T]), slot(2), holds)
    assert (judgement.truth, judgement.reason) == (F, "held_too_briefly")
    assert judgement.detail == "a is 6, more than 5; so for 30s of 2m"
    assert judgement.earliest == slot(5).time
    _, holds = judge(criterion, facts_of([T]), slot(3), holds)
    _, holds = judge(criterion, facts_of([T]), slot(4), holds)
    judgement, holds = judge(criterion, facts_of([T]), slot(5), holds)
    assert (judgement.truth, judgement.detail) == (T, "a is 6, more than 5; so for 2m")
    judgement, _ = judge(criterion, facts_of([T]), slot(0), {})
    assert judgement.detail == "a is 6, more than 5; so for 0s of 2m; what it was before is not known"


def test_every_comparison_has_its_clock_and_only_those_that_need_one() -> None:
    criterion = parse("a > 5 for 2m or b > 5 or not a > 5 for 1h")
    _, holds = judge(criterion, facts_of([T, T]), slot(0), {"gone": Hold(0.0, T)})
    assert set(holds) == {"a > 5 for 2m", "a > 5 for 1h"}


STEPS = st.lists(st.tuples(st.sampled_from(Truth), st.integers(1, 3)), min_size=1, max_size=12)


@given(STEPS, st.data())
def test_a_slot_evaluated_twice_counts_once(steps: list[tuple[Truth, int]], data: st.DataObject) -> None:
    once: Hold | None = None
    twice: Hold | None = None
    number = 0
    for truth, step in steps:
        number += step
        once = held(once, truth, slot(number))
        for _ in range(data.draw(st.integers(1, 3))):
            twice = held(twice, truth, slot(number))
        assert held(twice, data.draw(st.sampled_from(Truth)), slot(number - 1)) == twice
    assert once == twice


@given(STEPS)
def test_a_clock_never_counts_more_than_the_time_since_it_was_false(steps: list[tuple[Truth, int]]) -> None:
    hold: Hold | None = None
    number = 0
    for truth, step in steps:
        number += step
        hold = held(hold, truth, slot(number))
        assert 0.0 <= hold.seconds <= number * INTERVAL
        if hold.false_at is not None:
            assert hold.seconds <= max(0.0, hold.at - hold.false_at - INTERVAL)
        if truth is F:
            assert hold.seconds == 0.0


def test_a_proof_that_it_is_false_counts_in_the_same_slot_too() -> None:
    hold = held(held(None, T, slot(0)), T, slot(1))
    assert held(hold, F, slot(1)).seconds == 0.0
    assert held(hold, U, slot(1)) == hold
