"""What the judges remember of a pilot from slot to slot: clocks and triggers of its criteria, and since when its stage is."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from slo_daemon.core.pilot.criteria.hold import Hold
from slo_daemon.core.pilot.criteria.watch import WatchState
from slo_daemon.core.pilot.pilot import Pilot, Role

CriterionKey = tuple[Role, str]  # role and text


@dataclass(frozen=True, slots=True)
class CriterionMemory:
    """Of one criterion: since when it is what it is, and the clocks of its comparisons by their text.

    `of`: a digest of what the clocks were running for; a text can come to mean another SLO, or one measured otherwise.
    """

    watch: WatchState
    holds: Mapping[str, Hold] = field(default_factory=dict)
    of: str = ""


@dataclass(frozen=True, slots=True)
class PilotMemory:
    """`stage_since` (Unix s): when the document was first seen in its stage.

    `served`: the planned share of users (ratio) that was seen to be served last.
    """

    stage: str = ""
    stage_since: float | None = None
    criteria: Mapping[CriterionKey, CriterionMemory] = field(default_factory=dict)
    served: float | None = None

    def in_stage(self, pilot: Pilot, at: float) -> "PilotMemory":
        """The memory at a time, with the pilot's stage as it is then."""
        if self.stage == pilot.stage.value and self.stage_since is not None:
            return self
        return replace(self, stage=pilot.stage.value, stage_since=at)

    def after(self, older: "PilotMemory") -> "PilotMemory":
        """This memory, begun without knowing `older`: what had fired then and was not seen to be over since is fired."""
        same = self.stage == older.stage and older.stage_since is not None
        criteria = dict(self.criteria)
        for key, before in older.criteria.items():
            now = criteria.get(key)
            if now is None:
                criteria[key] = before
            elif before.watch.fired is not None:
                fired = min(before.watch.fired, now.watch.fired or before.watch.fired)
                criteria[key] = replace(now, watch=replace(now.watch, fired=fired))
        return PilotMemory(self.stage, older.stage_since if same else self.stage_since, criteria)


NOTHING_REMEMBERED = PilotMemory()
