# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables of the role, and how it turns the policy's API on: its real tasks, on hosts that are files."""

from __future__ import annotations

import json
import threading
import time
import typing as t

import pytest
import yaml

from ansible_collections.onprem.irsa.plugins.module_utils._injection import names, pod, reach
from ansible_collections.onprem.irsa.plugins.modules import injection_info

from ..plugins.module_utils._api_server.test_observation import FLAGS, PATH, observed
from ..plugins.module_utils._flags.test_static_pod_flags import KUBEADM
from .cluster_of_files import Cluster
from .rendered import ROLES, Json, rendered, require_a_path_of_the_user

if t.TYPE_CHECKING:
    from pathlib import Path

VARIABLES = yaml.safe_load((ROLES / "irsa_webhook/vars/main.yml").read_text())


def render(name: str, **variables: object) -> t.Any:  # noqa: ANN401 -- JSON
    """Render a variable of the role."""
    return rendered("irsa_webhook", [name], {"irsa_region": "eu-central-1", **variables})[name]


@pytest.mark.parametrize(
    ("before", "now", "kept", "unneeded"),
    [
        ("", "", "", []),
        ("/old/rules.yml", "", "", ["/old/rules.yml"]),
        ("/old/rules.yml", "/new/rules.yml", "", ["/new/rules.yml", "/old/rules.yml"]),
        ("/old/rules.yml", "/new/rules.yml", "/new/rules.yml", ["/old/rules.yml"]),
        ("/old/rules.yml", "/old/rules.yml", "/old/rules.yml", []),
    ],
)
def test_alert_rules_at_a_path_of_before_are_not_needed(before: str, now: str, kept: str, unneeded: list[str]) -> None:
    plan = {"alert_rules_before": before, "alert_rules_path": kept}
    options = {"irsa_webhook_alert_rules_file": now, "__irsa_webhook_found": {"plan": plan}}
    assert sorted(render("__irsa_webhook_unneeded_rules", **options)) == unneeded


def test_a_mode_that_sets_no_region_needs_none() -> None:
    name = "__irsa_webhook_options"
    assert rendered("irsa_webhook", [name], {"irsa_webhook_mode": "none"})[name]["region"] == ""


@pytest.mark.parametrize(
    ("variables", "told"),
    [({}, False), ({"irsa_iam_made_roles": []}, True), ({"irsa_webhook_roles": [{"arn": "x"}]}, True)],
)
def test_all_roles_are_told_in_a_run_of_irsa_iam_or_by_the_user(variables: Json, told: bool) -> None:
    assert render("__irsa_webhook_options", **variables)["told_of_roles"] is told


def test_the_module_takes_the_role_s_options() -> None:
    given = render("__irsa_webhook_options")
    spec = injection_info.ARGUMENT_SPEC["options"]["options"]
    assert given.keys() == spec.keys()
    types = {"str": str, "bool": bool, "int": int, "list": list}
    assert [name for name, value in given.items() if not isinstance(value, types[spec[name]["type"]])] == []


def with_gates(*gates: str, **changes: object) -> Json:
    """Return what is observed on a host whose API server has these feature gates."""
    text = KUBEADM.replace("    - --tls", f"    - --feature-gates={','.join(gates)}\n    - --tls")
    flags = {**FLAGS, "feature-gates": [",".join(gates)]}
    return observed(manifests={PATH: text}, running_flags=flags, **changes)


FLAGS_OF_POLICY = {
    "feature-gates": "MutatingAdmissionPolicy=true",
    "runtime-config": "admissionregistration.k8s.io/v1beta1=true",
}
LOOKED = {
    "__irsa_webhook_found": {"plan": {"policy": {"flags": FLAGS_OF_POLICY}}},
    "irsa_kubeconfig_content": {"clusters": [{"name": "x", "cluster": {"server": "https://192.0.2.1:6443"}}]},
    "irsa_kubeconfig_environment": {},
}
NOT_KEPT = {**LOOKED, "irsa_apiserver_kept_by": "none"}


