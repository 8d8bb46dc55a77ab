"""Which group of an SLO a row belongs to: `group_by` makes one SLO of each combination of label values."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TypeVar

from slo_daemon.core.slo.query import Absent, Labels, Reading, Sample, Samples

ItemT = TypeVar("ItemT")


def group_of(labels: Labels, by: tuple[str, ...]) -> tuple[Labels, Labels]:
    """(the group, the labels beside it). What lacks a grouping label belongs to no group: to the empty one, whole."""
    if not by:
        return (), labels
    group = tuple(pair for pair in labels if pair[0] in by and pair[1])
    if len(group) < len(by):
        return (), labels
    return group, tuple(pair for pair in labels if pair[0] not in by)


def by_group(
    items: Iterable[tuple[Labels, ItemT]], by: tuple[str, ...]
) -> dict[Labels, tuple[tuple[Labels, ItemT], ...]]:
    """Items with labels, by group; each with the labels beside the group's."""
    found: dict[Labels, list[tuple[Labels, ItemT]]] = defaultdict(list)
    for labels, item in items:
        group, rest = group_of(labels, by)
        found[group].append((rest, item))
    return {group: tuple(own) for group, own in found.items()}


def groups_in(reading: Reading, by: tuple[str, ...]) -> set[Labels]:
    """The groups that have a row; the empty one stands for rows that belong to none."""
    return {group_of(row.labels, by)[0] for row in reading.rows} if isinstance(reading, Samples) else set()


def split(
    readings: Mapping[str, Reading], by: tuple[str, ...], wanted: Iterable[Labels]
) -> dict[Labels, dict[str, Reading]]:
    """The readings of every wanted group."""
    if not by:
        return {(): dict(readings)}
    own: dict[Labels, dict[str, Reading]] = {group: {} for group in wanted}
    for name, reading in readings.items():
        rows = (
            by_group([(row.labels, row.value) for row in reading.rows], by)
            if isinstance(reading, Samples)
            else {}
        )
        for group, parts in own.items():
            found = rows.get(group)
            if not isinstance(reading, Samples):
                parts[name] = reading
            elif found:
                parts[name] = Samples(reading.promql, tuple(Sample(labels, value) for labels, value in found))
            else:
                parts[name] = Absent(reading.promql)
    return own
