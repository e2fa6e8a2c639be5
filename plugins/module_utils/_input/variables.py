# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which variables the roles know, and what they hold for. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import json
import re
import typing as t
from difflib import SequenceMatcher

from ansible_collections.onprem.irsa.plugins.module_utils._errors import nearest

Json = t.Mapping[str, t.Any]

# What the roles set for each other and for their users; the documentation of each role names its own.
FACTS: t.Final = frozenset(
    {
        "irsa_apiserver_answers",
        "irsa_apiserver_kept_report",
        "irsa_apiserver_left",
        "irsa_apiserver_observed",
        "irsa_apiserver_report",
        "irsa_apiserver_review",
        "irsa_doctor_diagnosis",
        "irsa_iam_made_roles",
        "irsa_iam_report",
        "irsa_iam_review",
        "irsa_iam_trust_is_reached",
        "irsa_issuer_published_jwks_uri",
        "irsa_issuer_report",
        "irsa_issuer_review",
        "irsa_kubeconfig_content",
        "irsa_kubeconfig_environment",
        "irsa_migrate_report",
        "irsa_rotate_report",
        "irsa_verify_links",
        "irsa_verify_report",
        "irsa_webhook_certificate",
        "irsa_webhook_findings",
        "irsa_webhook_missed",
        "irsa_webhook_report",
        "irsa_webhook_review",
    }
)

# Defaults of the roles and the playbooks read them; no role has them among the options of its entry point main.
SHARED: t.Final[t.Mapping[str, Json]] = {
    "irsa_audience": {"type": "str"},
    "irsa_control_plane_group": {"type": "str"},
    "irsa_kubernetes_version": {"type": "str"},
    "irsa_relying_parties": {"type": "list", "elements": "dict"},
    "irsa_render": {"type": "path"},
}
"""Each with what an argument spec says of it."""

_PREFIX: t.Final = "irsa"
_SLIPS: t.Final = frozenset(
    {_PREFIX}
    | {_PREFIX[:at] + _PREFIX[at + 1 :] for at in range(len(_PREFIX))}
    | {_PREFIX[:at] + _PREFIX[at] + _PREFIX[at:] for at in range(len(_PREFIX))}
    | {_PREFIX[:at] + _PREFIX[at + 1] + _PREFIX[at] + _PREFIX[at + 2 :] for at in range(len(_PREFIX) - 1)}
)

_ALIKE = 0.5  # of two names without their prefix: arn and role_arn are, color and role_arn are not

_SHOWN = 100  # characters of a value that is quoted


def options_of(specs: Json) -> set[str]:
    """Return the variables that a role takes, by the content of its C(meta/argument_specs.yml)."""
    return {name for entry_point in specs["argument_specs"].values() for name in entry_point.get("options", {})}


def unknown(names: t.Iterable[str], roles: t.Mapping[str, t.Collection[str]]) -> list[str]:
    """Return a sentence for each name that is one of the roles' variables misspelt.

    ROLES has the names of the roles, with the variables that they take. What begins as a role's variables do has to be
    one; any other name with C(irsa_), or with that written wrongly, may be the user's own, unless it is near to a known
    one and no extension of it, such as C(irsa_clusters) next to C(irsa_cluster).
    """
    given, known = set(names), FACTS.union(SHARED, *roles.values())
    found = []
    for name in sorted(given - known):
        role = next((role for role in roles if name.startswith(f"{role}_")), None)
        fix = ""
        if role is not None:
            fix = _meant(name, known, f"{role}_") or f"`ansible-doc --type role onprem.irsa.{role}` lists the names."
        elif name.startswith("irsa_"):
            extended = {known_name for known_name in given & known if name.startswith(known_name)}
            fix = "" if extended else nearest(name, known)
        elif _is_near_prefix(name):
            right = f"irsa_{re.split('[_-]', name, maxsplit=1)[1].replace('-', '_').lower()}"
            fix = f"Did you mean {right}?" if right in known else ""
        if fix:
            found.append(f"{name} is a variable that no role knows. {fix}")
    return found


def _meant(name: str, known: t.Collection[str], prefix: str) -> str:
    """Return what nearest() does, but nothing that is near by the role's PREFIX alone."""
    own = name[len(prefix) :]
    return nearest(
        name,
        [
            other
            for other in known
            if not other.startswith(prefix) or SequenceMatcher(None, other[len(prefix) :], own).ratio() >= _ALIKE
        ],
    )


def _is_near_prefix(name: str) -> bool:
    """Tell whether a name begins with C(irsa_) of which one letter is left out, doubled or in its neighbour's place."""
    prefix, *rest = re.split("[_-]", name, maxsplit=1)
    return bool(rest) and prefix.lower() in _SLIPS


def of_a_cluster(roles: t.Iterable[t.Collection[str]]) -> set[str]:
    """Return the variables that hold for a whole cluster, by those that each role takes.

    Those are all: a role acts once, with what the first host of the play has, also on the other hosts. What roles set
    (C(FACTS)) is on that host alone; and which group is meant, other clusters' hosts say in their own way.
    """
    return {*SHARED, *(name for taken in roles for name in taken)} - FACTS - {"irsa_control_plane_group"}


def differing(hosts: t.Mapping[str, Json]) -> list[str]:
    """Return a sentence for each variable that hosts of one control plane have differently, with each one's value.

    HOSTS has the variables of each; one that a host has not differs from one that it has.
    """
    found = []
    for name in sorted({name for variables in hosts.values() for name in variables}):
        sides: dict[str, list[str]] = {}
        for host, variables in hosts.items():
            sides.setdefault(_shown(variables[name]) if name in variables else "not set", []).append(host)
        if len(sides) > 1:
            told = "; ".join(f"{_short(value)} for {', '.join(names)}" for value, names in sides.items())
            found.append(
                f"{name} differs between hosts of one control plane, but it applies to the whole cluster: {told}. Set "
                "it once, for their group."
            )
    return found


def _shown(value: object) -> str:
    return json.dumps(_in_order(value), default=str)


def _in_order(value: object) -> object:
    """Return a value whose dictionaries have one order; YAML may give keys of several types, as C(on) next to C(a)."""
    if isinstance(value, t.Mapping):
        return {str(key): _in_order(item) for key, item in sorted(value.items(), key=lambda pair: str(pair[0]))}
    return [_in_order(item) for item in value] if isinstance(value, (list, tuple)) else value


def _short(text: str) -> str:
    if "PRIVATE KEY-----" in text:
        return "a private key, which is not shown"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


__all__: t.Final = ("FACTS", "SHARED", "differing", "of_a_cluster", "options_of", "unknown")
