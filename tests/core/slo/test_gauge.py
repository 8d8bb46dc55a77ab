"""Gauges: converted from the unit that the metric is exposed in, exactly."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_daemon.core.quantity import UNITS, Dimension, Quantity
from slo_daemon.core.slo.evaluation import Evaluation
from slo_daemon.core.slo.measurement import DataState
from slo_daemon.core.slo.objective import Direction, Level, Objective
from slo_daemon.core.slo.selector import parse_selector
from slo_daemon.core.slo.sli import Gauge
from slo_daemon.core.slo.sli.gauge import Aggregate
from slo_daemon.core.slo.slo import Slo
from slo_daemon.core.slo.window import Slot, Window
from tests.core.slo.readings import number, readings_of
from tests.factories import evaluated


def looked(value: float, objective: Objective) -> Evaluation:
    indicator = Gauge(parse_selector("g"), Aggregate.AVERAGE, objective.unit)
    slo = Slo("p", "s", indicator, objective, Window(300))
    return evaluated(slo, readings_of(slo, {"value": number(value)}), Slot(600.0, 60.0))


@given(
    st.sampled_from([symbol for symbol in UNITS if symbol != "ratio"]),
    st.sampled_from(list(Direction)),
    st.decimals(min_value=0, max_value=100, places=3),
)
def test_a_value_that_is_just_its_target_and_its_thresholds_is_met_and_at_no_level(
    symbol: str, direction: Direction, amount: Decimal
) -> None:
    """8.3 ms are 8.3 ms, though neither 8.3 nor 0.001 is a number that a computer can write exactly."""
    wanted = Quantity(amount, UNITS[symbol])
    evaluation = looked(float(amount), Objective(direction, wanted, wanted, wanted))
    assert evaluation.met is True
    assert evaluation.evidence is not None
    assert evaluation.evidence.possible is Level.NONE


@pytest.mark.parametrize("value", [1e308, -1e308])
def test_a_value_beyond_all_numbers_is_an_error(value: float) -> None:
    unit = UNITS["w"]
    evaluation = looked(value, Objective(Direction.AT_MOST, Quantity(Decimal(1), unit)))
    assert unit.dimension is Dimension.TIME
    assert (evaluation.data_state, evaluation.reason.value) == (DataState.ERROR, "value")
