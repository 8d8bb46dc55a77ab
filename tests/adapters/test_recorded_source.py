"""What a recorded source asks of the source behind it, and that it tells the same; the contract is tested with the others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_daemon.adapters.prometheus import PrometheusSettings, PrometheusSource
from slo_daemon.adapters.recorded_source import Question, RecordedSource, Recording
from slo_daemon.adapters.scripted_source import Answer, ScriptedSource
from slo_daemon.core.slo.query import FailReason, Sample
from slo_daemon.ports import RangeReply, SourceError
from tests.adapters.conftest import World

AT = 1_700_000_100  # on the 5-minute grid
QUESTION = Question("waves", 300, AT, AT + 300 * 99)


def waves(promql: str, at: float) -> Answer:
    """Two series; one is there in every other step only."""
    if promql == "broken":
        return SourceError(FailReason.BAD_QUERY, "unclosed", permanent=True)
    rows = [Sample((("s", "a"),), at / 7.0)]
    return rows if (at // 300) % 2 else [*rows, Sample((("s", "b"),), -at)]


def source_over(fake: ScriptedSource, **more: int) -> RecordedSource:
    return RecordedSource(fake, lambda: float(AT), **more)


@given(
    piece=st.integers(1, 120), first=st.integers(0, 99), count=st.integers(1, 100), stride=st.integers(1, 4)
)
def test_whatever_the_pieces_every_slice_tells_what_the_source_tells(
    piece: int, first: int, count: int, stride: int
) -> None:
    fake = ScriptedSource(waves)
    recorded = source_over(fake, piece=piece)
    recorded.record([QUESTION], 5.0)
    start, step = AT + 300 * first, 300 * stride
    end = min(start + step * (count - 1), QUESTION.end)
    asked = len(fake.asked_ranges)

    told = recorded.query_range("waves", start, end, step, 5.0)

    assert len(fake.asked_ranges) == asked, "nothing more was asked"
    expected: RangeReply = ScriptedSource(waves).query_range("waves", start, end, step, 5.0)
    assert {row.labels: row for row in told.rows} == {row.labels: row for row in expected.rows}
    assert set(recorded.query("waves", end, 5.0).rows) == set(waves("waves", end))  # type: ignore[arg-type]


def test_pieces_are_told_as_they_come() -> None:
    fake, told = ScriptedSource(waves), []
    source_over(fake, piece=40).record([QUESTION], 5.0, told.append)

    assert told == [Recording(100, n) for n in (0, 40, 80, 100)]
    assert [(r.start, r.end) for r in fake.asked_ranges] == [
        (AT, AT + 300 * 39),
        (AT + 300 * 40, AT + 300 * 79),
        (AT + 300 * 80, AT + 300 * 99),
    ]


def test_what_is_recorded_is_not_recorded_again() -> None:
    fake = ScriptedSource(waves)
    recorded = source_over(fake)
    recorded.record([QUESTION], 5.0)
    recorded.record([QUESTION, Question("waves", 600, AT, AT + 600)], 5.0)

    assert len(fake.asked_ranges) == 1


def test_what_is_too_much_is_asked_in_smaller_parts() -> None:
    def ranges(promql: str, start: float, end: float, step: float) -> SourceError | None:
        return SourceError(FailReason.TOO_LARGE, "more than 1 MiB") if end - start > 300 * 20 else None

    fake = ScriptedSource(waves, ranges=ranges)
    recorded = source_over(fake)
    recorded.record([QUESTION], 5.0)
    fake.script = {}

    assert len(recorded.query_range("waves", AT, QUESTION.end, 300, 5.0).rows[0].times) == 100


def test_a_step_that_cannot_be_recorded_is_asked_when_its_time_comes() -> None:
    def ranges(promql: str, start: float, end: float, step: float) -> SourceError | None:
        return SourceError(FailReason.EXECUTION, "many-to-many") if start <= AT + 900 <= end else None

    fake = ScriptedSource(waves, ranges=ranges)
    recorded = source_over(fake)
    recorded.record([QUESTION], 5.0)
    assert fake.asked == []

    for _ in range(2):
        assert set(recorded.query("waves", AT + 900, 5.0).rows) == set(waves("waves", AT + 900))  # type: ignore[arg-type]
    recorded.query("waves", AT + 600, 5.0)
    assert [one.at for one in fake.asked] == [AT + 900], "once, and no other step"


def test_a_source_that_is_down_ends_the_recording() -> None:
    fake = ScriptedSource(waves)
    fake.outage = SourceError(FailReason.CONNECT, "refused")

    with pytest.raises(SourceError, match="refused"):
        source_over(fake).record([QUESTION], 5.0)


def test_a_broken_question_fails_as_it_would_without_recording() -> None:
    recorded = source_over(ScriptedSource(waves))
    recorded.record([Question("broken", 300, AT, AT + 3_000)], 5.0)

    with pytest.raises(SourceError) as caught:
        recorded.query("broken", AT, 5.0)
    assert (caught.value.reason, caught.value.permanent) == (FailReason.BAD_QUERY, True)


def test_what_comes_slot_after_slot_is_recorded_ahead() -> None:
    fake = ScriptedSource(waves)
    recorded = source_over(fake)
    recorded.slots(AT + 300 * 999, 300)

    for n in range(1_000):
        assert set(recorded.query("waves", AT + 300 * n, 5.0).rows) == set(waves("waves", AT + 300 * n))  # type: ignore[arg-type]
    assert len(fake.asked) == 2
    assert len(fake.asked_ranges) <= 5


@pytest.mark.parametrize("promql", ["waves @ end()", "max_over_time(waves[1h] @ start ( ))"])
def test_what_means_another_time_in_a_range_is_never_recorded(promql: str) -> None:
    fake = ScriptedSource(waves)
    recorded = source_over(fake)
    recorded.slots(AT + 3_000, 300)
    recorded.record([Question(promql, 300, AT, AT + 3_000)], 5.0)
    for n in range(5):
        recorded.query(promql, AT + 300 * n, 5.0)

    assert fake.asked_ranges == []
    assert len(fake.asked) == 5


@pytest.mark.servers
@pytest.mark.parametrize(
    "promql",
    [
        'sum by (service) (increase(requests_total{service=~"a|b"}[5m30s])) * 300 / 330',
        'sum by (le) (increase(duration_seconds_bucket{service="a"}[5m30s])) * 300 / 330',
        'histogram_quantile(0.95, sum by (le) (rate(duration_seconds_bucket{service="a"}[5m])))',
        'avg by (zone) (rate(requests_total{service="a"}[7m]))',
        'max(max_over_time(timestamp(load{service="a"})[3600s:300s]))',
        'sum(count_over_time(load{service="a"}[5m]))',
    ],
)
def test_a_real_prometheus_says_bit_by_bit_the_same_in_a_range_as_at_one_time(
    promql: str, world: World
) -> None:
    end = int(world.end) // 300 * 300
    real = PrometheusSource(PrometheusSettings(world.url))
    recorded = RecordedSource(real, lambda: world.end, piece=5)
    recorded.record([Question(promql, 300, end - 4_500, end)], 10.0)
    before = recorded.asked
    try:
        for at in range(end - 4_500, end + 1, 300):
            told = {row.labels: row.value for row in recorded.query(promql, at, 5.0).rows}
            assert told == {row.labels: row.value for row in real.query(promql, at, 5.0).rows}
    finally:
        real.close()
    assert recorded.asked == before, "all of it came from memory"
