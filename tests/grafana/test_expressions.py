"""Every expression of every dashboard, asked of a real Prometheus that scrapes a real daemon, has an answer.

There are no exceptions: in the world of these tests something is burning, people have told something, and counters start at 0.
"""

import time
from collections.abc import Iterator, Mapping
from threading import Event

import pytest
import requests

from slo_daemon.demo.servers import PrometheusServer
from tests.e2e.world import wait_until
from tests.grafana.boards import Asked, Json, asked, boards, panels, substituted
from tests.grafana.conftest import KINDS, PILOT, Watched

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.xdist_group("dashboards")]

WITHIN = 220.0  # seconds until the last expression has an answer: windows fill with the outage first; takes about 60
STEP, SPAN = 5.0, 900.0

# The dashboard of one SLO asks for each unit by itself; this is an SLO of that unit. All else is asked of `availability`.
SLO_OF_UNIT = {
    'unit="seconds"': (PILOT, "query-latency-p95"),
    'unit="ratio"': (PILOT, "availability"),
    'unit!~"seconds|ratio"': (KINDS, "query-throughput"),
}

Variables = Mapping[str, list[str]]


@pytest.fixture(scope="module")
def variables(watched: Watched) -> Variables:
    """All values of each variable."""
    return {
        "pilot": [PILOT, KINDS],
        "slo": [name for names in watched.slos.values() for name in names],
        "instance": [watched.daemon.address],
    }


@pytest.fixture(scope="module")
def answers(watched: Watched, variables: Variables) -> dict[Asked, list[Json]]:
    """What Prometheus says to every expression, asked again until it says something."""
    found: dict[Asked, list[Json]] = {}
    waiting = set(asked())
    end = time.monotonic() + WITHIN
    while waiting and time.monotonic() < end:
        found |= {question: ask(watched.prometheus, question, variables) for question in waiting}
        waiting = {question for question in waiting if not found[question]}
        Event().wait(1.0 if waiting else 0.0)
    return found


def ask(prometheus: PrometheusServer, question: Asked, variables: Variables) -> list[Json]:
    """The series of the answer that have a number; a question that Prometheus refuses fails the test."""
    expression = substituted(question.expression, values_of(question, variables))
    assert "$" not in expression
    now = time.time()
    parameters: dict[str, str | float] = {"query": expression, "time": now}
    if not question.instant:
        parameters = {"query": expression, "start": now - SPAN, "end": now, "step": STEP}
    path = "query" if question.instant else "query_range"
    answer = requests.post(f"{prometheus.url}/api/v1/{path}", data=parameters, timeout=60).json()
    assert answer["status"] == "success", (str(question), expression, answer)
    found: list[Json] = answer["data"]["result"]
    return [series for series in found if any(value != "NaN" for value in values(series))]


def values_of(question: Asked, variables: Variables) -> dict[str, str | list[str]]:
    """What Grafana puts for the variables of the dashboard: all values where several may be chosen, else one."""
    unit = next((unit for unit in SLO_OF_UNIT if unit in question.expression), 'unit="ratio"')
    chosen: dict[str, str | list[str]] = dict(zip(("pilot", "slo"), SLO_OF_UNIT[unit], strict=True))
    for variable in boards()[question.board]["templating"]["list"]:
        if variable.get("multi"):
            chosen[variable["name"]] = variables[variable["name"]]
    return chosen | {"__rate_interval": "1m"}


def values(series: Json) -> Iterator[str]:
    """Its numbers, as text."""
    for _, value in series.get("values") or [series["value"]]:
        yield value


def test_every_expression_has_an_answer(answers: dict[Asked, list[Json]]) -> None:
    assert len(answers) > 100
    assert sorted(str(question) for question, found in answers.items() if not found) == []


def test_every_value_that_has_words_has_its_word(answers: dict[Asked, list[Json]]) -> None:
    checked = 0
    for uid, board in boards().items():
        for panel in panels(board):
            mappings = panel["fieldConfig"]["defaults"]["mappings"] if panel["type"] != "timeseries" else []
            known = {key for one in mappings if one["type"] == "value" for key in one["options"]}
            for question, found in answers.items():
                if known and (question.board, question.panel) == (uid, panel["title"]):
                    said = {value for series in found for value in values(series)}
                    assert said <= known, str(question)
                    checked += 1
    assert checked >= 15


TABLES = [
    (uid, panel) for uid, board in boards().items() for panel in panels(board) if panel["type"] == "table"
]


@pytest.mark.usefixtures("answers")
@pytest.mark.parametrize(("uid", "panel"), TABLES, ids=[panel["title"] for _, panel in TABLES])
def test_what_the_queries_of_a_table_say_belongs_to_rows_of_its_first(
    watched: Watched, variables: Variables, uid: str, panel: Json
) -> None:
    """Else Grafana's merge makes a row of its own of it. Columns that show a label of a later query are no part of this."""
    shown = set(panel["transformations"][1]["options"]["indexByName"])
    questions = [one for one in asked() if (one.board, one.panel) == (uid, panel["title"])]

    def strays() -> list[Json]:
        rows, *others = [[one["metric"] for one in ask(watched.prometheus, q, variables)] for q in questions]
        known = {name for row in rows for name in row}
        labels = [
            {name: value for name, value in series.items() if name in known or name not in shown}
            for found in others
            for series in found
        ]
        return [one for one in labels if not any(one.items() <= row.items() for row in rows)]

    # what came with the newest scrape may not be in all answers yet
    wait_until(lambda: not strays(), 60, f"every series of {panel['title']} has its row")


def test_the_variables_offer_what_there_is(watched: Watched, variables: Variables) -> None:
    for board in boards().values():
        for variable in board["templating"]["list"]:
            if variable["type"] == "query":
                name, only = variable["name"], PILOT if board["uid"] == "slo-daemon-slo" else None
                offered = wait_until(
                    lambda query=variable["definition"], only=only: label_values(  # type: ignore[misc]
                        watched.prometheus, query, only or variables["pilot"]
                    ),
                    60,
                    f"values of {name}",
                )
                expected = set(variables[name])
                if name == "pilot" and board["uid"] == "slo-daemon-pilot":
                    expected = {PILOT}
                if name == "slo" and only:
                    expected = set(watched.slos[only])
                assert set(offered) == expected, (board["uid"], name)


def label_values(prometheus: PrometheusServer, query: str, pilot: str | list[str]) -> list[str]:
    """`label_values(selector, label)`, as Grafana asks it."""
    selector, _, label = query.removeprefix("label_values(").removesuffix(")").rpartition(", ")
    parameters = {"match[]": substituted(selector, {"pilot": pilot})}
    answer = requests.get(f"{prometheus.url}/api/v1/label/{label}/values", params=parameters, timeout=30)
    found: list[str] = answer.json()["data"]
    return found
