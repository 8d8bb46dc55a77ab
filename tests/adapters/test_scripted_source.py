import pytest

from slo_daemon.adapters.scripted_source import Asked, ScriptedSource
from slo_daemon.core.slo.query import FailReason, Sample
from slo_daemon.ports import Reply, SourceError

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
