# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which control plane an inventory means. PRIVATE to the collection: it may change without notice.

Pure. An inventory may have several clusters, and Ansible gives its groups and hosts in no certain order. So nothing is
taken from whichever host comes first: the user says which cluster is meant, or the hosts agree.
"""

from __future__ import annotations

import typing as t

DEFAULT_GROUP: t.Final = "kube_control_plane"

_SHOWN = 3  # hosts, where a whole cluster would be named


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


__all__: t.Final = ("DEFAULT_GROUP", "ambiguity", "control_planes")
