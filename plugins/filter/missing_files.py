# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import typing as t
from pathlib import Path

from ansible_collections.onprem.irsa.plugins.module_utils._input_rules import missing_files

DOCUMENTATION = r"""
name: missing_files
short_description: Say which files that variables name are not there
version_added: 1.0.0
author: The onprem.irsa authors (@onprem)
description:
  - Looks for files on the controller and returns a line for each that is not there or cannot be read, with the variable
    that names it, the value and the fix.
  - Made for the roles of this collection, and may change with them in any release.
options:
  _input:
    description: Complete paths by the variables that name them; empty where none is named.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Refuse a file that is not there
  ansible.builtin.assert:
    that: "{'irsa_issuer_ca_path': '/etc/ssl/own.pem'} | onprem.irsa.missing_files | length == 0"
"""

RETURN = r"""
_value:
  description: A line for everything that is wrong; empty when nothing is.
  type: list
  elements: str
  sample:
    - >-
      irsa_issuer_ca_path names the file /etc/ssl/own.pem, which does not exist on the controller, or cannot be read.
      Give the path of one, from / or relative to the directory in which you run the play.
"""


def _is_readable(path: str) -> bool:
    return Path(path).is_file() and os.access(path, os.R_OK)


def _filter(paths: t.Mapping[str, str]) -> list[str]:
    return missing_files(paths, exists=_is_readable)


class FilterModule:
    """Filters of this file, as Ansible looks them up."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"missing_files": _filter}
