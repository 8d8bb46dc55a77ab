import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_daemon.demo.incidents import Incident, IncidentKind, LiveSchedule, past_incidents

NOW = 1_790_000_000.0
DAY = 86400.0

seeds = st.integers(0, 2**32 - 1)


@given(seed=seeds)
def test_live_incidents_begin_after_four_minutes_and_come_every_twenty_to_thirty(seed: int) -> None:
    incidents = LiveSchedule(seed, since=NOW).between(NOW, NOW + DAY)

    starts = [incident.start - NOW for incident in incidents]
    assert 240 <= starts[0] <= 540
    assert all(1200 <= later - earlier <= 1800 for earlier, later in itertools.pairwise(starts))
    assert all(180 <= incident.end - incident.start <= 240 for incident in incidents)
    assert 56 <= len(incidents) <= 58


@given(seed=seeds, cuts=st.lists(st.floats(0, 4 * 3600), max_size=20))
def test_no_incident_is_lost_or_doubled_by_cutting_time_into_steps(seed: int, cuts: list[float]) -> None:
    schedule = LiveSchedule(seed, since=NOW)
    edges = sorted({NOW, NOW + 4 * 3600, *(NOW + cut for cut in cuts)})

    whole = {
        incident.start: incident.end - incident.start for incident in schedule.between(edges[0], edges[-1])
    }
    pieces = dict.fromkeys(whole, 0.0)
    for begin, end in itertools.pairwise(edges):
        for incident in schedule.between(begin, end):
            share = incident.overlap(np.array([begin]), np.array([end]))[0]
            pieces[incident.start] += share * (end - begin)

    inside = {start: min(length, edges[-1] - start) for start, length in whole.items()}
    assert pieces == pytest.approx(inside, abs=1e-3)


@given(seed=seeds)
def test_the_past_has_an_outage_before_the_last_two_weeks_and_slowness_within_them(seed: int) -> None:
    incidents = past_incidents(seed, NOW, 30)

    assert list(incidents) == sorted(incidents, key=lambda incident: incident.start)
    assert all(incident.start >= NOW - 30 * DAY and incident.end <= NOW - 3 * 3600 for incident in incidents)
    big = [incident for incident in incidents if incident.end - incident.start > 600]
    outage, slowness = big
    assert outage.end < NOW - 14 * DAY < slowness.start
    assert slowness.kind is IncidentKind.LATENCY
    per_week = (len(incidents) - len(big)) * 7 / 30
    assert 2 <= per_week <= 4


def test_a_short_past_has_only_what_lies_in_it() -> None:
    assert all(incident.start >= NOW - DAY for incident in past_incidents(1, NOW, 1))


def test_overlap_is_the_share_of_each_step() -> None:
    incident = Incident.of(IncidentKind.ERRORS, 100.0, 50.0)
    edges = np.array([0.0, 80.0, 120.0, 140.0, 200.0])

    assert incident.overlap(edges[:-1], edges[1:]).tolist() == pytest.approx([0, 0.5, 1, 1 / 6])
