# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import io
import typing as t

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.cluster_configuration import parse
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError

NEW, OLD = "https://oidc.example.com/c1", "https://kubernetes.default.svc.cluster.local"
ISSUER, JWKS_URI = "service-account-issuer", "service-account-jwks-uri"
LIST = {ISSUER: [NEW, OLD], JWKS_URI: [f"{NEW}/openid/v1/jwks"]}
MAP = {ISSUER: [NEW], JWKS_URI: [f"{NEW}/openid/v1/jwks"]}
V1BETA3, V1BETA4, V1 = "kubeadm.k8s.io/v1beta3", "kubeadm.k8s.io/v1beta4", "kubeadm.k8s.io/v1"

HEAD = f"apiVersion: {V1BETA4}\nkind: ClusterConfiguration\n"
HEAD3 = HEAD.replace(V1BETA4, V1BETA3)
# What readers of YAML 1.1, of 1.2 and Go's disagree about, or what a program that writes it again would change.
ODD = """\
# by hand: don't touch
clusterName: "12e4"
kubernetesVersion: 'v1.34.4'
imageRepository:
featureGates: {WaitForAllControlPlaneComponents: on}   # a comment
networking:
    dnsDomain: >-
      cluster.
      local
    serviceSubnet: &subnet 10.96.0.0/12
    podSubnet: *subnet
certificateValidityPeriod: 0123
x: 1_000
y: 2026-11-29
? z
: [~, null, yes, 0o17, "\\u00e4"]
"""
SERVER = """\
apiServer:
  certSANs: [api.example.com]
  extraArgs:
    # of the auditors
  - value: "-"
    name: audit-log-path
  - name: feature-gates
    value:
  - {name: v, value: '4'}
  - name: service-account-issuer   # since 2024
    value: https://kubernetes.default.svc.cluster.local
  # the last
  - name: tls-cipher-suites
    value: >-
      A,
      B

scheduler: {}
"""


def without(text: str, lines: t.Iterable[str]) -> list[str]:
    left = text.splitlines(keepends=True)
    for line in lines:
        left.remove(line)
    return left


def rest(text: str) -> list[t.Any]:
    """Return the documents as a reader by the rules of YAML 1.2 sees them, without the issuer's flags."""
    documents = list(YAML(typ="safe", pure=True).load_all(io.StringIO(text)))
    server = documents[0].get("apiServer") or {}
    arguments = server.get("extraArgs") or ()
    if isinstance(arguments, dict):
        others: t.Any = {name: value for name, value in arguments.items() if name not in LIST}
    else:
        others = [item for item in arguments if item["name"] not in LIST]
    remaining = {**server, "extraArgs": others} if others else {**server}
    if not others:
        remaining.pop("extraArgs", None)
    return [{**documents[0], "apiServer": remaining}, *documents[1:]]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("end", ["", "\n", "\n...\n", "\n---\nkind: Another\nx: 0123\n"])
@pytest.mark.parametrize("version", [V1BETA4, V1])
def test_what_is_not_of_the_issuer_stays_to_the_byte(newline: str, end: str, version: str) -> None:
    text = (HEAD + ODD + SERVER).replace(V1BETA4, version).removesuffix("\n") + end
    text = text.replace("\n", newline)
    after = parse(text).with_extra_args(LIST)
    added = [
        "  - name: service-account-issuer\n",
        f"    value: {NEW}\n",
        "  - name: service-account-jwks-uri\n",
        f"    value: {NEW}/openid/v1/jwks\n",
    ]
    assert without(after, [line.replace("\n", newline) for line in added]) == text.splitlines(keepends=True)
    assert parse(after).extra_args == {**parse(text).extra_args, **LIST}
    assert rest(after) == rest(text)
    assert parse(after).with_extra_args(LIST) == after


def test_a_null_value_of_a_map_stays() -> None:
    text = f"{HEAD3}apiServer:\n  extraArgs:\n    authorization-mode: Node,RBAC\n    feature-gates:\n    v: ~\n"
    after = parse(text).with_extra_args(MAP)
    assert after == f"{text}    {ISSUER}: {NEW}\n    {JWKS_URI}: {NEW}/openid/v1/jwks\n"
    assert parse(text).extra_args["feature-gates"] == [""]


