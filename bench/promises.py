"""What the statistics promise, tried out: how often claims are wrong under peeking, and how often they are found."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
from scipy import stats

from bench.peeking import (
    HOURS,
    Floats,
    Looks,
    Plan,
    chi_square_p,
    counts,
    looks,
    mismatch_evidence,
    plan,
    pooled,
    ramped,
    rating_spreads,
    reach,
    sessions,
)
from slo_daemon.core.pilot.experiment.feasibility import Question, always_valid_sample, fixed_sample
from slo_daemon.core.pilot.experiment.lift import lift
from slo_daemon.core.pilot.experiment.strata import Arm, Stratum, bucket_stratum
from slo_daemon.core.pilot.satisfaction import ENOUGH_VOTES, EXPECTED_VOTES

EXPECTED = 50_000
NAIVE = 1.959963985
FIRST = date(2026, 1, 1)


@dataclass(frozen=True, slots=True)
class Claims:
    """Of all pilots (ratios): `wrong` left the true lift out at some look, `claimed` a lift above the margin at some
    look. `days`: the median day of the first claim, None without one.
    """

    wrong: float
    claimed: float
    days: float | None


def claims(
    pilots: Plan,
    count: int,
    margin: float,
    *,
    seed: int,
    hours: int = 1,
    naive: bool = False,
    expected: float = EXPECTED,
) -> Claims:
    """Look every `hours` hours from the first 30 conversions on. `naive`: pooled, with the 1.96 of a single look."""
    rng = np.random.default_rng(seed)
    wrong = claimed = 0
    first: list[float] = []
    for counted in counts(pilots, count, rng):
        seen: Looks = (pooled if naive else looks)(counted).every(hours)
        low, high = seen.interval(NAIVE if naive else reach(seen.users, expected))
        out = seen.enough & ((low > pilots.lift) | (high < pilots.lift))
        said = seen.enough & (low > margin)
        wrong += int(out.any(axis=1).sum())
        claimed += int(said.any(axis=1).sum())
        first += list((said.argmax(axis=1)[said.any(axis=1)] + 1) * hours / HOURS)
    return Claims(wrong / count, claimed / count, float(np.median(first)) if first else None)


def split_alarms(
    true: float, count: int, *, seed: int, users: float = 2_000, days: int = 56
) -> dict[str, Any]:
    """How often an equal split is called broken when treatment really gets `true`, looked at every hour."""
    rng = np.random.default_rng(seed)
    flagged = chi = 0
    at: list[float] = []
    for counted in counts(plan(users, 0.0, days=days, share=true), count, rng):
        n_t, n_c = (np.cumsum(n.reshape(len(n), -1), axis=1) for n in (counted.treatment, counted.control))
        evidence = mismatch_evidence(n_t, n_c, 0.5) > np.log(1_000)
        flagged += int(evidence.any(axis=1).sum())
        chi += int((chi_square_p(n_t, n_c, 0.5) < 0.001).any(axis=1).sum())
        found = evidence.any(axis=1)
        at += list((n_t + n_c)[found, evidence[found].argmax(axis=1)])
    return {
        "share": true,
        "sequential": flagged / count,
        "chi_square": chi / count,
        "users": float(np.median(at)) if at else None,
    }


def bucket_claims(count: int, *, seed: int, users: int = 4_000, days: int = 28) -> dict[str, float]:
    """Sessions of users who come back five times: how often the truth (no lift) is left out, at the end and ever.

    The product's own functions, with the sessions taken for independent and with 64 hash buckets.
    """
    rng = np.random.default_rng(seed)
    kinds: dict[str, Callable[[Floats, Floats], list[Stratum]]] = {
        "independent": _plain,
        "buckets": _bucketed,
    }
    tally = {f"{kind}_{what}": 0 for kind in kinds for what in ("once", "ever")}
    for _ in range(count):
        seen = sessions(rng, users=users, days=days)
        for kind, made in kinds.items():
            strata = made(seen.exposed, seen.converted)
            ever = False
            for day in range(1, days + 1):
                found = lift(strata[:day], 0.05, EXPECTED)
                if found.interval is not None and found.fixed is not None:
                    ever = ever or not found.interval[0] <= 0.0 <= found.interval[1]
                    if day == days:
                        tally[f"{kind}_once"] += not found.fixed[0] <= 0.0 <= found.fixed[1]
            tally[f"{kind}_ever"] += ever
    return {name: times / count for name, times in tally.items()}


def _plain(exposed: Floats, converted: Floats) -> list[Stratum]:
    n, x = exposed.sum(axis=2), converted.sum(axis=2)
    return [
        Stratum(FIRST + timedelta(days=d), Arm(n[0, d], x[0, d]), Arm(n[1, d], x[1, d]))
        for d in range(n.shape[1])
    ]


def _bucketed(exposed: Floats, converted: Floats) -> list[Stratum]:
    def arms(variant: int, day: int) -> list[Arm]:
        return [
            Arm(float(n), float(x))
            for n, x in zip(exposed[variant, day], converted[variant, day], strict=True)
        ]

    days = range(exposed.shape[1])
    return [bucket_stratum(FIRST + timedelta(days=d), arms(0, d), arms(1, d)) for d in days]


def rating_misses(name: str, count: int, *, seed: int, votes: int = 1_000) -> dict[str, Any]:
    """How often the mean of such votes is left out: at `votes` votes, and at any vote from the 30th on."""
    chances = np.array(OPINIONS[name])
    true = float(chances @ np.arange(1, 6))
    given = np.random.default_rng(seed).choice(np.arange(1.0, 6.0), (count, votes), p=chances)
    mean, plain, careful = rating_spreads(given)
    n = np.arange(1.0, votes + 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        by_t = np.abs(mean - true) / np.sqrt(plain / n) > stats.t.ppf(0.975, np.maximum(n - 1, 1))
        always = np.abs(mean - true) / np.sqrt(careful / n) > reach(n, EXPECTED_VOTES)
        without = np.abs(mean - true) / np.sqrt(plain / n) > reach(n, EXPECTED_VOTES)
    enough = slice(ENOUGH_VOTES - 1, None)
    return {
        "votes": name,
        "t_once": float(by_t[:, -1].mean()),
        "t_ever": float(by_t[:, enough].any(axis=1).mean()),
        "without_ever": float(without[:, enough].any(axis=1).mean()),
        "always_valid_ever": float(always[:, enough].any(axis=1).mean()),
    }


def power_at(question: Question, count: int, *, seed: int, days: int = 56) -> dict[str, float]:
    """How often the question is answered by as many users as the feasibility asks for, at the end and ever."""
    users = always_valid_sample(question)
    daily = plan((users.treatment + users.control) / days, question.lift, days=days, rate=question.base_rate)
    rng = np.random.default_rng(seed)
    end = ever = 0
    for counted in counts(daily, count, rng):
        seen = looks(counted)
        low, _ = seen.interval(reach(seen.users, question.expected_users))
        said = seen.enough & (low > question.margin)
        end += int(said[:, -1].sum())
        ever += int(said.any(axis=1).sum())
    return {"users_per_arm": users.treatment, "end": end / count, "ever": ever / count}


CASES: tuple[tuple[str, Plan, float], ...] = (
    ("no lift, 1,000 users a day and variant: claims > 0", plan(2_000, 0.0), 0.0),
    ("no lift, 100 users a day and variant: claims > 0", plan(200, 0.0), 0.0),
    ("true lift 10 %: claims > 10 %", plan(10_000, 0.10), 0.10),
    ("no lift, ramp 5, 10, 20 %, rates that change: claims > 0", ramped(20_000, 0.0), 0.0),
)
OPINIONS = {
    "even: 10, 20, 40, 20, 10 %": (0.10, 0.20, 0.40, 0.20, 0.10),
    "content: 5, 5, 10, 30, 50 %": (0.05, 0.05, 0.10, 0.30, 0.50),
    "delighted: 1, 1, 3, 15, 80 %": (0.01, 0.01, 0.03, 0.15, 0.80),
    "split: 30, 10, 10, 20, 30 %": (0.30, 0.10, 0.10, 0.20, 0.30),
}
POWERS = ((1_000, 0.0), (1_000, 0.10), (5_000, 0.10), (20_000, 0.10))
QUESTIONS = ((0.01, 0.15, 0.0), (0.03, 0.15, 0.0), (0.03, 0.20, 0.10), (0.10, 0.10, 0.0))
RATES = (0.01, 0.03, 0.05, 0.10)
WANTED = ((0.15, 0.0), (0.10, 0.0), (0.15, 0.10), (0.20, 0.10))


def run_promises(pilots: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """All figures of docs/experiments.md, of `pilots` simulated pilots each (fewer where single users are simulated)."""
    peeking = []
    for number, (name, pilot, margin) in enumerate(CASES):
        tell(name)
        for hours, word in ((24, "daily"), (1, "hourly")):
            own = claims(pilot, pilots, margin, seed=number, hours=hours)
            naive = claims(pilot, pilots, margin, seed=number, hours=hours, naive=True)
            peeking.append(
                {"case": name, "looks": word, "claimed": own.claimed, "wrong": own.wrong,
                 "naive_claimed": naive.claimed, "naive_wrong": naive.wrong}
            )  # fmt: skip
    tell("how often a real lift is found")
    found = []
    for users, margin in POWERS:
        seen = claims(plan(2 * users, 0.15), max(200, pilots // 4), margin, seed=users, hours=HOURS)
        found.append({"users": users, "margin": margin, "claimed": seen.claimed, "days": seen.days})
    tell("users that are asked for")
    needed = []
    for rate, true, margin in QUESTIONS:
        question = Question(margin, rate, true, expected_users=EXPECTED)
        needed.append(
            {"rate": rate, "lift": true, "margin": margin, "fixed": fixed_sample(question).treatment}
            | power_at(question, max(200, pilots // 4), seed=7)
        )
    tell("the split")
    split = [split_alarms(share, pilots, seed=11) for share in (0.5, 0.51, 0.52)]
    tell("sessions and hash buckets")
    buckets = bucket_claims(max(100, pilots // 4), seed=13)
    tell("ratings")
    ratings = [rating_misses(name, pilots, seed=17) for name in OPINIONS]
    sizes = [
        {"rate": rate, "lift": true, "margin": margin,
         "fixed": fixed_sample(Question(margin, rate, true)).treatment,
         "always_valid": always_valid_sample(Question(margin, rate, true)).treatment}
        for rate in RATES
        for true, margin in WANTED
    ]  # fmt: skip
    return {
        "pilots": pilots,
        "peeking": peeking,
        "found": found,
        "needed": needed,
        "split": split,
        "buckets": buckets,
        "ratings": ratings,
        "sizes": sizes,
    }
