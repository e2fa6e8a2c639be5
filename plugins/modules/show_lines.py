#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: show_lines
short_description: Show lines as they are, to be copied (internal)
version_added: 1.0.0
author:
  - The onprem.irsa authors (!UNKNOWN)
description:
  - Writes lines to what shows the run, as they are. M(ansible.builtin.debug) shows a list as JSON, in which quotes and
    backslashes are written with backslashes, so that a copy of it is no text of a file or a shell any more.
  - With an output that is JSON as a whole, such as that of the callback C(ansible.posix.json), the lines are in the
    result alone.
  - Made for the roles of this collection, and may change with them in any release.
extends_documentation_fragment:
  - onprem.irsa._attributes
  - onprem.irsa._attributes.info_module
attributes:
  action:
    description: Has an action plugin, which does all of the work on the controller, of the same name.
    support: full
options:
  lines:
    description: The lines, without line breaks.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Show what to set
  onprem.irsa.show_lines:
    lines:
      - "Write this to config.yaml:"
      - ""
      - '    - "service-account-issuer=https://acme-prod-oidc.s3.eu-central-1.amazonaws.com"'
"""

RETURN = r"""
lines:
  description: The lines.
  returned: success
  type: list
  elements: str
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC: t.Final[dict[str, dict[str, t.Any]]] = {
    "lines": {"type": "list", "elements": "str", "required": True},
}


def main() -> t.NoReturn:
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    module.fail_json(msg="show_lines shows lines on the controller. Call it as the task onprem.irsa.show_lines.")


if __name__ == "__main__":
    main()
