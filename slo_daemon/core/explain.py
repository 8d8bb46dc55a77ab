"""How one SLO came out as it did: what was asked and answered, windows, budget and burn rates, the level behind it."""

from collections.abc import Sequence
from dataclasses import replace
from math import inf, isfinite, isnan
from typing import Any, assert_never

from slo_daemon.core.explain_budget import budget_lines, burn_lines, made_of, window_lines
from slo_daemon.core.quantity import show_duration
from slo_daemon.core.report import LEVEL_WORDS, MET_SYMBOLS
from slo_daemon.core.shapes import Json, number, slo_json, transitions_json
from slo_daemon.core.slo.book import Entry, entry_of
from slo_daemon.core.slo.budget import BudgetState
from slo_daemon.core.slo.chunks import CELL, HOUR
from slo_daemon.core.slo.compare import direct_asks
from slo_daemon.core.slo.evaluation import Evaluation, Evidence
from slo_daemon.core.slo.measurement import Measured, NoTraffic
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.phrases import (
    say_cause,
    say_count,
    say_edge,
    say_evaluation,
    say_left,
    say_objective,
    say_time,
    visible,
)
from slo_daemon.core.slo.query import Absent, Failed, Labels, Reading, Sample, Samples
from slo_daemon.core.slo.slo import SloInstance
from slo_daemon.core.slo.state import LEAST_CLEAR_SLOTS, LEAST_MISSING_SLOTS, SloState, Transition
from slo_daemon.core.snapshot import SloView

MOST_ROWS = 40  # of one answer


def explain_json(view: SloView, transitions: Sequence[Transition] = ()) -> Json:
    """The SLO's shape with its queries, answers (at most MOST_ROWS rows each), arithmetic, timers and `transitions`."""
    evaluation = view.evaluation
    return slo_json(view) | {
        "slot": number(evaluation.slot.time) if evaluation else None,
        "queries": _queries_json(view.instance, evaluation) if evaluation else [],
        "arithmetic": list(_working(evaluation)),
        "facts": _facts(evaluation),
        "evidence": _evidence_json(evaluation.evidence) if evaluation and evaluation.evidence else None,
        "level_reason": view.state.reason.value if view.state.reason else None,
        "state": _state_json(view.state),
        "history": transitions_json(transitions),
    }


def _queries_json(instance: SloInstance, evaluation: Evaluation) -> list[Json]:
    at, entry = {"at": number(evaluation.slot.time)}, entry_of(instance.slo)
    return [
        _query_json(name, reading) | at | _asked_json(entry, instance, name)
        for name, reading in evaluation.readings.items()
    ]


def _query_json(name: str, reading: Reading) -> Json:
    part: Json = {"part": name, "promql": reading.promql, "answer": _kind(reading)}
    match reading:
        case Samples(rows=rows):
            return part | {
                "row_count": len(rows),
                "rows": [{"labels": dict(row.labels), "value": _sample(row.value)} for row in rows[:MOST_ROWS]],
            }  # fmt: skip
        case Absent():
            return part | {"row_count": 0, "rows": []}
        case Failed(reason=reason, detail=detail):
            return part | {"reason": reason.value, "detail": detail}
        case _:
            assert_never(reading)


def _asked_json(entry: Entry, instance: SloInstance, name: str) -> Json:
    """Which span each answer stands for, and the same question about an hour and about the whole window. Null: as it is."""
    if name not in entry.asks or name in entry.direct:
        return {"span": None, "window": None, "hour_promql": None, "window_promql": None}
    window = instance.slo.window.seconds
    whole = direct_asks(entry, instance.group, window)
    return {
        "span": show_duration(CELL),
        "window": str(instance.slo.window),
        "hour_promql": replace(entry.asks[name], window=HOUR).promql() if window > CELL else None,
        "window_promql": whole[name].promql() if name in whole else None,
    }


def _kind(reading: Reading) -> str:
    return {Samples: "samples", Absent: "empty", Failed: "failed"}[type(reading)]


def _sample(value: float) -> float | int | str | None:
    """As Prometheus writes it in JSON: what is no finite number is a string."""
    return number(value) if isfinite(value) else _plain(value)


