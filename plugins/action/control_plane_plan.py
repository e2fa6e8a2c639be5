# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module control_plane_plan: it decides on the controller, and asks nobody."""

from __future__ import annotations

import base64
import typing as t
from dataclasses import asdict

from ansible.plugins.action import ActionBase

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.kubeadm_sources import Sources
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.plan import (
    Plan,
    Seen,
    Wanted,
    Writer,
    plan,
    report,
)
from ansible_collections.onprem.irsa.plugins.modules.control_plane_plan import ARGUMENT_SPEC
from ansible_collections.onprem.irsa.plugins.plugin_utils._arguments import plain_arguments_of

Result = dict[str, t.Any]

_OF_GOAL: t.Final = (
    "issuer",
    "towards",
    "jwks_uri",
    "flags",
    "retired",
    "retired_audiences",
    "signing_kid",
    "retired_kids",
)


class ActionModule(ActionBase):
    """Plans by what it is given."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: Result | None = None) -> Result:
        """Return the plan; the task fails where there are problems."""
        result: Result = super().run(tmp, task_vars)
        given = plain_arguments_of(self, ARGUMENT_SPEC)
        seen = Seen(
            hosts={observed["host"]: observed for observed in given["observed"]},
            slices=given["endpoints"],
            writer=_writer(given["keeper"]) if given["keeper"] else None,
        )
        wanted = _wanted(given) if given["issuer"] is not None else None
        allowed = {name: given[name] for name in ("duplicates_allowed", "links_allowed")}
        after = plan(seen, wanted, **allowed)
        if after.problems:
            return {**result, "changed": False, "failed": True, "msg": "\n".join([*after.problems, *after.by_hand])}
        said = ""
        if wanted is not None and wanted.towards != "look":
            checking = bool(self._task.check_mode)
            said = report(after, wanted, seen.hosts, restarted=given["restarted"], checking=checking)
        return {**result, "changed": False, **_told(after), "report": said}


def _wanted(given: Result) -> Wanted:
    kept: dict[str, dict[str, str]] = {}
    for read in given["kept_manifests"]:
        found, file = read["item"]
        text = base64.b64decode(read["content"]).decode(errors="replace")
        kept.setdefault(found["item"], {})[file["path"]] = text
    return Wanted(**{name: given[name] for name in _OF_GOAL}, kept_manifests=kept)


def _writer(keeper: Result) -> Writer:
    hosts = {found["host"]: found for found in keeper["hosts"]}
    sources = Sources(keeper["configuration"], hosts, keeper["patch_file"], keeper["extra_args"])
    return Writer(keeper["name"], sources, keeper["file"], keeper["told"])


def _told(after: Plan) -> Result:
    """Return a plan as the module documents it."""
    steps = [
        {**asdict(step), "kids": [*step.kids], "published": [*step.published], "says": says}
        for step, says in zip(after.steps, after.says)
    ]
    upkeep = after.upkeep and {
        **asdict(after.upkeep),
        "patch": [*after.upkeep.patch],
        "unpatched": [*after.upkeep.unpatched],
        "outdated": [{"host": host, "path": path} for host, path in after.upkeep.outdated],
        "changed": after.upkeep.changed,
    }
    return {
        "failed": False,
        "warnings_of_hosts": [*after.warnings],
        "unconfirmed": [*after.unconfirmed],
        "untidy": [*after.untidy],
        "issuer": after.issuer,
        "applies": after.applies,
        "steps": steps,
        "says": [*after.says, *after.notes, *after.warnings],
        "listed": dict(after.listed),
        "upkeep": upkeep,
        "in_units": after.in_units,
    }
