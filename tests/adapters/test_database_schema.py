"""The migrations: they give exactly the tables of the code, run once, all or nothing, and also from an installed wheel."""

import shutil
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from slo_daemon.adapters.database import schema
from slo_daemon.adapters.database.tables import metadata
from slo_daemon.core.pilot.records import Feedback, Incident, IncidentSource, RecordsQuery, Severity
from slo_daemon.core.slo.chunks import HOUR
from slo_daemon.ports import StoreError
from tests.adapters.stores import (
    act,
    block,
    column,
    incident,
    open_store,
    point,
    raw,
    state,
    told,
    transition,
)

ROOT = Path(__file__).resolve().parents[2]

NEXT = '''
"""A later change."""
from alembic import op
from sqlalchemy import Column, Text

revision = "9999"
down_revision = "{newest}"


def upgrade() -> None:
    op.add_column("slo_states", Column("note", Text))
    op.create_table("later", Column("id", Text))
    {then}
'''


@pytest.fixture
def later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the migrations, copied, as a later version would have it; returns the file of the next change."""
    folder = shutil.copytree(schema._FOLDER, tmp_path / "migrations % later")
    monkeypatch.setattr(schema, "_FOLDER", folder)
    schema.revisions.cache_clear()
    yield folder / "versions" / "r9999_later.py"
    schema.revisions.cache_clear()


def next_change(then: str) -> str:
    return NEXT.format(newest=schema.revisions()[0], then=then)


@pytest.fixture
def made_by_the_first_version(path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store as the first version of slo-daemon left it."""
    folder = shutil.copytree(schema._FOLDER, path.with_name("migrations of the first version"))
    for migration in (folder / "versions").glob("r*.py"):
        if migration.name != "r0001_first_tables.py":
            migration.unlink()
    with monkeypatch.context() as patch:
        patch.setattr(schema, "_FOLDER", folder)
        schema.revisions.cache_clear()
        with closing(open_store(path)) as store:
            store.commit_slot([state()], [transition()], ["am"])
    schema.revisions.cache_clear()
    with raw(path) as connection:
        connection.execute(
            "INSERT INTO incidents VALUES (1, 'shop', 'down', 'critical', 'all of it', 1000.0, 1001.0, NULL, NULL)"
        )
        connection.execute(
            "INSERT INTO incidents VALUES (2, 'shop', 'slow', 'info', '', 1100.0, 1101.0, 'over', 1200.0)"
        )
        connection.execute(
            "INSERT INTO feedback VALUES (1, 'shop', 'ada', 4, 'good', 1500.0, 1501.0, '{\"n\": 1}')"
        )
        connection.execute(
            "INSERT INTO idempotency_keys VALUES ('record_incident', 'shop', 'k1', ?, 1, 1001.0)",
            [sha256(b"request").hexdigest()],
        )
        connection.execute(
            "INSERT INTO audit VALUES (1, 1001.0, 'incidents', 'record_incident', 'shop', 1, 'k1')"
        )
    return path


def definition(path: Path) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY name").fetchall()


def test_the_migrations_give_exactly_the_tables_of_the_code(path: Path) -> None:
    with closing(open_store(path)) as store, store._file.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        assert context.get_current_revision() == schema.revisions()[0]


def test_the_migrations_are_one_line_without_a_fork() -> None:
    known = schema.revisions()
    assert known == tuple(sorted(known, reverse=True))
    assert len(known) == len(list((schema._FOLDER / "versions").glob("r*.py")))


def test_opening_again_changes_neither_tables_nor_data(path: Path) -> None:
    with closing(open_store(path)) as store:
        store.commit_slot([state()], [transition()], ["am"])
    before = definition(path)
    for _ in range(2):
        with closing(open_store(path)) as store:
            assert store.states() == {"shop/latency": state()}
            assert store.undelivered("am") == (transition(),)
    assert definition(path) == before


