#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: controller_info
short_description: Refuse a controller that lacks Python libraries or AWS credentials
version_added: 1.0.0
author:
  - The onprem.irsa authors (!UNKNOWN)
description:
  - Returns the versions of the Python libraries that the collection needs where modules for the controller run, and
    fails where one is missing or too old, or where there are no AWS credentials.
  - The playbooks of this collection begin with it, so that nothing is found missing halfway. It asks no host and no
    AWS; where no credentials are configured, it looks for those of an instance at its metadata service, as boto3 does.
extends_documentation_fragment:
  - onprem.irsa._attributes
  - onprem.irsa._attributes.info_module
options:
  aws:
    description: Whether AWS credentials are needed. That they are valid is not tried.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: The controller has what it needs
  onprem.irsa.controller_info:
    aws: true
  delegate_to: localhost
  run_once: true
"""

RETURN = r"""
libraries:
  description: The versions of the libraries, by their names.
  type: dict
  returned: success
  sample: {boto3: 1.40.1, botocore: 1.40.1, cryptography: 45.0.5, jwcrypto: 1.5.6, kubernetes: 33.1.0}
python:
  description: The interpreter that runs modules on the controller.
  type: str
  returned: success
  sample: /home/me/venv/bin/python
"""

import sys
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.onprem.irsa.plugins.module_utils._controller import credentials_problem, installed
from ansible_collections.onprem.irsa.plugins.module_utils._input.libraries import missing_libraries


def main() -> t.NoReturn:
    module = AnsibleModule(argument_spec={"aws": {"type": "bool", "default": False}}, supports_check_mode=True)
    libraries = installed()
    problem = missing_libraries(libraries, sys.executable)
    if not problem and module.params["aws"]:
        problem = credentials_problem()
    if problem:
        module.fail_json(msg=problem)
    module.exit_json(changed=False, libraries=libraries, python=sys.executable)


if __name__ == "__main__":
    main()
