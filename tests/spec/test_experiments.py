"""The keys of an experiment: what they come to, what is refused, and when its author is told that users will be lacking."""

from dataclasses import dataclass

import pytest

from slo_daemon.core.pilot.pilot import CountedUnit, ExperimentMetric, Split, SplitKind
from slo_daemon.spec import SpecError, load

HEAD = """\
apiVersion: slo-daemon/v1
kind: Pilot
metadata: {name: search}
spec:
  stage: canary
  start: 2026-10-23
  duration: 8w
  variants: [control, treatment]
  slos:
    - name: throughput
      sli: {throughput: {counter: requests_total}}
      objective: {at_least: 5/s, critical: 5/s}
      window: 5m
"""
RAMP = "  ramp: {initial: 5%, max: 20%, steps: [{week: 2, percentage: 20%}]}\n"
METRIC = """\
  success_metrics:
    lift:
      objective: {OBJECTIVE}
      experiment:
        exposed: exposed_total
        converted: converted_total
        by: variant
        control: control
        treatment: treatment
"""
WHERE = "spec.success_metrics.lift.experiment"


@dataclass(frozen=True)
class Read:
    metric: ExperimentMetric
    warnings: list[str]


def read(keys: str = "", *, ramp: bool = False, objective: str = "at_least: 10%") -> Read:
    text = HEAD + (RAMP if ramp else "") + METRIC.replace("OBJECTIVE", objective)
    text += "".join(f"        {line}\n" for line in keys.splitlines())
    loaded = load([("shop.yaml", text)], scrape_interval=30)
    (metric,) = loaded.specification.pilots[0].success_metrics
    assert isinstance(metric.source, ExperimentMetric)
    return Read(metric.source, [str(problem) for problem in loaded.warnings])


def refused(keys: str, *, ramp: bool = False) -> list[str]:
    with pytest.raises(SpecError) as error:
        read(keys, ramp=ramp)
    return [str(problem).removeprefix("shop.yaml:") for problem in error.value.problems]


def test_by_default_users_are_counted_and_split_as_the_ramp_says() -> None:
    metric = read(ramp=True).metric

    assert (metric.unit, metric.bucket, metric.independent) == (CountedUnit.USERS, "", "")
    assert metric.split == Split(SplitKind.RAMP)
    assert metric.expected_users == 50_000
    assert (metric.base_rate, metric.users_per_day, metric.expected_lift) == (None, None, None)


def test_without_a_ramp_they_are_split_equally() -> None:
    assert read().metric.split == Split(SplitKind.EQUAL)


@pytest.mark.parametrize(
    ("split", "meant"),
    [
        ("equal", Split(SplitKind.EQUAL)),
        ("unchecked", Split(SplitKind.UNCHECKED)),
        ("{control: 50%, treatment: 50%}", Split(SplitKind.FIXED, 0.5)),
        ("{control: 30%, treatment: 10%}", Split(SplitKind.FIXED, 0.25)),
        ("{control: 66.7%, treatment: 33.3%}", Split(SplitKind.FIXED, 0.333)),
    ],
)
def test_a_split_is_a_word_or_the_share_of_both_variants(split: str, meant: Split) -> None:
    found = read(f"split: {split}", ramp=True).metric.split
    assert found.kind is meant.kind
    assert found.treatment == pytest.approx(meant.treatment)


def test_all_keys_are_read() -> None:
    keys = """\
unit: requests
bucket: bucket
expected_users: 200000
base_rate: 3%
users_per_day: 20000
expected_lift: 15%"""
    found = read(keys, objective="at_least: 0%")

    assert found.warnings == []
    assert found.metric.unit is CountedUnit.REQUESTS
    assert found.metric.bucket == "bucket"
    assert found.metric.expected_users == 200_000
    assert (found.metric.base_rate, found.metric.users_per_day, found.metric.expected_lift) == (
        0.03,
        20_000,
        0.15,
    )


def test_independence_is_declared_with_its_reason() -> None:
    found = read("unit: requests\nindependent: true\nbecause: one request per user")
    assert found.metric.independent == "one request per user"
    assert found.warnings == []


def test_independence_that_is_denied_is_not_declared() -> None:
    assert read("independent: false").metric.independent == ""


