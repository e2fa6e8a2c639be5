# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import re
import typing as t

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._flags.arguments import flags_of
from ansible_collections.onprem.irsa.plugins.module_utils._flags.static_pod_flags import (
    StaticPod,
    annotated,
    parse,
    pod_key,
    same_pod,
)

NAME = "onprem.irsa/x"
OLD = "https://kubernetes.default.svc.cluster.local"
NEW = "https://acme-prod-oidc.s3.eu-central-1.amazonaws.com"

# As kubeadm 1.34 writes it, shortened.
KUBEADM = f"""\
apiVersion: v1
kind: Pod
metadata:
  annotations:
    kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint: 10.0.0.1:6443
  creationTimestamp: null
  labels:
    component: kube-apiserver
    tier: control-plane
  name: kube-apiserver
  namespace: kube-system
spec:
  containers:
  - command:
    - kube-apiserver
    - --advertise-address=10.0.0.1
    - --service-account-issuer={OLD}
    - --service-account-key-file=/etc/kubernetes/pki/sa.pub
    - --tls-cert-file=/etc/kubernetes/pki/apiserver.crt
    image: registry.k8s.io/kube-apiserver:v1.34.4
    name: kube-apiserver
  hostNetwork: true
status: {{}}
"""


def pod(container: str) -> str:
    """Return a manifest with this text as the first container."""
    lines = "\n".join(f"    {line}" if line else "" for line in container.splitlines())
    return (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: kube-apiserver, namespace: kube-system}\n"
        f"spec:\n  containers:\n  -\n{lines}\n"
    )


def parsed(text: str) -> StaticPod:
    return parse(text, "kube-apiserver", source="/etc/kubernetes/manifests/kube-apiserver.yaml")


def test_the_flags_of_a_kubeadm_manifest() -> None:
    assert parsed(KUBEADM).flags == {
        "advertise-address": ["10.0.0.1"],
        "service-account-issuer": [OLD],
        "service-account-key-file": ["/etc/kubernetes/pki/sa.pub"],
        "tls-cert-file": ["/etc/kubernetes/pki/apiserver.crt"],
    }


@pytest.mark.parametrize(
    ("flags", "removed", "added"),
    [
        ({"service-account-issuer": [OLD]}, [], []),
        ({"service-account-issuer": [NEW, OLD]}, [], [f"    - --service-account-issuer={NEW}"]),
        ({"service-account-issuer": [OLD, NEW]}, [], [f"    - --service-account-issuer={NEW}"]),
        (
            {"service-account-issuer": [NEW]},
            [f"    - --service-account-issuer={OLD}"],
            [f"    - --service-account-issuer={NEW}"],
        ),
        ({"service-account-issuer": []}, [f"    - --service-account-issuer={OLD}"], []),
        ({"service-account-jwks-uri": [NEW]}, [], [f"    - --service-account-jwks-uri={NEW}"]),
        ({"absent": []}, [], []),
    ],
)
def test_a_change_touches_the_lines_of_its_flag_alone(
    flags: dict[str, list[str]], removed: list[str], added: list[str]
) -> None:
    text = parsed(KUBEADM).with_flags(flags)
    before, after = KUBEADM.splitlines(), text.splitlines()
    assert [line for line in before if line not in after] == removed
    assert [line for line in after if line not in before] == added
    assert [line for line in after if line not in added] == [line for line in before if line not in removed]


def test_a_new_flag_comes_right_behind_the_programs_name() -> None:
    text = parsed(KUBEADM).with_flags({"service-account-jwks-uri": [NEW], "v": ["2"]})
    lines = text.splitlines()
    position = lines.index("    - kube-apiserver")
    assert sorted(lines[position + 1 : position + 3]) == [f"    - --service-account-jwks-uri={NEW}", "    - --v=2"]


