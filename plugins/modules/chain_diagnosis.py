#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: chain_diagnosis
short_description: Say what is wrong with the chain, by what was seen of it (internal)
version_added: 1.0.0
author:
  - The onprem.irsa authors (!UNKNOWN)
description:
  - Judges what M(onprem.irsa.chain_cluster_info), M(onprem.irsa.chain_documents_info) and M(onprem.irsa.chain_aws_info)
    have seen, or a snapshot that was saved, and writes reports. Looks at nothing itself.
  - That something is broken is no failure of the module.
  - Made for the role P(onprem.irsa.irsa_doctor#role), and may change with it in any release.
extends_documentation_fragment:
  - onprem.irsa._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details:
      - The reports are what a run is for; each of them would be shown as a whole.
  idempotent:
    support: partial
    details:
      - A diagnosis has a time; that of a snapshot that was saved is always the same.
options:
  issuer:
    description: The issuer URL; empty where nobody knows it.
    type: str
    default: ""
  audience:
    description: The audience of tokens where a service account names none.
    type: str
    default: sts.amazonaws.com
  cluster:
    description: What the cluster is called in reports; empty for the issuer's URL.
    type: str
    default: ""
  seen:
    description:
      - What RV(onprem.irsa.chain_cluster_info#module:seen) was, and the same of the other two modules, under
        C(cluster), C(documents) and C(aws).
    type: dict
    default: {}
  reasons:
    description: Why one of these is missing, under the same names.
    type: dict
    default: {}
  retired_kids:
    description: The ids of keys that the user has retired.
    type: list
    elements: str
    default: []
  snapshot_from:
    description: A snapshot that was saved, in place of all options above.
    type: path
  snapshot_path:
    description: Where to save what was seen.
    type: path
  report_path:
    description: Where to write the diagnosis as a page of HTML that needs nothing else.
    type: path
  junit_path:
    description: Where to write the diagnosis in the form of JUnit.
    type: path
  json_path:
    description: Where to write the diagnosis as JSON.
    type: path
seealso:
  - module: onprem.irsa.chain_cluster_info
"""

EXAMPLES = r"""
- name: Diagnose a snapshot
  onprem.irsa.chain_diagnosis:
    snapshot_from: prod.json
    report_path: report.html
  register: diagnosis

- name: Show it
  ansible.builtin.debug:
    msg: "{{ diagnosis.lines }}"
"""

RETURN = r"""
lines:
  description: The report for people, a line each, the worst first; its last line names the first broken link.
  returned: success
  type: list
  elements: str
broken:
  description: Whether something is broken.
  returned: success
  type: bool
failure:
  description: The summary, and what is broken with its fix, a line each; empty where nothing is.
  returned: success
  type: list
  elements: str
diagnosis:
  description: The diagnosis as data, as the role P(onprem.irsa.irsa_doctor#role) gives it to others.
  returned: success
  type: dict
"""

import os
import tempfile
import time
import typing as t
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.onprem.irsa.plugins.module_utils._doctor.codec import of_json, to_json
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.diagnosis import diagnose
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.page import as_html
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.parts import LOOKS, merged, with_rotation
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.report import (
    as_data,
    as_json,
    as_junit,
    failure,
    lines,
)
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.snapshot import Snapshot
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError, IrsaError, reported

_TEXT: t.Final = {"type": "str", "default": ""}


def main() -> t.NoReturn:
    module = AnsibleModule(
        argument_spec={
            "issuer": _TEXT,
            "audience": {"type": "str", "default": "sts.amazonaws.com"},
            "cluster": _TEXT,
            "seen": {"type": "dict", "default": {}},
            "reasons": {"type": "dict", "default": {}},
            "retired_kids": {"type": "list", "elements": "str", "default": []},
            **{name: {"type": "path"} for name in ("snapshot_from", *_FILES)},
        },
        supports_check_mode=True,
    )
    with reported(module):
        snapshot = _snapshot(module.params)
        diagnosis = diagnose(snapshot)
        texts = {
            "snapshot_path": lambda: to_json(snapshot),
            "report_path": lambda: as_html(diagnosis),
            "junit_path": lambda: as_junit(diagnosis),
            "json_path": lambda: as_json(diagnosis),
        }
        wanted = {path: texts[name]() for name in _FILES if (path := module.params[name])}
        changed = [_write(module, path, text) for path, text in wanted.items()]
    module.exit_json(
        changed=any(changed),
        lines=lines(diagnosis),
        broken=diagnosis.first is not None,
        failure=failure(diagnosis),
        diagnosis=as_data(diagnosis),
    )


_FILES: t.Final = ("snapshot_path", "report_path", "junit_path", "json_path")


def _snapshot(asked: t.Mapping[str, t.Any]) -> Snapshot:
    """Return the snapshot that was saved, or that of what was seen."""
    source = asked["snapshot_from"]
    if source:
        try:
            return of_json(Path(source).read_text(encoding="utf-8"), source=source)
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(
                f"The snapshot {source} cannot be read: {error}.",
                fix="Name a file that irsa_doctor_snapshot has saved.",
            ) from error
    empty = Snapshot(time.time(), asked["issuer"], asked["audience"], asked["cluster"])
    looks = {name: of_json(asked["seen"][name], source=f"seen.{name}") for name in LOOKS if asked["seen"].get(name)}
    return with_rotation(merged(empty, looks, asked["reasons"]), asked["retired_kids"])


def _write(module: AnsibleModule, path: str, text: str) -> bool:
    """Write a file as a whole, and say whether it was another one before; in check mode it stays."""
    target = Path(path)
    content = f"{text.rstrip()}\n".encode()
    try:
        if target.is_file() and target.read_bytes() == content:
            return False
        if not module.check_mode:
            handle, name = tempfile.mkstemp(dir=module.tmpdir)
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            module.atomic_move(name, path)
    except OSError as error:
        raise IrsaError(
            f"{path} cannot be written: {error}.", fix="Name a file in a directory that is there."
        ) from error
    return True


if __name__ == "__main__":
    main()
