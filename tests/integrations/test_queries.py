"""The queries of the manifests, asked of a real Prometheus' engine: what they give while the daemon is well, late or gone."""

import subprocess
from pathlib import Path

import pytest
import yaml

from slo_daemon.demo.servers import find_binary
from tests.integrations.argo import filled
from tests.integrations.manifests import named

PILOT = "ecommerce-semantic-search"
LABELS = f'pilot="{PILOT}"'


def engine_says(
    tmp_path: Path, query: str, values: str, assessed: str, expected: list[dict[str, object]]
) -> None:
    """promtool evaluates the query at minute 30, a sample a minute."""
    series = [
        {"series": f'pilot_gate_verdict{{{LABELS},gate="{gate}"}}', "values": values}
        for gate in ("promote", "rollback")
    ]
    series.append({"series": f"pilot_last_assessment_timestamp_seconds{{{LABELS}}}", "values": assessed})
    test = {
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": series,
                "promql_expr_test": [{"expr": query, "eval_time": "30m", "exp_samples": expected}],
            }
        ],
    }
    file = tmp_path / "test.yaml"
    file.write_text(yaml.safe_dump(test))
    result = subprocess.run(
        [find_binary("promtool"), "test", "rules", str(file)], capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stdout + result.stderr


FRESH, OLD, GONE = "0+60x40", "0x40", "0+60x10"  # the latest assessment, second by second of the clock


@pytest.mark.servers
@pytest.mark.parametrize(
    ("values", "assessed", "expected"),
    [
        ("1x40", FRESH, 1),
        ("-1x40", FRESH, -1),
        ("0x40", FRESH, 0),
        ("-1x40", OLD, None),
        ("-1x10", GONE, None),
    ],
    ids=["pass", "fail", "inconclusive", "assessed long ago", "daemon gone"],
)
def test_the_query_of_argo_is_empty_when_the_daemon_is_late_or_gone(
    tmp_path: Path, values: str, assessed: str, expected: int | None
) -> None:
    metric = named("AnalysisTemplate", "pilot-gate-prometheus")["spec"]["metrics"][0]
    query = filled(metric["provider"]["prometheus"]["query"], {"pilot": PILOT, "gate": "promote"})
    labels = f'pilot_gate_verdict{{{LABELS},gate="promote"}}'

    engine_says(
        tmp_path, query, values, assessed, [] if expected is None else [{"labels": labels, "value": expected}]
    )


@pytest.mark.servers
@pytest.mark.parametrize(
    ("values", "expected"), [("1x40", 1), ("-1x40", -1), ("0x40", 0), ("-1x10", 0)], ids=str
)
def test_the_query_of_flagger_always_has_one_value(tmp_path: Path, values: str, expected: int) -> None:
    query = named("MetricTemplate", "slo-daemon")["spec"]["query"]

    engine_says(tmp_path, query, values, FRESH, [{"labels": "{}", "value": expected}])