@pytest.mark.parametrize(
    ("container", "flags", "expected"),
    [
        pytest.param(
            "name: kube-apiserver\ncommand: ['kube-apiserver', '--a=1']",
            {"a": ["0", "1"]},
            "name: kube-apiserver\ncommand: ['kube-apiserver', '--a=0', '--a=1']",
            id="flow, single quotes",
        ),
        pytest.param(
            'name: kube-apiserver\ncommand: ["kube-apiserver", "--a=1", "--b=2", "--c=3"]',
            {"a": [], "b": []},
            'name: kube-apiserver\ncommand: ["kube-apiserver", "--c=3"]',
            id="flow, removal in the middle",
        ),
        pytest.param(
            "name: kube-apiserver\ncommand: [kube-apiserver]\nargs: [--a=1, --b=2]",
            {"a": [], "b": [], "c": ["3"]},
            'name: kube-apiserver\ncommand: [kube-apiserver, "--c=3"]\nargs: []',
            id="flow, everything goes",
        ),
        pytest.param(
            "name: kube-apiserver\ncommand:\n- kube-apiserver\nargs:\n# the issuer\n- --a=1   # ours\n- --b=2",
            {"a": ["0", "1", "2"], "c": ["3"]},
            "name: kube-apiserver\ncommand:\n- kube-apiserver\nargs:\n# the issuer\n"
            "- --c=3\n- --a=0\n- --a=1   # ours\n- --a=2\n- --b=2",
            id="args, comments",
        ),
        pytest.param(
            "name: kube-apiserver\nargs:\n- --a=1",
            {"b": ["2"]},
            "name: kube-apiserver\nargs:\n- --b=2\n- --a=1",
            id="the entry point is the program",
        ),
        pytest.param(
            "name: kube-apiserver\ncommand:\n  - ./kube-apiserver\n  - --a\n  - '1'\n  - --a\n  - \"2\"\n  - --b",
            {"a": ["3", "2"], "b": ["false"]},
            "name: kube-apiserver\ncommand:\n  - ./kube-apiserver\n  - --a\n  - '3'\n  - --a\n  - \"2\"\n  - --b=false",
            id="two items, and a bare flag",
        ),
        pytest.param(
            "name: kube-apiserver\ncommand:\n  - kube-apiserver\n  - --a\n  - '1'\n  - --b=2",
            {"a": []},
            "name: kube-apiserver\ncommand:\n  - kube-apiserver\n  - --b=2",
            id="removal of two items",
        ),
        pytest.param(
            "name: kube-apiserver\ncommand:\n- kube-apiserver\n- --a=1",
            {"a": ["x: y #z"], "b": ["it's"]},
            'name: kube-apiserver\ncommand:\n- kube-apiserver\n- --b=it\'s\n- "--a=x: y #z"',
            id="a plain value that needs quotes",
        ),
        pytest.param(
            "name: kube-apiserver\ncommand:\n- kube-apiserver\n- '--a=1'",
            {"a": ["it's"]},
            "name: kube-apiserver\ncommand:\n- kube-apiserver\n- '--a=it''s'",
            id="single quotes",
        ),
        pytest.param(
            "name: kube-apiserver\ncommand:\n- kube-apiserver\n- --service_account_issuer=x",
            {"service-account-issuer": ["y"]},
            "name: kube-apiserver\ncommand:\n- kube-apiserver\n- --service_account_issuer=y",
            id="underscores",
        ),
    ],
)
def test_every_way_to_write_flags(container: str, flags: dict[str, list[str]], expected: str) -> None:
    assert parsed(pod(container)).with_flags(flags) == pod(expected)


def test_json_stays_json() -> None:
    document = yaml.safe_load(KUBEADM)
    text = parsed(json.dumps(document, indent=2)).with_flags({"service-account-issuer": [NEW, OLD]})
    assert parsed(text).flags["service-account-issuer"] == [NEW, OLD]
    assert json.loads(text)["spec"]["containers"][0]["name"] == "kube-apiserver"


def test_line_ends_stay() -> None:
    text = parsed(KUBEADM.replace("\n", "\r\n")).with_flags({"service-account-issuer": [NEW, OLD]})
    assert text == parsed(KUBEADM).with_flags({"service-account-issuer": [NEW, OLD]}).replace("\n", "\r\n")


