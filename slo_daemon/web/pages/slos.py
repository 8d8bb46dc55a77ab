"""All SLOs: filtered, sorted and grouped by the parameters of the address, a hundred to a page."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import groupby
from math import ceil, inf
from typing import Any
from urllib.parse import urlencode

from fastapi import Response

from slo_daemon.core.slo.measurement import DataState
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.snapshot import SloView, Snapshot
from slo_daemon.web.pages.marks import DATA, LEVELS, MET
from slo_daemon.web.pages.rows import SloRow, met_of, row_of, trouble_of
from slo_daemon.web.pages.shell import Shell, Visit

PAGE_SIZE = 100
LONGEST_TEXT = 200
_MET = {"met": True, "missed": False, "unknown": None}
_MET_ORDER = {False: 0, None: 1, True: 2}


class Sort(StrEnum):
    """What the list is sorted by, and how that is said."""

    WORST = "worst"
    NAME = "name"
    LEVEL = "level"
    MET = "met"
    DATA = "data"
    BUDGET = "budget"
    SINCE = "since"


class Group(StrEnum):
    """What the list is grouped by."""

    NONE = "none"
    PILOT = "pilot"
    LEVEL = "level"
    DATA = "data"
    MET = "met"


SORTS = {
    Sort.WORST: "worst first",
    Sort.NAME: "name",
    Sort.LEVEL: "alert level, highest first",
    Sort.MET: "objective, missed first",
    Sort.DATA: "data, ok last",
    Sort.BUDGET: "error budget, least left first",
    Sort.SINCE: "last change of level, newest first",
}
GROUPS = {
    Group.NONE: "nothing",
    Group.PILOT: "pilot",
    Group.LEVEL: "alert level",
    Group.DATA: "data",
    Group.MET: "objective",
}


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants to see. Empty: everything."""

    text: str = ""
    pilot: str = ""
    level: str = ""
    data: str = ""
    met: str = ""
    sort: Sort = Sort.WORST
    group: Group = Group.NONE
    page: int = 1

    @property
    def narrow(self) -> bool:
        """Whether anything is left out."""
        return bool(self.text or self.pilot or self.level or self.data or self.met)

    def address(self, **changes: object) -> str:
        """The page with this wish, or with another one; usual values are left out."""
        wish = replace(self, **{"page": 1, **changes})  # type: ignore[arg-type]
        usual = Wish()
        pairs = [
            (name, str(getattr(wish, name)))
            for name in ("text", "pilot", "level", "data", "met", "sort", "group", "page")
            if getattr(wish, name) != getattr(usual, name)
        ]
        return f"/slos?{urlencode(pairs)}" if pairs else "/slos"


@dataclass(frozen=True, slots=True)
class Rows:
    """Lines under one heading. `count`: how many it has on all pages."""

    heading: str
    count: int
    rows: Sequence[SloRow]


def slo_list(shell: Shell, visit: Visit, parameters: Mapping[str, str]) -> Response:
    """/slos"""
    pilots = pilots_of(visit.snapshot)
    wish, notes = read_wish(parameters, pilots)
    found = wanted(visit.snapshot.slos.values(), wish)
    pages = max(1, ceil(len(found) / PAGE_SIZE))
    wish = replace(wish, page=min(wish.page, pages))
    shown = found[(wish.page - 1) * PAGE_SIZE : wish.page * PAGE_SIZE]
    return shell.page(
        "slos.html",
        visit,
        "SLOs",
        wish=wish,
        notes=notes,
        groups=grouped(shown, found, wish.group),
        first=(wish.page - 1) * PAGE_SIZE + 1 if shown else 0,
        last=(wish.page - 1) * PAGE_SIZE + len(shown),
        found=len(found),
        total=len(visit.snapshot.slos),
        pages=pages,
        pilots=pilots,
        choices=_CHOICES,
        sorts=SORTS,
        group_names=GROUPS,
    )


def pilots_of(snapshot: Snapshot) -> list[str]:
    """The names of all pilots and plain sets that have SLOs."""
    return list(dict.fromkeys(view.instance.slo.pilot for view in snapshot.slos.values()))


