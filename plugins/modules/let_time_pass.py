#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: let_time_pass
short_description: Wait for some time, and show how much of it has passed (internal)
version_added: 1.0.0
author:
  - The onprem.irsa authors (!UNKNOWN)
description:
  - Waits on the controller. After ten seconds it shows how long it has waited and how long it takes in all, then every
    ten seconds, and after a minute every minute. M(ansible.builtin.wait_for) and M(ansible.builtin.pause) wait in
    silence.
  - Waits for nothing in check mode.
  - Made for the roles of this collection, and may change with them in any release.
extends_documentation_fragment:
  - onprem.irsa._attributes
attributes:
  action:
    description: Has an action plugin, which does all of the work on the controller, of the same name.
    support: full
  check_mode:
    support: full
  diff_mode:
    support: none
    details:
      - Nothing changes that could be shown.
  idempotent:
    support: full
options:
  seconds:
    description: How long to wait, in seconds.
    type: float
    required: true
"""

EXAMPLES = r"""
- name: Give load balancers the time to see the last one again
  onprem.irsa.let_time_pass:
    seconds: 30
"""

RETURN = r"""
seconds:
  description: How long was waited, in seconds; 0 in check mode.
  returned: success
  type: float
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC: t.Final[dict[str, dict[str, t.Any]]] = {
    "seconds": {"type": "float", "required": True},
}


def main() -> t.NoReturn:
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    module.fail_json(msg="let_time_pass waits on the controller. Call it as the task onprem.irsa.let_time_pass.")


if __name__ == "__main__":
    main()
