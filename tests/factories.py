"""The seed's pilot and its records as core values, for tests that need no specification file."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta

from slo_daemon.core.pilot.criteria.parse import parse
from slo_daemon.core.pilot.facts import Judged
from slo_daemon.core.pilot.pilot import (
    Cohort,
    Contact,
    CriterionText,
    ExperimentMetric,
    FeedbackMetric,
    MeasuredMetric,
    Pilot,
    Ramp,
    RampStep,
    Role,
    Split,
    SplitKind,
    Stage,
    SuccessMetric,
)
from slo_daemon.core.pilot.readiness import assess
from slo_daemon.core.pilot.records import (
    WEEK,
    Feedback,
    Incident,
    IncidentSummary,
    Ratings,
    Records,
    RecordsUnavailable,
    Severity,
    Votes,
)
from slo_daemon.core.quantity import parse_quantity
from slo_daemon.core.slo.book import entry_of
from slo_daemon.core.slo.evaluation import Evaluation, evaluate
from slo_daemon.core.slo.feed import Feed
from slo_daemon.core.slo.measure import Watched
from slo_daemon.core.slo.objective import Direction, Objective
from slo_daemon.core.slo.query import (
    Absent,
    Labels,
    Query,
    Reading,
    Sample,
    Samples,
)
from slo_daemon.core.slo.seen import Seen
from slo_daemon.core.slo.selector import parse_selector
from slo_daemon.core.slo.sli import Quantile, Ratio
from slo_daemon.core.slo.slo import Slo, SloInstance
from slo_daemon.core.slo.state import SloState
from slo_daemon.core.slo.step import step
from slo_daemon.core.slo.window import Slot, Tally, Window
from slo_daemon.core.snapshot import SloView, Snapshot, SourceView, Specification
from tests.splitting import as_asked

PILOT = "ecommerce-semantic-search"
START = date(2026, 10, 23)
NOW = 1_795_341_600.0  # 2026-11-22 10:00:00 UTC
DAY = 86_400.0
SLOT = Slot(NOW, 30.0)

DURATION = parse_selector('search_request_duration_seconds{variant="treatment"}')
ERRORS = parse_selector('search_requests_total{variant="treatment",code=~"5.."}')
REQUESTS = parse_selector('search_requests_total{variant="treatment"}')

# p95 42 ms and p99 95 ms; no edge at 90 ms, so nothing proves that the early warning for p99 is reached
HEALTHY_BUCKETS = {
    "0.01": 4_000, "0.02": 9_000, "0.04": 18_800, "0.045": 19_300, "0.05": 19_400, "0.06": 19_520,
    "0.075": 19_640, "0.1": 19_840, "0.15": 19_950, "0.2": 19_980, "+Inf": 20_000,
}  # fmt: skip
SLOW_BUCKETS = {
    "0.01": 200, "0.02": 600, "0.04": 1_000, "0.045": 1_200, "0.05": 1_600, "0.06": 2_200,
    "0.075": 3_400, "0.1": 6_000, "0.15": 10_000, "0.2": 13_000, "+Inf": 20_000,
}  # fmt: skip


def at_most(target: str, warning: str | None = None, critical: str | None = None) -> Objective:
    """Small is good."""
    return _objective(Direction.AT_MOST, target, warning, critical)


def at_least(target: str, warning: str | None = None, critical: str | None = None) -> Objective:
    """Large is good."""
    return _objective(Direction.AT_LEAST, target, warning, critical)


def _objective(direction: Direction, target: str, warning: str | None, critical: str | None) -> Objective:
    return Objective(
        direction,
        parse_quantity(target),
        parse_quantity(warning) if warning else None,
        parse_quantity(critical) if critical else None,
    )


def seed_slos(pilot: str = PILOT) -> tuple[Slo, ...]:
    """The four SLOs of the seed."""
    return (
        Slo(pilot, "query-latency-p95", Quantile(DURATION, 0.95), at_most("50ms", "45ms", "60ms"), Window(300)),
        Slo(pilot, "query-latency-p99", Quantile(DURATION, 0.99), at_most("100ms", "90ms", "150ms"), Window(300)),
        Slo(
            pilot,
            "availability",
            Ratio(ERRORS, REQUESTS, counts_good=False, as_good=True),
            at_least("99.9%", "99.8%", "99.5%"),
            Window(3600),
        ),
        Slo(
            pilot,
            "error-rate",
            Ratio(ERRORS, REQUESTS, counts_good=False, as_good=False),
            at_most("0.1%", "0.5%", "1%"),
            Window(300),
        ),
    )  # fmt: skip


def seed_pilot() -> Pilot:
    """The seed's pilot, all of its values."""
    searches = parse_selector("search_requests_total")
    return Pilot(
        name=PILOT,
        title="E-commerce Semantic Search Pilot",
        stage=Stage.CANARY,
        start=START,
        duration=timedelta(weeks=8),
        slos=seed_slos(),
        labels=(("team", "search"),),
        cohorts=(Cohort("power_users", "orders > 10"), Cohort("mobile_users", "device == 'mobile'")),
        ramp=Ramp(
            0.05, 0.20, (RampStep(1, 0.05), RampStep(2, 0.10), RampStep(4, 0.15), RampStep(6, 0.20))
        ),
        features={"semantic_search": True, "visual_search": False, "personalization": False},
        variants=("control", "treatment"),
        success_metrics=(
            SuccessMetric(
                "search_success_rate",
                MeasuredMetric(
                    Ratio(parse_selector("search_successful_total"), searches, counts_good=True, as_good=True),
                    Window(86_400),
                ),
                at_least("80%"),
            ),
            SuccessMetric(
                "zero_result_rate",
                MeasuredMetric(
                    Ratio(parse_selector("search_zero_results_total"), searches, counts_good=False, as_good=False),
                    Window(86_400),
                ),
                at_most("15%"),
            ),
            SuccessMetric(
                "conversion_lift",
                ExperimentMetric(
                    parse_selector("search_exposed_users_total"), parse_selector("search_converted_users_total"),
                    "variant", "control", "treatment", split=Split(SplitKind.RAMP),
                ),
                at_least("15%"),
            ),
            SuccessMetric("user_satisfaction", FeedbackMetric(), at_least("4.0/5")),
        ),
        go_live_criteria=tuple(
            CriterionText(text, Role.GO_LIVE, parse(text))
            for text in (
                "All SLOs met for 2+ weeks",
                "Zero critical incidents in last week",
                "User satisfaction > 4.0",
                "Conversion lift > 10% (significant)",
            )
        ),
        rollback_triggers=tuple(
            CriterionText(text, Role.ROLLBACK, parse(text))
            for text in (
                "Availability < 99.5%",
                "p99 latency > 200ms",
                "Error rate > 1%",
                "User satisfaction < 3.0",
            )
        ),
        contacts=(Contact("Search on-call", "primary", "search-oncall@example.org"),),
    )  # fmt: skip


