#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: review_files
short_description: Write files that people review and apply (internal)
version_added: 1.0.0
author:
  - The onprem.irsa authors (!UNKNOWN)
description:
  - Writes texts into a directory on the controller, with the directories that they need, and removes what an earlier
    run has written there and nobody asks for any longer.
  - Made for the entry points C(render) of the roles of this collection, and may change with them in any release.
extends_documentation_fragment:
  - onprem.irsa._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  directory:
    description: The directory. It is made when there are files to write.
    type: path
    required: true
  files:
    description:
      - The text of each file by its name below O(directory), with C(/) for directories. One of an empty text is not
        written, and removed.
    type: dict
    required: true
  owned:
    description:
      - Patterns of names below O(directory), in which C(**) stands for any directories. Files of such a name that are
        not in O(files) are removed.
    type: list
    elements: str
    default: []
seealso:
  - module: onprem.irsa.iam_files
"""

EXAMPLES = r"""
- name: Write a manifest for review
  onprem.irsa.review_files:
    directory: review/injection
    files:
      01-namespace.yml: "{{ namespace | to_nice_yaml }}"
    owned: ["[0-9][0-9]-*.yml"]
  delegate_to: localhost
"""

RETURN = r""" # """

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.onprem.irsa.plugins.module_utils._errors import reported
from ansible_collections.onprem.irsa.plugins.module_utils._review_files import bring

ARGUMENT_SPEC: t.Final[dict[str, dict[str, t.Any]]] = {
    "directory": {"type": "path", "required": True},
    "files": {"type": "dict", "required": True},
    "owned": {"type": "list", "elements": "str", "default": []},
}


def main() -> t.NoReturn:
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    directory, files, owned = (module.params[name] for name in ("directory", "files", "owned"))
    with reported(module):
        brought = bring(directory, files, owned=owned, check_mode=module.check_mode)
    module.exit_json(**brought._asdict())


if __name__ == "__main__":
    main()
