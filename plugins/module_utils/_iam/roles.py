# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles as they are, as they should be, and the calls between. PRIVATE to the collection: it may change without notice.

Pure: what IAM has comes in as data (Role), what has to be done goes out as data (RolePlan).
"""

from __future__ import annotations

import typing as t
from dataclasses import asdict, dataclass, field, replace

from ansible_collections.amazon.aws.plugins.module_utils.policy import compare_policies

from ansible_collections.onprem.irsa.plugins.module_utils._aws.calls import Call
from ansible_collections.onprem.irsa.plugins.module_utils._aws.ownership import (
    CLUSTER_TAG,
    not_ours,
    owner,
    tag_changes,
    wanted_tags,
)
from ansible_collections.onprem.irsa.plugins.module_utils._errors import IrsaError
from ansible_collections.onprem.irsa.plugins.module_utils._trust.policy import (
    TRUST_POLICY_LIMIT,
    Policy,
    Trust,
    lets_in,
    merge,
    prune,
    refuse_oversize,
    removals,
    serialise,
    shared_statements,
    trusted_providers,
    trusts,
)

# IAM and STS quotas: "Managed policies per role", which can be raised; "Role inline policy size", of all of a role's
# together and without white space, which cannot.
MANAGED_POLICIES_LIMIT: t.Final = 10
INLINE_LIMIT: t.Final = 10240

# A role as the user writes it, by ROLE_OPTIONS of _iam_role_input; None stands for an option that was not given.
Item = t.Mapping[str, t.Any]
Action = t.Literal["create", "update", "delete", "release", "leave", "none", "refuse"]


@dataclass(frozen=True)
class RoleSettings:
    """What holds for all roles of a call."""

    cluster: str
    partition: str
    account_id: str
    """The AWS account of the roles; empty where it is not known yet."""
    provider_arns: tuple[str, ...]
    audience: str
    trust_policy_limit: int = TRUST_POLICY_LIMIT
    purge_tags: bool = True
    managed_policies_limit: int = MANAGED_POLICIES_LIMIT
    retired_provider_arns: tuple[str, ...] = ()
    """Providers of former issuers of the cluster, which its roles should no longer trust."""
    former_provider_arns: tuple[str, ...] = ()
    """Those that its roles still trust: a new statement is narrowed as theirs are."""
    owners: t.Mapping[str, str | None] = field(default_factory=dict)
    """The cluster by whose tag each other provider that roles trust belongs to it; a provider that is not in IAM (any
    more), and so lets nobody in, has an empty name."""

    @property
    def own_provider_arns(self) -> tuple[str, ...]:
        """The providers that are known by name to be the cluster's, of its issuer and of former ones."""
        return (*self.provider_arns, *self.retired_provider_arns, *self.former_provider_arns)

    def trusts_of(self, item: Item) -> list[Trust]:
        """Return what the role should trust: for each issuer, the role's audiences and service accounts."""
        return [
            Trust.of(
                arn,
                self.audiences_of(item),
                item["service_accounts"],
                conditions=item.get("conditions"),
                session_tags=bool(item.get("session_tags")),
            )
            for arn in self.provider_arns
        ]

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
    instance_profiles: tuple[str, ...] | None = ()
    """Names, sorted; None where they could not be read."""


@dataclass(frozen=True)
class RolePlan:
    """What will be done with one role: the calls in their order, and the role before and after them (None: absent)."""

    item: Item
    action: Action
    arn: str
    before: Role | None = None
    after: Role | None = None
    calls: tuple[Call, ...] = ()
    problem: str = ""
    """Why the role was refused, or what AWS answered."""
    removed: tuple[str, ...] = ()
    """What is removed from the trust policy, a line each."""
    warnings: tuple[str, ...] = ()
    """What stays and should be known, a line each."""

    @property
    def changed(self) -> bool:
        """Tell whether anything has to be written."""
        return bool(self.calls)

    def diff(self) -> dict[str, t.Any]:
        """Return before and after in Ansible's form."""
        header = f"role {self.item['name']}"
        sides = {"before": self.before, "after": self.after}
        return {
            **{side: {} if role is None else _shown(role) for side, role in sides.items()},
            **{f"{side}_header": header for side in sides},
            **({"prepared": "".join(f"{header}: {line}\n" for line in self.removed)} if self.removed else {}),
        }

    def result(self, settings: RoleSettings) -> dict[str, t.Any]:
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
        lines = {"removed": list(self.removed), "notes": list(self.warnings), "error": self.problem}
        return {**result, **{key: value for key, value in lines.items() if value}}


