"""Direction decides everything: which side is good, what a threshold means, and when a level may be lowered."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_daemon.core.quantity import parse_quantity
from slo_daemon.core.slo.objective import Direction, Level, Objective

LATENCY = Objective(Direction.AT_MOST, *map(parse_quantity, ("50ms", "45ms", "60ms")))
AVAILABILITY = Objective(Direction.AT_LEAST, *map(parse_quantity, ("99.9%", "99.8%", "99.5%")))
ERROR_RATE = Objective(Direction.AT_MOST, *map(parse_quantity, ("0.1%", "0.5%", "1%")))


@pytest.mark.parametrize(
    ("objective", "value", "met", "level"),
    [
        (LATENCY, 0.042, True, Level.NONE),
        (LATENCY, 0.045, True, Level.NONE),
        (LATENCY, 0.0451, True, Level.WARNING),
        (LATENCY, 0.0501, False, Level.WARNING),
        (LATENCY, 0.0601, False, Level.CRITICAL),
        (AVAILABILITY, 0.9995, True, Level.NONE),
        (AVAILABILITY, 0.999, True, Level.NONE),
        (AVAILABILITY, 0.9985, False, Level.NONE),
        (AVAILABILITY, 0.9979, False, Level.WARNING),
        (AVAILABILITY, 0.9949, False, Level.CRITICAL),
        (AVAILABILITY, 0.0, False, Level.CRITICAL),
        (ERROR_RATE, 0.0008, True, Level.NONE),
        (ERROR_RATE, 0.0051, False, Level.WARNING),
        (ERROR_RATE, 0.0101, False, Level.CRITICAL),
    ],
)
def test_met_and_level_follow_the_direction(
    objective: Objective, value: float, met: bool, level: Level
) -> None:
    assert objective.met(value) is met
    assert objective.threshold_level(value) is level


OBJECTIVES = st.sampled_from([LATENCY, AVAILABILITY, ERROR_RATE])
VALUES = st.floats(min_value=0.0, max_value=1.0)


@given(OBJECTIVES, VALUES, VALUES)
def test_a_worse_value_never_has_a_lower_level(objective: Objective, first: float, second: float) -> None:
    worse, better = objective.worse(first, second), objective.better(first, second)
    assert objective.threshold_level(worse) >= objective.threshold_level(better)
    assert objective.met(better) or not objective.met(worse)


@given(OBJECTIVES, VALUES, st.floats(min_value=0.0, max_value=0.5))
def test_clearing_asks_for_a_better_value_than_raising(
    objective: Objective, value: float, margin: float
) -> None:
    assert objective.threshold_level(value, clearing=True, margin=margin) >= objective.threshold_level(value)


@given(st.floats(min_value=0.0, max_value=1.0))
def test_a_perfect_availability_always_clears(margin: float) -> None:
    tight = Objective(Direction.AT_LEAST, *map(parse_quantity, ("99.999%", "99.99%", "50%")))
    assert tight.threshold_level(1.0, clearing=True, margin=margin) is Level.NONE


def test_an_objective_without_thresholds_never_alerts() -> None:
    objective = Objective(Direction.AT_MOST, parse_quantity("50ms"))
    assert objective.threshold_level(10.0) is Level.NONE
    assert not objective.met(10.0)


@pytest.mark.parametrize(
    ("objective", "perfect"),
    [
        (Objective(Direction.AT_MOST, *map(parse_quantity, ("50ms", "45ms", "2s"))), 0.001),
        (Objective(Direction.AT_MOST, *map(parse_quantity, ("50ms", "45ms", "2s"))), 0.040),
        (Objective(Direction.AT_MOST, *map(parse_quantity, ("1/s", "2/s", "500/s"))), 0.0),
        (Objective(Direction.AT_LEAST, *map(parse_quantity, ("4.9/5", "4.8/5", "1/5"))), 5.0),
        (Objective(Direction.AT_LEAST, *map(parse_quantity, ("99.999%", "99.99%", "50%"))), 0.99995),
    ],
)
def test_thresholds_that_lie_far_apart_never_ask_for_a_better_value_than_there_can_be(
    objective: Objective, perfect: float
) -> None:
    assert objective.threshold_level(perfect, clearing=True, margin=0.05) is Level.NONE
