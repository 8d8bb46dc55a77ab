import pytest

from slo_daemon.adapters.scripted_source import Asked, AskedRange, ScriptedSource
from slo_daemon.core.slo.query import FailReason, Sample
from slo_daemon.ports import RangeReply, RangeRow, Reply, SourceError

ONE = Sample((), 1.0)


def test_a_mapping_answers_by_text_and_selects_nothing_otherwise() -> None:
    source = ScriptedSource({"up": [ONE], "slow": Reply((ONE,), samples=7)})

    assert source.query("up", 0.0, 1.0) == Reply((ONE,), None)
    assert source.query("slow", 0.0, 1.0).samples == 7
    assert source.query("other", 0.0, 1.0).rows == ()


def test_everything_that_was_asked_is_remembered_in_order_failures_included() -> None:
    source = ScriptedSource({"bad": SourceError(FailReason.PARTIAL, "half of it")})

    with pytest.raises(SourceError, match="partial: half of it"):
        source.query("bad", 10.0, 1.0)
    source.query("up", 20.0, 2.0)

    assert source.asked == [Asked("bad", 10.0, 1.0), Asked("up", 20.0, 2.0)]


def test_the_script_and_the_clock_may_change_between_queries() -> None:
    source = ScriptedSource(clock=100.0)
    assert source.query("up", 0.0, 1.0).rows == ()

    source.script = {"up": [ONE]}
    source.clock = 160.0

    assert source.query("up", 0.0, 1.0).rows == (ONE,)
    assert source.server_time(1.0) == 160.0


def test_during_an_outage_everything_fails_and_afterwards_nothing_does() -> None:
    source = ScriptedSource({"up": [ONE]})
    source.outage = SourceError(FailReason.CONNECT, "refused")

    for _ in range(2):
        with pytest.raises(SourceError) as caught:
            source.query("up", 0.0, 1.0)
        assert caught.value is not source.outage  # each caller gets its own, with its own traceback
    with pytest.raises(SourceError):
        source.server_time(1.0)

    source.outage = None
    assert source.query("up", 0.0, 1.0).rows == (ONE,)


def test_a_range_is_answered_by_its_own_script_and_otherwise_step_by_step() -> None:
    row = RangeRow((("a", "b"),), (60.0,), (5.0,))
    source = ScriptedSource(
        {"up": Reply((ONE,), samples=2)}, ranges={"rows": [row], "reply": RangeReply((row,), samples=9)}
    )

    assert source.query_range("rows", 0.0, 60.0, 60.0, 1.0) == RangeReply((row,))
    assert source.query_range("reply", 0.0, 60.0, 60.0, 1.0).samples == 9
    assert source.query_range("up", 0.0, 120.0, 60.0, 1.0) == RangeReply(
        (RangeRow((), (0.0, 60.0, 120.0), (1.0, 1.0, 1.0)),), samples=6
    )
    assert source.query_range("other", 0.0, 60.0, 60.0, 1.0) == RangeReply(())


def test_a_function_may_answer_ranges_and_leave_the_others_to_the_script() -> None:
    def ranges(promql: str, start: float, end: float, step: float) -> list[RangeRow] | SourceError | None:
        match promql:
            case "ends":
                return [RangeRow((), (start, end), (step, step))]
            case "bad":
                return SourceError(FailReason.TIMEOUT, "too slow")
            case _:
                return None

    source = ScriptedSource({"up": [ONE]}, ranges=ranges)

    assert source.query_range("ends", 0.0, 30.0, 10.0, 1.0).rows == (RangeRow((), (0.0, 30.0), (10.0, 10.0)),)
    assert source.query_range("up", 0.0, 0.0, 10.0, 1.0).rows == (RangeRow((), (0.0,), (1.0,)),)
    with pytest.raises(SourceError, match="timeout: too slow"):
        source.query_range("bad", 0.0, 30.0, 10.0, 1.0)


def test_ranges_are_remembered_apart_and_fail_during_an_outage() -> None:
    source = ScriptedSource({"up": [ONE]})
    source.outage = SourceError(FailReason.CONNECT, "refused")

    with pytest.raises(SourceError, match="refused"):
        source.query_range("up", 0.0, 60.0, 30.0, 2.0)

    assert source.asked == []
    assert source.asked_ranges == [AskedRange("up", 0.0, 60.0, 30.0, 2.0)]


def test_two_rows_of_the_script_with_the_same_labels_make_no_range() -> None:
    with pytest.raises(SourceError, match="same labels"):
        ScriptedSource({"up": [ONE, ONE]}).query_range("up", 0.0, 60.0, 30.0, 2.0)
