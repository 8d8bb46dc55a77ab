"""Budgets as they are written: what is taken, what is refused, what is doubted.

Each row changes one line of a good file; problems and warnings are exact, with their position.
"""

import pytest

from slo_daemon.core.slo.budget import BudgetMethod, BudgetPolicy
from slo_daemon.core.slo.burn_rate import DEFAULT_PAIRS, BurnPair, BurnPolicy
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.slo import Slo
from slo_daemon.core.slo.window import CalendarUnit, CalendarWindow, Window
from slo_daemon.spec import SpecError, load

DAY = 86_400
HEAD = "apiVersion: slo-daemon/v1\nkind: Slos\nmetadata: {name: shop}\nspec:\n  slos:\n    - name: one\n      window: 5m\n"
RATIO = "      sli: {ratio: {bad: bad_total, total: all_total}}\n      objective: {at_least: 99.9%}\n"
QUANTILE = "      sli: {quantile: {histogram: x_seconds, quantile: p99}}\n      objective: {at_most: 50ms, warning: 50ms}\n"
OCCURRENCES, TIMESLICES = BudgetMethod.OCCURRENCES, BudgetMethod.TIMESLICES


def text(sli: str, budget: str) -> str:
    return f"{HEAD}{sli}      budget: {budget}\n"


def loaded(sli: str, budget: str) -> Slo:
    """The SLO with this budget, which gives no warning."""
    found = load([("shop.yaml", text(sli, budget))], scrape_interval=30)
    assert found.warnings == ()
    (slo,) = found.specification.slos
    return slo


@pytest.mark.parametrize(
    ("sli", "budget", "policy"),
    [
        (RATIO, "{window: 30d}", BudgetPolicy(Window(30 * DAY), OCCURRENCES, 0.999)),
        (RATIO, "{window: 28d}", BudgetPolicy(Window(28 * DAY), OCCURRENCES, 0.999)),
        (RATIO, "{window: 366d}", BudgetPolicy(Window(366 * DAY), OCCURRENCES, 0.999)),
        (
            RATIO,
            "{calendar: month}",
            BudgetPolicy(CalendarWindow(CalendarUnit.MONTH, "UTC"), OCCURRENCES, 0.999),
        ),
        (
            RATIO,
            "{calendar: quarter, zone: America/New_York}",
            BudgetPolicy(CalendarWindow(CalendarUnit.QUARTER, "America/New_York"), OCCURRENCES, 0.999),
        ),
        (
            RATIO,
            "{window: 30d, method: timeslices, target: 99%, burn_rates: {alert: true}}",
            BudgetPolicy(Window(30 * DAY), TIMESLICES, 0.99),
        ),
        (RATIO, "{window: 30d, method: occurrences}", BudgetPolicy(Window(30 * DAY), OCCURRENCES, 0.999)),
        (QUANTILE, "{window: 30d, target: 99%}", BudgetPolicy(Window(30 * DAY), TIMESLICES, 0.99)),
        (
            QUANTILE,
            "{window: 30d, method: timeslices, target: 99%}",
            BudgetPolicy(Window(30 * DAY), TIMESLICES, 0.99),
        ),
    ],
)
def test_a_budget_has_a_window_a_method_and_a_target(sli: str, budget: str, policy: BudgetPolicy) -> None:
    assert loaded(sli, budget).budget == policy


@pytest.mark.parametrize(
    ("sli", "budget", "policy"),
    [
        (RATIO, "{window: 30d}", BurnPolicy(alerts=True)),
        (QUANTILE, "{window: 30d, target: 99%}", BurnPolicy(alerts=False)),
        (QUANTILE, "{window: 30d, target: 99%, burn_rates: {alert: true}}", BurnPolicy(alerts=True)),
        (RATIO, "{window: 30d, burn_rates: {min_failures: 20}}", BurnPolicy(min_failures=20.0)),
        (
            RATIO,
            "{window: 7d, burn_rates: {pairs: [{severity: critical, share: 5%, long: 1h, short: 5m}]}}",
            BurnPolicy((BurnPair(Level.CRITICAL, 0.05, 3_600, 300),)),
        ),
        (
            RATIO,
            "{window: 30d, burn_rates: {pairs: [{severity: warning, share: 12.5%, long: 3d, short: 6h}]}}",
            BurnPolicy((BurnPair(Level.WARNING, 0.125, 3 * DAY, 6 * 3_600),)),
        ),
    ],
)
def test_burn_rates_of_events_alert_and_those_of_slices_are_shown(
    sli: str, budget: str, policy: BurnPolicy
) -> None:
    assert loaded(sli, budget).burn == policy


