#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: control_plane_info
short_description: Show what a control-plane host runs with
version_added: 1.0.0
author:
  - The onprem.irsa authors (!UNKNOWN)
description:
  - Returns the flags of C(kube-apiserver) or C(kube-controller-manager) on one host, as configured in
    its static pod's manifest and as its process really runs with, the public keys and key ids by which it accepts
    service-account tokens, and whether it is ready.
  - What the host runs with is read from the files and the process of the host itself. Its component is asked at the
    host's own address, never at a load balancer.
  - Private keys never leave the host. Their public halves alone are returned.
  - Needs the standard library and the C(openssl) command on the host. The manifest is read on the controller.
extends_documentation_fragment:
  - onprem.irsa._attributes
  - onprem.irsa._attributes.info_module
attributes:
  action:
    description: Has an action plugin, which runs on the controller, of the same name.
    support: full
options:
  component:
    description: The component to look at.
    type: str
    choices: [kube-apiserver, kube-controller-manager]
    default: kube-apiserver
  manifests_directory:
    description: The directory from which the kubelet runs static pods, C(staticPodPath) in its configuration.
    type: path
    default: /etc/kubernetes/manifests
  backup_directory:
    description: The directory in which M(onprem.irsa.control_plane_flags_host) keeps the manifests that it replaced.
    type: path
    default: /var/lib/onprem-irsa/backup
  files:
    description: Files on the host to return the digests of.
    type: list
    elements: path
    default: []
  settle_timeout:
    description:
      - Seconds to wait at most while the process is not ready, or does not run with the flags of the manifest, which
        is the case for the better part of a minute after any change of the manifest.
      - The last observation is returned, whatever it shows. On an unknown distribution there is nothing to wait for.
    type: int
    default: 0
  within:
    description:
      - Where the API server is a part of the main process of a unit, as in K3s and MicroK8s, which its arguments don't
        show. The action plugin gives it, by what it finds on the host.
    type: dict
    suboptions:
      unit:
        description: The systemd unit.
        type: str
        required: true
      url:
        description: Where the API server answers on this host.
        type: str
        required: true
      client_cert:
        description: The file on the host with the certificate of a client that may ask for tokens.
        type: path
        required: true
      client_key:
        description: The file on the host with that certificate's private key.
        type: path
        required: true
      issuers:
        description: The issuers to ask for whether they are accepted.
        type: list
        elements: str
        default: []
      public_keys:
        description: The files on the host with the keys by which tokens are accepted.
        type: list
        elements: path
        required: true
      signing_key:
        description: The file on the host with the key that signs.
        type: path
        required: true
  change_timeout:
    description:
      - Seconds to wait at most while another run changes the manifest with M(onprem.irsa.control_plane_flags), because
        what is there until it ends may not stay. No change begins while this module looks.
      - Where that run has not ended by then, the module fails and names its process.
      - V(0) to look at once, whatever is there.
    type: int
    default: 0
  kubeadm:
    description:
      - What to look at of kubeadm, which writes the manifest again from the ClusterConfiguration in the cluster, or
        from one that kubespray keeps on the host, and from patch files on the host. Without it nothing.
    type: dict
    suboptions:
      configuration_directory:
        description: The directory in which to look for files with configuration of kubeadm, whatever their names are.
        type: path
        default: /etc/kubernetes
      patches_directory:
        description: A directory of patches to look at besides those that are named in files with configuration.
        type: path
        default: /etc/kubernetes/patches
seealso:
  - module: onprem.irsa.control_plane_flags
  - module: onprem.irsa.jwks
"""

EXAMPLES = r"""
- name: Show with which flags the API server of each host runs
  onprem.irsa.control_plane_info:
  become: true
  register: control_plane

- name: Show which issuer signs
  ansible.builtin.debug:
    var: control_plane.running_flags['service-account-issuer'][0]
"""

RETURN = r"""
host:
  description: The host that was looked at, by its name in the inventory.
  returned: success
  type: str
  sample: cp1
seen_at:
  description: When it was looked at, in seconds since the epoch by the controller's clock.
  returned: success
  type: float
  sample: 1767225600.5
component:
  description: The component looked at.
  returned: success
  type: str
  sample: kube-apiserver
