"""What a person sees: words with every symbol, nothing wider than 80 columns, and no foreign escape code."""

import re
from dataclasses import replace
from io import StringIO

import pytest
from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.text import Text

from slo_daemon.console import (
    budget_table,
    experiment_block,
    findings_list,
    gates_block,
    pilot_blocks,
    ramp_block,
    slo_notes,
    slo_table,
    snapshot_summary,
    verdict_banner,
)
from slo_daemon.core.pilot.experiment.lift import LiftReason
from slo_daemon.core.pilot.gates import Gate, decide, unknown_gate
from slo_daemon.core.pilot.ramp import Advice, RampAdvice
from slo_daemon.core.pilot.records import Override, OverrideKind
from slo_daemon.core.report import Report
from slo_daemon.core.slo.query import Failed, FailReason
from slo_daemon.core.snapshot import SourceView
from tests.budgets import BURNING, spending, with_budget
from tests.core.scenarios import bad_day_report, healthy_report
from tests.core.test_markdown import PAYLOADS
from tests.factories import (
    SLOT,
    bad_readings,
    healthy_readings,
    seed_pilot,
    seed_records,
    seed_slos,
    snapshot_of,
    view,
)

WIDTH = 80  # columns that everything fits into


def drawn(*parts: RenderableType, terminal: bool = False) -> str:
    out = StringIO()
    Console(
        file=out,
        width=WIDTH,
        no_color=False,
        force_terminal=terminal,
        color_system="standard" if terminal else None,
    ).print(*parts, sep="\n")
    return out.getvalue()


def whole(report: Report) -> Group:
    return Group(
        verdict_banner(report.assessment, report.pilot.title),
        slo_table(report.views),
        budget_table(report.views) or Text(),
        slo_notes(report.views),
        findings_list(report.assessment),
        pilot_blocks(report.assessment),
        gates_block(decide(gate, report.assessment, SLOT.time, SLOT.interval) for gate in Gate),
    )


def test_the_healthy_example_is_readable_at_a_glance() -> None:
    text = drawn(slo_table(healthy_report().views))
    assert [line.rstrip() for line in text.splitlines()] == [
        "SLO                  Value  Objective        Met    Level  Data",
        "────────────────────────────────────────────────────────────────",
        "query-latency-p95    42 ms  at most 50 ms    ✓ met  none   ok",
        "query-latency-p99    95 ms  at most 100 ms   ✓ met  none   ok",
        "availability       99.95 %  at least 99.9 %  ✓ met  none   ok",
        "error-rate          0.08 %  at most 0.1 %    ✓ met  none   ok",
    ]


def test_budgets_show_what_is_left_how_fast_it_goes_and_until_when() -> None:
    table = budget_table(healthy_report().views)
    assert table is not None
    assert [line.rstrip() for line in drawn(table).splitlines()] == [
        "Error budget of    Left      Of    Seen  Burns          Spent on",
        "─" * 67,
        "query-latency-p95  ✓ 75 %    30d  100 %  0.7 x over 3d  –",
        "availability       ✓ 62.3 %  30d  100 %  0.7 x over 3d  2026-12-07",
    ]


def test_a_budget_that_is_spent_partial_or_being_fetched_is_not_ticked_off() -> None:
    fetched = spending(with_budget(), 0.1, coverage=0.2, lookback_coverage=0.0, backfilling=True)
    table = budget_table([*bad_day_report().views, fetched])
    assert table is not None
    assert [line.rstrip() for line in drawn(table).splitlines()[2:]] == [
        "query-latency-p95  ✗ -34 %        30d  100 %  ✗ 40 x over 6h    –",
        "availability       ? 40 %         30d   43 %  ✗ 20.1 x over 1h  –",
        "availability       ? backfilling  30d   20 %  –                 –",
    ]


def test_without_budgets_there_is_no_table_of_them() -> None:
    slo = seed_slos()[2]
    assert budget_table([view(slo, healthy_readings(slo))]) is None
    assert budget_table([replace(spending(with_budget()), evaluation=None)]) is None


def test_a_level_by_burn_rates_names_them() -> None:
    text = " ".join(drawn(slo_notes([spending(with_budget(), burn=BURNING)])).split())
    assert "burning 20.1 x over 1h and 25 x over 5m; more than 14.4 x is too fast; level critical" in text


def test_the_verdict_comes_first_with_its_advice_and_what_is_open() -> None:
    text = drawn(verdict_banner(healthy_report().assessment, "Search"))
    assert "─ Search ─" in text
    assert "✗ NOT READY   advice: hold the ramp where it is" in text
    assert "✗ All SLOs met for 2+ weeks: 0 of 4 objectives met for 14d, earliest pass on" in text