def read_wish(parameters: Mapping[str, str], pilots: Sequence[str]) -> tuple[Wish, list[str]]:
    """The wish in the parameters of an address, and what in it was not understood, in sentences."""
    notes: list[str] = []

    def one_of(name: str, known: Iterable[str]) -> str:
        value, names = parameters.get(name, ""), list(known)
        if value and value not in names:
            listed = ", ".join(names[:10])
            notes.append(f"{name} {value[:40]!r} is not known, so it is left out; there is: {listed}.")
            return ""
        return value

    number = parameters.get("page", "1")
    page = int(number) if number.isascii() and number.isdigit() and len(number) < 8 else 0
    if page < 1:
        notes.append(f"page {number[:40]!r} is no number of a page; this is the first one.")
    return Wish(
        text=parameters.get("text", "").strip()[:LONGEST_TEXT],
        pilot=one_of("pilot", pilots),
        level=one_of("level", [level.word for level in Level]),
        data=one_of("data", list(DataState)),
        met=one_of("met", _MET),
        sort=Sort(one_of("sort", list(Sort)) or Sort.WORST),
        group=Group(one_of("group", list(Group)) or Group.NONE),
        page=max(1, page),
    ), notes


def wanted(views: Iterable[SloView], wish: Wish) -> list[SloView]:
    """The SLOs that a wish is about, in its order."""
    words = wish.text.casefold().split()
    found = [view for view in views if _matches(view, wish, words)]
    found.sort(key=_SORT_KEYS[wish.sort])
    if wish.group is not Group.NONE:
        found.sort(key=_GROUP_KEYS[wish.group])  # stable: within a group the order stays
    return found


def _matches(view: SloView, wish: Wish, words: Sequence[str]) -> bool:
    """Every word must be somewhere in the id or the description."""
    slo = view.instance.slo
    if wish.pilot and slo.pilot != wish.pilot:
        return False
    if wish.level and view.state.level.word != wish.level:
        return False
    if wish.data and view.data_state.value != wish.data:
        return False
    if wish.met and met_of(view) is not _MET[wish.met]:
        return False
    if not words:
        return True
    text = f"{view.instance.id} {slo.description}".casefold()
    return all(word in text for word in words)


def _left(view: SloView) -> float:
    budget = view.evaluation.budget if view.evaluation is not None else None
    return inf if budget is None or budget.remaining is None else budget.remaining


_SORT_KEYS: Mapping[Sort, Callable[[SloView], Any]] = {
    Sort.WORST: trouble_of,
    Sort.NAME: lambda view: view.instance.id,
    Sort.LEVEL: lambda view: -view.state.level,
    Sort.MET: lambda view: _MET_ORDER[met_of(view)],
    Sort.DATA: lambda view: view.data_state is DataState.OK,
    Sort.BUDGET: _left,
    Sort.SINCE: lambda view: -view.state.since,
}
_DATA_ORDER = {state: place for place, state in enumerate(DataState)}
_GROUP_KEYS: Mapping[Group, Callable[[SloView], Any]] = {
    Group.PILOT: lambda view: view.instance.slo.pilot,
    Group.LEVEL: lambda view: -view.state.level,
    Group.DATA: lambda view: _DATA_ORDER[view.data_state],
    Group.MET: lambda view: _MET_ORDER[met_of(view)],
}
_HEADINGS: Mapping[Group, Callable[[SloView], str]] = {
    Group.NONE: lambda _view: "",
    Group.PILOT: lambda view: view.instance.slo.pilot,
    Group.LEVEL: lambda view: f"alert level {LEVELS[view.state.level][2]}",
    Group.DATA: lambda view: f"data {DATA[view.data_state][2]}",
    Group.MET: lambda view: MET[met_of(view)][2],
}
_CHOICES = {
    "level": [(level.word, level.word) for level in sorted(Level, reverse=True)],
    "data": [(state.value, DATA[state][2]) for state in DataState],
    "met": [(name, name) for name in _MET],
}


def grouped(shown: Sequence[SloView], found: Sequence[SloView], group: Group) -> list[Rows]:
    """The lines of a page under their headings."""
    heading = _HEADINGS[group]
    sizes = Counter(heading(view) for view in found)
    return [
        Rows(name, sizes[name], [row_of(view) for view in views]) for name, views in groupby(shown, heading)
    ]
