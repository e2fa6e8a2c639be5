# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._injection.foreign import foreign

from ...some_injection import HOOK

Json = dict[str, t.Any]


def configuration(name: str, hook: str, client: Json, **metadata: object) -> Json:
    return {"metadata": {"name": name, **metadata}, "webhooks": [{"name": hook, "clientConfig": client}]}


def service(name: str) -> Json:
    return {"service": {"namespace": "kube-system", "name": name}}


def test_webhooks_of_others() -> None:
    release = {"annotations": {"meta.helm.sh/release-name": "irsa"}}
    found = foreign(
        [
            configuration("own", HOOK, service("pod-identity-webhook")),
            configuration("upstream", HOOK, service("pod-identity-webhook")),
            configuration("chart", "x", service("irsa-amazon-eks-pod-identity-webhook"), **release),
            configuration("eks", "iam-for-pods.amazonaws.com", {"url": "https://127.0.0.1:23443/mutate"}),
            configuration("azure", "mutation.azure-workload-identity.io", service("azure-wi-webhook-webhook-service")),
            configuration("alibaba", "ack.example.com", service("ack-pod-identity-webhook")),
            {"metadata": {"name": "empty"}},
        ],
        ["own"],
    )
    assert [(webhook.name, webhook.namespace, webhook.service, webhook.release) for webhook in found] == [
        ("upstream", "kube-system", "pod-identity-webhook", ""),
        ("chart", "kube-system", "irsa-amazon-eks-pod-identity-webhook", "irsa"),
        ("eks", "", "", ""),
    ]


def test_other_webhooks_in_the_configuration_of_one_are_named() -> None:
    several = configuration("several", "iam-for-pods.amazonaws.com", {})
    several["webhooks"].append({"name": "sidecar.example.com", "clientConfig": service("sidecar")})
    assert [webhook.others for webhook in foreign([several], [])] == [["sidecar.example.com"]]
