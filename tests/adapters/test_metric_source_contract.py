"""What every MetricSource must do: the same tests over the real adapter with a real Prometheus and a real
VictoriaMetrics, and the shipped fakes.

VictoriaMetrics leaves rows out that are no number, and calls a query that it cannot parse one that it cannot run.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from slo_daemon.adapters.prometheus import PrometheusSettings, PrometheusSource
from slo_daemon.adapters.recorded_source import Question, RecordedSource
from slo_daemon.adapters.scripted_source import Answer, ScriptedSource
from slo_daemon.core.slo.query import FailReason, Sample
from slo_daemon.ports import MOST_POINTS, MetricSource, RangeRow, Reply, SourceError, range_times

TWO_ROWS = 'sum by (service) (last_over_time(load{service=~"a|b"}[1h]))'
NOTHING = "no_such_metric"
NOT_A_NUMBER = "vector(0) / 0"
INFINITE = "vector(1) / 0"
BROKEN = "sum by ("
MANY_TO_MANY = "max_over_time(load[1h]) + on () max_over_time(load[1h])"
AS_OF = "vector(time())"
EVERY_OTHER = "vector(time()) % 120 == 0"  # at even minutes only
FIXED = 1_699_999_200.0  # an even minute


@dataclass(frozen=True, slots=True)
class Subject:
    """A source, the time of its data, and its own clock's time now."""

    source: MetricSource
    at: float
    now: Callable[[], float]
    tells_nan: bool = True
    of_broken: FailReason = FailReason.BAD_QUERY


def script(promql: str, at: float) -> Answer:
    """What a Prometheus with the same history says."""
    match promql:
        case "vector(time())":
            return [Sample((), at)]
        case "vector(time()) % 120 == 0":
            return [Sample((), 0.0)] if at % 120 == 0 else []
        case "vector(0) / 0":
            return [Sample((), float("nan"))]
        case "vector(1) / 0":
            return [Sample((), float("inf"))]
        case "sum by (":
            return SourceError(FailReason.BAD_QUERY, "unclosed parenthesis", permanent=True)
        case _ if "on ()" in promql:
            return SourceError(FailReason.EXECUTION, "many-to-many matching", permanent=True)
        case _ if promql == TWO_ROWS:
            return Reply((Sample((("service", "a"),), 0.0), Sample((("service", "b"),), 0.125)), samples=2)
        case _:
            return []


@pytest.fixture(
    params=[
        "scripted",
        "recorded",
        pytest.param("prometheus", marks=pytest.mark.servers),
        pytest.param("recorded prometheus", marks=pytest.mark.servers),
        pytest.param("victoria-metrics", marks=pytest.mark.servers),
    ]
)
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    opened: list[MetricSource] = []
    if request.param == "victoria-metrics":
        world = request.getfixturevalue("victoria")
        source = PrometheusSource(PrometheusSettings(world.url))
        yield Subject(source, world.end, time.time, tells_nan=False, of_broken=FailReason.EXECUTION)
        source.close()
        return
    if "prometheus" in request.param:
        world = request.getfixturevalue("world")
        opened.append(PrometheusSource(PrometheusSettings(world.url)))
        at, now = world.end, time.time
    else:
        fake = ScriptedSource(script, clock=1_700_000_000.0)
        opened.append(fake)
        at, now = 1_700_000_000.0, lambda: fake.clock
    if "recorded" in request.param:
        opened.append(recorded(opened[0], at, now))
    yield Subject(opened[-1], at, now)
    for source in reversed(opened):
        source.close()


def recorded(source: MetricSource, at: float, now: Callable[[], float]) -> RecordedSource:
    """A source that has recorded the last quarter of an hour of everything here, as far as it can be recorded."""
    found = RecordedSource(source, now, piece=200)
    promqls = (TWO_ROWS, NOTHING, NOT_A_NUMBER, INFINITE, BROKEN, MANY_TO_MANY, AS_OF, EVERY_OTHER)
    found.record([Question(promql, 5, int(at) - 900, int(at)) for promql in promqls], 5.0)
    return found


