# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._table import COLUMNS, summary, table

DOCUMENTATION = r"""
name: report_table
short_description: Rows as aligned lines of text (internal)
version_added: 1.0.0
author: The onprem.irsa authors (!UNKNOWN)
description:
  - Returns lines for M(ansible.builtin.debug), which shows a list of lines well with every callback.
  - Made for the roles of this collection, and may change with them in any release.
positional: columns
options:
  _input:
    description:
      - The rows. What a row lacks leaves a gap; fractions are shown with two decimals.
    type: list
    elements: dict
    required: true
  columns:
    description:
      - The keys to show, in their order.
    type: list
    elements: str
    default: [link, checked, result, seconds]
  wide:
    description:
      - The column that gives way where the lines do not fit a screen of a hundred columns. It goes on in a second line,
        and says how many characters it leaves out; C(-v) shows them where the report is made.
      - When not given, no line is bounded.
    type: str
seealso:
  - module: onprem.irsa.verify
"""

EXAMPLES = r"""
- name: Show what was proved
  ansible.builtin.debug:
    msg: "{{ proof.links | onprem.irsa.report_table }}"
    # - link       checked                                          result                 seconds
    # - documents  HTTPS, types, issuer, key ids, signature of ...  1 key at https://oidc…  0.21
"""

RETURN = r"""
_value:
  description: The names of the columns, and a line for each row.
  type: list
  elements: str
"""


def _filter(
    rows: t.Iterable[t.Mapping[str, t.Any]], columns: t.Sequence[str] = COLUMNS, *, wide: str = ""
) -> list[str]:
    return summary(rows, columns, wide) if wide else table(rows, columns)


class FilterModule:
    """Filters of this file, as Ansible looks them up."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"report_table": _filter}
