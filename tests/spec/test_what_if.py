"""What-ifs: another target is read as if it stood in the file, with all that follows from it."""

from pathlib import Path

import pytest

from slo_daemon.core.slo.slo import Slo
from slo_daemon.spec.load import load
from slo_daemon.spec.problems import SpecError
from slo_daemon.spec.what_if import WhatIfError, changed, parse_changes

EXAMPLE = Path(__file__).parents[2] / "config" / "pilots" / "ecommerce-search.yaml"
TEXTS = (("pilot.yaml", EXAMPLE.read_text(encoding="utf-8")),)


def slos_of(text: str) -> dict[str, Slo]:
    (change,) = parse_changes(text)
    return {slo.name: slo for slo in load(changed(TEXTS, change)).specification.slos}


def test_each_value_is_a_change_of_its_own() -> None:
    assert [str(c) for c in parse_changes("availability=99.5%, 99.9%")] == [
        "availability=99.5%",
        "availability=99.9%",
    ]


@pytest.mark.parametrize("name", ["availability", "ecommerce-semantic-search/availability"])
def test_the_target_and_its_budget_change_and_nothing_else(name: str) -> None:
    before = {slo.name: slo for slo in load(TEXTS).specification.slos}
    after = slos_of(f"{name}=99.5%")

    new = after.pop("availability")
    old = before.pop("availability")
    assert after == before
    assert str(new.objective.target) == "99.5%"
    assert (new.objective.warning, new.objective.critical) == (old.objective.warning, old.objective.critical)
    assert new.budget is not None
    assert new.budget.target == 0.995
    assert old.budget is not None
    assert old.budget.target == 0.999


def test_the_rest_of_the_file_stays_letter_by_letter() -> None:
    (change,) = parse_changes("query-latency-p95=80ms")
    ((name, new),) = changed(TEXTS, change)

    assert name == "pilot.yaml"
    assert new == TEXTS[0][1].replace("{at_most: 50ms,", "{at_most: 80ms,", 1)
    assert new != TEXTS[0][1]


def test_the_pilot_holds_the_changed_slo_too() -> None:
    (change,) = parse_changes("error-rate=0.2%")
    (pilot,) = load(changed(TEXTS, change)).specification.pilots

    (slo,) = (slo for slo in pilot.slos if slo.name == "error-rate")
    assert str(slo.objective.target) == "0.2%"


@pytest.mark.parametrize(
    "text", ["availability", "availability=", "=99%", "availability=99%,", "availability=ninety"]
)
def test_what_is_no_change_is_refused_with_a_remedy(text: str) -> None:
    with pytest.raises(WhatIfError, match=r"write for example|for example availability"):
        parse_changes(text)


def test_an_unknown_slo_is_told_with_those_that_exist() -> None:
    (change,) = parse_changes("latency=50ms")
    with pytest.raises(
        WhatIfError, match=r"no SLO 'latency'; known: ecommerce-semantic-search/query-latency-p95"
    ):
        changed(TEXTS, change)


def test_a_unit_that_does_not_fit_is_told_with_its_line() -> None:
    with pytest.raises(SpecError) as caught:
        slos_of("availability=50ms")
    (problem,) = (problem for problem in caught.value.problems if "50ms" in problem.message)
    assert problem.line is not None


def test_every_slo_of_the_name_changes_in_every_document() -> None:
    other = TEXTS[0][1].replace("name: ecommerce-semantic-search ", "name: other ")
    (change,) = parse_changes("availability=99.5%")
    found = load(changed((*TEXTS, ("other.yaml", other)), change)).specification.slos

    assert {str(slo.objective.target) for slo in found if slo.name == "availability"} == {"99.5%"}
