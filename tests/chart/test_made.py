"""What of the chart is made from the program says what the program says, and every value is described."""

import tomllib
from pathlib import Path

import pytest
import yaml

from slo_daemon import __version__
from tests.chart.made import CHART, defaults, made_files, stale_dashboards, undocumented, values
from tests.documents import ROOT


@pytest.mark.parametrize("file", made_files(), ids=lambda file: file.name)
def test_made_files_are_up_to_date(file: Path) -> None:
    assert file.exists(), "run: python -m tests.chart"
    assert file.read_text(encoding="utf-8") == made_files()[file], "run: python -m tests.chart"


def test_the_chart_has_no_dashboard_that_is_gone() -> None:
    assert stale_dashboards() == [], "run: python -m tests.chart"


def test_the_chart_installs_this_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert chart["appVersion"] == __version__ == project["version"]
    assert chart["description"] == project["description"]


def test_every_value_has_its_line() -> None:
    assert undocumented() == []
    assert {value.path for value in values()} >= {"image.digest", "persistence.enabled", "sidecar.enabled"}


def test_every_value_and_no_other_is_in_the_schema() -> None:
    schema = yaml.safe_load((CHART / "values.schema.json").read_text())
    assert set(schema["properties"]) - {"global"} == set(defaults())
    for name, value in defaults().items():
        known = schema["properties"][name].get("properties")
        if known is not None:
            assert set(known) == set(value) or name == "tokens", name
