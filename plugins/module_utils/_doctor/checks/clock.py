# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of clocks. PRIVATE: it may change."""

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.observation import MAX_CLOCK_OFFSET
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.checking import Seen, check, seen
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.view import looked

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._doctor.view import View

# NTP keeps clocks within milliseconds: what is off by more than this does not follow it.
_DRIFTING: t.Final = 10.0
_GUIDE: t.Final = "guide_troubleshooting"


def _shown(offset: float) -> str:
    return f"{abs(offset):.0f} s {'ahead' if offset > 0 else 'behind'}"


@check(
    "clock.host",
    "broken",
    title="The clock of a control-plane host is off",
    cause="A token has the times of the host that signs it: STS refuses what is not valid yet, or has ended. It takes "
    "five minutes of difference.",
    fix="Set the clock of {where} by NTP: `timedatectl set-ntp true`, and see `chronyc tracking`.",
    command="ssh {where} timedatectl set-ntp true",
    guide=_GUIDE,
    follows=("clock.controller",),
)
def _host(view: View) -> t.Iterator[Seen]:
    for name, host in view.hosts:
        if abs(host.clock_offset) > MAX_CLOCK_OFFSET:
            yield seen(name, f"its clock is {_shown(host.clock_offset)} of the controller's")


@check(
    "clock.drifting",
    "warning",
    title="The clock of a control-plane host drifts",
    cause="NTP keeps clocks within milliseconds: this one does not follow it, and goes on drifting.",
    fix="Let {where} follow NTP: `timedatectl set-ntp true`, and see `chronyc tracking`.",
    command="ssh {where} timedatectl set-ntp true",
    guide=_GUIDE,
    follows=("clock.controller",),
)
def _drifting(view: View) -> t.Iterator[Seen]:
    for name, host in view.hosts:
        if _DRIFTING < abs(host.clock_offset) <= MAX_CLOCK_OFFSET:
            yield seen(name, f"its clock is {_shown(host.clock_offset)} of the controller's")


@check(
    "clock.not-synchronised",
    "warning",
    title="The clock of a control-plane host follows nothing",
    cause="It is right now, and drifts by seconds a day.",
    fix="Let {where} follow NTP: `timedatectl set-ntp true`.",
    command="ssh {where} timedatectl set-ntp true",
    guide=_GUIDE,
    follows=("clock.host", "clock.drifting"),
)
def _not_synchronised(view: View) -> t.Iterator[Seen]:
    for name, host in view.hosts:
        if host.synchronised is False and abs(host.clock_offset) <= _DRIFTING:
            yield seen(name, "it follows no other clock")


@check(
    "clock.controller",
    "broken",
    title="The controller's clock is off",
    cause="AWS refuses what is signed more than five minutes away (RequestTimeTooSkewed), and every other time here is "
    "judged by that clock.",
    fix="Set the controller's clock by NTP.",
    command="timedatectl set-ntp true",
    guide=_GUIDE,
)
def _controller(view: View) -> t.Iterator[Seen]:
    clock = looked(view.snapshot.clock)
    if clock and clock.offset is not None and abs(clock.offset) > MAX_CLOCK_OFFSET:
        yield seen("controller", f"its clock is {_shown(clock.offset)} of AWS's")
