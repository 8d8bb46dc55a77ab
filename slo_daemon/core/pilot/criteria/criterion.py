"""A criterion as a value. `show` prints it in the language, and `parse` reads that back to an equal value."""

from dataclasses import dataclass
from enum import StrEnum

from slo_daemon.core.quantity import Quantity

DEFAULT_SIGNIFICANCE = 0.05  # of every interval, where nothing else is said


class Op(StrEnum):
    """How two numbers are compared."""

    LESS = "<"
    AT_MOST = "<="
    MORE = ">"
    AT_LEAST = ">="
    EQUAL = "=="
    DIFFERENT = "!="


@dataclass(frozen=True, slots=True)
class Operand:
    """A number that the daemon knows: `availability`, `critical_incidents[7d]`, `burn_rate(availability)[1h]`.

    `argument` is what stands in parentheses, empty without. `window` (s): over which it is taken; None: its own.
    """

    name: str
    argument: str = ""
    window: int | None = None


@dataclass(frozen=True, slots=True)
class Compare:
    """An operand against a number, on the bounds of its interval unless `point` says on the value itself.

    `hold` (s): `for 5m`, it must be so over every evaluation of that time; 0: now. `against`: the variant that a lift
    is compared with, empty where none is named. `significance`: the alpha (0..1) of `significant at 5%`, None without.
    """

    operand: Operand
    op: Op
    literal: Quantity
    hold: int = 0
    against: str = ""
    significance: float | None = None
    point: bool = False


@dataclass(frozen=True, slots=True)
class Met:
    """`all slos met for 14d`, `any slos in (a, b) met`, `availability met for 7d`.

    `names`: the SLOs (or success metrics) meant; empty: every SLO of the pilot. `every`: all of them, else any.
    `duration` (s): 0 is now. `strictly`: every slice of time must be good, not only nearly all.
    """

    names: tuple[str, ...] = ()
    every: bool = True
    duration: int = 0
    strictly: bool = False


@dataclass(frozen=True, slots=True)
class All:
    """All parts hold: `a and b`. Two parts at least, none of them an All."""

    parts: tuple["Criterion", ...]


@dataclass(frozen=True, slots=True)
class Any:
    """One of the parts holds: `a or b`. Two parts at least, none of them an Any."""

    parts: tuple["Criterion", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: "Criterion"


Criterion = Compare | Met | All | Any | Not
