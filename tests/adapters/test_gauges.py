"""/metrics: the snapshot as it is, nothing old, never half a page."""

import subprocess
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from slo_daemon.adapters.gauges import FAMILIES, Kind, MetricsPage, SelfMetrics
from slo_daemon.adapters.gauges.text import label_text, number_text
from slo_daemon.core.pilot.records import RecordsUnavailable, Severity
from slo_daemon.core.slo.measurement import DataState
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.query import Absent
from slo_daemon.core.slo.slo import SloInstance
from slo_daemon.core.slo.state import SloState
from slo_daemon.core.slo.window import Slot
from slo_daemon.core.snapshot import SloView, Snapshot, SourceView, Specification
from slo_daemon.demo.servers import find_binary
from slo_daemon.spec.slos import RESERVED_LABELS
from tests.adapters.pages import busy_self_metrics, one_hot, samples, values
from tests.budgets import BURNING, DAY, spending, with_budget
from tests.factories import (
    NOW,
    PILOT,
    all_readings,
    bad_readings,
    bucket_rows,
    healthy_readings,
    incident,
    plain_pilot,
    ratings_of,
    records_of,
    seed_pilot,
    seed_records,
    seed_slos,
    snapshot_of,
    view,
)
from tests.watching import watched_of

LONG_AGO = NOW - 7200.0


def page_of(snapshot: Snapshot, now: float = NOW + 1) -> str:
    return MetricsPage(SelfMetrics()).render(snapshot, now).decode()


def healthy() -> Snapshot:
    pilot = seed_pilot()
    return snapshot_of(pilot, [view(slo, healthy_readings(slo)) for slo in pilot.slos], seed_records())


def test_the_page_holds_the_values_of_the_snapshot() -> None:
    snapshot = healthy()
    text = page_of(snapshot)

    measured = {v.instance.slo.name: v.evaluation for v in snapshot.slos.values()}
    assert values(text, "slo_sli_value") == {name: e.value for name, e in measured.items() if e is not None}
    assert values(text, "slo_sli_value")["availability"] == 0.9995
    assert values(text, "slo_alert_level") == dict.fromkeys(measured, 0.0)
    assert values(text, "slo_met") == dict.fromkeys(measured, 1.0)
    assert values(text, "slo_objective_value", "slo", "unit") == {
        ("query-latency-p95", "seconds"): 0.05,
        ("query-latency-p99", "seconds"): 0.1,
        ("availability", "ratio"): 0.999,
        ("error-rate", "ratio"): 0.001,
    }
    assert values(text, "slo_sli_ratio", "slo", "window") == {
        ("availability", "1h"): 0.9995,
        ("error-rate", "5m"): 0.9992,
    }
    assert values(text, "slo_last_good_evaluation_timestamp_seconds") == dict.fromkeys(measured, NOW)
    for name in measured:
        assert one_hot(text, "slo_data_state", "state", slo=name) == "ok"
    assert one_hot(text, "slo_info", "objective", slo="availability") == "at least 99.9 %"


def test_a_bad_day_shows_its_levels() -> None:
    pilot = seed_pilot()
    text = page_of(snapshot_of(pilot, [view(slo, bad_readings(slo)) for slo in pilot.slos], seed_records()))

    assert set(values(text, "slo_alert_level").values()) == {2.0}
    assert set(values(text, "slo_met").values()) == {0.0}