def _facts(evaluation: Evaluation | None) -> dict[str, Any]:
    measurement = evaluation.measurement if evaluation else None
    if not isinstance(measurement, Measured):
        return {}
    known = {"low": measurement.low, "high": measurement.high, **measurement.facts}
    return {name: number(value) for name, value in known.items()} | {"limit": measurement.limit}


def _evidence_json(evidence: Evidence) -> Json:
    return {
        "proven": int(evidence.proven),
        "possible": int(evidence.possible),
        "clear": int(evidence.clear),
        "by_value": int(evidence.by_value),
        "burning": int(evidence.burning),
    }


def _state_json(state: SloState) -> Json:
    return {
        "warning_run": state.warning_run,
        "critical_run": state.critical_run,
        "clear_run": state.clear_run,
        "missing_slots": state.missing_slots,
        "missing_seconds": number(state.missing_seconds),
        "last_good_slot": number(state.last_good_slot),
    }


def explain_text(view: SloView, transitions: Sequence[Transition] = ()) -> str:
    """The same for a person, as plain text; PromQL stands on lines of its own, ready to be copied."""
    slo, evaluation = view.instance.slo, view.evaluation
    met = MET_SYMBOLS[evaluation.met if evaluation else None]
    parts = [
        _block(
            visible(view.instance.id),
            [
                *([visible(slo.description)] if slo.description else []),
                f"wanted: {say_objective(slo.objective)} over {slo.window}{_thresholds(view)}",
                f"result: {met}: {visible(say_evaluation(evaluation))}",
                f"data:   {view.data_state.value.replace('_', ' ')}",
                *_budget_line(view),
                f"level:  {LEVEL_WORDS[view.state.level]}{_since(view.state)}",
            ],
        )
    ]
    parts += [_block(heading, lines) for heading, lines in explain_blocks(view)]
    history = [
        f"{say_time(t.slot)}  {t.before.word} -> {t.after.word}  {t.reason.value}: {visible(t.detail)}"
        for t in transitions
    ]
    parts.append(_block("Latest level changes", history or ["none"]))
    return "\n\n".join(parts) + "\n"


def explain_blocks(view: SloView) -> list[tuple[str, list[str]]]:
    """How the evaluation came out as it did, as headings with lines of plain text; nothing before the first slot."""
    evaluation = view.evaluation
    if evaluation is None:
        return []
    at = f"at {say_time(evaluation.slot.time)}, {number(evaluation.slot.time)}"
    blocks = [
        (f"Asked and answered, {at}", _asked(view.instance, evaluation)),
        ("Arithmetic", [visible(line) for line in _working(evaluation)] or ["none"]),
        ("Windows", window_lines(evaluation)),
        ("Error budget", budget_lines(evaluation)),
        ("Burn rates", burn_lines(evaluation)),
        ("Level", _level(view, evaluation)),
    ]
    return [(heading, lines) for heading, lines in blocks if lines]


def _block(heading: str, lines: Sequence[str]) -> str:
    return "\n".join([heading, *(f"  {line}" for line in lines)])


def _budget_line(view: SloView) -> list[str]:
    if view.instance.slo.budget is None:
        return []
    budget = view.evaluation.budget if view.evaluation else None
    if budget is None:
        return ["budget: not evaluated"]
    whole = budget.state is BudgetState.COMPLETE and budget.remaining is not None
    return [f"budget: {say_left(budget)}{f' of {budget.policy.window} left' if whole else ''}"]


def _thresholds(view: SloView) -> str:
    objective = view.instance.slo.objective
    said = [told for level in (Level.WARNING, Level.CRITICAL) if (told := say_edge(objective, level))]
    return f" ({', '.join(said)})" if said else ""


def _since(state: SloState) -> str:
    if state.level is Level.NONE:
        return ""
    reason = f" ({state.reason.value.replace('_', ' ')})" if state.reason else ""
    return f" since {say_time(state.since)}{reason}"


