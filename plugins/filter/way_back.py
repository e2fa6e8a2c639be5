# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import typing as t
from dataclasses import asdict

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.observation import servers
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.way_back import way_back

DOCUMENTATION = r"""
name: way_back
short_description: To what API servers go back from an issuer
version_added: 1.0.0
author: The onprem.irsa authors (@onprem)
description:
  - Returns the issuer that the API servers had before one that was put in front of it, and the
    C(--service-account-jwks-uri) that they had with it, by the manifests that each host has kept as they were replaced.
  - Made for the roles of this collection, and may change with them in any release.
positional: issuer
extends_documentation_fragment:
  - onprem.irsa._control_plane.observed
options:
  issuer:
    description: The issuer to go back from.
    type: str
    required: true
  retired:
    description: Issuers that none goes back to.
    type: list
    elements: str
    default: []
  kept:
    description:
      - The results of a task that reads kept manifests with M(ansible.builtin.slurp), in a loop over items of which the
        first has the host as C(item), and the second the file as C(path).
    type: list
    elements: dict
    default: []
seealso:
  - plugin: onprem.irsa.rollout_steps
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Show to what the API servers would go back
  ansible.builtin.debug:
    msg: "{{ observed.results | onprem.irsa.way_back('https://acme-prod-oidc.s3.eu-central-1.amazonaws.com') }}"
"""

RETURN = r"""
_value:
  description: The way back.
  type: dict
  contains:
    issuer:
      description: The issuer from before; empty where there is none, or no telling which.
      type: str
      sample: https://kubernetes.default.svc.cluster.local
    jwks_uri:
      description: The value of C(--service-account-jwks-uri) with it; empty for none.
      type: str
      sample: ""
    problem:
      description: Why there is no telling which issuer it is, and the fix; mostly empty.
      type: str
      sample: ""
    notes:
      description: What can't be put back.
      type: list
      elements: str
      sample: []
"""


def _filter(
    results: t.Iterable[t.Mapping[str, t.Any]],
    issuer: str,
    *,
    retired: t.Sequence[str] = (),
    kept: t.Iterable[t.Mapping[str, t.Any]] = (),
) -> dict[str, t.Any]:
    texts: dict[str, dict[str, str]] = {}
    for read in kept:
        host, file = read["item"][0]["item"], read["item"][1]["path"]
        texts.setdefault(host, {})[file] = base64.b64decode(read["content"]).decode(errors="replace")
    observed = servers({result["item"]: result for result in results})
    way = way_back(observed, issuer, retired=retired, kept=texts)
    return {**asdict(way), "notes": [*way.notes]}


class FilterModule:
    """Filters of this file, as Ansible looks them up."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"way_back": _filter}