@pytest.mark.parametrize(
    "server",
    [
        "",
        "apiServer:\n",
        "apiServer: {}\n",
        "apiServer: {}   # nothing yet\n",
        "apiServer: ~\n",
        "apiServer:\n  extraArgs:\n",
        "apiServer:\n  extraArgs: []\n",
        "apiServer:\n  extraArgs: null # none\n  certSANs:\n  - a\n",
        "apiServer:\n    certSANs: [a]\n    extraArgs:\n",
        "apiServer:\n  timeoutForControlPlane: 4m0s\n",
        "apiServer: {certSANs: [a, 'b']}\n",
        "apiServer: {extraArgs: }\n",
    ],
)
@pytest.mark.parametrize("flags", [LIST, MAP])
def test_where_there_is_no_argument_yet(server: str, flags: dict[str, list[str]]) -> None:
    head = HEAD if flags is LIST else HEAD3
    text = f"{head}{server.replace('[]', '{}') if flags is MAP else server}clusterName: 12e4\n"
    after = parse(text).with_extra_args(flags)
    assert parse(after).extra_args == flags
    assert rest(after) == rest(text)
    assert after.endswith("clusterName: 12e4\n")
    assert after.startswith(head) or server == ""
    assert parse(after).with_extra_args({ISSUER: [], JWKS_URI: []}).count("service-account") == 0


@pytest.mark.parametrize(
    ("arguments", "kept"),
    [
        ("[{name: a, value: b}]", "{name: a, value: b}"),
        (f"[{{name: {ISSUER}, value: {OLD}}},   {{name: a, value: b}}]", ",   {name: a, value: b}"),
        (f"[{{name: a, value: b}},\n  {{value: '{OLD}', name: {ISSUER}}} # why\n  ]", " # why\n  ]"),
        (
            f'[{{"name":"{ISSUER}","value":"x"}},{{"name":"{JWKS_URI}","value":"y"}}, {{name: a, value: b}}]',
            "a, value: b",
        ),
    ],
)
def test_a_list_in_one_line(arguments: str, kept: str) -> None:
    text = f"{HEAD}apiServer: {{extraArgs: {arguments}}}\n"
    after = parse(text).with_extra_args(LIST)
    assert {name: values for name, values in parse(after).extra_args.items() if name in LIST} == LIST
    assert kept in after
    assert rest(after) == rest(text)
    gone = parse(after).with_extra_args({ISSUER: [], JWKS_URI: []})
    assert "service-account" not in gone
    assert rest(gone) == rest(text)


def test_an_empty_value_in_one_line_keeps_its_distance_from_the_next() -> None:
    """As Go's reader has it, the key of C({a:, b: c}) is C(a:)."""
    text = f"{HEAD3}apiServer: {{extraArgs: {{event-ttl: 1h, feature-gates: }}}}\n"
    after = parse(text).with_extra_args({ISSUER: [NEW]})
    assert f'feature-gates: , "{ISSUER}": "{NEW}" }}' in after
    assert "feature-gates: " in parse(after).with_extra_args({ISSUER: []})


def test_json() -> None:
    text = f'{{"apiVersion": "{V1BETA4}", "kind": "ClusterConfiguration", "apiServer": {{}}}}'
    after = parse(text).with_extra_args({ISSUER: [NEW]})
    assert after == text.replace("{}", f'{{"extraArgs": [{{"name": "{ISSUER}", "value": "{NEW}"}}]}}')


