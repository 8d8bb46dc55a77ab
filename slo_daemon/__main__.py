"""`python -m slo_daemon`: the same as `slo-daemon`."""

from slo_daemon.cli import main

main()
