"""Flagger's rules as far as they concern a judge, written down from its documentation and behaviour.

A webhook counts as yes up to status 202; 429 and 5xx (except 501) are asked again and then count as no, as does a
connection that fails. What a no does depends on the type of the hook.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests


def request_body(**fields: Any) -> dict[str, Any]:
    """What Flagger sends to a webhook."""
    return {
        "name": "search",
        "namespace": "shop",
        "phase": "Progressing",
        "checksum": "85d557f47b",
        "metadata": {},
    } | fields


Call = Callable[[Mapping[str, Any], str], bool]


def webhook_says_yes(hook: Mapping[str, Any], phase: str, *, url: str, name: str, namespace: str) -> bool:
    """One call of a webhook of a Canary's manifest; `url` takes the place of the scheme and host in it."""
    path = "/" + hook["url"].split("/", 3)[3]
    body = request_body(name=name, namespace=namespace, phase=phase, metadata=hook.get("metadata", {}))
    try:
        answer = requests.post(f"{url}{path}", json=body, timeout=10, allow_redirects=False)
    except requests.RequestException:
        return False
    return answer.status_code <= 202


@dataclass
class Rollout:
    """A Canary with progressive traffic, iteration by iteration. `phase` ends as Failed (rolled back) or Promoting."""

    analysis: Mapping[str, Any]
    call: Call
    metric: Callable[[Mapping[str, Any]], float | None] = lambda _metric: 1.0
    phase: str = "Progressing"
    weight: int = 0
    failed_checks: int = 0
    history: list[str] = field(default_factory=list)

    def iterate(self) -> None:
        """One turn of the control loop."""
        if self.phase in ("Failed", "Promoting"):
            return
        self._turn()
        self.history.append(f"{self.phase} {self.weight} {self.failed_checks}")

    def _turn(self) -> None:
        if self._hooks("confirm-rollout") and not self.weight and not self._all("confirm-rollout"):
            self.phase = "Waiting"
            return
        if self.phase == "Waiting":
            self.phase = "Progressing"
        if any(self.call(hook, self.phase) for hook in self._hooks("rollback")):
            self.phase = "Failed"
            return
        if self.failed_checks >= self.analysis["threshold"]:
            self.phase = "Failed"
            return
        checked = self._all("pre-rollout") if not self.weight else self._all("rollout") and self._metrics()
        if not checked:
            self.failed_checks += 1
            return
        if self.weight < self.analysis["maxWeight"]:
            if self._all("confirm-traffic-increase"):
                self.weight += self.analysis["stepWeight"]
        elif self._all("confirm-promotion"):
            self.phase = "Promoting"
        else:
            self.phase = "WaitingPromotion"

    def _hooks(self, kind: str) -> list[Mapping[str, Any]]:
        return [hook for hook in self.analysis.get("webhooks", []) if hook["type"] == kind]

    def _all(self, kind: str) -> bool:
        return all(self.call(hook, self.phase) for hook in self._hooks(kind))

    def _metrics(self) -> bool:
        """No value halts, and counts as a failed check; so does one outside the range."""
        for metric in self.analysis.get("metrics", []):
            value, allowed = self.metric(metric), metric["thresholdRange"]
            if value is None or value < allowed.get("min", value) or value > allowed.get("max", value):
                return False
        return True
