"""tools/install-servers against a PATH that holds only what a test puts there; apt-get is a small stand-in that notes its calls."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "tools" / "install-servers"
SYSTEM_TOOLS = ("sh", "cat", "chmod", "grep", "mv", "rm", "sed")
SERVERS = ("prometheus", "promtool", "prometheus-alertmanager", "amtool")


class Machine:
    """A machine as the script sees it: programs on PATH, a user, and the file that may forbid service starts."""

    def __init__(self, root: Path) -> None:
        self.bin = root / "bin"
        self.bin.mkdir()
        self.policy = root / "policy-rc.d"
        self.set_aside = root / "policy-rc.d.before-slo-daemon"
        self.notes = root / "notes"
        self.notes.touch()
        for tool in SYSTEM_TOOLS:
            real = shutil.which(tool)
            assert real is not None
            (self.bin / tool).symlink_to(real)
        self.user(1000)

    def program(self, name: str, body: str) -> None:
        file = self.bin / name
        file.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
        file.chmod(0o755)

    def user(self, number: int) -> None:
        self.program("id", f"echo {number}")

    def servers(self, *names: str, version: str = "2.42.0+ds") -> None:
        for name in names:
            self.program(name, f"echo '{name}, version {version} (branch: x)'")

    def debian(self, *, brings: tuple[str, ...] = SERVERS, update: int = 0, install: int = 0) -> None:
        """Gives the machine apt-get. While it installs, it notes which services it would be allowed to start."""
        made = "\n".join(
            f"printf '#!/bin/sh\\necho \"{name}, version 2.42.0\"\\n' >'{self.bin}/{name}'; chmod 755 '{self.bin}/{name}'"
            for name in brings
        )
        self.program(
            "apt-get",
            f"""echo "apt-get $* ($DEBIAN_FRONTEND)" >>'{self.notes}'
[ "$1" = install ] || exit {update}
for service in prometheus prometheus-alertmanager.service postgresql; do
    '{self.policy}' --quiet "$service" start 2; echo "may start $service: $?" >>'{self.notes}'
