# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json

import pytest
import yaml

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.cluster_configuration import parse
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.kubeadm_sources import (
    Sources,
    keeping,
    outdated,
    problems,
)

NEW, OLD, OTHER = "https://new.example.com", "https://kubernetes.default.svc.cluster.local", "https://c1.example.com"
FLAGS = {"service-account-issuer": [NEW, OLD], "service-account-jwks-uri": [f"{NEW}/openid/v1/jwks"]}
CONFIGURATION = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n"
PATCH = "/etc/kubernetes/patches/kube-apiserver50onprem-irsa+json.yaml"
ADDED = yaml.safe_dump(
    [{"op": "add", "path": "/spec/containers/0/command/1", "value": f"--service-account-issuer={OTHER}"}]
)
RELEASES = ["v1.34.4"]
TOLD = yaml.safe_dump(
    {"kubeadm_patches": [{"target": "kube-apiserver", "type": "json", "patch": yaml.safe_load(ADDED)}]}
)


def host(**changes: object) -> dict[str, object]:
    plain: dict[str, object] = {"version": "v1.34.4", "configuration": None, "patches": {}, "obstacle": ""}
    return {**plain, **changes}


def sources(stored: str = CONFIGURATION, extra: dict[str, object] | None = None, **hosts: object) -> Sources:
    return Sources(stored, {"cp1": host(), "cp2": host(**hosts)}, PATCH, extra)


def test_nothing_stands_in_the_way() -> None:
    assert problems(sources(), FLAGS, RELEASES, "kubeadm") == []


@pytest.mark.parametrize("version", ["v1.34.3", "v1.33.6", "v1.31.0"])
def test_an_older_kubeadm_on_one_host_is_enough_for_the_patch(version: str) -> None:
    assert keeping(sources(version=version), FLAGS, RELEASES, "kubeadm").patch != ()
    assert keeping(sources(version=None), FLAGS, RELEASES, "kubeadm").patch == ()


@pytest.mark.parametrize(
    ("found", "mark"),
    [
        (
            sources(f"{CONFIGURATION}certificatesDir: /etc/kubernetes/ssl\n"),
            "the certificatesDir is /etc/kubernetes/ssl",
        ),
        (sources(f"{CONFIGURATION}certificatesDir: '/etc/kubernetes/ssl/'\n"), "the certificatesDir is"),
        (sources(configuration=""), "cp2 has a /etc/kubernetes/kubeadm-config.yaml"),
        (sources(configuration=CONFIGURATION), "cp2 has a /etc/kubernetes/kubeadm-config.yaml"),
    ],
)
def test_kubespray_is_recognised_and_kubeadm_is_not_told(found: Sources, mark: str) -> None:
    (problem,) = problems(found, FLAGS, RELEASES, "kubeadm")
    assert mark in problem
    assert "Set irsa_apiserver_kept_by to kubespray" in problem
    assert problems(found, FLAGS, RELEASES, "kubespray") == []


