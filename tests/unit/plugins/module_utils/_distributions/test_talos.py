# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks the machine configuration of Talos 1.12, 1.13 and 1.14, and that an edit leaves every other byte."""

from __future__ import annotations

import re
import typing as t

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import (
    AUDIENCES,
    ISSUER,
    JWKS_URI,
    PUBLIC_KEYS,
    SIGNING_KEY,
    Flags,
    Seen,
    flags_in,
)
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.talos import APPLY, FILE, TALOS
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError

A, B, C = "https://oidc.example.com/c1", "https://cp.example.com:6443", "https://older.example.com"
JWKS = f"{A}/openid/v1/jwks"
WANTED = {ISSUER: [A, B], JWKS_URI: [JWKS]}
V12, V13, V14 = "v1.12.4", "v1.13.9", "v1.14.0"

OLD_KEY = "    serviceAccount:\n        key: QQ==\n"
BASE = """\
version: v1alpha1 # Indicates the schema
debug: false
machine:
    type: controlplane
    token: abc.def
    sysctls: {net.ipv4.ip_forward: "1"}
cluster:
    id: 0123=
    controlPlane:
        endpoint: https://cp.example.com:6443 # of the load balancer
"""
SERVER = """\
    apiServer:
        image: registry.k8s.io/kube-apiserver:v1.36.0
        certSANs:
            - cp.example.com
"""
HOSTNAME = "---\napiVersion: v1alpha1\nkind: HostnameConfig\nhostname: cp1\n"
DOCUMENT = """\
---
apiVersion: v1alpha1
kind: KubeServiceAccountConfig
issuer:
    privateKey: |
        -----BEGIN RSA PRIVATE KEY-----
        AAAA
        -----END RSA PRIVATE KEY-----
    issuerURL: https://cp.example.com:6443 # as ever
"""
ACCEPTED = """\
accepted:
    publicKeys:
        - PUBLIC
"""
OLD_STYLE = BASE + OLD_KEY + SERVER + HOSTNAME
NEW_STYLE = BASE + SERVER + HOSTNAME + DOCUMENT + ACCEPTED


def seen(text: str, version: str | None = V13) -> Seen:
    return Seen(files={FILE: text}, version=version)


def extra(lines: str) -> str:
    return BASE + OLD_KEY + SERVER + f"        extraArgs:\n{lines}" + HOSTNAME


def flags(text: str, version: str | None = V13) -> Flags:
    return flags_in(TALOS.settings(seen(text, version)))


def planned(text: str, wanted: Flags, version: str, *, disruptive: bool = False) -> str:
    """Return the text after a plan, which a second plan leaves as it is."""
    plan = TALOS.plan(seen(text, version), wanted, disruptive=disruptive)
    after = plan.edits[0].after if plan.edits else text
    assert TALOS.plan(seen(after, version), wanted, disruptive=disruptive).edits == ()
    return after