def roles_result(plans: t.Sequence[RolePlan], settings: RoleSettings) -> dict[str, t.Any]:
    """Return the module's result; with a C(msg) when a role failed."""
    result = {
        "changed": any(plan.changed for plan in plans),
        "roles": [plan.result(settings) for plan in plans],
        "diff": [plan.diff() for plan in plans if plan.changed],
    }
    failed = [f"{plan.item['name']}: {plan.problem}" for plan in plans if plan.problem]
    return {**result, "msg": "\n".join([f"{len(failed)} of {len(plans)} roles failed:", *failed])} if failed else result


def plan_roles(items: t.Iterable[Item], observed: t.Mapping[str, Role], settings: RoleSettings) -> list[RolePlan]:
    """Plan each role by itself; OBSERVED is by the role's name in lower case, as IAM tells names apart."""
    return [plan_role(item, observed.get(item["name"].lower()), settings) for item in items]


def unlisted(items: t.Iterable[Item], observed: t.Mapping[str, Role], settings: RoleSettings) -> list[Item]:
    """Return, as items to remove, the roles of the cluster that are not among the items."""
    listed = {item["name"].lower() for item in items}
    names = [role.name for key, role in sorted(observed.items()) if key not in listed and _is_ours(role, settings)]
    return [
        {"name": name, "state": "absent", "service_accounts": [], "adopt": False, "listed": False} for name in names
    ]


def dropped(items: t.Iterable[Item], observed: t.Mapping[str, Role], settings: RoleSettings) -> list[str]:
    """Return the names of the roles that were taken off the list: the cluster's own, which trust its issuer still."""
    names = [item["name"] for item in unlisted(items, observed, settings)]
    return [name for name in names if _trusted_of(observed[name.lower()], settings.own_provider_arns)]


def other_providers(observed: t.Iterable[Role], settings: RoleSettings) -> list[str]:
    """Return the ARNs, in order, of the account's other providers than SETTINGS' that the cluster's roles trust."""
    home = f"arn:{settings.partition}:iam::{settings.account_id}:oidc-provider/"
    found = {arn for role in observed if _is_ours(role, settings) for arn in trusted_providers(role.trust_policy)}
    return sorted(arn for arn in found - set(settings.own_provider_arns) if arn.startswith(home))


def former_providers(observed: t.Iterable[Role], settings: RoleSettings) -> list[str]:
    """Return the ARNs of the providers that former issuers of the cluster have left behind, in order.

    A provider is one if it carries the cluster's tag and every role that trusts it is the cluster's and trusts one of
    its own providers, too. One that a role trusts without that may be of another cluster of the same name.
    """
    roles = list(observed)
    candidates = [arn for arn, name in settings.owners.items() if name == settings.cluster]
    return sorted(
        arn
        for arn in candidates
        if all(
            _is_ours(role, settings) and _trusted_of(role, settings.own_provider_arns)
            for role in roles
            if trusts(role.trust_policy or {}, arn)
        )
    )


def _trusted_of(role: Role, provider_arns: t.Iterable[str]) -> list[str]:
    return [arn for arn in provider_arns if trusts(role.trust_policy or {}, arn)]


def _is_ours(role: Role, settings: RoleSettings) -> bool:
    return owner(role.tags) == settings.cluster


def plan_role(item: Item, observed: Role | None, settings: RoleSettings) -> RolePlan:
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
    calls = tuple(_creation(after, settings) if observed is None else _changes(observed, after, settings))
    action: Action = "create" if observed is None else "update" if calls else "none"
    before = observed.trust_policy if observed else None
    removed = [
        *removals(_without_retired(before, settings), settings.trusts_of(item)),
        *(f"removed: it let in tokens of {arn}" for arn in settings.retired_provider_arns if trusts(before or {}, arn)),
    ]
    warnings = shared_statements(after.trust_policy, settings.own_provider_arns)
    return RolePlan(item, action, arn, observed, after, calls, removed=tuple(removed), warnings=tuple(warnings))


