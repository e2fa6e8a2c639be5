# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module api_servers_plan: it decides on the controller, and asks nobody."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.answers import Asked, as_result, of_result
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.by_hand import (
    both_passes,
    by_hand,
    known_of_servers,
)
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.signs import version_of
from ansible_collections.onprem.irsa.plugins.module_utils._errors import IrsaError
from ansible_collections.onprem.irsa.plugins.modules.api_servers_plan import ARGUMENT_SPEC
from ansible_collections.onprem.irsa.plugins.plugin_utils._arguments import plain_arguments_of

Result = dict[str, t.Any]

# Of API servers that were not asked.
_NO_ANSWERS: t.Final[Result] = {
    **as_result(Asked((), ())),
    **dict.fromkeys(("distribution", "version", "talos_version"), ""),
}


class ActionModule(ActionBase):
    """Plans by what it is given."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: Result | None = None) -> Result:
        """Return what is to do; the task fails where that cannot be done by anybody."""
        result: Result = super().run(tmp, task_vars)
        given = plain_arguments_of(self, ARGUMENT_SPEC)
        try:
            told = _both_passes(given) if given["both_passes"] else _left(given)
        except IrsaError as error:
            return {**result, "changed": False, "failed": True, "msg": f"API-server flags: {error}"}
        return {**result, "changed": False, **told}


def _left(given: Result) -> Result:
    """Return what is left to do, by what the API servers answer."""
    answers = given["answers"]
    distribution = given["distribution"] or answers["distribution"]
    left = by_hand(
        of_result(answers),
        given["issuer"],
        towards=given["towards"],
        jwks_uri=given["jwks_uri"],
        flags=given["flags"],
        distribution=distribution,
        version=version_of(distribution, answers["version"], answers["talos_version"]),
    )
    told = {"stage": left.stage, "flags": left.flags, "says": left.says, "report": left.report}
    return {**told, "text": [*left.text], "warnings_of_servers": [*left.warnings]}


def _both_passes(given: Result) -> Result:
    """Return all that there is to do, by what is known of the API servers."""
    answers = given["answers"] or _NO_ANSWERS
    found = known_of_servers(of_result(answers), answers, given["observed"], named=given["distribution"])
    text = both_passes(
        given["issuer"],
        found.issuers,
        retired=given["retired"],
        jwks_uri=given["jwks_uri"],
        flags=given["flags"],
        distribution=found.distribution,
        version=version_of(found.distribution, given["version"] or found.version, answers["talos_version"]),
    )
    return {"text": [*text]}
