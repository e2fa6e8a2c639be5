#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: chain_documents_info
short_description: Look at an issuer's documents, and at STS, as the world has them, for a diagnosis (internal)
version_added: 1.0.0
author:
  - The onprem.irsa authors (!UNKNOWN)
description:
  - Looks at the addresses of the issuer's host, at the certificate that it shows, and at the discovery document and the
    key set, whatever is wrong with them; and whether STS answers in a region. Compares the controller's clock with
    those of who answers.
  - Needs no credentials, and sends none.
  - Made for the role P(onprem.irsa.irsa_doctor#role), and may change with it in any release.
extends_documentation_fragment:
  - onprem.irsa._attributes
  - onprem.irsa._attributes.info_module
options:
  issuer:
    description: The issuer URL; empty where nobody knows it.
    type: str
    required: true
  region:
    description: The AWS region that pods are told; empty where nobody knows it.
    type: str
    default: ""
  ca_path:
    description: A file with certificate authorities to trust, too, in PEM.
    type: path
  hosts:
    description:
      - What was seen on hosts of the cluster, by their names. Under C(sts) it is the result of M(ansible.builtin.uri)
        for the endpoint of STS.
    type: dict
    default: {}
requirements:
  - cryptography >= 42
  - jwcrypto >= 1.5.6
seealso:
  - module: onprem.irsa.issuer_info
  - module: onprem.irsa.chain_diagnosis
"""

EXAMPLES = r"""
- name: Look at what is published
  onprem.irsa.chain_documents_info:
    issuer: https://oidc.example.com
    region: eu-central-1
  register: documents
"""

RETURN = r"""
seen:
  description: What was seen, as a snapshot of which only the parts of this module are filled in.
  returned: success
  type: str
jwks_uri:
  description: The URL of the key set; empty where it could not be seen.
  returned: success
  type: str
  sample: https://oidc.example.com/openid/v1/jwks
"""

import time
import typing as t

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ansible_collections.onprem.irsa.plugins.module_utils._doctor.codec import to_json
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.gather_documents import gather
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.hosts import unreached_hosts
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.observations import from_observations
from ansible_collections.onprem.irsa.plugins.module_utils._documents.jwks import IMPORT_ERROR
from ansible_collections.onprem.irsa.plugins.module_utils._errors import reported


def main() -> t.NoReturn:
    module = AnsibleModule(
        argument_spec={
            "issuer": {"type": "str", "required": True},
            "region": {"type": "str", "default": ""},
            "ca_path": {"type": "path"},
            "hosts": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    if IMPORT_ERROR is not None:
        module.fail_json(msg=missing_required_lib("cryptography and jwcrypto"), exception=IMPORT_ERROR)
    issuer, region = module.params["issuer"], module.params["region"]
    with reported(module):
        observed = gather(issuer, region, module.params["ca_path"])
    if "unreached" in observed["region"]:
        observed["region"]["unreached"].update(unreached_hosts(module.params["hosts"]))
    snapshot = from_observations({"taken": time.time(), "issuer": issuer, **observed})
    module.exit_json(changed=False, seen=to_json(snapshot), jwks_uri=_jwks_uri(observed["documents"]))


def _jwks_uri(documents: t.Any) -> str:  # noqa: ANN401 -- probes, or why there are none
    return str(documents[0]["jwks"].get("url") or "") if isinstance(documents, list) else ""


if __name__ == "__main__":
    main()
