#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: control_plane_edits_host
short_description: Change files of a service, restart it, wait for it, and put the files back if it fails (internal)
version_added: 1.0.0
author:
  - The onprem.irsa authors (!UNKNOWN)
description:
  - Writes files from which a systemd unit starts C(kube-apiserver), each by rename, lets systemd read its units again,
    restarts the unit, and waits until a new process with exactly the wanted flags runs and is ready at the host's own
    address. Mode, owner and extended attributes of the files stay, such as their SELinux labels and ACLs.
  - Puts the old files back and restarts the unit when that process exits again and again, or is not ready in time,
    waits for that one, and fails with the reason from the journal.
  - Runs to its end on the host even when the controller goes away. What it replaces is kept before the first file is
    written. Where it was killed itself, the next run with these files, or with none, continues the wait, or goes back
    to the old files if need be, also where only some of the files were written.
  - This is the part of M(onprem.irsa.control_plane_flags) that runs on hosts whose API server is no static pod. Use
    that module to change flags.
  - Needs the standard library and systemd on the host.
  - Made for the roles of this collection, and may change with them in any release.
extends_documentation_fragment:
  - onprem.irsa._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details:
      - The files may hold secrets. M(onprem.irsa.control_plane_flags) shows the lines that change.
  idempotent:
    support: full
    details:
      - Waits, and changes nothing, when the files are there already and the unit does not run with them yet.
