"""The real helm: rendering, linting, and what it prints when it refuses."""

import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from slo_daemon.adapters.prometheus_rules import yaml_text
from tests.chart.made import CHART
from tests.documents import ROOT

_BUILT = ROOT / "build" / "tools" / "helm"
HELM = str(_BUILT) if _BUILT.exists() else shutil.which("helm")
GOLDEN = Path(__file__).parent / "golden"
SETS = tuple(sorted(file.name.removesuffix("-values.yaml") for file in (CHART / "ci").glob("*-values.yaml")))
RELEASE, NAMESPACE = "slo", "monitoring"
KUBERNETES = "1.31.0"  # a helm that was compiled from source takes 1.20 for granted

needs_helm = pytest.mark.skipif(HELM is None, reason="helm is not installed (tools/install-test-tools)")


def helm(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs helm, without its user's own settings. Skips the test where it is not installed."""
    if HELM is None:
        pytest.skip("helm is not installed (tools/install-test-tools)")
    return subprocess.run(
        [HELM, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        env={"HOME": "/nonexistent", "PATH": "/usr/bin:/bin"},
    )


def values_of(name: str) -> Path:
    """The file with the values of a set."""
    return CHART / "ci" / f"{name}-values.yaml"


def template(*arguments: str | Path, release: str = RELEASE) -> subprocess.CompletedProcess[str]:
    """`helm template` of the chart."""
    return helm(
        "template", release, CHART, "--namespace", NAMESPACE, "--kube-version", KUBERNETES, *arguments
    )


@cache
def rendered(name: str, arguments: tuple[str, ...] = (), release: str = RELEASE) -> str:
    """What a set of values gives."""
    result = template("--values", values_of(name), *arguments, release=release)
    assert result.returncode == 0, result.stderr
    return result.stdout


def golden_text(name: str) -> str:
    """The same, as it is committed: without the long parts that are copies of other files of the chart."""
    objects = [shortened(one) for one in objects_in(rendered(name))]
    return "".join(yaml_text(found, "---\n") for found in objects)


def shortened(found: dict[str, Any]) -> dict[str, Any]:
    if found["kind"] == "PrometheusRule":
        groups = [
            {**g, "rules": [r.get("alert", r.get("record")) for r in g["rules"]]}
            for g in found["spec"]["groups"]
        ]
        return {**found, "spec": {"groups": groups}}
    if found["kind"] == "ConfigMap" and found["metadata"]["name"].endswith("-dashboard"):
        return {**found, "data": {key: f"(files/dashboards/{key})" for key in found["data"]}}
    return found


def objects_in(text: str) -> list[dict[str, Any]]:
    """The objects of a rendering. A key that stands twice is an error, as it is for Kubernetes."""
    return [one for one in yaml.load_all(text, Loader=_Strict) if one]


def objects(name: str, *arguments: str) -> list[dict[str, Any]]:
    """The objects that a set of values gives."""
    return objects_in(rendered(name, arguments))


def one(found: Sequence[dict[str, Any]], kind: str, end: str = "") -> dict[str, Any]:
    """The only object of a kind, or the only one whose name ends so."""
    (it,) = [o for o in found if o["kind"] == kind and o["metadata"]["name"].endswith(end)]
    return it


class _Strict(yaml.SafeLoader):
    """Refuses a key that stands twice."""


def _mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(key, deep=True) for key, _ in node.value]
    twice = [key for key in keys if keys.count(key) > 1]
    assert not twice, f"{twice[0]!r} stands twice, line {node.start_mark.line + 1}"
    return {
        loader.construct_object(key, deep=True): loader.construct_object(value, deep=True)
        for key, value in node.value
    }


_Strict.add_constructor("tag:yaml.org,2002:map", _mapping)