# fmt: off
REFUSED = [
    ("independent: true", f"23:22: {WHERE}.independent: units are declared independent, and nobody says why; say it under `because`"),
    ("because: it is so", f"23:18: {WHERE}.because: `because` belongs to `independent: true`; remove the key"),
    ("split: ramp", f"23:16: {WHERE}.split: the pilot has no ramp; add spec.ramp, or write equal or {{control: 50%, treatment: 50%}}"),
    ("split: fixed", f"23:16: {WHERE}.split: 'fixed' is not known here; write ramp, equal, unchecked or {{control: 50%, treatment: 50%}}"),
    ("split: eqal", f"23:16: {WHERE}.split: 'eqal' is not known here; did you mean 'equal'?"),
    ("split: [50%, 50%]", f"23:16: {WHERE}.split: a word or the two shares are wanted here; write ramp, equal, unchecked or {{control: 50%, treatment: 50%}}"),
    ("split: {control: 50%}", f"23:16: {WHERE}.split: the split names control and treatment, each with its share; write ramp, equal, unchecked or {{control: 50%, treatment: 50%}}"),
    ("split: {control: 60%, treatment: 50%}", f"23:16: {WHERE}.split: the shares of control and treatment are more than 100% together; write smaller ones"),
    ("split: {control: 60%, treatment: 0.4}", f"23:16: {WHERE}.split: treatment: 0.4 has no unit, but this key wants a ratio; write for example 99%"),
    ("split: {control: 100%, treatment: 50%}", f"23:16: {WHERE}.split: control: 100% is out of range; write a ratio between 0% and 100%, for example 3%"),
    ("unit: sessions", f"23:15: {WHERE}.unit: 'sessions' is not known here; the words are users, requests"),
    ("bucket: variant", f"23:17: {WHERE}.bucket: the label of the buckets is that of the variants; name another label"),
    ("bucket: le", f"23:17: {WHERE}.bucket: the label 'le' is set by slo-daemon or Prometheus; choose another name"),
    ("base_rate: 0%", f"23:20: {WHERE}.base_rate: 0% is out of range; write a ratio between 0% and 100%, for example 3%"),
    ("users_per_day: 0", f"23:24: {WHERE}.users_per_day: 0 is out of range; write a whole number from 1 to 1,000,000,000"),
    ("expected_lift: 15", f"23:24: {WHERE}.expected_lift: 15 has no unit, but this key wants a ratio; write for example 99%"),
    ("expected_lift: -100%", f"23:24: {WHERE}.expected_lift: -100% is out of range; write a change such as 15%"),
    ("expected_users: 1e5", f"23:25: {WHERE}.expected_users: 1e5 is not a whole number; write for example 500, without quotes or unit"),
]
# fmt: on


@pytest.mark.parametrize(("keys", "problem"), REFUSED, ids=[keys for keys, _ in REFUSED])
def test_what_is_wrong_is_said_with_place_and_remedy(keys: str, problem: str) -> None:
    assert [p for p in refused(keys) if "warning" not in p] == [problem]


def test_a_selector_may_not_fix_the_label_of_the_buckets() -> None:
    text = (
        (HEAD + METRIC)
        .replace("OBJECTIVE", "at_least: 10%")
        .replace("exposed: exposed_total", "exposed: 'exposed_total{shard=\"1\"}'")
    )
    with pytest.raises(
        SpecError, match="fixes the label 'shard', which must tell the buckets apart; remove that"
    ):
        load([("shop.yaml", f"{text}        bucket: shard\n")])


def test_counters_of_requests_alone_are_warned_of() -> None:
    assert read("unit: requests").warnings == [
        (
            f"shop.yaml:23:15: warning: {WHERE}.unit: requests of one user are not independent, so no lift is ever told "
            "from them; count each user once, or give the label of hash buckets under `bucket`"
        )
    ]


def test_users_need_no_declaration() -> None:
    (warning,) = read("independent: true\nbecause: each is counted once").warnings
    assert warning.startswith(f"shop.yaml:23:22: warning: {WHERE}.independent: users that are counted once")


def test_what_is_reckoned_with_is_of_use_together_only() -> None:
    (warning,) = read("base_rate: 3%\nusers_per_day: 1000").warnings
    assert warning == (
        f"shop.yaml:23:20: warning: {WHERE}.base_rate: without expected_lift nobody can tell whether there will be "
        "users enough; give base_rate, users_per_day and expected_lift"
    )


RECKONED = "base_rate: 3%\nusers_per_day: {users}\nexpected_lift: {lift}"


def test_an_objective_that_cannot_be_shown_is_told_at_load() -> None:
    (warning,) = read(RECKONED.format(users=1_000, lift="15%")).warnings
    assert warning == (
        "shop.yaml:16:29: warning: spec.success_metrics.lift.objective.at_least: this cannot be shown: "
        "to show a lift of more than 10 % where it really is 15 % takes about 534,000 users per arm; "
        "28,000 users per arm come until 2026-12-17; ask for less, run the pilot longer, or give the treatment more users"
    )


def test_the_ramp_decides_how_many_users_the_treatment_gets() -> None:
    assert read(RECKONED.format(users=20_000, lift="15%"), objective="at_least: 0%", ramp=True).warnings == []
    (warning,) = read(RECKONED.format(users=2_000, lift="15%"), objective="at_least: 0%", ramp=True).warnings
    assert "users in treatment and" in warning


def test_an_objective_at_or_beyond_the_expected_lift_is_told_at_load() -> None:
    (warning,) = read(RECKONED.format(users=10**9, lift="10%")).warnings
    assert "no number of users shows a lift of more than 10 % where it really is 10 %" in warning
    assert warning.endswith("ask for less: the interval of the lift must lie past it, not only the lift")


def test_a_lift_that_should_stay_small_is_shown_from_below() -> None:
    few = read(RECKONED.format(users=1_000, lift="0%"), objective="at_most: 5%").warnings
    many = read(RECKONED.format(users=100_000, lift="0%"), objective="at_most: 5%").warnings

    assert "to show a lift of less than 5 % where it really is 0 % takes about" in few[0]
    assert many == []
