# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks the rooms of kubeadm and of those that call it: kubespray and minikube."""

from __future__ import annotations

import json
import typing as t
from dataclasses import replace

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.onprem.irsa.plugins.module_utils._distributions.kubeadm import (
    KUBEADM,
    MARK,
    PATCH_FILE,
    Kubeadm,
    patch_for,
)
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.kubeadm_order import generated
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.kubespray import KUBESPRAY
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.minikube import MINIKUBE, single
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.registry import room_of
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import (
    ISSUER,
    JWKS_URI,
    Process,
    Seen,
    flags_in,
)
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._flags.arguments import flags_of

A, B, C = "https://oidc.example.com", "https://kubernetes.default.svc.cluster.local", "https://old.example"
MANIFEST = "/etc/kubernetes/manifests/kube-apiserver.yaml"


def pod(keys: str = "/etc/kubernetes/pki", *, issuers: t.Iterable[str] = (B,), port: str = "6443") -> str:
    """Return a manifest as kubeadm 1.34 writes it, shortened."""
    lines = "".join(f"    - --{ISSUER}={issuer}\n" for issuer in issuers)
    return f"""\
apiVersion: v1
kind: Pod
metadata:
  annotations:
    {MARK}: 10.0.0.1:{port}
  name: kube-apiserver
  namespace: kube-system
spec:
  containers:
  - command:
    - kube-apiserver
    - --advertise-address=10.0.0.1
    - --secure-port={port}
{lines}    - --service-account-key-file={keys}/sa.pub
    - --service-account-signing-key-file={keys}/sa.key
    env:
    - name: NODE
      valueFrom: {{fieldRef: {{fieldPath: spec.nodeName}}}}
    livenessProbe:
      httpGet: {{host: 10.0.0.1, path: /livez, port: {port}, scheme: HTTPS}}
    name: kube-apiserver
    volumeMounts:
    - {{mountPath: {keys}, name: k8s-certs, readOnly: true}}
  hostNetwork: true
  volumes:
  - hostPath: {{path: {keys}, type: DirectoryOrCreate}}
    name: k8s-certs
"""


def host(text: str, **others: str) -> Seen:
    more = {f"/etc/kubernetes/manifests/{name}.yaml": other for name, other in others.items()}
    return Seen(files={MANIFEST: text, **more}, version="v1.34.4")


@pytest.mark.parametrize(
    ("keys", "name", "port"),
    [
        ("/etc/kubernetes/pki", "kubeadm", "6443"),
        ("/etc/kubernetes/ssl", "kubespray", "6443"),
        ("/var/lib/minikube/certs", "minikube", "8443"),
    ],
)
def test_who_made_the_cluster_and_where_things_are(keys: str, name: str, port: str) -> None:
    seen = host(pod(keys, port=port))
    room = room_of(seen)
    assert room.name == name
    places = room.places(seen)
    assert (places.signing_key, places.public_keys) == (f"{keys}/sa.key", (f"{keys}/sa.pub",))
    assert (places.kubeconfig, places.api_url) == ("/etc/kubernetes/admin.conf", f"https://10.0.0.1:{port}")
    assert places.component_user == "root"


def test_a_manifest_of_somebody_else_is_not_kubeadms() -> None:
    assert not KUBEADM.detect(host(pod().replace(MARK, "mine")))
    assert not KUBEADM.detect(Seen())
    assert KUBEADM.named_files(Seen()) == ()


def test_unreadable_is_not_absent() -> None:
    seen = Seen(unreadable={MANIFEST: "Permission denied"})
    assert room_of(seen) is KUBEADM
    with pytest.raises(InputError, match="Permission denied"):
        KUBEADM.settings(seen)
    with pytest.raises(InputError, match="There is no static pod"):
        KUBEADM.settings(Seen())


def test_the_settings_are_those_of_the_manifest_with_their_lines() -> None:
    found = KUBEADM.settings(host(pod(issuers=[A, B])))
    assert [(setting.flag, setting.source.line) for setting in found] == [
        ("advertise-address", 12),
        ("secure-port", 13),
        (ISSUER, 14),
        (ISSUER, 15),
        ("service-account-key-file", 16),
        ("service-account-signing-key-file", 17),
    ]
    assert flags_in(found)[ISSUER] == [A, B]