def test_a_pilot_shows_its_verdict_criteria_incidents_and_satisfaction() -> None:
    pilot = seed_pilot()
    records = records_of(
        [incident(1, Severity.CRITICAL), incident(2, resolution="mended")], ratings_of(5, 4, 3)
    )
    views = [view(slo, healthy_readings(slo)) for slo in pilot.slos]
    text = page_of(snapshot_of(pilot, views, records, watched=watched_of(pilot, days_met=11.3)))

    assert values(text, "pilot_ready", "pilot") == {PILOT: 0.0}
    assert one_hot(text, "pilot_verdict", "verdict", pilot=PILOT) == "NOT_READY"
    assert (
        one_hot(text, "pilot_criterion", "state", criterion="Availability < 99.5%", role="rollback")
        == "false"
    )
    assert values(text, "pilot_criterion_earliest_timestamp_seconds", "criterion") == {
        "All SLOs met for 2+ weeks": pytest.approx(NOW + 2.7 * DAY)
    }
    assert set(values(text, "pilot_rollback_triggered").values()) == {0.0}
    assert values(text, "pilot_success_metric_value", "metric") == {
        "search_success_rate": pytest.approx(0.82),
        "zero_result_rate": pytest.approx(0.12),
        "conversion_lift": pytest.approx(0.1667, abs=1e-3),
        "user_satisfaction": 4.0,
    }
    bounds = values(text, "pilot_experiment_lift_ratio", "bound")
    assert bounds["lower"] < bounds["point"] < bounds["upper"]
    assert values(text, "pilot_experiment_mismatch", "metric") == {"conversion_lift": 0.0}
    assert values(text, "pilot_incidents", "severity", "state") == {
        ("critical", "open"): 1.0, ("warning", "open"): 0.0, ("info", "open"): 0.0,
        ("critical", "resolved"): 0.0, ("warning", "resolved"): 1.0, ("info", "resolved"): 0.0,
    }  # fmt: skip
    assert values(text, "pilot_user_satisfaction_mean", "pilot") == {PILOT: 4.0}
    assert values(text, "pilot_user_satisfaction_responses", "pilot") == {PILOT: 3.0}
    (lower,) = values(text, "pilot_user_satisfaction_lower").values()
    (upper,) = values(text, "pilot_user_satisfaction_upper").values()
    assert lower < 4.0 < upper
    assert values(text, "pilot_ramp_percentage", "kind") == {"scheduled": 15.0, "advised": 15.0}
    assert values(text, "pilot_last_assessment_timestamp_seconds") == {None: NOW}


def test_a_ready_pilot_is_ready_and_no_longer_when_nobody_evaluates() -> None:
    pilot = plain_pilot()
    snapshot = snapshot_of(pilot, [view(slo, healthy_readings(slo)) for slo in pilot.slos], records_of())

    assert values(page_of(snapshot), "pilot_ready", "pilot") == {"plain": 1.0}
    assert values(page_of(snapshot, NOW + 301), "pilot_ready", "pilot") == {"plain": 0.0}
    assert values(page_of(replace(snapshot, assessments={})), "pilot_ready", "pilot") == {"plain": 0.0}


def test_people_s_records_are_absent_while_the_store_cannot_be_read() -> None:
    pilot = seed_pilot()
    text = page_of(snapshot_of(pilot, [], RecordsUnavailable("io", "the disk is gone")))

    assert values(text, "pilot_incidents") == {}
    assert values(text, "pilot_user_satisfaction_responses") == {}


def test_on_a_stall_values_vanish_while_levels_and_timestamps_stay() -> None:
    pilot = seed_pilot()
    snapshot = snapshot_of(pilot, [view(slo, bad_readings(slo)) for slo in pilot.slos], seed_records())
    page = MetricsPage(SelfMetrics())

    before = page.render(snapshot, NOW + 300).decode()
    after = page.render(snapshot, NOW + 301).decode()

    assert len(values(before, "slo_sli_value")) == 4
    for name in ("slo_sli_value", "slo_sli_ratio", "slo_met", "pilot_verdict", "pilot_criterion"):
        assert values(after, name) == {}
    for name in ("slo_alert_level", "slo_last_good_evaluation_timestamp_seconds", "slo_info"):
        assert values(after, name) == values(before, name) != {}
    assert values(after, "pilot_last_assessment_timestamp_seconds") == {None: NOW}
    assert one_hot(before, "slo_data_state", "state", slo="availability") == "ok"
    assert one_hot(after, "slo_data_state", "state", slo="availability") == "unknown"


