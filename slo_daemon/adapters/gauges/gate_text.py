"""The verdicts of the gates as metrics. They depend on the time, so they are written at each scrape, not once a slot."""

from slo_daemon.adapters.gauges.text import Lines, label_text
from slo_daemon.core.pilot.gates import Gate, GateVerdict, verdict_of
from slo_daemon.core.snapshot import Snapshot

_VALUES = {GateVerdict.PASS: "1", GateVerdict.INCONCLUSIVE: "0", GateVerdict.FAIL: "-1"}


def gates_text(snapshot: Snapshot, now: float) -> bytes:
    """Every gate of every pilot at `now` (Unix s): 1 pass, 0 inconclusive (also when nothing is known), -1 fail."""
    lines = Lines()
    interval = snapshot.slot.interval if snapshot.slot is not None else 0.0
    for pilot in snapshot.specification.pilots:
        assessment = snapshot.assessments.get(pilot.name)
        for gate in Gate:
            verdict = verdict_of(gate, assessment, now, interval)
            labels = label_text({"pilot": pilot.name, "gate": gate.value})
            lines.add("pilot_gate_verdict", labels, _VALUES[verdict])
    return lines.text().encode(errors="replace")