@pytest.mark.parametrize(
    "entry",
    [
        f"- name: {ISSUER}\n    value: 12",  # a number, which kubeadm does not take
        f"- name: {ISSUER}\n    value: |-\n      {OLD}",
        f"- name: {ISSUER}\n    value: {NEW}\n    mergeMethod: Append",
        f"- name: {ISSUER}",
        f"- name: service_account_issuer\n    value: {NEW}",  # beside kubeadm's own, as pflag reads it
        f"- value: '{NEW}'\n    name: '{ISSUER}'\n  - name: {ISSUER}\n    value: https://another.example.com",
    ],
)
def test_entries_of_the_flag_in_other_forms(entry: str) -> None:
    text = f"{HEAD}apiServer:\n  extraArgs:\n  {entry}\n  - name: a\n    value: b\n"
    after = parse(text).with_extra_args({ISSUER: [NEW]})
    assert parse(after).extra_args == {ISSUER: [NEW], "a": ["b"]}
    assert [item["name"] for item in YAML(typ="safe").load(after)["apiServer"]["extraArgs"]] in (
        ["a", ISSUER],
        [ISSUER, "a"],
    )
    assert "mergeMethod" not in after
    assert after.endswith("  - name: a\n    value: b\n") or after.startswith(
        f"{HEAD}apiServer:\n  extraArgs:\n  - name: a\n"
    )


@pytest.mark.parametrize(
    "value", ["12e4", "on", "0123", "1_000", "null", "~", "", "a: b", "#", "'", '"', "2026-11-29", "0x1F"]
)
def test_a_new_value_is_a_string_by_the_rules_of_every_reader(value: str) -> None:
    for text in (f"{HEAD}", f"{HEAD}apiServer: {{extraArgs: [{{name: a, value: b}}]}}\n"):
        after = parse(text).with_extra_args({"event-ttl": [value]})
        (written,) = (item for item in YAML(typ="safe").load(after)["apiServer"]["extraArgs"] if item["name"] != "a")
        assert written == {"name": "event-ttl", "value": value}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is no mapping"),
        ("a: b: c", "is not YAML"),
        ("kind: ClusterConfiguration\n", "unknown apiVersion ''.*kubeadm config migrate"),
        (HEAD.replace("v1beta4", "v1alpha3"), "unknown apiVersion 'kubeadm.k8s.io/v1alpha3'"),
        (HEAD.replace("ClusterC", "InitC"), "has the kind 'InitConfiguration'"),
        (f"{HEAD}apiServer:\n  extraArgs:\n    v: '4'\n", "in kubeadm.k8s.io/v1beta4 they are a list"),
        (f"{HEAD3}apiServer:\n  extraArgs:\n  - {{name: v, value: '4'}}\n", "in kubeadm.k8s.io/v1beta3 they are a map"),
        (f"{HEAD}apiServer:\n  extraArgs:\n  - v=4\n", "an entry of apiServer.extraArgs without a name"),
        (f"{HEAD}apiServer:\n  extraArgs:\n  - value: v\n", "an entry of apiServer.extraArgs without a name"),
        (f"{HEAD}apiServer: {{}}\napiServer: {{}}\n", "the key apiServer twice"),
        (f"{HEAD}apiServer: yes\n", "has 'yes' where kubeadm reads"),
        (f"{HEAD3}a: &a {{v: '4'}}\napiServer:\n  extraArgs:\n    <<: *a\n", "a merge key"),
    ],
)
def test_what_cannot_be_read(text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        parse(text).with_extra_args(LIST)


@pytest.mark.parametrize(
    "text",
    [
        f"{HEAD}scheduler:\n  extraArgs: &a\n  - {{name: v, value: '4'}}\napiServer:\n  extraArgs: *a\n",
        f"{HEAD}apiServer: &a\n  certSANs: [x]\ncontrollerManager: *a\n",
        f"{HEAD}apiServer:\n  extraArgs:\n  - name: {ISSUER}\n    value: &a x\n  - name: another\n    value: *a\n",
    ],
)
def test_what_cannot_be_changed_alone_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"service-account-issuer, service-account-jwks-uri cannot be changed alone"):
        parse(text).with_extra_args(LIST)


