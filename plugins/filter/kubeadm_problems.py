# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.kubeadm_sources import Keeper, Sources, problems
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.observation import servers
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.rollout import goal, reached
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError

DOCUMENTATION = r"""
name: kubeadm_problems
short_description: Why the flags of the API servers would not be kept at upgrades and joins
version_added: 1.0.0
author: The onprem.irsa authors (@onprem)
description:
  - Returns a sentence for each problem, with the host, the values and the fix. All of them are known before the first
    API server is restarted.
  - Problems are a ClusterConfiguration that can't be read or can't be changed alone, of an unknown version or an
    unknown release; a cluster that kubespray writes where kubeadm is told; patches of somebody else that give the same
    flags; a directory of patches that can't be written; and a file for kubespray's variables that holds others, too.
  - Made for the roles of this collection, and may change with them in any release.
positional: issuer
extends_documentation_fragment:
  - onprem.irsa._control_plane.observed
options:
  issuer:
    description: As in P(onprem.irsa.rollout_steps#filter).
    type: str
    required: true
  jwks_uri:
    description: As in P(onprem.irsa.rollout_steps#filter).
    type: str
    default: ""
  flags:
    description: As in P(onprem.irsa.rollout_steps#filter).
    type: dict
    default: {}
  retired:
    description: As in P(onprem.irsa.rollout_steps#filter).
    type: list
    elements: str
    default: []
  retired_audiences:
    description: As in P(onprem.irsa.rollout_steps#filter).
    type: list
    elements: str
    default: []
  configuration:
    description: As in P(onprem.irsa.kubeadm_kept_flags#filter).
    type: str
    required: true
  kubeadm:
    description: As in P(onprem.irsa.kubeadm_kept_flags#filter).
    type: list
    elements: dict
    required: true
  extra_args:
    description: As in P(onprem.irsa.kubeadm_kept_flags#filter).
    type: dict
  patch_file:
    description: As in P(onprem.irsa.kubeadm_kept_flags#filter).
    type: path
    required: true
  kept_by:
    description: What should keep the flags.
    type: str
    choices: [kubeadm, kubespray]
    required: true
  told:
    description:
      - The text of the file with variables for kubespray as it is now, so that one of the patches that kubespray writes
        may be from it. A file that holds something else is a problem.
    type: str
    default: ""
seealso:
  - plugin: onprem.irsa.kubeadm_kept_flags
    plugin_type: filter
  - module: onprem.irsa.kubeadm_info
"""

EXAMPLES = r"""
- name: Look at what will write the manifests
  onprem.irsa.kubeadm_info:
  loop: "{{ groups['kube_control_plane'] }}"
  delegate_to: "{{ item }}"
  become: true
  register: kubeadm

- name: Show why the flags would not be kept
  ansible.builtin.debug:
    msg: "{{ observed.results | onprem.irsa.kubeadm_problems(issuer, configuration=cluster_configuration,
      kubeadm=kubeadm.results, kept_by='kubeadm', patch_file='/etc/kubernetes/patches/kube-apiserver0+json.yaml') }}"
"""

RETURN = r"""
_value:
  description: The problems; an empty list when there are none.
  type: list
  elements: str
"""


def _filter(  # noqa: PLR0913 -- the options of rollout_steps, and what writes the manifests
    results: t.Iterable[t.Mapping[str, t.Any]],
    issuer: str,
    jwks_uri: str = "",
    flags: t.Mapping[str, object] | None = None,
    retired: t.Sequence[str] = (),
    *,
    retired_audiences: t.Sequence[str] = (),
    configuration: str,
    kubeadm: t.Iterable[t.Mapping[str, t.Any]],
    kept_by: Keeper,
    patch_file: str,
    extra_args: t.Mapping[str, object] | None = None,
    told: str = "",
) -> list[str]:
    hosts = {result["item"]: result for result in results}
    sources = Sources(str(configuration), {found["item"]: found for found in kubeadm}, patch_file, extra_args)
    try:
        aim = goal(issuer, jwks_uri=jwks_uri, flags=flags, retired=retired, retired_audiences=retired_audiences)
        wanted = reached(servers(hosts), aim)
    except InputError as error:
        raise AnsibleFilterError(str(error)) from None
    versions = [observed["version"] for observed in hosts.values()]
    return problems(sources, wanted, versions, kept_by, told=told)


class FilterModule:
    """Filters of this file, as Ansible looks them up."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"kubeadm_problems": _filter}
