"""The criteria that every pilot has, whatever it asks for: SLOs met, budgets left, no open incident, content users."""

from collections.abc import Iterator, Sequence

from slo_daemon.core.pilot.facts import Judged
from slo_daemon.core.pilot.measures import first_midnight
from slo_daemon.core.pilot.pilot import FeedbackMetric, Pilot, Role
from slo_daemon.core.pilot.records import IncidentSummary, Records, RecordsUnavailable, Severity
from slo_daemon.core.pilot.satisfaction import ENOUGH_VOTES, Satisfaction
from slo_daemon.core.pilot.slo_facts import doubt_of, too_old
from slo_daemon.core.pilot.truth import Truth
from slo_daemon.core.pilot.verdict import Finding
from slo_daemon.core.slo.budget import FULL_COVERAGE, Budget, BudgetState, spent_out
from slo_daemon.core.slo.phrases import say_basis, say_count, say_evaluation, say_name, say_share
from slo_daemon.core.slo.window import Slot

BLOCKING_SATISFACTION = 3.5
WANTED_SATISFACTION = 4.0
MANY_INCIDENTS = 5
INCIDENT_DAYS = 7
MOST_NAMES = 5  # in one sentence
BUDGET_YOUNG = "budget_young"  # unknown only because the pilot is younger than the budget's window


def default_findings(
    pilot: Pilot,
    slot: Slot | None,
    at: float,
    slos: Sequence[Judged],
    records: Records | RecordsUnavailable,
    opinion: Satisfaction | None,
) -> Iterator[Finding]:
    """In the order of the report. `opinion`: of the ratings, None without one."""
    yield _slos_met(pilot, slot, at, slos)
    yield from _no_budget_spent(pilot, slot, at, slos)
    yield _no_open_critical_incident(records)
    yield from _satisfied(pilot, records, opinion)


def _slos_met(pilot: Pilot, slot: Slot | None, at: float, slos: Sequence[Judged]) -> Finding:
    text = "every SLO is met now"
    seen = {judged.instance.slo.id for judged in slos}
    unknown = [f"{slo.name} (no group of it was seen yet)" for slo in pilot.slos if slo.id not in seen]
    missed = []
    for judged in slos:
        evaluation, name = judged.evaluation, say_name(judged.instance)
        doubt = doubt_of(judged.state, evaluation, slot, at)
        if doubt is not None:
            unknown.append(f"{name} ({doubt[1]})")
        elif evaluation is not None and not evaluation.met:
            missed.append(f"{name} ({say_evaluation(evaluation)})")
    n = len(slos) + sum(slo.id not in seen for slo in pilot.slos)
    met = n - len(missed) - len(unknown)
    if missed:
        state, reason, detail = Truth.FALSE, "slo_missed", f"SLOs not met: {named(missed)}"
        detail += f"; cannot be told for {named(unknown)}" if unknown else ""
    elif unknown:
        state, reason, detail = Truth.UNKNOWN, "slo_unknown", f"cannot be told for {named(unknown)}"
    elif not n:
        state, reason, detail = Truth.UNKNOWN, "no_slo", "the pilot has no SLO"
    else:
        state, reason, detail = Truth.TRUE, "all_met", f"{met} of {say_count(n, 'SLO')} met"
    return Finding(text, Role.DEFAULT, state, reason, detail, value=met, n=n)


