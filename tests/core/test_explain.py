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
from tests.budgets import BURNING, DAY, slices, spending, with_budget
from tests.factories import (
    NOW,
    SLOT,
    all_readings,
    bad_readings,
    healthy_readings,
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


EVENTS = (
    'sum by (slo_daemon_mark) (label_replace(sum by (code) (increase(search_requests_total{variant="treatment"}[5m30s])), '
    '"slo_daemon_mark", "1", "code", "5..")) * 300 / 330'
)
WHOLE_HOUR = EVENTS.replace("[5m30s]", "[1h]").removesuffix(" * 300 / 330")


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
        "  events\n"
        f"    {EVENTS}\n"
        "      slo_daemon_mark=  9760\n"
        "      slo_daemon_mark=1  240\n"
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


def test_a_window_that_is_summed_shows_what_of_and_the_one_question_to_compare_it_with() -> None:
    shown = view(AVAILABILITY, healthy_readings(AVAILABILITY))
    assert (
        "  events, asked over 5m at a time, summed over 1h\n"
        f"    {EVENTS}\n"
        "      slo_daemon_mark=  99950\n"
        "      slo_daemon_mark=1  50\n"
        "    to compare, 1h asked at once:\n"
        f"    {WHOLE_HOUR}\n"
    ) in explain_text(shown)
    events = strict(shown)["queries"][0]
    assert (events["span"], events["window"], events["window_promql"]) == ("5m", "1h", WHOLE_HOUR)
    assert events["hour_promql"] == EVENTS.replace("[5m30s]", "[1h30s]").replace("300 / 330", "3600 / 3630")


def test_a_group_is_compared_with_its_own_series_alone() -> None:
    grouped = replace(AVAILABILITY, group_by=("region",))
    shown = view(replace(grouped, group_by=()), healthy_readings(AVAILABILITY), group=(("region", "eu"),))
    assert 'search_requests_total{region="eu",variant="treatment"}[1h]' in explain_text(shown)


def test_budget_and_burn_rates_are_explained_from_counts_to_level() -> None:
    text = explain_text(spending(with_budget(), burn=BURNING | {DAY: 1.4}))
    assert (
        "\n  budget: 62.3 % of 30d left\n  level:  ✗ critical since 2026-11-22 10:00:00 UTC (burn rate)\n"
        in text
    )
    windows, budget, burn, level = text.split("\n\n")[3:7]
    assert windows == (
        "Windows\n"
        "  window   seen        good         all     value\n"
        "  1h      100 %      99,950     100,000   99.95 %\n"
        "  5m      100 %       2,925       3,000    97.5 %\n"
        "  30m     100 %      17,993      18,000   99.96 %\n"
        "  2h      100 %      71,964      72,000   99.95 %\n"
        "  6h      100 %     215,870     216,000   99.94 %\n"
        "  1d      100 %     862,790     864,000   99.86 %\n"
        "  3d      100 %   2,590,186   2,592,000   99.93 %\n"
        "  30d     100 %  25,910,228  25,920,000  99.962 %\n"
        "  up to 1h: answers over 5m; longer: whole hours, each asked as one, with 5m at the ends"
    )
    assert budget == (
        "Error budget\n"
        "  allowed: 0.1 % of all events over 30d\n"
        "  counted: 9,772 of 25,920,000 events were bad, 0.0377 %\n"
        "  basis: complete: 100 % of 30d seen\n"
        "  spent: 37.7 %\n"
        "  left: 62.3 %\n"
        "  forecast: spent on 2026-12-05 18:24 UTC at the pace of the last 1d"
    )
    assert burn == (
        "Burn rates\n"
        "  level     long  rate  short  rate  too fast above\n"
        "  critical  1h    20.1  5m       25            14.4  fires\n"
        "  critical  6h     0.6  30m     0.4               6  does not fire\n"
        "  warning   1d     1.4  2h      0.5               3  does not fire\n"
        "  warning   3d     0.7  6h      0.6               1  does not fire\n"
        "  a pair fires with both rates above, and at least 5 bad ones in the long lookback"
    )
    assert level.splitlines()[1:3] == [
        "  this look shows level critical: none by the value, critical by the burn rates",
        "  burning 20.1 x over 1h and 25 x over 5m; more than 14.4 x is too fast",
    ]


def test_what_was_partly_seen_is_said_to_prove_nothing_good() -> None:
    text = explain_text(spending(with_budget(), 0.377, coverage=0.43, lookback_coverage=0.6, burn=BURNING))
    assert "\n  budget: 62.3 % (partial: 43 % of 30d seen)\n" in text
    assert (
        "\n  spent: 37.7 % of what was seen\n  left: 62.3 %, if the rest was like it; that proves nothing good\n"
        in text
    )
    assert "  critical  1h (60 % seen)  20.1  5m (60 % seen)     25            14.4  cannot be told\n" in text
    assert "may be critical: too little was seen of 1h and 5m, 6h and 30m to tell the burn rates" in text


def test_while_history_is_being_fetched_no_number_looks_like_a_budget() -> None:
    text = explain_text(spending(with_budget(), coverage=0.0, lookback_coverage=0.0, backfilling=True))
    assert "\n  budget: not known yet (backfilling: 0 % of 30d seen)\n" in text
    assert "\n  30d       0 %       –        –        –\n" in text
    assert "forecast" not in text


def test_slices_of_time_are_explained_as_slices() -> None:
    text = explain_text(spending(slices(), 0.25))
    assert "  allowed: 1 % of all slices of 5m over 30d\n" in text
    assert "  counted: 64,800 of 25,920,000 slices of 5m missed <= 50ms, 0.25 %\n" in text
    assert "  shown only: these pairs raise no level (burn_rates.alert)\n" in text
    assert "this look shows level none\n" in text


def test_the_same_is_told_to_programs() -> None:
    shape = strict(view(ERROR_RATE, bad_readings(ERROR_RATE)), BREACH)
    events = shape["queries"][0]
    assert (events["part"], events["answer"], events["row_count"], events["at"]) == (
        "events",
        "samples",
        2,
        NOW,
    )
    assert [(row["labels"], row["value"]) for row in events["rows"]] == [
        ({"slo_daemon_mark": ""}, 9_760), ({"slo_daemon_mark": "1"}, 240),
    ]  # fmt: skip
    assert (events["promql"], events["span"], events["window"]) == (EVENTS, "5m", "5m")
    assert events["hour_promql"] is None
    assert shape["arithmetic"] == ["bad 240 / total 10,000 = 2.4%"]
    assert shape["evidence"] == {"proven": 2, "possible": 2, "clear": 2, "by_value": 2, "burning": 0}
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
    shown = view(ERROR_RATE, all_readings(ERROR_RATE, {"events": Absent("q")}))
    assert "      no row\n" in explain_text(shown)
    assert strict(shown)["queries"][0]["answer"] == "empty"
    assert strict(shown)["reason"] == "no_data"


def test_waiting_for_more_evidence_is_told_in_looks() -> None:
    patient = replace(ERROR_RATE, alerting=AlertPolicy(raise_for=150))
    text = explain_text(view(patient, bad_readings(patient)))
    assert "critical: 1 in a row, 5 looks needed to raise it" in text


def test_values_are_written_as_prometheus_writes_them() -> None:
    odd = Samples(
        "q", tuple(Sample((("i", str(i)),), value) for i, value in enumerate((nan, inf, -inf, 0.1)))
    )
    shown = view(ERROR_RATE, healthy_readings(ERROR_RATE))
    assert shown.evaluation is not None
    shown = replace(shown, evaluation=replace(shown.evaluation, readings={"value": odd}))
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
