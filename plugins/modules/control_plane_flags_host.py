#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: control_plane_flags_host
short_description: Replace a static pod's manifest, wait for it, and put the old one back if it fails (internal)
version_added: 1.0.0
author:
  - The onprem.irsa authors (!UNKNOWN)
description:
  - Moves another manifest of C(kube-apiserver) or C(kube-controller-manager) into the kubelet's manifests
    directory by rename, and waits until a new process with exactly the wanted flags runs and is ready at the host's own
    address.
  - Puts the old manifest back when that process exits again and again, or is not ready in time, waits for that one, and
    fails with the reason from the component's log.
  - Runs to its end on the host even when the controller goes away. Where it was killed itself, as by a logind with
    C(KillUserProcesses=yes) after the connection was lost, the next run with the same content continues the wait, and
    goes back to the old manifest if need be.
  - This is the part of M(onprem.irsa.control_plane_flags) that runs on the host. Use that module to change flags.
  - Needs the standard library on the host.
  - Made for the roles of this collection, and may change with them in any release.
extends_documentation_fragment:
  - onprem.irsa._attributes
  - onprem.irsa._control_plane
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
    details:
      - Waits, and changes nothing, when the content is there already and does not run yet.
options:
  path:
    description: The manifest, which must exist, and be no symbolic link.
    type: path
    required: true
  content:
    description: Its text as it should be.
    type: str
    required: true
  planned_on:
    description:
      - The SHA-256 digest (hex) of the manifest that O(content) was made from.
      - When another manifest is there by the time of the change, nothing is written and the module fails.
      - Without it, whatever is there is replaced.
    type: str
    default: ""
  forerunner:
    description:
      - A manifest that means the same as O(content) and differs from it, in an annotation. It is there until the
        old process is gone, because the kubelet tries a pod that it sees for the first time at once, and one that has
        to wait for another only every 10 to 15 seconds. Where the old process takes longer than that, it stays.
      - Without it, a change takes these seconds longer.
    type: str
    default: ""
  move_away:
    description: Other files with the same pod, to be moved to O(backup_directory) right before the change.
    type: list
    elements: path
    default: []
  flags:
    description:
      - The values of every flag of the new process, in their order.
      - C($(NAME)) stands for the value of a variable of O(variables).
    type: dict
    required: true
  variables:
    description:
      - Names of environment variables whose values the kubelet alone knows, such as one with the node's address
        (C(fieldRef)). Each may have any value, the same one wherever O(flags) names it.
    type: list
    elements: str
    default: []
  url:
    description: Where the component of the host itself answers.
    type: str
    required: true
  health:
    description:
      - The path that answers there with status 200 when the component is ready, C(/readyz) of C(kube-apiserver) and
        C(/healthz) of C(kube-controller-manager).
    type: str
    default: /readyz
  client_cert:
    description: A file on the host with a client certificate to ask with, where anonymous requests are refused.
    type: str
    default: ""
  client_key:
    description: The file on the host with the private key of O(client_cert).
    type: str
    default: ""
  timeout:
    description:
      - Seconds to wait for the new process, and again for the old manifest's if it is put back; V(1) at least.
      - Another run that changes the manifest is waited for first, for twice these seconds and a minute.
      - A change takes about 10 seconds. The old process is ended as soon as it has answered its last request; where
        that can't be seen (C(--profiling=false)), or a command in a pod or a followed log goes through it, the kubelet
        ends it after 30 seconds.
    type: int
    default: 300
seealso:
  - module: onprem.irsa.control_plane_flags
  - name: Create static Pods
    description: How the kubelet reads its manifests directory.
    link: https://kubernetes.io/docs/tasks/configure-pod-container/static-pod/
"""

EXAMPLES = r"""
- name: Put a manifest in place that was made elsewhere
  onprem.irsa.control_plane_flags_host:
    path: /etc/kubernetes/manifests/kube-apiserver.yaml
    content: "{{ lookup('ansible.builtin.file', 'kube-apiserver.yaml') }}"
    flags:
      etcd-servers: ["https://127.0.0.1:2379"]
      secure-port: ["6443"]
    url: https://10.0.0.1:6443
  become: true