def test_the_default_pairs_of_a_calendar_month_are_those_of_31_days() -> None:
    burn = loaded(RATIO, "{calendar: month}").burn

    assert burn is not None
    assert burn.pairs == DEFAULT_PAIRS
    assert [round(pair.factor(31 * DAY), 2) for pair in burn.pairs] == [14.88, 6.2, 3.1, 1.03]


# fmt: off
REFUSED = [
    # the window
    (RATIO, "{}",
     "shop.yaml:10:15: spec.slos[0].budget: the budget has no window; give for example window: 30d, or calendar: month"),
    (RATIO, "{window: 30d, calendar: month}",
     "shop.yaml:10:15: spec.slos[0].budget: the budget has two windows; give either window or calendar"),
    (RATIO, "{windw: 30d}",
     "shop.yaml:10:16: spec.slos[0].budget.windw: unknown key 'windw'; did you mean 'window'?"),
    (RATIO, "{window: 400d}",
     "shop.yaml:10:24: spec.slos[0].budget.window: 400d is longer than 366d, the longest that can be measured; write less"),
    (RATIO, "{window: 1m}",
     "shop.yaml:10:24: spec.slos[0].budget.window: 1m is shorter than 5m, the shortest span that is measured; write 5m"),
    (RATIO, "{window: 61m}",
     "shop.yaml:10:24: spec.slos[0].budget.window: 1h1m is no multiple of 5m; write 1h or 1h5m"),
    (RATIO, "{window: 30}",
     "shop.yaml:10:24: spec.slos[0].budget.window: 30 has no unit; write for example 30s, 30m or 30d"),
    # the calendar
    (RATIO, "{calendar: mounth}",
     "shop.yaml:10:26: spec.slos[0].budget.calendar: 'mounth' is not known here; did you mean 'month'?"),
    (RATIO, "{calendar: 30d}",
     "shop.yaml:10:26: spec.slos[0].budget.calendar: '30d' is not known here; the words are day, week, month, quarter, year"),
    (RATIO, "{window: 30d, zone: Europe/Berlin}",
     "shop.yaml:10:35: spec.slos[0].budget.zone: a rolling window is the same in every time zone; remove the key"),
    (RATIO, "{calendar: month, zone: Europe/Berln}",
     "shop.yaml:10:39: spec.slos[0].budget.zone: 'Europe/Berln' is no time zone of the IANA database; did you mean 'Europe/Berlin'?"),
    (RATIO, "{calendar: month, zone: berlin}",
     "shop.yaml:10:39: spec.slos[0].budget.zone: 'berlin' is no time zone of the IANA database; did you mean 'Europe/Berlin'?"),
    (RATIO, "{calendar: month, zone: America/New York}",
     "shop.yaml:10:39: spec.slos[0].budget.zone: 'America/New York' is no time zone of the IANA database; did you mean 'America/New_York'?"),
    (RATIO, "{calendar: month, zone: utc}",
     "shop.yaml:10:39: spec.slos[0].budget.zone: 'utc' is no time zone of the IANA database; did you mean 'UTC'?"),
    (RATIO, "{calendar: month, zone: '+02:00'}",
     "shop.yaml:10:39: spec.slos[0].budget.zone: '+02:00' is no time zone of the IANA database; write for example Europe/Berlin or UTC"),
    (RATIO, "{calendar: month, zone: ../../etc/passwd}",
     "shop.yaml:10:39: spec.slos[0].budget.zone: '../../etc/passwd' is no time zone of the IANA database; write for example Europe/Berlin or UTC"),
    (RATIO, "{calendar: month, zone: localtime}",
     "shop.yaml:10:39: spec.slos[0].budget.zone: 'localtime' is no time zone of the IANA database; write for example Europe/Berlin or UTC"),
    (RATIO.replace("99.9%", "99.9%}\n      #"), "{calendar: month, zone: }",
     "shop.yaml:11:39: spec.slos[0].budget.zone: nothing stands here; give a value or remove the key"),
    # method and target
    (RATIO, "{window: 30d, method: timeslice}",
     "shop.yaml:10:37: spec.slos[0].budget.method: 'timeslice' is not known here; did you mean 'timeslices'?"),
    (RATIO, "{window: 30d, method: timeslices}",
     "shop.yaml:10:15: spec.slos[0].budget: a budget of time slices needs a target; say which share of time slices must meet the objective, for example target: 99%"),
    (RATIO, "{window: 30d, target: 99%}",
     "shop.yaml:10:37: spec.slos[0].budget.target: the budget of a ratio follows from the objective (>= 99.9%); remove the key, or write method: timeslices to count slices of time"),
    (QUANTILE, "{window: 30d}",
     "shop.yaml:10:15: spec.slos[0].budget: the budget of a quantile needs a target; say which share of time slices must meet the objective, for example target: 99%"),
    (QUANTILE, "{window: 30d, target: 99%, method: occurrences}",
     "shop.yaml:10:50: spec.slos[0].budget.method: a quantile has no good and bad events to count; remove the key: its budget counts slices of time that missed"),
    # burn rates
    (RATIO, "{window: 30d, burn_rates: {pair: []}}",
     "shop.yaml:10:42: spec.slos[0].budget.burn_rates.pair: unknown key 'pair'; did you mean 'pairs'?"),
    (RATIO, "{window: 30d, burn_rates: {pairs: []}}",
     "shop.yaml:10:49: spec.slos[0].budget.burn_rates.pairs: the list is empty"),
    (RATIO, "{window: 30d, burn_rates: {alert: never}}",
     "shop.yaml:10:49: spec.slos[0].budget.burn_rates.alert: never is not a truth value; write true or false"),
    (RATIO, "{window: 30d, burn_rates: {min_failures: 0}}",
     "shop.yaml:10:56: spec.slos[0].budget.burn_rates.min_failures: 0 is out of range; write a whole number from 1 to 1,000,000,000"),
    (RATIO, "{window: 30d, burn_rates: {pairs: [{severity: page, share: 2%, long: 1h, short: 5m}]}}",
     "shop.yaml:10:61: spec.slos[0].budget.burn_rates.pairs[0].severity: 'page' is not known here; the words are warning, critical"),
    (RATIO, "{window: 30d, burn_rates: {pairs: [{severity: critical, long: 1h, short: 5m}]}}",
     "shop.yaml:10:50: spec.slos[0].budget.burn_rates.pairs[0].share: this key is missing"),
    (RATIO, "{window: 30d, burn_rates: {pairs: [{severity: critical, share: 0%, long: 1h, short: 5m}]}}",
     "shop.yaml:10:78: spec.slos[0].budget.burn_rates.pairs[0].share: 0% of the budget is always spent; write for example 2%"),
    (RATIO, "{window: 30d, burn_rates: {pairs: [{severity: critical, share: 0.02, long: 1h, short: 5m}]}}",
     "shop.yaml:10:78: spec.slos[0].budget.burn_rates.pairs[0].share: 0.02 has no unit, but this key wants a ratio; write for example 99%"),
    (RATIO, "{window: 30d, burn_rates: {pairs: [{severity: critical, share: 2%, long: 4d, short: 3m}]}}",
     "shop.yaml:10:88: spec.slos[0].budget.burn_rates.pairs[0].long: 4d is longer than 3d, the longest that can be measured; write less",
     "shop.yaml:10:99: spec.slos[0].budget.burn_rates.pairs[0].short: 3m is shorter than 5m, the shortest span that is measured; write 5m"),
    (RATIO, "{window: 30d, burn_rates: {pairs: [{severity: critical, share: 2%, long: 61m, short: 5m}]}}",
     "shop.yaml:10:88: spec.slos[0].budget.burn_rates.pairs[0].long: 1h1m is no multiple of 5m; write 1h or 1h5m"),
]

