"""What every ReportSink does: one suite over the folder, the folder opened anew for each call, and memory."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from slo_daemon.adapters.report_files import MemoryReports, ReportFolder
from slo_daemon.ports import ReportSink, SinkError

KEEP = 3
TEXTS = {"md": "# Ready\r\n\nü \u2028", "json": '{"verdict": "READY"}\n'}
ONE, TWO, THREE, FOUR = (f"2026-11-22T10-0{n}-00Z" for n in range(1, 5))


class Reopening:
    """A folder that is looked at by a new sink for each call."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __getattr__(self, name: str) -> Any:
        return getattr(ReportFolder(self._folder, keep=KEEP), name)


@pytest.fixture(params=["folder", "folder opened for each call", "memory"])
def sink(request: pytest.FixtureRequest, tmp_path: Path) -> ReportSink:
    makers: dict[str, Callable[[], ReportSink]] = {
        "folder": lambda: ReportFolder(tmp_path / "reports", keep=KEEP),
        "folder opened for each call": lambda: Reopening(tmp_path / "reports"),
        "memory": lambda: MemoryReports(keep=KEEP),
    }
    return makers[request.param]()


def texts(word: str) -> dict[str, str]:
    return {"md": f"# {word}\n", "json": f'"{word}"\n'}


def test_a_new_sink_has_no_reports(sink: ReportSink) -> None:
    assert sink.reports("shop") == ()
    assert sink.read("shop", "latest", "md") is None
    assert sink.read("shop", ONE, "md") is None


def test_a_report_comes_back_to_the_byte_in_every_format(sink: ReportSink) -> None:
    written = sink.write("shop", ONE, TEXTS)
    assert written.id == ONE
    assert written.files == {"md": f"shop/{ONE}/report.md", "json": f"shop/{ONE}/report.json"}
    for form, text in TEXTS.items():
        assert sink.read("shop", ONE, form) == text
        assert sink.read("shop", "latest", form) == text
    assert sink.reports("shop") == (ONE,)
    assert sink.read("shop", ONE, "html") is None
    assert sink.reports("other") == ()
    assert sink.read("other", ONE, "md") is None


def test_the_newest_are_kept_by_their_ids_and_the_newest_of_all_is_the_latest(sink: ReportSink) -> None:
    for report_id in (TWO, ONE, FOUR, THREE):
        sink.write("shop", report_id, texts(report_id))
    assert sink.reports("shop") == (FOUR, THREE, TWO)
    assert sink.read("shop", ONE, "md") is None
    assert sink.read("shop", "latest", "md") == f"# {FOUR}\n"


def test_a_report_older_than_all_that_are_kept_does_not_push_one_out(sink: ReportSink) -> None:
    for report_id in (TWO, THREE, FOUR, ONE):
        sink.write("shop", report_id, texts(report_id))
    assert sink.reports("shop") == (FOUR, THREE, TWO)


def test_each_pilot_has_reports_and_a_latest_of_its_own(sink: ReportSink) -> None:
    for report_id in (ONE, TWO, THREE, FOUR):
        sink.write("shop", report_id, texts("shop"))
    sink.write("other", ONE, texts("other"))
    assert sink.reports("other") == (ONE,)
    assert sink.read("other", "latest", "md") == "# other\n"


def test_the_same_report_may_be_written_again_and_another_one_under_its_id_is_refused(
    sink: ReportSink,
) -> None:
    sink.write("shop", ONE, TEXTS)
    assert sink.write("shop", ONE, TEXTS).id == ONE
    for other in ({**TEXTS, "md": "# Not ready\n"}, {"md": TEXTS["md"]}, {**TEXTS, "html": "<p>"}):
        with pytest.raises(SinkError, match="written before") as caught:
            sink.write("shop", ONE, other)
        assert caught.value.permanent
    assert sink.reports("shop") == (ONE,)
    assert {form: sink.read("shop", ONE, form) for form in ("md", "json", "html")} == {**TEXTS, "html": None}


BAD_NAMES = [
    "",
    ".",
    "..",
    "../shop",
    "a/b",
    "/etc/passwd",
    "a\\b",
    "a\0",
    "a\n",
    " a",
    ".hidden",
    "a.b",
    "-rf",
    "ü",
    "a" * 65,
]


@pytest.mark.parametrize("name", [*BAD_NAMES, "latest"])
def test_a_name_that_could_lead_elsewhere_is_refused(sink: ReportSink, name: str, tmp_path: Path) -> None:
    assert sink.reports("shop") == ()
    before = sorted(tmp_path.rglob("*"))
    for pilot, report_id in ((name, ONE), ("shop", name)):
        with pytest.raises(SinkError) as caught:
            sink.write(pilot, report_id, TEXTS)
        assert caught.value.permanent
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", BAD_NAMES)
def test_nothing_is_read_by_a_name_that_could_lead_elsewhere(
    sink: ReportSink, name: str, tmp_path: Path
) -> None:
    sink.write("shop", ONE, TEXTS)
    (tmp_path / "report.md").write_text("secret", encoding="utf-8")
    assert sink.read("shop", name, "md") is None
    assert sink.read(name, ONE, "md") is None
    assert sink.read(name, "latest", "md") is None
    assert sink.read("shop", ONE, name) is None
    assert sink.reports(name) == ()


@pytest.mark.parametrize("bad", [{}, {"": "x"}, {"MD": "x"}, {"m/d": "x"}, {"md": "half a pair: \ud800"}])
def test_what_is_no_report_is_refused_for_good(sink: ReportSink, bad: dict[str, str]) -> None:
    with pytest.raises(SinkError) as caught:
        sink.write("shop", ONE, bad)
    assert caught.value.permanent
    assert sink.reports("shop") == ()


def test_readers_see_whole_reports_while_others_write(sink: ReportSink) -> None:
    """Every reader finds both formats of the report that it found in the list, or, once it was pruned, neither."""

    def write(n: int) -> None:
        sink.write("shop", f"r{n:03d}", texts(f"r{n:03d}"))

    def read(_: int) -> list[tuple[str, str | None, str | None]]:
        return [
            (one, sink.read("shop", one, "md"), sink.read("shop", one, "json"))
            for one in sink.reports("shop")
        ]

    write(0)
    with ThreadPoolExecutor(4) as pool:
        writes = pool.map(write, range(1, 40))
        looks = list(pool.map(read, range(200)))
        list(writes)
    for look in looks:
        assert look
        for report_id, markdown, json_text in look:
            assert markdown in (f"# {report_id}\n", None)
            assert json_text in (f'"{report_id}"\n', None)
            assert markdown is not None or json_text is None  # it only ever vanishes
    assert sink.read("shop", "latest", "md") == "# r039\n"
    assert sink.reports("shop") == ("r039", "r038", "r037")
