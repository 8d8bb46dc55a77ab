"""What good texts come to: several files and documents, defaults, warnings, the hash, and everything wrong at once."""

from collections.abc import Callable

import pytest

from slo_daemon.core.pilot.pilot import Canary
from slo_daemon.core.pilot.records import VoteCounting
from slo_daemon.core.quantity import UNITS
from slo_daemon.core.slo.budget import BudgetMethod, BudgetPolicy
from slo_daemon.core.slo.burn_rate import BurnPolicy
from slo_daemon.core.slo.selector import parse_selector
from slo_daemon.core.slo.sli import Gauge, LatencyShare, Quantile, Ratio, Raw, Throughput
from slo_daemon.core.slo.sli.gauge import Aggregate
from slo_daemon.core.slo.slo import AlertPolicy, MissingDataPolicy, Slo
from slo_daemon.core.slo.window import Window
from slo_daemon.spec import SpecError, load
from slo_daemon.spec.problems import Problem
from tests.spec.test_rules import PILOT, SLOS


def one_slo(sli: str, objective: str, more: str = "") -> Slo:
    """The SLO of a document with one SLO."""
    text = (
        "apiVersion: slo-daemon/v1\nkind: Slos\nmetadata: {name: shop}\nspec:\n  slos:\n"
        f"    - name: one\n      sli: {sli}\n      objective: {objective}\n      window: 5m\n      {more}\n"
    )
    (slo,) = load([("shop.yaml", text)], scrape_interval=30).specification.slos
    return slo


def problems_of(*texts: str) -> list[str]:
    with pytest.raises(SpecError) as refused:
        load([(f"{number}.yaml", text) for number, text in enumerate(texts, 1)])
    return [str(problem) for problem in refused.value.problems]


def test_what_is_left_out_has_its_documented_default() -> None:
    slo = one_slo("{ratio: {good: ok_total, total: all_total}}", "{at_least: 99%, warning: 99%}")

    assert (slo.budget, slo.burn) == (None, None)
    assert slo.alerting == AlertPolicy(raise_for=0, clear_for=120, clear_margin=0.05)
    assert slo.missing_data == MissingDataPolicy(escalate=True, because="")
    assert slo.min_events is None
    assert slo.freshness == 300
    assert slo.group_by == ()
    assert slo.forget_after == 86_400
    assert slo.labels == ()
    assert (slo.description, slo.runbook) == ("", "")


def test_everything_that_is_given_is_taken() -> None:
    slo = one_slo(
        "{ratio: {good: ok_total, total: all_total}}",
        "{at_least: 99%, warning: 99%}",
        "description: What users see.\n      budget: {window: 30d}\n"
        "      alerting: {for: 3m, clear_for: 0s, clear_margin: 20%}\n"
        "      missing_data: {escalate: false, because: closed at night}\n      min_events: 50\n"
        "      freshness: 20m\n      group_by: [region, instance]\n      forget_after: 1w\n"
        '      labels: {tier: "1"}\n      runbook: https://runbooks.example.org/one',
    )

    assert slo.id == "shop/one"
    assert slo.budget == BudgetPolicy(Window(30 * 86_400), BudgetMethod.OCCURRENCES, 0.99)
    assert slo.burn == BurnPolicy()
    assert slo.alerting == AlertPolicy(raise_for=180, clear_for=0, clear_margin=0.2)
    assert slo.missing_data == MissingDataPolicy(escalate=False, because="closed at night")
    assert (slo.min_events, slo.freshness, slo.forget_after) == (50, 1_200, 7 * 86_400)
    assert slo.group_by == ("region", "instance")
    assert slo.labels == (("tier", "1"),)
    assert (slo.description, slo.runbook) == ("What users see.", "https://runbooks.example.org/one")


@pytest.mark.parametrize(("scrape", "freshness"), [(15, 300), (75, 300), (120, 480)])
def test_the_freshness_limit_is_four_scrapes_but_at_least_five_minutes(scrape: int, freshness: int) -> None:
    loaded = load([("shop.yaml", SLOS)], scrape_interval=scrape)

    assert {slo.freshness for slo in loaded.specification.slos} == {freshness}


