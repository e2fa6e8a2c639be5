# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which service account is proved to have its role; it makes no calls."""

from __future__ import annotations

import typing as t
from dataclasses import asdict

from ansible.plugins.action import ActionBase

from ansible_collections.onprem.irsa.plugins.module_utils._proof.plan import proof_subject
from ansible_collections.onprem.irsa.plugins.modules.proof_subject import ARGUMENT_SPEC
from ansible_collections.onprem.irsa.plugins.plugin_utils._arguments import arguments_of

Result = dict[str, t.Any]


class ActionModule(ActionBase):
    """Chooses by what the user has named and what roles there are."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: Result | None = None) -> Result:
        """Return the service account and its role."""
        result: Result = super().run(tmp, task_vars)
        arguments = arguments_of(self, ARGUMENT_SPEC)
        return {**result, "changed": False, **asdict(proof_subject(**arguments))}