options:
  component:
    description: The program that the unit runs.
    type: str
    choices: [kube-apiserver, kube-controller-manager]
    default: kube-apiserver
  unit:
    description: The systemd unit, such as C(kube-apiserver.service).
    type: str
    required: true
  edits:
    description: The files as they should be. None to wait for what an earlier run has begun, or to put it back.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: The file. It must be no symbolic link. Its directory is made where it is not there yet.
        type: path
        required: true
      before:
        description:
          - Its text that the change was planned on. Where it has another one than this or O(edits[].after), nothing is
            written and the module fails.
          - Without it, there must be no such file.
        type: str
      after:
        description: Its text as it should be.
        type: str
        required: true
      mode:
        description: The mode of a file that is new, as a number.
        type: int
  restart:
    description: Whether to restart the unit although no file changes, as for a key file with another content.
    type: bool
    default: false
  flags:
    description: The values of every flag of the new process, in their order; of those to look at, without O(whole).
    type: dict
    required: true
  flags_before:
    description: The values of the same flags as the files say them before, kept with what is replaced.
    type: dict
    required: true
  whole:
    description:
      - Whether O(flags) has all flags of the process. If not, it has others besides, such as those that a distribution
        sets by itself, and none that has an empty list.
    type: bool
    default: true
  outcome:
    description:
      - What to ask the API server for once its process runs, with O(client_cert). It signs a token, whose issuer must
        be the first of O(flags), it must accept the others, and each API server that the cluster lists, and that
        answers, must accept that token. Without it, the flags of the process are enough.
    type: dict
    suboptions:
      issuers:
        description: The issuers that it may accept.
        type: list
        elements: str
        required: true
      authority:
        description: The file on the host by which the certificates of API servers are known.
        type: path
        required: true
      within:
        description:
          - Whether the API server is a part of the unit's main process, which does not show its flags. Then what it
            answers stands in place of them.
        type: bool
        default: false
  url:
    description: As O(onprem.irsa.control_plane_flags_host#module:url).
    type: str
    required: true
  health:
    description: As O(onprem.irsa.control_plane_flags_host#module:health).
    type: str
    default: /readyz
  client_cert:
    description: As O(onprem.irsa.control_plane_flags_host#module:client_cert).
    type: str
    default: ""
  client_key:
    description: As O(onprem.irsa.control_plane_flags_host#module:client_key).
    type: str
    default: ""
  timeout:
    description:
      - Seconds to wait for the new process, and again for the old one if the files are put back; V(1) at least.
      - Another run that changes the control plane of this host is waited for first, for twice these seconds and a
        minute.
    type: int
    default: 300
  backup_directory:
    description: The directory for what was replaced, made with mode V(0700).
    type: path
    default: /var/lib/onprem-irsa/backup
seealso:
  - module: onprem.irsa.control_plane_flags
  - module: onprem.irsa.control_plane_flags_host
"""

EXAMPLES = r"""
- name: Put a unit in place that was made elsewhere
  onprem.irsa.control_plane_edits_host:
    unit: kube-apiserver.service
    edits:
      - path: /etc/systemd/system/kube-apiserver.service
        before: "{{ unit_that_was_read }}"
        after: "{{ lookup('ansible.builtin.file', 'kube-apiserver.service') }}"
    flags:
      etcd-servers: ["https://127.0.0.1:2379"]
      secure-port: ["6443"]
    flags_before:
      etcd-servers: ["https://127.0.0.1:2379"]
    url: https://10.0.0.1:6443
  become: true
"""

RETURN = r"""
backup:
  description: The file on the host with the texts that were replaced, as JSON.
  returned: success; V(null) when nothing was, and not in check mode
  type: str
  sample: /var/lib/onprem-irsa/backup/kube-apiserver.unit.20260101T000000Z
unavailable_seconds:
  description: Seconds during the wait in which the component did not answer that it is ready.
  returned: always, but in check mode
  type: float
  sample: 12.5
put_back:
  description: Whether the old files were put back.
  returned: always, but in check mode
  type: bool
recovered:
  description: Whether the component was ready again with the old files.
  returned: failure of the new process
  type: bool
reason:
  description: Why the new process did not come up.
  returned: failure of the new process
  type: str
  sample: "it exits as soon as it starts, with Error: unknown flag: --no-such-flag."
log:
  description: The last lines that the unit wrote to the journal.
  returned: failure of the new process
  type: list
  elements: str
"""

import typing as t
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import Edit
from ansible_collections.onprem.irsa.plugins.module_utils._errors import reported
from ansible_collections.onprem.irsa.plugins.module_utils._host.api import Api
from ansible_collections.onprem.irsa.plugins.module_utils._host.edits import (
    Change,
    apply,
    reported_outcome,
    would_change,
)
from ansible_collections.onprem.irsa.plugins.module_utils._host.outcome import OutcomeApi
from ansible_collections.onprem.irsa.plugins.module_utils._host.privilege import needing_root
from ansible_collections.onprem.irsa.plugins.module_utils._host.record import Records
from ansible_collections.onprem.irsa.plugins.module_utils._host.systemd import Systemd, of_host
from ansible_collections.onprem.irsa.plugins.module_utils._host.unit_watch import OutcomeWatch, UnitWatch
from ansible_collections.onprem.irsa.plugins.module_utils._input.limits import require_numbers

_EDIT = {
    "path": {"type": "path", "required": True},
    # Files with variables and configurations may hold secrets: their texts go to no log, and into no result.
    "before": {"type": "str", "no_log": True},
    "after": {"type": "str", "required": True, "no_log": True},
    "mode": {"type": "int"},
}
_OUTCOME = {
    "issuers": {"type": "list", "elements": "str", "required": True},
    "authority": {"type": "path", "required": True},
    "within": {"type": "bool", "default": False},
}
ARGUMENT_SPEC = {
    "component": {"type": "str", "choices": ["kube-apiserver", "kube-controller-manager"], "default": "kube-apiserver"},
    "unit": {"type": "str", "required": True},
    "edits": {"type": "list", "elements": "dict", "default": [], "options": _EDIT},
    "restart": {"type": "bool", "default": False},
    "flags": {"type": "dict", "required": True},
    "flags_before": {"type": "dict", "required": True},
    "whole": {"type": "bool", "default": True},
    "outcome": {"type": "dict", "options": _OUTCOME},
    "url": {"type": "str", "required": True},
    "client_cert": {"type": "str", "default": ""},
    "client_key": {"type": "str", "default": "", "no_log": False},
    "health": {"type": "str", "default": "/readyz"},
    "timeout": {"type": "int", "default": 300},
    "backup_directory": {"type": "path", "default": "/var/lib/onprem-irsa/backup"},
}


def watch_of(params: t.Mapping[str, t.Any], systemd: Systemd) -> UnitWatch:
    """Return what looks at the unit."""
    served = {name: params[name] for name in ("url", "client_cert", "client_key", "health")}
    outcome = params["outcome"]
    asks = OutcomeApi(**served, authority=outcome["authority"]) if outcome and served["client_cert"] else None
    api = Api(**served)
    if outcome and outcome["within"]:
        told, issuers = params["flags"], outcome["issuers"]
        return OutcomeWatch(params["component"], params["unit"], api, systemd, asks=asks, told=told, issuers=issuers)
    return UnitWatch(params["component"], params["unit"], api, systemd, supervised=not params["whole"], asks=asks)


def main() -> t.NoReturn:
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    params = module.params
    change = Change(
        records=Records(Path(params["backup_directory"]), params["component"]),
        edits=tuple(Edit(**edit) for edit in params["edits"]),
        **{name: params[name] for name in ("flags", "flags_before", "whole", "timeout", "restart")},
    )
    module.get_bin_path("systemctl", required=True)
    systemd = of_host(module.run_command, module.get_bin_path)
    watch = watch_of(params, systemd)
    with reported(module), needing_root():
        require_numbers(params)
        if module.check_mode:
            result: dict[str, t.Any] = {"changed": would_change(change)}
        else:
            result = reported_outcome(apply(change, watch), watch)
    if "reason" in result:
        module.fail_json(**result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
