"""The form of a resolution, while others write, too."""

from slo_daemon.adapters.memory_store import MemoryStore
from slo_daemon.core.pilot.records import Incident, IncidentChange, NewIncident, Severity
from slo_daemon.ports import Act
from slo_daemon.web.pages.incidents import MOST_INCIDENTS
from slo_daemon.web.security import Role
from tests.web.browsing import Person
from tests.web.house import NOW, PILOT, House
from tests.web.records import ADD, RESOLVE, with_incident


def test_who_resolves_at_the_same_moment_as_somebody_else_keeps_what_was_typed(
    house: House,
) -> None:
    class Racing(MemoryStore):
        def change_incident(
            self, pilot: str, incident_id: int, change: IncidentChange, act: Act
        ) -> Incident | None:
            bob = IncidentChange(resolution="fixed by Bob", resolved_at=NOW)
            super().change_incident(pilot, incident_id, bob, Act("bob", NOW, "k", "bob's"))
            return super().change_incident(pilot, incident_id, change, act)

    house.store = Racing()
    ada = Person(house)
    ada.sign_in(Role.INCIDENTS)
    with_incident(house)
    ada.open(ADD)

    page = ada.send(RESOLVE, 422, resolution="fixed by Ada")

    assert "resolution was written by somebody else meanwhile" in page.text
    assert "Resolution: fixed by Bob You typed: fixed by Ada" in page.text


def test_words_are_added_to_an_incident_that_ended_without_any_while_they_were_typed(
    house: House, ada: Person
) -> None:
    with_incident(house)
    form = ada.open(ADD).forms[RESOLVE] | {"resolution": "the index was rebuilt"}
    house.store.change_incident(PILOT, 1, IncidentChange(resolved_at=NOW - 60), Act("alertmanager", NOW))

    page = ada.post(RESOLVE, form)

    assert "Incident 1 is resolved." in page.text
    assert house.store.incidents(PILOT)[0].resolution == "the index was rebuilt"
    assert house.store.incidents(PILOT)[0].resolved_at == NOW - 60


def test_the_form_of_a_resolution_sent_again_with_other_words_changes_nothing(
    house: House, ada: Person
) -> None:
    with_incident(house)
    form = ada.open(ADD).forms[RESOLVE]
    ada.post(RESOLVE, form | {"resolution": "fixed"})

    page = ada.post(RESOLVE, form | {"resolution": "not really"}, 422)

    assert "resolution was recorded with other words before, by this same form" in page.text
    assert "Resolution: fixed You typed: not really" in page.text
    assert house.store.incidents(PILOT)[0].resolution == "fixed"


def test_an_old_incident_that_is_open_still_can_be_found_and_resolved_below_many_newer_ones(
    house: House, ada: Person
) -> None:
    with_incident(house)
    for number in range(MOST_INCIDENTS + 1):
        over = NewIncident(PILOT, f"over-{number}", Severity.INFO, "", NOW - 300, "gone", NOW - 200)
        house.store.record_incident(over, Act("alertmanager", NOW))

    page = ada.open(ADD)

    assert "The latest 100, and older ones that are open" in page.text
    assert page.text.index("Index is late") < page.text.index("over-100")
    assert "Incident 1 is resolved." in ada.send(RESOLVE, resolution="fixed").text
    assert "Index is late" not in ada.open(ADD).text
