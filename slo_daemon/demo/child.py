"""Child processes that cannot outlive us, not even when we are killed with SIGKILL.

Linux can signal a child when its parent goes (prctl PR_SET_PDEATHSIG). Two properties of that call shape this module:

* It must be asked for inside the child. Doing so between fork and exec (`preexec_fn`) is unsafe in a program with
  threads, so a few lines of Python run first and then exec the real program: same process id, no extra process.
* "Parent" means the THREAD that created the child: a child started from a short-lived worker thread would be killed
  when that thread ends. All children are therefore created by one thread that lives as long as the interpreter.

Elsewhere than on Linux children are started directly; `stop()` is then the only thing that ends them.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

_EXEC_WITH_DEATH_SIGNAL = """
import ctypes, os, signal, sys
PR_SET_PDEATHSIG = 1
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
if os.getppid() != int(sys.argv[1]):   # the parent went before the call above
    sys.exit(1)
signal.signal(signal.SIGPIPE, signal.SIG_DFL)   # Python ignores it, and exec would hand that on
try:
    os.execv(sys.argv[2], sys.argv[2:])
except OSError as error:
    sys.exit(f"cannot start {sys.argv[2]}: {error.strerror}")
"""

_creator = ThreadPoolExecutor(max_workers=1, thread_name_prefix="child-creator")


def spawn(
    command: Sequence[str],
    *,
    stdout: int | IO[bytes] = subprocess.DEVNULL,
    env: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start `command` (its first word is an absolute path) in a session of its own; stderr joins stdout.

    The own session keeps a Ctrl-C on the terminal from reaching the child: we decide the order in which things stop.
    """
    argv = list(command)
    if sys.platform == "linux":
        argv = [sys.executable, "-I", "-S", "-c", _EXEC_WITH_DEATH_SIGNAL, str(os.getpid()), *argv]

    def create() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.STDOUT,
            env=dict(env) if env is not None else None,
            start_new_session=True,
        )

    return _creator.submit(create).result()


class Child:
    """One run of a program, its output appended to a log file.

    The caller waits for readiness; this class only starts, signals and reaps. After `stop` or `kill` no process is left.
    """

    def __init__(self, command: Sequence[str], log: Path) -> None:
        self._log = log
        with log.open("ab") as output:
            self._log_start = output.tell()
            self._process = spawn(command, stdout=output)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative when a signal ended it."""
        return self._process.poll()

    def log_of_this_run(self) -> str:
        with self._log.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")

    def stop(self, grace_seconds: float) -> None:
        """SIGTERM, then SIGKILL once the grace is over. Safe to call on a frozen or an already dead process."""
        self.send(signal.SIGTERM)
        self.thaw()  # a frozen process acts on SIGTERM only after it was thawed
        try:
            self._process.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        self.send(signal.SIGKILL)
        self._process.wait()

    def freeze(self) -> None:
        """SIGSTOP, and wait until every thread has stopped: the signal alone leaves time for another answer."""
        self.send(signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def thaw(self) -> None:
        self.send(signal.SIGCONT)

    def send(self, number: signal.Signals) -> None:
        """A signal to the process."""
        self._process.send_signal(number)  # does nothing once the process was reaped
