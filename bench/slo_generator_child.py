"""Runs slo-generator's own computation. Started by slo_generator.py with the Python of slo-generator's environment.

Reads one JSON object from stdin, {"url", "goal", "windows": {name: seconds}, "slos": {name: {"good", "bad"}}}, and prints one,
{"reports": {name: [report of each window]}, "cpu": seconds, "wall": seconds}. Reading settings and starting up is not in
the seconds.
"""

import json
import sys
from time import perf_counter, process_time
from typing import Any


def main() -> None:
    order = json.load(sys.stdin)
    from slo_generator.compute import compute  # type: ignore[import-not-found]  # lives in the other environment

    config = {
        "backends": {"prometheus": {"url": order["url"]}},
        "error_budget_policies": {
            "default": {"steps": [_step(name, seconds) for name, seconds in order["windows"].items()]}
        },
    }
    slos = {name: _slo(name, order["goal"], filters) for name, filters in order["slos"].items()}
    cpu, wall = process_time(), perf_counter()
    reports = {name: compute(slo, config) for name, slo in slos.items()}
    seconds = {"cpu": process_time() - cpu, "wall": perf_counter() - wall}
    json.dump({"reports": reports, **seconds}, sys.stdout)


def _step(name: str, seconds: int) -> dict[str, Any]:
    return {
        "name": name,
        "window": seconds,
        "burn_rate_threshold": 1,
        "alert": False,
        "message_alert": "too fast",
        "message_ok": "ok",
    }


def _slo(name: str, goal: float, filters: dict[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": "sre.google.com/v2",
        "kind": "ServiceLevelObjective",
        "metadata": {"name": name, "labels": {}},
        "spec": {
            "description": name,
            "backend": "prometheus",
            "method": "good_bad_ratio",
            "exporters": [],
            "service_level_indicator": {"filter_good": filters["good"], "filter_bad": filters["bad"]},
            "goal": goal,
        },
    }


if __name__ == "__main__":
    main()