def test_a_bad_day_names_every_blocker_and_warning() -> None:
    text = drawn(verdict_banner(bad_day_report().assessment, "Search"))
    assert "✗ NOT READY" in text
    assert "✗ 1 unresolved critical incident" in text
    assert "⚠ many incidents: 7 in the last 7 days" in text


def test_an_slo_that_is_not_simply_met_is_explained() -> None:
    text = drawn(slo_notes(bad_day_report().views))
    assert "✗ error-rate  2.4 % against at most 0.1 %; level critical since" in text
    assert "? availability  no answer within 5 s; level critical since" in text
    (healthy,) = [line for line in drawn(slo_notes(healthy_report().views)).split("✓") if line.strip()]
    assert " ".join(healthy.split()).endswith(
        "95 ms against at most 100 ms; may be warning: no bucket edge at 90 ms"
    )


def test_findings_are_grouped_by_their_role() -> None:
    text = drawn(findings_list(healthy_report().assessment))
    headings = [line for line in text.splitlines() if line and line[0] not in "✓✗? "]
    assert [h.strip() for h in headings] == [
        "Criteria that every pilot has", "Go-live criteria", "Success metrics", "Rollback triggers",
    ]  # fmt: skip
    assert "✗ All SLOs met for 2+ weeks: false  0 of 4 objectives met for 14d, earliest" in text
    assert "✓ every SLO is met now: true  4 of 4 SLOs met" in text


def test_what_passes_is_told_in_short_and_what_does_not_in_full() -> None:
    text = " ".join(drawn(findings_list(healthy_report().assessment)).split())
    assert "✓ no error budget is spent: true 2 error budgets not spent ✓ no critical" in text
    assert "(11.3 of 14 days, too many slices of time missed: 96.7 % of 5m slices good)" in text
    assert "it takes 30 votes to decide" in text


def test_a_trigger_has_fired_or_has_not_as_false_would_read_like_a_fault() -> None:
    text = " ".join(drawn(findings_list(bad_day_report().assessment)).split())
    assert "✗ Error rate > 1%: fired error_rate is 2.4 %" in text
    assert "? Availability < 99.5%: unknown" in text
    calm = " ".join(drawn(findings_list(healthy_report().assessment)).split())
    assert "✓ Error rate > 1%: not fired error_rate is 0.08 %" in calm


def test_what_a_person_waived_keeps_its_whole_evidence() -> None:
    report = healthy_report()
    (streak,) = [f for f in report.assessment.findings if f.text == "All SLOs met for 2+ weeks"]
    waiver = Override(1, "p", OverrideKind.WAIVE, streak.text, "Ada", "sale", SLOT.time, SLOT.time + 60)
    waived = replace(streak, override=waiver)
    text = " ".join(drawn(findings_list(replace(report.assessment, findings=(waived,)))).split())
    assert "✓ All SLOs met for 2+ weeks: false, waived by Ada" in text
    assert "not met: query-latency-p95" in text


def test_the_value_of_a_success_metric_does_not_repeat_its_name() -> None:
    text = " ".join(drawn(findings_list(healthy_report().assessment)).split())
    assert "✓ zero_result_rate: at most 15 % (ratio over 1d): true 12 %, at most 15 %" in text


def test_the_banner_names_what_blocks_and_leaves_its_evidence_to_the_findings() -> None:
    text = drawn(verdict_banner(healthy_report().assessment, "Search"))
    assert "earliest pass on" in text
    assert "slices" not in text


def test_the_ramp_tells_three_shares_the_advice_and_why() -> None:
    advice = RampAdvice(Advice.HOLD, 0.15, 0.1, 0.1, ("the step to 15 % waits",), SLOT.time)
    text = drawn(ramp_block(advice))
    assert [line.strip() for line in text.splitlines()] == [
        "Ramp  planned 15 %, served 10 %, advised 10 %; hold the ramp where it is",
        "the step to 15 % waits",
        "next step at the earliest: 2026-11-22 10:00 UTC",
    ]
    unseen = drawn(ramp_block(replace(advice, observed=None, observed_detail="no data", next_date=None)))
    assert "served not known" in unseen
    assert "the served share is not known: no data" in unseen
    assert "earliest" not in unseen


