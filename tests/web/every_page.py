"""The addresses of all pages of a house."""

from slo_daemon.web.pages.rows import path_of
from tests.web.house import PILOT, House

REPORT = "2027-01-15T08-00-00Z"
PILOT_PAGE = f"/pilots/{PILOT}"


def every_page(house: House) -> list[str]:
    """The address of every page that there is something on."""
    slos = [path_of(one) for one in house.current.slos]
    own = [f"/pilots/{one.name}" for one in house.current.specification.pilots]
    return [
        "/",
        "/slos",
        "/sign-in",
        *slos,
        *own,
        *(f"{one}/{part}" for one in own for part in ("incidents", "feedback")),
    ]
