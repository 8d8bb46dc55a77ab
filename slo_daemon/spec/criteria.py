"""Go-live criteria and rollback triggers: texts and mappings -> criteria, with every problem at its character."""

from slo_daemon.core.pilot.criteria.check import Problem, Purpose, check_placed, meaning_of
from slo_daemon.core.pilot.criteria.placed import Placed
from slo_daemon.core.pilot.criteria.show import show
from slo_daemon.core.pilot.criteria.structured import Place as Inner
from slo_daemon.core.pilot.criteria.structured import StructureError, read_structured
from slo_daemon.core.pilot.criteria.vocabulary import Vocabulary
from slo_daemon.core.pilot.pilot import CriterionText, Role
from slo_daemon.spec import leaves
from slo_daemon.spec.nodes import Scalar, to_data
from slo_daemon.spec.problems import Mark, Severity
from slo_daemon.spec.shape import Place

_PURPOSES = {Role.GO_LIVE: Purpose.GO_ON, Role.ROLLBACK: Purpose.ROLL_BACK}


def read_criteria(place: Place, role: Role, vocabulary: Vocabulary | None) -> tuple[CriterionText, ...]:
    """The criteria of a list, as far as they can be read. Without a vocabulary their names are not looked up."""
    found = []
    first: dict[object, Place] = {}
    for item in place.items():
        if item.node is None or item.read(leaves.criterion) is None:
            continue
        placed = _read(item)
        if placed is None:
            continue
        criterion = placed.criterion
        text = item.node.text.strip() if isinstance(item.node, Scalar) else show(criterion)
        found.append(CriterionText(text, role, criterion))
        if vocabulary is not None:
            for problem in check_placed(placed, vocabulary, _PURPOSES[role]):
                _report(item, problem)
        meaning = criterion if vocabulary is None else meaning_of(criterion, vocabulary)
        before = first.setdefault(meaning, item)
        if before is not item:
            item.report(
                f"the criterion {show(criterion)!r} stands twice", f"the first is in line {before.mark.line}"
            )
    return tuple(found)


def _read(item: Place) -> Placed[Inner] | None:
    assert item.node is not None  # noqa: S101 - by the caller
    try:
        return read_structured(to_data(item.node))
    except StructureError as error:
        _report(item, Problem(error.place, error.message, error.remedy))
        return None


def _report(item: Place, problem: Problem[Inner]) -> None:
    place = item.at(*problem.place.path)
    severity = Severity.ERROR if problem.error else Severity.WARNING
    mark, inside = _mark(place, problem.place)
    place.report(f"{problem.message}{inside}", problem.remedy, severity, mark=mark)


def _mark(place: Place, inner: Inner) -> tuple[Mark, str]:
    """The position in the file; where a text is written so that it has none, its piece in words."""
    node, mark, span = place.node, place.mark, inner.span
    if span is None or not isinstance(node, Scalar) or mark.column is None:
        return mark, ""
    if node.inset is None:
        piece = node.text[span.start : span.end].strip()
        return mark, f" (at {piece[:80]!r})" if piece else ""
    return Mark(mark.file, mark.line, mark.column + node.inset + span.start), ""
