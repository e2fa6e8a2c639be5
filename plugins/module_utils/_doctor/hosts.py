# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tasks on control-plane hosts have seen, as API servers are taken of it. PRIVATE: it may change without notice.

Pure. A task that failed, or a host that was not reached, is told as such, and hides nothing else.
"""

from __future__ import annotations

import typing as t

Json = t.Mapping[str, t.Any]

_NO_ANSWER: t.Final = -1  # the status by which the module uri tells so
_SYNCHRONISED: t.Final[t.Mapping[str, bool]] = {"yes": True, "no": False}  # timedatectl(1), NTPSynchronized


def looked_at_hosts(hosts: t.Mapping[str, Json]) -> dict[str, t.Any]:
    """Return C(hosts) and C(controller_managers) as C(seen_servers.api_servers_of) takes them.

    hosts: by their names C(seen), C(manager), C(files) and C(clock), results of tasks; each of them may be missing.
    """
    managers = {name: host.get("manager") or {} for name, host in hosts.items()}
    return {
        "hosts": {name: _host(host) for name, host in hosts.items()},
        "controller_managers": {name: manager for name, manager in managers.items() if not _why_not(manager)},
    }


def unreached_hosts(hosts: t.Mapping[str, Json]) -> dict[str, str]:
    """Return why hosts do not reach STS, by their names.

    hosts: by their names C(sts), the result of the module uri for its endpoint; it may be missing.
    """
    results = {name: host.get("sts") or {} for name, host in hosts.items()}
    return {
        name: " ".join(str(result.get("msg") or "no answer").split()).rstrip(".")
        for name, result in results.items()
        if result.get("status") == _NO_ANSWER
    }


def _host(host: Json) -> Json:
    seen = host.get("seen") or {}
    reason = _why_not(seen)
    if reason:
        return {"not_looked_at": reason}
    clock = (host.get("clock") or {}).get("stdout") or ""
    return {
        **seen,
        "key_files": dict(_files(host.get("files") or ())),
        "synchronised": _SYNCHRONISED.get(str(clock).strip()),
    }


def _why_not(result: Json) -> str:
    """Return why a result of control_plane_info tells nothing; empty for one that does."""
    if result.get("failed") or result.get("unreachable"):
        said = " ".join(str(result.get("msg") or "").split()).rstrip(".")
        return said or "the host was not reached"
    if result.get("distribution", "unknown") == "unknown":
        return "its distribution is not known" if result else "nobody looked at it"
    return ""


def _files(results: t.Iterable[Json]) -> t.Iterator[tuple[str, Json]]:
    for result in results:
        stat = result.get("stat") or {}
        if stat.get("exists"):
            yield str(result["item"]), {"mode": int(str(stat["mode"]), 8), "changed": float(stat["mtime"])}


__all__: t.Final = ("looked_at_hosts", "unreached_hosts")
