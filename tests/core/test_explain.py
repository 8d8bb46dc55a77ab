"""Why is it so? Queries, answers, arithmetic, level and timers, for a person and for a program."""

import json
from dataclasses import replace
from math import inf, nan
from typing import Any

import pytest

from slo_daemon.core.explain import MOST_ROWS, explain_json, explain_text
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.query import Absent, Failed, FailReason, Sample, Samples
from slo_daemon.core.slo.slo import AlertPolicy, MissingDataPolicy
from slo_daemon.core.slo.state import Transition, TransitionReason
from slo_daemon.core.slo.window import Slot
from slo_daemon.core.snapshot import SloView
from tests.factories import (
    NOW,
    SLOT,
    all_readings,
    bad_readings,
    healthy_readings,
    one_number,
    seed_slos,
    view,
)

P95, P99, AVAILABILITY, ERROR_RATE = seed_slos()
BREACH = Transition(
    ERROR_RATE.id,
    3,
    NOW,
    Level.NONE,
    Level.CRITICAL,
    TransitionReason.THRESHOLD,
    "2.4% against <= 0.1%",
    0.024,
)


def strict(view: SloView, *transitions: Transition) -> dict[str, Any]:
    shape: dict[str, Any] = json.loads(json.dumps(explain_json(view, transitions), allow_nan=False))
    return shape


def unseen(slot: float, previous: SloView) -> SloView:
    readings = {
        name: Failed("q", FailReason.TIMEOUT, "no answer within 5 s") for name in bad_readings(ERROR_RATE)
    }
    return view(previous.instance.slo, readings, Slot(slot, 30.0), previous.state)


def test_a_breach_is_explained_from_query_to_level() -> None:
    text = explain_text(view(ERROR_RATE, bad_readings(ERROR_RATE)), [BREACH])
    assert text == (
        "ecommerce-semantic-search/error-rate\n"
        "  wanted: at most 0.1 % over 5m (warning past 0.5 %, critical past 1 %)\n"
        "  result: ✗ missed: 2.4 % against at most 0.1 %\n"
        "  data:   ok\n"
        "  level:  ✗ critical since 2026-11-22 10:00:00 UTC (threshold)\n"
        "\n"
        "Asked and answered, at 2026-11-22 10:00:00 UTC, 1795341600\n"
        "  bad\n"
        '    sum (increase(search_requests_total{code=~"5..",variant="treatment"}[5m]))\n'
        "      240\n"
        "  total\n"
        '    sum (increase(search_requests_total{variant="treatment"}[5m]))\n'
        "      10000\n"
        '  fresh: search_requests_total{variant="treatment"}\n'
        '    sum (count_over_time(search_requests_total{variant="treatment"}[5m]))\n'
        "      20\n"
        "\n"
        "Arithmetic\n"
        "  bad 240 / total 10,000 = 2.4%\n"
        "\n"
        "Level\n"
        "  this look shows level critical\n"
        "  warning: 1 in a row, 1 look needed to raise it\n"
        "  critical: 1 in a row, 1 look needed to raise it\n"
        "  recovery: 0 in a row, 4 looks needed to lower it\n"
        "\n"
        "Latest level changes\n"
        "  2026-11-22 10:00:00 UTC  none -> critical  threshold: 2.4% against <= 0.1%\n"
    )


def test_the_same_is_told_to_programs() -> None:
    shape = strict(view(ERROR_RATE, bad_readings(ERROR_RATE)), BREACH)
    bad = shape["queries"][0]
    assert (bad["part"], bad["answer"], bad["row_count"], bad["at"]) == ("bad", "samples", 1, NOW)
    assert bad["rows"] == [{"labels": {}, "value": 240}]
    assert bad["promql"].startswith("sum (increase(search_requests_total{")
    assert shape["arithmetic"] == ["bad 240 / total 10,000 = 2.4%"]
    assert shape["evidence"] == {"proven": 2, "possible": 2, "clear": 2}
    assert (shape["level"], shape["level_reason"]) == (2, "threshold")
    assert shape["state"]["critical_run"] == 1
    assert [(t["before"], t["after"], t["value"]) for t in shape["history"]] == [(0, 2, 0.024)]


