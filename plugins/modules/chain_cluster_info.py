#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: chain_cluster_info
short_description: Look at what a cluster shows of the chain, for a diagnosis (internal)
version_added: 1.0.0
author:
  - The onprem.irsa authors (!UNKNOWN)
description:
  - Looks once at API servers, service accounts, pods, what injects them and, on request, at Secrets with tokens. What
    may not be read is told in its place, and hides nothing else.
  - Changes nothing. It asks for a token of the service account C(default/default), which is dropped, has tokens
    reviewed, and has API servers try a pod without storing it where the role P(onprem.irsa.irsa_webhook#role) has made
    a service account for that. It asks for nothing that P(onprem.irsa.irsa_doctor#role) does not print as a right.
  - Of tokens it returns claims, of Secrets names, of pods the variables that name a role.
  - Made for the role P(onprem.irsa.irsa_doctor#role), and may change with it in any release.
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - onprem.irsa._attributes
  - onprem.irsa._attributes.k8s
  - onprem.irsa._attributes.info_module
options:
  injection:
    description:
      - The options of the role P(onprem.irsa.irsa_webhook#role), without its prefix, as far as they are set. Without
        C(mode), what injects pods is judged by what it does, not by what was asked for.
    type: dict
    default: {}
  issuers:
    description: Issuers to ask API servers for whether they accept them, besides those that sign.
    type: list
    elements: str
    default: []
  hosts:
    description:
      - What was seen on each control-plane host, by the hosts' names. Under C(seen) and C(manager) these are results of
        M(onprem.irsa.control_plane_info) for both components, under C(files) those of M(ansible.builtin.stat) for key
        files, and under C(clock) that of C(timedatectl show --property=NTPSynchronized --value).
      - A result may be one of a task that failed, or of a host that was not reached.
    type: dict
    default: {}
  legacy_secrets:
    description: Whether to look at Secrets of the type C(kubernetes.io/service-account-token) in all namespaces.
    type: bool
    default: false
requirements:
  - kubernetes >= 24.2
  - jwcrypto >= 1.5.6
  - cryptography
seealso:
  - module: onprem.irsa.chain_diagnosis
"""

EXAMPLES = r"""
- name: Look at the cluster
  onprem.irsa.chain_cluster_info:
    kubeconfig: "{{ lookup('ansible.builtin.file', 'kubeconfig') | from_yaml }}"
  register: cluster
"""

RETURN = r"""
seen:
  description: What was seen, as a snapshot of which only the parts of the cluster are filled in.
  returned: success
  type: str
issuer:
  description: The issuer with which API servers sign; empty where that could not be seen.
  returned: success
  type: str
  sample: https://acme-prod-oidc.s3.eu-central-1.amazonaws.com
region:
  description: The region that most pods are told; empty where none is.
  returned: success
  type: str
  sample: eu-central-1
role_arns:
  description: The ARNs of the roles that service accounts name.
  returned: success
  type: list
  elements: str
  sample: [arn:aws:iam::123456789012:role/prod-reports]
"""

import typing as t
from datetime import datetime, timezone

from ansible.module_utils.basic import missing_required_lib

from ansible_collections.onprem.irsa.plugins.module_utils._doctor.asking import Within
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.codec import to_json
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.gather_cluster import TOKEN_SECONDS, Wanted, gather
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.hosts import looked_at_hosts
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.observations import from_observations
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.parts import issuer_of, named_roles, told_region
from ansible_collections.onprem.irsa.plugins.module_utils._documents.jwks import IMPORT_ERROR
from ansible_collections.onprem.irsa.plugins.module_utils._errors import reported
from ansible_collections.onprem.irsa.plugins.module_utils._kube.api import Api, ShownModule, k8s_module
from ansible_collections.onprem.irsa.plugins.module_utils._kube.token_request import TokenRequest, request_token

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._api_server.asking import Server

ARGUMENT_SPEC: dict[str, t.Any] = {
    "injection": {"type": "dict", "default": {}},
    "issuers": {"type": "list", "elements": "str", "default": []},
    "hosts": {"type": "dict", "default": {}},
    "legacy_secrets": {"type": "bool", "default": False},
}
_INJECTION: t.Final = {"namespace": "pod-identity-webhook", "audience": "sts.amazonaws.com"}


def main() -> None:
    module = k8s_module(ARGUMENT_SPEC, ShownModule)
    if IMPORT_ERROR is not None:
        module.fail_json(msg=missing_required_lib("cryptography and jwcrypto"), exception=IMPORT_ERROR)
    asked, now = module.params, datetime.now(timezone.utc)
    injection = {**_INJECTION, **asked["injection"]}
    read = Within(Api(module), injection["namespace"], legacy_secrets=asked["legacy_secrets"])
    with reported(module):
        found = gather(read, Wanted(now, injection, asked["issuers"], asked["legacy_secrets"]), _sign)
        snapshot = from_observations(
            {
                **found.observed,
                "taken": now.timestamp(),
                "issuer": issuer_of(found.issuers),
                "audience": injection["audience"],
                "api_servers": _api_servers(asked, found.observed["api_servers"]),
            }
        )
    module.exit_json(
        changed=False,
        seen=to_json(snapshot),
        issuer=snapshot.issuer,
        region=told_region(snapshot),
        role_arns=named_roles(snapshot),
    )


def _sign(server: Server) -> str:
    return request_token(t.cast("Api", server), TokenRequest("default", "default", (), TOKEN_SECONDS))


def _api_servers(asked: t.Mapping[str, t.Any], answers: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return what is known of API servers by their hosts and by their answers, or why nothing is."""
    if not asked["hosts"]:
        return answers
    known = {} if "not_looked_at" in answers else answers
    return {**known, **looked_at_hosts(asked["hosts"])}


if __name__ == "__main__":
    main()