def _without_retired(policy: Policy | None, settings: RoleSettings) -> Policy | None:
    """Return the policy without the statements for former issuers; the policy itself when it has none."""
    if policy is None or not any(trusts(policy, arn) for arn in settings.retired_provider_arns):
        return policy
    return prune(policy, settings.retired_provider_arns)


def _arn(item: Item, settings: RoleSettings) -> str:
    return f"arn:{settings.partition}:iam::{settings.account_id}:role{item.get('path') or '/'}{item['name']}"


def _shown(role: Role) -> dict[str, t.Any]:
    return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(role).items()}


def _refuse_foreign(item: Item, observed: Role | None, settings: RoleSettings) -> None:
    if observed is None or item["adopt"] or _is_ours(observed, settings):
        return
    raise not_ours(
        f"The role {observed.arn}",
        observed.tags,
        fix="Choose another name, or set adopt: true for this role, in its entry of irsa_iam_roles, to take it over.",
    )


def _plan_absent(item: Item, arn: str, observed: Role | None, settings: RoleSettings) -> RolePlan:
    """Plan the end of a role: it stays, without what is ours, where others rely on it."""
    policy = {} if observed is None else observed.trust_policy or {}
    trusted = [] if observed is None else _trusted_of(observed, settings.own_provider_arns)
    if observed is None or not (trusted or _is_ours(observed, settings)):
        return RolePlan(item, "none", arn, observed, observed)
    _refuse_foreign(item, observed, settings)
    ours = [*settings.own_provider_arns, *_kin(item, observed, settings)]
    rest = prune(policy, ours)
    if not lets_in(rest, but=ours):
        _refuse_in_use(observed)
        return RolePlan(item, "delete", arn, observed, None, tuple(_deletion(observed, settings)))
    if not trusted and trusted_providers(rest):
        return RolePlan(item, "leave", arn, observed, observed, warnings=(_left(observed, settings),))
    after = replace(observed, trust_policy=rest, tags={k: v for k, v in observed.tags.items() if k != CLUSTER_TAG})
    return RolePlan(item, "release", arn, observed, after, tuple(_changes(observed, after, settings)))


def _kin(item: Item, role: Role, settings: RoleSettings) -> list[str]:
    """Return the other providers whose statements in a role are the cluster's to remove, and those that are gone.

    By its tag a provider is of a former issuer, or of another cluster of the same name. It is the former where the role
    trusts one of the cluster's own providers, too, or was named to be removed.
    """
    known = item.get("listed", True) or _trusted_of(role, settings.own_provider_arns)
    return [arn for arn, name in settings.owners.items() if known and name in {settings.cluster, ""}]


def _left(role: Role, settings: RoleSettings) -> str:
    providers = [arn for arn in trusted_providers(role.trust_policy) if arn not in settings.own_provider_arns]
    whom = ", ".join(providers) or "others"
    return (
        f"The role {role.arn} is left as it is: it carries the tag of the cluster {settings.cluster} and trusts "
        f"{whom}, not this cluster's issuer. If that is a former issuer of this cluster, name it in "
        "retired_provider_arns (of the role irsa_iam: irsa_iam_retired_issuers); if it is another cluster's, give one "
        "of the two another name."
    )


def _refuse_in_use(role: Role) -> None:
    """Raise IrsaError where IAM would not delete the role, before its policies are removed."""
    if role.instance_profiles is None:
        raise IrsaError(
            f"Whether the role {role.arn} is in an instance profile could not be read, and IAM does not delete such a "
            "role.",
            fix="Allow iam:ListInstanceProfilesForRole to the identity that runs the play.",
        )
    if role.instance_profiles:
        profiles = ", ".join(role.instance_profiles)
        raise IrsaError(
            f"The role {role.arn} is in the instance profile {profiles}: IAM does not delete such a role "
            "(DeleteConflict).",
            fix="Remove it there (aws iam remove-role-from-instance-profile), then run again.",
        )


def _wanted(item: Item, current: Role, settings: RoleSettings) -> Role:
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
    given["trust_policy"] = merge(
        _without_retired(current.trust_policy, settings), trust, settings.former_provider_arns
    )
    refuse_oversize(given["trust_policy"], trust, settings.trust_policy_limit)
    purge = settings.purge_tags
    given["tags"] = wanted_tags(current.tags, item.get("tags"), cluster=settings.cluster, purge=purge, ignore_case=True)
    return replace(current, **given)


