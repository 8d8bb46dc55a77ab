"""A house for each test, and a visitor to its real HTTP server."""

from collections.abc import Iterator

import pytest

from slo_daemon.web.security import Role
from tests.web.browsing import Client, Person
from tests.web.house import House, Visitor
from tests.web.records import ADD


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
def visitor(house: House) -> Iterator[Visitor]:
    with house.open() as visitor:
        yield visitor


@pytest.fixture(autouse=True)
def no_application_stays() -> Iterator[None]:
    yield
    Client.close_all()


@pytest.fixture
def person(house: House) -> Person:
    return Person(house)


@pytest.fixture
def ada(person: Person) -> Person:
    """Signed in for incidents, at the form."""
    person.sign_in(Role.INCIDENTS)
    person.open(ADD)
    return person