def plain_pilot(slos: Sequence[Slo] = ()) -> Pilot:
    """A pilot with SLOs and nothing else: it can become READY by them alone."""
    return Pilot("plain", "Plain", Stage.CANARY, START, timedelta(weeks=8), tuple(slos) or seed_slos("plain"))


def one_number(value: float, promql: str = "q") -> Samples:
    """An answer of one row without labels."""
    return Samples(promql, (Sample((), value),))


def bucket_rows(counts: Mapping[str, float]) -> Samples:
    """Cumulative counts by `le`."""
    return Samples("q", tuple(Sample((("le", le),), float(count)) for le, count in counts.items()))


def all_readings(slo: Slo, parts: Mapping[str, Reading]) -> dict[str, Reading]:
    """Every part that the SLO asks for, as its feed lets it through, and the query that each was asked in.

    `parts` by the names that people use: `bad` or `good` and `total`, `buckets`, `value`; also by the SLO's own names. What
    is left out is a count of 20, so that direct probes are fresh.
    """
    entry = entry_of(slo)
    given = {**as_asked(slo, entry, parts), **parts}
    asks = entry.direct if entry.alone else {**entry.direct, **entry.asks}
    found: dict[str, Reading] = {}
    for name, ask in asks.items():
        reading = replace(given.get(name, one_number(20.0)), promql=ask.promql())
        if name in entry.asks:
            failed = Feed(Query(ask, (ask,))).instant(reading, SLOT.time).failed
            reading = failed.get(ask.key, reading)
        found[name] = reading
    return found


def seen_of(slo: Slo, readings: Mapping[str, Reading], slot: Slot = SLOT, **more: object) -> Seen:
    """What a slot sees when its own window was seen from end to end, and the newest samples have just come.

    `more`: tallies, budget and the like, as in Seen; other coverage, another newest chunk.
    """
    entry = entry_of(slo)
    newest = None
    if entry.proof:
        newest = 0.0 if isinstance(readings.get(entry.proof), Absent) else slot.time
    more = {"answered": more["coverage"]} | more if "coverage" in more else more
    return replace(Seen(entry.probes, readings, newest=newest, pace=entry.pace), **more)  # type: ignore[arg-type]


def evaluated(
    slo: Slo, readings: Mapping[str, Reading], slot: Slot = SLOT, group: Labels = (), **more: object
) -> Evaluation:
    """The evaluation of an SLO whose own window holds these readings. `more`: as in `seen_of`."""
    return evaluate(SloInstance(slo, group), seen_of(slo, readings, slot, **more), slot)


def counted(good: float, total: float, coverage: float = 1.0) -> Tally:
    """Events over some lookback, all of it seen."""
    return Tally(good, total, coverage, coverage)


