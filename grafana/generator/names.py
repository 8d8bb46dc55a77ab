"""PromQL whose metrics and labels are those of the daemon's table; a name that is not there is an error."""

import re
from collections.abc import Iterable

from slo_daemon.adapters.gauges.table import FAMILIES, Kind
from slo_daemon.adapters.prometheus_rules import RuleOptions

RULES = RuleOptions()  # so that panels and alerts draw the same lines
TARGET = RULES.target_labels  # what scraping adds; a restart may change them
ADDED = frozenset(TARGET)
_MATCHER = re.compile(r'([a-z_]+)(=|!=|=~|!~)".*"')


def series(name: str, *matchers: str, part: str = "") -> str:
    """A selector, such as `slo_met{pilot="$pilot"}`. `part`: `bucket`, `sum` or `count` of a histogram.

    Raises KeyError for an unknown metric, ValueError for a label that it does not have.
    """
    family = FAMILIES[name]
    if (family.kind is Kind.HISTOGRAM) != bool(part):
        raise ValueError(f"{name} is a {family.kind}: no part {part!r}")
    for matcher in matchers:
        found = _MATCHER.fullmatch(matcher)
        if found is None or found[1] not in {*family.labels, *ADDED}:
            raise ValueError(f"{name} has no label for {matcher}")
    inside = f"{{{', '.join(matchers)}}}" if matchers else ""
    return f"{name}{'_' if part else ''}{part}{inside}"


def over_targets(expression: str, *more: str, aggregate: str = "max") -> str:
    """Over replicas and restarts of the daemon; `more`: further labels to leave out."""
    return f"{aggregate} without ({', '.join((*more, *TARGET))}) ({expression})"


def coded(name: str, label: str, values: Iterable[str], *matchers: str) -> str:
    """A one-hot metric as one number: 1 for the first of `values` of `label`, 2 for the second, and so on."""
    chosen = [series(name, f'{label}="{value}"', *matchers) for value in values]
    parts = [f"{n} * {one}" for n, one in enumerate(chosen, 1)]
    return f"max without ({', '.join((label, *TARGET))}) ({' or '.join(parts)})"


def budget_state(*matchers: str, without: Iterable[str] = ()) -> str:
    """1 with the state in force in a label `basis`: in a table that shows the state of data, `state` would be that one."""
    state = series("slo_error_budget_state", *matchers)
    held = f'label_join({state} == 1, "basis", "", "state")'
    return over_targets(held, "state", *without)


def named(expression: str, name: str) -> str:
    """With a label `line` for the legend, beside whatever labels tell the groups of an SLO apart."""
    return f'label_replace({expression}, "line", "{name}", "", "")'