def test_an_experiment_shows_both_arms_its_interval_and_the_one_that_must_not_be_used() -> None:
    assessment = healthy_report().assessment
    ((_, trial),) = assessment.trials
    assert [line.rstrip() for line in drawn(experiment_block(assessment.trials)).splitlines()] == [
        "Experiment  conversion_lift: at least 15 %",
        "  Variant        Users  Converted   Rate",
        "─────────────────────────────────────────",
        "  treatment    291,250     10,194  3.5 %",
        "  control    2,550,417     76,512    3 %",
        "  lift +16.7 %, always-valid 95 % interval +12.6 % to +20.8 %",
        "  not used: the fixed-sample interval +14.3 % to +19.1 % holds for one look only",
    ]
    withheld = trial.outcome.lift.withheld(LiftReason.SAMPLE_RATIO_MISMATCH, "the split is off")
    off = replace(trial, outcome=replace(trial.outcome, lift=withheld))
    text = drawn(experiment_block([("conversion_lift", off)]))
    assert "? the split is off" in text
    assert "interval" not in text


def test_gates_show_verdict_and_reason_of_each() -> None:
    assessment = bad_day_report().assessment
    text = drawn(gates_block(decide(gate, assessment, SLOT.time, SLOT.interval) for gate in Gate))
    assert [line.rstrip() for line in text.splitlines()] == [
        "Gates  promote   ✗ fail  trigger fired",
        "       advance   ✗ fail  trigger fired",
        "       rollback  ✗ fail  trigger fired",
    ]


def test_a_pilot_without_ramp_and_experiment_has_no_such_blocks() -> None:
    bare = replace(healthy_report().assessment, ramp=None, trials=())
    assert drawn(pilot_blocks(bare)).strip() == ""


def test_the_summary_says_when_what_and_whether_prometheus_answered() -> None:
    pilot = seed_pilot()
    views = [view(slo, healthy_readings(slo)) for slo in pilot.slos]
    up = snapshot_of(pilot, views, seed_records())
    assert drawn(snapshot_summary(up)).strip() == (
        "4 SLOs evaluated at 2026-11-22 10:00:00 UTC, 9 queries, 812 samples"
    )
    down = replace(up, slot=None, samples=None, source=SourceView(False, "connect", "refused", None))
    assert "4 SLOs not evaluated yet" in drawn(snapshot_summary(down))
    assert "✗ Prometheus did not answer. connect: refused" in drawn(snapshot_summary(down))


@pytest.mark.parametrize("report", [healthy_report(), bad_day_report()], ids=["healthy", "bad day"])
def test_everything_fits_into_eighty_columns(report: Report) -> None:
    assert max(cell_len(line) for line in drawn(whole(report)).splitlines()) <= WIDTH
    wide = replace(
        seed_slos()[0], name="a-very-long-name-that-goes-on-and-on-for-more-than-the-half-of-a-line"
    )
    readings = {name: Failed("q", FailReason.TIMEOUT, "x" * 200) for name in bad_readings(wide)}
    odd = [view(wide, readings), view(wide, bad_readings(wide))]
    budgets = budget_table([spending(with_budget(wide), 1234.5, burn=BURNING)], pilots=True)
    assert budgets is not None
    text = drawn(slo_table(odd, pilots=True), budgets, slo_notes(odd))
    assert max(cell_len(line) for line in text.splitlines()) <= WIDTH
    assert "✗ critical" in text


@pytest.mark.parametrize("report", [healthy_report(), bad_day_report()], ids=["healthy", "bad day"])
def test_without_colour_the_same_words_are_there(report: Report) -> None:
    piped, coloured = drawn(whole(report)), drawn(whole(report), terminal=True)
    assert "\x1b" not in piped
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == piped


@pytest.mark.parametrize(
    "payload", [*PAYLOADS, "[red]not red[/red]", "[/]", "[link=https://evil.example]x[/link]"]
)
def test_foreign_text_is_neither_markup_nor_escape_code(payload: str) -> None:
    pilot = replace(seed_pilot(), title=payload)
    shown = view(pilot.slos[0], bad_readings(pilot.slos[0]), group=(("region", payload),))
    source = SourceView(False, "http", payload, None)
    snapshot = snapshot_of(pilot, [shown], seed_records(), source=source)
    finding = replace(snapshot.assessments[pilot.name].findings[0], text=payload, detail=payload)
    assessment = replace(
        snapshot.assessments[pilot.name], findings=(finding,), warnings=(payload,), advice_reason=payload
    )
    text = drawn(
        verdict_banner(assessment, payload),
        snapshot_summary(snapshot),
        slo_table([shown]),
        slo_notes([shown]),
        findings_list(assessment),
        ramp_block(RampAdvice(Advice.HOLD, 0.1, None, 0.1, (payload,), None, payload)),
        gates_block([unknown_gate(payload)]),
    )
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)
    if payload.startswith("["):
        assert payload in text.replace("\n", "")
