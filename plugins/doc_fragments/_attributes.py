# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attributes that every module documents. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in check mode and say what it would change.
  diff_mode:
    description: Returns what changed, or would change, in diff mode.
  idempotent:
    description: Running it again without other changes in between changes nothing.
"""

    AWS = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/onprem.irsa.aws) in C(module_defaults); it holds the modules of amazon.aws, too.
    support: full
    membership:
      - onprem.irsa.aws
"""

    K8S = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/onprem.irsa.k8s) in C(module_defaults); it holds the modules of kubernetes.core, too.
    support: full
    membership:
      - onprem.irsa.k8s
"""

    INFO_MODULE = r"""
options: {}
attributes:
  check_mode:
    support: full
    details:
      - This module does not modify state.
  diff_mode:
    support: N/A
    details:
      - This module does not modify state.
  idempotent:
    support: full
    details:
      - This module does not modify state.
"""

    ON_CONTROLLER = r"""
options: {}
attributes:
  action:
    description: Has an action plugin, which does all of the work on the controller, of the same name.
    support: full
"""
