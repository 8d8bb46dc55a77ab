"""The kinds of panels: one builder of the SDK each, with what all of them have in common."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders import stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders.common import (
    GraphThresholdsStyleConfig,
    ReduceDataOptions,
    ScaleDistributionConfig,
    TableSortByFieldState,
    VizLegendOptions,
    VizTooltipOptions,
)
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models.dashboard import (
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
    Threshold,
    ThresholdsMode,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from grafana.generator.names import RULES
from grafana.generator.words import BAD, GOOD, NO_DATA, UNKNOWN, WARN, mapping

SOURCE = shapes.DataSourceRef(type_val="prometheus", uid="${datasource}")
Panel: TypeAlias = stat.Panel | statetimeline.Panel | table.Panel | timeseries.Panel
Words: TypeAlias = Iterable[tuple[float | str, str, str]]
Steps: TypeAlias = Sequence[tuple[float, str]]
"""From this value on, this colour. Below the first, and without a value: grey."""
AUTO = "__auto"
AGE: Steps = ((0, GOOD), (RULES.heartbeat_age, WARN), (RULES.stalled_after, BAD))
LEFT: Steps = ((-1e9, BAD), (1e-9, WARN), (0.2, GOOD))
"""Of a budget: at 0 it is spent."""
# What Grafana makes of several labels, `{line="rate", lookback="1h"}`, becomes `rate, 1h`.
_ONLY_VALUES = DataTransformerConfig(
    id_val="renameByRegex",
    options={"regex": r'/\{?\w+="([^"]*)"\}?/g', "renamePattern": "$1"},
)


@dataclass(frozen=True)
class Query:
    """One expression, with its legend; `unit` and `dashed`: of its lines only."""

    expression: str
    legend: str = AUTO
    unit: str = ""
    dashed: bool = False


@dataclass(frozen=True)
class Column:
    """One column of a table: the values of a query, or a label (`label`) of the one before that has it.

    `words` name the values; `link` leads on, as a title and an address.
    """

    title: str
    expression: str = ""
    label: str = ""
    unit: str = ""
    words: Words = ()
    missing: str = NO_DATA
    steps: Steps = ()
    link: tuple[str, str] | None = None
    width: int = 0


def numbers(
    number: int,
    title: str,
    description: str,
    *queries: Query,
    unit: str = "short",
    words: Words = (),
    steps: Steps = (),
    missing: str = NO_DATA,
    by_name: bool = False,
) -> stat.Panel:
    """Values as they are now. `by_name`: the legend itself is what is told."""
    panel = (
        stat.Panel()
        .id(number)
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .unit(unit)
        .no_value(missing)
        .mappings(mapping(words, missing))
        .thresholds(thresholds(steps))
        .color_scheme(_plain() if not steps and not words else _by_threshold())
        .color_mode(shapes.BigValueColorMode.VALUE)
        .graph_mode(shapes.BigValueGraphMode.NONE)
        .text_mode(shapes.BigValueTextMode.NAME if by_name else shapes.BigValueTextMode.AUTO)
        .reduce_options(ReduceDataOptions().calcs(["lastNotNull"]).values(False))
    )
    if any(query.legend == AUTO for query in queries):
        panel = panel.with_transformation(_ONLY_VALUES)
    for ref, query in _lettered(queries):
        panel = panel.with_target(_target(ref, query).instant())
        if query.unit:
            panel = panel.override_by_query(ref, [DynamicConfigValue("unit", query.unit)])
    return panel


def lines(
    number: int,
    title: str,
    description: str,
    *queries: Query,
    unit: str = "short",
    steps: Steps = (),
    least: float | None = None,
    most: float | None = None,
    wide_range: bool = False,
    link: tuple[str, str] | None = None,
    calculations: Sequence[str] = ("lastNotNull", "min", "max"),
) -> timeseries.Panel:
    """Values over time; a gap is a gap. `steps` are drawn as lines. `wide_range`: values of 1 and of 1,000 are both seen."""
    style = shapes.GraphThresholdsStyleMode.DASHED if steps else shapes.GraphThresholdsStyleMode.OFF
    panel = (
        timeseries.Panel()
        .id(number)
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .unit(unit)
        .no_value(NO_DATA)
        .thresholds(thresholds(steps))
        .thresholds_style(GraphThresholdsStyleConfig().mode(style))
        .color_scheme(build.FieldColor().mode(FieldColorModeId.PALETTE_CLASSIC))
        .line_width(2)
        .fill_opacity(0)
        .show_points(shapes.VisibilityMode.AUTO)
        .span_nulls(False)
        .legend(_legend().calcs(list(calculations)))
        .tooltip(VizTooltipOptions().mode(shapes.TooltipDisplayMode.MULTI).sort(shapes.SortOrder.DESCENDING))
    )
    if least is not None:
        panel = panel.axis_soft_min(least)
    if most is not None:
        panel = panel.axis_soft_max(most)
    if wide_range:
        scale = ScaleDistributionConfig().type(shapes.ScaleDistribution.SYMLOG).log(10).linear_threshold(1)
        panel = panel.scale_distribution(scale)
    if any(query.legend == AUTO for query in queries):
        panel = panel.with_transformation(_ONLY_VALUES)
    for ref, query in _lettered(queries):
        panel = panel.with_target(_target(ref, query).range())
        properties = [DynamicConfigValue("unit", query.unit)] if query.unit else []
        if query.dashed:
            style_value = {"fill": "dash", "dash": [10, 10]}
            properties += [DynamicConfigValue("custom.lineStyle", style_value)]
        if properties:
            panel = panel.override_by_query(ref, properties)
    return panel.override_by_regexp(".*", _links(link)) if link else panel


def states(
    number: int,
    title: str,
    description: str,
    *queries: Query,
    words: Words,
    link: tuple[str, str] | None = None,
) -> statetimeline.Panel:
    """Which state was in force when, each by its word; a gap is a gap."""
    panel = (
        statetimeline.Panel()
        .id(number)
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .no_value(NO_DATA)
        .mappings(mapping(words))
        .thresholds(thresholds(()))
        .color_scheme(_by_threshold())
        .show_value(shapes.VisibilityMode.AUTO)
        .merge_values(True)
        .span_nulls(False)
        .line_width(0)
        .fill_opacity(75)
        .row_height(0.85)
        .legend(
            VizLegendOptions()
            .show_legend(True)
            .display_mode(shapes.LegendDisplayMode.LIST)
            .placement(shapes.LegendPlacement.BOTTOM)
        )
        .tooltip(VizTooltipOptions().mode(shapes.TooltipDisplayMode.SINGLE))
    )
    if any(query.legend == AUTO for query in queries):
        panel = panel.with_transformation(_ONLY_VALUES)
    for ref, query in _lettered(queries):
        panel = panel.with_target(_target(ref, query).range())
    return panel.override_by_regexp(".*", _links(link)) if link else panel


def rows(
    number: int,
    title: str,
    description: str,
    columns: Sequence[Column],
    *,
    hidden: Iterable[str] = (),
    worst_first: str = "",
) -> table.Panel:
    """A table of what is now: the queries' results, joined where their labels are equal.

    `hidden`: labels left out. `worst_first`: the column by which rows are ordered, from high to low.
    """
    panel = (
        table.Panel()
        .id(number)
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .no_value(NO_DATA)
        .mappings(mapping((), "–"))
        .thresholds(thresholds(()))
        .color_scheme(_by_threshold())
        .cell_height(shapes.TableCellHeight.SM)
        .filterable(True)
    )
    panel = panel.override_by_field_type(
        "string", [DynamicConfigValue("noValue", "–")]
    )  # labels that others have
    if worst_first:
        panel = panel.sort_by([TableSortByFieldState().display_name(worst_first).desc(True)])
    order: dict[str, int] = {}
    titles: dict[str, str] = {}
    unseen = ["Time", *hidden]
    letters = iter("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    asked = [column.expression for column in columns if column.expression]
    for column in columns:
        field = column.label
        if column.expression:
            ref = next(letters)
            panel = panel.with_target(
                _target(ref, Query(column.expression)).instant().format(PromQueryFormat.TABLE)
            )
            value = f"Value #{ref}" if len(asked) > 1 else "Value"
            if column.label:
                unseen.append(value)
            field = field or value
        order[field] = len(order)
        if field != column.title:
            titles[field] = column.title
        panel = panel.override_by_name(column.title, _properties(column))
    merged: dict[str, object] = {}
    organized: dict[str, object] = {
        "excludeByName": dict.fromkeys(unseen, True),
        "indexByName": order,
        "renameByName": titles,
    }
    return panel.with_transformation(
        DataTransformerConfig(id_val="merge", options=merged)
    ).with_transformation(DataTransformerConfig(id_val="organize", options=organized))


def thresholds(steps: Steps) -> build.ThresholdsConfig:
    """Grey first: what is below all steps, or not there at all, must not look good."""
    all_steps = [Threshold(value=None, color=UNKNOWN), *(Threshold(value, colour) for value, colour in steps)]
    return build.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(all_steps)


def _links(link: tuple[str, str]) -> list[DynamicConfigValue]:
    return [DynamicConfigValue("links", [{"title": link[0], "url": link[1]}])]


def _properties(column: Column) -> list[DynamicConfigValue]:
    found: Mapping[str, Any] = {
        "unit": column.unit,
        "custom.width": column.width,
        "mappings": mapping(column.words, column.missing),
        "custom.cellOptions": {"type": "color-text"} if column.words or column.steps else {},
        "thresholds": thresholds(column.steps).build() if column.steps else None,
    }
    properties = [DynamicConfigValue(name, value) for name, value in found.items() if value]
    return [*properties, *(_links(column.link) if column.link else [])]


def _by_threshold() -> build.FieldColor:
    return build.FieldColor().mode(FieldColorModeId.THRESHOLDS)


def _plain() -> build.FieldColor:
    """The colour of text: grey would say that a value is not known."""
    return build.FieldColor().mode(FieldColorModeId.FIXED).fixed_color("text")


def _legend() -> VizLegendOptions:
    return (
        VizLegendOptions()
        .show_legend(True)
        .display_mode(shapes.LegendDisplayMode.TABLE)
        .placement(shapes.LegendPlacement.BOTTOM)
    )


def _lettered(queries: Iterable[Query]) -> Iterable[tuple[str, Query]]:
    return zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", queries, strict=False)


def _target(ref: str, query: Query) -> Dataquery:
    return Dataquery().datasource(SOURCE).expr(query.expression).legend_format(query.legend).ref_id(ref)
