# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module migration_plan: it decides on the controller, and asks nobody."""

from __future__ import annotations

import math
import time
import typing as t

from ansible.plugins.action import ActionBase

from ansible_collections.onprem.irsa.plugins.module_utils._in_use.state import seen_since
from ansible_collections.onprem.irsa.plugins.module_utils._in_use.words import run_again
from ansible_collections.onprem.irsa.plugins.module_utils._migration import words
from ansible_collections.onprem.irsa.plugins.module_utils._migration.observed import Looked, state
from ansible_collections.onprem.irsa.plugins.module_utils._migration.plan import Aim, plan, within
from ansible_collections.onprem.irsa.plugins.modules.migration_plan import ARGUMENT_SPEC
from ansible_collections.onprem.irsa.plugins.plugin_utils._arguments import plain_arguments_of

Result = dict[str, t.Any]


class ActionModule(ActionBase):
    """Plans by what it is given."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: Result | None = None) -> Result:
        """Return the plan; what stops it is among it, so that the state can be shown before the play ends."""
        result: Result = super().run(tmp, task_vars)
        given = plain_arguments_of(self, ARGUMENT_SPEC)
        return {**result, "changed": False, **planned(given, time.time())}


def planned(given: Result, now: float) -> Result:
    """Return what the module documents; NOW is the controller's time."""
    seen = seen_since(given["seen"], [given["published_from"]["kids"], given["published_to"]["kids"]], now)
    found = state(_looked(given, now, seen["since"]))
    settle = None if given["settle"] is None else float(given["settle"])
    aim = Aim(given["from_issuer"], given["to_issuer"], given["other_roles"], settle, given["trust_policy_limit"])
    whole = plan(found, aim)
    allowed = within(whole, given["phase"])
    step, wait = allowed.step, whole.wait
    is_sure = given["documents_left"] is not None
    problems = [*(whole if given["phase"] == "status" else allowed).problems]
    return {
        "step": {
            "action": step.action,
            "issuer": step.issuer,
            "roles": [*step.roles],
            "says": words.says(step, aim),
            "way_back": words.way_back(step, aim),
        }
        if step
        else None,
        "next": words.says(whole.step, aim) if whole.step else "",
        "wait_until": wait.until if wait else None,
        "wait_seconds": math.ceil(allowed.wait.until - now) if allowed.wait else 0,
        "run_again": run_again(wait, now, "irsa_migrate_wait") if wait else "",
        "problems": problems,
        "concerns": [*whole.concerns, *(problem for problem in whole.problems if problem not in problems)],
        "finished": whole.is_finished and is_sure,
        "unsure": whole.is_finished and not is_sure,
        "issuers": words.issuers(found, aim, whole),
        "seen": seen,
        "other_roles": [role.name for role in found.trust.roles if role.trusts_old and not role.is_listed],
    }


def _looked(given: Result, now: float, first_seen: float) -> Looked:
    return Looked(
        servers=given["servers"],
        issuers=(given["from_issuer"], given["to_issuer"]),
        old=given["published_from"],
        new=given["published_to"],
        trust=given["trust"],
        use=given["use"],
        listed=given["listed_roles"],
        trust_is_complete=given["trust_is_complete"],
        is_left=bool(given["documents_left"]),
        trusted_since=now if given["trusted_since"] is None else given["trusted_since"],
        now=now,
        first_seen=first_seen,
    )


__all__: t.Final = ("ActionModule", "planned")
