#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: service_account_token
short_description: Ask an API server for a service-account token
version_added: 1.0.0
author:
  - The onprem.irsa authors (!UNKNOWN)
description:
  - Asks for a short-lived token of a service account through the TokenRequest API, as C(kubectl create token) does.
  - A TokenRequest changes nothing that is stored in the cluster, so the module asks in check mode, too.
  - Each API server signs with its own issuer and key. Name one with O(host) to see what that one does.
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - onprem.irsa._attributes
  - onprem.irsa._attributes.k8s
  - onprem.irsa._attributes.info_module
options:
  namespace:
    description:
      - The namespace of the service account.
    type: str
    required: true
  name:
    description:
      - The service account.
    type: str
    required: true
  audiences:
    description:
      - Whom the token is for.
      - By default the API server itself; such a token can do in the cluster what the service account can.
    type: list
    elements: str
    default: []
  expiration_seconds:
    description:
      - How long the token should be valid, in seconds, at least 600. The API server may shorten or extend it.
    type: int
    default: 600
requirements:
  - kubernetes >= 24.2
  - jwcrypto >= 1.5.6
  - PyYAML
seealso:
  - module: onprem.irsa.verify
  - name: TokenRequest
    description: The API that is used.
    link: https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/
"""

EXAMPLES = r"""
- name: Ask the API server on cp1 for a token
  onprem.irsa.service_account_token:
    host: https://192.0.2.11:6443
    namespace: apps
    name: reports
    audiences: [sts.amazonaws.com]
  delegate_to: localhost
  register: token
  no_log: true # whoever has the token has the role

- name: Show who signed it
  ansible.builtin.debug:
    msg: "{{ token.claims.iss }}, key {{ token.kid }}"
"""

RETURN = r"""
token:
  description: The token. It is a credential; use C(no_log) on the task.
  returned: success
  type: str
claims:
  description: What the token says, such as C(iss), C(aud), C(sub) and C(exp) of RFC 7519.
  returned: success
  type: dict
  sample:
    aud: [sts.amazonaws.com]
    exp: 1767226200
    iss: https://acme-prod-oidc.s3.eu-central-1.amazonaws.com
    sub: system:serviceaccount:apps:reports
kid:
  description: The id of the key that signed it.
  returned: success
  type: str
  sample: Me5VC6i4_4mymFj7T5rcUftFjYX70YoCfSnZB6-nBY4
seconds:
  description: How long the API server took.
  returned: success
  type: float
  sample: 0.02
"""

import time

from ansible.module_utils.basic import missing_required_lib

from ansible_collections.onprem.irsa.plugins.module_utils._errors import reported
from ansible_collections.onprem.irsa.plugins.module_utils._kube.api import Api, k8s_module
from ansible_collections.onprem.irsa.plugins.module_utils._kube.token_request import (
    SHORTEST,
    TokenRequest,
    request_token,
)
from ansible_collections.onprem.irsa.plugins.module_utils._proof.checks import IMPORT_ERROR, decode

_ARGUMENTS = {
    "namespace": {"type": "str", "required": True},
    "name": {"type": "str", "required": True},
    "audiences": {"type": "list", "elements": "str", "default": []},
    "expiration_seconds": {"type": "int", "default": SHORTEST},
}


def main() -> None:
    module = k8s_module(_ARGUMENTS)
    if IMPORT_ERROR is not None:
        module.fail_json(msg=missing_required_lib("jwcrypto"), exception=IMPORT_ERROR)
    with reported(module):
        start = time.monotonic()
        token = request_token(Api(module), TokenRequest(**{name: module.params[name] for name in _ARGUMENTS}))
        seconds = round(time.monotonic() - start, 2)
        header, claims = decode(token)
    module.exit_json(changed=False, token=token, claims=claims, kid=header.get("kid"), seconds=seconds)


if __name__ == "__main__":
    main()
