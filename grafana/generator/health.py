"""The daemon itself: does it evaluate, can it ask, store and tell, and what does it cost."""

from grafana_foundation_sdk.builders import dashboard as build

from grafana.generator import words
from grafana.generator.board import (
    HEALTH,
    Line,
    Section,
    board,
    choice,
    daemon_url,
    laid_out,
    link,
    to_boards,
)
from grafana.generator.names import RULES, series
from grafana.generator.panels import Query, lines, numbers, states
from grafana.generator.words import BAD, WARN

_AT = 'instance=~"$instance"'
_RATE = "[$__rate_interval]"


def health() -> build.Dashboard:
    """Dashboard `slo-daemon-health`."""
    page = board(
        HEALTH,
        "slo-daemon / Daemon health",
        "The daemon itself: whether slots are finished, what it asks of Prometheus, its store, reports, alerts and resources.",
        "6h",
    )
    page = page.with_variable(
        choice(
            "instance",
            "Instance",
            "Daemons that are scraped.",
            f"label_values({series('slo_daemon_build_info')}, instance)",
            several=True,
        )
    ).with_variable(daemon_url())
    for one in to_boards(HEALTH):
        page = page.link(one)
    page = page.link(link("Status page", "${daemon_url}/", "Status page of the daemon"))
    return laid_out(
        page,
        (
            Section(100, "Is it evaluating?", _evaluating()),
            Section(200, "Can it ask?", _asking()),
            Section(300, "Store, configuration, reports", _keeping()),
            Section(400, "Windows and history", _windows()),
            Section(500, "Who is told, who asks", _telling()),
            Section(600, "Process", _process()),
        ),
    )


def _at(name: str, part: str = "") -> str:
    return series(name, _AT, part=part)


def _rate(name: str, part: str = "") -> str:
    return f"rate({_at(name, part)}{_RATE})"


def _quantiles(name: str) -> tuple[Query, ...]:
    buckets = f"sum by (le) ({_rate(name, 'bucket')})"
    mean = f"sum({_rate(name, 'sum')}) / sum({_rate(name, 'count')})"
    return (
        Query(f"histogram_quantile(0.99, {buckets})", "99 of 100 within"),
        Query(f"histogram_quantile(0.5, {buckets})", "half within"),
        Query(mean, "mean"),
    )


def _age(name: str) -> str:
    return f"time() - max by (instance) ({_at(name)})"


def _evaluating() -> tuple[Line, ...]:
    slots = tuple(
        Query(
            f"sum by (instance) (increase({_at(f'slo_daemon_evaluations_{what}_total')}{_RATE}))",
            f"{what} {{{{instance}}}}",
        )
        for what in ("scheduled", "missed", "failed")
    )
    uptime = f"time() - max by (instance) ({_at('process_start_time_seconds')})"
    return (
        Line(8, (
            (10, lines(10, "Since the last slot", "Age of the heartbeat. Above the dashed lines the daemon is late, then has stopped evaluating.",
                       Query(_age("slo_daemon_heartbeat_timestamp_seconds"), "{{instance}}"), unit="s",
                       steps=((RULES.heartbeat_age, WARN), (RULES.stalled_after, BAD)), least=0, calculations=("lastNotNull", "max"))),
            (10, lines(11, "Slots", "Slots that were due, that were skipped, and evaluations of single SLOs that crashed (each one is a bug).",
                       *slots, least=0, calculations=("lastNotNull", "max"))),
            (4, numbers(13, "Version", "The version that is running, of each instance.",
                        Query(f"max by (version) ({_at('slo_daemon_build_info')})", "{{version}}"),
                        missing="no daemon is scraped", by_name=True)),
        )),
        Line(7, (
            (20, lines(12, "Evaluation of a slot", "Time from a slot's first question to its result. It must stay well below the interval.",
                       *_quantiles("slo_daemon_evaluation_duration_seconds"), unit="s", least=0)),
            (4, numbers(14, "Up for", "Since the process started.", Query(uptime, "{{instance}}"), unit="s",
                        missing="no daemon is scraped")),
        )),
    )  # fmt: skip


def _asking() -> tuple[Line, ...]:
    by_reason = f"sum by (instance, reason) ({_rate('slo_daemon_query_failures_total')})"
    samples = f"sum({_rate('slo_daemon_query_samples_total')}) / sum({_rate('slo_daemon_queries_total')})"
    return (
        Line(8, (
            (12, lines(20, "Failed queries by reason", "Questions to Prometheus without a usable answer, each second. All reasons are there, at 0.",
                       Query(by_reason, "{{reason}} {{instance}}"), unit="reqps", least=0, calculations=("lastNotNull", "max"))),
            (6, lines(21, "Queries", "Questions to Prometheus each second, answered or not.",
                      Query(f"sum by (instance) ({_rate('slo_daemon_queries_total')})", "{{instance}}"), unit="reqps", least=0)),
            (6, states(25, "Prometheus answers", "Whether Prometheus answered in the slot.",
                       Query(f"min by (instance) ({_at('slo_daemon_source_up')})", "{{instance}}"), words=words.UP)),
        )),
        Line(7, (
            (8, lines(22, "Query duration", "Time that answered questions took.",
                      *_quantiles("slo_daemon_query_duration_seconds"), unit="s", least=0)),
            (8, lines(23, "Samples for a query", "How many samples Prometheus touched for one question, where it tells.",
                      Query(samples, "samples"), least=0)),
            (8, lines(24, "Clock skew", "Prometheus' clock minus the daemon's. Far from 0, answers are of another time.",
                      Query(f"max by (instance) ({_at('slo_daemon_clock_skew_seconds')})", "{{instance}}"), unit="s")),
        )),
    )  # fmt: skip


