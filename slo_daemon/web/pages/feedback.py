"""What users of a pilot say, and the form that records a rating."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fastapi import Response

from slo_daemon.core.pilot.records import Feedback, Records
from slo_daemon.core.plots.ratings import distribution
from slo_daemon.ports import StoreError
from slo_daemon.web.pages.forms import Draft, Fields, blank, form_moment
from slo_daemon.web.pages.shell import Shell, Visit
from slo_daemon.web.security import FORMS, PILOT_PAGE, Doorkeeper
from slo_daemon.workflows.checks import LONGEST_TEXT, LONGEST_USER, FieldProblem, checked_feedback, refuse
from slo_daemon.workflows.desk import Author
from slo_daemon.workflows.record import Recorder

MOST_FEEDBACK = 50
ADD_FEEDBACK = ("POST", f"{PILOT_PAGE}/feedback")
RATINGS = ((5, "very good"), (4, "good"), (3, "fair"), (2, "poor"), (1, "very poor"))


@dataclass(frozen=True, slots=True)
class Heard:
    """The latest ratings with users' ids, newest first; for whom they may be. `lost`: why they cannot be told."""

    ratings: Sequence[Feedback] = ()
    lost: str = ""


def read_feedback(recorder: Recorder, pilot: str) -> Heard:
    """From the store. Raises UnknownPilotError."""
    try:
        return Heard(recorder.feedback(pilot, MOST_FEEDBACK))
    except StoreError as error:
        return Heard(lost=f"Ratings cannot be read now ({error.reason}).")


def may_read(visit: Visit) -> bool:
    """Whether the visitor may see users' ids, and record ratings."""
    return visit.session is not None and visit.session.role_for(FORMS[ADD_FEEDBACK]) is not None


def feedback_page(
    shell: Shell,
    visit: Visit,
    doorkeeper: Doorkeeper,
    pilot: str,
    heard: Heard,
    *,
    draft: Draft | None = None,
    told: str = "",
) -> Response:
    """/pilots/{pilot}/feedback. Who has not signed in sees what reports show: no ids. Raises UnknownPilotError."""
    assessment = visit.assessment(pilot)
    records = assessment.records if assessment is not None else None
    votes = records.ratings.votes.counts if isinstance(records, Records) else (0, 0, 0, 0, 0)
    return shell.page(
        "feedback.html",
        visit,
        "Feedback",
        status=200 if draft is None else draft.status,
        still=draft is not None,
        pilot=visit.pilot(pilot),
        tab="feedback",
        opinion=assessment.satisfaction if assessment is not None else None,
        chart=distribution("ratings", "Votes of each rating", votes),
        recent=records.ratings.recent if isinstance(records, Records) else (),
        heard=heard,
        most=MOST_FEEDBACK,
        told="The rating is recorded." if told == "recorded" else "",
        draft=draft or blank(),
        failed=draft,
        may=may_read(visit),
        configured=doorkeeper.open_to(FORMS[ADD_FEEDBACK]),
        ratings=RATINGS,
        longest_text=LONGEST_TEXT,
        longest_user=LONGEST_USER,
    )


def add_feedback(recorder: Recorder, pilot: str) -> Callable[[Fields, Author], str]:
    """What a filled-in form does; it answers where to go then. Raises as `Recorder` does."""

    def act(fields: Fields, author: Author) -> str:
        problems: list[FieldProblem] = []
        given_at = form_moment(fields, "given_at", problems)
        rating = fields.get("rating", "")
        number = int(rating) if rating in ("1", "2", "3", "4", "5") else 0
        user, text = fields.get("user", "").strip(), fields.get("text", "")
        cohort, variant = fields.get("cohort") or None, fields.get("variant") or None
        if problems:  # all of them at once
            known, now = recorder.pilot(pilot), recorder.clock.now()
            _, more = checked_feedback(
                known, now, user=user, rating=number, text=text, cohort=cohort, variant=variant
            )
            refuse([*more, *problems])
        recorder.add_feedback(
            pilot,
            author,
            user=user,
            rating=number,
            text=text,
            given_at=given_at,
            cohort=cohort,
            variant=variant,
        )
        return f"{PILOT_PAGE.replace('{pilot}', pilot)}/feedback?told=recorded"

    return act
