#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: proof_tokens
short_description: Ask every API server for a token, and for tokens that must be refused (internal)
version_added: 1.0.0
author:
  - The onprem.irsa authors (!UNKNOWN)
description:
  - Asks each API server of O(servers) for a token of a service account, and the one that the kubeconfig names for
    tokens that AWS should refuse.
  - An API server that gives no token is no failure of the module; the result says why. A wrong token that is not given
    is a failure, because nothing would be proved without it.
  - A TokenRequest changes nothing that is stored in the cluster, so the module asks in check mode, too.
  - Made for the role P(onprem.irsa.irsa_verify#role), and may change with it in any release.
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - onprem.irsa._attributes
  - onprem.irsa._attributes.k8s
  - onprem.irsa._attributes.info_module
options:
  namespace:
    description: The namespace of the service account.
    type: str
    required: true
  name:
    description: The service account.
    type: str
    required: true
  audience:
    description: Whom the tokens are for.
    type: str
    required: true
  servers:
    description: Where each API server answers, by a name for it; an empty URL is of one that does not run.
    type: dict
    required: true
  wrong:
    description: Whether to ask for tokens that AWS should refuse, too.
    type: bool
    default: true
  untrusted:
    description: A service account that the role does not trust, as C(namespace/name); empty for none.
    type: str
    default: ""
  other_audience:
    description: An audience that the identity provider has for another role; empty for none.
    type: str
    default: ""
requirements:
  - kubernetes >= 24.2
seealso:
  - module: onprem.irsa.service_account_token
  - module: onprem.irsa.verify
"""

EXAMPLES = r"""
- name: Ask every API server for a token
  onprem.irsa.proof_tokens:
    namespace: apps
    name: reports
    audience: sts.amazonaws.com
    servers: {cp1: "https://192.0.2.11:6443"}
  register: answers
  no_log: true # whoever has the tokens has the role
"""

RETURN = r"""
tokens:
  description: What each API server has answered, as O(onprem.irsa.verify#module:tokens) takes it. They are credentials.
  returned: success
  type: list
  elements: dict
wrong_account:
  description: A token of O(untrusted); empty without one.
  returned: success
  type: str
wrong_audience:
  description: A token for an audience that nobody has; empty without O(wrong).
  returned: success
  type: str
other_audience:
  description: A token for O(other_audience); empty without one, and where the API server gives none.
  returned: success
  type: str
"""

import time
import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._errors import ApiError, IrsaError, reported
from ansible_collections.onprem.irsa.plugins.module_utils._kube.api import Api, k8s_module
from ansible_collections.onprem.irsa.plugins.module_utils._kube.token_request import (
    SHORTEST,
    TokenRequest,
    request_token,
)

_NOBODY = "wrong-audience.invalid"
ARGUMENT_SPEC: dict[str, t.Any] = {
    "namespace": {"type": "str", "required": True},
    "name": {"type": "str", "required": True},
    "audience": {"type": "str", "required": True},
    "servers": {"type": "dict", "required": True},
    "wrong": {"type": "bool", "default": True},
    "untrusted": {"type": "str", "default": ""},
    "other_audience": {"type": "str", "default": ""},
}


def main() -> None:
    module = k8s_module(ARGUMENT_SPEC)
    asked, api = module.params, Api(module)
    own = TokenRequest(asked["namespace"], asked["name"], [asked["audience"]], SHORTEST)
    tokens = [_answer(api, name, str(url or ""), own) for name, url in asked["servers"].items()]
    wrong = {"wrong_account": "", "wrong_audience": "", "other_audience": ""}
    with reported(module):
        if asked["wrong"]:
            wrong["wrong_audience"] = _wrong(api, own._replace(audiences=[_NOBODY]))
        if asked["wrong"] and asked["untrusted"]:
            namespace, name = asked["untrusted"].split("/", 1)
            wrong["wrong_account"] = _wrong(api, own._replace(namespace=namespace, name=name))
    if asked["wrong"] and asked["other_audience"]:
        other = _answer(api, "", api.server, own._replace(audiences=[asked["other_audience"]]))
        wrong["other_audience"] = other["token"]
    module.exit_json(changed=False, tokens=tokens, **wrong)


def _answer(api: Api, name: str, url: str, request: TokenRequest) -> dict[str, t.Any]:
    """Return what an API server answers, or why it gives no token."""
    if not url:
        return {"server": name, "token": "", "error": "no process of it runs"}
    start = time.monotonic()
    try:
        token = request_token(api.at(url), request)
    except IrsaError as error:
        return {"server": name, "token": "", "error": str(error)}
    return {"server": name, "token": token, "error": "", "seconds": round(time.monotonic() - start, 2)}


def _wrong(api: Api, request: TokenRequest) -> str:
    """Return a token that AWS should refuse; raises IrsaError where there is none to be refused."""
    try:
        return request_token(api, request)
    except ApiError as error:
        raise IrsaError(
            f"The API server gives no token to be refused: {error.problem}",
            fix="Use a kubeconfig whose user may create serviceaccounts/token.",
        ) from error


if __name__ == "__main__":
    main()
