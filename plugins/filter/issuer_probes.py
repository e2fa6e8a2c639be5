# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.onprem.irsa.plugins.module_utils._documents.probes import probes
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError

DOCUMENTATION = r"""
name: issuer_probes
short_description: Probes of an issuer's documents for Prometheus' blackbox exporter (internal)
version_added: 1.0.0
author: The onprem.irsa authors (!UNKNOWN)
description:
  - Returns a probe for the discovery document and one for the key set of an issuer. Each fails for another answer than
    status 200 over trusted TLS within 5 seconds, as AWS does, and for another content than the one that was published.
  - White space, the order of the keys and further members of the discovery document do not count. A key that was added
    to the key set does.
  - Made for the roles of this collection, and may change with them in any release.
positional: jwks_uri, jwks
options:
  _input:
    description: The issuer URL.
    type: str
    required: true
  jwks_uri:
    description: The URL of the key set.
    type: str
    required: true
  jwks:
    description: The text of the key set that is published. When empty, any keys are taken.
    type: str
    default: ""
seealso:
  - module: onprem.irsa.jwks
"""

EXAMPLES = r"""
- name: Write the modules for the blackbox exporter
  ansible.builtin.copy:
    content: "{{ {'modules': dict(urls | zip(probes | map(attribute='module')))} | to_nice_yaml }}"
    dest: blackbox.yml
    mode: "0644"
  vars:
    urls: "{{ probes | map(attribute='url') }}"
    probes: "{{ irsa_issuer_url | onprem.irsa.issuer_probes(documents.jwks_uri, documents.jwks) }}"
"""

RETURN = r"""
_value:
  description: The probes, that of the discovery document first.
  type: list
  elements: dict
  contains:
    url:
      description: Where the document is read.
      type: str
    module:
      description: The module of the blackbox exporter, as its configuration takes it.
      type: dict
"""


def _filter(issuer: object, jwks_uri: object, jwks: object = "") -> list[dict[str, t.Any]]:
    try:
        return [probe._asdict() for probe in probes(str(issuer), str(jwks_uri), str(jwks))]
    except InputError as error:
        raise AnsibleFilterError(str(error)) from None


class FilterModule:
    """Filters of this file, as Ansible looks them up."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"issuer_probes": _filter}
