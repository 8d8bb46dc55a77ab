"""What the advice would look like in the tools that serve users: a flagd flag file, Argo Rollouts steps, a Flagger canary.

Proposed, never applied: a person or a pipeline takes it over.
"""

import re
from dataclasses import dataclass
from typing import Any

from slo_daemon.core.pilot.pilot import Cohort, ExperimentMetric, Pilot, Split, SplitKind
from slo_daemon.core.pilot.ramp import Advice, RampAdvice
from slo_daemon.core.slo.phrases import say_share

_EQUAL = Split(SplitKind.EQUAL)
PARTS = 1_000  # whole weights of flagd: a tenth of a percent each
SCHEMA = "https://flagd.dev/schema/v0/flags.json"
_RULE = re.compile(
    r"""\s*([A-Za-z_][\w.]*)\s*(==|!=|>=|<=|>|<)\s*(?:(-?\d+(?:\.\d+)?)|'([^']*)'|"([^"]*)")\s*"""
)


@dataclass(frozen=True, slots=True)
class Proposal:
    """`flagd`: a whole flag file, for any JSON encoder. The other two: YAML, to be put where they belong.

    `left_out`: cohorts whose criteria are no rule that flagd understands; a person must add them. Where no rule is left,
    the flag is for everybody.
    """

    flagd: dict[str, Any]
    argo_rollouts: str
    flagger: str
    left_out: tuple[str, ...]


def propose(pilot: Pilot, advice: RampAdvice) -> Proposal | None:
    """The proposal for a pilot with a planned ramp.

    None where the served share is to be held and is not known now: a file with a share would change what nobody can see.
    """
    if (
        advice.advice is Advice.HOLD
        and advice.observed is None
        and pilot.ramp is not None
        and pilot.ramp.observed
    ):
        return None
    rules = {cohort.name: _rule(cohort) for cohort in pilot.cohorts}
    known = [rule for rule in rules.values() if rule is not None]
    left_out = tuple(name for name, rule in rules.items() if rule is None)
    return Proposal(
        _flagd(pilot, advice, known),
        _argo(pilot, advice),
        _flagger(pilot, advice),
        left_out,
    )


def weights(share: float, split: Split = _EQUAL) -> tuple[tuple[str, int], ...]:
    """Parts of treatment, off and control, in the order in which flagd deals users out.

    Control is as large as the experiment's split plans it: as large as treatment where nothing else is planned, and
    everybody else with the split `ramp`. In this order a wider step takes new users from `off`, as long as there are such:
    control users who become treatment users would spoil the experiment.
    """
    treatment = min(PARTS, max(0, round(share * PARTS)))
    match split.kind:
        case SplitKind.RAMP:
            control = PARTS - treatment
        case SplitKind.FIXED if split.treatment > 0.0:
            control = round(treatment * (1.0 - split.treatment) / split.treatment)
        case _:
            control = treatment
    control = min(control, PARTS - treatment)
    return (("treatment", treatment), ("off", PARTS - treatment - control), ("control", control))


def _split_of(pilot: Pilot) -> Split:
    """Of the pilot's first experiment."""
    found = (m.source.split for m in pilot.success_metrics if isinstance(m.source, ExperimentMetric))
    return next(found, _EQUAL)


def flag_key(pilot: Pilot) -> str:
    """The feature that is on, if it is one; else the pilot's name."""
    on = [name for name, enabled in (pilot.features or {}).items() if enabled]
    return on[0].replace("_", "-") if len(on) == 1 else pilot.name


def _flagd(pilot: Pilot, advice: RampAdvice, rules: list[dict[str, Any]]) -> dict[str, Any]:
    fractional = {
        "fractional": [
            {"cat": [{"var": "$flagd.flagKey"}, {"var": "targetingKey"}]},
            *([name, weight] for name, weight in weights(advice.advised, _split_of(pilot))),
        ]
    }
    targeting = (
        fractional
        if not rules
        else {"if": [{"or": rules} if len(rules) > 1 else rules[0], fractional, "off"]}
    )
    flag = {
        "state": "ENABLED",
        "variants": {"treatment": True, "control": False, "off": False},
        "defaultVariant": "off",
        "targeting": targeting,
        "metadata": {"pilot": pilot.name, "advice": advice.advice.value, "share": advice.advised},
    }
    return {"$schema": SCHEMA, "flags": {flag_key(pilot): flag}}


def _rule(cohort: Cohort) -> dict[str, Any] | None:
    """`orders > 10` as JsonLogic; None for what is no single comparison."""
    match = _RULE.fullmatch(cohort.criteria)
    if match is None:
        return None
    name, operator, amount, single, double = match.groups()
    literal: float | str
    if amount is not None:
        literal = float(amount) if "." in amount else int(amount)
    else:
        literal = single if single is not None else double
    return {operator: [{"var": name}, literal]}


def _argo(pilot: Pilot, advice: RampAdvice) -> str:
    """The canary steps from here on. Weights are whole percents."""
    weight = round(advice.advised * 100)
    return f"""# Argo Rollouts, spec.strategy.canary of the Rollout of {_plain(pilot.name)}: {advice.advice.value}, {say_share(advice.advised)} of the users
steps:
  - setWeight: {weight}
  - pause: {{}}   # until the next step is advised
"""


def _flagger(pilot: Pilot, advice: RampAdvice) -> str:
    weight = round(advice.advised * 100)
    return f"""# Flagger, spec.analysis of the Canary of {_plain(pilot.name)}: {advice.advice.value}, {say_share(advice.advised)} of the users
stepWeights: [{weight}]
maxWeight: {max(1, weight)}
"""


def _plain(text: str) -> str:
    return " ".join(text.split())
