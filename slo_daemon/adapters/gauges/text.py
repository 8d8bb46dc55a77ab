"""The Prometheus text format, version 0.0.4, written by hand: tens of thousands of series in a fraction of a second."""

from collections.abc import Iterable, Mapping
from math import isfinite

from slo_daemon.adapters.gauges.table import FAMILIES

_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def label_text(labels: Mapping[str, str] | Iterable[tuple[str, str]]) -> str:
    """`a="1",b="2"`, escaped."""
    pairs = labels.items() if isinstance(labels, Mapping) else labels
    return ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in pairs)


def number_text(value: float) -> str:
    """A sample's value."""
    if isfinite(value):
        return repr(float(value))
    return "NaN" if value != value else "+Inf" if value > 0 else "-Inf"


class Lines:
    """Sample lines, collected by family and put out with the heads of the families that have any."""

    def __init__(self) -> None:
        self._lines: dict[str, list[str]] = {name: [] for name in FAMILIES}

    def add(self, name: str, labels: str, value: str) -> None:
        """One sample of the family `name`; `labels` as of `label_text`. Raises KeyError for a name not in the table."""
        self._lines[name].append(f"{name}{{{labels}}} {value}\n")

    def text(self) -> str:
        """All families, in the table's order."""
        return "".join(FAMILIES[name].head + "".join(lines) for name, lines in self._lines.items() if lines)
