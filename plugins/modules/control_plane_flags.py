#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: control_plane_flags
short_description: Change flags of a control-plane component on one host, and put them back if it does not come up
version_added: 1.0.0
author:
  - The onprem.irsa authors (!UNKNOWN)
description:
  - Changes flags of C(kube-apiserver) or C(kube-controller-manager) in its static pod's manifest on one control-plane
    host, and waits until the process that the kubelet starts runs with exactly these flags and is ready at the host's
    own address.
  - Where it exits again and again, or is not ready in time, the old manifest is put back, its process is waited for,
    and the module fails with the flags, the host and the reason from the log.
  - The old manifest is written next to the new one before the change, so that going back takes no space on the disk.
    Where there is too little for both, nothing is touched.
  - A change takes about 10 seconds. The old process of the API server is ended as soon as it has answered its last
    request and sent its audit events; where that can't be seen (C(--profiling=false)), or a command in a pod or a
    followed log goes through it, the kubelet ends it after 30 seconds. So it does where the process gives its clients
    more time (C(--shutdown-watch-termination-grace-period), C(--shutdown-delay-duration)).
  - Everything in the manifest but these flags stays as it is, to the byte; but where the old process took longer than
    10 seconds, the annotation C(onprem.irsa/forerunner-of) stays there, and means nothing. The old manifest is kept in
    O(backup_directory), because the kubelet runs every file in the manifests directory.
  - Where a unit of systemd runs the API server, as in "Kubernetes the hard way", its flags are changed where they
    stand, which is in the unit, a drop-in or a file of C(EnvironmentFile=), and the unit is restarted. A unit of a
    package gets a drop-in with its whole command. All files are put back where it does not come up.
  - Changes one host. For several API servers, change them one after the other, as the role
    P(onprem.irsa.irsa_apiserver#role) does.
extends_documentation_fragment:
  - onprem.irsa._attributes
  - onprem.irsa._control_plane
attributes:
  action:
    description: Has an action plugin, which runs on the controller, of the same name.
    support: full
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - Shows the manifest.
  idempotent:
    support: full
options:
  flags:
    description:
      - The flags to set, named without dashes in front; each with the list of its values, in their order.
      - An empty list removes a flag. Flags that are not named stay.
      - The values are those that the component should get. A C($) that the kubelet would change, as in
        C($(NAME)), is written so that it does not.
      - Flags after whose change the kubelet's probes in the manifest would fail (C(secure-port), C(bind-address),
        C(anonymous-auth)) are refused.
      - Without any flag, nothing is changed, and a change that was cut off is waited for, or put back.
    type: dict
    required: true
  expected:
    description:
      - The flag values that the change was planned from, in the form of O(flags). Where the manifest has other ones
        by now, nothing is touched and the task fails, so that what another run has set in the meantime is not lost.
      - It is not an error if a flag already has the value of O(flags).
    type: dict
  restart_for:
    description:
      - Files on the host that the component reads once, as it starts, such as its key files. It is restarted when their
        content has changed, also where no flag has.
      - The digest of their content is kept in the pod's annotation C(onprem.irsa/restart-for-sha256). Name the same
        files in the same order each time; the first time restarts the component.
      - Without any, the annotation stays as it is.
      - A unit of systemd is restarted where a file was changed after its process started.
    type: list
    elements: path
    default: []
  timeout:
    description:
      - Seconds to wait for the new process, and again for the old manifest's if it is put back; V(1) at least.
      - Another run that changes the manifest is waited for first, for twice these seconds and a minute.
    type: int
    default: 300
  move_duplicates:
    description:
      - Whether to move other files in the manifests directory that hold the same pod, such as a backup, to
        O(backup_directory). Without it they are refused, because the kubelet runs any one of them.
      - They are refused anyway where the process does not run with what its own manifest says.
    type: bool
    default: false
  manifests_directory:
    description: The directory from which the kubelet runs static pods, C(staticPodPath) in its configuration.
    type: path
    default: /etc/kubernetes/manifests
