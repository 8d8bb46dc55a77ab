"""What every Store does with the points of burn-down plots. See `test_store_contract.py`."""

from math import inf

import pytest

from slo_daemon.core.slo.budget_points import BudgetPoint
from slo_daemon.ports import Store, StoreError
from tests.adapters.stores import point, removal, state

HOUR, DAY = 3_600.0, 86_400.0
NOW = 20_000 * DAY


@pytest.fixture
def store(any_store: Store) -> Store:
    return any_store


def times(store: Store, slo_id: str = "shop/latency") -> list[float]:
    return [one.at for one in store.budget_points(slo_id, -inf)]


def test_a_new_store_has_no_points(store: Store) -> None:
    assert store.budget_points("shop/latency", -inf) == ()


def test_every_field_of_a_point_comes_back_as_it_was(store: Store) -> None:
    full = BudgetPoint('shop/ratio{zone="ü\'\\""}', NOW + 0.5, -1.25, 0.1 + 0.2, "partial")
    bare = BudgetPoint("shop/new", NOW + 0.5, None, 0.0, "backfilling")
    store.save_budget_points([full, bare])
    assert store.budget_points(full.slo_id, NOW) == (full,)
    assert store.budget_points("shop/new", NOW) == (bare,)


def test_points_come_oldest_first_and_only_of_their_slo(store: Store) -> None:
    saved = [point(at=NOW + hour * HOUR, remaining=1 - hour / 10) for hour in range(5)]
    store.save_budget_points([saved[3], point("shop/b", NOW), saved[0]])
    store.save_budget_points([saved[4], saved[1]])
    store.save_budget_points([saved[2]])
    assert store.budget_points("shop/latency", -inf) == tuple(saved)
    assert store.budget_points("shop/latency", NOW + 2 * HOUR) == tuple(saved[2:])
    assert store.budget_points("shop/latency", NOW + 2 * HOUR + 1) == tuple(saved[3:])
    assert store.budget_points("shop/b", -inf) == (point("shop/b", NOW),)
    assert store.budget_points("shop/none", -inf) == ()


def test_a_point_of_the_same_slo_and_time_is_replaced(store: Store) -> None:
    store.save_budget_points([point(at=NOW, remaining=0.5), point("shop/b", NOW)])
    store.save_budget_points([point(at=NOW, remaining=None, state="partial")])
    assert store.budget_points("shop/latency", -inf) == (point(at=NOW, remaining=None, state="partial"),)
    assert store.budget_points("shop/b", -inf) == (point("shop/b", NOW),)


def test_nothing_to_save_changes_nothing(store: Store) -> None:
    store.save_budget_points([point(at=0.0)])
    store.save_budget_points([])
    assert times(store) == [0.0]


def test_points_are_thinned_out_with_age(store: Store) -> None:
    for hour in range(60):
        store.save_budget_points([point(at=NOW + hour * HOUR)])
    assert len(times(store)) == 60
    store.save_budget_points([point(at=NOW + 30 * DAY)])
    kept = [NOW + hour * HOUR for hour in (0, 6, 12, 18, 24, 30, 36, 42, 48, 54, 59)]
    assert times(store) == [*kept, NOW + 30 * DAY]
    store.save_budget_points([point(at=NOW + 60 * DAY)])
    assert times(store) == [NOW, NOW + DAY, NOW + 2 * DAY, NOW + 59 * HOUR, NOW + 30 * DAY, NOW + 60 * DAY]
    store.save_budget_points([point(at=NOW + 401 * DAY + 1)])
    assert times(store)[:2] == [NOW + 2 * DAY, NOW + 59 * HOUR]


def test_only_a_later_point_of_the_same_slo_stands_for_one(store: Store) -> None:
    """One that was removed, or has come, in the middle of a step keeps its own last point."""
    store.save_budget_points([point("shop/gone", NOW + HOUR), point("shop/stays", NOW + HOUR)])
    store.save_budget_points([point("shop/gone", NOW + 2 * HOUR), point("shop/stays", NOW + 2 * HOUR)])
    store.save_budget_points([point("shop/stays", NOW + 3 * HOUR)])
    store.save_budget_points([point("shop/stays", NOW + 20 * DAY)])
    assert times(store, "shop/gone") == [NOW + 2 * HOUR]
    assert times(store, "shop/stays") == [NOW + 3 * HOUR, NOW + 20 * DAY]


def test_the_points_of_an_slo_that_was_removed_stay_until_they_are_too_old(store: Store) -> None:
    store.commit_slot([state()], [], [])
    store.save_budget_points([point(at=NOW)])
    store.forget([removal()], [])
    assert times(store) == [NOW]
    store.save_budget_points([point("shop/other", NOW + 400 * DAY)])
    assert times(store) == [NOW]
    store.save_budget_points([point("shop/other", NOW + 400 * DAY + 1)])
    assert times(store) == []


def test_a_late_point_does_not_turn_the_clock_back(store: Store) -> None:
    """It counts by its own time, and goes when the next one comes."""
    store.save_budget_points([point(at=NOW + 2 * HOUR), point(at=NOW + 20 * DAY)])
    store.save_budget_points([point(at=NOW + HOUR)])
    assert times(store) == [NOW + HOUR, NOW + 2 * HOUR, NOW + 20 * DAY]
    store.save_budget_points([point(at=NOW + 20 * DAY)])
    assert times(store) == [NOW + 2 * HOUR, NOW + 20 * DAY]


def test_a_closed_store_has_no_points_to_tell(store: Store) -> None:
    store.close()
    for call in (
        lambda: store.budget_points("shop/latency", 0.0),
        lambda: store.save_budget_points([point()]),
    ):
        with pytest.raises(StoreError) as caught:
            call()
        assert caught.value.reason == "closed"