@pytest.mark.parametrize(
    ("sli", "objective", "good"),
    [
        ("{ratio: {bad: bad_total, total: all_total}}", "{at_least: 99%}", True),
        ("{ratio: {bad: bad_total, total: all_total}}", "{at_most: 1%}", False),
        ("{ratio: {bad: bad_total, total: all_total}, as: good}", "{at_least: 99%}", True),
        ("{ratio: {good: ok_total, total: all_total}, as: bad}", "{at_most: 1%}", False),
    ],
)
def test_a_ratio_shows_good_events_when_many_are_wanted_and_bad_ones_when_few_are(
    sli: str, objective: str, good: bool
) -> None:
    indicator = one_slo(sli, objective).indicator

    assert isinstance(indicator, Ratio)
    assert indicator.as_good is good
    assert indicator.counts_good is ("ok_total" in sli)


def test_the_budget_of_a_share_of_bad_events_is_what_the_objective_allows() -> None:
    slo = one_slo("{ratio: {bad: bad_total, total: all_total}}", "{at_most: 0.1%}", "budget: {window: 30d}")

    assert slo.budget is not None
    assert slo.budget.target == 0.999


@pytest.mark.parametrize(
    ("text", "q"),
    [
        ("p50", 0.5),
        ("p95", 0.95),
        ("p99", 0.99),
        ("p99.9", 0.999),
        ("0.95", 0.95),
        ("'p99.95'", 0.9995),
    ],
)
def test_a_quantile_is_written_as_percent_or_as_number(text: str, q: float) -> None:
    slo = one_slo(f"{{quantile: {{histogram: x_seconds, quantile: {text}}}}}", "{at_most: 50ms}")

    assert slo.indicator == Quantile(parse_selector("x_seconds"), q)


def test_a_latency_threshold_is_kept_in_seconds() -> None:
    slo = one_slo("{latency: {histogram: x_seconds, threshold: 250ms}}", "{at_least: 99%}")

    assert slo.indicator == LatencyShare(parse_selector("x_seconds"), 0.25)


@pytest.mark.parametrize(
    ("sli", "objective", "unit"),
    [
        ("{gauge: {metric: x}}", "{at_most: 50ms}", "s"),
        ("{gauge: {metric: x}}", "{at_least: 90%}", "ratio"),
        ("{gauge: {metric: x}}", "{at_most: 12}", ""),
        ("{gauge: {metric: x, unit: ms}}", "{at_most: 0.05s}", "ms"),
        ("{gauge: {metric: x, unit: '%'}}", "{at_least: 0.9ratio}", "%"),
    ],
)
def test_a_gauge_is_in_the_base_unit_unless_another_is_named(sli: str, objective: str, unit: str) -> None:
    assert one_slo(sli, objective).indicator == Gauge(parse_selector("x"), Aggregate.AVERAGE, UNITS[unit])


def test_throughput_takes_rates_per_second_and_per_minute() -> None:
    slo = one_slo("{throughput: {counter: 'x_total{a=\"b\"}'}}", "{at_least: 30/min}")

    assert slo.indicator == Throughput(parse_selector('x_total{a="b"}'))
    assert slo.objective.target.base == pytest.approx(0.5)


def test_a_raw_expression_must_be_fresh_in_all_that_it_selects_unless_its_author_says_less() -> None:
    query = "sum(rate(a_total[$window])) / sum(rate(b_total[$window]))"

    every = one_slo(f"{{raw: {{query: '{query}'}}}}", "{at_most: 5%}").indicator
    some = one_slo(f"{{raw: {{query: '{query}', unit: '%', fresh: [b_total]}}}}", "{at_most: 5%}").indicator

    assert every == Raw(query, UNITS["ratio"], (parse_selector("a_total"), parse_selector("b_total")))
    assert some == Raw(query, UNITS["%"], (parse_selector("b_total"),))


def test_a_documents_labels_stand_on_all_of_its_slos_and_an_slos_own_win() -> None:
    text = SLOS.replace("window: 1h", "window: 1h\n      labels: {team: shop, tier: gold}")

    first, second = load([("shop.yaml", text)]).specification.slos

    assert first.labels == (("team", "shop"), ("tier", "gold"))
    assert second.labels == (("team", "search"),)


def test_files_may_hold_several_documents_of_both_kinds() -> None:
    other = SLOS.replace("name: shop", "name: cart")

    found = load([("a.yaml", f"{PILOT}---\n{SLOS}"), ("b.yml", other)]).specification

    assert [pilot.name for pilot in found.pilots] == ["search"]
    assert [slo.id for slo in found.slos] == [
        "search/throughput",
        "shop/availability",
        "shop/latency",
        "cart/availability",
        "cart/latency",
    ]


