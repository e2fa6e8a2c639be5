#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: issuer_use_info
short_description: Find for how long the tokens of an issuer are in use
version_added: 1.0.0
author:
  - The onprem.irsa authors (@onprem)
description:
  - Returns how long the tokens live that service accounts and pods ask for, and which pods ask for tokens with the
    issuer's URL as their audience. No token is among what it returns.
  - Made for the roles of this collection, and may change with them in any release.
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - onprem.irsa._attributes
  - onprem.irsa._attributes.info_module
  - onprem.irsa._attributes.k8s
requirements:
  - kubernetes >= 24.2
options:
  issuer:
    description: The issuer URL.
    type: str
    required: true
  flags:
    description:
      - The flags with which each API server runs, a list of values by name, as C(running_flags) of
        M(onprem.irsa.control_plane_info).
      - Where all have C(--service-account-max-token-expiration), no token lives longer than the longest of them.
      - Unless C(--service-account-extend-token-expiration) is off on all of them, the tokens that every pod gets last
        longer than pods ask for. The kubelet replaces them within a day, which is counted then.
    type: list
    elements: dict
    default: []
seealso:
  - module: onprem.irsa.migration_plan
"""

EXAMPLES = r"""
- name: Find for how long tokens of the former issuer are in use
  onprem.irsa.issuer_use_info:
    issuer: https://acme-prod-oidc.s3.eu-central-1.amazonaws.com
  register: use
"""

RETURN = r"""
lifetimes:
  description: How long tokens are in use, each time once, the longest first.
  returned: success
  type: list
  elements: dict
  contains:
    seconds:
      description: The time.
      type: float
      returned: success
      sample: 86400.0
    source:
      description: The first object that asks for it.
      type: str
      returned: success
      sample: pod apps/reports
audience_users:
  description: The pods, as namespace and name, that ask for tokens with the issuer's URL as their audience.
  returned: success
  type: list
  elements: str
  sample: [ci/robot]
"""

import typing as t
from dataclasses import asdict

from ansible_collections.onprem.irsa.plugins.module_utils._errors import reported
from ansible_collections.onprem.irsa.plugins.module_utils._kube.api import Api, ShownModule, k8s_module
from ansible_collections.onprem.irsa.plugins.module_utils._migration.use import audience_users, lifetimes, limits

ARGUMENT_SPEC: dict[str, t.Any] = {
    "issuer": {"type": "str", "required": True},
    "flags": {"type": "list", "elements": "dict", "default": []},
}


def main() -> None:
    module = k8s_module(ARGUMENT_SPEC, ShownModule)
    longest_allowed, extended = limits(module.params["flags"])
    with reported(module):
        api = Api(module)
        pods = api.items("/api/v1/pods")
        found = lifetimes(
            api.items("/api/v1/serviceaccounts"), pods, longest_allowed=longest_allowed, extended=extended
        )
    module.exit_json(
        changed=False,
        lifetimes=[asdict(lifetime) for lifetime in found],
        audience_users=audience_users(pods, module.params["issuer"]),
    )


if __name__ == "__main__":
    main()