distribution:
  description:
    - V(kubeadm) where kubeadm wrote the manifest (kubespray, kind and minikube use it, too), V(systemd) where a unit of
      systemd starts C(kube-apiserver), V(K3s), V(RKE2), V(k0s) or V(MicroK8s), or V(unknown).
    - For C(kube-controller-manager), whose flags are shown and not changed, V(kubeadm) where it is a static pod,
      whoever wrote its manifest, and V(unknown) where a unit starts it.
  returned: success
  type: str
  sample: kubeadm
version:
  description: The version that the API server of the host states.
  returned: success; V(null) while it does not answer, and for C(kube-controller-manager), which tells nobody
  type: str
  sample: v1.34.4
api:
  description: Where the component of the host itself answers.
  returned: success; V(null) while no process runs
  type: dict
  contains:
    url:
      description: Its URL, from the running flags.
      type: str
      sample: https://10.0.0.1:6443
    advertised_url:
      description: Where other machines reach it, which is at the address that it advertises.
      type: str
      sample: https://10.0.0.1:6443
    health:
      description: The path that answers with status 200 when it is ready.
      type: str
      sample: /readyz
    client_cert:
      description: The file on the host with the client certificate that it shows to kubelets, and that it accepts, too.
      type: str
      sample: /etc/kubernetes/pki/apiserver-kubelet-client.crt
    client_key:
      description: The file on the host with that certificate's private key.
      type: str
      sample: /etc/kubernetes/pki/apiserver-kubelet-client.key
ready:
  description: Whether it says that it is ready, at RV(api.health).
  returned: success
  type: bool
  sample: true
unit:
  description:
    - The unit of systemd that runs the component, or RKE2, which runs it as a static pod of its own; empty for a static
      pod of kubeadm's.
  returned: success
  type: str
  sample: ""
changed_files:
  description: Those of O(files) that were changed after the process started.
  returned: success; empty while no process runs
  type: list
  elements: str
  sample: []
obstacle:
  description:
    - Why the host's distribution is not certain, such as that it shows two, or a unit whose files can't be read; empty
      where nothing is in the way.
  returned: success
  type: str
  sample: ""
refusal:
  description:
    - Why the host's distribution can't be given an issuer besides those that it has, and the fix. Empty where it can,
      and for a static pod of kubeadm's.
  returned: success
  type: list
  elements: str
  sample: []
manifest:
  description:
    - The file of the static pod, or the file of the unit or the distribution in which its first flag stands. Where none
      does, the file that a change would write.
  returned: success
  type: str
  sample: /etc/kubernetes/manifests/kube-apiserver.yaml
manifest_exists:
  description: Whether that file is there.
  returned: success
  type: bool
  sample: true
manifest_link:
  description: Where that file leads, if it is a symbolic link. Such a one is not changed.
  returned: success; V(null) for a file
  type: str
  sample: /srv/manifests/kube-apiserver.yaml
other_distributions:
  description: Other distributions of Kubernetes whose control plane has left its directory on the host.
  returned: success
  type: list
  elements: str
  sample: []
duplicates:
  description: Other files in the directory that hold the same pod, of which the kubelet runs any one.
  returned: success
  type: list
  elements: str
  sample: []
flags:
  description:
    - The values of each flag that the manifest, or the unit with its files, gives the component, in their order; a flag
      without a value has the value V(true).
    - Of a distribution that sets flags by itself (RKE2, k0s), those are there as the process shows them.
    - What the kubelet changes before it starts the component is changed here, too (C($(NAME)) and C($$) in
      C(Container.command)). For a value that the kubelet alone knows, such as the node's address, that of the process
      stands here where the rest of the flag is the same.
  returned: success
  type: dict
  sample: {service-account-issuer: ["https://kubernetes.default.svc.cluster.local"]}
running_flags:
  description:
    - The values of each flag of the process, in their order; empty while no process runs.
    - Of K3s and MicroK8s, whose process does not show them, the issuers, the audiences and the URL of the key set are
      those that the API server shows (RV(outcome)), and the others those of the files.
  returned: success
  type: dict
  sample: {service-account-issuer: ["https://kubernetes.default.svc.cluster.local"]}
outcome:
  description: What the API server shows of its flags by what it answers.
  returned: success; V(null) but for K3s and MicroK8s, and where it signs no token
  type: dict
  contains:
    issuer:
      description: The issuer of a token that it has just signed.
      type: str
      sample: https://kubernetes.default.svc.cluster.local
    audiences:
      description: Whom the token is for where nobody is named.
      type: list
      elements: str
      sample: ["https://kubernetes.default.svc.cluster.local", "k3s"]
    accepted:
      description: The issuers that it accepts, of those of the files; empty where that can't be told.
      type: list
      elements: str
      sample: ["https://kubernetes.default.svc.cluster.local"]
    jwks_uri:
      description: The URL of the key set in its discovery document; V(null) where it serves none.
      type: str
      sample: https://10.0.0.1:6443/openid/v1/jwks
    advertised:
      description: The address of the host by which the cluster lists it; empty where it lists none.
      type: str
      sample: 10.0.0.1