@pytest.mark.parametrize(
    ("text", "version", "issuers", "audiences"),
    [
        (OLD_STYLE, V12, [B], B),
        (OLD_STYLE, V13, [B], B),
        (OLD_STYLE, V14, [B], B),
        (extra(f"            {ISSUER}: {A}\n"), V12, [A], B),
        (extra(f"            {ISSUER}: [{A}, {B}]\n"), V13, [A, B], B),
        (extra(f"            {ISSUER}:\n                - {B}\n                - {A}\n"), V13, [B, A], B),
        (extra(f"            {AUDIENCES}: {A}\n"), V13, [B], A),
        (NEW_STYLE, V14, [B], B),
        (f"{NEW_STYLE}    issuers: [{A}, {C}]\n", V14, [B, A, C], B),
        (f"{NEW_STYLE}    issuers: [{A}]\n    audiences:\n    - {B}\n    - {A}\n", V14, [B, A], f"{B},{A}"),
    ],
)
def test_what_the_api_server_gets(text: str, version: str, issuers: list[str], audiences: str) -> None:
    found = flags(text, version)
    assert (found[ISSUER], found[AUDIENCES]) == (issuers, [audiences])
    assert found[SIGNING_KEY] == ["/system/secrets/kubernetes/kube-apiserver/service-account.key"]
    assert found["anonymous-auth"] == ["false"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (NEW_STYLE.replace("issuerURL:", "issuerUrl:"), r"KubeServiceAccountConfig has no issuer\.issuerURL"),
        (HOSTNAME + DOCUMENT, "has no document without a kind"),
        (f"kind: MachineConfig\n{NEW_STYLE}", "has no document without a kind"),
    ],
)
def test_what_lacks_a_part_is_refused(text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        TALOS.plan(seen(text, V14), {ISSUER: [A, B], JWKS_URI: [JWKS]})


def test_a_setting_says_where_it_is_written() -> None:
    places = [(each.value, str(each.source)) for each in TALOS.settings(seen(NEW_STYLE + f"    issuers: [{A}]\n", V14))]
    assert (B, f"{FILE}:27") in places
    assert (A, f"{FILE}:31") in places
    assert [str(each.source) for each in TALOS.settings(seen(OLD_STYLE)) if each.flag == ISSUER] == [f"{FILE}:10"]


@pytest.mark.parametrize("version", [V13, V14])
def test_a_list_of_1_13_in_both_passes_and_the_way_back(version: str) -> None:
    """A cluster that was made before 1.14 keeps the form."""
    first = planned(OLD_STYLE, {ISSUER: [B, A]}, version)
    assert first == extra(f"          {ISSUER}:\n          - {B}\n          - {A}\n")
    second = planned(first, WANTED, version)
    assert flags(second, version) == {**flags(OLD_STYLE, version), **WANTED}
    assert planned(second, {ISSUER: [B], JWKS_URI: []}, version) == OLD_STYLE


def test_a_document_of_1_14_in_both_passes() -> None:
    first = planned(NEW_STYLE, {ISSUER: [B, A]}, V14)
    assert first == f"{NEW_STYLE}    issuers:\n    - {A}\n"
    second = planned(first, WANTED, V14)
    found = {document.get("kind", ""): document for document in yaml.safe_load_all(second)}
    assert found["KubeServiceAccountConfig"]["accepted"] == {"publicKeys": ["PUBLIC"], "issuers": [B], "audiences": [B]}
    assert found["KubeServiceAccountConfig"]["issuer"]["issuerURL"] == A
    assert found[""]["cluster"]["apiServer"]["extraArgs"] == {JWKS_URI: JWKS}
    assert flags(second, V14) == {**flags(NEW_STYLE, V14), **WANTED}
    back = planned(second, {ISSUER: [B], JWKS_URI: []}, V14)
    assert back == f"{NEW_STYLE}    audiences:\n    - {B}\n"


def test_audiences_of_the_old_issuer_are_kept_when_the_new_one_signs() -> None:
    """Talos' default is the issuer that signs alone, with which tokens in use would be refused."""
    text = NEW_STYLE.removesuffix(ACCEPTED)
    assert flags(planned(text, {ISSUER: [A, B]}, V14), V14)[AUDIENCES] == [B]
    assert flags(planned(text, {ISSUER: [A, B], AUDIENCES: [f"{B},{A}"]}, V14), V14)[AUDIENCES] == [f"{B},{A}"]


def test_flags_are_set_in_the_document_of_the_api_server() -> None:
    text = f"{BASE}{DOCUMENT}---\napiVersion: v1alpha1\nkind: KubeAPIServerConfig\nimage: x\nextraArgs:\n    v: '2'\n"
    assert planned(text, {JWKS_URI: [JWKS]}, V14) == f"{text}    {JWKS_URI}: {JWKS}\n"
    endpoint = f"---\napiVersion: v1alpha1\nkind: KubeClusterConfig\nendpoint: {C}\n"
    assert flags(f"version: v1alpha1\n{endpoint}", V14)[ISSUER] == [C]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("lead", ["", "\ufeff", "# ours\n"])
@pytest.mark.parametrize(("text", "version"), [(OLD_STYLE, V13), (NEW_STYLE, V14)])
def test_every_line_that_is_there_stays(text: str, version: str, newline: str, lead: str) -> None:
    text = (lead + text).replace("\n", newline)
    after = planned(text, WANTED, version)
    assert all(line.endswith(newline) for line in after.splitlines(keepends=True))
    kept = [line for line in text.splitlines() if "issuerURL" not in line]
    left = iter(after.splitlines())
    assert all(any(line == other for other in left) for line in kept)


ISSUERS = st.permutations([A, B, C])


@settings(deadline=None, max_examples=30)
@given(ISSUERS, ISSUERS, st.integers(1, 3), st.integers(1, 3), st.sampled_from([(OLD_STYLE, V13), (NEW_STYLE, V14)]))
def test_any_issuers_lead_to_any_others(
    before: list[str], after: list[str], first: int, last: int, kind: tuple[str, str]
) -> None:
    text, version = kind
    there = planned(text, {ISSUER: before[:first]}, version)
    assert flags(there, version) == {**flags(text, version), ISSUER: before[:first]}
    end = planned(there, {ISSUER: after[:last]}, version)
    assert flags(end, version) == {**flags(text, version), ISSUER: after[:last]}


@pytest.mark.parametrize("wanted", [{ISSUER: [A, B]}, {ISSUER: [B, A]}, {ISSUER: [A]}])
def test_1_12_loses_the_old_issuer_and_is_refused(wanted: Flags) -> None:
    with pytest.raises(InputError, match=r"Talos v1\.12\.4 gives a flag one value.*Update Talos"):
        TALOS.plan(seen(OLD_STYLE, V12), wanted)


def test_1_12_loses_the_old_issuer_when_told() -> None:
    assert planned(OLD_STYLE, {ISSUER: [B, A]}, V12, disruptive=True) == OLD_STYLE
    plan = TALOS.plan(seen(OLD_STYLE, V12), WANTED, disruptive=True)
    assert plan.edits[0].after == extra(f"          {ISSUER}: {A}\n          {JWKS_URI}: {JWKS}\n")
    assert f"tokens of {B} are refused" in plan.warnings[0]
    assert flags(planned(OLD_STYLE, {JWKS_URI: [JWKS]}, V12), V12)[JWKS_URI] == [JWKS]


@pytest.mark.parametrize(
    ("text", "version", "says"),
    [
        (OLD_STYLE + DOCUMENT, V14, r"\.cluster\.serviceAccount is set, and a KubeServiceAccountConfig"),
        (NEW_STYLE, V13, r"which Talos v1\.13\.9 does not know"),
        (NEW_STYLE + DOCUMENT, V14, "KubeServiceAccountConfig twice"),
        (BASE + "---\n" + BASE, V13, "a document without a kind twice"),
        (BASE + SERVER + f"        extraArgs: {{{ISSUER}: {A}}}\n" + DOCUMENT, V14, "is set, and a Kube"),
        (extra(f"            {ISSUER}: [{A}]\n"), V12, r"is a list, which Talos v1\.12\.4 does not read"),
        (extra(f"            service_account_issuer: {A}\n"), V13, "has no dashes"),
        (extra("            - v=2\n"), V13, "must be a map"),
        (extra(f"            {ISSUER}: {{a: b}}\n"), V13, "neither a text nor a list"),
        (extra(f"            {ISSUER}: {A}\n            {ISSUER}: {C}\n"), V13, f"{ISSUER} twice"),
        (extra(f"            {ISSUER}: &a {C}\n            v: *a\n"), V13, "cannot be changed alone"),
        ("cluster: [\n", V13, "is not YAML"),
        ("cluster:\n\tid: x\n", V13, "is not YAML"),
        (OLD_STYLE, None, "Which version of Talos"),
        (OLD_STYLE, "unknown", "Which version of Talos"),
    ],
)
def test_a_configuration_that_leaves_a_doubt_is_refused(text: str, version: str | None, says: str) -> None:
    with pytest.raises(InputError, match=says):
        TALOS.plan(seen(text, version), WANTED)


@pytest.mark.parametrize("flag", [PUBLIC_KEYS, SIGNING_KEY])
def test_keys_are_those_of_talos(flag: str) -> None:
    with pytest.raises(InputError, match="Talos sets"):
        TALOS.plan(seen(OLD_STYLE), {flag: ["/x"]})


def test_a_document_has_to_say_an_issuer() -> None:
    with pytest.raises(InputError, match="has no value"):
        TALOS.plan(seen(NEW_STYLE, V14), {ISSUER: []})
    assert TALOS.plan(seen(OLD_STYLE), {ISSUER: []}).edits == ()


def test_a_configuration_that_was_not_read_is_refused() -> None:
    with pytest.raises(InputError, match="os:admin"):
        TALOS.settings(Seen())
    with pytest.raises(InputError, match="denied"):
        TALOS.settings(Seen(unreadable={FILE: "denied"}))


@pytest.mark.parametrize(
    ("host", "there"),
    [
        (seen(OLD_STYLE), True),
        (seen(OLD_STYLE.replace("controlplane", "worker")), False),
        (seen("cluster: [\n"), True),
        (Seen(unreadable={FILE: "denied"}), True),
        (Seen(directories=frozenset(["/var/lib/k0s/pki"])), False),
    ],
)
def test_it_is_detected_by_its_machine_configuration(host: Seen, there: bool) -> None:
    assert TALOS.detect(host) is there
    assert TALOS.named_files(host) == ()


def test_how_it_comes_into_force() -> None:
    restart = TALOS.plan(seen(OLD_STYLE), WANTED).restart
    assert (restart.kind, restart.name) == ("talosctl", APPLY)
    assert "Omni" in TALOS.upkeep(V13).undone_by
    places = TALOS.places(seen(OLD_STYLE))
    assert (places.api_url, places.kubeconfig) == (B, "")
    assert TALOS.places(seen("version: v1alpha1\n")).api_url == ""


def pasted(text: str) -> list[str]:
    """Return the texts to copy of each block, without their indent."""
    blocks = re.findall(r"(?:^    .*\n?)+", text, re.MULTILINE)
    return [re.sub(r"^    ", "", found, flags=re.MULTILINE) for found in blocks]


@pytest.mark.parametrize("version", ["v1.13.0", "1.13.9"])
def test_the_patches_of_1_13_lead_there_in_two_passes(version: str) -> None:
    first, command, second, _again = pasted(TALOS.show(WANTED, version))
    arguments = [yaml.safe_load(patch)["cluster"]["apiServer"]["extraArgs"] for patch in (first, second)]
    assert arguments == [{ISSUER: [B, A]}, {ISSUER: [A, B], JWKS_URI: JWKS}]
    assert "patch machineconfig --mode=no-reboot --patch @irsa.yaml" in command


@pytest.mark.parametrize("version", ["v1.14.0", "v1.15.2", None])
def test_both_forms_lead_there_where_the_cluster_may_have_either(version: str | None) -> None:
    text = TALOS.show(WANTED, version)
    blocks = pasted(text)
    documents, patches = [blocks[0], blocks[4]], [blocks[2], blocks[7]]
    for document, issuers in zip(documents, ([B, A], [A, B])):
        found = yaml.safe_load(document)
        assert [found["issuer"]["issuerURL"], *found["accepted"]["issuers"]] == issuers
        assert found["accepted"]["audiences"] == [B]
        assert "privateKey" not in document
    arguments = [yaml.safe_load(patch)["cluster"]["apiServer"]["extraArgs"] for patch in patches]
    assert arguments == [{ISSUER: [B, A]}, {ISSUER: [A, B], JWKS_URI: JWKS}]
    assert [("edit" in blocks[n], "patch" in blocks[n + 2]) for n in (1, 6)] == [(True, True)] * 2
    further = yaml.safe_load(blocks[5])
    assert (further["kind"], further["extraArgs"]) == ("KubeAPIServerConfig", {JWKS_URI: JWKS})


def test_a_flag_that_goes_is_named_in_both_forms() -> None:
    text = TALOS.show({**WANTED, JWKS_URI: []}, None)
    assert f"Remove {JWKS_URI} from extraArgs with" in text
    assert f"Remove {JWKS_URI} from the extraArgs of the KubeAPIServerConfig." in text


def test_what_loses_the_old_issuer_is_not_shown() -> None:
    with pytest.raises(InputError, match="Update Talos"):
        TALOS.show(WANTED, V12)
    with pytest.raises(InputError, match="every token in use"):
        TALOS.show({ISSUER: [A]}, V13)


def test_the_room_fits_the_registry() -> None:
    room: t.Any = TALOS
    assert (room.name, room.special_form_of, room.marks.globs) == ("Talos", "", (FILE,))
