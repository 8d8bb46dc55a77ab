"""What can be chosen for a run, by variables of the environment or of make."""

from collections.abc import Mapping
from dataclasses import dataclass, field

Variables = Mapping[str, str]


class OptionError(ValueError):
    """A variable has a value that cannot be used; the message names it and what it takes."""


@dataclass(frozen=True, slots=True)
class BenchOptions:
    """`times`: evaluation times that accuracy is judged at; `few`: services that 30 days are asked for directly.

    `cpu`: seconds of Prometheus' processor time that each figure is measured over. `ticks`: minutes that the daemon is driven
    through. `wide`: numbers of SLOs for whole ticks. `given`: the variables that were set.
    """

    services: int = 30
    times: int = 6
    few: int = 5
    cpu: float = 1.0
    ticks: int = 24 * 60
    wide: tuple[int, ...] = (1_000, 10_000)
    record: bool = False
    given: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class SoakOptions:
    """`slos`: how many; `minutes`: how long the running daemon is watched; `interval`: seconds between its slots."""

    slos: int = 10_000
    minutes: float = 30.0
    interval: int = 30
    record: bool = False
    given: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class StatisticsOptions:
    """`pilots`: how many are simulated for each figure."""

    pilots: int = 4_000
    record: bool = False
    given: tuple[str, ...] = field(default=())


def statistics_options(variables: Variables) -> StatisticsOptions:
    """Raises OptionError."""
    return StatisticsOptions(
        pilots=_count(variables, "STATISTICS_PILOTS", StatisticsOptions().pilots),
        record=_truth(variables, "RECORD"),
        given=_given(variables, "STATISTICS_"),
    )


def bench_options(variables: Variables) -> BenchOptions:
    """Raises OptionError."""
    default = BenchOptions()
    return BenchOptions(
        services=_count(variables, "BENCH_SERVICES", default.services),
        times=_count(variables, "BENCH_TIMES", default.times),
        few=_count(variables, "BENCH_FEW", default.few),
        cpu=_positive(variables, "BENCH_CPU", default.cpu),
        ticks=_count(variables, "BENCH_TICKS", default.ticks),
        wide=_counts(variables, "BENCH_WIDE", default.wide),
        record=_truth(variables, "RECORD"),
        given=_given(variables, "BENCH_"),
    )


def soak_options(variables: Variables) -> SoakOptions:
    """Raises OptionError."""
    default = SoakOptions()
    return SoakOptions(
        slos=_count(variables, "SOAK_SLOS", default.slos),
        minutes=_positive(variables, "SOAK_MINUTES", default.minutes),
        interval=_count(variables, "SOAK_INTERVAL", default.interval),
        record=_truth(variables, "RECORD"),
        given=_given(variables, "SOAK_"),
    )


def _given(variables: Variables, prefix: str) -> tuple[str, ...]:
    return tuple(f"{name}={variables[name]}" for name in sorted(variables) if name.startswith(prefix))


def _count(variables: Variables, name: str, default: int) -> int:
    text = variables.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdecimal() or int(text) < 1:
        raise OptionError(f"{name} is {text!r}: give a whole number from 1 on, for example {name}={default}")
    return int(text)


def _counts(variables: Variables, name: str, default: tuple[int, ...]) -> tuple[int, ...]:
    text = variables.get(name, "")
    if not text:
        return default
    return tuple(_count({name: part.strip()}, name, default[0]) for part in text.split(","))


def _positive(variables: Variables, name: str, default: float) -> float:
    text = variables.get(name, "")
    try:
        value = float(text) if text else default
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise OptionError(f"{name} is {text!r}: give a number above 0, for example {name}={default:g}")
    return value


def _truth(variables: Variables, name: str) -> bool:
    text = variables.get(name, "")
    if text not in ("", "0", "1"):
        raise OptionError(f"{name} is {text!r}: give 1 to keep the results in bench/results, or leave it out")
    return text == "1"