def test_a_quantile_shows_its_buckets_and_where_the_rank_lies() -> None:
    shown = view(P95, healthy_readings(P95))
    text = explain_text(shown)
    assert "      le=0.045  19300\n" in text
    assert "rank 0.95 x 20,000 events = 19,000.0 lies in the bucket up to 45ms" in text
    facts = strict(shown)["facts"]
    assert (facts["lower_edge"], facts["upper_edge"], facts["high"]) == (0.04, 0.045, 0.045)
    assert facts["low"] == pytest.approx(0.04)


def test_a_quantile_beyond_the_last_bucket_has_no_made_up_number() -> None:
    shown = view(P95, bad_readings(P95))
    assert "lies beyond the last bucket edge 200ms" in explain_text(shown)
    assert "inf" not in explain_text(shown)
    assert strict(shown)["facts"]["upper_edge"] is None


def test_a_slot_that_could_not_look_says_how_long_the_level_is_held() -> None:
    second = unseen(NOW + 60, unseen(NOW + 30, view(ERROR_RATE, bad_readings(ERROR_RATE))))
    text = explain_text(second)
    assert "result: ? unknown: no answer within 5 s" in text
    assert "failed, timeout: no answer within 5 s" in text
    assert "nothing seen for 1m (2 slots); warning after 15m, critical after 1h, at least 2 slots" in text
    assert "this slot could not look, so the level is held" in text
    query = strict(second)["queries"][0]
    assert (query["answer"], query["reason"], query["detail"]) == (
        "failed",
        "timeout",
        "no answer within 5 s",
    )


def test_an_slo_that_does_not_escalate_says_why() -> None:
    quiet = replace(
        ERROR_RATE, missing_data=MissingDataPolicy(escalate=False, because="batch job, runs at night")
    )
    text = explain_text(unseen(NOW + 30, view(quiet, healthy_readings(quiet))))
    assert "does not escalate for missing data: batch job, runs at night" in text


def test_an_empty_answer_is_told_apart_from_a_failed_one() -> None:
    shown = view(ERROR_RATE, all_readings(ERROR_RATE, {"bad": Absent("q"), "total": one_number(0)}))
    assert "      no row\n" in explain_text(shown)
    assert strict(shown)["queries"][0]["answer"] == "empty"
    assert strict(shown)["reason"] == "no_traffic"


def test_waiting_for_more_evidence_is_told_in_looks() -> None:
    patient = replace(ERROR_RATE, alerting=AlertPolicy(raise_for=150))
    text = explain_text(view(patient, bad_readings(patient)))
    assert "critical: 1 in a row, 5 looks needed to raise it" in text


def test_values_are_written_as_prometheus_writes_them() -> None:
    odd = Samples(
        "q", tuple(Sample((("i", str(i)),), value) for i, value in enumerate((nan, inf, -inf, 0.1)))
    )
    shown = view(ERROR_RATE, all_readings(ERROR_RATE, {"bad": odd, "total": one_number(1)}))
    assert [row["value"] for row in strict(shown)["queries"][0]["rows"]] == ["NaN", "+Inf", "-Inf", 0.1]
    assert "      i=2  -Inf\n" in explain_text(shown)


def test_a_long_answer_is_cut_and_says_so() -> None:
    rows = Samples("q", tuple(Sample((("le", str(i)),), float(i)) for i in range(MOST_ROWS + 7)))
    shown = view(P95, all_readings(P95, {"buckets": rows}))
    query = strict(shown)["queries"][0]
    assert (query["row_count"], len(query["rows"])) == (MOST_ROWS + 7, MOST_ROWS)
    assert explain_text(shown).count(" le=") == MOST_ROWS
    assert "and 7 more rows" in explain_text(shown)


def test_what_others_wrote_cannot_steer_the_terminal() -> None:
    hostile = "\x1b[2J\u202edetail\nnew line"
    readings = {name: Failed(hostile, FailReason.HTTP, hostile) for name in bad_readings(ERROR_RATE)}
    move = replace(BREACH, detail=hostile)
    text = explain_text(view(ERROR_RATE, readings), [move])
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "\nnew line" not in text


def test_before_the_first_slot_there_is_a_level_and_nothing_else() -> None:
    shown = replace(view(ERROR_RATE, bad_readings(ERROR_RATE), SLOT), evaluation=None)
    text = explain_text(shown)
    assert "result: ? unknown: not evaluated yet" in text
    assert "level:  ✗ critical since" in text
    assert "Asked and answered" not in text
    assert (strict(shown)["slot"], strict(shown)["queries"]) == (None, [])
