"""What every command's exit code means to scripts."""

from enum import IntEnum

from slo_daemon.core.pilot.verdict import Verdict


class Exit(IntEnum):
    """Part of the contract with scripts and pipelines."""

    OK = 0  # pass, ready
    NOT_READY = 1  # fail, not ready
    USAGE = 2  # wrong usage or configuration
    INCONCLUSIVE = 3
    UNREACHABLE = 4  # the source or the daemon cannot be reached, or is stale


OF_VERDICT = {
    Verdict.READY: Exit.OK,
    Verdict.NOT_READY: Exit.NOT_READY,
    Verdict.INCONCLUSIVE: Exit.INCONCLUSIVE,
}
