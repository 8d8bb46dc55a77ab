"""A metric source that remembers: what a replay of the past will ask is fetched in a few range queries, and then answered from memory.

A question that was recorded is answered as the source itself would answer it at that time: a range query says at each step
what the instant query says. Everything else goes to the source behind it, and what is asked slot after slot is recorded
ahead from then on.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from threading import RLock

import numpy as np
from numpy.typing import NDArray

from slo_daemon.core.slo.query import FailReason, Labels, Sample
from slo_daemon.ports import MOST_POINTS, MetricSource, RangeReply, RangeRow, Reply, SourceError, range_times

PIECE = 2_016  # steps of one question: a week of 5-minute steps
AHEAD = 288  # steps that are recorded ahead of a question that comes slot after slot
_MOST_FAILURES = 20  # single steps of one question that fail, before it is no longer recorded
_TOO_MUCH = frozenset({FailReason.TOO_LARGE, FailReason.EXECUTION, FailReason.TIMEOUT})
_QUESTIONS_FAULT = frozenset({FailReason.BAD_QUERY, FailReason.SHAPE, FailReason.VALUE, FailReason.BAD_BODY})
_OF_THE_RANGE = re.compile(r"\b(?:start|end)\s*\(\s*\)")  # these mean another time in a range query


@dataclass(frozen=True, slots=True)
class Question:
    """A query that will be asked at `start`, `start + step` and so on up to `end`. Unix seconds, all whole."""

    promql: str
    step: int
    start: int
    end: int

    @property
    def steps(self) -> int:
        """How many times that are."""
        return (self.end - self.start) // self.step + 1

    def place(self, at: float) -> int | None:
        """Which of its steps a time is; None when it is none."""
        place, off = divmod(at - self.start, self.step)
        return int(place) if off == 0.0 and 0 <= place < self.steps else None


@dataclass(frozen=True, slots=True)
class Recording:
    """How many steps of questions were to be recorded, and how many of them are."""

    wanted: int
    there: int


class RecordedSource:
    """Wraps a source for a replay; see MetricSource. `now`: the replayed time, which is this source's own clock.

    `piece`: steps that one range query asks for at most. `asked` counts the questions that went to the source behind it.
    Closing it leaves that source open: the replay has only borrowed it.
    """

    def __init__(self, source: MetricSource, now: Callable[[], float], *, piece: int = PIECE) -> None:
        self._source = source
        self._now = now
        self._piece = min(piece, MOST_POINTS)
        self._tapes: dict[str, _Tape] = {}
        self._known: dict[tuple[str, float], Reply | SourceError] = {}
        self._misses: dict[str, int] = defaultdict(int)
        self._grid: tuple[int, int] | None = None  # the last slot, and how far slots are apart
        self._turn = RLock()
        self._closed = False
        self.asked = 0

    @property
    def url(self) -> str:
        """Of the source behind it."""
        return self._source.url

    def slots(self, end: int, step: int) -> None:
        """Slots come every `step` seconds until `end`: so far may questions be recorded ahead."""
        self._grid = (end, step)

    def record(
        self,
        questions: Iterable[Question],
        deadline: float,
        shown: Callable[[Recording], object] = lambda _: None,
    ) -> None:
        """Fetch what will be asked; `deadline` (s) of each query; `shown` is called after each, and may take its time.

        What is recorded already is not asked again. A question that cannot be recorded will be asked when its time comes.
        Raises SourceError when the source cannot be asked at all.
        """
        wanted = [question for question in questions if self._add(question, self._piece)]
        total, there = sum(question.steps for question in wanted), 0
        shown(Recording(total, there))
        for question in wanted:
            tape = self._tapes[question.promql]
            for number in range(tape.pieces):
                with self._turn:
                    self._fetch(tape, number, deadline)
                there += len(tape.times_of(number))
                shown(Recording(total, there))
                if tape.lost:
                    break

    def query(self, promql: str, at: float, deadline: float) -> Reply:
        """What the source says at `at`. Raises SourceError."""
        self._check(deadline)
        with self._turn:
            tape = self._tapes.get(promql)
            place = None if tape is None else tape.question.place(at)
            if tape is not None and place is not None and not tape.lost:
                piece = self._piece_of(tape, place, deadline)
                answer = None if piece is None else piece.at(at)
                if answer is not None:
                    return Reply(answer)
            known = self._known.get((promql, at))
            if known is None:
                known = self._known[promql, at] = self._ask(promql, at, deadline)
                self._learn(promql, at)
        if isinstance(known, SourceError):
            raise SourceError(known.reason, known.detail, permanent=known.permanent)
        return known

    def query_range(self, promql: str, start: float, end: float, step: float, deadline: float) -> RangeReply:
        """What the source says of a range. Raises SourceError."""
        times = range_times(start, end, step)
        self._check(deadline)
        with self._turn:
            tape = self._tapes.get(promql)
            rows = None if tape is None or tape.lost else self._recorded(tape, times, deadline)
            if rows is not None:
                return RangeReply(rows)
            self.asked += 1
        return self._source.query_range(promql, start, end, step, deadline)

    def server_time(self, deadline: float) -> float:
        """The replayed time. Raises SourceError after closing."""
        self._check(deadline)
        return self._now()

    def close(self) -> None:
        """From now on every call raises SourceError; the source behind it stays open."""
        self._closed = True

    def _check(self, deadline: float) -> None:
        if self._closed:
            raise SourceError(FailReason.CONNECT, "the recorded source was closed")
        if deadline <= 0:
            raise SourceError(FailReason.TIMEOUT, "there was no time left to ask")

    def _add(self, question: Question, piece: int) -> bool:
        """Whether it is new and can be recorded."""
        known = self._tapes.get(question.promql)
        if _OF_THE_RANGE.search(question.promql) or question.steps < 1:
            return False
        if known is not None and known.covers(question):
            return False
        self._tapes[question.promql] = _Tape(question, piece)
        return True

    def _ask(self, promql: str, at: float, deadline: float) -> Reply | SourceError:
        self.asked += 1
        try:
            return self._source.query(promql, at, deadline)
        except SourceError as error:
            return error

    def _learn(self, promql: str, at: float) -> None:
        """What comes a second time will come in every slot."""
        self._misses[promql] += 1
        if self._grid is None or self._misses[promql] < 2 or promql in self._tapes or at != int(at):
            return
        end, step = self._grid
        self._add(Question(promql, step, int(at), max(int(at), end)), min(AHEAD, self._piece))

    def _recorded(
        self, tape: "_Tape", times: Sequence[float], deadline: float
    ) -> tuple[RangeRow, ...] | None:
        """The rows over these times; None where one of them was not recorded."""
        found: dict[Labels, tuple[list[float], list[float]]] = {}
        for at in times:
            place = tape.question.place(at)
            piece = None if place is None else self._piece_of(tape, place, deadline)
            samples = None if piece is None else piece.at(at)
            if samples is None:
                return None
            for sample in samples:
                own = found.get(sample.labels)
                if own is None:
                    own = found[sample.labels] = ([], [])
                own[0].append(at)
                own[1].append(sample.value)
        return tuple(RangeRow(labels, tuple(at), tuple(values)) for labels, (at, values) in found.items())

    def _piece_of(self, tape: "_Tape", place: int, deadline: float) -> "_Piece | None":
        number = place // tape.piece
        if number not in tape.there:
            self._fetch(tape, number, deadline)
        return tape.there.get(number)

    def _fetch(self, tape: "_Tape", number: int, deadline: float) -> None:
        """Raises SourceError when the source cannot be asked."""
        if number in tape.there or tape.lost:
            return
        times, question = tape.times_of(number), tape.question
        rows: dict[Labels, list[tuple[tuple[float, ...], tuple[float, ...]]]] = defaultdict(list)
        failed: list[int] = []
        waiting = [times]
        while waiting:
            part = waiting.pop()
            self.asked += 1
            try:
                reply = self._source.query_range(question.promql, part[0], part[-1], question.step, deadline)
            except SourceError as error:
                if error.reason in _TOO_MUCH and len(part) > 1:
                    half = len(part) // 2
                    waiting += [part[half:], part[:half]]
                    continue
                if error.reason not in _TOO_MUCH | _QUESTIONS_FAULT:
                    raise
                failed += part
                tape.failures += 1
                if error.reason in _QUESTIONS_FAULT or tape.failures > _MOST_FAILURES:
                    tape.lost = True
                    return
                continue
            for row in reply.rows:
                rows[row.labels].append((row.times, row.values))
        tape.there[number] = _Piece(times, rows, failed)


class _Tape:
    """One question's answers, a piece at a time."""

    def __init__(self, question: Question, piece: int) -> None:
        self.question = question
        self.piece = piece
        self.there: dict[int, _Piece] = {}
        self.failures = 0
        self.lost = False  # it cannot be recorded: ask it when its time comes

    @property
    def pieces(self) -> int:
        return -(-self.question.steps // self.piece)

    def times_of(self, number: int) -> range:
        first, step = number * self.piece, self.question.step
        last = min(first + self.piece, self.question.steps)
        return range(self.question.start + first * step, self.question.start + last * step, step)

    def covers(self, other: Question) -> bool:
        own = self.question
        return (
            other.step % own.step == 0
            and own.place(other.start) is not None
            and own.place(other.start + (other.steps - 1) * other.step) is not None
        )


class _Piece:
    """The answers at some times: [times, columns], and what was there."""

    def __init__(
        self,
        times: range,
        rows: dict[Labels, list[tuple[tuple[float, ...], tuple[float, ...]]]],
        failed: Sequence[int],
    ) -> None:
        self._times = times
        self._labels = tuple(rows)
        self._values: NDArray[np.float64] = np.zeros((len(times), len(rows)))
        self._there = np.zeros((len(times), len(rows)), np.bool_)
        self._failed = frozenset(failed)
        for column, parts in enumerate(rows.values()):
            for at, values in parts:
                own = np.rint((np.asarray(at) - times[0]) / times.step).astype(np.intp)
                self._values[own, column], self._there[own, column] = values, True

    def at(self, time: float) -> tuple[Sample, ...] | None:
        """The rows at one of its times; None when the question failed there."""
        if time in self._failed:
            return None
        row = int(time - self._times[0]) // self._times.step
        values = self._values[row].tolist()
        return tuple(
            Sample(labels, value)
            for labels, value, there in zip(self._labels, values, self._there[row].tolist(), strict=True)
            if there
        )