def _asked(instance: SloInstance, evaluation: Evaluation) -> list[str]:
    """Each part with its query and its rows; where the rows are of many answers, what of, and the same as one question."""
    entry, window = entry_of(instance.slo), instance.slo.window
    whole = direct_asks(entry, instance.group, window.seconds)
    lines: list[str] = []
    for name, reading in evaluation.readings.items():
        chunked = name in entry.asks and name not in entry.direct and window.seconds > CELL
        heading = f"{visible(name)}, {made_of(instance.slo)}" if chunked else visible(name)
        lines += [heading, f"  {visible(reading.promql)}", *(f"    {row}" for row in _rows(reading))]
        if chunked and name in whole:
            lines += [f"  to compare, {window} asked at once:", f"  {visible(whole[name].promql())}"]
    return lines


def _rows(reading: Reading) -> list[str]:
    match reading:
        case Samples(rows=rows):
            answers = [
                f"{_labels(row.labels)}{_plain(row.value)}" for row in sorted(rows, key=_edge)[:MOST_ROWS]
            ]
            return answers + ([f"and {len(rows) - MOST_ROWS} more rows"] if len(rows) > MOST_ROWS else [])
        case Absent():
            return ["no row"]
        case Failed(reason=reason, detail=detail):
            return [f"failed, {reason.value}: {visible(detail)}"]
        case _:
            assert_never(reading)


def _edge(row: Sample) -> float:
    """Buckets by their edge; other rows stay as they came."""
    try:
        return float(row.label("le") or inf)
    except ValueError:
        return inf


def _labels(labels: Labels) -> str:
    return "".join(f"{name}={visible(value)}  " for name, value in labels)


def _plain(value: float) -> str:
    if isnan(value):
        return "NaN"
    return f"{value:.10g}" if isfinite(value) else ("+Inf" if value > 0 else "-Inf")


def _working(evaluation: Evaluation | None) -> tuple[str, ...]:
    match evaluation.measurement if evaluation else None:
        case Measured(working=working) | NoTraffic(working=working):
            return working
        case _:
            return ()


def _level(view: SloView, evaluation: Evaluation) -> list[str]:
    """What this look shows of the level, by which of its two parts, and how far each timer is."""
    state, slo, slot = view.state, view.instance.slo, evaluation.slot
    seen = evaluation.evidence
    if seen is None:
        return [*_missing(view), "this slot could not look, so the level is held and no other timer moves"]
    if seen.possible is seen.proven:
        lines = [f"this look shows level {seen.proven.word}"]
    else:
        lines = [f"this look proves level {seen.proven.word}, and cannot exclude {seen.possible.word}"]
    alerting = slo.burn is not None and slo.burn.alerts and bool(evaluation.burn_rates)
    if alerting:
        lines[0] += f": {seen.by_value.word} by the value, {seen.burning.word} by the burn rates"
        lines += [cause] if (cause := say_cause(evaluation)) else []
    reachable = {rate.pair.severity for rate in evaluation.burn_rates} if alerting else set()
    for level, run in ((Level.WARNING, state.warning_run), (Level.CRITICAL, state.critical_run)):
        if slo.objective.threshold(level) is not None or level in reachable:
            lines.append(f"{level.word}: {_run(run, slot.slots_in(slo.alerting.raise_for))} to raise it")
    if state.level is not Level.NONE:
        needed = max(LEAST_CLEAR_SLOTS, slot.slots_in(slo.alerting.clear_for))
        lines.append(f"recovery: {_run(state.clear_run, needed)} to lower it")
    return lines


def _run(run: int, needed: int) -> str:
    return f"{run} in a row, {say_count(needed, 'look')} needed"


def _missing(view: SloView) -> list[str]:
    state, slo = view.state, view.instance.slo
    if not state.missing_slots:
        return []
    unseen = (
        f"nothing seen for {show_duration(state.missing_seconds)} ({say_count(state.missing_slots, 'slot')})"
    )
    if not slo.missing_data.escalate:
        return [f"{unseen}; this SLO does not escalate for missing data: {visible(slo.missing_data.because)}"]
    warning, critical = slo.missing_data_limits()
    limits = f"warning after {show_duration(warning)}, critical after {show_duration(critical)}"
    return [f"{unseen}; {limits}, at least {LEAST_MISSING_SLOTS} slots"]