def test_what_the_kubelet_alone_knows_is_as_the_process_shows_it() -> None:
    text = pod().replace("10.0.0.1\n    - --secure", "$(NODE)\n    - --secure")
    running = Process(("/usr/bin/kube-apiserver", "--advertise-address=10.9.9.9"), uid=1001)
    seen = replace(host(text), processes=(Process(("etcd",)), running))
    assert flags_in(KUBEADM.settings(seen))["advertise-address"] == ["10.9.9.9"]
    assert KUBEADM.places(seen).component_user == "1001"


def test_a_plan_is_the_manifest_with_the_flags() -> None:
    seen = host(pod())
    plan = KUBEADM.plan(seen, {ISSUER: [A, B], JWKS_URI: [f"{A}/keys"]})
    [edit] = plan.edits
    assert (edit.path, edit.before, edit.mode) == (MANIFEST, pod(), None)
    assert (plan.restart.kind, plan.restart.name) == ("kubelet", "kube-apiserver")
    after = host(edit.after)
    assert flags_in(KUBEADM.settings(after)) == {
        **flags_in(KUBEADM.settings(seen)),
        ISSUER: [A, B],
        JWKS_URI: [f"{A}/keys"],
    }
    assert KUBEADM.plan(after, {ISSUER: [A, B]}).edits == ()


@pytest.mark.parametrize(
    ("seen", "wanted", "says"),
    [
        (host("a: ["), {ISSUER: [A, B]}, "is not one YAML document"),
        (host(pod(), copy=pod()), {ISSUER: [A, B]}, r"The files .*kube-apiserver.yaml, .*copy.yaml hold the same pod"),
        (host(pod()), {"secure-port": ["6444"]}, "--secure-port would be 6444"),
        (host(pod()), {ISSUER: [A, A]}, "twice"),
        (replace(host(pod()), version="v1.21.14"), {ISSUER: [A, B]}, r"1\.21\.14 accepts one issuer"),
    ],
)
def test_what_is_refused(seen: Seen, wanted: dict[str, list[str]], says: str) -> None:
    with pytest.raises(InputError, match=says):
        KUBEADM.plan(seen, wanted)


def test_a_release_with_one_issuer_can_get_another_one() -> None:
    [edit] = KUBEADM.plan(replace(host(pod()), version="v1.21.14"), {ISSUER: [A]}).edits
    assert f"--{ISSUER}={A}" in edit.after


def second_pass(text: str) -> list[str]:
    """Return the blocks of lines to copy in the second pass."""
    parts = text.partition("Second pass")[2].split("\n\n")
    return ["\n".join(line[4:] for line in part.splitlines()) for part in parts if part.startswith("    ")]


@pytest.mark.parametrize("room", [KUBEADM, KUBESPRAY, MINIKUBE])
@pytest.mark.parametrize("version", [None, "v1.33.6", "v1.36.3"])
def test_what_is_shown_can_be_pasted(room: Kubeadm, version: str | None) -> None:
    wanted = {ISSUER: [A, B, C], JWKS_URI: [f"{A}/keys"]}
    text = room.show(wanted, version)
    first, second = text.split("Second pass")
    assert flags_of(yaml.safe_load(second_pass(f"Second pass{first}")[0])) == {ISSUER: [B, C, A]}
    assert flags_of(yaml.safe_load(second_pass(text)[0])) == wanted
    assert JWKS_URI not in first
    assert second.count("So that upgrades") + second.count("Before kubespray") + second.count("next `minikube") == 1


