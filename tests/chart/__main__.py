"""`python -m tests.chart`: write the made parts of the chart, and its golden files where helm is installed."""

import sys

from tests.chart.made import made_files, stale_dashboards
from tests.chart.rendering import GOLDEN, HELM, SETS, golden_text
from tests.documents import ROOT


def main() -> int:
    for file in stale_dashboards():
        file.unlink()
        print(f"removed {file.relative_to(ROOT)}")
    texts = made_files()
    for file, text in texts.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    print(f"wrote {len(texts)} files of the chart")
    if HELM is None:
        print("helm is not installed: the golden files stay as they are", file=sys.stderr)
        return 1
    for name in SETS:
        (GOLDEN / f"{name}.yaml").write_text(golden_text(name), encoding="utf-8")
    print(f"wrote {len(SETS)} golden files")
    return 0


if __name__ == "__main__":
    sys.exit(main())
