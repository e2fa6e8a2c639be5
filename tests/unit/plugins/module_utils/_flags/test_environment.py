# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.onprem.irsa.plugins.module_utils._flags.environment import Environment, environment_of

HOST_IP = {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}}


def environment(container: dict[str, t.Any], **shown: str) -> Environment:
    node = yaml.compose(yaml.safe_dump(container), Loader=yaml.SafeLoader)
    assert node is not None
    return environment_of(node, shown)


@pytest.mark.parametrize(
    ("variables", "text", "expected"),
    [
        ([{"name": "A", "value": "2h"}], "$(A)", "2h"),
        (
            [{"name": "A", "value": "1"}, {"name": "B", "value": "$(A)/$(C)"}, {"name": "C", "value": "3"}],
            "$(B)",
            "1/$(C)",
        ),
        ([{"name": "A", "value": "1"}, {"name": "A", "value": "$(A)2"}], "$(A)", "12"),
        ([{"name": "A", "value": "$$(A)"}], "$(A)", "$(A)"),
        ([{"name": "A"}], "[$(A)]", "[]"),
        ([HOST_IP], "$(IP)", "$(IP)"),
        ([HOST_IP, {"name": "URL", "value": "https://$(IP):1"}], "$(URL)", "https://$(IP):1"),
        ([HOST_IP, {"name": "IP", "value": "x"}], "$(IP)", "x"),
        ([{**HOST_IP, "value": "x"}], "$(IP)", "x"),  # the kubelet asks for the source where there is no value
        ([{"name": "IP", "value": "x"}, {**HOST_IP, "value": ""}], "$(IP)", "$(IP)"),
    ],
)
def test_a_text_with_the_variables_of_the_container(
    variables: list[dict[str, t.Any]], text: str, expected: str
) -> None:
    assert environment({"env": variables}).expanded(text) == expected


@pytest.mark.parametrize(
    "source",
    [
        {"fieldRef": {"fieldPath": "status.podIP"}},
        {"fieldRef": {"fieldPath": "spec.nodeName"}},
        {"fieldRef": {"fieldPath": "metadata.name"}},
        {"resourceFieldRef": {"resource": "limits.cpu"}},
        {"configMapKeyRef": {"name": "x", "key": "y", "optional": True}},
        {"secretKeyRef": {"name": "x", "key": "y"}},
        {"fileKeyRef": {"volumeName": "x", "path": "y", "key": "z"}},
    ],
)
def test_a_value_from_elsewhere_is_what_the_process_shows(source: dict[str, t.Any]) -> None:
    container = {"env": [{"name": "IP", "valueFrom": source}, {"name": "URL", "value": "https://$(IP)"}]}
    assert environment(container).is_hidden("IP")
    known = environment(container, IP="10.0.0.1")
    assert (known.expanded("$(URL)"), known.is_hidden("IP")) == ("https://10.0.0.1", False)


@pytest.mark.parametrize(
    ("container", "name", "hidden"),
    [
        ({}, "NOWHERE", False),
        ({}, "KUBERNETES_SERVICE_HOST", True),
        ({}, "KUBERNETES_PORT_443_TCP_ADDR", True),
        ({}, "KUBE_DNS_SERVICE_PORT_DNS_TCP", True),
        ({}, "KUBE_DNS_PORT_53_UDP", True),
        ({}, "KUBE_DNS_PORT_9153_TCP_ADDR", True),
        ({}, "SERVICE_HOST", False),
        ({}, "NODE_PORT", False),
        ({"env": [{"name": "KUBERNETES_SERVICE_HOST", "value": "x"}]}, "KUBERNETES_SERVICE_HOST", False),
        ({"envFrom": [{"configMapRef": {"name": "x"}}]}, "NOWHERE", True),
        ({"envFrom": [{"prefix": "MY_", "configMapRef": {"name": "x"}}]}, "NOWHERE", False),
        ({"envFrom": [{"prefix": "MY_", "configMapRef": {"name": "x"}}]}, "MY_OWN", True),
    ],
)
def test_what_a_manifest_does_not_say(container: dict[str, t.Any], name: str, hidden: bool) -> None:
    assert environment(container).is_hidden(name) == hidden


@pytest.mark.parametrize(
    ("variables", "text", "expected"),
    [
        ([HOST_IP], "$(IP) $$(IP) $(IP)", ["IP", "IP"]),
        ([HOST_IP], "$$(IP)", []),
        ([HOST_IP, {"name": "URL", "value": "$(IP):$$(IP)"}], "$(URL)", ["IP"]),
        ([{"name": "URL", "value": "$(IP)"}, HOST_IP], "$(URL)", []),  # one that comes later is a text
        ([HOST_IP, {"name": "URL", "value": "$(IP)"}, {"name": "URL", "value": "x"}], "$(URL)", []),
        ([HOST_IP, {"name": "IP", "value": "$(IP)0"}], "$(IP)", ["IP"]),
        ([], "$(KUBERNETES_SERVICE_HOST) $$(KUBERNETES_SERVICE_PORT) $(NOWHERE)", ["KUBERNETES_SERVICE_HOST"]),
    ],
)
def test_what_the_kubelet_alone_puts_into_a_text(
    variables: list[dict[str, t.Any]], text: str, expected: list[str]
) -> None:
    assert environment({"env": variables}).unknown(text) == expected


TEXTS = st.lists(st.sampled_from(["$", "(", ")", "A", "B", "x", "$(A)", "$(B)", "$$"])).map("".join)


@given(TEXTS, st.dictionaries(st.sampled_from(["A", "B"]), TEXTS))
def test_what_is_written_reaches_the_program_as_it_was_meant(text: str, values: dict[str, str]) -> None:
    given_ = Environment(values)
    assert given_.expanded(given_.escaped(text)) == text
    assert Environment().escaped(text) == text or "$$" in text
