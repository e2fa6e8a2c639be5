#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: signing_use_info
short_description: Find which service-account tokens a cluster has in use (internal)
version_added: 1.0.0
author:
  - The onprem.irsa authors (!UNKNOWN)
description:
  - Returns how long the tokens live that service accounts, pods and CSI drivers ask for, and which key has signed the
    tokens that stand in Secrets and do not end by themselves. No token is among what it returns.
  - The service account with which P(onprem.irsa.irsa_webhook#role) tries whether pods are injected does not count, as
    no pod of it is ever there.
  - Tells how often each of O(servers) has taken a token that should have been refreshed, and which pods may be behind
    that.
  - Made for the roles of this collection, and may change with them in any release.
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - onprem.irsa._attributes
  - onprem.irsa._attributes.k8s
  - onprem.irsa._attributes.info_module
requirements:
  - kubernetes >= 24.2
options:
  max_expirations:
    description:
      - The value of C(--service-account-max-token-expiration) of each API server; an empty text for one without.
      - Where all have it, no token lives longer than the longest of them.
    type: list
    elements: str
    default: []
  asked_directly:
    description:
      - Seconds for which tokens live that somebody has asked the API for, which no object of the cluster shows.
      - O(max_expirations) do not cut them.
    type: int
    default: 3600
  servers:
    description: Where each API server answers, by a name for it. Its C(/metrics) are read.
    type: dict
    default: {}
  audience:
    description: An audience whose users are returned, such as the URL of an issuer that should go.
    type: str
    default: ""
seealso:
  - module: onprem.irsa.rotation_plan
  - module: onprem.irsa.migration_plan
"""

EXAMPLES = r"""
- name: Find the tokens in use
  onprem.irsa.signing_use_info:
  register: use
"""

RETURN = r"""
lifetimes:
  description: How long tokens live, each lifetime once, the longest first.
  returned: success
  type: list
  elements: dict
  contains:
    seconds:
      description: The lifetime.
      type: float
      returned: success
      sample: 86400.0
    source:
      description: The first object that asks for it.
      type: str
      returned: success
      sample: pod apps/reports
legacy_tokens:
  description: The tokens in Secrets of the type C(kubernetes.io/service-account-token).
  returned: success
  type: list
  elements: dict
  contains:
    secret:
      description: Namespace and name of the Secret.
      type: str
      returned: success
      sample: ci/robot
    kid:
      description: The id of the key that has signed it; empty for a token that cannot be read.
      type: str
      returned: success
      sample: Me5VC6i4_4mymFj7T5rcUftFjYX70YoCfSnZB6-nBY4
stale_uses:
  description:
    - How often each of O(servers) has taken a stale token since it started (C(serviceaccount_stale_tokens_total)).
  returned: success
  type: dict
  sample: {cp1: 0.0}
keepers:
  description: Pods with a token for the API servers that a program may have read once; none where no token was stale.
  returned: success
  type: list
  elements: dict
  contains:
    pod:
      description: Namespace and name of the pod.
      type: str
      returned: success
      sample: apps/reports
    started:
      description: When it started, in seconds since the epoch.
      type: float
      returned: success
      sample: 1767225600.0
slices:
  description: The EndpointSlices in which the API servers of the cluster stand.
  returned: success
  type: list
  elements: dict
audience_users:
  description: The pods, as namespace and name, that ask for tokens with O(audience).
  returned: success
  type: list
  elements: str
  sample: [ci/robot]
copies_made:
  description: When the key files were copied for hosts that join (the Secret kube-system/kubeadm-certs).
  returned: success; V(null) without such a copy
  type: float
  sample: 1767225600.0
"""

import typing as t
from dataclasses import asdict

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.endpoints import SLICES_LABEL, SLICES_PATH
from ansible_collections.onprem.irsa.plugins.module_utils._errors import reported
from ansible_collections.onprem.irsa.plugins.module_utils._in_use.tokens import (
    COPIES,
    LEGACY_TYPE,
    audience_users,
    keepers,
    legacy_tokens,
    lifetimes,
    made_at,
    seconds_of,
    stale_uses,
)
from ansible_collections.onprem.irsa.plugins.module_utils._injection.probe import is_probe
from ansible_collections.onprem.irsa.plugins.module_utils._kube.api import Api, k8s_module

ARGUMENT_SPEC: dict[str, t.Any] = {
    "max_expirations": {"type": "list", "elements": "str", "default": []},
    "asked_directly": {"type": "int", "default": 3600},
    "servers": {"type": "dict", "default": {}},
    "audience": {"type": "str", "default": ""},
}


def main() -> None:
    module = k8s_module(ARGUMENT_SPEC)
    api = Api(module)
    allowed = [seconds for seconds in map(seconds_of, module.params["max_expirations"]) if seconds is not None]
    cut = len(allowed) == len(module.params["max_expirations"])
    namespace, name = COPIES
    with reported(module):
        pods = api.items("/api/v1/pods")
        found = lifetimes(
            [account for account in api.items("/api/v1/serviceaccounts") if not is_probe(account)],
            pods,
            api.items("/apis/storage.k8s.io/v1/csidrivers"),
            asked_directly=float(module.params["asked_directly"]),
            longest_allowed=max(allowed, default=None) if cut else None,
        )
        legacy = legacy_tokens(api.items("/api/v1/secrets", fields=f"type={LEGACY_TYPE}"))
        slices = api.items(SLICES_PATH, labels=SLICES_LABEL)
        copies = api.get(f"/api/v1/namespaces/{namespace}/secrets/{name}")
        stale = {host: stale_uses(api.at(url).text("/metrics")) for host, url in module.params["servers"].items()}
    module.exit_json(
        changed=False,
        lifetimes=[asdict(lifetime) for lifetime in found],
        legacy_tokens=[asdict(token) for token in legacy],
        slices=[{"endpoints": found.get("endpoints") or []} for found in slices],
        copies_made=made_at(copies),
        stale_uses=stale,
        keepers=[asdict(keeper) for keeper in keepers(pods)] if any(stale.values()) else [],
        audience_users=audience_users(pods, module.params["audience"]) if module.params["audience"] else [],
    )


if __name__ == "__main__":
    main()