drift:
  description: The names of the flags that differ between manifest and process.
  returned: success
  type: list
  elements: str
  sample: []
settled:
  description: Whether the process is ready and runs with the flags of the manifest.
  returned: success
  type: bool
  sample: true
unconfirmed:
  description:
    - Whether M(onprem.irsa.control_plane_flags_host) put the manifest there, and was cut off before it saw it running.
    - Running M(onprem.irsa.control_plane_flags) without any flags ends what it began.
  returned: success
  type: bool
  sample: false
pid:
  description: The id of the process.
  returned: success; V(null) while no process runs
  type: int
  sample: 1234
started:
  description: When the process started, in seconds since the epoch.
  returned: success; V(null) while no process runs
  type: float
  sample: 1767225600.25
public_keys:
  description: The public keys by which tokens are accepted, in the order of the files and in the files.
  returned: success; empty while no process runs
  type: list
  elements: dict
  contains:
    file:
      description:
        - The file on the host, by the volumes of the manifest. The path in the flag where they don't say, or where the
          host has no YAML library to read them; it is read through the root directory of the process then.
      type: str
      sample: /etc/kubernetes/pki/sa.pub
    pem:
      description: Its public keys and certificates in PEM; of private keys, the public halves.
      type: str
      sample: "-----BEGIN PUBLIC KEY-----\nMIIB…\n-----END PUBLIC KEY-----\n"
kids:
  description: The key ids of RV(public_keys), as Kubernetes computes them, without repetitions.
  returned: success; empty while no process runs
  type: list
  elements: str
  sample: [Me5VC6i4_4mymFj7T5rcUftFjYX70YoCfSnZB6-nBY4]
loaded_kids:
  description:
    - The key ids that an API server itself publishes (C(/openid/v1/jwks)), of the keys that it has read as it started.
      Its key files may hold other ones by now.
    - V(null) where it does not tell.
  returned: success
  type: list
  elements: str
  sample: [Me5VC6i4_4mymFj7T5rcUftFjYX70YoCfSnZB6-nBY4]
signing_key:
  description:
    - The key that signs; for C(kube-controller-manager) the one of C(--service-account-private-key-file), which signs
      the tokens of Secrets.
  returned: success; V(null) while no process runs, or without a key file (an external signer)
  type: dict
  contains:
    file:
      description: The file on the host, as RV(public_keys[].file) is.
      type: str
      sample: /etc/kubernetes/pki/sa.key
    kid:
      description: Its key id.
      type: str
      sample: Me5VC6i4_4mymFj7T5rcUftFjYX70YoCfSnZB6-nBY4
stale_key_files:
  description:
    - The key files that were written, or got another owner or mode, after the process started. It reads them once, so
      that RV(kids) and RV(signing_key) may be ahead of it.
    - A copy that keeps the times of its source (C(cp -p)) counts, too.
  returned: success; empty while no process runs
  type: list
  elements: str
  sample: []
digests:
  description: The SHA-256 digests (hex) of O(files), by their names.
  returned: success
  type: dict
  sample: {}
clock:
  description: The time on the host, in seconds since the epoch.
  returned: success
  type: float
  sample: 1767225600.25
clock_offset:
  description: How far the host's clock is ahead of the controller's, in seconds, to within the time of the connection.
  returned: success
  type: float
  sample: -0.2
