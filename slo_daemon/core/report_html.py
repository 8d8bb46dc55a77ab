"""A report as one HTML page that stands alone: no script, nothing loaded, for screens, phones and paper.

The same facts as the Markdown, with charts. A pure rendering: same report, same bytes.
"""

from collections.abc import Iterable

from slo_daemon.core import report_charts as charts
from slo_daemon.core import report_rows as rows
from slo_daemon.core.html import Html, Node, bullets, el, join, said, table
from slo_daemon.core.pilot.pilot import Role
from slo_daemon.core.pilot.records import Incident, Override, OverrideKind, RecordsUnavailable
from slo_daemon.core.pilot.trials import Trial
from slo_daemon.core.pilot.verdict import Effect, Finding, Verdict
from slo_daemon.core.report import (
    ADVICE_WORDS,
    EFFECT_SYMBOLS,
    VERDICT_WORDS,
    PreviousReport,
    Report,
    Unreadable,
    changes,
    state_word,
)
from slo_daemon.core.report_style import REPORT_STYLE, policy_of
from slo_daemon.core.slo.phrases import say_minute, say_time

_TONES = {Verdict.READY: "good", Verdict.NOT_READY: "bad", Verdict.INCONCLUSIVE: "open"}
_EFFECTS = {Effect.PASS: "good", Effect.BLOCK: "bad", Effect.FIRE: "bad", Effect.OPEN: "open"}
_SIGNS = {"✓": "good", "✗": "bad", "⚠": "warn", "?": "open"}  # the tone of a text that begins with a symbol


def report_html(report: Report) -> str:
    """The whole page."""
    sections: dict[str, list[Node]] = {
        "SLO compliance": _slos(report),
        "Ramp": _ramp(report),
        "Go-live criteria": _findings(report.findings(Role.DEFAULT, Role.GO_LIVE), ""),
        "Rollback triggers": _findings(report.findings(Role.ROLLBACK), "There are no rollback triggers."),
        "Success metrics": _findings(report.findings(Role.SUCCESS), "There are no success metrics."),
        "Experiment": _experiments(report),
        "Decisions of people": _overrides(report),
        "Incidents": _incidents(report),
        "User feedback": _feedback(report),
        "What changed": _changes(report),
        "Contacts": _contacts(report),
        "Data coverage": [bullets(list(rows.coverage(report)))],
    }
    title = f"Pilot report: {report.pilot.title}"
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", http_equiv="Content-Security-Policy", content=policy_of(REPORT_STYLE)),
        el("meta", name="color-scheme", content="light dark"),
        el("title", title),
        Html(f"<style>{REPORT_STYLE}</style>"),
    )
    main = [
        _verdict(report),
        _section("Overview", [el("dl", [_fact(*fact) for fact in rows.overview(report)])]),
        *(_section(heading, body) for heading, body in sections.items()),
    ]
    body = join(
        el("a", "Skip to the verdict", href="#verdict", class_="skip"),
        el(
            "header",
            el("p", "Pilot report", class_="kicker"),
            el("h1", report.pilot.title),
            el("p", f"{report.pilot.name} · {report.pilot.stage.value} · {report.progress}", class_="facts"),
        ),
        el(
            "nav",
            bullets([el("a", name, href=f"#{_id(name)}") for name in ("Overview", *sections)]),
            aria_label="Sections",
        ),
        el("main", join(*main, between="\n")),
        el(
            "footer",
            el(
                "p",
                "Report ",
                el("code", report.id),
                " of configuration ",
                el("code", report.configuration),
                ". All times are UTC.",
            ),
        ),
        between="\n",
    )
    page = el("html", Html("\n"), head, Html("\n"), el("body", Html("\n"), body, Html("\n")), lang="en")
    return f"<!doctype html>\n{page.markup}\n"


def _section(heading: str, body: Iterable[Node]) -> Html:
    name = _id(heading)
    return el("section", el("h2", heading, id=name), join(*body, between="\n"), aria_labelledby=name)


def _id(heading: str) -> str:
    return heading.lower().replace(" ", "-")


def _fact(name: str, told: str) -> Html:
    return join(el("dt", name), el("dd", told))


def _verdict(report: Report) -> Html:
    assessment = report.assessment
    tone = _TONES[assessment.verdict]
    parts: list[Node] = [
        el("h2", VERDICT_WORDS[assessment.verdict], id="verdict", class_=tone),
        el("p", "Advice: ", el("strong", ADVICE_WORDS[assessment.advice]), ".", class_="advice"),
        None if assessment.blockers else el("p", f"Why: {assessment.reason}."),
        el("p", rows.headline(report), class_="facts"),
    ]
    told = [
        join(el("h3", heading), _signed([f"{sign} {text}" for text in texts] or ["none"]))
        for heading, sign, texts in (
            ("Blockers", "✗", assessment.blockers),
            ("Warnings", "⚠", assessment.warnings),
        )
    ]
    wrapped = [el("div", one) for one in told]
    return el(
        "section",
        parts,
        el("div", wrapped, class_="two"),
        class_=f"banner is-{tone}",
        aria_labelledby="verdict",
    )


