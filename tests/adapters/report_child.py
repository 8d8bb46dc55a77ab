"""A program for `test_report_files.py`: writes one report after the other and tells each: `python -m tests.adapters.report_child FOLDER`."""

import sys
from pathlib import Path

from slo_daemon.adapters.report_files import ReportFolder
from slo_daemon.ports import SinkError

TEXT = "word " * 2000


def main(folder: Path) -> None:
    """Ids go on from the last time; a refusal is told in place of an id."""
    sink = ReportFolder(folder, keep=5)
    newest = sink.reports("shop")[:1]
    first = int(newest[0][1:]) + 1 if newest else 1
    print("open", flush=True)
    for n in range(first, first + 20):
        report_id = f"r{n:06d}"
        try:
            sink.write("shop", report_id, {"md": f"# {report_id} {TEXT}", "json": f'"{report_id} {TEXT}"'})
        except SinkError as error:
            report_id = f"refused: {error}"
        print(report_id, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
