"""A house for each test, and a visitor to its real HTTP server."""

from collections.abc import Iterator

import pytest

from tests.web.browsing import Client
from tests.web.house import House, Visitor


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