SILENT = (
    "shop.yaml:9:18: warning: spec.slos[0].objective: no value raises an alert: there are no thresholds, and no pair of "
    "lookbacks can fire; give warning and critical, or burn_rates.pairs that can"
)
DOUBTED = [
    (QUANTILE, "{window: 30d, target: 100%}",
     "shop.yaml:10:37: warning: spec.slos[0].budget.target: a target of 100% leaves no error budget"),
    # default pairs that do not fit
    (RATIO, "{window: 7d}",
     "shop.yaml:10:15: warning: spec.slos[0].budget: the default pair 3d and 6h is left out: its long lookback is more than a quarter of the budget's window; give burn_rates.pairs of your own, or leave it if that is enough"),
    (RATIO.replace("99.9%", "90%"), "{window: 30d}",
     "shop.yaml:10:15: warning: spec.slos[0].budget: the default pair 1h and 5m is left out: with 10 % allowed no burn rate exceeds 10, and the threshold is 14.4; give burn_rates.pairs of your own, or leave it if that is enough"),
    (RATIO, "{calendar: day}",
     SILENT,
     "shop.yaml:10:15: warning: spec.slos[0].budget: no default pair of lookbacks fits a budget of day (UTC): no burn rate alerts; give burn_rates.pairs of your own, or alert: false"),
    # pairs of one's own
    (RATIO, "{window: 30d, burn_rates: {pairs: [{severity: critical, share: 2%, long: 1h, short: 2h}]}}",
     "shop.yaml:10:99: warning: spec.slos[0].budget.burn_rates.pairs[0].short: the short lookback 2h is not shorter than the long one; a twelfth of it is usual: 5m"),
    (RATIO.replace("99.9%", "99%"), "{window: 30d, burn_rates: {pairs: [{severity: critical, share: 20%, long: 1h, short: 5m}]}}",
     SILENT,
     "shop.yaml:10:78: warning: spec.slos[0].budget.burn_rates.pairs[0].share: this pair never fires: with 1 % allowed no burn rate exceeds 100, and the threshold is 144; write less than 13.9%"),
    (RATIO, "{window: 7d, burn_rates: {pairs: [{severity: critical, share: 2%, long: 1h, short: 5m}, {severity: warning, share: 10%, long: 1d, short: 2h}]}}",
     "shop.yaml:10:130: warning: spec.slos[0].budget.burn_rates.pairs[1].share: this pair fires at a burn rate of 0.7, which does not overspend the budget; write at least 14.3%, or leave it if that is meant"),
    (RATIO, "{window: 1d, burn_rates: {pairs: [{severity: critical, share: 100%, long: 2d, short: 4h}]}}",
     "shop.yaml:10:77: warning: spec.slos[0].budget.burn_rates.pairs[0].share: this pair fires at a burn rate of 0.5, which does not overspend the budget; write a shorter lookback, or leave it if that is meant",
     "shop.yaml:10:89: warning: spec.slos[0].budget.burn_rates.pairs[0].long: the long lookback 2d is longer than the budget's window; write less"),
    # objective without thresholds
    (RATIO, "{window: 30d, burn_rates: {alert: false}}",
     "shop.yaml:9:18: warning: spec.slos[0].objective: no value raises an alert; give warning and critical"),
]
# fmt: on


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: row[1][:70])
def test_what_is_wrong_in_a_budget_is_said_with_place_and_remedy(row: tuple[str, ...]) -> None:
    sli, budget, *problems = row
    with pytest.raises(SpecError) as refused:
        load([("shop.yaml", text(sli, budget))], scrape_interval=30)

    assert [
        str(problem) for problem in refused.value.problems if "no value raises" not in problem.message
    ] == problems