done
[ {install} = 0 ] || exit {install}
{made}""",
        )
        self.program("dpkg-query", "exit 1")
        self.program("update-rc.d", f"echo \"update-rc.d $*\" >>'{self.notes}'")

    def run(self) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": str(self.bin), "POLICY_RC_D": str(self.policy), "HOME": os.devnull}
        return subprocess.run(
            [SCRIPT], env=environment, capture_output=True, text=True, timeout=30, check=False, cwd=self.bin
        )

    def noted(self) -> list[str]:
        return self.notes.read_text(encoding="utf-8").splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_servers_on_the_path_are_enough(machine: Machine) -> None:
    machine.servers(*SERVERS)
    machine.debian()

    result = machine.run()

    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert machine.noted() == []


def test_alertmanager_may_have_its_own_name(machine: Machine) -> None:
    machine.servers("prometheus", "promtool", "alertmanager", "amtool")

    assert machine.run().returncode == 0


@pytest.mark.parametrize("version", ["2.42.0", "2.53.1", "3.0.0", "10.1.2"])
def test_a_prometheus_that_knows_our_rules_is_accepted(machine: Machine, version: str) -> None:
    machine.servers(*SERVERS, version=version)

    assert machine.run().returncode == 0


@pytest.mark.parametrize("version", ["2.41.0", "1.99.0", "2.9.1"])
def test_a_prometheus_that_is_too_old_is_refused_with_its_version(machine: Machine, version: str) -> None:
    machine.servers(*SERVERS, version=version)

    result = machine.run()

    assert result.returncode == 1
    assert (
        f"is version {version.rpartition('.')[0]}; slo-daemon's alert rules need 2.42 or newer"
        in result.stderr
    )
    assert "Next step:" in result.stderr


def test_a_program_that_only_carries_the_name_prometheus_is_refused(machine: Machine) -> None:
    machine.servers(*SERVERS)
    machine.program("prometheus", "echo something else")

    result = machine.run()

    assert result.returncode == 1
    assert "does not answer like Prometheus does" in result.stderr


def test_a_user_who_is_not_root_gets_the_next_command(machine: Machine) -> None:
    machine.servers("prometheus", "promtool")
    machine.debian()

    result = machine.run()

    assert result.returncode == 1
    assert "missing on PATH: prometheus-alertmanager\n" in result.stderr
    assert f"Next step: sudo {SCRIPT}" in result.stderr
    assert machine.noted() == []


def test_without_debian_packages_the_next_step_is_a_download(machine: Machine) -> None:
    machine.user(0)

    result = machine.run()

    assert result.returncode == 1
    assert "missing on PATH: prometheus prometheus-alertmanager\n" in result.stderr
    assert "Next step: unpack the releases" in result.stderr


def test_root_gets_the_packages_and_no_service_starts_now_or_at_boot(machine: Machine) -> None:
    machine.user(0)
    machine.debian()
    options = "-y --no-install-recommends -o DPkg::Lock::Timeout=120"

    result = machine.run()

    assert result.returncode == 0, result.stderr
    assert machine.noted() == [
        "apt-get update ()",
        f"apt-get install {options} prometheus prometheus-alertmanager (noninteractive)",
        "may start prometheus: 101",
        "may start prometheus-alertmanager.service: 101",
        "may start postgresql: 0",
        "update-rc.d prometheus disable",
        "update-rc.d prometheus-alertmanager disable",
    ]
    assert not machine.policy.exists()


def test_only_the_missing_package_is_installed(machine: Machine) -> None:
    machine.user(0)
    machine.servers("prometheus", "promtool")
    machine.debian(brings=("prometheus-alertmanager", "amtool"))

    assert machine.run().returncode == 0
    assert "update-rc.d prometheus-alertmanager disable" in machine.noted()
    assert "update-rc.d prometheus disable" not in machine.noted()


def test_a_service_that_was_installed_before_is_not_disabled(machine: Machine) -> None:
    machine.user(0)
    machine.debian()
    machine.program("dpkg-query", 'case $* in *alertmanager) exit 1 ;; esac; printf "install ok installed"')

    assert machine.run().returncode == 0
    assert [line for line in machine.noted() if line.startswith("update-rc.d")] == [
        "update-rc.d prometheus-alertmanager disable"
    ]


def test_the_machines_own_policy_is_asked_meanwhile_and_back_afterwards(machine: Machine) -> None:
    machine.user(0)
    machine.debian()
    machine.policy.write_text("#!/bin/sh\nexit 104\n", encoding="utf-8")
    machine.policy.chmod(0o755)

    assert machine.run().returncode == 0
    assert "may start postgresql: 104" in machine.noted()
    assert "may start prometheus: 101" in machine.noted()
    assert machine.policy.read_text(encoding="utf-8") == "#!/bin/sh\nexit 104\n"
    assert not machine.set_aside.exists()


def test_what_a_killed_run_left_behind_is_cleaned_up_by_the_next(machine: Machine) -> None:
    machine.user(0)
    machine.debian()
    machine.policy.write_text("#!/bin/sh\n# Written by slo-daemon tools/install-servers\n", encoding="utf-8")
    machine.set_aside.write_text("the machine's own\n", encoding="utf-8")

    assert machine.run().returncode == 0
    assert machine.policy.read_text(encoding="utf-8") == "the machine's own\n"
    assert not machine.set_aside.exists()


def test_a_failing_installation_is_told_and_leaves_no_policy_behind(machine: Machine) -> None:
    machine.user(0)
    machine.debian(install=100)

    result = machine.run()

    assert result.returncode == 1
    assert "apt-get could not install prometheus prometheus-alertmanager" in result.stderr
    assert "Next step: apt-get update && apt-get install" in result.stderr
    assert not machine.policy.exists()


def test_a_run_that_is_ended_by_a_signal_leaves_no_policy_behind(machine: Machine) -> None:
    machine.user(0)
    machine.debian()
    machine.program(
        "apt-get", f"[ -x '{machine.policy}' ] && echo ended >>'{machine.notes}'; kill -TERM $PPID"
    )

    assert machine.run().returncode == 143
    assert machine.noted() == ["ended"]
    assert not machine.policy.exists()


def test_a_failing_update_of_the_package_lists_is_not_the_end(machine: Machine) -> None:
    machine.user(0)
    machine.debian(update=100)

    result = machine.run()

    assert result.returncode == 0
    assert "apt-get update failed" in result.stdout


def test_packages_that_do_not_bring_the_programs_are_noticed(machine: Machine) -> None:
    machine.user(0)
    machine.debian(brings=("prometheus", "promtool"))

    result = machine.run()

    assert result.returncode == 1
    assert "still missing on PATH after the installation: prometheus-alertmanager" in result.stderr
