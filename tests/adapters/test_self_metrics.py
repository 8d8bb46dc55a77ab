"""The daemon's own counters: named by what happened, 0 before it did, no timestamp of 1970."""

from slo_daemon.adapters.gauges import NoTelemetry, SelfMetrics
from slo_daemon.ports import Telemetry
from tests.adapters.pages import busy_self_metrics, samples, values
from tests.factories import (
    NOW,
)


def test_the_daemon_tells_about_itself_what_happened() -> None:
    text = busy_self_metrics().text().decode()

    flat = {(s.name, tuple(sorted(s.labels.values()))): s.value for s in samples(text)}
    told = {
        ("slo_daemon_queries_total", ()): 3.0,
        ("slo_daemon_query_failures_total", ("timeout",)): 1.0,
        ("slo_daemon_query_failures_total", ("connect",)): 0.0,
        ("slo_daemon_query_samples_total", ()): 400.0,
        ("slo_daemon_query_duration_seconds_count", ()): 2.0,
        ("slo_daemon_source_up", ()): 0.0,
        ("slo_daemon_clock_skew_seconds", ()): -0.25,
        ("slo_daemon_evaluations_scheduled_total", ()): 3.0,
        ("slo_daemon_evaluations_missed_total", ()): 2.0,
        ("slo_daemon_evaluations_failed_total", ()): 1.0,
        ("slo_daemon_evaluation_duration_seconds_count", ()): 1.0,
        ("slo_daemon_heartbeat_timestamp_seconds", ()): NOW,
        ("slo_daemon_backfill_missing_chunks", ()): 1_440.0,
        ("slo_daemon_verifications_total", ("agreed",)): 1.0,
        ("slo_daemon_verifications_total", ("drifted",)): 0.0,
        ("slo_daemon_window_drift_ratio", ("availability", "shop")): 0.0004,
        ("slo_daemon_store_up", ()): 0.0,
        ("slo_daemon_store_errors_total", ("full",)): 1.0,
        ("slo_daemon_store_errors_total", ("io",)): 0.0,
        ("slo_daemon_config_last_reload_successful", ()): 0.0,
        ("slo_daemon_config_last_reload_success_timestamp_seconds", ()): NOW,
        ("slo_daemon_report_last_success_timestamp_seconds", ()): NOW + 1,
        ("slo_daemon_alerts_sent_total", ("am-1",)): 4.0,
        ("slo_daemon_alerts_failed_total", ("am-1",)): 1.0,
        ("slo_daemon_http_requests_total", ("/metrics", "200")): 1.0,
    }
    assert {key: flat.get(key) for key in told} == told


def test_a_store_that_works_again_is_up() -> None:
    told = busy_self_metrics()
    told.store_worked()

    assert values(told.text().decode(), "slo_daemon_store_up") == {None: 1.0}


def test_of_an_slo_that_was_verified_again_the_last_look_counts() -> None:
    told = SelfMetrics()
    assert values(told.text().decode(), "slo_daemon_window_drift_ratio") == {}
    for slo, drift in (("availability", 0.2), ("errors", 0.001), ("availability", 0.0)):
        told.window_drift("shop", slo, drift)
        told.text()

    assert values(told.text().decode(), "slo_daemon_window_drift_ratio") == {
        "availability": 0.0,
        "errors": 0.001,
    }


def test_what_has_not_happened_yet_is_absent_and_not_of_1970() -> None:
    text = SelfMetrics().text().decode()

    names = {sample.name for sample in samples(text)}
    assert "slo_daemon_queries_total" in names
    assert not {name for name in names if "timestamp" in name or name.endswith("_up")}
    assert not {name for name in names if name.endswith("_created")}


def test_both_implementations_are_telemetry() -> None:
    told: Telemetry = SelfMetrics()
    nobody: Telemetry = NoTelemetry()

    methods = [name for name in vars(Telemetry) if not name.startswith("_")]
    assert methods
    for name in methods:
        assert callable(getattr(told, name))
        assert callable(getattr(nobody, name))