def healthy_readings(slo: Slo) -> dict[str, Reading]:
    """The seed's healthy example: p95 42 ms, p99 95 ms, availability 99.95 %, error rate 0.08 %."""
    match slo.indicator:
        case Quantile():
            return all_readings(slo, {"buckets": bucket_rows(HEALTHY_BUCKETS)})
        case Ratio(as_good=True):
            return all_readings(slo, {"bad": one_number(50.0), "total": one_number(100_000.0)})
        case _:
            return all_readings(slo, {"bad": one_number(8.0), "total": one_number(10_000.0)})


def bad_readings(slo: Slo) -> dict[str, Reading]:
    """A bad day: everything is slow, 2.4 % fail."""
    match slo.indicator:
        case Quantile():
            return all_readings(slo, {"buckets": bucket_rows(SLOW_BUCKETS)})
        case _:
            return all_readings(slo, {"bad": one_number(240.0), "total": one_number(10_000.0)})


def view(
    slo: Slo,
    readings: Mapping[str, Reading],
    slot: Slot = SLOT,
    previous: SloState | None = None,
    group: Labels = (),
    **more: object,
) -> SloView:
    """An SLO after one slot with these readings. `more`: as in `seen_of`."""
    outcome = step(evaluated(slo, readings, slot, group, **more), previous)
    return SloView(SloInstance(slo, group), outcome.state, outcome.evaluation)


def judged(*views: SloView) -> list[Judged]:
    """Views as readiness takes them."""
    return [Judged(v.instance, v.state, v.evaluation) for v in views]


def snapshot_of(
    pilot: Pilot,
    views: Sequence[SloView],
    records: Records | RecordsUnavailable,
    slot: Slot | None = SLOT,
    at: float | None = None,
    source: SourceView | None = SourceView(True, "", "", 0.02),  # noqa: B008
    watched: Sequence[Watched] = (),
) -> Snapshot:
    """A snapshot of one assessed pilot. `watched`: see tests.watching."""
    assessed, _ = assess(pilot, slot, at if at is not None else NOW, judged(*views), records, watched)
    return Snapshot(
        Specification(pilot.slos, (pilot,), "3f9a1c07d2e84b65"),
        slot,
        source,
        {v.instance.id: v for v in views},
        {pilot.name: assessed},
        queries=9,
        samples=812,
        measures={one.instance.id: one for one in watched},
    )


def incident(
    number: int = 1,
    severity: Severity = Severity.WARNING,
    *,
    title: str = "Vector DB high latency spike",
    description: str = "p99 latency spiked to 180ms for 5 minutes",
    resolution: str | None = None,
    started_at: float = NOW - 2 * DAY,
) -> Incident:
    """One incident; it is resolved an hour later when it has a resolution."""
    resolved_at = started_at + 3600 if resolution is not None else None
    return Incident(
        number, PILOT, title, severity, description, started_at, started_at + 300, resolution, resolved_at
    )


def incidents_of(*incidents: Incident) -> IncidentSummary:
    """The summary that a store makes of them."""
    newest = sorted(incidents, key=lambda i: (i.started_at, i.id), reverse=True)
    return IncidentSummary(
        total=len(incidents),
        open_by_severity={s: sum(i.severity is s and not i.resolved for i in incidents) for s in Severity},
        resolved_by_severity={s: sum(i.severity is s and i.resolved for i in incidents) for s in Severity},
        started={
            WEEK: {
                s: sum(i.severity is s and i.started_at >= NOW - WEEK for i in incidents) for s in Severity
            }
        },
        recent=tuple(newest[:10]),
    )


def ratings_of(*ratings: int, texts: Sequence[str] = ()) -> Ratings:
    """The summary that a store makes of one vote by each of many users, the last one being the newest."""
    given = [
        Feedback(i, PILOT, f"user_{i}", rating, text, NOW - DAY + i, NOW - DAY + i, {})
        for i, (rating, text) in enumerate(zip(ratings, [*texts, *("" for _ in ratings)], strict=False), 1)
    ]
    counts = Counter(ratings)
    votes = Votes((counts[1], counts[2], counts[3], counts[4], counts[5]))
    return Ratings(votes, tuple(reversed(given[-5:])))


def records_of(incidents: Sequence[Incident] = (), ratings: Ratings | None = None) -> Records:
    """Everything that people told."""
    return Records(incidents_of(*incidents), ratings or ratings_of())


def seed_records() -> Records:
    """The seed's one incident and three ratings."""
    return records_of(
        [incident(resolution="Auto-scaled vector DB cluster, added cache warming")],
        ratings_of(
            5, 4, 3,
            texts=(
                "Much better search results! Finally found what I needed.",
                "Good improvement, but still some irrelevant results",
                "Slower than before",
            ),
        ),
    )  # fmt: skip
