"""/metrics is rendered once a slot: who waits for it, what a bug in it does, and how long it takes."""

from dataclasses import replace

import pytest

from slo_daemon.adapters.gauges import MetricsPage, SelfMetrics
from slo_daemon.core.slo.slo import Slo
from slo_daemon.core.snapshot import SloView, Snapshot, Specification
from tests.adapters.pages import values
from tests.budgets import BURNING, spending, with_budget
from tests.factories import (
    NOW,
    SLOT,
    healthy_readings,
    seed_pilot,
    seed_records,
    seed_slos,
    snapshot_of,
    view,
)


def healthy() -> Snapshot:
    pilot = seed_pilot()
    return snapshot_of(pilot, [view(slo, healthy_readings(slo)) for slo in pilot.slos], seed_records())


def of_slos(page: bytes) -> list[bytes]:
    """The lines about SLOs: those about the process change from one moment to the next."""
    return [line for line in page.splitlines() if line.startswith(b"slo_") and b"_daemon_" not in line]


def test_the_same_slos_are_rendered_once() -> None:
    page, snapshot = MetricsPage(SelfMetrics()), healthy()
    first = page._of_slos(snapshot, stalled=False)

    assert page._of_slos(snapshot, stalled=False) is first
    recorded = replace(snapshot, assessments={})  # somebody records an incident: only pilots look different
    assert page._of_slos(recorded, stalled=False) is first
    assert page._of_slos(replace(snapshot, slos=dict(snapshot.slos)), stalled=False) is not first
    assert page._of_slos(snapshot, stalled=True) != first


def test_who_scrapes_while_a_slot_is_being_rendered_gets_the_slot_before() -> None:
    page, snapshot = MetricsPage(SelfMetrics()), healthy()
    first = page._of_slos(snapshot, stalled=False)
    with page._turn:  # as the thread that renders holds it
        assert page._of_slos(replace(snapshot, slos={}), stalled=False) is first
    assert page._of_slos(replace(snapshot, slos={}), stalled=False) == ()


def test_an_error_while_rendering_is_raised_and_never_half_a_page() -> None:
    snapshot = healthy()
    broken = {**snapshot.slos, "x/y": None}  # a bug, as it may happen
    page = MetricsPage(SelfMetrics())

    with pytest.raises(AttributeError):
        page.render(replace(snapshot, slos=broken), NOW)  # type: ignore[arg-type]
    assert len(values(page.render(snapshot, NOW).decode(), "slo_alert_level")) == 4


def many(count: int) -> list[SloView]:
    def slo(number: int) -> Slo:
        named = replace(
            seed_slos()[2], name=f"availability-{number}", labels=(("team", f"team-{number % 50}"),)
        )
        return with_budget(named)

    return [spending(s, burn=BURNING) for s in map(slo, range(count))]


def test_ten_thousand_slos_are_all_on_the_page_with_budgets_and_four_pairs_each() -> None:
    views = {v.instance.id: v for v in many(10_000)}
    text = MetricsPage(SelfMetrics()).render(Snapshot(Specification((), (), "h"), SLOT, None, views), NOW)

    assert text.count(b"slo_alert_level{") == 10_000
    assert text.count(b"slo_burn_rate_threshold{") == 40_000
    assert text.count(b"slo_burn_rate{") == 70_000  # lookbacks that pairs share are told once


def test_a_page_that_let_go_of_its_snapshot_is_rendered_again_when_it_is_asked_for() -> None:
    page, old = MetricsPage(SelfMetrics()), healthy()
    before = of_slos(page.render(old, NOW))
    assert before
    page.let_go()
    assert of_slos(page.render(old, NOW)) == before
    page.let_go()
    page.let_go()
    assert of_slos(page.render(old, NOW)) == before
