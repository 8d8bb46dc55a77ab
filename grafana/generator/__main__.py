"""`python -m grafana.generator`: write the dashboards anew."""

import json
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from grafana.generator.health import health
from grafana.generator.overview import overview
from grafana.generator.pilot import pilot
from grafana.generator.slo import slo

FOLDER = Path(__file__).resolve().parents[1] / "dashboards"


def dashboards() -> dict[str, str]:
    """The files' texts by their names: `slo-daemon-overview.json`, ..."""
    found = (page.build() for page in (overview(), slo(), pilot(), health()))
    return {
        f"{page.uid}.json": json.dumps(page, cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False)
        + "\n"
        for page in found
    }


def main() -> None:
    """Write every file, and remove those of dashboards that are no more."""
    wanted = dashboards()
    FOLDER.mkdir(exist_ok=True)
    for file in FOLDER.glob("*.json"):
        if file.name not in wanted:
            file.unlink()
    for name, text in wanted.items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
