#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: api_servers_info
short_description: Ask every API server which keys it has, what it signs with, and what it accepts (internal)
version_added: 1.0.0
author:
  - The onprem.irsa authors (!UNKNOWN)
description:
  - Looks at the API servers of a cluster from outside. No host is contacted, so that it works on any distribution.
  - Asks each API server that the EndpointSlices of C(default/kubernetes) name at its own address. Where that is one
    alone, or where one of several does not answer from here, it asks the address that answers, or that of the
    kubeconfig, in new connections until nothing new comes, because several API servers may be behind it. The result
    says which way was taken.
  - Of each it reads C(/openid/v1/jwks) and C(/.well-known/openid-configuration) with the credentials of the kubeconfig,
    has it sign a token of the service account C(default/default) for ten minutes, which is dropped, and has it review
    that of each other one.
  - Which issuers it accepts shows in its reviews of tokens that nobody has signed, which are valid nowhere. It says of
    an issuer that it accepts that the key is unknown, and of another one nothing.
  - Fails where the keys cannot be published, such as two keys with one id, or a key that signs and is not served; and
    where an API server does not have a key with which another one signs.
  - Changes nothing, and does the same in check mode.
  - Made for the roles of this collection, and may change with them in any release.
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - onprem.irsa._attributes
  - onprem.irsa._attributes.k8s
  - onprem.irsa._attributes.info_module
options:
  issuers:
    description:
      - Issuers to ask for whether they are accepted, besides those that sign, those among the audiences of tokens, and
        the default ones of kubeadm and of Kubernetes.
    type: list
    elements: str
    default: []
  public_keys:
    description:
      - The cluster's public keys and certificates as PEM texts. Without them, the keys are those that the API servers
        serve.
    type: list
    elements: str
    default: []
requirements:
  - kubernetes >= 24.2
  - jwcrypto >= 1.5.6
  - cryptography
notes:
  - The user of the kubeconfig must be able to list the EndpointSlices of the namespace default, to create tokens of its
    service account (C(serviceaccounts/token)) and C(tokenreviews), and to get the two paths. Where it may also get
    nodes and the ConfigMap C(kube-system/kubeadm-config), these show the distribution.
seealso:
  - module: onprem.irsa.api_servers_plan
"""

EXAMPLES = r"""
- name: Ask every API server which keys it has
  onprem.irsa.api_servers_info:
    kubeconfig: "{{ lookup('ansible.builtin.file', 'kubeconfig') | from_yaml }}"
  register: answers
"""

RETURN = r"""
keys:
  description: The cluster's public keys as JSON Web Keys; those of O(public_keys) where they are given.
  returned: success
  type: list
  elements: dict
kids:
  description: The ids of RV(keys), in their order.
  returned: success
  type: list
  elements: str
said:
  description: What each API server says of itself; where a load balancer was asked, each different answer.
  returned: success
  type: list
  elements: dict
  contains:
    server:
      description: The URL that was asked.
      type: str
    issuer:
      description: The issuer of a token that it has just signed.
      type: str
    kid:
      description: The id of the key that it signs with.
      type: str
    audiences:
      description: Whom its tokens are for where nobody is named.
      type: list
      elements: str
    keys:
      description: The key set that it serves, as it is.
      type: list
      elements: dict
    jwks_uri:
      description: Where its discovery document has the key set; empty where it serves none.
      type: str
accepted:
  description: What each API server makes of tokens; where a load balancer was asked, each different answer.
  returned: success
  type: list
  elements: dict
  contains:
    server:
      description: The URL that was asked.
      type: str
    issuers:
      description: The issuers that it accepts, of those that it was asked for.
      type: list
      elements: str
    refused:
      description: Issuer and key id of each token that another API server has signed, and that it refuses.
      type: list
      elements: list
balanced:
  description: The URL that was asked until its answers repeated; empty where each was asked at its own address.
  returned: success
  type: str
rounds:
  description: How often that was.
  returned: success
  type: int
unreached:
  description: The addresses that the cluster names and that do not answer here, and why.
  returned: success
  type: dict
issuers:
  description: The issuers of the tokens that are signed.
  returned: success
  type: list
  elements: str
servers:
  description: The URL of each API server that was asked, by its name, which is the URL without C(https).
  returned: success
  type: dict
  sample: {"10.0.0.11:6443": "https://10.0.0.11:6443"}
named:
  description: The URLs of the API servers that the cluster names, whether they answer here or not.
  returned: success
  type: list
  elements: str
says:
  description: Which way the API servers were asked, in words.
  returned: success
  type: str
distribution:
  description: The Kubernetes distribution, as far as the API shows it; else empty.
  returned: success
  type: str
  sample: K3s
version:
  description: The version of Kubernetes.
  returned: success
  type: str
  sample: v1.34.4+k3s1
talos_version:
  description:
    - The oldest version of Talos on the nodes of the control plane; empty where not every one of them shows one.
  returned: success
  type: str
  sample: v1.13.2
"""

import typing as t

from ansible.module_utils.basic import missing_required_lib

from ansible_collections.onprem.irsa.plugins.module_utils._api_server import answers
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.asking import Server, ask, release_of
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.endpoints import SLICES_LABEL, SLICES_PATH, urls
from ansible_collections.onprem.irsa.plugins.module_utils._documents.jwks import IMPORT_ERROR, jwks_from_pems
from ansible_collections.onprem.irsa.plugins.module_utils._errors import reported
from ansible_collections.onprem.irsa.plugins.module_utils._kube.api import Api, ShownModule, k8s_module
from ansible_collections.onprem.irsa.plugins.module_utils._kube.token_request import (
    SHORTEST,
    TokenRequest,
    request_token,
)

_SUBJECT: t.Final = TokenRequest("default", "default", (), SHORTEST)
ARGUMENT_SPEC: dict[str, t.Any] = {
    "issuers": {"type": "list", "elements": "str", "default": []},
    "public_keys": {"type": "list", "elements": "str", "default": [], "no_log": True},
}


def main() -> None:
    module = k8s_module(ARGUMENT_SPEC, ShownModule)
    if IMPORT_ERROR is not None:
        module.fail_json(msg=missing_required_lib("cryptography and jwcrypto"), exception=IMPORT_ERROR)
    with reported(module):
        api = Api(module)
        named = urls(api.items(SLICES_PATH, labels=SLICES_LABEL))
        # At its own URL, too: a client of its own has connections of its own.
        asked = ask(api.at(api.server), named, module.params["issuers"], _sign)
        keys = _keys(asked, module.params["public_keys"])
        release = release_of(api)
    for warning in answers.warnings(asked):
        module.warn(warning)
    module.exit_json(
        changed=False,
        **answers.as_result(asked),
        keys=keys,
        kids=[key["kid"] for key in keys],
        issuers=[*asked.signing],
        servers={answers.host_of(url): url for url in asked.servers},
        named=[*named],
        says=answers.in_words(asked),
        **release,
    )


def _sign(server: Server) -> str:
    return request_token(t.cast("Api", server), _SUBJECT)


def _keys(asked: answers.Asked, pems: list[str]) -> list[dict[str, t.Any]]:
    """Return the keys to publish; raise InputError where one that signs is not among them, or not on all servers."""
    if pems:
        keys = jwks_from_pems((f"public_keys, item {number}", pem) for number, pem in enumerate(pems, start=1))
        answers.require_signing(asked, [key["kid"] for key in keys])
        found = [dict(key) for key in keys]
    else:
        found = [dict(key) for key in answers.key_set(asked)]
    answers.require_shared_keys(asked)
    return found


if __name__ == "__main__":
    main()
