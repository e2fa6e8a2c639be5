# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles as they are, as they are to be, and the calls between. PRIVATE to the collection: it may change without notice.

Pure: what IAM has comes in as data (Role), what is to be done goes out as data (RolePlan).
"""

from __future__ import annotations

import typing as t
from dataclasses import asdict, dataclass, field, replace

from ansible_collections.amazon.aws.plugins.module_utils.policy import compare_policies

from ansible_collections.onprem.irsa.plugins.module_utils._aws.calls import Call
from ansible_collections.onprem.irsa.plugins.module_utils._aws.ownership import (
    CLUSTER_TAG,
    foreign,
    owner,
    tag_changes,
    wanted_tags,
)
from ansible_collections.onprem.irsa.plugins.module_utils._errors import IrsaError
from ansible_collections.onprem.irsa.plugins.module_utils._trust import (
    Policy,
    Trust,
    merge,
    prune,
    refuse_oversize,
    serialise,
    trusts,
)

# IAM and STS quotas: "Role trust policy length"; it can be raised to 4096.
TRUST_POLICY_LIMIT: t.Final = 2048

# A role as the user writes it, by ROLE_OPTIONS of _iam_role_input; None stands for an option that was not given.
Item = t.Mapping[str, t.Any]
Action = t.Literal["create", "update", "delete", "release", "none", "refuse"]


@dataclass(frozen=True)
class Settings:
    """What holds for all roles of a call."""

    cluster: str
    partition: str
    account: str
    """Of the roles; empty where it is not known yet."""
    provider_arns: tuple[str, ...]
    audience: str
    trust_policy_limit: int = TRUST_POLICY_LIMIT
    purge_tags: bool = True

    def trusts_of(self, item: Item) -> list[Trust]:
        """Return what the role is to trust: for each issuer, the role's audiences and service accounts."""
        return [Trust.of(arn, self.audiences_of(item), item["service_accounts"]) for arn in self.provider_arns]

    def audiences_of(self, item: Item) -> list[str]:
        """Return the audiences of a role's tokens: its own, else the one of all."""
        return item.get("audiences") or [self.audience]


@dataclass(frozen=True)
class Role:
    """An IAM role with everything that is managed of it. Empty strings and mappings stand for 'none'."""

    name: str
    arn: str
    path: str = "/"
    description: str = ""
    max_session_duration: int = 3600
    permissions_boundary: str = ""
    trust_policy: Policy | None = None
    managed_policies: tuple[str, ...] = ()
    """ARNs, sorted."""
    inline_policies: t.Mapping[str, Policy] = field(default_factory=dict)
    tags: t.Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RolePlan:
    """What is to be done with one role: the calls in their order, and the role before and after them (None: absent)."""

    item: Item
    action: Action
    arn: str
    before: Role | None = None
    after: Role | None = None
    calls: tuple[Call, ...] = ()
    problem: str = ""
    """Why the role was refused, or what AWS answered."""

    @property
    def changed(self) -> bool:
        """Tell whether anything is to be written."""
        return bool(self.calls)

    def diff(self) -> dict[str, t.Any]:
        """Return before and after in Ansible's form."""
        header = f"role {self.item['name']}"
        sides = {"before": self.before, "after": self.after}
        return {
            **{side: {} if role is None else _shown(role) for side, role in sides.items()},
            **{f"{side}_header": header for side in sides},
        }

    def result(self, settings: Settings) -> dict[str, t.Any]:
        """Return the entry of the module's result."""
        result = {
            "name": self.item["name"],
            "arn": self.arn,
            "state": self.item["state"],
            "action": self.action,
            "changed": self.changed,
            "service_accounts": list(self.item["service_accounts"]),
            "audiences": settings.audiences_of(self.item),
        }
        return {**result, "error": self.problem} if self.problem else result


