# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._injection.option_problems import (
    injection_problems,
    pod_problems,
)

Json = dict[str, t.Any]
EXISTS = {"key": "dedicated", "operator": "Exists"}


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"tolerations": [], "node_selector": {}, "resources": {}, "priority_class": "", "monitoring_labels": {}},
        {"tolerations": [{"operator": "Exists"}, {**EXISTS, "effect": "NoExecute", "tolerationSeconds": 60}]},
        {"tolerations": [{"key": "example.com/dedicated", "value": "irsa", "effect": "NoSchedule"}]},
        # What a template leaves empty is as good as left out.
        {
            "tolerations": [
                {"key": None, "operator": "Exists", "value": None, "effect": None},
                {"key": "a", "operator": ""},
            ]
        },
        {"resources": {"requests": {"ephemeral-storage": "+1Gi"}, "limits": {"hugepages-2Mi": "4Mi"}}},
        {"node_selector": {"example.com/pool": 1, "kubernetes.io/os": "linux"}},
        {"resources": {"requests": {"cpu": 0.5, "memory": 128974848}, "limits": {"cpu": "1e1", "memory": "1Gi"}}},
        {"resources": {"requests": {"cpu": "500m"}, "limits": {"cpu": 1, "example.com/gpu": "1"}}},
        {"priority_class": "infra.critical"},
        {"monitoring_labels": {"release": "prometheus", "empty": "", "number": 1}},
    ],
)
def test_what_api_servers_take(given: Json) -> None:
    assert list(pod_problems(given)) == []


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"tolerations": {"key": "x"}}, "must be a list"),
        ({"tolerations": ["dedicated"]}, "no mapping"),
        ({"tolerations": [{**EXISTS, "effects": "NoSchedule"}]}, "no mapping"),
        ({"tolerations": [{**EXISTS, "operator": "exists"}]}, "neither Equal nor Exists"),
        ({"tolerations": [{**EXISTS, "value": "x"}]}, "Exists it has no value"),
        ({"tolerations": [{"value": "x"}]}, "Equal it needs a key"),
        ({"tolerations": [{"key": "dedicated", "value": True}]}, "value True"),
        ({"tolerations": [{**EXISTS, "effect": "noSchedule"}]}, "effect noSchedule"),
        ({"tolerations": [{**EXISTS, "effect": "NoSchedule", "tolerationSeconds": 5}]}, "NoExecute alone"),
        ({"tolerations": [{**EXISTS, "key": "a b"}]}, "key a b"),
        ({"tolerations": [{"key": None}]}, "Equal it needs a key"),
        ({"tolerations": [{"key": 1}]}, "key 1"),
        ({"tolerations": [{"key": True, "operator": "Exists"}]}, "key True"),
        ({"resources": {"requests": {"cpus": 1}}}, "has cpus in requests"),
        ({"resources": {"limits": {"Memory": "1Gi"}}}, "has Memory in limits"),
        ({"resources": {"limits": {"pods": 1}}}, "has pods in limits"),
        ({"priority_class": "system-critical"}, "system-cluster-critical and system-node-critical"),
        ({"priority_class": 5.5}, "PriorityClass"),
        ({"node_selector": "pool=a"}, "must be a mapping"),
        ({"node_selector": {"pool": True}}, "pool: True"),
        ({"node_selector": {"pool": "a b"}}, "'a b'"),
        ({"node_selector": {"kubernetes.io/os": "windows"}}, "selects Linux itself"),
        ({"resources": "small"}, "requests and limits"),
        ({"resources": {"request": {}}}, "requests and limits"),
        ({"resources": {"limits": "256Mi"}}, "limits: '256Mi'"),
        ({"resources": {"limits": {"memory": "256mb"}}}, "no quantity"),
        ({"resources": {"limits": {"cpu": -1}}}, "no quantity"),
        ({"resources": {"requests": {"cpu": True}}}, "no quantity"),
        ({"resources": {"requests": {"memory": "1Gi"}, "limits": {"memory": "1000M"}}}, "more than its limit"),
        ({"priority_class": "Critical"}, "PriorityClass"),
        ({"monitoring_labels": {"release": "kube prometheus"}}, "release"),
        ({"monitoring_labels": {"release": 64 * "a"}}, "63"),
        ({"monitoring_labels": {"/x": "a"}}, "/x"),
        ({"monitoring_labels": {"release": None}}, "release: None"),
    ],
)
def test_what_they_refuse(given: Json, says: str) -> None:
    (found,) = pod_problems(given)
    assert says in found
    assert f"irsa_webhook_{next(iter(given))}" in found


@pytest.mark.parametrize("given", [{}, {"audience": "urn:x:y"}, {"excluded_namespaces": ["a-1", "kube-system"]}])
def test_what_can_be_injected(given: Json) -> None:
    assert list(injection_problems(given)) == []


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"audience": ""}, "irsa_webhook_audience is ''"),
        ({"audience": " "}, "no blank"),
        ({"audience": "sts.amazonaws.com "}, "no blank"),
        ({"audience": "sts\tx"}, "no blank"),
        ({"audience": ["sts.amazonaws.com"]}, "irsa_webhook_audience is ["),
        ({"audience": None}, "irsa_webhook_audience is None"),
        ({"excluded_namespaces": "kube-system"}, "as in [kube-system]"),
        ({"excluded_namespaces": ["a", "Kube_System"]}, "'Kube_System'"),
        ({"excluded_namespaces": ["cattle-*"]}, "no pattern"),
        ({"excluded_namespaces": [64 * "a"]}, "63"),
        ({"excluded_namespaces": [1]}, "has 1"),
    ],
)
def test_what_cannot(given: Json, says: str) -> None:
    (found,) = injection_problems(given)
    assert says in found