@pytest.mark.parametrize(
    "text",
    [
        f"{HEAD}clusterName: a\t# by hand\napiServer:\n  extraArgs:\n  - name: v\t# more\n    value: '4'\t\n",
        f"{HEAD}clusterName:\t12e4\n",
        f"{HEAD}networking: {{dnsDomain:\tcluster.local}}\napiServer:\t{{}}\n",
        f'{{\n\t"apiVersion": "{V1BETA4}",\n\t"kind": "ClusterConfiguration",\n\t"clusterName": "ä"\n}}\n',
        f"{HEAD}apiServer:\n  extraArgs:\n  - {{name: {ISSUER},\tvalue: '{OLD}'}}\n  - {{name: v, value:\t'4'}}\n",
    ],
)
def test_tabs_that_go_takes_stay(text: str) -> None:
    after = parse(text).with_extra_args(LIST)
    assert after.count("\t") == text.count("\t")
    assert {**parse(text).extra_args, **LIST} == parse(after).extra_args
    assert parse(after).with_extra_args(LIST) == after
    assert parse(after).with_extra_args({**LIST, **parse(text).extra_args, JWKS_URI: []}).count(NEW) in (0, 1)


@pytest.mark.parametrize(
    "dash",
    ["  -\n    ", "  -  \n    ", "  - # of the auditors - since 2024\n    ", "  -\n\n    # why\n    ", "  -\r\n    "],
)
def test_entries_below_their_dash(dash: str) -> None:
    text = f"{HEAD}apiServer:\n  extraArgs:\n{dash}name: v\n    value: '4'\n{dash}name: {ISSUER}\n    value: x\n"
    newline = "\r\n" if "\r" in dash else "\n"
    after = parse(text).with_extra_args({ISSUER: ["x", NEW]})
    assert after == f"{text}  - name: {ISSUER}{newline}    value: {NEW}{newline}"
    assert parse(after).with_extra_args({ISSUER: []}) == text[: text.rindex(dash)]


@pytest.mark.parametrize("behind", ["---\n: [ no YAML\n", "---\n# notes\n", "---\nx: &a 0123\n", "...\n"])
def test_what_stands_behind_the_first_document_stays(behind: str) -> None:
    for text in (HEAD, HEAD + SERVER):
        assert parse(text + behind).with_extra_args(LIST) == parse(text).with_extra_args(LIST) + behind


others = st.sampled_from(
    [
        "- name: feature-gates\n  value:",
        "- {name: v,  value: '4'}  # verbose",
        "-  name: 'audit-log-path'\n   value: \"-\"",
        "# a comment",
        "- name: event-ttl\n  value: >-\n    1h",
        "- value: 0123\n  name: tls",
        "",
    ]
)
own = st.sampled_from(
    [
        f"- name: {ISSUER}\n  value: {OLD}",
        f"- name: {JWKS_URI}\n  value: '{OLD}'",
        f'- {{name: {ISSUER}, value: "x"}}',
        f"- value: |-\n    {NEW}\n  name: {ISSUER}",
    ]
)


@settings(deadline=None)  # the time an example takes says how busy the machine is
@given(
    st.lists(st.tuples(st.booleans(), others, own), max_size=6),
    st.integers(0, 4),
    st.lists(st.sampled_from([NEW, OLD, "x"]), unique=True, max_size=3),
    st.sampled_from(["", "\n", "\nx: on\n", "\n# the end"]),
)
def test_lines_of_others_stay_whatever_stands_between_them(
    drawn: list[tuple[bool, str, str]], indent: int, issuers: list[str], end: str
) -> None:
    blocks = [other if theirs else ours for theirs, other, ours in drawn]
    mine = [line for (theirs, _other, _ours), block in zip(drawn, blocks) if not theirs for line in block.split("\n")]
    pad = " " * (indent + 1)
    body = "\n".join(f"{pad}{line}" if line else line for block in blocks for line in block.split("\n"))
    text = f"{HEAD}apiServer:\n extraArgs:\n{body}{end}"
    wanted = {ISSUER: issuers, JWKS_URI: [f"{NEW}/openid/v1/jwks"]}
    after = parse(text).with_extra_args(wanted)
    found = parse(after).extra_args
    assert {name: found.get(name, []) for name in wanted} == wanted
    theirs_before = [
        line for line in text.split("\n") if line.strip() and line.strip() not in {item.strip() for item in mine}
    ]
    assert [line for line in after.split("\n") if line in theirs_before] == theirs_before
    assert rest(after) == rest(text)
    assert parse(after).with_extra_args(wanted) == after
