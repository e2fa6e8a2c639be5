#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: issuer_info
short_description: Read what an issuer publishes
version_added: 1.0.0
author:
  - The onprem.irsa authors (!UNKNOWN)
description:
  - Fetches the discovery document and the key set of an issuer over their public URLs, whoever publishes them and how.
  - With O(kids), it judges them as AWS does, and fails when they do not do; status, issuer, key ids, the keys
    themselves by RFC 7517 and RFC 7518, a certificate that is trusted, and no more than 5 seconds each.
  - Another content type than the standard one is a warning, because AWS takes it.
  - Nothing counts as published only where the host does not exist, or answers 404 or 403. Other faults are tried
    again until O(timeout) and then a failure, because what is there may hold keys that must not be written over.
  - Trusts the system's certificate authorities, or those that E(SSL_CERT_FILE) names, and also those of
    O(ca_path).
extends_documentation_fragment:
  - onprem.irsa._attributes
  - onprem.irsa._attributes.info_module
options:
  issuer:
    description: The issuer URL.
    type: str
    required: true
  kids:
    description:
      - The ids of the keys that must be published.
      - When empty, nothing must be there yet, and any way of serving the documents is taken.
    type: list
    elements: str
    default: []
  jwks_uri:
    description: The URL that the discovery document must name. It is compared when O(kids) are given.
    type: str
  jwks:
    description:
      - The text of the key set that was published. Those of its keys that are served are compared with it member by
        member when O(kids) are given.
    type: str
  timeout:
    description: For how long to try again, in seconds, when what is served does not do, or cannot be fetched.
    type: int
    default: 5
  ca_path:
    description: A file with certificate authorities to trust, too, in PEM.
    type: path
requirements:
  - jwcrypto >= 1.5.6
seealso:
  - module: onprem.irsa.jwks
  - module: onprem.irsa.s3_issuer
"""

EXAMPLES = r"""
- name: The web server must serve the cluster's keys
  onprem.irsa.issuer_info:
    issuer: https://oidc.example.com
    kids: "{{ documents.kids }}"
  delegate_to: localhost
"""

RETURN = r"""
served:
  description: Whether both documents were found.
  returned: success
  type: bool
discovery_document:
  description: The text of the discovery document; empty where there is none.
  returned: success
  type: str
jwks:
  description: The text of the key set; empty where there is none.
  returned: success
  type: str
jwks_uri:
  description: The URL of the key set; empty where there is none.
  returned: success
  type: str
  sample: https://oidc.example.com/openid/v1/jwks
kids:
  description: The ids of the published keys, in their order.
  returned: success
  type: list
  elements: str
  sample: [Me5VC6i4_4mymFj7T5rcUftFjYX70YoCfSnZB6-nBY4]
max_age:
  description:
    - For how many seconds caches may keep the key set, by C(Cache-Control), with C(stale-while-revalidate) and
      C(stale-if-error), or by C(Expires).
  returned: success; V(null) where no header says anything of it
  type: float
  sample: 300.0
unchanged_for:
  description: For how many seconds the key set has been as it is, by C(Last-Modified) and the server's own clock.
  returned: success; V(null) where the server does not tell
  type: float
  sample: 4210.0
read_back:
  description: What the public URLs answered, the key set first.
  returned: success
  type: list
  elements: dict
  contains:
    url:
      description: The URL that was fetched.
      type: str
      returned: success
      sample: https://oidc.example.com/openid/v1/jwks
    status:
      description: The HTTP status.
      type: int
      returned: success
      sample: 200
    content_type:
      description: The content type.
      type: str
      returned: success
      sample: application/jwk-set+json
    seconds:
      description: The time until the last byte.
      type: float
      returned: success
      sample: 0.12
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ansible_collections.onprem.irsa.plugins.module_utils._documents.issuer import check_issuer_url
from ansible_collections.onprem.irsa.plugins.module_utils._documents.jwks import IMPORT_ERROR, kids_of_document
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError, reported
from ansible_collections.onprem.irsa.plugins.module_utils._proof.read_back import look, read_back, seen, warnings


def info(params: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    issuer, ca_file = check_issuer_url(params["issuer"]), params["ca_path"]
    if params["timeout"] < 0:
        raise InputError(f"The timeout {params['timeout']} must be 0 or more seconds.", fix="Correct it.")
    if params["kids"]:
        expected = {"jwks_uri": params["jwks_uri"], "jwks": params["jwks"]}
        documents = read_back(issuer, params["kids"], **expected, ca_file=ca_file, seconds=params["timeout"])
    else:
        documents = look(issuer, ca_file=ca_file, seconds=params["timeout"])
    jwks, discovery = [document.body for document in documents] or ["", ""]
    return {
        "served": bool(documents),
        "discovery_document": discovery,
        "jwks": jwks,
        "jwks_uri": documents[0].url if documents else "",
        "kids": kids_of_document(jwks),
        "max_age": documents[0].max_age if documents else None,
        "unchanged_for": documents[0].unchanged_for if documents else None,
        "read_back": [seen(document) for document in documents],
        "warnings": warnings(documents, params["kids"]) if params["kids"] else [],
    }


def main() -> t.NoReturn:
    module = AnsibleModule(
        argument_spec={
            "issuer": {"type": "str", "required": True},
            "kids": {"type": "list", "elements": "str", "default": []},
            "jwks_uri": {"type": "str"},
            "jwks": {"type": "str"},
            "timeout": {"type": "int", "default": 5},
            "ca_path": {"type": "path"},
        },
        supports_check_mode=True,
    )
    if IMPORT_ERROR is not None:
        module.fail_json(msg=missing_required_lib("cryptography and jwcrypto"), exception=IMPORT_ERROR)
    with reported(module):
        found = info(module.params)
        for warning in found.pop("warnings"):
            module.warn(warning)
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
