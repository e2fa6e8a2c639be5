#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: token_secrets
short_description: Have service-account tokens in Secrets made again (internal)
version_added: 1.0.0
author:
  - The onprem.irsa authors (!UNKNOWN)
description:
  - Removes the token from Secrets of the type C(kubernetes.io/service-account-token), and waits until
    kube-controller-manager has put another one there. No token is read out or returned.
  - API servers refuse the token before from that moment on, as it is not the one in its Secret any longer
    (C(--service-account-lookup)).
  - A Secret that is gone, or whose token O(kid) has signed, stays as it is.
  - Made for the role P(onprem.irsa.irsa_rotate#role), and may change with it in any release.
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - onprem.irsa._attributes
  - onprem.irsa._attributes.k8s
options:
  secrets:
    description: The Secrets, as C(NAMESPACE/NAME).
    type: list
    elements: str
    required: true
  kid:
    description: The id of the key that signs the new tokens.
    type: str
    required: true
  timeout:
    description: How many seconds to wait at most for each of them.
    type: int
    default: 60
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
requirements:
  - kubernetes >= 24.2
seealso:
  - module: onprem.irsa.signing_use_info
"""

EXAMPLES = r"""
- name: Have the token of a robot made again
  onprem.irsa.token_secrets:
    secrets: [ci/robot]
    kid: Me5VC6i4_4mymFj7T5rcUftFjYX70YoCfSnZB6-nBY4
"""

RETURN = r"""
reminted:
  description: The Secrets whose token was made again, or would be in check mode.
  returned: always
  type: list
  elements: str
  sample: [ci/robot]
"""

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError, IrsaError, reported
from ansible_collections.onprem.irsa.plugins.module_utils._in_use.tokens import LEGACY_TYPE, has_token, kid_of_secret
from ansible_collections.onprem.irsa.plugins.module_utils._kube.api import Api, k8s_module
from ansible_collections.onprem.irsa.plugins.module_utils._progress import Wait

_PAUSE = 0.5  # seconds between two looks
ARGUMENT_SPEC: dict[str, t.Any] = {
    "secrets": {"type": "list", "elements": "str", "required": True, "no_log": False},
    "kid": {"type": "str", "required": True},
    "timeout": {"type": "int", "default": 60},
}
Json = dict[str, t.Any]


def main() -> None:
    module = k8s_module(ARGUMENT_SPEC)
    asked, api = module.params, Api(module)
    reminted: list[str] = []
    with reported(module):
        try:
            for name in asked["secrets"]:
                if _remove(api, name, asked["kid"], dry_run=module.check_mode):
                    reminted.append(name)
                    if not module.check_mode:
                        _wait(api, name, asked["kid"], asked["timeout"])
        except IrsaError as error:
            error.add("", {**error.result, "changed": bool(reminted), "reminted": reminted})
            raise
    module.exit_json(changed=bool(reminted), reminted=reminted)


def _path(name: str) -> str:
    namespace, _slash, own = name.partition("/")
    return f"/api/v1/namespaces/{namespace}/secrets/{own}"


def _remove(api: Api, name: str, kid: str, *, dry_run: bool) -> bool:
    """Remove a token that another key has signed, and return whether there was one; only from what was looked at."""
    secret = api.get(_path(name))
    if secret is None or kid_of_secret(secret) == kid:
        return False
    if secret.get("type") != LEGACY_TYPE:
        raise InputError(
            f"The Secret {name} is of the type {secret.get('type')}, and not {LEGACY_TYPE}; it was left as it is.",
            fix="Name Secrets with tokens of service accounts alone.",
        )
    version = secret["metadata"]["resourceVersion"]
    api.merge(_path(name), {"metadata": {"resourceVersion": version}, "data": {"token": None}}, dry_run=dry_run)
    return True


def _wait(api: Api, name: str, kid: str, seconds: int) -> None:
    """Wait for another token; raises IrsaError where none comes in time, or one of another key."""
    wait = Wait(f"a new token in the Secret {name}", seconds)
    while not has_token(secret := api.get(_path(name)) or {}):
        if wait.is_over:
            raise IrsaError(
                f"The Secret {name} has got no token within {seconds} s after the one before was removed.",
                fix="kube-controller-manager makes it: see its log, and whether the service account is there that the "
                "Secret's annotation kubernetes.io/service-account.name names. It needs nothing else from here.",
            )
        wait.pause(_PAUSE)
    signer = kid_of_secret(secret)
    if signer != kid:
        raise IrsaError(
            f"The token that was made for the Secret {name} is signed with {signer or 'a key that cannot be told'}, "
            f"and not with {kid}.",
            fix="A kube-controller-manager signs with another key: see whether one runs on a host that is not in the "
            "inventory, and run the play again.",
        )


if __name__ == "__main__":
    main()