def test_two_documents_with_one_name_are_refused_whatever_their_kind() -> None:
    pilot = PILOT.replace("name: search", "name: shop")

    assert problems_of(pilot, SLOS) == [
        (
            "2.yaml:3:18: metadata.name: another document is named 'shop'; it stands in 1.yaml:3:18; "
            "SLO ids begin with this name"
        )
    ]


def test_no_text_at_all_is_refused() -> None:
    with pytest.raises(SpecError, match=r"^no file with pilots or SLOs is named; name files or folders"):
        load([])


def test_all_problems_of_all_files_are_told_at_once() -> None:
    first = SLOS.replace("at_least: 99.9%", "at_least: 99.9ms").replace("window: 1h", "windw: 1h")
    first = first.replace("quantile: p95", "quantile: p200").replace(
        "{window: 30d, target: 99%}", "{window: 30d}"
    )
    second = PILOT.replace("stage: canary", "stage: moon").replace("requests_total}}", "'requests_total{'}}")
    before = Problem("gone.yaml", None, None, "", "cannot be read: No such file or directory")

    with pytest.raises(SpecError) as refused:
        load([("1.yaml", first), ("2.yaml", second), ("3.yaml", "a: [")], problems=[before])

    assert [str(problem).partition(": ")[0] for problem in refused.value.problems] == [
        "gone.yaml",
        "1.yaml:9:29",  # unit
        "1.yaml:10:7",  # unknown key
        "1.yaml:13:59",  # quantile
        "1.yaml:16:15",  # budget without target
        "2.yaml:5:10",  # stage
        "2.yaml:16:35",  # PromQL
        "3.yaml:1:5",  # YAML
    ]


def test_a_slip_in_one_key_hides_no_other_problem_of_the_same_slo() -> None:
    text = SLOS.replace("name: latency", "name: La tency").replace("window: 5m", "window: 5")
    text = text.replace("duration_seconds", "'duration_seconds{'").replace("critical: 60ms", "critical: 40ms")

    assert [problem.partition(": ")[0] for problem in problems_of(text)] == [
        "1.yaml:11:13",
        "1.yaml:13:31",
        "1.yaml:14:59",
        "1.yaml:15:15",
    ]


def slos_with(right: str, wrong: str) -> str:
    assert right in SLOS
    return SLOS.replace(right, wrong, 1)


def pilot_with(right: str, wrong: str) -> str:
    assert right in PILOT
    return PILOT.replace(right, wrong, 1)


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (
            slos_with("at_least: 99.9%, warning: 99.9%", "at_least: 99.9%, warning: 99.8%"),
            (
                "shop.yaml:9:45: warning: spec.slos[0].objective.warning: a value between 99.8% and 99.9% misses the "
                "target without any alert; write warning: 99.9%, or leave it if that is meant"
            ),
        ),
        (
            slos_with("at_most: 50ms, warning: 50ms, critical: 60ms", "at_most: 50ms, critical: 60ms"),
            (
                "shop.yaml:14:44: warning: spec.slos[1].objective.critical: a value between 50ms and 60ms misses the "
                "target without any alert; write critical: 50ms, or leave it if that is meant"
            ),
        ),
        (
            slos_with("at_least: 99.9%, warning: 99.9%, critical: 99.5%", "at_least: 99.9%"),
            "shop.yaml:9:18: warning: spec.slos[0].objective: no value raises an alert; give warning and critical",
        ),
        (
            slos_with("at_least: 99.9%, warning: 99.9%", "at_least: 100%, warning: 100%"),
            (
                "shop.yaml:9:29: warning: spec.slos[0].objective.at_least: a target of 100% leaves no error budget: "
                "one bad event misses it"
            ),
        ),
        (
            slos_with("target: 99%", "target: 100%"),
            "shop.yaml:16:37: warning: spec.slos[1].budget.target: a target of 100% leaves no error budget",
        ),
        (
            slos_with(
                "at_most: 50ms, warning: 50ms, critical: 60ms", "at_most: 50ms, warning: 30ms, critical: 40ms"
            ),
            (
                "shop.yaml:14:59: warning: spec.slos[1].objective.critical: critical 40ms alerts while the target 50ms "
                "is still met"
            ),
        ),
        (
            slos_with("at_least: 99.9%, warning: 99.9%, critical: 99.5%", "at_most: 99.9%, warning: 99.9%"),
            (
                "shop.yaml:9:28: warning: spec.slos[0].objective.at_most: more than half of the events may be bad; "
                "did you mean at_least?"
            ),
        ),
        (
            slos_with(
                "quantile: {histogram: duration_seconds, quantile: p95}",
                "raw: {query: 'avg_over_time(x[$window])'}",
            ).replace("window: 5m", "window: 45s"),
            (
                "shop.yaml:15:15: warning: spec.slos[1].window: 45s is shorter than two scrape intervals (30s each): "
                "one lost scrape leaves no data; write at least 2m"
            ),
        ),
        (
            slos_with("window: 5m", "window: 5m\n      freshness: 30s"),
            (
                "shop.yaml:16:18: warning: spec.slos[1].freshness: 30s is shorter than two scrape intervals (30s each): "
                "one lost scrape leaves no data; write at least 2m"
            ),
        ),
        (
            pilot_with("{week: 2, percentage: 10%}", "{week: 9, percentage: 10%}"),
            "shop.yaml:11:47: warning: spec.ramp.steps[1].week: week 9 begins after the pilot's end: it lasts 56d",
        ),
    ],
    ids=lambda text: text[-40:],
)
def test_what_its_author_may_not_have_meant_is_a_warning_with_its_place(text: str, warning: str) -> None:
    loaded = load([("shop.yaml", text)], scrape_interval=30)

    assert [str(found) for found in loaded.warnings] == [warning]


