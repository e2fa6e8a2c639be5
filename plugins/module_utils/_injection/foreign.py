# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Webhooks of others that inject pods. PRIVATE: it may change without notice."""

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._injection.reach import HOOK

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._service_accounts import Manifest

# The upstream name, which kOps and the community's chart keep, and the one that EKS gives its own.
_HOOKS: t.Final = (HOOK, "iam-for-pods.amazonaws.com")
_SERVICE: t.Final = "pod-identity-webhook"
_CHART: t.Final = "amazon-eks-pod-identity-webhook"  # the community's, by whose release it may begin


def _is_injector(webhook: t.Mapping[str, t.Any]) -> bool:
    service = (webhook.get("clientConfig") or {}).get("service") or {}
    # Azure's webhook has another name, Alibaba Cloud's a service that ends as the upstream one's does.
    name = str(service.get("name", ""))
    return webhook.get("name") in _HOOKS or name in (_SERVICE, _CHART) or name.endswith(f"-{_CHART}")


class ForeignWebhook(t.NamedTuple):
    """A MutatingWebhookConfiguration of somebody else that injects pods."""

    name: str
    namespace: str
    """Of the service that it calls; empty for a URL, as the service's name is then."""
    service: str
    others: list[str]
    """The webhooks of other kinds in it."""
    release: str
    """The Helm release that made it; empty for none."""


def foreign(configurations: t.Iterable[Manifest], own: t.Collection[str]) -> list[ForeignWebhook]:
    """Find other pod-identity webhooks among the configurations of a cluster; OWN are the names of the role's."""
    return [
        _described(configuration)
        for configuration in configurations
        if configuration["metadata"]["name"] not in own and any(map(_is_injector, configuration.get("webhooks") or []))
    ]


def _described(configuration: Manifest) -> ForeignWebhook:
    metadata, hooks = configuration["metadata"], configuration["webhooks"]
    called = next(hook for hook in hooks if _is_injector(hook))
    service = (called.get("clientConfig") or {}).get("service") or {}
    return ForeignWebhook(
        name=metadata["name"],
        namespace=service.get("namespace", ""),
        service=service.get("name", ""),
        others=[hook["name"] for hook in hooks if not _is_injector(hook)],
        release=(metadata.get("annotations") or {}).get("meta.helm.sh/release-name", ""),
    )


__all__: t.Final = ("ForeignWebhook", "foreign")
