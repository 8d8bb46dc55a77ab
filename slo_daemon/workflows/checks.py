"""What can be recorded: bounds of every field, and what is wrong with a value, in words that say what would be right."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from slo_daemon.core.pilot.pilot import Pilot
from slo_daemon.core.pilot.records import ContextValue, NewFeedback, NewIncident, Severity

LONGEST_TITLE = 200  # characters, here and below
LONGEST_TEXT = 4_000
LONGEST_USER = 128
MOST_CONTEXT = 20  # entries
LONGEST_CONTEXT_KEY = 64
LONGEST_CONTEXT_VALUE = 1_000
LARGEST_WHOLE = 2**63 - 1
AHEAD = 300.0  # seconds that a reporter's clock may be ahead of ours
EARLIEST = 946_684_800.0  # the year 2000: an older time is a slip, milliseconds taken for seconds are in the far future
MOST_NAMES = 20  # of what is known, in one problem


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """What is wrong with one field, and what would be right."""

    field: str
    problem: str


class RefusedError(Exception):
    """The values cannot be recorded; all problems at once."""

    def __init__(self, problems: tuple[FieldProblem, ...]) -> None:
        super().__init__("; ".join(f"{p.field}: {p.problem}" for p in problems[:MOST_NAMES]))
        self.problems = problems


def refuse(problems: Sequence[FieldProblem]) -> None:
    """Raises RefusedError when there is any."""
    if problems:
        raise RefusedError(tuple(problems))


def checked_incident(
    pilot: Pilot,
    now: float,
    *,
    title: str,
    severity: Severity,
    description: str = "",
    started_at: float | None = None,
    resolution: str | None = None,
    resolved_at: float | None = None,
) -> tuple[NewIncident, list[FieldProblem]]:
    """The incident, and what is wrong with it. What is not told happens now; a resolution without a time is one of now."""
    started_at = now if started_at is None else started_at
    resolved_at = now if resolution is not None and resolved_at is None else resolved_at
    problems = [
        *line_problems("title", title, LONGEST_TITLE),
        *text_problems("description", description),
        *moment_problems("started_at", started_at, now),
        *resolution_problems(resolution, resolved_at, started_at, now),
    ]
    new = NewIncident(pilot.name, title, severity, description, started_at, resolution, resolved_at)
    return new, problems


def checked_feedback(
    pilot: Pilot,
    now: float,
    *,
    user: str,
    rating: int,
    text: str = "",
    given_at: float | None = None,
    context: Mapping[str, ContextValue] | None = None,
    cohort: str | None = None,
    variant: str | None = None,
) -> tuple[NewFeedback, list[FieldProblem]]:
    """The rating, and what is wrong with it. Without a time it is given now."""
    given_at = now if given_at is None else given_at
    problems = [
        *line_problems("user", user, LONGEST_USER),
        *rating_problems(rating),
        *text_problems("text", text),
        *moment_problems("given_at", given_at, now),
        *context_problems(context or {}),
        *segment_problems("cohort", cohort, pilot.cohort_names, "spec.cohorts"),
        *segment_problems("variant", variant, pilot.variants, "spec.variants"),
    ]
    new = NewFeedback(pilot.name, user, rating, text, given_at, dict(context or {}), cohort, variant)
    return new, problems


def segment_problems(field: str, name: str | None, known: Sequence[str], place: str) -> list[FieldProblem]:
    """A cohort or variant must be one of the pilot's, or a criterion would never see its ratings."""
    if name is None or name in known:
        return []
    if not known:
        return [FieldProblem(field, f"the pilot has no {field}s; list them under {place}, or leave this out")]
    return [FieldProblem(field, f"is no {field} of the pilot; known: {named(known)}")]


def named(names: Sequence[str]) -> str:
    """Names in one line, not too many of them."""
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more


def text_problems(field: str, text: str, longest: int = LONGEST_TEXT) -> list[FieldProblem]:
    """Any text of at most so many characters."""
    if len(text) > longest:
        return [FieldProblem(field, f"has {len(text)} characters; at most {longest} are kept")]
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        return [FieldProblem(field, "holds a NUL or half a surrogate pair, which is no text")]
    return []


def line_problems(field: str, text: str, longest: int) -> list[FieldProblem]:
    """One line that is not empty."""
    if not text.strip():
        return [FieldProblem(field, "must not be empty")]
    if any(ord(character) < 32 or 127 <= ord(character) < 160 for character in text):
        return [FieldProblem(field, "must be one line without control characters")]
    return text_problems(field, text, longest)


def moment_problems(field: str, at: float, now: float) -> list[FieldProblem]:
    """A time of the past, or a little ahead."""
    if not isfinite(at) or at < EARLIEST:
        return [FieldProblem(field, "is before the year 2000; give RFC 3339 or Unix seconds")]
    if at > now + AHEAD:
        return [FieldProblem(field, "is more than 5 minutes in the future")]
    return []


def resolution_problems(
    resolution: str | None, resolved_at: float | None, started_at: float, now: float
) -> list[FieldProblem]:
    """A resolution and its time, of an incident that started at a time."""
    problems = text_problems("resolution", resolution or "")
    if resolved_at is not None:
        problems += moment_problems("resolved_at", resolved_at, now)
        if resolved_at < started_at:
            problems.append(
                FieldProblem("resolved_at", "is before started_at; say when the incident started")
            )
    return problems


def rating_problems(rating: int) -> list[FieldProblem]:
    """1 to 5."""
    if isinstance(rating, bool) or rating not in range(1, 6):
        return [FieldProblem("rating", "must be a whole number from 1 to 5")]
    return []


def context_problems(context: Mapping[str, ContextValue]) -> list[FieldProblem]:
    """Flat, and not too much of it."""
    if len(context) > MOST_CONTEXT:
        return [FieldProblem("context", f"has {len(context)} entries; at most {MOST_CONTEXT} are kept")]
    problems: list[FieldProblem] = []
    for key, value in context.items():
        problems += line_problems("context", key, LONGEST_CONTEXT_KEY)
        field = f"context.{key}" if len(key) <= LONGEST_CONTEXT_KEY else "context"
        if isinstance(value, str):
            problems += text_problems(field, value, LONGEST_CONTEXT_VALUE)
        elif isinstance(value, int) and abs(value) > LARGEST_WHOLE:
            problems.append(FieldProblem(field, "is a whole number of more than 64 bits"))
        elif isinstance(value, float) and not isfinite(value):
            problems.append(FieldProblem(field, "is not a finite number"))
    return problems
