"""Which alerts a snapshot calls for."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_daemon.core.alert import (
    PANELS,
    Alert,
    Links,
    dashboard_of,
    firing,
    resolved,
    series_of,
    series_of_id,
    source_down,
)
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.query import Absent
from slo_daemon.core.slo.slo import Slo, SloInstance
from slo_daemon.core.slo.state import SloState, Transition, TransitionReason
from slo_daemon.core.slo.window import Slot
from slo_daemon.core.snapshot import SloView, Snapshot, SourceView, Specification
from tests.budgets import BURNING, spending, with_budget
from tests.factories import (
    NOW,
    PILOT,
    all_readings,
    bad_readings,
    healthy_readings,
    records_of,
    seed_pilot,
    seed_slos,
    snapshot_of,
    view,
)

UNTIL = NOW + 240
NOWHERE = Links()
LEVELS = list(Level)


def slo_named(name: str) -> Slo:
    (found,) = (slo for slo in seed_slos() if slo.name == name)
    return found


def snapshot_at(level: Level, slo: Slo | None = None, group: tuple[tuple[str, str], ...] = ()) -> Snapshot:
    instance = SloInstance(slo or slo_named("availability"), group)
    state = SloState(instance.id, level, since=NOW - 600, last_slot=NOW, sequence=1)
    return Snapshot(Specification((), (), "h"), None, None, {instance.id: SloView(instance, state, None)})


def change(before: Level, after: Level, slo_id: str = f"{PILOT}/availability") -> Transition:
    return Transition(
        slo_id, 2, NOW, before, after, TransitionReason.RECOVERED, "99.95 % against at least 99.9 %"
    )


def names(alerts: tuple[Alert, ...]) -> list[str]:
    return [alert.labels["alertname"] for alert in alerts]


def test_healthy_slos_call_for_no_alert() -> None:
    pilot = seed_pilot()
    snapshot = snapshot_of(pilot, [view(slo, healthy_readings(slo)) for slo in pilot.slos], records_of())

    assert firing(snapshot, UNTIL, NOWHERE) == ()


@pytest.mark.parametrize(
    ("level", "expected"),
    [(Level.NONE, []), (Level.WARNING, ["SLOWarning"]), (Level.CRITICAL, ["SLOWarning", "SLOCritical"])],
)
def test_a_level_is_told_by_one_alert_for_each_level_it_reaches(level: Level, expected: list[str]) -> None:
    assert names(firing(snapshot_at(level), UNTIL, NOWHERE)) == expected


def test_an_alert_identifies_its_slo_and_starts_with_the_level() -> None:
    critical = firing(snapshot_at(Level.CRITICAL), UNTIL, NOWHERE)[1]

    assert critical.labels == {
        "alertname": "SLOCritical", "severity": "critical", "slo_daemon": "true", "pilot": PILOT, "slo": "availability",
    }  # fmt: skip
    assert (critical.starts_at, critical.ends_at) == (NOW - 600, UNTIL)


def test_groups_and_labels_are_in_the_alert_and_in_one_label_that_inhibitions_can_name() -> None:
    slo = replace(slo_named("availability"), labels=(("team", "search"),), group_by=("region",))
    (warning,) = firing(snapshot_at(Level.WARNING, slo, (("region", "eu"),)), UNTIL, NOWHERE)

    assert warning.labels["team"] == "search"
    assert warning.labels["region"] == "eu"
    assert warning.labels["slo_group"] == "region=eu,team=search"


def test_two_groups_are_two_alerts() -> None:
    slo = replace(slo_named("availability"), group_by=("region",))
    alerts = [
        firing(snapshot_at(Level.WARNING, slo, (("region", region),)), UNTIL, NOWHERE)[0].identity
        for region in ("eu", "us")
    ]

    assert alerts[0] != alerts[1]


def test_the_value_the_target_and_the_threshold_crossed_are_in_the_description_and_in_no_label() -> None:
    pilot = seed_pilot()
    slo = slo_named("availability")
    snapshot = snapshot_of(pilot, [view(slo, bad_readings(slo))], records_of())
    crossed = {"warning": "warning past 99.8 %", "critical": "critical past 99.5 %"}
    alerts = firing(snapshot, UNTIL, NOWHERE)
    assert {alert.labels["severity"] for alert in alerts} == set(crossed)
    for alert in alerts:
        assert alert.annotations["description"] == (
            f"Value over 1h: 97.6 % against at least 99.9 %; {crossed[alert.labels['severity']]}. "
            "At this level since 2026-11-22 10:00:00 UTC."
        )
        assert not any("97" in value for value in alert.labels.values())


def test_a_level_by_burn_rates_says_how_fast_the_budget_goes_and_what_is_left_of_it() -> None:
    shown = spending(with_budget(slo_named("availability")), 0.377, burn=BURNING)
    (_, critical) = firing(snapshot_of(seed_pilot(), [shown], records_of()), UNTIL, NOWHERE)

    assert critical.annotations["description"] == (
        "Value over 1h: 99.95 % against at least 99.9 %. "
        "Burning 20.1 x over 1h and 25 x over 5m; more than 14.4 x is too fast. Error budget left: 62.3 %. "
        "At this level since 2026-11-22 10:00:00 UTC."
    )
    assert not any("20.1" in value for value in critical.labels.values())


def test_a_partial_budget_is_told_as_such() -> None:
    slo = with_budget(slo_named("availability"))
    shown = spending(slo, 0.377, coverage=0.43, readings=bad_readings(slo))
    (_, critical) = firing(snapshot_of(seed_pilot(), [shown], records_of()), UNTIL, NOWHERE)

    assert "Error budget left: 62.3 % (partial: 43 % of 30d seen)." in critical.annotations["description"]
    assert "Burning" not in critical.annotations["description"]


def test_labels_are_the_same_whatever_the_value_is() -> None:
    slo = slo_named("availability")
    before = view(slo, bad_readings(slo))
    silent = replace(before, evaluation=None)
    told, told_without = (
        firing(snapshot_of(seed_pilot(), [v], records_of()), UNTIL, NOWHERE) for v in (before, silent)
    )

    assert [a.identity for a in told] == [a.identity for a in told_without]
    assert [a.starts_at for a in told] == [a.starts_at for a in told_without]


def test_a_held_level_says_that_there_is_no_value() -> None:
    slo = slo_named("availability")
    critical = view(slo, bad_readings(slo))
    nothing = all_readings(slo, dict.fromkeys(healthy_readings(slo), Absent("q")))
    later = view(slo, nothing, Slot(NOW + 60, 30.0), critical.state)
    (_, alert) = firing(snapshot_of(seed_pilot(), [later], records_of()), UNTIL, NOWHERE)

    assert alert.annotations["description"].startswith("No value now: ")
    assert "The objective is at least 99.9 %. The level is held." in alert.annotations["description"]


def test_links_are_given_where_they_lead_somewhere() -> None:
    links = Links(
        "https://slo.example.org/", "https://grafana.example.org/d/slo?orgId=1", "https://wiki.example.org/r"
    )
    slo = slo_named("availability")
    own = replace(slo_named("error-rate"), runbook="https://wiki.example.org/errors")
    snapshot = snapshot_of(seed_pilot(), [view(s, bad_readings(s)) for s in (slo, own)], records_of())
    by_slo = {a.labels["slo"]: a.annotations for a in firing(snapshot, UNTIL, links)}

    assert by_slo["availability"]["dashboard_url"] == (
        f"https://grafana.example.org/d/slo?orgId=1&var-pilot={PILOT}&var-slo=availability"
    )
    assert (
        by_slo["availability"]["report_url"]
        == f"https://slo.example.org/api/v1/pilots/{PILOT}/reports/latest"
    )
    assert by_slo["availability"]["runbook_url"] == "https://wiki.example.org/r#slocritical"
    assert by_slo["error-rate"]["runbook_url"] == "https://wiki.example.org/errors"
    without_pilot = replace(snapshot, specification=Specification(snapshot.specification.slos, (), "h"))
    assert all("report_url" not in a.annotations for a in firing(without_pilot, UNTIL, links))
    assert all(
        not {"dashboard_url", "report_url"} & set(a.annotations) for a in firing(snapshot, UNTIL, NOWHERE)
    )


def test_an_alert_leads_to_the_panel_that_shows_what_it_is_about() -> None:
    grafana = Links(grafana="https://grafana.example.org/")
    at_slo = f"?var-pilot={PILOT}&var-slo=availability&viewPanel="
    for alert in ("SLOWarning", "SLOBudgetExhausted", "SLODataMissing"):
        panel = PANELS[alert]
        assert dashboard_of(grafana, alert, PILOT, "availability") == (
            f"https://grafana.example.org/d/{panel.dashboard}{at_slo}{panel.id}"
        )
    (_, alert) = firing(
        snapshot_of(seed_pilot(), [view(s := slo_named("availability"), bad_readings(s))], records_of()),
        UNTIL,
        grafana,
    )
    assert alert.annotations["dashboard_url"].endswith(f"{at_slo}{PANELS['SLOCritical'].id}")
    down = source_down(
        SourceView(up=False, reason="unreachable", detail="refused", skew=None), NOW, UNTIL, grafana
    )
    assert down.annotations["dashboard_url"] == "https://grafana.example.org/d/slo-daemon-health?viewPanel=20"


def test_a_dashboard_of_ones_own_is_for_alerts_about_an_slo_only() -> None:
    both = Links(dashboard="https://wiki.example.org/d/own", grafana="https://grafana.example.org")
    own = dashboard_of(both, "SLOCritical", PILOT, "availability")
    assert own == f"https://wiki.example.org/d/own?var-pilot={PILOT}&var-slo=availability"
    assert dashboard_of(both, "PilotTriggerBlind", PILOT) == (
        f"https://grafana.example.org/d/slo-daemon-pilot?var-pilot={PILOT}&viewPanel=31"
    )
    assert dashboard_of(Links(), "PilotTriggerBlind", PILOT) == ""


@pytest.mark.parametrize(
    ("before", "after", "ended"),
    [
        (Level.CRITICAL, Level.NONE, ["SLOWarning", "SLOCritical"]),
        (Level.CRITICAL, Level.WARNING, ["SLOCritical"]),
        (Level.WARNING, Level.NONE, ["SLOWarning"]),
        (Level.WARNING, Level.CRITICAL, []),
        (Level.NONE, Level.WARNING, []),
        (Level.NONE, Level.NONE, []),
    ],
)
def test_a_transition_ends_what_its_new_level_no_longer_reaches(
    before: Level, after: Level, ended: list[str]
) -> None:
    over = resolved(change(before, after), series_of(SloInstance(slo_named("availability"))))

    assert names(over) == ended
    assert {alert.ends_at for alert in over} <= {NOW}


@given(st.sampled_from(LEVELS), st.sampled_from(LEVELS))
def test_what_ends_and_what_fires_is_together_what_fired_before(before: Level, after: Level) -> None:
    slo = SloInstance(slo_named("availability"))
    fired, fires = (
        {a.identity for a in firing(snapshot_at(level, slo.slo), UNTIL, NOWHERE)} for level in (before, after)
    )
    ended = {a.identity for a in resolved(change(before, after), series_of(slo))}

    assert ended == fired - fires


def test_an_end_has_the_labels_of_its_beginning() -> None:
    slo = replace(slo_named("availability"), labels=(("team", "search"),), group_by=("region",))
    snapshot = snapshot_at(Level.WARNING, slo, (("region", 'a "quoted" one'),))
    (instance_id,) = snapshot.slos
    (told,) = firing(snapshot, UNTIL, NOWHERE)
    series = series_of_id(instance_id, Specification((slo,), (), "h"))
    (over,) = resolved(change(Level.WARNING, Level.NONE, instance_id), series)

    assert over.identity == told.identity


def test_one_alert_says_that_the_source_is_down() -> None:
    source = SourceView(False, "connect", "connection refused", None)
    alert = source_down(source, NOW, UNTIL, Links(runbooks="https://wiki.example.org/r"))

    assert alert.labels == {"alertname": "SLOBackendDown", "severity": "critical", "slo_daemon": "true"}
    assert "connection refused" in alert.annotations["description"]
    assert alert.annotations["runbook_url"] == "https://wiki.example.org/r#slobackenddown"
