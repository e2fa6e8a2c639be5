#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: control_plane_plan
short_description: Plan how API servers get an issuer, or say why they must not be changed
version_added: 1.0.0
author:
  - The onprem.irsa authors (!UNKNOWN)
description:
  - Returns the restarts that bring an issuer, or a key, to every API server, one server at a time. Every server accepts
    it before any signs with it, so that the tokens of each are accepted by all at every moment.
  - What is left to do follows from the observation alone. A rollout that was cut off is planned again from what is
    there. Issuers and keys that are there stay accepted behind those that sign, unless they are retired.
  - Fails with a sentence for each reason why the API servers must not be changed so, with the host, the values and the
    fix. Without O(issuer), it judges the hosts alone.
  - Problems of the hosts are an unknown distribution, a manifest that the running process does not follow, several
    files with the same pod, a manifest that is a symbolic link, a server that does not run or is not ready, an external
    signer, keys that differ between hosts, a signing key that is not accepted, key files that hold other keys than the
    API server has read, and a clock that is minutes off. A host whose change was cut off is judged by what does not
    depend on that change alone.
  - With O(keeper), plans also what makes C(kubeadm upgrade) and C(kubeadm join), which write the manifest again, give
    it the flags that the API servers have in the end.
  - Plans by what it is given. Contacts no host, no cluster and no AWS.
extends_documentation_fragment:
  - onprem.irsa._attributes
  - onprem.irsa._attributes.info_module
  - onprem.irsa._attributes.on_controller