@pytest.mark.parametrize(
    ("extra", "on_host", "issuers"),
    [
        (None, None, [NEW]),
        (None, CONFIGURATION, [NEW]),
        (None, f"{CONFIGURATION}apiServer:\n  extraArgs:\n  - {{name: service-account-issuer, value: {NEW}}}\n", [OLD]),
        ({"service-account-issuer": NEW, "v": 4}, CONFIGURATION, [OLD]),
        ({"goaway-chance": 0.001, "profiling": False, "audit-log-path": None}, CONFIGURATION, [NEW]),
        ({}, None, [NEW]),
    ],
)
def test_what_kubespray_will_write_is_what_the_patch_is_planned_on(
    extra: dict[str, object] | None, on_host: str | None, issuers: list[str]
) -> None:
    stored = keeping(sources(), FLAGS, RELEASES, "kubeadm").configuration
    plan = keeping(sources(stored, extra, configuration=on_host), FLAGS, RELEASES, "kubespray")
    values = [operation["value"] for operation in plan.patch]
    assert [value for value in values if "issuer" in value] == [f"--service-account-issuer={item}" for item in issuers]
    kept = parse(plan.configuration).extra_args
    assert kept.get("service-account-issuer", []) == ([NEW] if issuers == [OLD] else [])


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/etc/kubernetes/patches/kube-apiserver50issuer+json.yaml", ADDED),
        ("/srv/patches/kube-apiserver0+json.json", json.dumps(yaml.safe_load(ADDED))),
        (
            "/etc/kubernetes/patches/kube-apiserver+merge.yaml",
            f"spec: {{containers: [{{command: [kube-apiserver, '--service-account-issuer', {OTHER}]}}]}}",
        ),
        ("/p/kube-apiserver.yaml", f"spec:\n  containers:\n  - command:\n    - --service_account_jwks_uri={OTHER}\n"),
        ("/p/kube-apiserver9+json.yaml", "- {op: add, value: --service-account-issuer=x\n"),  # not YAML
    ],
)
@pytest.mark.parametrize("keeper", ["kubeadm", "kubespray"])
def test_a_patch_of_somebody_else_with_the_same_flag_is_refused_by_name(path: str, text: str, keeper: str) -> None:
    found = sources(patches={path: text})
    (problem,) = problems(found, FLAGS, RELEASES, "kubeadm" if keeper == "kubeadm" else "kubespray")
    assert problem.startswith(f"cp2: {path} ")
    assert "--service-account-" in problem


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (PATCH, ADDED),
        (
            "/etc/kubernetes/patches/kube-apiserver0+json.yaml",
            ADDED.replace("service-account-issuer", "audit-log-path"),
        ),
        (
            "/p/kube-apiserver.yaml",
            "# about --service-account-issuer\nmetadata: {annotations: {a: service-account-issuer}}",
        ),
        ("/p/kube-apiserver.yaml", "- --service-account-issuer-of-another=x"),
    ],
)
def test_other_patches_are_left_alone(path: str, text: str) -> None:
    assert problems(sources(patches={path: text}), FLAGS, RELEASES, "kubeadm") == []


@pytest.mark.parametrize("operation", ["remove", "replace", "test"])
@pytest.mark.parametrize("place", ["command/7", "args/0"])
def test_a_patch_that_counts_arguments_is_refused_once_flags_move_them(operation: str, place: str) -> None:
    counts = {"op": operation, "path": f"/spec/containers/0/{place}", "value": "--profiling=false"}
    patch = {"/p/kube-apiserver0+json.yaml": yaml.safe_dump([counts])}
    (problem,) = problems(sources(patches=patch), FLAGS, RELEASES, "kubeadm")
    assert problem.startswith("cp2: /p/kube-apiserver0+json.yaml changes arguments of kube-apiserver by their numbers")
    stored = keeping(sources(), FLAGS, RELEASES, "kubeadm").configuration
    assert problems(sources(stored, patches=patch), FLAGS, RELEASES, "kubeadm") == []
    with_ours = sources(stored, patches={**patch, PATCH: ADDED}, version="v1.34.3")
    assert len(problems(with_ours, FLAGS, RELEASES, "kubeadm")) == 1  # what is stored becomes a patch


@pytest.mark.parametrize(
    "patch",
    [
        "- {op: add, path: /spec/containers/0/command/3, value: --v=2}\n",
        "- {op: remove, path: /spec/containers/0/env/0}\n",
        "spec: {containers: [{name: kube-apiserver, resources: {}}]}\n",
        "- [remove, /spec/containers/0/command/3]\n",
        "- {op: remove, path: 2026-02-30}\n",
        "",
    ],
)
def test_a_patch_that_counts_no_arguments_is_left_alone(patch: str) -> None:
    assert problems(sources(patches={"/p/kube-apiserver0+json.yaml": patch}), FLAGS, RELEASES, "kubeadm") == []


def test_a_patch_may_give_feature_gates_beside_those_that_are_kept() -> None:
    patch = {"/p/kube-apiserver0+json.yaml": ADDED.replace("service-account-issuer", "feature-gates")}
    found = sources(patches=patch)
    assert problems(found, {**FLAGS, "feature-gates": ["A=true"]}, RELEASES, "kubeadm") == []


