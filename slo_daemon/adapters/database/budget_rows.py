"""Statements for the points of burn-down plots. Each runs in the transaction of its connection."""

from collections.abc import Sequence

from sqlalchemy import CTE, Connection, delete, exists, func, insert, select

from slo_daemon.adapters.database.tables import budget_points, budget_slos
from slo_daemon.core.slo.budget_points import BudgetPoint, crowded


def rows_of(
    connection: Connection, points: Sequence[BudgetPoint]
) -> list[tuple[float, int, float | None, float, str]]:
    """Points as rows of `budget_points`, in the order of its columns; SLOs that are new get their numbers."""
    numbers = {slo_id: number for number, slo_id in connection.execute(select(budget_slos))}
    new = dict.fromkeys(point.slo_id for point in points if point.slo_id not in numbers)
    if new:
        first = 1 + max(numbers.values(), default=0)
        numbered = {slo_id: number for number, slo_id in enumerate(new, first)}
        rows = [{"id": number, "slo_id": slo_id} for slo_id, number in numbered.items()]
        connection.execute(insert(budget_slos), rows)
        numbers |= numbered
    return [
        (point.at, numbers[point.slo_id], point.remaining, point.coverage, point.state) for point in points
    ]


def thin_out(connection: Connection, now: float) -> None:
    """Of older times, keep the points of an SLO that no later one stands for."""
    p, stand_in = budget_points.c, budget_points.alias()
    times = connection.execute(select(_times(float("-inf")).c.at)).scalars().all()
    for at, later in crowded([at for at in times if at is not None], now).items():
        going = delete(budget_points).where(p.at == at)
        if later:
            going = going.where(exists().where(stand_in.c.at.in_(later), stand_in.c.slo == p.slo))
        connection.execute(going)


def read_points(connection: Connection, slo_id: str, since: float) -> tuple[BudgetPoint, ...]:
    """The points of an SLO, oldest first."""
    p, times = budget_points.c, _times(since)
    rows = connection.execute(
        select(p.at, p.remaining, p.coverage, p.state)
        .select_from(times.join(budget_points, p.at == times.c.at).join(budget_slos))
        .where(budget_slos.c.slo_id == slo_id)
        .order_by(p.at)
    )
    return tuple(BudgetPoint(slo_id, *row) for row in rows)


def _times(since: float) -> CTE:
    """All times from `since` on, each once, found by stepping from one to the next: few among very many rows."""
    p, following = budget_points.c, budget_points.alias()
    times = select(func.min(p.at).label("at")).where(p.at >= since).cte("times", recursive=True)
    after = select(func.min(following.c.at)).where(following.c.at > times.c.at).scalar_subquery()
    return times.union_all(select(after).where(times.c.at.is_not(None)))
