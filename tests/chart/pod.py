"""The daemon's container as a process of this machine: volumes as the kubelet lays them out, mounts as folders, the rendered command."""

import base64
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slo_daemon.demo.child import Child
from slo_daemon.demo.servers import LOOPBACK, free_port
from tests.chart.rendering import one

_COUNT = "..2026_11_26_00_00_00."


def write_volume(folder: Path, files: Mapping[str, str]) -> None:
    """A mounted ConfigMap or Secret, or its next content: the files lie in a hidden folder, and one renamed link changes them all."""
    folder.mkdir(parents=True, exist_ok=True)
    before = (folder / "..data").resolve() if (folder / "..data").exists() else None
    data = folder / f"{_COUNT}{len(list(folder.glob(_COUNT + '*')))}"
    data.mkdir()
    for name, text in files.items():
        (data / name).write_text(text)
    (folder / "..data_tmp").symlink_to(data.name)
    (folder / "..data_tmp").rename(folder / "..data")
    for name in files:
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(Path("..data", name))
    for link in folder.iterdir():
        if not link.name.startswith("..") and link.name not in files:
            link.unlink()
    if before is not None:
        for file in before.iterdir():
            file.unlink()


@dataclass(frozen=True)
class Pod:
    """A rendered Deployment over `root`, which takes the place of the container's `/`. `given`: ConfigMaps and Secrets that are there
    already, as name -> files."""

    objects: list[dict[str, Any]]
    root: Path
    given: Mapping[str, Mapping[str, str]]

    @property
    def spec(self) -> dict[str, Any]:
        found: dict[str, Any] = one(self.objects, "Deployment")["spec"]["template"]["spec"]
        return found

    @property
    def container(self) -> dict[str, Any]:
        (found,) = [one for one in self.spec["containers"] if one["name"] == "slo-daemon"]
        return dict(found)

    def mount(self) -> None:
        """Lays out every volume where the container has it."""
        volumes = {volume["name"]: volume for volume in self.spec["volumes"]}
        for mount in self.container["volumeMounts"]:
            folder = self.inside(mount["mountPath"])
            files = self._files(volumes[mount["name"]])
            if files is None:
                folder.mkdir(parents=True, exist_ok=True)
            else:
                write_volume(folder, files)

    def inside(self, path: str) -> Path:
        """Where a path of the container is on this machine."""
        return self.root / path.lstrip("/")

    def _files(self, volume: Mapping[str, Any]) -> dict[str, str] | None:
        """What a volume holds; None for a folder that can be written."""
        source = volume.get("configMap") or volume.get("secret")
        if source is None:
            return None
        files = self._data(source.get("name") or source["secretName"])
        items = source.get("items")
        return {item["path"]: files[item["key"]] for item in items} if items else dict(files)

    def _data(self, name: str) -> Mapping[str, str]:
        for found in self.objects:
            if found["metadata"]["name"] == name and found["kind"] == "ConfigMap":
                return dict(found["data"])
            if found["metadata"]["name"] == name and found["kind"] == "Secret":
                return {key: base64.b64decode(value).decode() for key, value in found["data"].items()}
        return self.given[name]

    def environment(self, **more: str) -> dict[str, str]:
        """The container's variables; paths lead to this machine."""
        found = {"PATH": os.environ["PATH"]}
        for variable in self.container["env"]:
            value = variable["value"]
            if value.startswith("sqlite:////"):
                value = f"sqlite:///{self.inside(value.removeprefix('sqlite:///'))}"
            elif value.startswith("/"):
                value = str(self.inside(value))
            found[variable["name"]] = value
        return found | more

    def start(self, **more: str) -> tuple[Child, str]:
        """Starts the rendered command on a free port: the process, and where it listens."""
        address = f"{LOOPBACK}:{free_port()}"
        return Child(
            self.command(*self.container["args"], SLO_DAEMON_WEB_LISTEN=address, **more), self.log
        ), f"http://{address}"

    def command(self, *arguments: str, **more: str) -> list[str]:
        """slo-daemon with these arguments, in the container's environment and no other."""
        variables = [f"{name}={value}" for name, value in self.environment(**more).items()]
        return ["/usr/bin/env", "-i", *variables, sys.executable, "-m", "slo_daemon", *arguments]

    @property
    def log(self) -> Path:
        """What the process said."""
        return self.root / "daemon.log"
