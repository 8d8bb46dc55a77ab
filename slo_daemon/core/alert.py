"""Alerts for direct posting to Alertmanager, derived from what is stored: labels that identify, and no values in them."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert. `starts_at` is the slot of the transition, stable across restarts; `ends_at` None while it fires."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at: float
    ends_at: float | None = None