def failure(subject: Subject, promql: str, deadline: float = 5.0) -> SourceError:
    with pytest.raises(SourceError) as caught:
        subject.source.query(promql, subject.at, deadline)
    return caught.value


def test_rows_come_with_their_labels_sorted_and_their_values(subject: Subject) -> None:
    reply = subject.source.query(TWO_ROWS, subject.at, 5.0)

    assert {row.labels: row.value for row in reply.rows} == {
        (("service", "a"),): 0.0,
        (("service", "b"),): 0.125,
    }


def test_nothing_selected_is_an_answer_without_rows_and_no_failure(subject: Subject) -> None:
    assert subject.source.query(NOTHING, subject.at, 5.0).rows == ()


def test_the_query_is_answered_as_of_the_time_that_was_asked_for(subject: Subject) -> None:
    asked = subject.at - 1234.5

    assert [row.value for row in subject.source.query(AS_OF, asked, 5.0).rows] == [asked]


def test_what_is_no_number_is_passed_on_as_it_is(subject: Subject) -> None:
    nan = subject.source.query(NOT_A_NUMBER, subject.at, 5.0).rows
    (infinite,) = subject.source.query(INFINITE, subject.at, 5.0).rows

    assert [row.value != row.value for row in nan] == ([True] if subject.tells_nan else [])
    assert infinite.value == float("inf")


def test_a_broken_query_fails_for_good(subject: Subject) -> None:
    error = failure(subject, BROKEN)

    assert (error.reason, error.permanent) == (subject.of_broken, True)


def test_a_query_that_cannot_be_run_fails_for_good(subject: Subject) -> None:
    error = failure(subject, MANY_TO_MANY)

    assert (error.reason, error.permanent) == (FailReason.EXECUTION, True)


def test_a_failure_says_in_one_short_line_what_was_seen(subject: Subject) -> None:
    for promql in (BROKEN, MANY_TO_MANY):
        error = failure(subject, promql)
        assert 0 < len(error.detail) <= 300
        assert error.detail.isprintable()
        assert str(error) == f"{error.reason}: {error.detail}"


@pytest.mark.parametrize("deadline", [0.0, -1.0])
def test_without_time_left_nothing_is_asked(subject: Subject, deadline: float) -> None:
    assert failure(subject, TWO_ROWS, deadline).reason is FailReason.TIMEOUT
    with pytest.raises(SourceError) as caught:
        subject.source.server_time(deadline)
    assert caught.value.reason is FailReason.TIMEOUT


def test_the_source_tells_its_own_time(subject: Subject) -> None:
    assert subject.source.server_time(5.0) == pytest.approx(subject.now(), abs=2.0)


def test_several_threads_may_ask_at_once(subject: Subject) -> None:
    times = [subject.at - 60.0 * n for n in range(32)]

    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda at: subject.source.query(AS_OF, at, 10.0), times))

    assert [reply.rows[0].value for reply in replies] == times


def test_a_closed_source_answers_no_more_and_may_be_closed_again(subject: Subject) -> None:
    subject.source.close()
    subject.source.close()

    assert failure(subject, TWO_ROWS).reason is FailReason.CONNECT
    with pytest.raises(SourceError):
        subject.source.server_time(5.0)


def test_samples_are_counted_or_not_told(subject: Subject) -> None:
    samples = subject.source.query(TWO_ROWS, subject.at, 5.0).samples

    assert samples is None or samples >= 2


def range_failure(
    subject: Subject, promql: str, start: float, end: float, step: float, deadline: float = 5.0
) -> SourceError:
    with pytest.raises(SourceError) as caught:
        subject.source.query_range(promql, start, end, step, deadline)
    return caught.value


def test_a_range_has_one_row_for_each_series_with_its_values_through_time(subject: Subject) -> None:
    start = subject.at - 120

    reply = subject.source.query_range(TWO_ROWS, start, subject.at, 60.0, 5.0)

    times = (start, start + 60, start + 120)
    assert sorted(reply.rows, key=lambda row: row.labels) == [
        RangeRow((("service", "a"),), times, (0.0, 0.0, 0.0)),
        RangeRow((("service", "b"),), times, (0.125, 0.125, 0.125)),
    ]
    assert reply.samples is None or reply.samples >= 6