def test_a_text_without_a_last_line_break() -> None:
    text = "kind: Pod\nmetadata: {name: k}\nspec:\n  containers:\n  - name: k\n    command:\n    - kube-apiserver"
    assert parsed(text).with_flags({"a": ["1", "2"]}) == f"{text}\n    - --a=1\n    - --a=2"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("kind: [", "is not one YAML document"),
        ("# notes\n---\n---\nkind: Pod\n", "holds no pod"),
        ("kind: Service\n", "holds no pod"),
        ("", "holds no pod"),
        ("kind: Pod\nspec: {}\n", "spec.containers must be a list"),
        (pod("name: kube-apiserver\ncommand: [sh, -c, kube-apiserver --a=1]"), "0 containers start"),
        (pod("name: other\nargs: [--a=1]"), "0 containers start"),
        (
            pod("name: a\ncommand: [kube-apiserver]\n").replace("  -\n", "  - command: [kube-apiserver]\n  -\n"),
            "2 contain",
        ),
        (pod("name: kube-apiserver\ncommand: kube-apiserver"), "command of a container must be a list of strings"),
        (pod("name: kube-apiserver\ncommand: [kube-apiserver, 5]"), "command of a container must be a list of strings"),
        (pod("command: [kube-apiserver]\ncommand: [sleep]"), "0 containers start"),
    ],
)
def test_what_cannot_be_read_for_certain_is_refused(text: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        parsed(text)


@pytest.mark.parametrize(
    "container",
    [
        "command:\n- kube-apiserver\n- |-\n  --a=1",
        "command:\n- kube-apiserver\n-\n  --a=1",
        "env: [{name: A, value: &a --a=1}]\ncommand:\n- kube-apiserver\n- *a",
        "command: &c\n- kube-apiserver\n- --a=1\nargs: *c",
        "command:\n- kube-apiserver\n- --a=1\n- --b\n- --c=1\n- stray",
    ],
)
def test_what_cannot_be_changed_alone_is_refused(container: str) -> None:
    with pytest.raises(InputError, match=r"/etc/kubernetes/manifests/kube-apiserver\.yaml: "):
        parsed(pod(container)).with_flags({"a": ["2", "3"], "c": []})


def test_sidecars_are_told_apart_by_their_program() -> None:
    text = KUBEADM.replace("  - command:\n", "  - name: kms\n    command: [kms-plugin, --a=1]\n  - command:\n")
    assert parsed(text).flags["service-account-issuer"] == [OLD]
    assert parsed(text).with_flags({"a": ["2"]}).count("--a=1") == 1


def test_duplicates_of_a_pod_are_found_whatever_their_names() -> None:
    manifests = {
        "/m/kube-apiserver.yaml": KUBEADM,
        "/m/kube-apiserver.yaml.bak": KUBEADM.replace("1.34.4", "1.34.3"),
        "/m/etcd.yaml": KUBEADM.replace("name: kube-apiserver", "name: etcd"),
        "/m/broken.yaml": "kind: [",
        "/m/default.yaml": "kind: Pod\nmetadata: {name: kube-apiserver}\n",
    }
    assert same_pod(manifests, "/m/kube-apiserver.yaml") == ["/m/kube-apiserver.yaml.bak"]
    assert pod_key(manifests["/m/default.yaml"]) == ("default", "kube-apiserver")


@pytest.mark.parametrize(
    "behind",
    [
        "---\n",
        "---\n# was: --v=4\n",
        "...\n",
        "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: notes}\n",
        "---\n: [ no YAML",
    ],
)
def test_what_stands_behind_the_first_document_is_not_read_and_stays(behind: str) -> None:
    text = KUBEADM + behind
    assert same_pod({"/m/k.yaml": KUBEADM, "/m/copy": text}, "/m/k.yaml") == ["/m/copy"]
    assert parsed(text).flags == parsed(KUBEADM).flags
    wanted = {"service-account-issuer": [NEW, OLD]}
    assert parsed(text).with_flags(wanted) == parsed(KUBEADM).with_flags(wanted) + behind
    assert annotated(parsed(text), NAME, "1") == annotated(parsed(KUBEADM), NAME, "1") + behind


@pytest.mark.parametrize(
    "text",
    [
        KUBEADM.replace("  name: kube-apiserver\n", "  name: other\n  name: kube-apiserver\n", 1),
        KUBEADM.replace("metadata:\n", "metadata: {name: other}\nmetadata:\n", 1),
        KUBEADM.replace("kind: Pod\n", "kind: Service\nkind: Pod\n", 1),
        KUBEADM.replace("  namespace: kube-system\n", "  namespace: null\n  namespace: kube-system\n", 1),
        KUBEADM.replace("  name: kube-apiserver\n", "  <<: {name: kube-apiserver}\n", 1),
        KUBEADM.replace("kind: Pod\n", "kind:\tPod\n", 1),
        json.dumps(yaml.safe_load(KUBEADM)),
    ],
    ids=["name", "metadata", "kind", "null before", "merged", "tab", "JSON"],
)
def test_a_copy_that_the_kubelet_would_run_is_seen_however_it_is_written(text: str) -> None:
    assert same_pod({"/m/k.yaml": KUBEADM, "/m/copy": text}, "/m/k.yaml") == ["/m/copy"]


@pytest.mark.parametrize(
    "text",
    [
        KUBEADM.replace("  namespace: kube-system\n", "  namespace: kube-system\t# of ours\n", 1),
        KUBEADM.replace("  annotations:\n", "  annotations:\n    a:\t'é'\n", 1),
        json.dumps(yaml.safe_load(KUBEADM), indent="\t"),
    ],
    ids=["before a comment", "before a value", "JSON"],
)
def test_tabs_that_the_kubelet_takes_stay(text: str) -> None:
    after = annotated(parsed(parsed(text).with_flags({"v": ["2"]})), NAME, "1")
    assert parsed(after).flags == {**parsed(KUBEADM).flags, "v": ["2"]}
    assert text.count("\t") <= after.count("\t") <= text.count("\t") + 2


@pytest.mark.parametrize("value", ["2026-02-30", "=", "0o9", "1_0", "12:30:45", "!!int x", "9" * 5000])
def test_values_that_python_would_make_objects_of_stay(value: str) -> None:
    text = KUBEADM.replace("  annotations:\n", f"  annotations:\n    a: {value}\n", 1)
    after = annotated(parsed(parsed(text).with_flags({"v": ["2"]})), NAME, "1")
    assert f"    a: {value}\n" in after
    assert parsed(after).flags == {**parsed(KUBEADM).flags, "v": ["2"]}


def test_a_file_of_another_version_is_no_pod_to_the_kubelet() -> None:
    copies = {f"/m/{version}": KUBEADM.replace("apiVersion: v1", f"apiVersion: {version}") for version in ("v2", "v1")}
    assert same_pod({"/m/k.yaml": KUBEADM, **copies}, "/m/k.yaml") == ["/m/v1"]


def test_of_equal_keys_the_last_one_counts_and_is_changed() -> None:
    text = KUBEADM.replace("  - command:\n", "  - command: [kube-apiserver, --v=9]\n    command:\n")
    text = text.replace("  annotations:\n", f"  annotations: {{{NAME}: '0'}}\n  annotations:\n")
    assert parsed(text).flags == parsed(KUBEADM).flags
    after = annotated(parsed(parsed(text).with_flags({"v": ["2"]})), NAME, "1")
    assert parsed(after).flags == {**parsed(KUBEADM).flags, "v": ["2"]}
    assert yaml.safe_load(after)["metadata"]["annotations"][NAME] == "1"


VARIABLES = """\
name: kube-apiserver
command:
- $(PROGRAM)
- --advertise-address=$(HOST_IP)
- --event-ttl=$(TTL)
- $(ISSUER)
args: [--v, $(LEVEL), --prefix=$$(TTL), --odd=$(NOWHERE)]
env:
- {name: PROGRAM, value: kube-apiserver}
- {name: HOST_IP, valueFrom: {fieldRef: {fieldPath: status.hostIP}}}
- {name: TTL, value: 2h}
- {name: ISSUER, value: "--service-account-issuer=https://$(DOMAIN)"}
- {name: LEVEL, value: "4"}
"""
EXPANDED = {
    "advertise-address": ["$(HOST_IP)"],
    "event-ttl": ["2h"],
    "service-account-issuer": ["https://$(DOMAIN)"],
    "v": ["4"],
    "prefix": ["$(TTL)"],
    "odd": ["$(NOWHERE)"],
}


def test_flags_are_those_that_the_program_gets() -> None:
    assert parsed(pod(VARIABLES)).flags == EXPANDED
    assert parsed(pod(VARIABLES)).hidden == ("HOST_IP",)
    known = parse(pod(VARIABLES), "kube-apiserver", source="", shown={"HOST_IP": "10.0.0.1"})
    assert (known.flags["advertise-address"], known.hidden) == (["10.0.0.1"], ())


@pytest.mark.parametrize(
    ("flags", "line", "instead"),
    [
        ({"event-ttl": ["2h"], "v": ["4"], "prefix": ["$(TTL)"]}, "", ""),
        ({"event-ttl": ["3h"]}, "--event-ttl=$(TTL)", "--event-ttl=3h"),
        ({"event-ttl": ["$(TTL)"]}, "--event-ttl=$(TTL)", "--event-ttl=$$(TTL)"),
        ({"event-ttl": ["$(NOWHERE)$x"]}, "--event-ttl=$(TTL)", "--event-ttl=$(NOWHERE)$x"),
        ({"advertise-address": ["$(HOST_IP)"]}, "", ""),
        ({"service-account-issuer": [NEW]}, "$(ISSUER)", f"--service-account-issuer={NEW}"),
        ({"prefix": ["$$"]}, "--prefix=$$(TTL)", "--prefix=$$$$"),
        ({"v": ["$(LEVEL)"]}, "--v, $(LEVEL)", '--v, "$$(LEVEL)"'),
    ],
)
def test_a_value_reaches_the_program_as_it_was_asked_for(flags: dict[str, list[str]], line: str, instead: str) -> None:
    text = parsed(pod(VARIABLES)).with_flags(flags)
    assert text.replace('"--prefix=$$$$"', "--prefix=$$$$") == pod(VARIABLES).replace(line, instead, 1)
    assert parsed(text).flags == {**EXPANDED, **flags}


# Characters that mean something to YAML, to pflag, or to neither.
VALUES = st.one_of(
    st.text("abz019/:.,= #'\"\\{}[]&*!|>%@`-ä€$()", max_size=8), st.sampled_from(["$(A)", "$$(A)", "x$(B)", "$$"])
)
NAMES = st.sampled_from(["a", "b", "service-account-issuer", "tls-cert-file", "v"])
FLAGS = st.lists(st.tuples(NAMES, VALUES), max_size=6)


def _plain(text: str, *, flow: bool) -> bool:
    wrapped = f"[{text}]" if flow else f"- {text}"
    try:
        return bool(yaml.load(wrapped, Loader=yaml.CSafeLoader) == [text])
    except yaml.YAMLError:
        return False


@st.composite
def scalars(draw: st.DrawFn, text: str, *, flow: bool = False) -> str:
    """Write a string in one of the ways that YAML has for it."""
    styles = [json.dumps(text, ensure_ascii=False), "'" + text.replace("'", "''") + "'"]
    return draw(st.sampled_from([*styles, *([text] if _plain(text, flow=flow) else [])]))


@st.composite
def lists(draw: st.DrawFn, key: str, values: list[str]) -> str:
    """Write a list as `key: [a, b]` or with a line for each item, with comments and blank lines between."""
    if not values or draw(st.booleans()):
        comma = draw(st.sampled_from([", ", ",", " , ", ",\n        "]))
        return f"    {key}: [{comma.join(draw(scalars(value, flow=True)) for value in values)}]\n"
    indent = draw(st.sampled_from(["    ", "      ", "         "]))
    lines = [f"    {key}:\n"]
    for value in values:
        lines.append(draw(st.sampled_from(["", "", "\n", f"{indent}# a comment\n", "# another\n"])))
        gap, comment = draw(st.sampled_from([" ", "   "])), draw(st.sampled_from(["", "", "  # why", " "]))
        lines.append(f"{indent}-{gap}{draw(scalars(value))}{comment}\n")
    return "".join(lines)


@st.composite
def manifests(draw: st.DrawFn) -> str:
    """Write a static pod in any of the ways that people and tools do."""
    items = []
    for name, value in draw(FLAGS):
        two = draw(st.booleans()) and not value.startswith("-")
        items += [f"--{name}", value] if two else [f"--{name}={value}"]
    program = draw(st.sampled_from(["kube-apiserver", "/usr/local/bin/kube-apiserver"]))
    cut = draw(st.integers(0, len(items)))
    fields = [
        "    name: kube-apiserver\n",
        draw(lists("command", [program, *items[:cut]])),
        draw(lists("args", items[cut:])) if cut < len(items) or draw(st.booleans()) else "",
        "    image: x  # --a=1\n",
        "    env:\n    - {name: A, value: --a=1}\n",
    ]
    order = draw(st.permutations(fields))
    container = "".join(order)
    sidecar = draw(st.sampled_from(["", "  - name: side\n    command: [other, --a=9]\n"]))
    first = f"  -\n{container}"
    containers = draw(st.permutations([first, sidecar]))
    head = draw(st.sampled_from(["", "---\n", "# head\n"]))
    return (
        f"{head}apiVersion: v1\nkind: Pod\nmetadata:\n  name: kube-apiserver\n  namespace: kube-system\n"
        f"spec:\n  containers:\n{''.join(containers)}  hostNetwork: true\n"
    )


# Lines that belong to no argument, however the list is written.
OUTSIDE = re.compile(r"\s*$|\s*#|\S|  \S|    (- )?(name|image|env|\{)")


def _strip(text: str, gone: t.Iterable[str]) -> str:
    document = yaml.safe_load(text)
    for container in document["spec"]["containers"]:
        if container["name"] == "kube-apiserver":
            for key in gone:
                container.pop(key, None)
    return json.dumps(document)


@settings(max_examples=60, deadline=None)
@given(manifests(), st.dictionaries(NAMES, st.lists(VALUES, max_size=3), max_size=3))
def test_any_change_of_any_manifest_is_the_plan_and_nothing_else(text: str, wanted: dict[str, list[str]]) -> None:
    before = parsed(text)
    after = parsed(before.with_flags(wanted))
    plan = {name: values for name, values in {**before.flags, **wanted}.items() if values}
    assert after.flags == plan
    assert flags_of(after.arguments) == plan
    assert _strip(after.text, ["command", "args"]) == _strip(text, ["command", "args"])
    assert after.with_flags(wanted) == after.text
    outside = [line for line in text.splitlines() if OUTSIDE.match(line)]
    assert [line for line in after.text.splitlines() if OUTSIDE.match(line)] == outside
    if {name: before.flags.get(name, []) for name in wanted} == wanted:
        assert after.text == text


BLOCK = "kind: Pod\nmetadata:\n  name: k # ours\n{}spec:\n  containers: [{{name: k, command: [kube-apiserver]}}]\n"
FLOW = "kind: Pod\nmetadata: {{name: k{}}}\nspec:\n  containers: [{{name: k, command: [kube-apiserver]}}]\n"


@pytest.mark.parametrize(
    ("frame", "before", "after"),
    [
        (BLOCK, "  annotations:\n    a: b # why\n", f'  annotations:\n    {NAME}: "1"\n    a: b # why\n'),
        (
            BLOCK,
            f"  annotations:\n    a: b\n    {NAME}: '0' # why\n",
            f'  annotations:\n    a: b\n    {NAME}: "1" # why\n',
        ),
        (BLOCK, "  annotations:\n", f'  annotations: {{"{NAME}": "1"}}\n'),
        (BLOCK, "  annotations: null\n", f'  annotations: {{"{NAME}": "1"}}\n'),
        (BLOCK, "  annotations: {} # none\n", f'  annotations: {{"{NAME}": "1"}} # none\n'),
        (BLOCK, "  annotations: {a: b}\n", f'  annotations: {{"{NAME}": "1", a: b}}\n'),
        (FLOW, ", annotations: {a: b}", f', annotations: {{"{NAME}": "1", a: b}}'),
    ],
)
def test_an_annotation_is_put_where_it_belongs(frame: str, before: str, after: str) -> None:
    text = annotated(parsed(frame.format(before)), NAME, "1")
    assert text == frame.format(after)
    assert annotated(parsed(text), NAME, "1") == text


def test_the_first_annotation_brings_the_mapping() -> None:
    block = BLOCK.format("")
    for text in (block, FLOW.format(""), block.replace("\n", "\r\n"), json.dumps(yaml.safe_load(KUBEADM), indent=1)):
        after = yaml.safe_load(annotated(parsed(text), NAME, "1"))
        assert after["metadata"].pop("annotations")[NAME] == "1"
        before = yaml.safe_load(text)
        before["metadata"].pop("annotations", None)
        assert after == before


@pytest.mark.parametrize("annotations", [f"  annotations:\n    {NAME}: &c y\n    a: *c\n", "  annotations: text\n"])
def test_an_annotation_that_cannot_be_put_in_alone_is_refused(annotations: str) -> None:
    with pytest.raises(InputError, match="one annotation cannot be changed alone"):
        annotated(parsed(BLOCK.format(annotations)), NAME, "1")


@settings(max_examples=60, deadline=None)
@given(manifests(), st.text("0123456789abcdef", min_size=1, max_size=8))
def test_an_annotation_of_any_manifest_is_that_and_nothing_else(text: str, value: str) -> None:
    after = annotated(parsed(text), NAME, value)
    assert annotated(parsed(after), NAME, value) == after
    lines = after.splitlines()
    assert [
        line for line in lines if NAME not in line and line != "  annotations:"
    ] == text.splitlines() or "{" in after
    again = annotated(parsed(after), NAME, value + "0")
    assert again.replace(f'"{value}0"', f'"{value}"') == after
