"""Where and with what something was measured: machine, versions, revision. Names no path and no person."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

from slo_daemon import __version__
from slo_daemon.demo.servers import find_binary

ROOT = Path(__file__).resolve().parents[1]


def machine() -> dict[str, Any]:
    return {
        "processor": _field("/proc/cpuinfo", "model name") or platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
    }


def versions() -> dict[str, str]:
    said = _said([find_binary("prometheus"), "--version"])
    return {
        "slo-daemon": __version__,
        "revision": _said(["git", "-C", str(ROOT), "describe", "--always", "--dirty"]) or "not known",
        "prometheus": said.partition("version ")[2].partition(" ")[0] or "not known",
        "python": platform.python_version(),
        "numpy": version("numpy"),
    }


def _said(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except OSError:
        return ""
    return (done.stdout or done.stderr).strip() if done.returncode == 0 else ""


def _field(file: str, name: str) -> str:
    try:
        lines = Path(file).read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")
