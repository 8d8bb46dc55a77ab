"""Chunks come and go: the oldest make room, asks leave and come back, and nothing of one is taken for another's."""

import numpy as np

from slo_daemon.core.slo.chunks import CELL, HOUR, WHOLE, Column, Reach
from tests.core.slo.test_chunk_table import ASK, CELLS, END, HOURS, START, Filled, ends, phase


def test_the_oldest_chunks_make_room_for_new_ones() -> None:
    filled = Filled(reach=Reach(HOUR, 2 * HOUR), ticks=3)
    filled.cells([1] * CELLS, ends(CELL))
    filled.hours([1] * CELLS, ends(HOUR))
    filled.ticks([1] * CELLS, phase(END)[5::-1])
    assert sorted(filled.table.cells.at) == ends(CELL)[-12:]
    assert sorted(filled.table.hours.at) == ends(HOUR)[-2:]
    assert sorted(filled.table.ticks.at) == phase(END)[2::-1]
    assert filled.sums(START, END)[1] == 2 * HOUR


def test_what_is_older_than_all_that_is_kept_is_left_out() -> None:
    filled = Filled(reach=Reach(HOUR, 2 * HOUR))
    filled.hours([1] * CELLS, ends(HOUR))
    filled.write(filled.table.hours, START + HOUR, 999.0)
    assert filled.sums(START, START + HOUR) == (0.0, 0.0)


def test_a_row_that_is_reused_has_nothing_of_what_was_in_it() -> None:
    filled = Filled(reach=Reach(HOUR, 0))
    filled.cells([50] * CELLS, ends(CELL)[:12])
    filled.table.add_asks(["other"])
    place = filled.table.positions([Column("other", ())])
    values, seen = np.array([[7.0]], np.float32), np.array([[WHOLE]], np.uint8)
    filled.table.write(filled.table.cells, [ends(CELL)[12]], ["other"], place, values, seen)
    found = filled.table.sums(ends(CELL)[11], ends(CELL)[12])
    assert found.values.tolist() == [0.0, 7.0]
    assert found.covered.tolist() == [0.0, CELL]
    assert filled.table.unasked(filled.table.cells, [ends(CELL)[12]], [ASK]) == [ends(CELL)[12]]


def test_columns_and_asks_come_and_go_and_leave_the_others_history_alone() -> None:
    filled = Filled()
    filled.cells([1] * CELLS, ends(CELL))
    filled.table.add_asks(["b", "c"])
    places = filled.table.positions(
        [Column("b", (("le", "1"),)), Column("c", ()), Column("b", (("le", "2"),))]
    )
    values, seen = np.array([[5.0, 6.0, 7.0]], np.float32), np.full((1, 3), WHOLE, np.uint8)
    filled.table.write(filled.table.cells, [END], ["b", "c"], places, values, seen)
    assert filled.table.sums(END - CELL, END).values.tolist() == [300.0, 5.0, 6.0, 7.0]
    filled.table.drop_asks({"b"})
    assert filled.table.columns == [Column(ASK, ()), Column("c", ())]
    assert filled.table.sums(END - CELL, END).values.tolist() == [300.0, 6.0]
    assert filled.table.sums(START, END).values[0] == HOURS * HOUR
    assert filled.table.newest([1]) == END
    assert filled.table.unasked(filled.table.cells, [END, END - CELL], [ASK, "c"]) == [END - CELL]
    filled.table.drop_asks({ASK, "c"})
    assert filled.table.sums(START, END).values.tolist() == []
    filled.table.add_asks(["b"])  # it comes back, and nothing of it is left
    back = filled.table.positions([Column("b", (("le", "1"),))])
    assert filled.table.sums(START, END).covered[back].tolist() == [0.0]


def test_after_the_clock_was_set_back_nothing_of_the_future_is_left_and_there_is_room_for_the_present() -> (
    None
):
    filled = Filled(reach=Reach(HOUR, 2 * HOUR), ticks=3)
    filled.cells([1] * CELLS, ends(CELL))
    filled.ticks([1] * CELLS, phase(END)[2::-1])
    filled.table.forget_after(START + HOUR)
    assert filled.table.newest([0]) == 0.0
    filled.ticks([2] * CELLS, [START + HOUR])
    filled.cells([2] * CELLS, [START + HOUR])
    assert filled.sums(START + HOUR - CELL, START + HOUR) == (2 * CELL, CELL)
    assert sorted(filled.table.ticks.at) == [START + HOUR]
