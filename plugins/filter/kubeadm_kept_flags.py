# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.kubeadm_sources import Sources, keeping, outdated
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.observation import servers
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.rollout import goal, reached
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError

DOCUMENTATION = r"""
name: kubeadm_kept_flags
short_description: What makes kubeadm keep the flags of the API servers at upgrades and joins
version_added: 1.0.0
author: The onprem.irsa authors (@onprem)
description:
  - C(kubeadm upgrade) and C(kubeadm join) write the manifest of the API server again, from the ClusterConfiguration in
    the ConfigMap C(kube-system/kubeadm-config) and from patch files on the node. Returns what both should be, so that
    the manifest gets the flags that the API servers have after P(onprem.irsa.rollout_steps#filter).
  - Of the ClusterConfiguration, only the entries of these flags under C(apiServer.extraArgs) change; every other byte
    stays.
  - A ClusterConfiguration of the version C(v1beta4) or C(v1) can hold a flag several times, and kubeadm from 1.32.13,
    1.33.13, 1.34.4, 1.35.4 and 1.36 on keeps their order. Others also need a patch, which is used only when the
    option C(--patches) of kubeadm, or C(patches.directory) of its configuration, names its directory. One older API
    server, or one older C(kubeadm) on a host, is enough to need it.
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
    description: The ClusterConfiguration, as YAML text.
    type: str
    required: true
  by_patch:
    description:
      - Whether to do all with the patch, for clusters whose configuration kubespray writes.
      - It is planned on what kubespray will write, its C(kubeadm-config.yaml) on a host and O(extra_args); without
        both, on kubeadm's own issuer. What the ClusterConfiguration in the cluster says of these flags becomes so, too.
    type: bool
    default: false
  kubeadm:
    description: The results of a task that runs M(onprem.irsa.kubeadm_info) in a loop over the names of the same hosts.
    type: list
    elements: dict
    default: []
  extra_args:
    description: The variable C(kube_kubeadm_apiserver_extra_args) of kubespray; V(null) where it is not known.
    type: dict
  patch_file:
    description: Where the patch is written on every host.
    type: path
    default: /etc/kubernetes/patches/kube-apiserver50onprem-irsa+json.yaml
seealso:
  - name: Customizing components with the kubeadm API
    description: How kubeadm reads extra arguments and patches.
    link: https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/control-plane-flags/
"""

EXAMPLES = r"""
- name: Show what kubeadm has to be told
  ansible.builtin.debug:
    msg: "{{ observed.results | onprem.irsa.kubeadm_kept_flags(issuer, configuration=cluster_configuration) }}"
"""

RETURN = r"""
_value:
  description: What kubeadm has to be told.
  type: dict
  contains:
    configuration:
      description: The ClusterConfiguration, as YAML text; the text that was given when nothing in it changes.
      type: str
    patch:
      description: The JSON patch (RFC 6902) of the static pod C(kube-apiserver) that every node needs, mostly none.
      type: list
      elements: dict
      sample: []
    avoid:
      description:
        - Releases of the next minor version whose kubeadm would write the values of a flag in another order, so that
          another issuer would sign. Upgrade to a later one. Mostly empty.
      type: str
      sample: 1.35.0 to 1.35.3
    outdated:
      description: Patch files that an earlier run has written and that should be removed.
      type: list
      elements: dict
      sample: []
      contains:
        host:
          description: The host.
          type: str
        path:
          description: The file.
          type: str
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
    by_patch: bool = False,
    kubeadm: t.Iterable[t.Mapping[str, t.Any]] = (),
    extra_args: t.Mapping[str, object] | None = None,
    patch_file: str = "/etc/kubernetes/patches/kube-apiserver50onprem-irsa+json.yaml",
) -> dict[str, t.Any]:
    hosts = {result["item"]: result for result in results}
    sources = Sources(str(configuration), {found["item"]: found for found in kubeadm}, patch_file, extra_args)
    try:
        aim = goal(issuer, jwks_uri=jwks_uri, flags=flags, retired=retired, retired_audiences=retired_audiences)
        wanted = reached(servers(hosts), aim)
        versions = [observed["version"] for observed in hosts.values()]
        after = keeping(sources, wanted, versions, "kubespray" if by_patch else "kubeadm")
    except InputError as error:
        raise AnsibleFilterError(str(error)) from None
    stale = outdated(sources, keeps_patch=bool(after.patch) and not by_patch)
    return {
        "configuration": after.configuration,
        "patch": list(after.patch),
        "avoid": after.avoid,
        "outdated": [{"host": host, "path": path} for host, path in stale],
    }


class FilterModule:
    """Filters of this file, as Ansible looks them up."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"kubeadm_kept_flags": _filter}