def outcome(plans: t.Sequence[RolePlan], settings: Settings) -> dict[str, t.Any]:
    """Return the module's result; with a C(msg) when a role failed."""
    result = {
        "changed": any(plan.changed for plan in plans),
        "roles": [plan.result(settings) for plan in plans],
        "diff": [plan.diff() for plan in plans if plan.changed],
    }
    failed = [f"{plan.item['name']}: {plan.problem}" for plan in plans if plan.problem]
    return {**result, "msg": "\n".join([f"{len(failed)} of {len(plans)} roles failed:", *failed])} if failed else result


def plan_roles(items: t.Iterable[Item], observed: t.Mapping[str, Role], settings: Settings) -> list[RolePlan]:
    """Plan each role by itself; OBSERVED is by the role's name in lower case, as IAM tells names apart."""
    return [plan_role(item, observed.get(item["name"].lower()), settings) for item in items]


def unlisted(items: t.Iterable[Item], observed: t.Mapping[str, Role], settings: Settings) -> list[Item]:
    """Return, as items to remove, the roles of the cluster that are not among the items."""
    listed = {item["name"].lower() for item in items}
    names = [role.name for key, role in sorted(observed.items()) if key not in listed and _is_ours(role, settings)]
    return [{"name": name, "state": "absent", "service_accounts": [], "adopt": False} for name in names]


def _is_ours(role: Role, settings: Settings) -> bool:
    return owner(role.tags) == settings.cluster


def plan_role(item: Item, observed: Role | None, settings: Settings) -> RolePlan:
    """Plan one role. A refusal is a plan without calls."""
    arn = observed.arn if observed else _arn(item, settings)
    try:
        if item["state"] == "absent":
            return _plan_absent(item, arn, observed, settings)
        _refuse_foreign(item, observed, settings)
        blank = Role(name=item["name"], arn=arn, path=item.get("path") or "/")
        after = _wanted(item, observed or blank, settings)
    except IrsaError as error:
        return RolePlan(item, "refuse", arn, observed, observed, problem=str(error))
    calls = tuple(_creation(after) if observed is None else _changes(observed, after))
    action: Action = "create" if observed is None else "update" if calls else "none"
    return RolePlan(item, action, arn, observed, after, calls)


def _arn(item: Item, settings: Settings) -> str:
    return f"arn:{settings.partition}:iam::{settings.account}:role{item.get('path') or '/'}{item['name']}"


def _shown(role: Role) -> dict[str, t.Any]:
    return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(role).items()}


def _refuse_foreign(item: Item, observed: Role | None, settings: Settings) -> None:
    if observed is None or item["adopt"] or _is_ours(observed, settings):
        return
    raise foreign(
        f"The role {observed.arn}",
        observed.tags,
        fix="Choose another name, or set adopt: true for this role to take it over.",
    )


def _plan_absent(item: Item, arn: str, observed: Role | None, settings: Settings) -> RolePlan:
    """Plan the end of a role: it stays, without what is ours, where others rely on it."""
    if observed is None or (
        not _is_ours(observed, settings)
        and not any(trusts(observed.trust_policy or {}, provider) for provider in settings.provider_arns)
    ):
        return RolePlan(item, "none", arn, observed, observed)
    _refuse_foreign(item, observed, settings)
    rest = prune(observed.trust_policy or {}, settings.provider_arns)
    if not rest["Statement"]:
        return RolePlan(item, "delete", arn, observed, None, tuple(_deletion(observed)))
    after = replace(observed, trust_policy=rest, tags={k: v for k, v in observed.tags.items() if k != CLUSTER_TAG})
    return RolePlan(item, "release", arn, observed, after, tuple(_changes(observed, after)))


def _wanted(item: Item, current: Role, settings: Settings) -> Role:
    """Return the role with what the item says; what it does not say stays as it is."""
    if item.get("path") not in (None, current.path):
        raise IrsaError(
            f"The role {current.arn} has the path {current.path}, not {item['path']}, and IAM cannot move a role.",
            fix="Give its present path or none, or delete the role first.",
        )
    names = ("description", "max_session_duration", "permissions_boundary")
    given: dict[str, t.Any] = {name: item[name] for name in names if item.get(name) is not None}
    if item.get("managed_policies") is not None:
        given["managed_policies"] = tuple(sorted(set(item["managed_policies"])))
    if item.get("inline_policies") is not None:
        given["inline_policies"] = _by_meaning(current.inline_policies, item["inline_policies"])
    trust = settings.trusts_of(item)
    given["trust_policy"] = merge(current.trust_policy, trust)
    refuse_oversize(given["trust_policy"], trust, settings.trust_policy_limit)
    given["tags"] = wanted_tags(current.tags, item.get("tags"), cluster=settings.cluster, purge=settings.purge_tags)
    return replace(current, **given)


