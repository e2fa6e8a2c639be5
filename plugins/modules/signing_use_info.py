#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: signing_use_info
short_description: Find which service-account tokens a cluster has in use
version_added: 1.0.0
author:
  - The onprem.irsa authors (@onprem)
description:
  - Returns how long the tokens live that service accounts and pods ask for, and which key has signed the tokens that
    stand in Secrets and do not end by themselves. No token is among what it returns.
  - Made for the roles of this collection, and may change with them in any release.
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - onprem.irsa._attributes
  - onprem.irsa._attributes.info_module
attributes:
  action_group:
    description: Use C(group/onprem.irsa.k8s) in C(module_defaults); it holds the modules of kubernetes.core, too.
    support: full
    membership:
      - onprem.irsa.k8s
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
seealso:
  - module: onprem.irsa.rotation_plan
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
copies_made:
  description: When the key files were copied for hosts that join (the Secret kube-system/kubeadm-certs).
  returned: success; V(null) without such a copy
  type: float
  sample: 1767225600.0
"""

import copy
import typing as t
from dataclasses import asdict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.kubernetes.core.plugins.module_utils.args_common import AUTH_ARG_SPEC
from ansible_collections.kubernetes.core.plugins.module_utils.k8s.core import AnsibleK8SModule

from ansible_collections.onprem.irsa.plugins.module_utils._errors import reported
from ansible_collections.onprem.irsa.plugins.module_utils._kube.api import Api
from ansible_collections.onprem.irsa.plugins.module_utils._rotation.use import (
    COPIES,
    LEGACY_TYPE,
    legacy_tokens,
    lifetimes,
    made_at,
    seconds_of,
)

ARGUMENT_SPEC: dict[str, t.Any] = {"max_expirations": {"type": "list", "elements": "str", "default": []}}


def main() -> None:
    module = AnsibleK8SModule(
        module_class=AnsibleModule,
        argument_spec={**copy.deepcopy(AUTH_ARG_SPEC), **ARGUMENT_SPEC},
        supports_check_mode=True,
    )
    api = Api(module)
    allowed = [seconds for seconds in map(seconds_of, module.params["max_expirations"]) if seconds is not None]
    cut = len(allowed) == len(module.params["max_expirations"])
    namespace, name = COPIES
    with reported(module):
        found = lifetimes(
            api.items("/api/v1/serviceaccounts"),
            api.items("/api/v1/pods"),
            longest_allowed=max(allowed, default=None) if cut else None,
        )
        legacy = legacy_tokens(api.items("/api/v1/secrets", fields=f"type={LEGACY_TYPE}"))
        copies = api.get(f"/api/v1/namespaces/{namespace}/secrets/{name}")
    module.exit_json(
        changed=False,
        lifetimes=[asdict(lifetime) for lifetime in found],
        legacy_tokens=[asdict(token) for token in legacy],
        copies_made=made_at(copies),
    )


if __name__ == "__main__":
    main()
