"""The figures of the statistics as the tables of docs/experiments.md, with the promises that they are held to."""

from collections.abc import Iterable, Mapping
from typing import Any

from bench.document import markdown_table
from bench.goals import at_least, at_most
from slo_daemon.core.pilot.experiment.feasibility import say_users

Result = Mapping[str, Any]
_NOTHING = "–"
MOST_WRONG = 5.0  # percent of pilots in which a claim may ever be wrong, at alpha 5 %
MOST_ALARMS = 0.1  # percent of sound splits that may ever be flagged
WANTED_POWER = 80.0  # percent


def promise_tables(result: Result) -> dict[str, str]:
    """All tables, by marker."""
    return {
        "sizes": sizes_table(result),
        "peeking": peeking_table(result),
        "found": found_table(result),
        "needed": needed_table(result),
        "split": split_table(result),
        "buckets": buckets_table(result),
        "ratings": ratings_table(result),
        "promises": promises_table(result),
    }


def promise_goals(result: Result) -> list[dict[str, Any]]:
    """What is promised and what was seen, in percent."""
    peeking, split = result["peeking"], result["split"][0]
    worst = max(row["wrong"] for row in peeking)
    ratings = max(row["always_valid_ever"] for row in result["ratings"])
    buckets = result["buckets"]["buckets_ever"]
    return [
        at_most("pilots with a wrong claim, hourly looks, worst case", MOST_WRONG, 100 * worst),
        at_most("pilots with a wrong claim, sessions by hash bucket", MOST_WRONG, 100 * buckets),
        at_most("means of ratings ever left out, worst kind of votes", MOST_WRONG, 100 * ratings),
        at_most("sound splits that are flagged", MOST_ALARMS, 100 * split["sequential"]),
        at_least(
            "answers found with the users that are asked for, fewest",
            WANTED_POWER,
            100 * min(row["ever"] for row in result["needed"]),
        ),
    ]


def sizes_table(result: Result) -> str:
    """Users per arm by base rate: for one look, and for as many as one likes."""
    cells: dict[float, list[str]] = {}
    heads = ["base rate"]
    for row in result["sizes"]:
        cells.setdefault(row["rate"], []).append(
            f"{say_users(row['fixed'])} / {say_users(row['always_valid'])}"
        )
        head = f"true {row['lift']:.0%}, show > {row['margin']:.0%}"
        if head not in heads:
            heads.append(head)
    return markdown_table(heads, [[f"{rate:.0%}", *row] for rate, row in cells.items()], left=1)


def peeking_table(result: Result) -> str:
    """Wrong claims, of the always-valid interval and of a z-test."""
    rows = [
        [row["case"], row["looks"], *_shares(row, "claimed", "wrong", "naive_claimed", "naive_wrong")]
        for row in result["peeking"]
    ]
    heads = [
        "pilot",
        "looks",
        "false claim",
        "truth left out",
        "z-test: false claim",
        "z-test: truth left out",
    ]
    return markdown_table(heads, rows, left=2)


def found_table(result: Result) -> str:
    """How often a lift of 15 % is found in 8 weeks."""
    rows = [
        [
            f"{row['users']:,}",
            f"> {row['margin']:.0%}",
            _share(row["claimed"]),
            _NOTHING if row["days"] is None else f"{row['days']:.0f}",
        ]
        for row in result["found"]
    ]
    return markdown_table(
        ["users a day and variant", "claim", "pilots that show it", "median day"], rows, left=2
    )


def needed_table(result: Result) -> str:
    """Whether as many users as the daemon asks for are enough, and not far too many."""
    rows = [
        [
            f"{row['rate']:.0%}",
            f"{row['lift']:.0%}",
            f"> {row['margin']:.0%}",
            say_users(row["fixed"]),
            say_users(row["users_per_arm"]),
            *_shares(row, "end", "ever"),
        ]
        for row in result["needed"]
    ]
    heads = [
        "base rate",
        "true lift",
        "claim",
        "for one look",
        "asked for",
        "shown at the end",
        "shown at some look",
    ]
    return markdown_table(heads, rows, left=3)


def split_table(result: Result) -> str:
    """How often the split is called broken."""
    rows = [
        [
            f"{row['share']:.0%}",
            *_shares(row, "sequential", "chi_square"),
            _NOTHING if row["users"] is None else say_users(row["users"]),
        ]
        for row in result["split"]
    ]
    heads = ["treatment really gets", "flagged", "chi-square, p < 0.001", "median users until flagged"]
    return markdown_table(heads, rows, left=1)


def buckets_table(result: Result) -> str:
    """Sessions of users who come back."""
    found = result["buckets"]
    rows = [
        [name, *_shares(found, f"{kind}_once", f"{kind}_ever")]
        for name, kind in (("taken for independent", "independent"), ("64 hash buckets", "buckets"))
    ]
    heads = ["sessions", "fixed-sample interval, one look at the end", "always-valid interval, daily looks"]
    return markdown_table(heads, rows, left=1)


def ratings_table(result: Result) -> str:
    """Ratings: how often an interval leaves the mean out."""
    rows = [
        [row["votes"], *_shares(row, "t_once", "t_ever", "without_ever", "always_valid_ever")]
        for row in result["ratings"]
    ]
    heads = [
        "votes of 1, 2, 3, 4, 5",
        "t interval, one look",
        "t interval, every vote",
        "always-valid, without the extra vote",
        "always-valid, every vote",
    ]
    return markdown_table(heads, rows, left=1)


def promises_table(result: Result) -> str:
    """Promises and what was seen."""
    rows = [
        [row["goal"], f"{row['wanted']} %", f"{row['reached']:.2g} %", row["verdict"]]
        for row in result["goals"]
    ]
    return markdown_table(["of simulated pilots", "wanted", "seen", "verdict"], rows, left=1)


def _shares(row: Result, *names: str) -> Iterable[str]:
    return [_share(row[name]) for name in names]


def _share(share: float) -> str:
    return f"{100 * share:.2f} %" if 0 < share < 0.01 else f"{100 * share:.1f} %"
