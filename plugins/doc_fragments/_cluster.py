# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of what belongs to one cluster in AWS. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  cluster:
    description:
      - Name of the cluster. It is the value of the ownership tag C(onprem.irsa/cluster), by which the module knows what
        is the cluster's.
    type: str
    required: true
"""

    TAGS = r"""
options:
  tags:
    description:
      - Tags to set besides the ownership tag. When not given, the tags stay as they are.
      - Write keys and values in quotes, since YAML reads C(012) as 10; a number is refused.
    type: dict
  purge_tags:
    description:
      - Whether to remove tags that are not among O(tags), when O(tags) is given. The ownership tag stays.
    type: bool
    default: true
"""