options:
  observed:
    description: What M(onprem.irsa.control_plane_info) returned for each host, in the order of the restarts.
    type: list
    elements: dict
    required: true
  duplicates_allowed:
    description:
      - Whether several files may hold the same pod, as long as the process runs with what its own manifest says. That
        is so for whoever changes nothing, or moves the others away.
    type: bool
    default: false
  links_allowed:
    description: Whether a manifest may be a symbolic link, which is no trouble for whoever changes nothing.
    type: bool
    default: false
  issuer:
    description: The published issuer. Without it, nothing is planned.
    type: str
  towards:
    description:
      - What the API servers should do with it.
      - V(issuer), sign with it. V(back), sign with the one that each had before it, which stays accepted behind it.
      - V(accept), accept it, and sign with what they do. A single server, which meets no token of another one, has
        nothing to do then.
      - V(running), what they do now, whichever issuer signs. That plans O(keeper) alone, for O(flags) which somebody
        else has set. Servers that sign with different issuers are a problem.
      - V(look), nothing. The hosts are judged as without O(issuer), for somebody who does not set the issuer.
      - Where this collection does not set the flags of the distribution, V(issuer), V(back) and V(look) end the message
        with what a user has to set.
    type: str
    choices: [issuer, accept, back, running, look]
    default: issuer
  jwks_uri:
    description:
      - The URL of the published key set, set as C(--service-account-jwks-uri) when the issuer is put first.
      - Without it, that flag is removed. The way back takes the value from before, by O(kept_manifests).
    type: str
    default: ""
  flags:
    description:
      - Further flags, set in the first restart of each server, as in O(onprem.irsa.control_plane_flags#module:flags).
        The way back sets none.
      - C(api-audiences) has to have every audience in force, and none of tokens for AWS. Flags by which the kubelet's
        probes or clients reach the API server are refused.
    type: dict
    default: {}
  retired:
    description:
      - Issuers that should no longer be accepted.
      - One with which a server still signs is refused. Name it in a later run, when the tokens of it have expired.
    type: list
    elements: str
    default: []
  retired_audiences:
    description:
      - Audiences that should no longer be accepted, in tokens of any issuer.
      - A retired issuer stays an audience otherwise, by C(--api-audiences) where it was one without the flag.
      - The last one that tokens in use have is refused. Name it in a later run, when they have expired.
    type: list
    elements: str
    default: []
  signing_kid:
    description:
      - The id of the key that should sign.
      - Without it, keys stay as they are.
    type: str
    default: ""
  retired_kids:
    description:
      - The ids of keys that should no longer be accepted and published, once no server signs with them.
      - Name them in a later run, when the tokens that they signed have expired.
    type: list
    elements: str
    default: []
  kept_manifests:
    description:
      - The manifests that hosts have kept as they were replaced, for the way back.
      - The results of a task that runs M(ansible.builtin.slurp) in a loop over pairs of what M(ansible.builtin.find)
        has found on a host and one of its files.
    type: list
    elements: dict
    default: []
  endpoints:
    description:
      - The EndpointSlices of the service C(default/kubernetes), in which every API server writes its
        C(--advertise-address). A server there that is on none of the hosts is a problem.
      - One that is gone stays there until its lease ends, some seconds later. Nothing is compared where an observed
        server has no C(--advertise-address), or C(--endpoint-reconciler-type=none).
    type: list
    elements: dict
  keeper:
    description:
      - What keeps the flags at upgrades and joins, and what was found of it.
      - Problems are a ClusterConfiguration that is not there, can't be read or can't be changed alone, of an unknown
        version or an unknown release; a cluster that kubespray writes where kubeadm should keep them; patches of
        somebody else that give the same flags; a directory of patches that can't be written; and a file for kubespray's
        variables that holds others, too.
    type: dict
    suboptions:
      name:
        description:
          - V(kubeadm) keeps them in the ClusterConfiguration, of which only the entries of these flags under
            C(apiServer.extraArgs) change. One of the version C(v1beta4) or C(v1) can hold a flag several times, and
            kubeadm from 1.32.13, 1.33.13, 1.34.4, 1.35.4 and 1.36 on keeps their order. Others also need a patch,
            which is used only when the option C(--patches) of kubeadm, or C(patches.directory) of its configuration,
            names its directory. One older API server, or one older C(kubeadm) on a host, is enough to need it.
          - V(kubespray) does all with the patch. It is planned on what kubespray will write, its
            C(kubeadm-config.yaml) on a host and O(keeper.extra_args); without both, on kubeadm's own issuer. What the
            ClusterConfiguration in the cluster says of these flags becomes so, too.
        type: str
        choices: [kubeadm, kubespray]
        required: true
      configuration:
        description: The ClusterConfiguration in the ConfigMap C(kube-system/kubeadm-config), as YAML text.
        type: str
        default: ""
      hosts:
        description:
          - The RV(onprem.irsa.control_plane_info#module:kubeadm) of each host. It is a problem if that of an observed
            host is missing.
        type: list
        elements: dict
        default: []
      patch_file:
        description: Where the patch is written on every host.
        type: str
        required: true
      extra_args:
        description: The variable C(kube_kubeadm_apiserver_extra_args) of kubespray, where it is known.
        type: dict
      file:
        description: The file on the controller with variables for kubespray.
        type: str
        default: ""
      told:
        description:
          - The text of that file as it is now, so that one of the patches that kubespray writes may be from it.
        type: str
        default: ""
  restarted:
    description: For each restart that was done for this goal before, the seconds without an answer; for RV(report).
    type: list
    elements: float
    default: []
seealso:
  - module: onprem.irsa.control_plane_info
  - module: onprem.irsa.control_plane_flags
  - name: Customizing components with the kubeadm API
    description: How kubeadm reads extra arguments and patches.
    link: https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/control-plane-flags/
"""

EXAMPLES = r"""
- name: Observe the control plane
  onprem.irsa.control_plane_info:
  loop: "{{ groups['kube_control_plane'] }}"
  delegate_to: "{{ item }}"
  become: true
  register: observed

- name: Plan which restarts a new issuer takes
  onprem.irsa.control_plane_plan:
    observed: "{{ observed.results }}"
    issuer: https://acme-prod-oidc.s3.eu-central-1.amazonaws.com
    jwks_uri: https://acme-prod-oidc.s3.eu-central-1.amazonaws.com/openid/v1/jwks
  register: plan

- name: Show them
  ansible.builtin.debug:
    msg: "{{ plan.steps | map(attribute='says') }}"
"""

RETURN = r"""
warnings_of_hosts:
  description:
    - What somebody set up by hand and that does not mean what it seems to, or is not safe, with the host and the fix.
      None of it keeps the API servers from being changed.
    - These are issuers joined by a comma, which are one issuer; C(sts.amazonaws.com) among the audiences of the API
      server; and key files that were changed after the process started, where the API server does not show by its own
      key set that it has read them.
  type: list
  elements: str
  returned: success
  sample: []
unconfirmed:
  description: The hosts whose change was cut off (RV(onprem.irsa.control_plane_info#module:unconfirmed)).
  type: list
  elements: str
  returned: success
  sample: []
untidy:
  description: Those, and the hosts with several files of the pod.
  type: list
  elements: str
  returned: success
  sample: []
issuer:
  description: The issuer that signs in the end. Empty without O(issuer), and where there is a problem.
  type: str
  returned: success
  sample: https://acme-prod-oidc.s3.eu-central-1.amazonaws.com
applies:
  description:
    - Whether the goal concerns the API servers. V(false) for O(towards=back) where none knows O(issuer), and where
      there is no goal or a problem.
  type: bool
  returned: success
  sample: true
steps:
  description: The restarts in their order; an empty list when none is left.
  type: list
  elements: dict
  returned: success
  contains:
    host:
      description: The host whose API server restarts.
      type: str
      sample: cp1
    phase:
      description:
        - What for.
        - V(accept), so that it accepts the issuers of the others and the new one; V(switch), so that it signs with the
          new one; V(retire), so that it no longer accepts a retired one; V(set), for other flags alone.
      type: str
      sample: accept
    says:
      description: The step in words.
      type: str
      sample: "cp1: accepts https://new in addition to https://old; still signs with https://old"
    kids:
      description: The ids of the keys that the server accepts after the step, in files that you write before it.
      type: list
      elements: str
      sample: [Me5VC6i4_4mymFj7T5rcUftFjYX70YoCfSnZB6-nBY4]
    signing_kid:
      description: The id of the key that signs after the step; empty for an external signer.
      type: str
      sample: Me5VC6i4_4mymFj7T5rcUftFjYX70YoCfSnZB6-nBY4
    published:
      description:
        - The ids of the keys that the issuer's documents hold before the step, no more and no fewer.
        - Wait out their C(Cache-Control) before a key signs that was not in them.
      type: list
      elements: str
      sample: [Me5VC6i4_4mymFj7T5rcUftFjYX70YoCfSnZB6-nBY4]
    flags:
      description: The flags to set with M(onprem.irsa.control_plane_flags).
      type: dict
    before:
      description: What they are as the step is planned, for O(onprem.irsa.control_plane_flags#module:expected).
      type: dict
says:
  description: The plan in words, with what can't be put back on the way back, and RV(warnings_of_hosts).
  type: list
  elements: str
  returned: success
  sample: ["cp1: accepts https://new in addition to https://old; still signs with https://old"]
listed:
  description: The URL of each host's API server that is ready by O(endpoints).
  type: dict
  returned: success
  sample: {cp1: "https://10.0.0.1:6443"}
in_units:
  description:
    - Where the flags stand that no tool of Kubernetes writes again, and who does, in words.
    - Empty where the manifests of some host are written by kubeadm.
  type: str
  returned: success
  sample: ""
upkeep:
  description: What makes the keeper keep the flags; V(null) without O(keeper), and where the goal does not apply.
  type: dict
  returned: success
  contains:
    configuration:
      description: The ClusterConfiguration, as YAML text; the text that was given when nothing in it changes.
      type: str
    changes_configuration:
      description: Whether anything in it changes.
      type: bool
    patch:
      description: The JSON patch (RFC 6902) of the static pod C(kube-apiserver) that every node needs, mostly none.
      type: list
      elements: dict
    unpatched:
      description: The hosts on which the patch is not as it should be.
      type: list
      elements: str
    outdated:
      description: Patch files that an earlier run has written and that should be removed, as C(host) and C(path).
      type: list
      elements: dict
    changed:
      description: Whether any of this is left to do.
      type: bool
    report:
      description:
        - What is kept where, in words.
        - With releases of the next minor version, where there are some, whose kubeadm would write the values of a flag
          in another order, so that another issuer would sign. Upgrade to a later one.
      type: str
      sample: kept in kubeadm-config
report:
  description: What was done, or in check mode would be done, in words; empty where RV(applies) is not known.
  type: str
  returned: success
  sample: https://acme-prod-oidc.s3.eu-central-1.amazonaws.com signs on cp1, cp2, cp3, as before
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

_STRINGS: t.Final[dict[str, t.Any]] = {"type": "list", "elements": "str", "default": []}
_DICTS: t.Final[dict[str, t.Any]] = {"type": "list", "elements": "dict"}

ARGUMENT_SPEC: t.Final[dict[str, dict[str, t.Any]]] = {
    "observed": {**_DICTS, "required": True},
    "duplicates_allowed": {"type": "bool", "default": False},
    "links_allowed": {"type": "bool", "default": False},
    "issuer": {"type": "str"},
    "towards": {"type": "str", "choices": ["issuer", "accept", "back", "running", "look"], "default": "issuer"},
    "jwks_uri": {"type": "str", "default": ""},
    "flags": {"type": "dict", "default": {}},
    "retired": _STRINGS,
    "retired_audiences": _STRINGS,
    "signing_kid": {"type": "str", "default": ""},
    "retired_kids": _STRINGS,
    "kept_manifests": {**_DICTS, "default": []},
    "endpoints": _DICTS,
    "keeper": {
        "type": "dict",
        "options": {
            "name": {"type": "str", "choices": ["kubeadm", "kubespray"], "required": True},
            "configuration": {"type": "str", "default": ""},
            "hosts": {**_DICTS, "default": []},
            "patch_file": {"type": "str", "required": True},
            "extra_args": {"type": "dict"},
            "file": {"type": "str", "default": ""},
            "told": {"type": "str", "default": ""},
        },
    },
    "restarted": {"type": "list", "elements": "float", "default": []},
}


def main() -> t.NoReturn:
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    module.fail_json(
        msg="control_plane_plan plans on the controller. Call it as the task onprem.irsa.control_plane_plan."
    )


if __name__ == "__main__":
    main()
