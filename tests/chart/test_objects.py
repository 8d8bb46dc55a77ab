"""Every object by the judgement of Kubernetes' schemas, of the Prometheus Operator's, and of the Pod Security Standard "restricted"."""

import re
from collections.abc import Iterator
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from tests.chart.rendering import SETS, needs_helm, objects, one
from tests.documents import ROOT

pytestmark = needs_helm
OLDEST, NEWEST = "1.25.0", kubernetes_validate.latest_version()
CRDS = ROOT / "build" / "tools" / "crds"
OPERATOR = "monitoring.coreos.com/v1"
ALLOWED_VOLUMES = {"configMap", "downwardAPI", "emptyDir", "persistentVolumeClaim", "projected", "secret"}


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("name", SETS)
def test_kubernetes_takes_every_object_and_knows_every_key(name: str, version: str) -> None:
    for found in objects(name):
        if found["apiVersion"] != OPERATOR:
            kubernetes_validate.validate(found, version, strict=True)


def test_a_key_that_kubernetes_does_not_know_would_be_found() -> None:
    deployment = one(objects("minimal"), "Deployment")
    deployment["spec"]["template"]["spec"]["containers"][0]["livenessprobe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, NEWEST, strict=True)


def definition(kind: str) -> Any:
    """The schema of a kind of the Prometheus Operator, closed: what it does not name is wrong."""
    files = sorted(CRDS.glob(f"{kind.lower()}s-*.yaml"))
    if not files:
        pytest.skip(f"no definition of {kind} in build/tools/crds (tools/install-chart-schemas)")
    crd = yaml.safe_load(files[-1].read_text())
    (version,) = [one for one in crd["spec"]["versions"] if one["name"] == "v1"]
    return closed(version["schema"]["openAPIV3Schema"])


def closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [closed(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: closed(inner) for key, inner in schema.items()}
    if isinstance(found.get("pattern"), str):  # Go takes flags anywhere, Python at the beginning only
        found["pattern"] = re.sub(r"^\^(\(\?[a-z]+\))", r"\1^", found["pattern"])
    if isinstance(found.get("properties"), dict) and found.get("type") == "object":
        found.setdefault("additionalProperties", False)
    return found


@pytest.mark.parametrize("name", ["everything", "sidecar"])
@pytest.mark.parametrize("kind", ["ServiceMonitor", "PrometheusRule"])
def test_the_prometheus_operator_takes_its_objects(kind: str, name: str) -> None:
    schema = definition(kind)
    schema["properties"]["metadata"] = {"type": "object"}  # Kubernetes' own, which the definition leaves open
    found = one(objects(name), kind)
    jsonschema.validate(found, schema, cls=jsonschema.Draft7Validator)
    found["spec"]["surprise"] = True
    with pytest.raises(jsonschema.ValidationError, match="surprise"):
        jsonschema.validate(found, schema, cls=jsonschema.Draft7Validator)


def pods(name: str) -> Iterator[dict[str, Any]]:
    found = objects(name)
    yield one(found, "Deployment")["spec"]["template"]["spec"]
    yield one(found, "Pod")["spec"]


@pytest.mark.parametrize("name", SETS)
def test_pods_meet_the_restricted_standard(name: str) -> None:
    for pod in pods(name):
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == 65532
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for volume in pod.get("volumes", []):
            assert volume.keys() - {"name"} <= ALLOWED_VOLUMES
        for container in [*pod["containers"], *pod.get("initContainers", [])]:
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["readOnlyRootFilesystem"] is True
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert "privileged" not in context
            assert all("hostPort" not in port for port in container.get("ports", []))
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}
            assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("name", SETS)
def test_the_daemon_never_has_a_token_of_the_cluster(name: str) -> None:
    found = objects(name)
    pod = one(found, "Deployment")["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert all(o["automountServiceAccountToken"] is False for o in found if o["kind"] == "ServiceAccount")
    tokens = {v["name"] for v in pod["volumes"] if "serviceAccountToken" in str(v.get("projected"))}
    (daemon,) = [one for one in pod["containers"] if one["name"] == "slo-daemon"]
    assert not tokens & {mount["name"] for mount in daemon["volumeMounts"]}
    assert bool(tokens) == (name == "sidecar")
    assert any(o["kind"] == "Role" for o in found) == (name == "sidecar")


def test_the_sidecar_may_read_config_maps_where_it_searches_and_nothing_else() -> None:
    found = objects("sidecar")
    roles = [o for o in found if o["kind"] == "Role"]
    assert [o["metadata"]["namespace"] for o in roles] == ["search", "shop"]
    for role in roles:
        assert role["rules"] == [
            {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"]}
        ]
    account = one(found, "ServiceAccount")["metadata"]
    for binding in [o for o in found if o["kind"] == "RoleBinding"]:
        assert binding["subjects"] == [
            {"kind": "ServiceAccount", "name": account["name"], "namespace": account["namespace"]}
        ]
    everywhere = objects("sidecar", "--set", "sidecar.namespaces={ALL}")
    assert not [o for o in everywhere if o["kind"] == "Role"]
    assert (
        one(everywhere, "ClusterRoleBinding")["roleRef"]["name"]
        == one(everywhere, "ClusterRole")["metadata"]["name"]
    )
    alone = objects("minimal", "--set", "sidecar.enabled=true")
    assert one(alone, "Role")["metadata"]["namespace"] == "monitoring"


def test_one_pod_at_a_time_has_the_store() -> None:
    spec = one(objects("everything"), "Deployment")["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})


@pytest.mark.parametrize("name", SETS)
def test_every_volume_is_mounted_and_every_mount_has_its_volume(name: str) -> None:
    for pod in pods(name):
        mounts = [
            m for c in [*pod["containers"], *pod.get("initContainers", [])] for m in c.get("volumeMounts", [])
        ]
        assert {mount["name"] for mount in mounts} == {volume["name"] for volume in pod.get("volumes", [])}
        assert not [mount for mount in mounts if "subPath" in mount]


def test_secrets_are_files_and_never_in_the_environment() -> None:
    env = one(objects("everything"), "Deployment")["spec"]["template"]["spec"]["containers"][0]["env"]
    assert "token-of" not in str(env)
    assert {v["value"] for v in env if "TOKENS" in v["name"]} == {
        "/etc/slo-daemon/tokens/admin",
        "/etc/slo-daemon/tokens/webhook",
    }


def test_the_pod_is_what_the_image_expects() -> None:
    """Its user owns what is written, its entry point gets the arguments, its port is open."""
    image = (ROOT / "Dockerfile").read_text()
    pod = one(objects("minimal"), "Deployment")["spec"]["template"]["spec"]
    (daemon,) = pod["containers"]
    context = pod["securityContext"]
    assert f"USER {context['runAsUser']}:{context['runAsGroup']}\n" in image
    assert context["fsGroup"] == context["runAsGroup"]
    assert ('ENTRYPOINT ["slo-daemon"]\n' in image, daemon["args"]) == (True, ["run"])
    assert f"EXPOSE {daemon['ports'][0]['containerPort']}\n" in image
    assert {mount["mountPath"] for mount in daemon["volumeMounts"]} >= set(
        re.findall(r'VOLUME \["(.+)"\]', image)
    )
