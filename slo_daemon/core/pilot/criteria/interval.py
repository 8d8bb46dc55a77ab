"""A comparison where only an interval is known: true if all of it satisfies it, false if none of it does."""

from typing import assert_never

from slo_daemon.core.pilot.criteria.criterion import Op
from slo_daemon.core.pilot.truth import Truth, opposite


def decide(op: Op, low: float, high: float, number: float) -> Truth:
    """Whether every value in [`low`, `high`] is `op` `number`. With anything that is not a number: unknown."""
    if not low <= high or number != number:
        return Truth.UNKNOWN
    match op:
        case Op.LESS:
            return _by(high < number, low >= number)
        case Op.AT_MOST:
            return _by(high <= number, low > number)
        case Op.MORE:
            return _by(low > number, high <= number)
        case Op.AT_LEAST:
            return _by(low >= number, high < number)
        case Op.EQUAL:
            return _by(low == high == number, number < low or number > high)
        case Op.DIFFERENT:
            return opposite(decide(Op.EQUAL, low, high, number))
        case _:
            assert_never(op)


def _by(true: bool, false: bool) -> Truth:
    if true:
        return Truth.TRUE
    return Truth.FALSE if false else Truth.UNKNOWN