@pytest.mark.parametrize("promql", [TWO_ROWS, NOTHING, AS_OF, EVERY_OTHER, INFINITE])
@pytest.mark.parametrize(("seconds", "step"), [(0.0, 60.0), (600.0, 60.0), (599.999, 60.0), (10.0, 0.125)])
def test_a_range_says_at_each_step_what_the_query_says_at_that_time(
    promql: str, seconds: float, step: float, subject: Subject
) -> None:
    start = subject.at - 600
    told = {
        (row.labels, at): value
        for row in subject.source.query_range(promql, start, start + seconds, step, 5.0).rows
        for at, value in zip(row.times, row.values, strict=True)
    }

    asked = {
        (row.labels, at): row.value
        for at in range_times(start, start + seconds, step)
        for row in subject.source.query(promql, at, 5.0).rows
    }

    assert told == asked


def test_a_range_begins_where_it_was_asked_to_begin_to_the_millisecond(subject: Subject) -> None:
    (row,) = subject.source.query_range(AS_OF, FIXED + 0.123, FIXED + 1.0, 0.4, 5.0).rows

    assert row.times == row.values == (FIXED + 0.123, FIXED + 0.523, FIXED + 0.923)


def test_steps_without_a_value_are_left_out_of_a_range(subject: Subject) -> None:
    (row,) = subject.source.query_range(EVERY_OTHER, FIXED, FIXED + 300, 60.0, 5.0).rows

    assert row == RangeRow((), (FIXED, FIXED + 120, FIXED + 240), (0.0, 0.0, 0.0))


def test_nothing_selected_is_a_range_without_rows(subject: Subject) -> None:
    assert subject.source.query_range(NOTHING, FIXED, FIXED + 300, 60.0, 5.0).rows == ()


def test_what_is_no_number_is_passed_on_in_a_range(subject: Subject) -> None:
    rows = subject.source.query_range(NOT_A_NUMBER, FIXED, FIXED + 60, 60.0, 5.0).rows

    values = [value for row in rows for value in row.values]
    assert len(values) == (2 if subject.tells_nan else 0)
    assert all(value != value for value in values)


def test_a_range_of_more_steps_than_servers_answer_is_refused_for_good(subject: Subject) -> None:
    most = subject.source.query_range(AS_OF, FIXED, FIXED + MOST_POINTS - 1, 1.0, 5.0)
    error = range_failure(subject, AS_OF, FIXED, FIXED + MOST_POINTS, 1.0)

    assert len(most.rows[0].times) == MOST_POINTS
    assert (error.reason, error.permanent) == (FailReason.BAD_QUERY, True)
    assert "11,000" in error.detail


@pytest.mark.parametrize(
    ("start", "end", "step"),
    [
        (FIXED, FIXED - 60, 60.0),
        (FIXED, FIXED + 60, 0.0),
        (FIXED, FIXED + 60, -60.0),
        (FIXED, FIXED + 60, 0.0001),
        (float("nan"), FIXED, 60.0),
        (FIXED, float("inf"), 60.0),
    ],
)
def test_a_range_without_steps_is_refused_for_good(
    start: float, end: float, step: float, subject: Subject
) -> None:
    error = range_failure(subject, AS_OF, start, end, step)

    assert (error.reason, error.permanent) == (FailReason.BAD_QUERY, True)


def test_a_range_of_a_bad_query_fails_for_good(subject: Subject) -> None:
    for promql, reason in ((BROKEN, subject.of_broken), (MANY_TO_MANY, FailReason.EXECUTION)):
        error = range_failure(subject, promql, subject.at - 60, subject.at, 60.0)

        assert (error.reason, error.permanent) == (reason, True)


def test_without_time_left_or_after_closing_no_range_is_asked(subject: Subject) -> None:
    assert range_failure(subject, AS_OF, FIXED, FIXED, 60.0, deadline=0.0).reason is FailReason.TIMEOUT
    subject.source.close()
    assert range_failure(subject, AS_OF, FIXED, FIXED, 60.0).reason is FailReason.CONNECT
