# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times and hosts for people to read. PRIVATE to the collection: it may change without notice.

Pure.
"""

from __future__ import annotations

import typing as t
from datetime import datetime, timedelta, tzinfo

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._in_use.state import Wait

_HOUR, _DAY = 3600.0, 86400.0


def at(time: float, now: float, zone: tzinfo | None = None) -> str:
    """Return a time as people read it, in the controller's time zone: 14:05, with the date on another day.

    It is rounded up to the minute: what should be over by then is.
    """
    moment = datetime.fromtimestamp(time, zone).astimezone(zone)
    if moment.second or moment.microsecond:
        moment += timedelta(minutes=1)
    today = datetime.fromtimestamp(now, zone).astimezone(zone)
    return moment.strftime("%H:%M" if moment.date() == today.date() else "%Y-%m-%d %H:%M")


def span(seconds: float) -> str:
    """Return a span of time as people say it: of two days or more the days, of two hours or more the hours."""
    for length, name in ((_DAY, "d"), (_HOUR, "h"), (60.0, "min")):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {name}"
    return f"{seconds:.0f} s"


def run_again(wait: Wait[t.Any], now: float, option: str, zone: tzinfo | None = None) -> str:
    """Return when to run again, and why not now; OPTION has a run wait."""
    if wait.within_run:
        return (
            f"Run again with {option}=true, which waits for {span(wait.until - now)}: {wait.why}, and nobody tells "
            "since when it is as it is now."
        )
    return f"Run again after {at(wait.until, now, zone)} ({span(wait.until - now)}): {wait.why}."


def where(hosts: t.Sequence[str], of: int) -> str:
    """Return on which hosts something is, OF so many."""
    if not hosts:
        return "nowhere"
    return "everywhere" if len(hosts) == of else ", ".join(hosts)


__all__: t.Final = ("at", "run_again", "span", "where")