seealso:
  - module: onprem.irsa.control_plane_info
  - module: onprem.irsa.control_plane_plan
  - name: kube-apiserver
    description: The flags and their values.
    link: https://kubernetes.io/docs/reference/command-line-tools-reference/kube-apiserver/
"""

EXAMPLES = r"""
- name: Let the API server read a key file again after it was changed
  onprem.irsa.control_plane_flags:
    flags: {}
    restart_for: [/etc/kubernetes/pki/sa.pub]
  become: true

- name: Sign the tokens of Secrets with another key
  onprem.irsa.control_plane_flags:
    component: kube-controller-manager
    flags:
      service-account-private-key-file: [/etc/kubernetes/pki/sa-2026.key]
  become: true

- name: Accept a second issuer (about 10 seconds)
  onprem.irsa.control_plane_flags:
    flags:
      service-account-issuer:
        - https://kubernetes.default.svc.cluster.local
        - https://acme-prod-oidc.s3.eu-central-1.amazonaws.com
  become: true

- name: Show what removing a flag changes in the manifest
  onprem.irsa.control_plane_flags:
    flags:
      service-account-jwks-uri: []
  become: true
  check_mode: true
  diff: true

- name: End a change that was cut off
  onprem.irsa.control_plane_flags:
    flags: {}
  become: true
"""

RETURN = r"""
before:
  description: The values in the manifest of each flag in O(flags), before the change; an empty list for an absent flag.
  returned: success, and failure after the manifest was read
  type: dict
  sample: {service-account-jwks-uri: []}
after:
  description: The same after the change, or after it in check mode as it would be.
  returned: success, and failure after the manifest was read
  type: dict
  sample: {service-account-jwks-uri: ["https://acme-prod-oidc.s3.eu-central-1.amazonaws.com/openid/v1/jwks"]}
backup:
  description: The file on the host with the manifest that was replaced.
  returned: success; V(null) when nothing was, and not in check mode
  type: str
  sample: /var/lib/onprem-irsa/backup/kube-apiserver.yaml.20260101T000000Z
unavailable_seconds:
  description: Seconds in which the component did not answer at the host's own address that it is ready.
  returned: always, but in check mode
  type: float
  sample: 12.5
put_back:
  description: Whether the old manifest was put back.
  returned: always, but in check mode
  type: bool
  sample: false
removed_sandboxes:
  description: The ids of the stale sandboxes that were removed.
  returned: always, but in check mode
  type: list
  elements: str
  sample: []
moved_away:
  description: Where the other files with the same pod are now.
  returned: always, but in check mode
  type: list
  elements: str
  sample: [/var/lib/onprem-irsa/backup/kube-apiserver.yaml.bak.20260101T000000Z]
recovered:
  description: Whether the component was ready again with the old manifest.
  returned: failure of the new process
  type: bool
  sample: true
reason:
  description: Why the new process did not come up.
  returned: failure of the new process
  type: str
  sample: "it exits as soon as it starts, with Error: unknown flag: --no-such-flag."
log:
  description: The last lines that the component wrote.
  returned: failure of the new process
  type: list
  elements: str
  sample: ["Error: unknown flag: --no-such-flag"]
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC = {
    "component": {"type": "str", "choices": ["kube-apiserver", "kube-controller-manager"], "default": "kube-apiserver"},
    "flags": {"type": "dict", "required": True},
    "expected": {"type": "dict"},
    "restart_for": {"type": "list", "elements": "path", "default": []},
    "timeout": {"type": "int", "default": 300},
    "stale_sandbox_seconds": {"type": "int", "default": 0},
    "move_duplicates": {"type": "bool", "default": False},
    "manifests_directory": {"type": "path", "default": "/etc/kubernetes/manifests"},
    "backup_directory": {"type": "path", "default": "/var/lib/onprem-irsa/backup"},
}


def main() -> t.NoReturn:
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    module.fail_json(
        msg="control_plane_flags plans on the controller. Call it as the task onprem.irsa.control_plane_flags."
    )


if __name__ == "__main__":
    main()
