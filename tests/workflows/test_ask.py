"""Asking within a slot's time: what hangs, fails or comes too late is a failed reading, and never holds up the slot."""

from threading import Event
from time import monotonic

import pytest

from slo_daemon.adapters.scripted_source import ScriptedSource
from slo_daemon.core.slo.query import Absent, Ask, Failed, FailReason, Form, QueryPlan, Sample, Samples
from slo_daemon.core.slo.selector import Selector
from slo_daemon.ports import Reply, SourceError
from slo_daemon.workflows.ask import Asker
from tests.telling import Told

AT = 1_000_020.0
ASKS = [Ask(Form.EVENTS, Selector(f"m{number}"), 300) for number in range(12)]
QUERIES = QueryPlan.of(ASKS).queries


class Hanging(ScriptedSource):
    """Every query uses up its deadline; `given` holds the deadlines."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[float] = []

    def query(self, promql: str, at: float, deadline: float) -> Reply:
        self.given.append(deadline)
        Event().wait(deadline)
        raise SourceError(FailReason.TIMEOUT, "no whole answer")


@pytest.mark.parametrize("concurrency", [1, 2, 4])
def test_a_slot_ends_in_time_though_every_query_hangs(concurrency: int) -> None:
    source, told = Hanging(), Told()
    asker = Asker(source, told, concurrency=concurrency, timeout=0.2)
    started = monotonic()
    answers = asker.ask(QUERIES, AT, started + 0.5)
    assert monotonic() - started < 1.5  # one after the other they would take longer
    assert [type(reading) for reading in answers.readings] == [Failed] * len(ASKS)
    assert max(source.given) <= 0.2
    assert len(source.given) <= 3 * concurrency  # 0.2 s, 0.2 s, and what is left
    assert len(told.named("query_failed")) == len(ASKS)
    asker.close()


def test_after_a_stop_nothing_more_is_asked_and_nothing_counts_as_a_failure() -> None:
    source, told = ScriptedSource({}), Told()
    asker = Asker(source, told, concurrency=2, timeout=1.0)
    asker.stop()
    answers = asker.ask(QUERIES, AT, monotonic() + 1.0)
    assert source.asked == []
    assert asker.stopping
    assert [type(reading) for reading in answers.readings] == [Failed] * len(ASKS)
    assert told.calls == []
    asker.close()


def test_a_bug_in_one_query_takes_no_other_along() -> None:
    def script(promql: str, _at: float) -> Reply | list[Sample]:
        if "m3" in promql:
            raise ZeroDivisionError
        return Reply((Sample((), 5.0),), 7) if "m4" in promql else []

    told = Told()
    asker = Asker(ScriptedSource(script), told, concurrency=2, timeout=1.0)
    answers = asker.ask(QUERIES, AT, monotonic() + 5.0)
    failed, answered, absent = (answers.readings[number] for number in (3, 4, 5))
    assert isinstance(failed, Failed)
    assert failed.reason is FailReason.INTERNAL
    assert answered == Samples(ASKS[4].promql(), (Sample((), 5.0),))
    assert isinstance(absent, Absent)
    assert (answers.queries, answers.samples) == (12, 7)
    assert told.named("query_failed") == [(FailReason.INTERNAL,)]
    asker.close()
