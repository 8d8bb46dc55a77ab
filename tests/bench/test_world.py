"""The generated history is what its truth says: no event is lost on the way to the text, but those no scrape could see."""

import re
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.history import _Writer
from bench.lines import decimals, digits, lines
from bench.plan import SCRAPE, HistoryPlan
from bench.truth import Truth
from bench.world import Service, draw_events, make_service

PLAN = HistoryPlan(services=4, hours=72)
SPANS = ((0, 3000), (3000, PLAN.bins))
Scrapes = dict[str, list[tuple[float, float]]]


def written(service: Service) -> tuple[Scrapes, Truth]:
    """The samples of every series in the text, and the truth beside it."""
    writer = _Writer(PLAN, service)
    text = b"".join(
        part for first, last in SPANS for part in writer.write(first, *writer.draw(first, last))
    ).decode()
    series: Scrapes = defaultdict(list)
    for name, value, when in re.findall(r"^(\S+) (\S+) (\S+)$", text, re.MULTILINE):
        series[name].append((float(when), float(value)))
    return {name: samples for name, samples in series.items() if "{" in name}, Truth(PLAN, *writer.truth())


def recounted(service: Service) -> Scrapes:
    """The counter of failed requests as a pod would keep it: event by event, in the order of time."""
    series: Scrapes = defaultdict(list)
    draws = [draw_events(service, PLAN, first, last)[1] for first, last in SPANS]
    failed = np.concatenate(draws, axis=1)
    for number, slot in enumerate(service.slots):
        resets, count = set(slot.resets.tolist()), 0
        for one in slot.generations:
            for at in range(one.start, one.end):
                if at in resets:
                    count = 0
                count += failed[number, at, 0]
                if not slot.missed[at] and not (service.lazy and count == 0):
                    name = f'http_requests_total{{service="{service.name}",pod="{one.pod}",code="500"}}'
                    series[name].append((round(PLAN.start + at * SCRAPE + one.phase, 3), float(count)))
                count += failed[number, at, 1]
    return series


@pytest.mark.parametrize("number", range(PLAN.services))
def test_the_text_has_what_a_pod_would_have_counted(number: int) -> None:
    service = make_service(PLAN, number)
    series, _ = written(service)

    assert {name: s for name, s in series.items() if 'code="500"' in name} == recounted(service)


@pytest.mark.parametrize("number", range(PLAN.services))
def test_truth_is_what_was_drawn(number: int) -> None:
    service = make_service(PLAN, number)
    _, truth = written(service)
    requests, failed = draw_events(service, PLAN, *SPANS[1])

    happened = truth.between(PLAN.start + SPANS[1][0] * SCRAPE, PLAN.end)

    assert happened.total == requests.sum() == happened.buckets.sum()
    assert happened.failed == failed.sum()
    assert happened.buckets.tolist() == requests.sum(axis=(0, 1, 2)).tolist()


def test_every_request_has_one_code_and_one_latency() -> None:
    series, _ = written(make_service(PLAN, 0))
    good, bad, counts = (
        sum(value for name, samples in series.items() if mark in name for _, value in samples)
        for mark in ('code="200"', 'code="500"', "_seconds_count")
    )

    assert good + bad == counts > 0


def test_a_lazy_service_has_no_series_of_errors_before_its_first_error() -> None:
    for number in range(PLAN.services):
        service = make_service(PLAN, number)
        firsts = [
            samples[0][1] for name, samples in written(service)[0].items() if 'code="500"' in name and samples
        ]
        assert (min(firsts) > 0) == service.lazy == (number % 2 == 1)


def test_pods_restart_and_are_replaced_and_scrapes_fail() -> None:
    slots = [slot for number in range(20) for slot in make_service(PLAN, number).slots]

    assert any(slot.resets.size > len(slot.generations) for slot in slots)
    assert any(len(slot.generations) > 1 for slot in slots)
    assert 0.005 < np.mean([slot.missed.mean() for slot in slots]) < 0.03


def test_the_same_plan_gives_the_same_events() -> None:
    one, other = (draw_events(make_service(PLAN, 1), PLAN, 0, 500) for _ in range(2))
    third = draw_events(make_service(HistoryPlan(services=4, hours=72, seed=9), 1), PLAN, 0, 500)

    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    assert not np.array_equal(one[0], third[0])


def test_a_plan_of_another_shape_is_kept_in_another_folder() -> None:
    assert HistoryPlan(4).key == HistoryPlan(4).key
    assert len({HistoryPlan(4).key, HistoryPlan(5).key, HistoryPlan(4, hours=2).key}) == 3


def test_truth_is_only_told_where_it_is_exact() -> None:
    truth = Truth(
        PLAN, *(np.zeros(shape, dtype=np.int64) for shape in (PLAN.bins, PLAN.bins, (PLAN.bins, 12)))
    )

    for start, end in (
        (PLAN.start + 1, PLAN.end),
        (PLAN.start - SCRAPE, PLAN.end),
        (PLAN.start, PLAN.end + SCRAPE),
    ):
        with pytest.raises(ValueError, match="no edge of a bin"):
            truth.between(start, end)


@given(st.lists(st.integers(0, 10**15), min_size=1, max_size=20))
def test_numbers_are_written_as_they_are(numbers: list[int]) -> None:
    rows = digits(np.array(numbers, dtype=np.int64))
    assert [int(row.tobytes()) for row in rows] == numbers

    rows = decimals(np.array(numbers, dtype=np.int64))
    assert [row.tobytes().decode() for row in rows] == [
        f"{n // 1000:0{rows.shape[1] - 4}}.{n % 1000:03}" for n in numbers
    ]


def test_a_line_is_series_value_and_time() -> None:
    made = lines("x_total", digits(np.array([7, 70_000])), digits(np.array([1, 2])))

    assert made.tobytes() == b"x_total 00000007 0001\nx_total 00070000 0002\n"


def test_a_count_below_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="only counts"):
        digits(np.array([-1]))
