# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._injection.admission_policy import parameters
from ansible_collections.onprem.irsa.plugins.module_utils._injection.pod import Settings, accounts

DOCUMENTATION = r"""
name: policy_parameters
short_description: The ConfigMap by which the injection policy finds roles
version_added: 1.0.0
author: The onprem.irsa authors (@onprem)
description:
  - Returns the C(data) of the C(ConfigMap) that the policy of the role P(onprem.irsa.irsa_webhook#role) reads, because
    a policy cannot look at service accounts. The key of a role is C(<namespace>.<service account>).
  - Made for the roles of this collection, and may change with them in any release.
positional: roles
extends_documentation_fragment:
  - onprem.irsa._injection
options:
  _input:
    description:
      - The service accounts of the cluster. Their annotations give role, audience, expiry and endpoint.
    type: list
    elements: dict
    required: true
  audience:
    description: The audience of tokens where a service account names none.
    type: str
    default: sts.amazonaws.com
  known:
    description: The data that is there. What it says of service accounts of which nothing else is known stays.
    type: dict
    default: {}
seealso:
  - plugin: onprem.irsa.policy_api
    plugin_type: filter
  - plugin: onprem.irsa.inject_role
    plugin_type: filter
  - module: onprem.irsa.iam_roles
"""

EXAMPLES = r"""
- name: Find the service accounts
  kubernetes.core.k8s_info:
    kind: ServiceAccount
  register: found

- name: Show what the policy would read
  ansible.builtin.debug:
    msg: "{{ found.resources | onprem.irsa.policy_parameters(region='eu-central-1') }}"
"""

RETURN = r"""
_value:
  description: The data.
  type: dict
  sample:
    audience: sts.amazonaws.com
    expiration: "86400"
    region: eu-central-1
    regional: "true"
    apps.reports: arn:aws:iam::123456789012:role/prod-reports
    apps.reports_expiration: "3600"
"""


def _filter(
    service_accounts: t.Iterable[dict[str, t.Any]],
    roles: t.Iterable[t.Mapping[str, t.Any]] = (),
    *,
    region: str = "",
    audience: str = "sts.amazonaws.com",
    known: t.Mapping[str, str] | None = None,
) -> dict[str, str]:
    settings = Settings(audience, region)
    try:
        return parameters(accounts(service_accounts, roles, settings), settings, known)
    except InputError as error:
        raise AnsibleFilterError(str(error)) from None


class FilterModule:
    """Filters of this file, as Ansible looks them up."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"policy_parameters": _filter}
