"""Everything known at one time: one immutable value, replaced whole after each slot.

Readers never wait for the write line: they take the current snapshot and keep it as long as they like.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from slo_daemon.core.pilot.pilot import Pilot
from slo_daemon.core.pilot.verdict import Assessment
from slo_daemon.core.slo.evaluation import Evaluation
from slo_daemon.core.slo.measure import Measure, Watched
from slo_daemon.core.slo.measurement import DataState
from slo_daemon.core.slo.slo import Slo, SloInstance
from slo_daemon.core.slo.state import SloState
from slo_daemon.core.slo.window import Slot


@dataclass(frozen=True, slots=True)
class SloView:
    """One SLO (or group) as it stands. `evaluation` is None until the first slot after a start: only the state is known."""

    instance: SloInstance
    state: SloState
    evaluation: Evaluation | None

    @property
    def data_state(self) -> DataState:
        """Of the evaluation, else the remembered one."""
        return self.evaluation.data_state if self.evaluation else self.state.data_state


@dataclass(frozen=True, slots=True)
class SourceView:
    """How the source answered in the last slot. `skew`: its clock minus ours, in seconds; None when it did not answer."""

    up: bool
    reason: str  # "" when up, else the named reason
    detail: str
    skew: float | None


@dataclass(frozen=True, slots=True)
class Specification:
    """All loaded documents. `hash` names their content, so a report can say what it judged by.

    `measures`: what pilots need to know beside their SLOs.
    """

    slos: tuple[Slo, ...]
    pilots: tuple[Pilot, ...]
    hash: str
    measures: tuple[Measure, ...] = ()

    @property
    def watched(self) -> tuple[Slo, ...]:
        """Everything that is asked for: SLOs, and measures."""
        return (*self.slos, *(measure.slo for measure in self.measures))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`slot` is None before the first evaluation. `slos` by instance id, in the order of the specification."""

    specification: Specification
    slot: Slot | None
    source: SourceView | None
    slos: Mapping[str, SloView]
    assessments: Mapping[str, Assessment] = field(default_factory=dict)
    queries: int = 0  # sent in the last slot
    samples: int | None = None  # that the source touched for them, where it tells
    measures: Mapping[str, Watched] = field(default_factory=dict)  # by instance id

    def of_pilot(self, pilot: str) -> tuple[SloView, ...]:
        """The SLOs of one pilot."""
        return tuple(view for view in self.slos.values() if view.instance.slo.pilot == pilot)
