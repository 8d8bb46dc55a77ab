"""The first page: every pilot with its verdict and why, and what is worst; plain sets of SLOs below them."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import Response

from slo_daemon.core.pilot.pilot import Pilot
from slo_daemon.core.pilot.records import Records
from slo_daemon.core.pilot.verdict import Assessment, Verdict
from slo_daemon.core.report import ADVICE_WORDS
from slo_daemon.core.snapshot import SloView
from slo_daemon.web.pages.marks import Mark, verdict_mark
from slo_daemon.web.pages.rows import Count, SloRow, counts, is_fine, row_of, trouble_of, worst
from slo_daemon.web.pages.shell import Shell, Visit

MOST_SECTIONS = 50  # pilots and plain sets; a page of thousands would be megabytes, again for every slot
MOST_WORST = 6  # SLOs of one pilot
MOST_SENTENCES = 5  # blockers and warnings of one pilot


@dataclass(frozen=True, slots=True)
class Section:
    """One pilot, or one plain set of SLOs (then `pilot` is None). `more`: sentences that are on the pilot's own page."""

    name: str
    pilot: Pilot | None
    verdict: Mark
    advice: str
    why: str
    blockers: tuple[str, ...]
    warnings: tuple[str, ...]
    more: int
    incidents: int | None  # that are open; None while nobody knows
    slos: int
    counts: Sequence[Count]
    worst: Sequence[SloRow]
    not_fine: int


def overview(shell: Shell, visit: Visit) -> Response:
    """/"""
    found, left_out = sections(visit)
    headline = ", ".join(f"{section.name}: {section.verdict[2]}" for section in found if section.pilot)
    return shell.page(
        "overview.html",
        visit,
        "Overview",
        sections=found,
        left_out=left_out,
        total=counts(list(visit.snapshot.slos.values())),
        headline=headline,
    )


def sections(visit: Visit) -> tuple[list[Section], int]:
    """Pilots in the order of the specification, then plain sets of SLOs; of very many the worst. And how many are left out."""
    specification = visit.snapshot.specification
    views: dict[str, list[SloView]] = defaultdict(list)
    for view in visit.snapshot.slos.values():
        views[view.instance.slo.pilot].append(view)
    pilots = {pilot.name: pilot for pilot in specification.pilots}
    names = list(dict.fromkeys([*pilots, *(slo.pilot for slo in specification.slos)]))
    if len(names) > MOST_SECTIONS:
        names.sort(key=lambda name: _trouble(visit.assessment(name), views[name]))
    found = [_section(visit, name, pilots.get(name), views[name]) for name in names[:MOST_SECTIONS]]
    return found, len(names) - len(found)


def _trouble(assessment: Assessment | None, views: Sequence[SloView]) -> tuple[bool, Sequence[int]]:
    """Sorts the worst first: pilots that are not ready, then by the worst SLO."""
    ready = assessment is None or assessment.verdict is not Verdict.NOT_READY
    return ready, min(map(trouble_of, views), default=(1,))


def _section(visit: Visit, name: str, pilot: Pilot | None, views: Sequence[SloView]) -> Section:
    known = visit.snapshot.assessments.get(name)
    told = visit.assessment(name)
    blockers, warnings = (told.blockers, told.warnings) if told is not None else ((), ())
    return Section(
        name=name,
        pilot=pilot,
        verdict=verdict_mark(known, old=visit.age is not None),
        advice=ADVICE_WORDS[told.advice] if told is not None else "",
        why=told.advice_reason if told is not None else "",
        blockers=blockers[:MOST_SENTENCES],
        warnings=warnings[:MOST_SENTENCES],
        more=len(blockers[MOST_SENTENCES:]) + len(warnings[MOST_SENTENCES:]),
        incidents=_open(told),
        slos=len(views),
        counts=counts(views, name),
        worst=[row_of(view) for view in _shown(views)],
        not_fine=sum(not is_fine(view) for view in views),
    )


def _shown(views: Sequence[SloView]) -> list[SloView]:
    """All of a few; of many those that need a look."""
    if len(views) <= MOST_WORST:
        return sorted(views, key=trouble_of)
    return worst(views, MOST_WORST)


def _open(assessment: Assessment | None) -> int | None:
    if assessment is None or not isinstance(assessment.records, Records):
        return None
    return sum(assessment.records.incidents.open_by_severity.values())
