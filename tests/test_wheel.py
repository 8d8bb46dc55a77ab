"""What people install: the built wheel, away from this checkout, with everything that it needs inside."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel's content; the libraries come from the environment of the tests."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True, timeout=120)
    (wheel,) = folder.glob("slo_daemon-*.whl")
    target = folder / "installed"
    subprocess.run(
        [*pip, "install", "--no-deps", "--target", str(target), str(wheel)], check=True, timeout=120
    )
    return target


def run(installed: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`python -m slo_daemon` from the wheel, in a folder where nothing of the checkout is found."""
    program = f"import sys; sys.path.insert(0, {str(installed)!r}); import slo_daemon.cli as c; print(c.__file__, file=sys.stderr); c.main()"
    command = [sys.executable, "-I", "-c", program, *arguments]
    return subprocess.run(command, cwd=installed, capture_output=True, text=True, timeout=60)


def test_the_commands_work_from_the_wheel(installed: Path) -> None:
    for arguments in (
        ["--version"],
        ["schema"],
        ["rules"],
        ["check", "slo_daemon/demo/ecommerce-search.yaml"],
    ):
        result = run(installed, *arguments)
        assert result.returncode == 0, result.stderr
        assert str(installed) in result.stderr


def test_the_store_can_be_made_from_the_wheel(installed: Path) -> None:
    program = (
        f"import sys; sys.path.insert(0, {str(installed)!r})\n"
        "from pathlib import Path\n"
        "from slo_daemon.adapters.database import DatabaseStore, SqliteFile\n"
        "store = DatabaseStore(SqliteFile(Path('state.db'))); print(len(store.states())); store.close()\n"
    )
    result = subprocess.run(
        [sys.executable, "-I", "-c", program], cwd=installed, capture_output=True, text=True, timeout=60
    )
    assert result.stdout.strip() == "0", result.stderr


def test_everything_that_is_no_python_is_in_the_wheel(installed: Path) -> None:
    inside = {path.relative_to(ROOT) for path in (ROOT / "slo_daemon").rglob("*") if path.is_file()}
    wanted = {
        path for path in inside if path.suffix not in (".pyc", ".py") and "__pycache__" not in path.parts
    }
    missing = [str(path) for path in wanted if not (installed / path).exists()]
    assert missing == []
