"""What every Store does with chunks. See `test_store_contract.py`."""

from math import inf

import numpy as np
import pytest

from slo_daemon.core.slo.chunks import CELL, HOUR, Column
from slo_daemon.ports import Store, StoreError
from tests.adapters.nasty_labels import NASTY
from tests.adapters.stores import block, column, told

ALL = {CELL: -inf, HOUR: -inf}
GOOD, BAD, OTHER = column(code="200"), column(code="500"), column("other")


@pytest.fixture
def store(any_store: Store) -> Store:
    return any_store


def test_a_new_store_has_no_chunks(store: Store) -> None:
    assert list(store.chunks(["events"], ALL)) == []
    assert store.prune_chunks({HOUR: inf}) == 0


def test_a_block_comes_back_as_it_was(store: Store) -> None:
    saved = block({GOOD: [1000.5, 0.1, 3e38], BAD: [0.0, 1e-40, 7.0]}, asks=("events", "without a row"))
    saved.seen[1, :] = [12, 11]
    store.save_chunks([saved])
    (back,) = store.chunks(["events", "without a row"], ALL)
    assert sorted(back.asks) == ["events", "without a row"]
    assert told([back]) == told([saved])
    assert told([back])[HOUR, "events", 11 * HOUR] == {
        GOOD: (float(np.float32(0.1)), 12),
        BAD: (float(np.float32(1e-40)), 11),
    }
    assert (type(back.span), type(back.first)) == (int, int)


def test_nothing_seen_stays_nothing_seen(store: Store) -> None:
    saved = block({GOOD: [1.0, 0.0], BAD: [3.0, 4.0]})
    saved.seen[1, 0] = 0
    store.save_chunks([saved, block({BAD: [5.0]}, first=12 * HOUR)])
    assert told(store.chunks(["events"], ALL)) == {
        (HOUR, "events", 10 * HOUR): {GOOD: (1.0, 12), BAD: (3.0, 12)},
        (HOUR, "events", 11 * HOUR): {BAD: (4.0, 12)},
        (HOUR, "events", 12 * HOUR): {BAD: (5.0, 12)},
    }


def test_an_answer_without_rows_is_known_to_be_empty(store: Store) -> None:
    """Which is not the same as never asked."""
    saved = block({}, times=3)
    store.save_chunks([saved])
    (back,) = store.chunks(["events"], ALL)
    assert back.asks == ("events",)
    assert back.columns == ()
    assert list(back.times) == list(saved.times)
    assert back.values.shape == back.seen.shape == (3, 0)


def test_chunks_may_be_saved_in_any_order_and_with_gaps(store: Store) -> None:
    saved = [
        block({GOOD: [1.0]}, first=20 * HOUR),
        block({GOOD: [2.0, 3.0]}, first=4 * HOUR),
        block({BAD: [4.0]}, first=6 * HOUR),
        block({GOOD: [5.0]}, first=CELL, span=CELL),
        block({GOOD: [6.0]}, first=3 * HOUR),
    ]
    store.save_chunks(saved[:2])
    store.save_chunks(saved[2:])
    assert told(store.chunks(["events"], ALL)) == told(saved)
    assert len(told(saved)) == 6


def test_the_same_block_again_changes_nothing_and_takes_no_room(store: Store) -> None:
    saved = block({GOOD: [1.0], BAD: [2.0]})
    store.save_chunks([saved])
    store.save_chunks([saved, saved])
    assert told(store.chunks(["events"], ALL)) == told([saved])
    assert store.prune_chunks({HOUR: inf}) == 1


def test_a_later_block_wins_where_both_have_an_ask_and_a_time(store: Store) -> None:
    """Also by what it does not have: the row that is gone was not there after all."""
    first = block({GOOD: [1.0, 2.0], BAD: [3.0, 4.0], OTHER: [5.0, 6.0]}, asks=("events", "other"))
    second = block({GOOD: [9.0]}, first=11 * HOUR)
    store.save_chunks([first])
    store.save_chunks([second])
    assert told(store.chunks(["events", "other"], ALL)) == {
        (HOUR, "events", 10 * HOUR): {GOOD: (1.0, 12), BAD: (3.0, 12)},
        (HOUR, "events", 11 * HOUR): {GOOD: (9.0, 12)},
        (HOUR, "other", 10 * HOUR): {OTHER: (5.0, 12)},
        (HOUR, "other", 11 * HOUR): {OTHER: (6.0, 12)},
    }


@pytest.mark.parametrize("asks", [("other",), ("events", "other"), ("other", "third")])
def test_a_later_block_wins_whatever_other_asks_it_has(store: Store, asks: tuple[str, ...]) -> None:
    saved = [
        block({OTHER: [1.0]}, asks=("other",)),
        block({OTHER: [2.0]}, asks=asks),
        block({OTHER: [3.0]}, first=11 * HOUR, asks=("other",)),
        block({}, first=11 * HOUR, asks=asks),
    ]
    for one in saved:
        store.save_chunks([one])
    assert told(store.chunks(["other"], ALL)) == {
        (HOUR, "other", 10 * HOUR): {OTHER: (2.0, 12)},
        (HOUR, "other", 11 * HOUR): {},
    }


