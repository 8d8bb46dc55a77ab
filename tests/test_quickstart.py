"""The quick starts: what they tell a newcomer to type works, and prints what they show."""

import configparser
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.documents import ROOT, blocks, text_of
from tests.quickstart import PAGE, pairs, play, shape

CHART = ROOT / "helm" / "slo-daemon"


@pytest.mark.servers
@pytest.mark.slow
def test_every_step_works_and_prints_what_the_page_shows(tmp_path: Path) -> None:
    seen = 0
    for block, output, told in play(tmp_path):
        seen += 1
        if output is not None:
            assert shape(told) == shape(output.text), str(block)
    assert seen == len(pairs()) > 8
    desk = tmp_path / "desk"
    assert {"search.yaml", "slo-daemon.schema.json", "slo-daemon.rules.yaml", "slo-daemon.db", "reports"} <= {
        file.name for file in desk.iterdir()
    }


def test_what_a_shape_keeps_and_what_not() -> None:
    assert shape("availability  99.942 %   ✓ met") == shape("availability 98 %  ✓ met")
    assert shape("✓ met") != shape("✗ missed")


def test_the_unit_of_systemd_has_no_setting_that_is_misspelt() -> None:
    (unit,) = [block for block in blocks("ini") if block.page == PAGE]
    parsed = configparser.ConfigParser(strict=True, interpolation=None)
    parsed.optionxform = str  # type: ignore[assignment,method-assign]
    parsed.read_string(unit.text)
    assert set(parsed["Service"]) == {
        "ExecStart", "ExecReload", "User", "StateDirectory", "WorkingDirectory", "Restart", "TimeoutStopSec",
        "NoNewPrivileges", "ProtectSystem", "ProtectHome", "PrivateTmp",
    }  # fmt: skip
    assert parsed["Service"]["WorkingDirectory"] == f"/var/lib/{parsed['Service']['StateDirectory']}"


def keys(value: Any, at: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    if not isinstance(value, dict) or not value:
        return {at}
    return {path for key, inner in value.items() for path in keys(inner, (*at, str(key)))}


def test_the_values_for_the_chart_are_values_of_the_chart() -> None:
    known = yaml.safe_load(text_of(CHART / "values.yaml"))
    (block,) = [one for one in blocks("yaml") if one.page == PAGE and one.info[1:] == ("helm",)]
    for path in keys(yaml.safe_load(block.text)):
        at = known
        for key in path:
            if at == {}:  # a mapping for whatever somebody needs
                break
            assert key in at, ".".join(path)
            at = at[key]
    assert "pilots" in known
    assert re.search(r"--set-file pilots\.\w+=", text_of(PAGE))
