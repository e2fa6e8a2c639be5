# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of what gives roles to pods. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  roles:
    description:
      - The RV(onprem.irsa.iam_roles#module:roles) that M(onprem.irsa.iam_roles) returned. They take precedence over
        annotations.
    type: list
    elements: dict
    default: []
  region:
    description: The AWS region to set in containers that set none. Without it none is set.
    type: str
    default: ""
"""