def _signed(texts: Iterable[str]) -> Html:
    return bullets([_marked(text) for text in texts], class_="symbols")


def _marked(text: str) -> Node:
    """A text whose first symbol, if it has one, has its colour."""
    sign, space, rest = text.partition(" ")
    if sign not in _SIGNS or not space:
        return text
    return join(el("span", sign, class_=f"{_SIGNS[sign]} mark"), Html(" "), rest)


def _mark(text: str) -> Node:
    """The same, all of it in that colour."""
    tone = _SIGNS.get(text[:1])
    return el("span", text, class_=f"mark {tone}") if tone else text


def _slos(report: Report) -> list[Node]:
    if not report.views:
        return ["The pilot has no SLO."]
    headings = (rows.SLO_HEADINGS[0], "Last 7 days", *rows.SLO_HEADINGS[1:])
    found: list[list[Node]] = []
    for place, view in enumerate(report.views):
        name, value, objective, met, level, *others = rows.slo_row(view)
        spark = charts.sparkline_of(report, place, view)
        found.append([name, spark, value, objective, _mark(met), _mark(level), *others])
    notes = rows.notes(report)
    days, latencies = charts.day_charts(report), charts.latency_charts(report)
    parts: list[Node] = [
        table("SLOs", headings, found, numbers=(2, 3, 8)),
        bullets([join(el("strong", name), f": {note}") for name, note in notes]),
        el("h3", "Days"),
        _note(
            "Each day of UTC by the value over all of it, today by what there has been of it; kinds that have no value over "
            "a day by its slices. Where only a part was seen, or the events cannot prove either, it is not known."
        )
        if days
        else el("p", "No day was seen yet."),
        charts.grid(days, "days" if charts.are_short(report) else ""),
        el("h3", "Error budgets"),
        *_budgets(report),
        el("h3", "Burn rates"),
        *_burn_rates(report),
    ]
    if latencies:
        parts += [
            el("h3", "Latency by bucket"),
            _note(
                "A histogram knows no more than its buckets: the quantile lies somewhere in the marked one."
            ),
            charts.grid(latencies),
        ]
    return parts


def _budgets(report: Report) -> list[Node]:
    found = rows.budget_rows(report)
    if not found:
        return [el("p", rows.no_budgets(report))]
    return [
        table(
            "Error budgets",
            rows.BUDGET_HEADINGS,
            [[row[0], _mark(row[1]), *row[2:]] for row in found],
            (2, 4),
        ),
        _note(
            "How the window that ends now was spent, down to what is left. Gaps were not seen; dotted parts were seen only in "
            "part; dashed is the forecast."
        ),
        charts.grid(charts.budget_charts(report)),
    ]


def _burn_rates(report: Report) -> list[Node]:
    found = charts.burn_charts(report)
    if not found:
        return [el("p", "There are none.")]
    return [
        _note(
            "Each pair of lookbacks: the long one filled, the short one in outline. A pair fires when both are too fast."
        ),
        charts.grid(found),
    ]


def _note(text: str) -> Html:
    return el("p", text, class_="note")


def _ramp(report: Report) -> list[Node]:
    ramp, advice = report.pilot.ramp, report.assessment.ramp
    if ramp is None:
        return ["None is planned."]
    steps = rows.step_rows(report.pilot, ramp, report.today)
    told: list[Node] = [el("p", rows.ramp_span(ramp))]
    if advice is not None:
        told += [
            el("p", "Advice: ", el("strong", ADVICE_WORDS[advice.advice]), "."),
            table("Shares of users", rows.SHARE_HEADINGS, [rows.share_row(advice)], (0, 1, 2)),
            bullets(list(advice.reasons)),
            *(el("p", note) for note in rows.ramp_notes(advice)),
        ]
    if steps:
        told.append(table("Steps of the plan", rows.STEP_HEADINGS, steps, (0, 2)))
    return [el("div", el("div", told), charts.grid(charts.ramp_charts(report)), class_="two")]


def _findings(findings: Iterable[Finding], none: str) -> list[Node]:
    items = [_finding(finding) for finding in findings]
    return [bullets(items, class_="findings")] if items else [none]


def _waiver(override: Override) -> Html:
    until = say_minute(override.expires_at)
    return el("small", "waived by ", said(override.by), f" until {until} UTC: ", said(override.reason))