def test_warnings_stand_beside_errors() -> None:
    text = slos_with("warning: 99.9%", "warning: 99.8%").replace("quantile: p95", "quantile: 95")

    assert [problem.partition(": ")[0] for problem in problems_of(text)] == ["1.yaml:9:45", "1.yaml:13:59"]


def hash_of(*texts: tuple[str, str]) -> str:
    return load(texts).specification.hash


def test_the_hash_names_the_content_and_not_its_layout() -> None:
    known = hash_of(("a.yaml", SLOS), ("b.yaml", PILOT))
    moved = SLOS.replace("metadata:", "# who\nmetadata:").replace("{name: shop, labels: {team: search}}",
                                                                   "{labels: {team: 'search'}, name: shop}")  # fmt: skip

    assert len(known) == 64
    assert hash_of(("c.yaml", f"{PILOT}---\n{moved}")) == known


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("critical: 99.5%", "critical: 99.4%"),
        lambda text: text.replace("name: shop", "name: cart"),
        lambda text: text.replace("window: 5m", "window: 10m"),
    ],
)
def test_the_hash_changes_with_the_content(change: Callable[[str], str]) -> None:
    assert hash_of(("a.yaml", change(SLOS))) != hash_of(("a.yaml", SLOS))


def test_the_canary_of_a_pilot_is_read_and_none_is_none() -> None:
    named = PILOT.replace("  features:", "  rollout: {flagger: {name: search, namespace: shop}}\n  features:")
    found = [load([("shop.yaml", text)]).specification.pilots[0].canary for text in (named, PILOT)]

    assert found == [Canary("search", "shop"), None]


@pytest.mark.parametrize(
    ("written", "votes"),
    [
        ("", VoteCounting.NEWEST),
        ("feedback: {}", VoteCounting.NEWEST),
        ("feedback: {votes: all}", VoteCounting.ALL),
    ],
)
def test_a_pilot_says_which_ratings_count(written: str, votes: VoteCounting) -> None:
    text = PILOT.replace("features: {semantic_search: true}", written)
    (pilot,) = load([("shop.yaml", text)]).specification.pilots
    assert pilot.votes is votes


def test_a_cohort_with_the_name_of_a_variant_is_warned_about() -> None:
    cohorts = 'cohorts: [{name: mobile, criteria: "m"}, {name: control, criteria: "c"}]'
    loaded = load([("shop.yaml", PILOT.replace("features: {semantic_search: true}", cohorts))])
    assert [str(warning) for warning in loaded.warnings if "variant" in str(warning)] == [
        "shop.yaml:12:51: warning: spec.cohorts[1].name: 'control' is a variant too: ratings of both are counted under this name"
    ]
