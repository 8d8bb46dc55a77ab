"""`init`: a first file that is right, whatever the names of the metrics, or a clear no."""

from datetime import date
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from slo_daemon.cli import app
from slo_daemon.commands.init import Kind, first_file
from slo_daemon.spec import SpecError, load

BASE = ["init", "new-search", "--requests", "http_requests_total"]


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def test_a_pilot_has_a_ramp_criteria_and_a_trigger_and_passes_check(tmp_path: Path) -> None:
    file = tmp_path / "search.yaml"
    file.write_text(call(*BASE, "--labels", 'job="search"', "--latency", "http_seconds").stdout)

    checked = call("check", str(file))

    assert checked.exit_code == 0
    assert checked.stdout == "ok: 1 pilot, 2 SLOs in 1 file\n", "and no warning"
    spec = yaml.safe_load(file.read_text())["spec"]
    assert spec["slos"][0]["sli"]["ratio"] == {
        "bad": 'http_requests_total{job="search", code=~"5.."}',
        "total": 'http_requests_total{job="search"}',
    }
    assert spec["slos"][1]["sli"]["quantile"]["histogram"] == 'http_seconds{job="search"}'
    assert {"ramp", "go_live_criteria", "rollback_triggers"} < spec.keys()


def test_slos_alone_have_neither_dates_nor_criteria() -> None:
    document = yaml.safe_load(call(*BASE, "--kind", "Slos", "--bad", 'result="failed"').stdout)
    assert (document["kind"], list(document["spec"])) == ("Slos", ["slos"])
    assert 'result="failed"' in document["spec"]["slos"][0]["sli"]["ratio"]["bad"]


def test_a_histogram_may_be_named_as_prometheus_shows_it() -> None:
    assert call(*BASE, "--latency", "x_seconds_bucket").stdout == call(*BASE, "--latency", "x_seconds").stdout


def test_the_file_names_the_schema_for_editors() -> None:
    assert call(*BASE).stdout.startswith("# yaml-language-server: $schema=slo-daemon.schema.json\n")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["init", "New Search", "--requests", "x_total"], "metadata.name"),
        (["init", "a", "--requests", "rate(x_total[5m])"], "ratio"),
        (["init", "a", "--requests", "x_total", "--labels", "job=search"], "ratio"),
        (["init", "a", "--requests", "x_total", "--latency", "h{"], "quantile"),
    ],
)
def test_what_would_be_wrong_is_refused_with_its_field_and_nothing_is_printed(
    arguments: list[str], named: str
) -> None:
    result = call(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert named in result.stderr
    assert "Traceback" not in result.output


@given(st.text(max_size=40), st.text(max_size=40), st.sampled_from(Kind))
def test_whatever_is_given_stays_a_value_or_is_refused(metric: str, labels: str, kind: Kind) -> None:
    text = first_file(
        "shop",
        requests=metric,
        bad='code="500"',
        labels=labels,
        latency=None,
        start=date(2026, 1, 1),
        kind=kind,
    )
    try:
        loaded = load([("file", text)]).specification
    except SpecError:
        return
    assert [slo.id for slo in loaded.slos] == ["shop/availability"]