def test_what_keeps_the_flags_makes_kubeadm_write_them() -> None:
    wanted = {ISSUER: [A, B], JWKS_URI: [f"{A}/keys"]}
    told = yaml.safe_load(second_pass(KUBEADM.show(wanted, "v1.36.3"))[2])["apiServer"]["extraArgs"]
    extra: dict[str, list[str]] = {}
    for entry in told:
        extra.setdefault(entry["name"], []).append(entry["value"])
    assert generated("v1.36.3", {ISSUER: [B]}, extra) == wanted
    shown = KUBEADM.show(wanted, "v1.33.6")
    assert PATCH_FILE in shown
    for patch in (
        yaml.safe_load(second_pass(shown)[2]),
        yaml.safe_load(second_pass(KUBESPRAY.show(wanted, "v1.36.3"))[2])["kubeadm_patches"][0]["patch"],
    ):
        for version in ("v1.30.0", "v1.33.6", "v1.36.3"):
            assert generated(version, {ISSUER: [B]}, {}, patch) == wanted


def test_the_way_back_removes_what_is_of_the_issuer() -> None:
    wanted: dict[str, list[str]] = {ISSUER: [B, A], JWKS_URI: []}
    for room in (KUBEADM, KUBESPRAY, MINIKUBE):
        assert f"Remove the lines of --{JWKS_URI}" in room.show(wanted, "v1.36.3")


@pytest.mark.parametrize(
    ("version", "issuers", "warns"),
    [
        ("v1.34.4", [C, A], True),
        ("v1.34.4", [A, C], False),  # sorted, too
        ("v1.35.4", [C, A], False),  # no release of the next minor version sorts
        ("v1.34.3", [C, A], False),  # which has a patch instead, in any order
    ],
)
def test_an_upgrade_to_a_release_that_sorts_is_warned_of(version: str, issuers: list[str], *, warns: bool) -> None:
    assert ("Do not upgrade to 1.35.0 to 1.35.3" in KUBEADM.show({ISSUER: issuers}, version)) is warns


def test_an_issuer_that_kubeadm_does_not_write_is_the_last() -> None:
    own, patch = patch_for({ISSUER: [A, C]})
    assert own == C
    assert [operation["value"] for operation in patch] == [f"--{ISSUER}={A}"]


def test_a_map_of_minikube_has_one_value_for_a_flag() -> None:
    assert single({ISSUER: [A, B], "v": ["2", "4"], JWKS_URI: []}) == {ISSUER: A, "v": "4"}
    text = MINIKUBE.show({ISSUER: [A, B]}, "v1.36.3")
    assert f"minikube start \\\n      --extra-config=apiserver.{ISSUER}={A}\n" in text


@pytest.mark.parametrize(
    ("room", "version", "undone", "put"),
    [
        (KUBEADM, "v1.36.3", "kubeadm upgrade", "apiServer.extraArgs"),
        (KUBEADM, "v1.34.3", "kubeadm upgrade", "--patches"),
        (KUBEADM, None, "kubeadm join", "--patches"),
        (KUBESPRAY, "v1.36.3", "kubespray", "kubeadm_patches"),
        (MINIKUBE, "v1.36.3", "minikube start", "--extra-config"),
    ],
)
def test_what_undoes_the_flags(room: Kubeadm, version: str | None, undone: str, put: str) -> None:
    upkeep = room.upkeep(version)
    assert undone in upkeep.undone_by
    assert put in upkeep.put_instead


ISSUERS = st.lists(st.sampled_from([A, B, C, "https://d.example/#$(NODE)"]), min_size=1, unique=True)


@settings(deadline=None, max_examples=40)
@given(ISSUERS, ISSUERS)
def test_only_what_is_wanted_changes(before: list[str], wanted: list[str]) -> None:
    seen = host(pod(issuers=[json.dumps(issuer)[1:-1] for issuer in before]).replace("$(", "$$("))
    plan = KUBEADM.plan(seen, {ISSUER: wanted})
    assert bool(plan.edits) == (before != wanted)
    for edit in plan.edits:
        after = replace(seen, files={MANIFEST: edit.after})
        assert flags_in(KUBEADM.settings(after)) == {**flags_in(KUBEADM.settings(seen)), ISSUER: wanted}
        assert KUBEADM.plan(after, {ISSUER: wanted}).edits == ()
        kept = [[line for line in text.splitlines() if ISSUER not in line] for text in (edit.before or "", edit.after)]
        assert kept[0] == kept[1]