def test_with_long_intervals_a_stall_is_three_of_them() -> None:
    slot = Slot(NOW, 600.0)
    slo = seed_slos()[2]
    snapshot = snapshot_of(seed_pilot(), [view(slo, healthy_readings(slo), slot)], seed_records(), slot)

    assert values(page_of(snapshot, NOW + 1800), "slo_met") == {"availability": 1.0}
    assert values(page_of(snapshot, NOW + 1801), "slo_met") == {}


def test_an_slo_that_fell_behind_loses_its_values_alone() -> None:
    old, new = seed_slos()[2:]
    views = [view(old, healthy_readings(old), Slot(NOW - 600, 30.0)), view(new, healthy_readings(new))]
    text = page_of(snapshot_of(seed_pilot(), views, seed_records()))

    assert values(text, "slo_met") == {"error-rate": 1.0}
    assert set(values(text, "slo_alert_level")) == {"availability", "error-rate"}
    assert one_hot(text, "slo_data_state", "state", slo="availability") == "unknown"


def restarted(last_slot: float) -> Snapshot:
    """What is known after a restart, before the first slot: a critical level, persisted with stale data."""
    (slo,) = seed_slos()[2:3]
    instance = SloInstance(slo)
    state = SloState(
        instance.id, Level.CRITICAL, since=LONG_AGO, data_state=DataState.STALE, last_slot=last_slot,
        last_good_slot=LONG_AGO, sequence=3,
    )  # fmt: skip
    return Snapshot(Specification((slo,), (), "h"), None, None, {instance.id: SloView(instance, state, None)})


def test_after_a_restart_the_persisted_level_and_data_state_are_there_before_the_first_slot() -> None:
    text = page_of(restarted(last_slot=NOW - 60))

    assert values(text, "slo_alert_level") == {"availability": 2.0}
    assert one_hot(text, "slo_data_state", "state") == "stale"
    assert values(text, "slo_last_good_evaluation_timestamp_seconds") == {"availability": LONG_AGO}
    assert values(text, "slo_sli_value") == {}


def test_after_a_long_downtime_the_level_is_there_and_the_data_state_is_unknown() -> None:
    text = page_of(restarted(last_slot=LONG_AGO))

    assert values(text, "slo_alert_level") == {"availability": 2.0}
    assert one_hot(text, "slo_data_state", "state") == "unknown"


def test_a_new_slo_has_a_level_before_it_was_ever_evaluated() -> None:
    instance = SloInstance(seed_slos()[2])
    text = page_of(
        Snapshot(
            Specification((instance.slo,), (), "h"),
            None,
            None,
            {instance.id: SloView(instance, SloState(instance.id), None)},
        )
    )

    assert values(text, "slo_alert_level") == {"availability": 0.0}
    assert one_hot(text, "slo_data_state", "state") == "unknown"


def test_a_removed_slo_vanishes_with_the_next_snapshot() -> None:
    page, snapshot = MetricsPage(SelfMetrics()), healthy()
    fewer = {key: kept for key, kept in snapshot.slos.items() if not key.endswith("/availability")}

    assert "availability" in values(page.render(snapshot, NOW).decode(), "slo_alert_level")
    text = page.render(replace(snapshot, slos=fewer), NOW).decode()

    assert 'slo="availability"' not in text
    assert set(values(text, "slo_alert_level")) == {"query-latency-p95", "query-latency-p99", "error-rate"}


def test_an_edited_slo_shows_its_new_labels_and_objective() -> None:
    page, slo = MetricsPage(SelfMetrics()), seed_slos()[2]
    edited = replace(slo, labels=(("team", "search"),), window=slo.window.__class__(600))
    first, second = (
        page.render(snapshot_of(seed_pilot(), [view(s, healthy_readings(s))], seed_records()), NOW).decode()
        for s in (slo, edited)
    )

    assert values(first, "slo_sli_value", "window") == {"1h": 0.9995}
    assert values(second, "slo_sli_value", "window", "team") == {("10m", "search"): 0.9995}


def test_a_quantile_beyond_the_last_bucket_is_exported_as_infinite() -> None:
    slo = seed_slos()[0]
    beyond = all_readings(slo, {"buckets": bucket_rows({"0.1": 10, "+Inf": 20_000})})
    text = page_of(snapshot_of(seed_pilot(), [view(slo, beyond)], seed_records()))

    assert values(text, "slo_sli_value") == {"query-latency-p95": float("inf")}
    assert values(text, "slo_alert_level") == {"query-latency-p95": 2.0}