def test_a_block_of_the_same_asks_and_times_replaces_the_earlier_one(store: Store) -> None:
    store.save_chunks([block({GOOD: [1.0], BAD: [2.0]})])
    newer = block({BAD: [3.0]})
    store.save_chunks([newer])
    assert told(store.chunks(["events"], ALL)) == told([newer])


def test_only_the_wanted_asks_come_with_their_columns(store: Store) -> None:
    both = block({OTHER: [1.0], GOOD: [2.0], BAD: [3.0]}, asks=("other", "events"))
    store.save_chunks([both, block({OTHER: [4.0]}, asks=("other",))])
    assert told(store.chunks({"events"}, ALL)) == told([block({GOOD: [2.0], BAD: [3.0]})])
    assert len(list(store.chunks({"events", "other", "never saved"}, ALL))) == 2
    assert list(store.chunks({"never saved"}, ALL)) == []
    assert list(store.chunks((), ALL)) == []


def test_only_chunks_that_end_later_and_only_the_spans_that_are_named_come(store: Store) -> None:
    hours = block({GOOD: [1.0, 2.0, 3.0]})
    store.save_chunks([hours, block({GOOD: [4.0]}, first=CELL, span=CELL)])
    assert told(store.chunks(["events"], {HOUR: 10 * HOUR - 0.5})) == told([hours])
    assert told(store.chunks(["events"], {HOUR: 10 * HOUR})) == told(
        [block({GOOD: [2.0, 3.0]}, first=11 * HOUR)]
    )
    assert told(store.chunks(["events"], {HOUR: 12 * HOUR - 0.5})) == told(
        [block({GOOD: [3.0]}, first=12 * HOUR)]
    )
    assert told(store.chunks(["events"], {HOUR: 12 * HOUR})) == {}
    assert list(store.chunks(["events"], {HOUR: inf})) == []
    assert list(store.chunks(["events"], {})) == []
    assert [one.span for one in store.chunks(["events"], {CELL: 0.0})] == [CELL]


def test_any_ask_and_label_is_kept(store: Store) -> None:
    saved = block(
        {Column(text, (("a", text), ("b", ""))): [float(n)] for n, text in enumerate(NASTY)}, asks=NASTY
    )
    store.save_chunks([saved])
    assert told(store.chunks(NASTY, ALL)) == told([saved])


def test_blocks_that_lie_wholly_before_are_pruned(store: Store) -> None:
    ended, going = block({GOOD: [1.0, 2.0]}), block({GOOD: [1.0, 2.0]}, first=11 * HOUR)
    cell = block({GOOD: [4.0]}, first=CELL, span=CELL)
    store.save_chunks([ended, going, cell])
    assert store.prune_chunks({HOUR: 11 * HOUR - 0.5}) == 0
    assert store.prune_chunks({HOUR: 11 * HOUR}) == 1
    assert store.prune_chunks({HOUR: 11 * HOUR}) == 0
    assert told(store.chunks(["events"], ALL)) == told([going, cell])


def test_what_was_pruned_can_be_saved_again_and_asks_that_stay_are_still_known(store: Store) -> None:
    """Their numbers may then be others."""
    old = block({OTHER: [1.0], GOOD: [2.0]}, asks=("other", "events"))
    kept = block({BAD: [3.0]}, first=20 * HOUR)
    store.save_chunks([old, kept])
    assert store.prune_chunks({HOUR: 10 * HOUR}) == 1
    third = block({column("third"): [5.0], BAD: [6.0]}, first=21 * HOUR, asks=("third", "events"))
    store.save_chunks([third, old])
    assert told(store.chunks(["other", "events", "third"], ALL)) == told([kept, third, old])


def test_blocks_without_times_are_left_out(store: Store) -> None:
    store.save_chunks([])
    store.save_chunks([block({}, times=0), block({GOOD: []})])
    assert list(store.chunks(["events"], ALL)) == []


def test_what_is_changed_afterwards_is_not_changed_in_the_store(store: Store) -> None:
    saved = block({GOOD: [1.0]})
    store.save_chunks([saved])
    saved.values[0, 0] = 2.0
    assert [float(one.values[0, 0]) for one in store.chunks(["events"], ALL)] == [1.0]


def test_a_reader_sees_what_was_there_when_it_began_and_can_leave_early(store: Store) -> None:
    saved = [block({GOOD: [float(n)]}, first=n * HOUR) for n in (10, 12, 14)]
    store.save_chunks(saved)
    reading = store.chunks(["events"], ALL)
    back = [next(reading)]
    newer = block({GOOD: [99.0]}, first=99 * HOUR)
    store.save_chunks([newer])
    assert store.prune_chunks({HOUR: 14 * HOUR}) == 3
    back += reading
    assert told(back) == told(saved)
    assert told([next(store.chunks(["events"], ALL))]) == told([newer])


def test_a_closed_store_has_no_chunks_to_tell(store: Store) -> None:
    store.close()
    for call in (
        lambda: list(store.chunks(["events"], ALL)),
        lambda: store.save_chunks([block({GOOD: [1.0]})]),
        lambda: store.prune_chunks(ALL),
    ):
        with pytest.raises(StoreError) as caught:
            call()
        assert caught.value.reason == "closed"