@pytest.mark.slow
@pytest.mark.parametrize(("distribution", "changed"), [("kubeadm", ["cp1", "cp2"]), ("unknown", [])])
def test_flags_are_planned_from_the_manifest_of_a_control_plane_that_is_as_it_must_be(
    tmp_path: Path, distribution: str, changed: list[str]
) -> None:
    host = with_gates("A=true", distribution=distribution)
    hosts = Cluster(tmp_path, {"cp1": host, "cp2": host})
    code, output = hosts.include("irsa_webhook", "flags", NOT_KEPT, hosts="cp1")
    assert (code == 0) == bool(changed), output
    assert [name for what, name in hosts.log() if what == "end"] == changed
    for name in changed:
        flags = json.loads((tmp_path / name).read_text())["running_flags"]
        assert flags["feature-gates"] == ["A=true,MutatingAdmissionPolicy=true"]
        assert flags["runtime-config"] == ["admissionregistration.k8s.io/v1beta1=true"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("distribution", "is_kept"),
    [("kubeadm", True), ("unknown", False)],  # that no kubeadm made it is refused first
)
def test_what_keeps_the_flags_is_looked_at_before_the_first_restart(
    tmp_path: Path, distribution: str, is_kept: bool
) -> None:
    hosts = Cluster(tmp_path, {"cp1": with_gates("A=true", distribution=distribution)})
    code, output = hosts.include("irsa_webhook", "flags", LOOKED, hosts="cp1")
    assert code != 0
    assert ("what keeps the flags cannot be told" in output) is is_kept, output
    assert [name for what, name in hosts.log() if what == "end"] == []


@pytest.mark.slow
def test_a_feature_gate_that_was_added_since_the_look_is_not_lost(tmp_path: Path) -> None:
    hosts = Cluster(tmp_path, {"cp1": with_gates("A=true"), "cp2": with_gates("A=true")})
    edited = json.dumps(with_gates("A=true", "B=true"))

    def edit() -> None:
        while not hosts.log():
            time.sleep(0.01)
        (tmp_path / "cp2").write_text(edited)

    somebody = threading.Thread(target=edit, daemon=True)
    somebody.start()
    code, output = hosts.include("irsa_webhook", "flags", NOT_KEPT, hosts="cp1")
    assert code != 0
    assert "--feature-gates is [" in output, output
    assert "nothing was touched" in output
    assert (tmp_path / "cp2").read_text() == edited
    assert [name for what, name in hosts.log() if what == "end"] == ["cp1"]


def test_the_file_of_alert_rules_is_where_the_user_is() -> None:
    require_a_path_of_the_user("irsa_webhook", "irsa_webhook_alert_rules_file", "__irsa_webhook_alert_rules_path")


@pytest.mark.parametrize(
    ("variable", "name"),
    [
        ("name", names.NAME),
        ("cluster_name", names.CLUSTER_NAME),
        ("ca_secret", names.AUTHORITY),
        ("tls_secret", names.CERTIFICATE),
        ("issued_ca_secret", names.ISSUED_AUTHORITY),
        ("issued_tls_secret", names.ISSUED_CERTIFICATE),
        ("pull_secret", names.PULL_CREDENTIALS),
        ("probe_name", names.PROBE),
        ("probe_role", names.PROBE_ROLE),
        ("probe_configuration_name", names.PROBE_CONFIGURATION),
        ("policy_name", names.POLICY),
        ("system_policy_name", names.SYSTEM_POLICY),
        ("policy_parameters_name", names.POLICY_PARAMETERS),
        ("hook", reach.HOOK),
        ("volume", pod.VOLUME),
    ],
)
def test_the_role_calls_it_the_same(variable: str, name: str) -> None:
    assert VARIABLES[f"__irsa_webhook_{variable}"] == name


def test_the_role_gives_its_objects_the_labels_by_which_they_are_found() -> None:
    labels = {**VARIABLES["__irsa_webhook_labels"], "app.kubernetes.io/name": names.NAME}
    assert VARIABLES["__irsa_webhook_labels"]["app.kubernetes.io/name"] == "{{ __irsa_webhook_name }}"
    assert labels == names.LABELS
    assert dict(label.split("=") for label in names.SELECTOR.split(",")) == names.LABELS


def test_the_probe_s_webhook_knows_its_pods_by_their_label() -> None:
    template = (ROLES / "irsa_webhook/templates/probe_webhook.yml.j2").read_text()
    assert f'{names.PROBE_LABEL}: "true"' in template
