# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which control plane an inventory means. PRIVATE to the collection: it may change without notice.

Pure. An inventory may have several clusters, and Ansible gives its groups and hosts in no certain order. So nothing is
taken from whichever host comes first: the user says which cluster is meant, or the hosts agree.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

DEFAULT_GROUP: t.Final = "kube_control_plane"
CONTROLLER: t.Final = "localhost"

_SHOWN = 3  # hosts, where a whole cluster would be named


@dataclass(frozen=True)
class ControlPlane:
    """The control plane that a run is for."""

    group: str
    hosts: t.Sequence[str]
    """Of the group, in its order."""
    problem: str = ""
    """Why the run cannot go on with it, and what to do; empty where it can."""
    is_controller: bool = False
    """Whether no control-plane host is known, and the controller does all."""


def needs_hosts(keys: object, flags: object, *, renders: bool = False) -> bool:
    """Tell whether a run needs control-plane hosts.

    keys: the variable irsa_issuer_keys; None where it is not set.
    flags: the variable irsa_apiserver_flags; None where it is not set.
    renders: whether the run writes files in place of acting, for which no host is changed.
    """
    return keys in (None, "hosts") or (flags == "manage" and not renders)


def control_plane(
    named: t.Mapping[str, str],
    groups: t.Mapping[str, t.Sequence[str]],
    in_play: t.Collection[str],
    *,
    chosen: str = "",
    without_hosts: bool = False,
) -> ControlPlane:
    """Return the control plane that a run is for.

    named: the group that each host of the inventory names; an empty text for none.
    groups: the hosts of each group of the inventory.
    in_play: the hosts of the play, fewer than the inventory's with C(--limit).
    chosen: the group that is named for the whole run; an empty text where the hosts decide.
    without_hosts: whether the controller alone is enough where the group has no hosts.
    """
    meant = {chosen: [chosen]} if chosen else control_planes(named, {*groups.get(DEFAULT_GROUP, [])}, in_play)
    group = next(iter(meant))
    hosts = groups.get(group, [])
    if without_hosts and not hosts and CONTROLLER in in_play and not ambiguity(meant):
        return ControlPlane(group, [CONTROLLER], is_controller=True)
    return ControlPlane(group, hosts, ambiguity(meant) or _incomplete(group, hosts, in_play))


def _incomplete(group: str, hosts: t.Sequence[str], in_play: t.Collection[str]) -> str:
    """Return why a group is no whole control plane of the play, and the fix; an empty text where it is one."""
    if not hosts:
        return (
            f"The inventory has no host in the group {group}. Name the control-plane hosts in it, as in\n"
            f"{group}: {{hosts: {{cp1.example.com: , cp2.example.com: , cp3.example.com: }}}}\n"
            "or name your own group in irsa_control_plane_group. Where nobody can log in to them, set irsa_issuer_keys "
            "to api, irsa_apiserver_flags to show, and irsa_kubeconfig_path."
        )
    absent = sorted({*hosts}.difference(in_play))
    if not absent:
        return ""
    return (
        f"{', '.join(absent)} of the control plane {'is' if len(absent) == 1 else 'are'} not in this play. A token "
        "that one API server signs is used at all of them, so they change together. Run the play without --limit, or "
        "with all of them in it."
    )


def control_planes(
    named: t.Mapping[str, str], default_members: t.Collection[str], in_play: t.Collection[str] = ()
) -> dict[str, list[str]]:
    """Return the groups of control-plane hosts that are meant, each with the hosts that mean it; both sorted.

    named: the group that each host of the inventory names; an empty text for none. Such a host means C(DEFAULT_GROUP)
    where it is one of DEFAULT_MEMBERS, and no group otherwise.
    in_play: the hosts of the play, fewer than the inventory's with C(--limit). They decide, if they mean any group.
    """
    means = {host: name or (DEFAULT_GROUP if host in default_members else "") for host, name in named.items()}
    limited = {host: group for host, group in means.items() if host in in_play and group}
    found: dict[str, list[str]] = {}
    for host, group in sorted((limited or means).items()):
        if group:
            found.setdefault(group, []).append(host)
    return dict(sorted(found.items())) or {DEFAULT_GROUP: []}


def ambiguity(groups: t.Mapping[str, t.Sequence[str]]) -> str:
    """Return why none of several groups can be taken, and how to choose one; an empty text where there is one."""
    if len(groups) == 1:
        return ""
    sides = "; ".join(f"{group} by {_some(hosts)}" for group, hosts in groups.items())
    return (
        f"The inventory names the control planes of several clusters in irsa_control_plane_group: {sides}. A run "
        f"is for one cluster. Choose one with -e irsa_control_plane_group={next(iter(groups))}, or take the hosts of "
        "one with --limit."
    )


def _some(hosts: t.Sequence[str]) -> str:
    more = f" and {len(hosts) - _SHOWN} more" if len(hosts) > _SHOWN else ""
    return f"{', '.join(hosts[:_SHOWN])}{more}"


__all__: t.Final = (
    "CONTROLLER",
    "DEFAULT_GROUP",
    "ControlPlane",
    "ambiguity",
    "control_plane",
    "control_planes",
    "needs_hosts",
)