def test_a_later_version_brings_the_tables_up_to_date_and_keeps_the_data(path: Path, later: Path) -> None:
    with closing(open_store(path)) as store:
        store.commit_slot([state()], [transition()], ["am"])
    later.write_text(next_change(""), encoding="utf-8")
    schema.revisions.cache_clear()
    with closing(open_store(path)) as store:
        assert store.undelivered("am") == (transition(),)
    assert {"later"} <= {name for _, name, _ in definition(path)}
    later.unlink()
    schema.revisions.cache_clear()
    with pytest.raises(StoreError) as caught:
        open_store(path)
    assert caught.value.reason == "newer_schema"


def test_a_store_of_the_first_version_is_brought_up_to_date_and_keeps_its_data(
    made_by_the_first_version: Path,
) -> None:
    path = made_by_the_first_version
    before = {name for kind, name, _ in definition(path) if kind == "table"}
    assert "slo_states" in before
    assert not {name for name in before if "chunk" in name or "budget" in name}
    for _ in range(2):
        with closing(open_store(path)) as store:
            assert store.states() == {"shop/latency": state()}
            assert store.undelivered("am") == (transition(),)
            assert not store.record_incident(incident(), act("k1", content="request")).created
            slow, down = store.incidents("shop")
            assert down == Incident(1, "shop", "down", Severity.CRITICAL, "all of it", 1000.0, 1001.0)
            assert (slow.id, slow.resolved, slow.source) == (2, True, IncidentSource.PEOPLE)
            assert store.feedback("shop") == (
                Feedback(1, "shop", "ada", 4, "good", 1500.0, 1501.0, {"n": 1}),
            )
            assert len(store.audit()) == 1
            assert store.records("shop", RecordsQuery(2000.0)).overrides == ()
            store.save_chunks([block({column(): [1.0]})])
            assert told(store.chunks(["events"], {HOUR: 0.0})) == told([block({column(): [1.0]})])
            store.save_budget_points([point()])
            assert store.budget_points("shop/latency", 0.0) == (point(),)
    upgraded = definition(path)
    path.unlink()
    with closing(open_store(path)):
        assert {entry[:2] for entry in definition(path)} == {entry[:2] for entry in upgraded}


def test_a_migration_that_fails_leaves_everything_as_it_was(path: Path, later: Path) -> None:
    with closing(open_store(path)) as store:
        store.commit_slot([state()], [], [])
    before = definition(path)
    later.write_text(next_change("op.execute('INSERT INTO nowhere VALUES (1)')"), encoding="utf-8")
    schema.revisions.cache_clear()
    with pytest.raises(StoreError, match="nowhere"):
        open_store(path)
    assert definition(path) == before
    later.unlink()
    schema.revisions.cache_clear()
    with closing(open_store(path)) as store:
        assert store.states() == {"shop/latency": state()}


def test_a_first_migration_that_fails_leaves_no_database(path: Path, later: Path) -> None:
    later.write_text(next_change("op.execute('INSERT INTO nowhere VALUES (1)')"), encoding="utf-8")
    schema.revisions.cache_clear()
    with pytest.raises(StoreError, match="nowhere"):
        open_store(path)
    assert [file.name for file in path.parent.glob("store.db*")] == ["store.db.lock"]


def test_an_installed_wheel_brings_its_migrations_along(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    installed = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(installed)
    opening = (
        "import pathlib, sys; sys.path.insert(0, sys.argv[1])\n"
        "from slo_daemon.adapters import database\n"
        "assert pathlib.Path(database.__file__).is_relative_to(sys.argv[1]), database.__file__\n"
        "store = database.DatabaseStore(database.SqliteFile(pathlib.Path(sys.argv[2])))\n"
        "store.check()\n"
        "store.close()\n"
    )
    subprocess.run(
        [sys.executable, "-c", opening, str(installed), str(tmp_path / "store.db")], cwd=tmp_path, check=True
    )
    assert (tmp_path / "store.db").exists()