"""

RETURN = r"""
backup:
  description: As RV(onprem.irsa.control_plane_flags#module:backup).
  returned: success; V(null) when nothing was
  type: str
unavailable_seconds:
  description: Seconds during the wait in which the component did not answer that it is ready.
  returned: always, but in check mode
  type: float
  sample: 12.5
put_back:
  description: As RV(onprem.irsa.control_plane_flags#module:put_back).
  returned: always, but in check mode
  type: bool
removed_sandboxes:
  description: As RV(onprem.irsa.control_plane_flags#module:removed_sandboxes).
  returned: always, but in check mode
  type: list
  elements: str
moved_away:
  description: As RV(onprem.irsa.control_plane_flags#module:moved_away).
  returned: always, but in check mode
  type: list
  elements: str
recovered:
  description: As RV(onprem.irsa.control_plane_flags#module:recovered).
  returned: failure
  type: bool
reason:
  description: As RV(onprem.irsa.control_plane_flags#module:reason).
  returned: failure
  type: str
log:
  description: As RV(onprem.irsa.control_plane_flags#module:log).
  returned: failure
  type: list
  elements: str
"""

import typing as t
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.onprem.irsa.plugins.module_utils._errors import reported
from ansible_collections.onprem.irsa.plugins.module_utils._host.api import Api
from ansible_collections.onprem.irsa.plugins.module_utils._host.backup import Backups
from ansible_collections.onprem.irsa.plugins.module_utils._host.privilege import needing_root
from ansible_collections.onprem.irsa.plugins.module_utils._host.sandbox import Sandboxes
from ansible_collections.onprem.irsa.plugins.module_utils._host.swap import Change, apply, current, reported_outcome
from ansible_collections.onprem.irsa.plugins.module_utils._host.watch import Watch
from ansible_collections.onprem.irsa.plugins.module_utils._input.limits import require_numbers

ARGUMENT_SPEC = {
    "path": {"type": "path", "required": True},
    "content": {"type": "str", "required": True},
    "planned_on": {"type": "str", "default": ""},
    "forerunner": {"type": "str", "default": ""},
    "move_away": {"type": "list", "elements": "path", "default": []},
    "component": {"type": "str", "choices": ["kube-apiserver", "kube-controller-manager"], "default": "kube-apiserver"},
    "flags": {"type": "dict", "required": True},
    "variables": {"type": "list", "elements": "str", "default": []},
    "url": {"type": "str", "required": True},
    "client_cert": {"type": "str", "default": ""},
    "client_key": {"type": "str", "default": "", "no_log": False},
    "health": {"type": "str", "default": "/readyz"},
    "timeout": {"type": "int", "default": 300},
    "stale_sandbox_seconds": {"type": "int", "default": 0},
    "backup_directory": {"type": "path", "default": "/var/lib/onprem-irsa/backup"},
}


def _sandboxes(module: AnsibleModule) -> Sandboxes | None:
    seconds = module.params["stale_sandbox_seconds"]
    if not seconds:
        return None
    return Sandboxes(
        module.params["component"], seconds, module.run_command, module.get_bin_path("crictl", required=True)
    )


def main() -> t.NoReturn:
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    params = module.params
    path = Path(params["path"])
    change = Change(
        backups=Backups(Path(params["backup_directory"]), path),
        sandboxes=_sandboxes(module),
        move_away=tuple(Path(file) for file in params["move_away"]),
        variables=tuple(params["variables"]),
        **{name: params[name] for name in ("content", "flags", "timeout", "planned_on", "forerunner")},
    )
    api = Api(params["url"], params["client_cert"], params["client_key"], params["health"])
    watch = Watch(params["component"], api)
    with reported(module), needing_root():
        require_numbers(params)
        before = current(path)
        result: dict[str, t.Any] = {
            "changed": before != change.content,
            "diff": {"before": before, "after": change.content, "before_header": str(path), "after_header": str(path)},
        }
        if not module.check_mode:
            result |= reported_outcome(apply(change, watch), watch, change.sandboxes)
    if "reason" in result:
        module.fail_json(**result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
