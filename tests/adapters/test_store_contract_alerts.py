"""What every Store does with alerts of Alertmanager and with overrides. See `test_store_contract.py`."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from slo_daemon.core.pilot.alert_reports import AlertCounts, AlertOutcome, AlertReport
from slo_daemon.core.pilot.records import (
    DAY,
    IncidentChange,
    IncidentSource,
    NewOverride,
    OverrideKind,
    RecordsQuery,
    Severity,
)
from slo_daemon.ports import AuditEntry, KeyReusedError, Store, WriteKind
from tests.adapters.stores import act, incident


@pytest.fixture
def store(any_store: Store) -> Store:
    return any_store


def report(fingerprint: str = "f1", starts_at: float = 100.0, **fields: Any) -> AlertReport:
    values = {"ends_at": None, "severity": Severity.CRITICAL, "title": "checkout is down"} | fields
    return AlertReport(fingerprint, starts_at, **values)


def override(**fields: Any) -> NewOverride:
    values = {"kind": OverrideKind.WAIVE, "criterion": "Error rate > 1%", "by": "ada", "reason": "load test"}
    return NewOverride(**({"pilot": "shop", **values, "expires_at": 1000.0} | fields))


def test_an_alert_becomes_an_incident_that_says_where_it_comes_from(store: Store) -> None:
    counts = store.take_alerts("shop", [report(description="5xx")], act(at=110.0, actor="webhook"))
    assert counts == AlertCounts({AlertOutcome.OPENED: 1}, (1,))
    (stored,) = store.incidents("shop")
    assert (stored.source, stored.fingerprint) == (IncidentSource.ALERTMANAGER, "f1")
    assert (stored.title, stored.severity, stored.description) == (
        "checkout is down",
        Severity.CRITICAL,
        "5xx",
    )
    assert (stored.started_at, stored.recorded_at, stored.resolved) == (100.0, 110.0, False)
    assert store.audit() == (AuditEntry("webhook", 110.0, WriteKind.TAKE_ALERT, "shop", 1, None),)


def test_the_same_notification_again_changes_nothing_and_leaves_no_entry(store: Store) -> None:
    reports = [report(), report("f2", ends_at=150.0)]
    first = store.take_alerts("shop", reports, act())
    kept = store.incidents("shop")
    again = store.take_alerts("shop", reports, act())
    assert first == AlertCounts({AlertOutcome.OPENED: 1, AlertOutcome.RECORDED: 1}, (1, 2))
    assert again == AlertCounts({AlertOutcome.MERGED: 1, AlertOutcome.KNOWN: 1})
    assert store.incidents("shop") == kept
    assert len(store.audit()) == 2


def test_a_resolved_alert_resolves_its_incident_and_no_other(store: Store) -> None:
    store.record_incident(incident(started_at=90.0), act())
    store.take_alerts("shop", [report("f1"), report("f2")], act())
    store.take_alerts("other", [report("f1")], act())
    store.take_alerts("shop", [report("f1", ends_at=200.0)], act())
    assert {(one.fingerprint, one.resolved_at) for one in store.incidents("shop")} == {
        (None, None),
        ("f1", 200.0),
        ("f2", None),
    }
    assert not store.incidents("other")[0].resolved


def test_reports_of_one_notification_see_what_those_before_them_did(store: Store) -> None:
    reports = [report(), report(), report(ends_at=200.0), report(), report(starts_at=300.0)]
    counts = store.take_alerts("shop", reports, act())
    assert counts.outcomes == {
        AlertOutcome.OPENED: 2,
        AlertOutcome.MERGED: 1,
        AlertOutcome.RESOLVED: 1,
        AlertOutcome.LATE: 1,
    }
    assert counts.touched == (1, 1, 2)


def test_what_a_person_did_to_an_incident_of_an_alert_stays(store: Store) -> None:
    store.take_alerts("shop", [report()], act())
    change = IncidentChange(severity=Severity.INFO, resolution="known", resolved_at=120.0)
    changed = store.change_incident("shop", 1, change, act())
    assert changed is not None
    store.take_alerts("shop", [report(), report(ends_at=500.0)], act())
    assert store.incidents("shop") == (changed,)
    assert changed.source is IncidentSource.ALERTMANAGER
    assert changed.told_severity is Severity.CRITICAL


@pytest.mark.parametrize("any_store", ["database", "memory"], indirect=True)
def test_an_alert_told_by_many_at_once_is_one_incident(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda _: store.take_alerts("shop", [report()], act()), range(40)))
    assert sum(counts.outcomes.get(AlertOutcome.OPENED, 0) for counts in told) == 1
    assert len(store.incidents("shop")) == 1


def test_an_override_is_recorded_and_told_newest_first(store: Store) -> None:
    first = store.record_override(override(), act(at=10.0)).record
    second = store.record_override(override(kind=OverrideKind.HOLD, criterion=""), act(at=20.0)).record
    other = store.record_override(override(pilot="other"), act(at=30.0)).record
    assert (first.id, first.by, first.reason, first.created_at) == (1, "ada", "load test", 10.0)
    assert store.overrides("shop") == (second, first)
    assert store.overrides("shop", limit=1) == (second,)
    assert store.overrides("other") == (other,)
    assert first.in_force(10.0)
    assert not first.in_force(1000.0)


def test_an_override_is_recorded_once_for_its_key(store: Store) -> None:
    first = store.record_override(override(), act("k1", at=10.0))
    again = store.record_override(override(), act("k1", at=20.0))
    assert (again.record, again.created) == (first.record, False)
    with pytest.raises(KeyReusedError):
        store.record_override(override(reason="another"), act("k1"))
    assert len(store.audit()) == 1


def test_a_revoked_override_stays_revoked_as_it_was_first(store: Store) -> None:
    stored = store.record_override(override(), act(at=10.0)).record
    revoked = store.revoke_override("shop", stored.id, "bob", act("k1", at=20.0))
    assert revoked == replace(stored, revoked_at=20.0, revoked_by="bob")
    assert store.revoke_override("shop", stored.id, "eve", act(at=30.0)) == revoked
    assert store.revoke_override("shop", stored.id, "bob", act("k1", at=40.0)) == revoked
    assert [entry.kind for entry in store.audit()] == [WriteKind.REVOKE_OVERRIDE, WriteKind.RECORD_OVERRIDE]
    assert not revoked.in_force(20.0)


@pytest.mark.parametrize("unknown", [0, -1, 2, 2**63, 10**30])
def test_an_override_that_is_not_there_cannot_be_revoked(store: Store, unknown: int) -> None:
    stored = store.record_override(override(), act()).record
    assert store.revoke_override("shop", unknown, "bob", act()) is None
    assert store.revoke_override("other", stored.id, "bob", act()) is None
    assert store.overrides("shop") == (stored,)


def test_records_tell_overrides_in_force_and_those_that_ended_lately(store: Store) -> None:
    at = 100 * DAY
    ids = {
        name: store.record_override(override(expires_at=until * DAY), act(at=since * DAY)).record.id
        for name, since, until in [
            ("in force", 60, 120),
            ("just ended", 60, 71),
            ("long over", 60, 69),
            ("to come", 101, 120),
            ("revoked long ago", 60, 120),
            ("revoked later", 60, 120),
        ]
    }
    store.revoke_override("shop", ids["revoked long ago"], "bob", act(at=69 * DAY))
    store.revoke_override("shop", ids["revoked later"], "bob", act(at=101 * DAY))
    told = store.records("shop", RecordsQuery(at)).overrides
    assert {one.id for one in told} == {ids["in force"], ids["just ended"], ids["revoked later"]}
    assert [one.id for one in told] == sorted((one.id for one in told), reverse=True)
    assert all(one.revoked_at is None for one in told)  # as it was then
    later = store.records("shop", RecordsQuery(102 * DAY)).overrides
    assert {one.id for one in later if one.revoked_at is not None} == {ids["revoked later"]}
