"""What a story expects against what the daemon says, told as an operator would like to read it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from slo_daemon.core.pilot.gates import Gate
from slo_daemon.core.pilot.truth import Truth
from slo_daemon.core.pilot.verdict import Effect, Finding
from slo_daemon.core.slo.phrases import say_minute, say_share
from slo_daemon.core.snapshot import SloView
from tests.scenarios.play import Shown
from tests.scenarios.read import PILOT, Story
from tests.scenarios.shape import FindingShape, GatesExpected, RampExpected, SlotShape

_CLOSE = 0.005  # of a share
_MINUTE = 60.0


@dataclass(frozen=True)
class Mismatch:
    """One expectation that did not come true. `said`: what the daemon says about it."""

    what: str
    expected: str
    came: str
    said: str = ""

    def __str__(self) -> str:
        said = f"\n      it says: {self.said}" if self.said else ""
        return f"    {self.what}: expected {self.expected}, but it is {self.came}{said}"


def compare(story: Story, slot: SlotShape, shown: Shown) -> list[Mismatch]:
    """All expectations of one slot that did not come true."""
    return [
        *_of_slos(slot, shown),
        *(
            one
            for text, wanted in slot.findings.items()
            for one in _of_finding(text, wanted, shown, story.start)
        ),
        *_of_verdict(slot, shown),
        *(_of_ramp(slot.ramp, shown) if slot.ramp else ()),
        *(_of_gates(slot.gates, shown) if slot.gates else ()),
    ]


def told(story: Story, number: int, mismatches: list[Mismatch]) -> str:
    """The mismatches of one slot, with where it stands in the file."""
    slot = story.told.slots[number]
    at = say_minute(story.start + slot.at)
    because = f"\n    because {slot.because.strip()}" if slot.because else ""
    listed = "\n".join(str(one) for one in mismatches)
    return f"{story.file.name}:{story.lines[number]}: at {say_offset(slot.at)} ({at} UTC){because}\n{listed}"


def say_offset(seconds: float) -> str:
    """`+13d22h`: as stories write times."""
    rest, parts = int(abs(seconds)), []
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        amount, rest = divmod(rest, length)
        parts += [f"{amount}{unit}"] if amount else []
    return ("-" if seconds < 0 else "+") + ("".join(parts) or "0h")


def _of_slos(slot: SlotShape, shown: Shown) -> Iterator[Mismatch]:
    views = {view.instance.id.removeprefix(f"{PILOT}/"): view for view in shown.snapshot.slos.values()}
    told: tuple[tuple[str, Mapping[str, object], Callable[[SloView], str]], ...] = (
        ("level", slot.levels, lambda view: view.state.level.word),
        ("met", slot.met, _met),
        ("data", slot.data, lambda view: view.data_state.value),
    )
    for what, wanted, came in told:
        for name, expected in wanted.items():
            view = views.get(name)
            if view is None:
                yield Mismatch(
                    f"{what} of {name}",
                    str(expected),
                    f"not there; there are {', '.join(views) or 'no SLOs'}",
                )
            elif came(view) != str(expected):
                detail = view.evaluation.detail if view.evaluation else "not evaluated"
                value = f"{view.evaluation.reason}: {detail}" if view.evaluation else detail
                yield Mismatch(f"{what} of {name}", str(expected), came(view), value)


def _met(view: SloView) -> str:
    met = view.evaluation.met if view.evaluation else None
    return "unknown" if met is None else str(met).lower()


def _of_finding(text: str, wanted: FindingShape, shown: Shown, start: float) -> Iterator[Mismatch]:
    finding = next((one for one in shown.assessment.findings if one.text == text), None)
    what = f'finding "{text}"'
    if finding is None:
        known = "; ".join(f'"{one.text}"' for one in shown.assessment.findings)
        yield Mismatch(what, "to be there", f"not there; there are {known}")
        return
    said = f"{finding.reason}: {finding.detail}"
    if wanted.state is not None and finding.state is not wanted.state:
        yield Mismatch(what, wanted.state, finding.state, said)
    if wanted.reason is not None and finding.reason != wanted.reason:
        yield Mismatch(f"{what}, its reason", wanted.reason, finding.reason, said)
    if wanted.detail is not None and wanted.detail not in finding.detail:
        yield Mismatch(f"{what}, its detail", f"to contain {wanted.detail!r}", "another", said)
    for key in ("blind", "fired", "waived"):
        expected, came = getattr(wanted, key), _flag(finding, key)
        if expected is not None and expected is not came:
            yield Mismatch(f"{what}, {key}", str(expected).lower(), str(came).lower(), said)
    if wanted.earliest is not None:
        came_at = None if finding.earliest is None else finding.earliest - start
        if came_at is None or abs(came_at - wanted.earliest) >= _MINUTE:
            shown_as = "not told" if came_at is None else say_offset(came_at)
            yield Mismatch(f"{what}, its earliest time", say_offset(wanted.earliest), shown_as, said)


def _flag(finding: Finding, key: str) -> bool:
    match key:
        case "blind":
            return finding.blind
        case "fired":
            return finding.effect is Effect.FIRE
        case _:
            return finding.override is not None


def _of_verdict(slot: SlotShape, shown: Shown) -> Iterator[Mismatch]:
    assessment = shown.assessment
    if slot.verdict is not None and slot.verdict is not assessment.verdict:
        yield Mismatch("verdict", slot.verdict, assessment.verdict, _why(shown))
    if slot.advice is not None and slot.advice is not assessment.advice:
        yield Mismatch("advice", slot.advice, assessment.advice, assessment.advice_reason)
    if slot.why is not None and slot.why not in assessment.advice_reason:
        yield Mismatch(
            "the reason of the advice", f"to contain {slot.why!r}", "another", assessment.advice_reason
        )
    if slot.warning is not None and not any(slot.warning in one for one in assessment.warnings):
        yield Mismatch(
            "a warning",
            f"to contain {slot.warning!r}",
            "not there",
            "; ".join(assessment.warnings) or "no warnings",
        )


def _why(shown: Shown) -> str:
    against = [one for one in shown.assessment.findings if one.effect is not Effect.PASS]
    return "; ".join(f"{one.text}: {one.detail}" for one in against) or shown.assessment.reason


def _of_ramp(wanted: RampExpected, shown: Shown) -> Iterator[Mismatch]:
    ramp = shown.assessment.ramp
    if ramp is None:
        yield Mismatch("ramp", "to be there", "not there: the pilot has none")
        return
    said = "; ".join(ramp.reasons)
    if wanted.advice is not None and wanted.advice is not ramp.advice:
        yield Mismatch("ramp, advice", wanted.advice, ramp.advice, said)
    for key in ("scheduled", "observed", "advised"):
        expected, came = getattr(wanted, key), getattr(ramp, key)
        if expected is not None and (came is None or abs(expected - came) > _CLOSE):
            yield Mismatch(
                f"ramp, {key}", say_share(expected), "not known" if came is None else say_share(came), said
            )
    if wanted.reason is not None and not any(wanted.reason in one for one in ramp.reasons):
        yield Mismatch("ramp, a reason", f"to contain {wanted.reason!r}", "not there", said)


def _of_gates(wanted: GatesExpected, shown: Shown) -> Iterator[Mismatch]:
    for gate in Gate:
        expected = getattr(wanted, gate.value)
        if expected is not None and expected is not shown.gates[gate]:
            yield Mismatch(f"gate {gate}", expected, shown.gates[gate], "; ".join(shown.gate_reasons[gate]))


def picture(story: Story, shown: Shown) -> str:
    """Everything that a slot could be asked for, for those who write a story."""
    assessment = shown.assessment
    lines = [f"--- at {say_offset(shown.at - story.start)} ({say_minute(shown.at)} UTC)"]
    for view in shown.snapshot.slos.values():
        evaluation = view.evaluation
        said = f"{evaluation.reason}: {evaluation.detail}" if evaluation else "not evaluated"
        name = view.instance.id.removeprefix(f"{PILOT}/")
        lines.append(
            f"  {name}: level {view.state.level.word}, met {_met(view)}, data {view.data_state}: {said}"
        )
    for finding in assessment.findings:
        state = {Truth.TRUE: "true", Truth.FALSE: "false", Truth.UNKNOWN: "unknown"}[finding.state]
        flags = "".join(f", {key}" for key in ("blind", "fired", "waived") if _flag(finding, key))
        earliest = f", earliest {say_offset(finding.earliest - story.start)}" if finding.earliest else ""
        lines.append(f'  "{finding.text}": {state}{flags}{earliest} [{finding.reason}] {finding.detail}')
    lines.append(f"  verdict {assessment.verdict}, advice {assessment.advice}: {assessment.advice_reason}")
    lines += [f"  warning: {one}" for one in assessment.warnings]
    if (ramp := assessment.ramp) is not None:
        observed = "not known" if ramp.observed is None else say_share(ramp.observed)
        lines.append(
            f"  ramp: {ramp.advice}, scheduled {say_share(ramp.scheduled)}, observed {observed},"
            f" advised {say_share(ramp.advised)}: {'; '.join(ramp.reasons)}"
        )
    lines += [f"  gate {gate}: {shown.gates[gate]}: {'; '.join(shown.gate_reasons[gate])}" for gate in Gate]
    return "\n".join(lines)