kubeadm:
  description:
    - What kubeadm on the host will write the manifest from again, at C(kubeadm upgrade) and C(kubeadm join). Of files
      with its configuration, which may hold bootstrap tokens, the ClusterConfiguration and the directories of patches
      alone leave the host.
  returned: success; V(null) without O(kubeadm)
  type: dict
  contains:
    version:
      description: The version of the C(kubeadm) that is installed.
      returned: success; V(null) where none is
      type: str
      sample: v1.34.4
    configuration:
      description:
        - The ClusterConfiguration in C(kubeadm-config.yaml) in O(kubeadm.configuration_directory), where kubespray
          writes it; empty where the file has none.
      returned: success; V(null) where there is no such file with configuration of kubeadm
      type: str
      sample: null
    patches_directories:
      description: O(kubeadm.patches_directory), and the directories that files with configuration name.
      returned: success
      type: list
      elements: str
      sample: [/etc/kubernetes/patches]
    named_directories:
      description: The directories of patches that files with configuration name.
      returned: success
      type: list
      elements: str
      sample: []
    patches:
      description:
        - The patches of C(kube-apiserver) in and below these directories that kubeadm reads; their texts by their
          paths.
      returned: success
      type: dict
      sample: {}
    obstacle:
      description:
        - Why no file can be written to O(kubeadm.patches_directory), or kubeadm would not read it; empty where one can.
      returned: success
      type: str
      sample: ""
"""

import typing as t
from contextlib import nullcontext
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.onprem.irsa.plugins.module_utils._errors import reported
from ansible_collections.onprem.irsa.plugins.module_utils._host.backup import Backups
from ansible_collections.onprem.irsa.plugins.module_utils._host.kubeadm import KubeadmHost, look
from ansible_collections.onprem.irsa.plugins.module_utils._host.observe import Host, Within, observe
from ansible_collections.onprem.irsa.plugins.module_utils._host.outcome import OutcomeApi
from ansible_collections.onprem.irsa.plugins.module_utils._host.privilege import needing_root
from ansible_collections.onprem.irsa.plugins.module_utils._host.systemd import of_host

_KUBEADM = {
    "configuration_directory": {"type": "path", "default": "/etc/kubernetes"},
    "patches_directory": {"type": "path", "default": "/etc/kubernetes/patches"},
}
_WITHIN = {
    "unit": {"type": "str", "required": True},
    "url": {"type": "str", "required": True},
    "client_cert": {"type": "path", "required": True},
    "client_key": {"type": "path", "required": True, "no_log": False},
    "issuers": {"type": "list", "elements": "str", "default": []},
    "public_keys": {"type": "list", "elements": "path", "required": True, "no_log": False},
    "signing_key": {"type": "path", "required": True, "no_log": False},
}
ARGUMENT_SPEC = {
    "component": {"type": "str", "choices": ["kube-apiserver", "kube-controller-manager"], "default": "kube-apiserver"},
    "manifests_directory": {"type": "path", "default": "/etc/kubernetes/manifests"},
    "backup_directory": {"type": "path", "default": "/var/lib/onprem-irsa/backup"},
    "files": {"type": "list", "elements": "path", "default": []},
    "within": {"type": "dict", "options": _WITHIN},
    "settle_timeout": {"type": "int", "default": 0},
    "change_timeout": {"type": "int", "default": 0},
    "kubeadm": {"type": "dict", "options": _KUBEADM},
}


def within_of(given: t.Mapping[str, t.Any]) -> Within:
    """Return where the API server is a part of, as it was given."""
    return Within(
        unit=given["unit"],
        api=OutcomeApi(given["url"], given["client_cert"], given["client_key"]),
        issuers=tuple(given["issuers"]),
        public_keys=tuple(given["public_keys"]),
        signing_key=given["signing_key"],
    )


def main() -> t.NoReturn:
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    host = Host(
        component=module.params["component"],
        manifest=Path(module.params["manifests_directory"]) / f"{module.params['component']}.yaml",
        backup_directory=Path(module.params["backup_directory"]),
        run=module.run_command,
        openssl=module.get_bin_path("openssl", required=True),
        systemd=of_host(module.run_command, module.get_bin_path),
        files=tuple(module.params["files"]),
        within=within_of(module.params["within"]) if module.params["within"] else None,
    )
    patience = module.params["change_timeout"]
    no_change = Backups(host.backup_directory, host.manifest).still(patience) if patience else nullcontext()
    with reported(module), needing_root(), no_change:
        observed = observe(host)
        kubeadm = _look_at_kubeadm(module) if module.params["kubeadm"] else None
    module.exit_json(changed=False, **observed, kubeadm=kubeadm)


def _look_at_kubeadm(module: AnsibleModule) -> dict[str, t.Any]:
    return look(
        KubeadmHost(
            Path(module.params["kubeadm"]["configuration_directory"]),
            Path(module.params["kubeadm"]["patches_directory"]),
            module.get_bin_path("kubeadm", opt_dirs=["/usr/local/bin"]),
            module.run_command,
        )
    )


if __name__ == "__main__":
    main()