def _by_meaning(current: t.Mapping[str, Policy], wanted: t.Mapping[str, Policy]) -> dict[str, Policy]:
    """Return the wanted policies, each as it is now where it means the same: so equal stands for equal in meaning."""
    return {
        name: current[name] if name in current and not compare_policies(current[name], policy) else policy
        for name, policy in wanted.items()
    }


def _creation(role: Role) -> t.Iterator[Call]:
    arguments = {
        "RoleName": role.name,
        "Path": role.path,
        "AssumeRolePolicyDocument": serialise(role.trust_policy or {}),
        "MaxSessionDuration": role.max_session_duration,
        "Tags": tag_changes({}, role.tags)[0],
        "Description": role.description,
        "PermissionsBoundary": role.permissions_boundary,
    }
    # An empty description or boundary is not one that IAM takes.
    yield Call("create_role", {name: value for name, value in arguments.items() if value != ""})
    yield from _changes(replace(role, managed_policies=(), inline_policies={}), role)


def _changes(before: Role, after: Role) -> t.Iterator[Call]:
    """Yield the calls that make BEFORE into AFTER: what is ours is marked first, what is granted is taken away last."""
    name = {"RoleName": before.name}
    to_set, to_remove = tag_changes(before.tags, after.tags)
    if to_set:
        yield Call("tag_role", {**name, "Tags": to_set})
    if before.permissions_boundary != after.permissions_boundary:
        yield _boundary(after)
    if (before.description, before.max_session_duration) != (after.description, after.max_session_duration):
        # Both always: UpdateRole puts the session back to an hour when it is not given.
        session = {"Description": after.description, "MaxSessionDuration": after.max_session_duration}
        yield Call("update_role", {**name, **session})
    if before.trust_policy != after.trust_policy:
        yield Call("update_assume_role_policy", {**name, "PolicyDocument": serialise(after.trust_policy or {})})
    yield from _policy_changes(before, after)
    if to_remove:
        yield Call("untag_role", {**name, "TagKeys": to_remove})


def _boundary(role: Role) -> Call:
    if role.permissions_boundary:
        arguments = {"RoleName": role.name, "PermissionsBoundary": role.permissions_boundary}
        return Call("put_role_permissions_boundary", arguments)
    return Call("delete_role_permissions_boundary", {"RoleName": role.name})


def _policy_changes(before: Role, after: Role) -> t.Iterator[Call]:
    name = {"RoleName": before.name}
    for policy, document in after.inline_policies.items():
        if before.inline_policies.get(policy) != document:
            yield Call("put_role_policy", {**name, "PolicyName": policy, "PolicyDocument": serialise(document)})
    for arn in sorted(set(after.managed_policies) - set(before.managed_policies)):
        yield Call("attach_role_policy", {**name, "PolicyArn": arn})
    for arn in sorted(set(before.managed_policies) - set(after.managed_policies)):
        yield Call("detach_role_policy", {**name, "PolicyArn": arn})
    for policy in sorted(set(before.inline_policies) - set(after.inline_policies)):
        yield Call("delete_role_policy", {**name, "PolicyName": policy})


def _deletion(role: Role) -> t.Iterator[Call]:
    yield from _policy_changes(role, replace(role, managed_policies=(), inline_policies={}))
    yield Call("delete_role", {"RoleName": role.name})


__all__: t.Final = (
    "TRUST_POLICY_LIMIT",
    "Item",
    "Role",
    "RolePlan",
    "Settings",
    "outcome",
    "plan_role",
    "plan_roles",
    "unlisted",
)
