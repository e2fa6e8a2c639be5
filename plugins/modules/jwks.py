#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: jwks
short_description: Build the documents of an issuer from its public keys
version_added: 1.0.0
author:
  - The onprem.irsa authors (!UNKNOWN)
description:
  - Builds the two documents by which AWS and other relying parties verify service-account tokens, the OpenID Connect
    discovery document and the JSON Web Key Set, from the public keys of a cluster.
  - Both equal, byte for byte, what C(kube-apiserver) serves for the same keys in the same order.
  - Touches nothing and reads no file; publish the documents with M(onprem.irsa.s3_issuer).
extends_documentation_fragment:
  - onprem.irsa._attributes
  - onprem.irsa._attributes.info_module
options:
  issuer:
    description:
      - The issuer URL, as tokens carry it in their claim C(iss).
      - It begins with V(https://), has at most 255 characters, and no user, port, query, fragment or slash at its end.
    type: str
    required: true
  jwks_uri:
    description:
      - The URL of the key set.
      - By default the issuer followed by V(/openid/v1/jwks).
    type: str
  public_keys:
    description:
      - The public keys, in the order in which the API server reads its key files.
      - RSA keys of 2048 bits or more, and ECDSA keys on P-256, P-384 and P-521.
      - Needed, unless O(served_keys) is given.
    type: list
    elements: dict
    default: []
    suboptions:
      pem:
        description:
          - A PEM text. It may hold several C(PUBLIC KEY) and C(CERTIFICATE) blocks; private blocks in it are not read.
        type: str
        required: true
      name:
        description:
          - What messages call the text, such as its file.
          - By default V(public_keys[0]), V(public_keys[1]) and so on.
        type: str
  served_keys:
    description:
      - JSON Web Keys as API servers serve them, which have an id each. They are published as they are, after
        O(public_keys). What is private in them is refused.
    type: list
    elements: dict
    default: []
  published_jwks:
    description:
      - Texts of key sets that are published. Their keys are kept in addition to those of the cluster, except for
        O(retired_kids). One that is not empty and cannot be read is refused, because its keys would be lost.
    type: list
    elements: str
    default: []
  published_discovery_documents:
    description:
      - Texts of discovery documents that are published. One that names another issuer, or the key set at another place
        than O(jwks_uri), is refused, and so is one that is not empty and cannot be read.
    type: list
    elements: str
    default: []
  retired_kids:
    description:
      - Key ids that should no longer be published. One of the cluster's own keys is refused.
    type: list
    elements: str
    default: []
requirements:
  - cryptography >= 42
  - jwcrypto >= 1.5.6
seealso:
  - module: onprem.irsa.s3_issuer
  - name: OpenID Connect Discovery 1.0
    description: What a discovery document holds.
    link: https://openid.net/specs/openid-connect-discovery-1_0.html
"""

EXAMPLES = r"""
- name: Build the documents of a cluster
  onprem.irsa.jwks:
    issuer: https://acme-prod-oidc.s3.eu-central-1.amazonaws.com
    public_keys:
      - pem: "{{ lookup('ansible.builtin.file', 'sa.pub') }}"
  delegate_to: localhost
  register: documents
"""

RETURN = r"""
discovery_document:
  description: The discovery document, one line of JSON without a line end.
  returned: success
  type: str
  sample: >-
    {"issuer":"https://oidc.example.com","jwks_uri":"https://oidc.example.com/openid/v1/jwks",
    "response_types_supported":["id_token"],"subject_types_supported":["public"],
    "id_token_signing_alg_values_supported":["RS256"]}
jwks:
  description: The key set, one line of JSON without a line end.
  returned: success
  type: str
  sample: >-
    {"keys":[{"use":"sig","kty":"RSA","kid":"Me5VC6i4_4mymFj7T5rcUftFjYX70YoCfSnZB6-nBY4","alg":"RS256","n":"…",
    "e":"AQAB"}]}
jwks_uri:
  description: The URL of the key set.
  returned: success
  type: str
  sample: https://oidc.example.com/openid/v1/jwks
kept_kids:
  description: The key ids of the keys that were kept from O(published_jwks).
  returned: success
  type: list
  elements: str
  sample: []
kids:
  description: The key ids of O(public_keys) and O(served_keys), in their order, each once.
  returned: success
  type: list
  elements: str
  sample: [Me5VC6i4_4mymFj7T5rcUftFjYX70YoCfSnZB6-nBY4]
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ansible_collections.onprem.irsa.plugins.module_utils._documents.discovery import (
    Documents,
    beside_published,
    check_place,
    discovery_document,
)
from ansible_collections.onprem.irsa.plugins.module_utils._documents.jwk_rules import private_values
from ansible_collections.onprem.irsa.plugins.module_utils._documents.jwks import (
    IMPORT_ERROR,
    jwks_document,
    jwks_from_pems,
    kids_of_document,
    served_keys,
)
from ansible_collections.onprem.irsa.plugins.module_utils._documents.paths import JWKS_PATH
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError, reported


def documents(params: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    if not (params["public_keys"] or params["served_keys"]):
        raise InputError("There are no public_keys.", fix="Give at least one public key.")
    jwks_uri = params["jwks_uri"] or params["issuer"] + JWKS_PATH
    of_pems = jwks_from_pems(
        (key["name"] or f"public_keys[{number}]", key["pem"]) for number, key in enumerate(params["public_keys"])
    )
    keys = [*{key["kid"]: key for key in [*of_pems, *served_keys(params["served_keys"])]}.values()]
    own = Documents(discovery_document(params["issuer"], jwks_uri, [key["alg"] for key in keys]), jwks_document(keys))
    published = {f"published_jwks[{number}]": text for number, text in enumerate(params["published_jwks"])}
    named = enumerate(params["published_discovery_documents"])
    check_place(
        params["issuer"], jwks_uri, {f"published_discovery_documents[{number}]": text for number, text in named}
    )
    made = beside_published(own, published, retired=params["retired_kids"])
    return {
        "discovery_document": made.discovery,
        "jwks": made.jwks,
        "jwks_uri": jwks_uri,
        "kids": [key["kid"] for key in keys],
        "kept_kids": [kid for kid in kids_of_document(made.jwks) if kid not in kids_of_document(own.jwks)],
    }


def main() -> t.NoReturn:
    module = AnsibleModule(
        argument_spec={
            "issuer": {"type": "str", "required": True},
            "jwks_uri": {"type": "str"},
            "public_keys": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "no_log": False,
                "options": {"pem": {"type": "str", "required": True, "no_log": True}, "name": {"type": "str"}},
            },
            "served_keys": {"type": "list", "elements": "dict", "default": [], "no_log": False},
            "published_jwks": {"type": "list", "elements": "str", "default": [], "no_log": False},
            "published_discovery_documents": {"type": "list", "elements": "str", "default": []},
            "retired_kids": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    if IMPORT_ERROR is not None:
        module.fail_json(msg=missing_required_lib("cryptography and jwcrypto"), exception=IMPORT_ERROR)
    module.no_log_values |= private_values(module.params["served_keys"])
    with reported(module):
        result = documents(module.params)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
