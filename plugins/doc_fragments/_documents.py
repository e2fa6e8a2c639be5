# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of what publishes an issuer's documents. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  discovery_document:
    description: The text of the discovery document, as M(onprem.irsa.jwks) returns it.
    type: str
  jwks:
    description: The text of the key set, as M(onprem.irsa.jwks) returns it.
    type: str
  retired_kids:
    description:
      - Key ids that should no longer be published. AWS rejects tokens that such a key signed from then on.
      - A key that is in O(jwks), too, is refused.
    type: list
    elements: str
    default: []
  versioning:
    description:
      - Whether the bucket keeps older versions of its objects. When not given, that stays as it is.
      - Older versions keep the bucket from being removed.
    type: bool
  ca_path:
    description:
      - A file with certificate authorities to trust, too, in PEM, when the documents are read back over their public
        URLs. Calls to AWS use O(aws_ca_bundle) instead.
    type: path
requirements:
  - boto3 >= 1.35.69
  - botocore >= 1.35.69
  - jwcrypto >= 1.5.6
"""