def test_kubespray_writes_our_patch_itself_once_it_was_told() -> None:
    by_kubespray = {"/etc/kubernetes/patches/kube-apiserver0+json.yaml": ADDED}
    found = sources(patches=by_kubespray)
    assert problems(found, FLAGS, RELEASES, "kubespray", told=TOLD) == []
    assert "kubeadm_patches" in problems(found, FLAGS, RELEASES, "kubespray")[0]
    twice = sources(patches={**by_kubespray, "/etc/kubernetes/patches/kube-apiserver1+json.yaml": ADDED})
    assert len(problems(twice, FLAGS, RELEASES, "kubespray", told=TOLD)) == 2


@pytest.mark.parametrize(("version", "expected"), [("v1.34.3", 1), ("v1.34.4", 0)])
def test_a_directory_that_cannot_be_written_matters_where_a_patch_is_needed(version: str, expected: int) -> None:
    found = sources(version=version, obstacle="/etc/kubernetes can't be written to")
    assert len(problems(found, FLAGS, RELEASES, "kubeadm")) == expected


@pytest.mark.parametrize(
    ("version", "named", "says"),
    [
        ("v1.34.3", ["/srv/patches"], ["Set irsa_apiserver_patches_directory to /srv/patches"]),
        ("v1.34.3", ["/a", "/b"], ["names /a and /b for patches"]),
        ("v1.34.3", ["/srv/patches", "/etc/kubernetes/patches"], []),
        ("v1.34.3", [], []),
        ("v1.34.4", ["/srv/patches"], []),
    ],
)
def test_a_patch_is_where_the_configuration_says_that_patches_are(
    version: str, named: list[str], says: list[str]
) -> None:
    found = problems(sources(version=version, named_directories=named), FLAGS, RELEASES, "kubeadm")
    assert len(found) == len(says)
    assert all(words in problem for words, problem in zip(says, found))


@pytest.mark.parametrize(
    ("configuration", "versions", "says"),
    [
        ("apiVersion: kubeadm.k8s.io/v1beta1\nkind: ClusterConfiguration\n", RELEASES, "kubeadm config migrate"),
        ("kind: [", RELEASES, "is not YAML"),
        (CONFIGURATION, ["main"], "not a version of Kubernetes"),
        (f"{CONFIGURATION}apiServer: &a {{certSANs: [a]}}\nscheduler: *a\n", RELEASES, "cannot be changed alone"),
    ],
)
def test_what_cannot_be_planned_is_a_problem(configuration: str, versions: list[str], says: str) -> None:
    (problem,) = problems(sources(configuration), FLAGS, versions, "kubeadm")
    assert says in problem


def test_own_patches_are_removed_wherever_they_are() -> None:
    elsewhere = PATCH.replace("/etc/kubernetes", "/srv")
    found = sources(patches={PATCH: ADDED, elsewhere: ADDED, "/srv/patches/kube-apiserver.yaml": "a: b"})
    assert outdated(found, keeps_patch=True) == [("cp2", elsewhere)]
    assert outdated(found, keeps_patch=False) == [("cp2", PATCH), ("cp2", elsewhere)]


@pytest.mark.parametrize(
    "text",
    [
        "# mine\n" + TOLD,
        TOLD + "kube_version: 1.34.4\n",
        "kubeadm_patches:\n- {target: kube-scheduler, type: json, patch: []}\n",
        "kubeadm_patches:\n- {target: kube-apiserver, patch: {metadata: {labels: {a: b}}}}\n",
        "kubeadm_patches: 1\n",
        "[a",
    ],
)
def test_a_file_with_variables_of_somebody_else_is_not_written_over(text: str) -> None:
    (problem,) = problems(sources(), FLAGS, RELEASES, "kubespray", told=text)
    assert "Name a file of its own in irsa_apiserver_kubespray_file" in problem
    assert problems(sources(), FLAGS, RELEASES, "kubeadm", told=text) == []


@pytest.mark.parametrize("text", [TOLD, "kubeadm_patches: []\n"])
def test_the_own_file_is_written_again(text: str) -> None:
    assert problems(sources(), FLAGS, RELEASES, "kubespray", told=text) == []