def _finding(finding: Finding) -> Node:
    evidence, query = ", ".join(rows.evidence_of(finding)), finding.source.query
    sign = f"{EFFECT_SYMBOLS[finding.effect]} {state_word(finding)}"
    return join(
        el("span", sign, class_=f"mark {_EFFECTS[finding.effect]}"),
        el(
            "div",
            el("strong", finding.text),
            f": {finding.detail}",
            _waiver(finding.override) if finding.override is not None else None,
            el("small", evidence) if evidence else None,
            el("small", "from ", el("code", query)) if query else None,
        ),
    )


def _experiments(report: Report) -> list[Node]:
    trials = [
        part
        for place, (_, trial) in enumerate(report.assessment.trials)
        for part in _experiment(report, place, trial)
    ]
    return trials or ["There is no experiment."]


def _experiment(report: Report, place: int, trial: Trial) -> list[Node]:
    mismatch = rows.mismatch_of(trial)
    told = [
        el("p", _marked(f"✗ {mismatch}")) if mismatch else None,
        el("p", el("strong", trial.metric.name), f": {trial.outcome.lift}."),
        table(f"Variants of {trial.metric.name}", rows.ARM_HEADINGS, rows.arm_rows(trial), (1, 2, 3)),
        bullets(list(rows.trial_notes(report.pilot, trial))),
    ]
    chart = charts.grid(charts.lift_chart(place, trial, report.at, charts.marks_of(report)))
    return [el("div", el("div", told), chart, class_="two")]


def _overrides(report: Report) -> list[Node]:
    records = report.assessment.records
    if isinstance(records, RecordsUnavailable):
        return [_unavailable(records)]
    items = [_override(override, report.at) for override in records.overrides]
    return [bullets(items)] if items else ["There are none."]


def _override(override: Override, at: float) -> Node:
    hold = override.kind is OverrideKind.HOLD
    what: Node = "hold of the rollout" if hold else join("waiver of ", said(override.criterion))
    revoked = override.revoked_at is not None
    return join(
        what,
        " by ",
        said(override.by),
        f" {rows.override_state(override, at)}",
        join(" by ", said(override.revoked_by or "")) if revoked else None,
        ": ",
        said(override.reason),
    )


def _incidents(report: Report) -> list[Node]:
    records = report.assessment.records
    if isinstance(records, RecordsUnavailable):
        return [_unavailable(records)]
    if not records.incidents.total:
        return ["No incidents were recorded."]
    items = [_incident(incident) for incident in records.incidents.recent]
    return [el("p", rows.incident_totals(records.incidents)), bullets(items, class_="records")]


def _incident(incident: Incident) -> Node:
    symbol, state = rows.incident_state(incident)
    return join(
        _marked(f"{symbol} {state}: "),
        said(incident.title),
        el("small", said(incident.description)) if incident.description else None,
        el("small", "resolution: ", said(incident.resolution)) if incident.resolution else None,
    )


def _feedback(report: Report) -> list[Node]:
    records, opinion = report.assessment.records, report.assessment.satisfaction
    if isinstance(records, RecordsUnavailable):
        return [_unavailable(records)]
    parts: list[Node] = [
        el("p", f"Satisfaction: {opinion}." if opinion else "Nobody has rated yet."),
        charts.grid(charts.rating_charts(report)),
    ]
    if records.ratings.recent:
        given = [
            join(f"{one.rating}/5, {say_time(one.given_at)}: ", said(one.text))
            for one in records.ratings.recent
        ]
        parts += [el("h3", "Recent feedback"), bullets(given)]
    return parts


def _changes(report: Report) -> list[Node]:
    parts: list[Node] = []
    match report.previous:
        case PreviousReport(id=previous):
            parts += [
                el("p", "Since report ", el("code", previous), ":"),
                bullets(list(changes(report)) or ["nothing but time"]),
            ]
        case Unreadable(detail=detail):
            parts.append(el("p", f"The previous report cannot be read: {detail}"))
        case None:
            parts.append(el("p", "There is no earlier report to compare with."))
    parts.append(el("h3", "Level changes"))
    if isinstance(report.transitions, Unreadable):
        return [*parts, el("p", f"Not known: {report.transitions.detail}")]
    found = rows.transition_rows(report, report.transitions)
    parts.append(table("Level changes", rows.TRANSITION_HEADINGS, found) if found else el("p", "None."))
    if not report.transitions.complete:
        parts.append(el("p", rows.MORE_TRANSITIONS))
    return parts


def _contacts(report: Report) -> list[Node]:
    contacts = [f"{one.role}: {one.name}, {one.contact}" for one in report.pilot.contacts]
    return [bullets(list(contacts))] if contacts else ["No contacts are configured."]


def _unavailable(records: RecordsUnavailable) -> Html:
    return el("p", f"Not known: {records.detail}")