def _by_meaning(current: t.Mapping[str, Policy], wanted: t.Mapping[str, Policy]) -> dict[str, Policy]:
    """Return the wanted policies, each as it is now where it means the same: so equal stands for equal in meaning."""
    return {
        name: current[name] if name in current and not compare_policies(current[name], policy) else policy
        for name, policy in wanted.items()
    }


def _creation(role: Role, settings: RoleSettings) -> t.Iterator[Call]:
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
    yield from _changes(replace(role, managed_policies=(), inline_policies={}), role, settings)


def _changes(before: Role, after: Role, settings: RoleSettings) -> t.Iterator[Call]:
    """Yield the calls that make BEFORE into AFTER: what is ours is marked first, what is granted is removed last.

    Policies are removed first where the quotas leave no room for the new ones as well.
    """
    name = {"RoleName": before.name}
    to_set, to_remove = tag_changes(before.tags, after.tags, ignore_case=True)
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
    inline_first, inline_last = _inline_changes(before, after)
    managed_first, managed_last = _managed_changes(before, after, settings.managed_policies_limit)
    yield from [*inline_first, *managed_first, *managed_last, *inline_last]
    if to_remove:
        yield Call("untag_role", {**name, "TagKeys": to_remove})


def _boundary(role: Role) -> Call:
    if role.permissions_boundary:
        arguments = {"RoleName": role.name, "PermissionsBoundary": role.permissions_boundary}
        return Call("put_role_permissions_boundary", arguments)
    return Call("delete_role_permissions_boundary", {"RoleName": role.name})


def _managed_changes(before: Role, after: Role, limit: int) -> tuple[list[Call], list[Call]]:
    """Return the calls that attach, after as many detachments as they need for room, and the other detachments."""

    def call(operation: str, arn: str) -> Call:
        return Call(operation, {"RoleName": before.name, "PolicyArn": arn})

    new = sorted(set(after.managed_policies) - set(before.managed_policies))
    old = sorted(set(before.managed_policies) - set(after.managed_policies))
    excess = max(0, len(before.managed_policies) + len(new) - limit) if new else 0
    detachments = [call("detach_role_policy", arn) for arn in old]
    attachments = [call("attach_role_policy", arn) for arn in new]
    return [*detachments[:excess], *attachments], detachments[excess:]


def inline_size(policies: t.Mapping[str, Policy]) -> int:
    """Return how many characters the inline policies of a role count together against IAM's quota."""
    return sum(len(serialise(document)) for document in policies.values())


def _inline_changes(before: Role, after: Role) -> tuple[list[Call], list[Call]]:
    """Return the calls that write inline policies, and those that delete: all first where there is no room for both.

    What becomes shorter is written before what becomes longer, so that the sum never exceeds that of the end.
    """
    name = {"RoleName": before.name}
    old = sorted(set(before.inline_policies) - set(after.inline_policies))
    new = {n: document for n, document in after.inline_policies.items() if before.inline_policies.get(n) != document}

    def growth(policy: str) -> int:
        return inline_size({"": new[policy]}) - inline_size({"": before.inline_policies.get(policy, {})})

    puts = [
        Call("put_role_policy", {**name, "PolicyName": policy, "PolicyDocument": serialise(new[policy])})
        for policy in sorted(new, key=growth)
    ]
    deletions = [Call("delete_role_policy", {**name, "PolicyName": policy}) for policy in old]
    fits = inline_size({**before.inline_policies, **after.inline_policies}) <= INLINE_LIMIT
    return (puts, deletions) if fits or not puts else ([*deletions, *puts], [])


def _deletion(role: Role, settings: RoleSettings) -> t.Iterator[Call]:
    bare = replace(role, managed_policies=(), inline_policies={})
    yield from [*_managed_changes(role, bare, settings.managed_policies_limit)[1], *_inline_changes(role, bare)[1]]
    yield Call("delete_role", {"RoleName": role.name})


__all__: t.Final = (
    "INLINE_LIMIT",
    "MANAGED_POLICIES_LIMIT",
    "TRUST_POLICY_LIMIT",
    "Item",
    "Role",
    "RolePlan",
    "RoleSettings",
    "dropped",
    "former_providers",
    "inline_size",
    "other_providers",
    "plan_role",
    "plan_roles",
    "roles_result",
    "unlisted",
)
