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


def foreign(configurations: t.Iterable[Manifest], own: t.Collection[str]) -> list[dict[str, t.Any]]:
    """Find other pod-identity webhooks among the C(MutatingWebhookConfiguration) of a cluster.

    OWN are the names of the role's. Returns for each configuration C(name), C(namespace) and C(service) of what it
    calls (empty for a URL), C(others), the webhooks of other kinds in it, and C(release), the Helm release that made
    it, or empty.
    """
    found = []
    for configuration in configurations:
        metadata = configuration["metadata"]
        hooks = [hook for hook in configuration.get("webhooks") or [] if _is_injector(hook)]
        if hooks and metadata["name"] not in own:
            service = (hooks[0].get("clientConfig") or {}).get("service") or {}
            annotations = metadata.get("annotations") or {}
            found.append(
                {
                    "name": metadata["name"],
                    "namespace": service.get("namespace", ""),
                    "service": service.get("name", ""),
                    "others": [hook["name"] for hook in configuration["webhooks"] if not _is_injector(hook)],
                    "release": annotations.get("meta.helm.sh/release-name", ""),
                }
            )
    return found


__all__: t.Final = ("foreign",)
