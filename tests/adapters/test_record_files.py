"""Incidents and ratings from files: understood, or refused with the place."""

import json
from pathlib import Path

import pytest

from slo_daemon.adapters.record_files import RecordFileError, read_feedback, read_incidents
from slo_daemon.core.pilot.records import Severity

HEAD = "title,severity,started_at,resolved_at\n"


def wrote(folder: Path, text: str) -> Path:
    path = folder / "records"
    path.write_text(text, encoding="utf-8")
    return path


def test_incidents_come_from_csv(tmp_path: Path) -> None:
    path = wrote(
        tmp_path,
        "\ufeff" + HEAD + '"Slow, and odd",critical,2026-11-22T10:00:00Z,\nGone,info,1795341600,1795341700\n',
    )
    first, second = read_incidents(path, "p")

    assert (first.title, first.severity, first.started_at) == (
        "Slow, and odd",
        Severity.CRITICAL,
        1_795_341_600.0,
    )
    assert (first.resolved, first.pilot) == (False, "p")
    assert (second.resolved_at, second.id) == (1_795_341_700.0, 2)


@pytest.mark.parametrize("wrap", [lambda rows: rows, lambda rows: {"feedback": rows}])
def test_ratings_come_from_json_as_the_api_tells_them(tmp_path: Path, wrap: object) -> None:
    row = {
        "id": 9, "pilot": "p", "user": "u-1", "rating": 4, "text": "good", "given_at": "2026-11-22T10:00:00+00:00",
        "recorded_at": "2026-11-22T10:00:01Z", "context": {"device": "mobile"}, "cohort": "power_users",
    }  # fmt: skip
    (one,) = read_feedback(wrote(tmp_path, json.dumps(wrap([row]))), None)  # type: ignore[operator]

    assert (one.pilot, one.user, one.rating, one.given_at) == ("p", "u-1", 4, 1_795_341_600.0)
    assert (one.context, one.cohort) == ({"device": "mobile"}, "power_users")


def test_an_empty_list_says_that_there_were_none(tmp_path: Path) -> None:
    assert read_incidents(wrote(tmp_path, "[]"), None) == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD + "x,critical,,\n", "line 2: started_at is missing"),
        (HEAD + "x,critical,yesterday,\n", "line 2: started_at 'yesterday' is no time"),
        (HEAD + "x,critical,2026-11-22T10:00:00,\n", "is no time"),
        (HEAD + "x,awful,5,\n", "severity 'awful' is not known"),
        (HEAD + "x,info,5,4\n", "resolved_at lies before started_at"),
        (HEAD + "x,info\n", "line 2: does not have the columns"),
        (HEAD + "x,info,5,6,7\n", "line 2: does not have the columns"),
        ('[{"severity": "info"}, 7]', "record 1: started_at is missing"),
        ("[7]", "record 1: is no object"),
        ('{"other": []}', "holds no list of incidents"),
        ("[", "is no JSON"),
    ],
)
def test_what_cannot_be_understood_is_refused_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(RecordFileError) as caught:
        read_incidents(wrote(tmp_path, text), "p")
    assert said in str(caught.value)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("rating", ["0", "6", "4.5", "", "good"])
def test_a_rating_is_one_to_five(tmp_path: Path, rating: str) -> None:
    with pytest.raises(RecordFileError, match="rating"):
        read_feedback(wrote(tmp_path, f"user,rating,given_at\nu,{rating},5\n"), "p")


def test_a_file_that_is_not_there_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordFileError, match="cannot be read"):
        read_incidents(tmp_path / "none", "p")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    with pytest.raises(RecordFileError, match="UTF-8"):
        read_incidents(tmp_path / "bytes", "p")


def test_without_a_pilot_nobody_can_tell_whose_it_is(tmp_path: Path) -> None:
    path = wrote(tmp_path, HEAD + "x,info,5,\n")
    with pytest.raises(RecordFileError, match="of which pilot"):
        read_incidents(path, None)