@pytest.mark.parametrize("row", DOUBTED, ids=lambda row: row[1][:70])
def test_what_is_doubtful_in_a_budget_is_a_warning(row: tuple[str, ...]) -> None:
    sli, budget, *warnings = row

    found = load([("shop.yaml", text(sli, budget))], scrape_interval=30)
    assert [str(warning) for warning in found.warnings] == warnings


@pytest.mark.parametrize(
    ("own", "calendar", "refused"),
    [("1d", "day", True), ("23h", "day", False), ("1d", "week", False), ("35d", "month", True)],
)
def test_a_calendar_window_is_longer_than_the_slos_own(own: str, calendar: str, refused: bool) -> None:
    written = text(RATIO, f"{{calendar: {calendar}, burn_rates: {{alert: false}}}}").replace("5m", own)
    try:
        load([("shop.yaml", written)], scrape_interval=30)
        problems = []
    except SpecError as error:
        problems = [problem.message for problem in error.problems if problem.field.endswith("calendar")]
    assert bool(problems) is refused
    if refused:
        assert problems == [f"a {calendar} is not longer than the SLO's own window, {own}"]


def test_with_burn_rates_an_objective_needs_no_thresholds() -> None:
    """Neither is a value silent that misses the target before the first threshold."""
    loaded(RATIO, "{window: 30d}")
    loaded(RATIO.replace("99.9%", "99.9%, warning: 99.5%, critical: 99%"), "{window: 30d}")


def test_a_raw_expression_may_have_any_window() -> None:
    raw = (
        "      sli: {raw: {query: 'max_over_time(x[$window])'}}\n      objective: {at_most: 1, warning: 1}\n"
    )
    written = f"{HEAD}{raw}".replace("window: 5m", "window: 61s")

    (slo,) = load([("shop.yaml", written)], scrape_interval=30).specification.slos
    assert slo.window == Window(61)
