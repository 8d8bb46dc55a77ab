"""The parts of the chart that are made from the program: its rules, its dashboards, the types of its values, the table of its README.

`python -m tests.chart` writes them, and the golden files where helm is installed.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from slo_daemon.adapters.prometheus_rules import RuleOptions, rule_groups
from slo_daemon.core.alert import Links
from slo_daemon.spec.schema import json_schema
from tests.documents import ROOT

CHART = ROOT / "helm" / "slo-daemon"
DASHBOARDS = ROOT / "grafana" / "dashboards"

# In the place of values that the chart's templates fill in. No rule has such numbers or addresses by itself.
_EVALUATION_INTERVAL = (
    1_000_000_007  # so that its heartbeat_age is 3000000021, and its stalled_after 4000000028
)
_REPORT_AGE = 1_000_000_001
_STAND_INS = Links(
    daemon="https://daemon.invalid",
    grafana="https://grafana.invalid",
    runbooks="https://runbooks.invalid",
)

# What depends on the pod: the chart sets it by variables of the environment, so it must not stand in values.
_OF_THE_POD = {
    "SettingsShape": ("apiVersion", "kind", "specs", "store"),
    "PrometheusShape": ("bearer_token_file", "ca_file"),
    "WebShape": ("listen", "tokens"),
    "ReportsShape": ("folder",),
}
_BEGIN, _END = "<!-- values -->\n", "<!-- end -->\n"


def made_files() -> dict[Path, str]:
    """Every file that is made, with the text that it must have."""
    files = {
        CHART / "files" / "rules.json": _rules(),
        CHART / "values.schema.json": _schema(),
        CHART / "README.md": _readme(),
    }
    for file in sorted(DASHBOARDS.glob("*.json")):
        files[CHART / "files" / "dashboards" / file.name] = file.read_text(encoding="utf-8")
    return files


def stale_dashboards() -> list[Path]:
    """Dashboards of the chart that there are no more."""
    return [
        file
        for file in sorted((CHART / "files" / "dashboards").glob("*.json"))
        if not (DASHBOARDS / file.name).exists()
    ]


def _rules() -> str:
    options = RuleOptions(evaluation_interval=_EVALUATION_INTERVAL, report_age=_REPORT_AGE, links=_STAND_INS)
    return json.dumps(rule_groups(options), indent=2, ensure_ascii=False) + "\n"


def _schema() -> str:
    """The committed schema with the program's own shapes under `$defs`."""
    schema: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    definitions = json_schema()["$defs"]
    for shape, keys in _OF_THE_POD.items():
        for key in keys:
            del definitions[shape]["properties"][key]
        required = [key for key in definitions[shape].get("required", []) if key not in keys]
        definitions[shape].pop("required", None)
        if required:
            definitions[shape]["required"] = required
    schema["$defs"] = dict(sorted(_reached(definitions).items()))
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _reached(definitions: dict[str, Any]) -> dict[str, Any]:
    """The definitions that the values need, with those that these need."""
    found: dict[str, Any] = {}
    wanted = ["SettingsShape", "PilotShape", "SlosShape"]
    while wanted:
        name = wanted.pop()
        if name not in found:
            found[name] = definitions[name]
            wanted.extend(re.findall(r'"#/\$defs/(\w+)"', json.dumps(definitions[name])))
    return found


@dataclass(frozen=True)
class Value:
    """One value of the chart: its path (`image.tag`), its default as JSON, and what its comment says of it."""

    path: str
    default: str
    meaning: str


def values() -> Iterator[Value]:
    """Every value that has a comment, in the order of values.yaml."""
    text = (CHART / "values.yaml").read_text(encoding="utf-8")
    yield from _values(yaml.compose(text, yaml.SafeLoader), (), text.splitlines())


def undocumented() -> list[str]:
    """Values without a comment: neither they themselves nor what they are part of have one."""
    documented = {value.path for value in values()}
    return [path for path in _leaves(defaults(), ()) if not any(_upwards(path, documented))]


def defaults() -> dict[str, Any]:
    """The chart's own values."""
    found: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    return found


def _upwards(path: str, documented: set[str]) -> Iterator[bool]:
    parts = path.split(".")
    return (".".join(parts[: count + 1]) in documented for count in range(len(parts)))


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[str]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, (*path, key))
    else:
        yield ".".join(path)


def _values(node: Any, path: tuple[str, ...], lines: list[str]) -> Iterator[Value]:
    for key, value in node.value:
        here = (*path, key.value)
        said = _comment(lines, key.start_mark.line)
        if said:
            plain = yaml.safe_load(yaml.serialize(value))
            shown = json.dumps(plain, ensure_ascii=False)
            yield Value(".".join(here), "see values.yaml" if len(shown) > 60 else shown, said)
        if isinstance(value, yaml.MappingNode):
            yield from _values(value, here, lines)


def _comment(lines: list[str], line: int) -> str:
    """The comment above a line, from its `# --` on; empty if there is none."""
    said: list[str] = []
    for above in reversed(lines[:line]):
        text = above.strip()
        if not text.startswith("#"):
            break
        said.insert(0, text.removeprefix("#").strip())
        if said[0].startswith("-- "):
            return " ".join(said).removeprefix("-- ")
    return ""


def _readme() -> str:
    """The committed page with its table made anew."""
    text = (CHART / "README.md").read_text(encoding="utf-8")
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    rows = [f"| `{v.path}` | `{v.default}` | {v.meaning.replace('|', chr(92) + '|')} |" for v in values()]
    table = "\n".join(["| value | default | meaning |", "| --- | --- | --- |", *rows])
    return f"{before}{_BEGIN}\n{table}\n\n{_END}{after}"
