"""What a process uses, as the kernel tells it."""

from pathlib import Path

_KIB = 1024


def memory(pid: int) -> tuple[int, int]:
    """(resident memory now, the most it ever was), in bytes. Raises OSError when the process is gone."""
    fields = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line
    )
    if "VmRSS" not in fields:
        raise ProcessLookupError(f"process {pid} is gone")
    now, most = (int(fields[name].split()[0]) * _KIB for name in ("VmRSS", "VmHWM"))
    return now, most
