# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module api_servers_plan: it decides on the controller, and asks nobody."""

from __future__ import annotations

import json
import typing as t

from ansible.plugins.action import ActionBase

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.answers import of_result
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.by_hand import by_hand
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.signs import version_of
from ansible_collections.onprem.irsa.plugins.module_utils._errors import IrsaError
from ansible_collections.onprem.irsa.plugins.modules.api_servers_plan import ARGUMENT_SPEC

Result = dict[str, t.Any]


class ActionModule(ActionBase):
    """Plans by what it is given."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: Result | None = None) -> Result:
        """Return what is left to do; the task fails where that cannot be done by anybody."""
        result: Result = super().run(tmp, task_vars)
        # Called through its class: by that name it counts among the functions that are known to be untyped.
        _validation, validated = ActionBase.validate_argument_spec(self, ARGUMENT_SPEC)
        given: Result = json.loads(json.dumps(validated))  # plain strings: PyYAML does not write those of templates
        answers = given["answers"]
        distribution = given["distribution"] or answers["distribution"]
        try:
            left = by_hand(
                of_result(answers),
                given["issuer"],
                towards=given["towards"],
                jwks_uri=given["jwks_uri"],
                flags=given["flags"],
                distribution=distribution,
                version=version_of(distribution, answers["version"], answers["talos_version"]),
            )
        except IrsaError as error:
            return {**result, "changed": False, "failed": True, "msg": f"API-server flags: {error}"}
        told = {"stage": left.stage, "flags": left.flags, "says": left.says, "report": left.report}
        return {**result, "changed": False, **told, "text": [*left.text], "warnings_of_servers": [*left.warnings]}