def _keeping() -> tuple[Line, ...]:
    errors = f"sum by (instance, reason) (increase({_at('slo_daemon_store_errors_total')}{_RATE}))"
    return (
        Line(7, (
            (6, states(30, "Store", "Whether the last access to the store succeeded.",
                       Query(f"min by (instance) ({_at('slo_daemon_store_up')})", "{{instance}}"), words=words.UP)),
            (6, lines(31, "Store errors by reason", "Accesses to the store that failed.",
                      Query(errors, "{{reason}} {{instance}}"), least=0, calculations=("lastNotNull", "max"))),
            (6, states(32, "Configuration", "Whether the last configuration was taken; while one is refused the last good one stays in force.",
                       Query(f"min by (instance) ({_at('slo_daemon_config_last_reload_successful')})", "{{instance}}"), words=words.RELOAD)),
            (6, numbers(34, "Configuration taken", "Since a configuration was last taken.",
                        Query(_age("slo_daemon_config_last_reload_success_timestamp_seconds"), "{{instance}}"), unit="s", missing="never")),
        )),
        Line(6, ((24, lines(33, "Since the last report", "Age of the newest report; it grows up to the interval of reports and falls back.",
                            Query(_age("slo_daemon_report_last_success_timestamp_seconds"), "{{instance}}"), unit="s", least=0,
                            calculations=("lastNotNull", "max"))),)),
    )  # fmt: skip


def _windows() -> tuple[Line, ...]:
    drift = f"max by (pilot, slo) ({_at('slo_daemon_window_drift_ratio')})"
    checks = f"sum by (result) (increase({_at('slo_daemon_verifications_total')}{_RATE}))"
    return (
        Line(8, (
            (8, lines(40, "Window drift", "How far a window, summed from chunks, was from the same window asked directly, in error budgets.",
                      Query(drift, "{{pilot}}/{{slo}}"), unit="percentunit", steps=((RULES.drift, WARN),), least=0,
                      calculations=("lastNotNull", "max"))),
            (8, lines(41, "Verifications", "Windows that were also asked directly, and what came out.",
                      Query(checks, "{{result}}"), least=0, calculations=("lastNotNull", "max"))),
            (8, lines(42, "History to fetch", "Hours of questions whose answers windows and budgets still lack; 0 when all history is there.",
                      Query(f"max by (instance) ({_at('slo_daemon_backfill_missing_chunks')})", "{{instance}}"), least=0)),
        )),
    )  # fmt: skip


def _telling() -> tuple[Line, ...]:
    def alerts(what: str) -> Query:
        counted = f"sum by (alertmanager) (increase({_at(f'slo_daemon_alerts_{what}_total')}{_RATE}))"
        return Query(counted, f"{what} {{{{alertmanager}}}}")

    requests = f"sum by (route, code) ({_rate('slo_daemon_http_requests_total')})"
    return (
        Line(8, (
            (12, lines(50, "Alerts posted directly", "Alerts that each Alertmanager took, resends included, and did not take. Empty where rules do the telling.",
                       alerts("sent"), alerts("failed"), least=0)),
            (12, lines(51, "HTTP requests", "Requests that were answered, by route and status.",
                       Query(requests, "{{code}} {{route}}"), unit="reqps", least=0, calculations=("lastNotNull", "max"))),
        )),
    )  # fmt: skip


def _process() -> tuple[Line, ...]:
    return (
        Line(7, (
            (8, lines(60, "CPU", "Processor time used, in cores.",
                      Query(f"sum by (instance) ({_rate('process_cpu_seconds_total')})", "{{instance}}"), least=0)),
            (8, lines(61, "Memory", "Memory that the process holds.",
                      Query(f"max by (instance) ({_at('process_resident_memory_bytes')})", "resident {{instance}}"), unit="bytes", least=0)),
            (8, lines(62, "Open files", "Open file descriptors, and how many are allowed.",
                      Query(f"max by (instance) ({_at('process_open_fds')})", "open {{instance}}"),
                      Query(f"max by (instance) ({_at('process_max_fds')})", "allowed {{instance}}", dashed=True), least=0)),
        )),
    )  # fmt: skip