def test_without_data_there_is_a_level_and_no_value() -> None:
    slo = seed_slos()[2]
    nothing = all_readings(slo, dict.fromkeys(healthy_readings(slo), Absent("q")))
    text = page_of(snapshot_of(seed_pilot(), [view(slo, nothing)], seed_records()))

    assert values(text, "slo_alert_level") == {"availability": 0.0}
    assert one_hot(text, "slo_data_state", "state") == "no_data"
    for name in ("slo_met", "slo_sli_value", "slo_sli_ratio"):
        assert values(text, name) == {}


def test_groups_are_told_apart_by_their_labels() -> None:
    slo = replace(seed_slos()[2], labels=(("team", "search"),), group_by=("region",))
    views = [
        view(replace(slo, group_by=()), healthy_readings(slo), group=(("region", region),))
        for region in ("eu", 'a "quoted"\\ one\n')
    ]
    text = page_of(snapshot_of(seed_pilot(), views, seed_records()))

    assert set(values(text, "slo_alert_level", "region", "team")) == {
        ("eu", "search"),
        ('a "quoted"\\ one\n', "search"),
    }


@given(st.dictionaries(st.from_regex("[a-z][a-z0-9_]{0,8}", fullmatch=True), st.text(), min_size=1))
def test_any_label_value_reads_back_as_it_was(labels: dict[str, str]) -> None:
    (sample,) = samples(f"metric{{{label_text(labels)}}} 1\n")

    assert sample.labels == labels


def test_half_a_surrogate_pair_in_a_label_does_not_take_the_page_away() -> None:
    slo = replace(seed_slos()[2], labels=(("team", "\ud800"),))
    text = page_of(snapshot_of(seed_pilot(), [view(slo, healthy_readings(slo))], seed_records()))

    assert values(text, "slo_met", "team") == {"?": 1.0}


@given(st.floats(allow_nan=False))
def test_any_number_reads_back_as_it_was(number: float) -> None:
    (sample,) = samples(f"metric {number_text(number)}\n")

    assert sample.value == number


def full_page() -> str:
    """A page with every family of the table."""
    pilot = seed_pilot()
    views = [
        view(pilot.slos[0], healthy_readings(pilot.slos[0])),
        spending(with_budget(), burn=BURNING | {DAY: 1.5}),
    ]
    source = SourceView(False, "connect", "refused", None)
    watched = watched_of(pilot, days_met=11.3)
    snapshot = snapshot_of(pilot, views, seed_records(), source=source, watched=watched)
    return MetricsPage(busy_self_metrics()).render(snapshot, NOW).decode()


def test_the_table_is_all_there_is_and_all_of_it_is_there() -> None:
    families = {
        family.name + ("_total" if family.type == "counter" else ""): family
        for family in text_string_to_metric_families(full_page())
    }

    assert set(families) == set(FAMILIES)
    for name, family in families.items():
        assert (family.type, family.documentation) == (FAMILIES[name].kind.value, FAMILIES[name].help)
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        assert labels == set(FAMILIES[name].labels)


def test_names_follow_the_conventions() -> None:
    for name, family in FAMILIES.items():
        assert name.endswith("_total") == (family.kind is Kind.COUNTER)
        assert family.help.endswith(".")
        assert "\n" not in family.help


def test_a_specification_cannot_give_an_slo_the_labels_that_we_set() -> None:
    ours = {label for name, f in FAMILIES.items() if not name.startswith("slo_daemon_") and "slo" in f.labels
            for label in f.labels}  # fmt: skip

    assert ours <= RESERVED_LABELS


@pytest.mark.servers
def test_promtool_has_nothing_to_say_against_the_page() -> None:
    result = subprocess.run(
        [find_binary("promtool"), "check", "metrics"], input=full_page(), capture_output=True, text=True
    )

    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
