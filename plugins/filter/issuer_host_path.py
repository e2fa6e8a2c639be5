# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.onprem.irsa.plugins.module_utils._documents.issuer import issuer_host_path
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError

DOCUMENTATION = r"""
name: issuer_host_path
short_description: Check an issuer URL and return it without its scheme
version_added: 1.0.0
author: The onprem.irsa authors (!UNKNOWN)
description:
  - Returns what follows V(https://) in an issuer URL. IAM names an identity provider so in its ARN, and trust policies
    name their condition keys by it.
  - Fails for a URL that is not a usable issuer, naming the value, the rule and the fix. An issuer begins with
    V(https://), names a fully qualified host in lower case, has no user, port, query, fragment or slash at its end, a
    path of unreserved characters if any, and at most 255 characters.
options:
  _input:
    description: The issuer URL.
    type: str
    required: true
seealso:
  - plugin: onprem.irsa.s3_issuer_url
    plugin_type: filter
  - name: CreateOpenIDConnectProvider
    description: IAM's rules for the URL of an identity provider.
    link: https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateOpenIDConnectProvider.html
"""

EXAMPLES = r"""
- name: Show the condition key of the audience in a trust policy
  ansible.builtin.debug:
    msg: "{{ 'https://oidc.example.com/prod' | onprem.irsa.issuer_host_path }}:aud"
    # oidc.example.com/prod:aud
"""

RETURN = r"""
_value:
  description: Host and path of the issuer.
  type: str
  sample: oidc.example.com/prod
"""


def _filter(url: object) -> str:
    try:
        return issuer_host_path(str(url))
    except InputError as error:
        raise AnsibleFilterError(str(error)) from None


class FilterModule:
    """Filters of this file, as Ansible looks them up."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"issuer_host_path": _filter}
