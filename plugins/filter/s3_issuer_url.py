# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._documents.issuer import s3_url

DOCUMENTATION = r"""
name: s3_issuer_url
short_description: The issuer URL of documents published in an S3 bucket
version_added: 1.0.0
author: The onprem.irsa authors (!UNKNOWN)
description:
  - Returns the URL under which S3 serves the objects of a bucket over HTTPS, in virtual-hosted style at the regional
    endpoint, which makes it the issuer URL of a cluster that publishes its documents there.
  - Checks neither the bucket nor the region, so that it does for the default of a variable. The roles say what is wrong
    with them.
positional: region
options:
  _input:
    description:
      - The name of the bucket. It follows S3's naming rules and has no dots, because the wildcard certificate of S3
        covers a single label.
    type: str
    required: true
  region:
    description: The code of the bucket's AWS region. Without one, or without a bucket, there is no URL.
    type: str
    required: true
seealso:
  - plugin: onprem.irsa.issuer_host_path
    plugin_type: filter
  - name: General purpose bucket naming rules
    description: The rules of S3 for bucket names.
    link: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
"""

EXAMPLES = r"""
- name: Show the issuer URL of a bucket
  ansible.builtin.debug:
    msg: "{{ 'acme-prod-oidc' | onprem.irsa.s3_issuer_url('eu-central-1') }}"
    # https://acme-prod-oidc.s3.eu-central-1.amazonaws.com
"""

RETURN = r"""
_value:
  description: The issuer URL, without a slash at its end; an empty text without a bucket or a region.
  type: str
  sample: https://acme-prod-oidc.s3.eu-central-1.amazonaws.com
"""


def _filter(bucket: object, region: object) -> str:
    return s3_url(str(bucket or ""), str(region or ""))


class FilterModule:
    """Filters of this file, as Ansible looks them up."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"s3_issuer_url": _filter}
