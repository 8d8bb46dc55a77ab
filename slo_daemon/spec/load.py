"""All texts of the operator at once: either one Specification, or every problem that stands in its way."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from slo_daemon.core.pilot.measures import measures_of
from slo_daemon.core.pilot.pilot import Pilot
from slo_daemon.core.slo.slo import Slo
from slo_daemon.core.snapshot import Specification
from slo_daemon.core.spelling import did_you_mean
from slo_daemon.spec import leaves
from slo_daemon.spec.nodes import Scalar, Table, to_data
from slo_daemon.spec.pilot_shape import PilotShape, SlosShape
from slo_daemon.spec.pilots import read_pilot
from slo_daemon.spec.problems import Mark, Problem, SpecError, errors_of, shorten
from slo_daemon.spec.shape import Place, Shape, check
from slo_daemon.spec.slos import Owner, read_labels, read_slos
from slo_daemon.spec.yaml_text import Document, parse

SETTINGS = "Settings"
_SHAPES: dict[str, type[Shape]] = {"Pilot": PilotShape, "Slos": SlosShape}


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the texts came to, and what their authors may not have meant."""

    specification: Specification
    warnings: tuple[Problem, ...]


@dataclass(slots=True)
class _Reading:
    scrape_interval: int
    problems: list[Problem] = field(default_factory=list)
    slos: list[Slo] = field(default_factory=list)
    pilots: list[Pilot] = field(default_factory=list)
    names: dict[str, Mark] = field(default_factory=dict)
    contents: list[str] = field(default_factory=list)


def load(
    texts: Sequence[tuple[str, str]], *, scrape_interval: int = 30, problems: Iterable[Problem] = ()
) -> Loaded:
    """The specification of all documents in `texts` (file name, text); `scrape_interval` in seconds.

    `problems`: what went wrong before, with files that could not be read; they are told together with the rest. Raises
    SpecError. Bytes that were not UTF-8 may stand in a text as `surrogateescape` leaves them.
    """
    reading = _Reading(scrape_interval, list(problems))
    if not texts and not reading.problems:
        reading.problems.append(
            Problem(
                "",
                None,
                None,
                "",
                "no file with pilots or SLOs is named",
                "name files or folders, with --spec or as specs in the settings",
            )
        )
    for file, text in texts:
        documents, found = parse(file, text)
        taken = {(problem.line, problem.column) for problem in found}
        before = len(reading.problems)
        for document in documents:
            _read_document(document, reading)
        # Where YAML itself was broken, what the broken piece then lacks is no news.
        news = [p for p in reading.problems[before:] if (p.line, p.column) not in taken]
        reading.problems[before:] = sorted([*found, *news], key=lambda p: (p.line or 0, p.column or 0))
    if errors_of(reading.problems):
        raise SpecError(reading.problems)
    content = sha256("\n".join(sorted(reading.contents)).encode()).hexdigest()
    measures = tuple(measure for pilot in reading.pilots for measure in measures_of(pilot))
    specification = Specification(tuple(reading.slos), tuple(reading.pilots), content, measures)
    return Loaded(specification, tuple(reading.problems))


def _read_document(document: Document, reading: _Reading) -> None:
    root = Place(document.root, (), document.root.mark, reading.problems)
    kind = kind_of_document(root, list(_SHAPES))
    if kind is None:
        return
    check(root, _SHAPES[kind])
    owner = _owner(root, reading)
    slos = read_slos(root.at("spec", "slos"), owner)
    reading.slos.extend(slos)
    if kind == "Pilot":
        pilot = read_pilot(root, tuple(sorted(owner.labels.items())), slos)
        if pilot is not None:
            reading.pilots.append(pilot)
    reading.contents.append(json.dumps(to_data(document.root), sort_keys=True))


def kind_of_document(root: Place, known: list[str]) -> str | None:
    """The document's kind, if it is one of `known`; else the problem is reported."""
    if not isinstance(root.node, Table):
        root.report("a document is a mapping that begins with apiVersion and kind")
        return None
    place = root.at("kind")
    if not isinstance(place.node, Scalar):
        place.report(
            "this key is missing" if place.node is None else "one word is wanted here", _one_of(known)
        )
        return None
    kind = place.node.text
    if kind in known:
        return kind
    if kind == SETTINGS:
        place.report(
            "the daemon's own settings do not belong among pilots and SLOs", "name that file with --config"
        )
    elif known == [SETTINGS]:
        place.report(
            f"kind {shorten(kind)!r} is not the daemon's settings",
            "name files with pilots and SLOs under specs",
        )
    else:
        place.report(f"kind {shorten(kind)!r} is not known", did_you_mean(kind, known, "kinds"))
    return None


def _one_of(known: list[str]) -> str:
    return f"write kind: {' or '.join(known)}"


def _owner(root: Place, reading: _Reading) -> Owner:
    place = root.at("metadata", "name")
    name = place.read(leaves.name) or ""
    if name:
        first = reading.names.setdefault(name, place.mark)
        if first is not place.mark:
            place.report(
                f"another document is named {name!r}", f"it stands in {first}; SLO ids begin with this name"
            )
    labels = dict(read_labels(root.at("metadata", "labels")))
    return Owner(name, labels, reading.scrape_interval)