def _no_budget_spent(
    pilot: Pilot, slot: Slot | None, at: float, slos: Sequence[Judged]
) -> tuple[Finding, ...]:
    """Only for pilots that have an error budget. What is partly seen can prove a budget spent, never that it is not."""
    wanted = [slo for slo in pilot.slos if slo.budget is not None]
    if not wanted:
        return ()
    text = "no error budget is spent"
    seen = {judged.instance.slo.id for judged in slos}
    unknown = [f"{slo.name} (no group of it was seen yet)" for slo in wanted if slo.id not in seen]
    spent, left = [], []
    young = 0
    for judged in slos:
        if judged.instance.slo.budget is None:
            continue
        name, budget = say_name(judged.instance), judged.evaluation.budget if judged.evaluation else None
        doubt = too_old(judged.evaluation, slot, at)
        if doubt or budget is None:
            unknown.append(f"{name} ({doubt or 'its budget was not evaluated'})")
            continue
        match spent_out(budget):
            case True:
                spent.append(f"{name} ({say_share(budget.spent or 1.0)} of {budget.policy.window} spent)")
            case False:
                left.append((budget.remaining or 0.0, name))
            case None if _is_young(budget, pilot, at):
                young += 1
                unknown.append(f"{name} ({say_basis(budget)}, all of it since the pilot began)")
            case None:
                unknown.append(f"{name} ({say_basis(budget)})")
    n = len(spent) + len(unknown) + len(left)
    if spent:
        state, reason, detail = Truth.FALSE, "budget_spent", f"error budgets spent: {named(spent)}"
        detail += f"; cannot be told for {named(unknown)}" if unknown else ""
    elif unknown:
        reason = BUDGET_YOUNG if young == len(unknown) else "budget_unknown"
        state, detail = Truth.UNKNOWN, f"cannot be told for {named(unknown)}"
    else:
        least, name = min(left)
        state, reason = Truth.TRUE, "budgets_left"
        detail = f"{say_count(n, 'error budget')} not spent; the least is left of {name}, {say_share(least)}"
    return (Finding(text, Role.DEFAULT, state, reason, detail, value=len(left), n=n),)


def _is_young(budget: Budget, pilot: Pilot, at: float) -> bool:
    """Whether only the pilot's age keeps a budget from being whole: all since its start was seen, and is not spent."""
    began, start = first_midnight(pilot), budget.policy.window.start(at)
    if not start < began < at or budget.remaining is None or budget.remaining <= 0.0:
        return False
    return budget.state is BudgetState.PARTIAL and budget.tally.coverage * (at - start) >= FULL_COVERAGE * (
        at - began
    )


def _no_open_critical_incident(records: Records | RecordsUnavailable) -> Finding:
    """An incident is not over because it is old, so its age does not matter: only its resolution does."""
    text = "no critical incident is unresolved"
    if isinstance(records, RecordsUnavailable):
        return _unavailable(text, records)
    count = _open_critical(records.incidents)
    if count:
        detail = say_count(count, "unresolved critical incident")
        return Finding(text, Role.DEFAULT, Truth.FALSE, "critical_incident_open", detail, value=count)
    return Finding(text, Role.DEFAULT, Truth.TRUE, "none_open", "none is open", value=0)


def _open_critical(incidents: IncidentSummary) -> int:
    return incidents.open_by_severity.get(Severity.CRITICAL, 0)


def _satisfied(
    pilot: Pilot, records: Records | RecordsUnavailable, opinion: Satisfaction | None
) -> tuple[Finding, ...]:
    """Only for pilots that ask their users, by configuration or by having been answered."""
    asked = any(isinstance(metric.source, FeedbackMetric) for metric in pilot.success_metrics)
    text = f"user satisfaction is at least {BLOCKING_SATISFACTION}/5"
    if isinstance(records, RecordsUnavailable):
        return (_unavailable(text, records),) if asked else ()
    if opinion is None:
        none = Finding(text, Role.DEFAULT, Truth.UNKNOWN, "no_feedback", "nobody has rated yet", n=0)
        return (none,) if asked else ()
    if not opinion.enough:
        state, reason = Truth.UNKNOWN, "too_few_votes"
        detail = f"{opinion}; it takes {ENOUGH_VOTES} votes to decide"
    elif opinion.mean < BLOCKING_SATISFACTION:
        state, reason = Truth.FALSE, "satisfaction_low"
        detail = f"user satisfaction is too low: {opinion}"
    else:
        state, reason, detail = Truth.TRUE, "satisfied", str(opinion)
    return (
        Finding(
            text, Role.DEFAULT, state, reason, detail, opinion.mean, opinion.interval, opinion.votes
        ),
    )  # fmt: skip


def _unavailable(text: str, records: RecordsUnavailable) -> Finding:
    return Finding(text, Role.DEFAULT, Truth.UNKNOWN, records.reason, records.detail)


def named(names: Sequence[str]) -> str:
    """The first few names, and how many there are beside."""
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more
