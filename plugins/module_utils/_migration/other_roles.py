# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles that trust an issuer, whoever made them, and their change to another. PRIVATE: it may change without notice.

Pure.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.onprem.irsa.plugins.module_utils._aws.calls import Call
from ansible_collections.onprem.irsa.plugins.module_utils._aws.ownership import owner
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._trust import moving
from ansible_collections.onprem.irsa.plugins.module_utils._trust.policy import Policy, prune, serialise, trusts

Action = t.Literal["look", "copy", "withdraw"]


class Trusting(t.Protocol):
    """What counts of a role in IAM."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def arn(self) -> str:
        """Its ARN."""

    @property
    def trust_policy(self) -> Policy | None:
        """Its trust policy."""

    @property
    def tags(self) -> t.Mapping[str, str]:
        """Its tags."""


@dataclass(frozen=True)
class Move:
    """From one identity provider to another, by their ARNs."""

    old: str
    new: str


@dataclass(frozen=True)
class Change:
    """The change of one role's trust policy."""

    name: str
    before: Policy
    after: Policy

    @property
    def call(self) -> Call:
        """The call that makes it."""
        return Call("update_assume_role_policy", {"RoleName": self.name, "PolicyDocument": serialise(self.after)})


def trusting(role: Trusting, move: Move) -> bool:
    """Return whether a role trusts one of the two, or speaks of the former one."""
    policy = role.trust_policy or {}
    return trusts(policy, move.new) or _speaks_of(policy, move.old)


def _speaks_of(policy: Policy, arn: str) -> bool:
    found = policy.get("Statement", [])
    return any(moving.mentions(each, arn) for each in (found if isinstance(found, list) else [found]))


def shown(role: Trusting, move: Move) -> dict[str, t.Any]:
    """Return what a module says of a role."""
    policy = role.trust_policy or {}
    return {
        "name": role.name,
        "arn": role.arn,
        "cluster": owner(role.tags) or "",
        "trusts_from": trusts(policy, move.old),
        "trusts_to": trusts(policy, move.new),
        "has_own": prune(policy, [move.old]) != policy,
        "lacks_to": bool(moving.lacking(policy, move.old, move.new)),
        "length_with_to": len(serialise(moving.copied(policy, move.old, move.new))),
    }


def changes(
    roles: t.Iterable[Trusting], names: t.Iterable[str], move: Move, action: Action, *, limit: int
) -> list[Change]:
    """Return how the trust policies of named roles change; raise InputError for one that would be too long.

    limit: characters that IAM allows, without white space.
    """
    wanted = {name.lower() for name in names}
    found = []
    for role in roles:
        policy = role.trust_policy or {}
        if action == "look" or role.name.lower() not in wanted:
            continue
        change = moving.copied if action == "copy" else moving.withdrawn
        after = change(policy, move.old, move.new)
        if after is not policy:
            found.append(Change(role.name, policy, after))
    # One that shrinks is taken at any length: IAM has it longer already.
    lengths = {each.name: len(serialise(each.after)) for each in found if action == "copy"}
    long = [f"{name} ({length})" for name, length in lengths.items() if length > limit]
    if long:
        raise InputError(
            f"These trust policies would have more than {limit} characters (IAM, role trust policy length) with a "
            f"statement for either issuer: {', '.join(long)}.",
            fix="Ask AWS to raise the quota (up to 4096) and set irsa_iam_trust_policy_limit (of the module "
            "iam_issuer_trust: trust_policy_limit), or split the roles. Nothing was "
            "changed.",
        )
    return found


__all__: t.Final = ("Action", "Change", "Move", "Trusting", "changes", "shown", "trusting")
