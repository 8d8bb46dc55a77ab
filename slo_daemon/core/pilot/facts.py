"""Everything that a pilot's criteria may ask about, at one time."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import assert_never

from slo_daemon.core.pilot.criteria.criterion import Met, Operand
from slo_daemon.core.pilot.criteria.evidence import Evidence, Known, MetFact, Source, Unknown
from slo_daemon.core.pilot.criteria.meaning import Kind, Meaning
from slo_daemon.core.pilot.criteria.vocabulary import Subject, Vocabulary
from slo_daemon.core.pilot.measures import (
    OBSERVED,
    first_midnight,
    measured_slo,
    met_name,
    metric_name,
    value_name,
)
from slo_daemon.core.pilot.pilot import Pilot
from slo_daemon.core.pilot.records import (
    Records,
    RecordsUnavailable,
    Severity,
    Votes,
    VotesQuery,
)
from slo_daemon.core.pilot.satisfaction import ENOUGH_VOTES, satisfaction, satisfied_share
from slo_daemon.core.pilot.slo_facts import (
    NOT_EVALUATED,
    FactReason,
    alert_level,
    budget_left,
    burn_rate,
    met_for,
    met_now,
    number_of,
    worst_of,
)
from slo_daemon.core.pilot.trials import Trial, outcome_at
from slo_daemon.core.pilot.truth import Truth
from slo_daemon.core.quantity import UNITS, show_duration
from slo_daemon.core.slo.evaluation import Evaluation
from slo_daemon.core.slo.measure import Watched
from slo_daemon.core.slo.objective import Direction
from slo_daemon.core.slo.phrases import say_count, say_name, say_time
from slo_daemon.core.slo.slo import Slo, SloInstance
from slo_daemon.core.slo.state import SloState
from slo_daemon.core.slo.window import Slot

_NUMBER, _PERCENT, _DAYS, _RATING = UNITS[""], UNITS["%"], UNITS["d"], UNITS["/5"]


@dataclass(frozen=True, slots=True)
class Judged:
    """An SLO as readiness sees it. `evaluation` is None before the first slot."""

    instance: SloInstance
    state: SloState
    evaluation: Evaluation | None


@dataclass(frozen=True)
class PilotFacts:
    """See `criteria.evidence.Facts`.

    `slot`: the latest that was evaluated. `at`: Unix seconds. `stage_since`: when the document's stage was first seen as
    it is now. `trials`: experiments by metric.
    """

    pilot: Pilot
    vocabulary: Vocabulary
    slot: Slot | None
    at: float
    slos: Sequence[Judged]
    watched: Sequence[Watched]
    records: Records | RecordsUnavailable
    trials: Mapping[str, Trial] = field(default_factory=dict)
    stage_since: float | None = None

    def value(self, operand: Operand, alpha: float) -> Evidence:
        """See Facts."""
        meaning = self.vocabulary.meaning(operand)
        if not isinstance(meaning, Meaning):
            return Unknown(FactReason.NOT_UNDERSTOOD, meaning.message)
        subject = meaning.subject
        match meaning.kind:
            case Kind.SLO_VALUE | Kind.SUCCESS_METRIC:
                return self._measured(subject, operand.window)
            case Kind.BUDGET_REMAINING | Kind.ALERT_LEVEL:
                return self._of_state(meaning.kind, subject)
            case Kind.BURN_RATE:
                return self._burning(subject, operand.window or 0)
            case Kind.INCIDENTS | Kind.OPEN_INCIDENTS:
                return self._incidents(meaning, operand.window)
            case Kind.SATISFACTION | Kind.SATISFIED_SHARE | Kind.RESPONSES:
                return self._votes(meaning, operand.window, alpha)
            case Kind.LIFT:
                return self._lift(subject, alpha)
            case Kind.RAMP_OBSERVED:
                return self.observed_share
            case Kind.RAMP_SCHEDULED | Kind.TIME_IN_STAGE | Kind.PILOT_AGE:
                return self._calendar(meaning.kind)
            case _:
                assert_never(meaning.kind)

    def met(self, met: Met) -> Sequence[MetFact]:
        """See Facts."""
        subjects = [self.vocabulary.subject(name) for name in met.names]
        names = [
            s.name if isinstance(s, Subject) else name for s, name in zip(subjects, met.names, strict=True)
        ]
        return [
            fact for name in names or [slo.name for slo in self.pilot.slos] for fact in self._met(name, met)
        ]

    def trial_of(self, operand: Operand) -> Trial | None:
        """The experiment whose lift an operand is."""
        meaning = self.vocabulary.meaning(operand)
        if not isinstance(meaning, Meaning) or meaning.kind is not Kind.LIFT:
            return None
        return self.trials.get(meaning.subject)

    @cached_property
    def observed_share(self) -> Evidence:
        """The share of users that is served, as a ratio."""
        return self._one(OBSERVED)

    @cached_property
    def _by_slo(self) -> Mapping[str, list[Judged]]:
        found: dict[str, list[Judged]] = defaultdict(list)
        for one in self.slos:
            found[one.instance.slo.name].append(one)
        return found

    @cached_property
    def _by_measure(self) -> Mapping[str, list[Watched]]:
        found: dict[str, list[Watched]] = defaultdict(list)
        for one in self.watched:
            found[one.instance.slo.name].append(one)
        return found

    def _measured(self, name: str, window: int | None) -> Evidence:
        slo = measured_slo(self.pilot, name)
        if slo is None:
            return Unknown(FactReason.NOT_UNDERSTOOD, f"{name} is measured no more")
        measure = metric_name(name) if slo.name != name else ""
        if window is not None and window != slo.window.seconds:
            measure = value_name(name, window)
        if measure:
            return self._one(measure, slo)
        found = [
            (say_name(one.instance), number_of(one.evaluation, self.slot, self.at))
            for one in self._by_slo[name]
        ]
        return worst_of(found, slo.objective.direction)

    def _one(self, measure: str, slo: Slo | None = None) -> Evidence:
        found = self._by_measure[measure]
        if not found:
            return Unknown(NOT_EVALUATED, "not evaluated in the latest slot")
        direction = (slo or found[0].instance.slo).objective.direction
        return worst_of(
            [(_group(one), number_of(one.evaluation, self.slot, self.at)) for one in found], direction
        )

    def _of_state(self, kind: Kind, name: str) -> Evidence:
        if kind is Kind.BUDGET_REMAINING:
            found = [
                (say_name(one.instance), budget_left(one.evaluation, self.slot, self.at))
                for one in self._by_slo[name]
            ]
            return worst_of(found, Direction.AT_LEAST)
        found = [
            (say_name(one.instance), alert_level(one.state, one.evaluation, self.slot, self.at))
            for one in self._by_slo[name]
        ]
        return worst_of(found, Direction.AT_MOST)

    def _burning(self, name: str, window: int) -> Evidence:
        slo = measured_slo(self.pilot, name)
        if slo is None:
            return Unknown(FactReason.NOT_UNDERSTOOD, f"{name} is measured no more")
        own: Sequence[Judged | Watched] = (
            self._by_slo[name] if window == slo.window.seconds else self._by_measure[value_name(name, window)]
        )
        found = [(_group(one), burn_rate(slo, one.evaluation, self.slot, self.at)) for one in own]
        return worst_of(found, Direction.AT_MOST)

    def _met(self, name: str, met: Met) -> list[MetFact]:
        groups = self._by_slo[name]
        if met.duration:
            own = self._by_measure[met_name(name, met.duration, strictly=met.strictly)]
            return [met_for(_shown(name, one), one, self.slot, self.at) for one in own] or [
                met_for(name, None, self.slot, self.at)
            ]
        if any(slo.name == name for slo in self.pilot.slos):
            facts = [
                met_now(say_name(one.instance), one.state, one.evaluation, self.slot, self.at)
                for one in groups
            ]
        else:
            facts = [
                met_now(_shown(name, one), None, one.evaluation, self.slot, self.at)
                for one in self._by_measure[metric_name(name)]
            ]
        return facts or [MetFact(name, Truth.UNKNOWN, FactReason.NO_GROUP, "no group of it was seen yet")]

    def _incidents(self, meaning: Meaning, window: int | None) -> Evidence:
        records = self.records
        if isinstance(records, RecordsUnavailable):
            return Unknown(records.reason, records.detail, unit=_NUMBER)
        summary = records.incidents
        if meaning.kind is Kind.OPEN_INCIDENTS:
            count = float(_counted(summary.open_by_severity, meaning.subject))
            return Known(count, count, count, _NUMBER, source=Source("", "incidents", self.at))
        started = summary.started.get(float(window or 0))
        if started is None:
            return Unknown(NOT_EVALUATED, "not counted yet", unit=_NUMBER)
        count, shown = float(_counted(started, meaning.subject)), show_duration(window or 0)
        return Known(count, count, count, _NUMBER, source=Source(shown, "incidents", self.at))

    def _votes(self, meaning: Meaning, window: int | None, alpha: float) -> Evidence:
        records = self.records
        if isinstance(records, RecordsUnavailable):
            return Unknown(records.reason, records.detail, unit=_RATING)
        query = VotesQuery(None if window is None else float(window), meaning.subject)
        votes = records.ratings.votes if query == VotesQuery() else records.votes.get(query)
        source = Source("" if window is None else show_duration(window), "feedback", self.at)
        if votes is None:
            return Unknown(NOT_EVALUATED, "not counted yet", unit=_RATING, source=source)
        if meaning.kind is Kind.RESPONSES:
            n = float(votes.count)
            return Known(n, n, n, _NUMBER, source=source)
        return rated(votes, meaning.kind, alpha, source)

    def _lift(self, name: str, alpha: float) -> Evidence:
        trial = self.trials.get(name)
        if trial is None or not trial.watched:
            return Unknown(NOT_EVALUATED, "not evaluated in the latest slot", unit=_PERCENT)
        return outcome_at(trial, self.pilot, alpha).lift.evidence(self._lift_source(trial))

    def _lift_source(self, trial: Trial) -> Source:
        """The day counts are sums, so their time is that of the slot that has looked at them."""
        at = max(one.evaluation.slot.time for one in trial.watched)
        experiment = trial.experiment
        return Source(f"since {self.pilot.start}", f"{experiment.converted} of {experiment.exposed}", at)

    def _calendar(self, kind: Kind) -> Evidence:
        source = Source("", "calendar", self.at)
        if kind is Kind.RAMP_SCHEDULED:
            if self.pilot.ramp is None:
                return Unknown(FactReason.NO_RAMP, "the pilot has no ramp")
            share = self.pilot.ramp.scheduled(self.pilot.start, datetime.fromtimestamp(self.at, UTC).date())
            return Known(share, share, share, _PERCENT, source=source)
        since = first_midnight(self.pilot) if kind is Kind.PILOT_AGE else self.stage_since
        if since is None:
            return Unknown(NOT_EVALUATED, "not known yet", unit=_DAYS, source=source)
        age = max(0.0, self.at - since)
        return Known(age, age, age, _DAYS, about=f"since {say_time(since)}", source=source)


def rated(votes: Votes, kind: Kind, alpha: float, source: Source) -> Evidence:
    """The mean rating, or the share of content users, with an interval that holds however often one looks."""
    unit = _RATING if kind is Kind.SATISFACTION else _PERCENT
    n = votes.count
    if kind is Kind.SATISFACTION:
        opinion = satisfaction(votes, alpha)
        value = opinion.mean if opinion else None
        shown, sure = (opinion.interval, opinion.always_valid) if opinion else (None, None)
    else:
        content = satisfied_share(votes, alpha)
        value = content.share if content else None
        shown, sure = (content.interval, content.always_valid) if content else (None, None)
    if value is None:
        return Unknown(FactReason.NO_FEEDBACK, "nobody has rated yet", n=0.0, unit=unit, source=source)
    about = f"{unit.show(value)} from {say_count(n, 'vote')}"
    if sure is None:
        detail = f"{about}; it takes {ENOUGH_VOTES} votes to decide"
        return Unknown(FactReason.TOO_FEW_VOTES, detail, value, shown, unit, float(n), source=source)
    return Known(value, *sure, unit, float(n), "sampling", source=source, noun="votes")


def _counted(by_severity: Mapping[Severity, int], severity: str) -> int:
    """One severity, or all of them."""
    return by_severity.get(Severity(severity), 0) if severity else sum(by_severity.values())


def _group(one: Judged | Watched) -> str:
    return ", ".join(f"{name}={value}" for name, value in one.instance.group) or one.instance.slo.name


def _shown(name: str, one: Watched) -> str:
    return f"{name}{{{_group(one)}}}" if one.instance.group else name
