# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""IAM: what is there, and the calls of a plan. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import typing as t
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from ansible_collections.onprem.irsa.plugins.module_utils._aws.errors import AwsError, asking
from ansible_collections.onprem.irsa.plugins.module_utils._aws.ownership import owner
from ansible_collections.onprem.irsa.plugins.module_utils._aws.patience import Patience, may_pass
from ansible_collections.onprem.irsa.plugins.module_utils._errors import IrsaError
from ansible_collections.onprem.irsa.plugins.module_utils._iam.provider import (
    Provider,
    ProviderPlan,
    plan_absent,
    plan_present,
    thumbprints_of,
)
from ansible_collections.onprem.irsa.plugins.module_utils._iam.roles import (
    Role,
    RolePlan,
    RoleSettings,
    other_providers,
    plan_role,
)
from ansible_collections.onprem.irsa.plugins.module_utils._progress import through
from ansible_collections.onprem.irsa.plugins.module_utils._trust.policy import trusts

if t.TYPE_CHECKING:
    from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
    from mypy_boto3_iam.client import IAMClient
    from mypy_boto3_iam.type_defs import TagTypeDef

    from ansible_collections.onprem.irsa.plugins.module_utils._aws.calls import Call
    from ansible_collections.onprem.irsa.plugins.module_utils._iam.provider import WantedProvider

# botocore's retries instead of a decorator around each call: they reach the pages of a listing and hanging
# connections, too. They adapt: each call that is throttled waits up to twice as long, so that those side by side slow
# down together. Its mode "adaptive" lowers the rate of all calls for each that is throttled, to one in two seconds in
# the end: 120 roles take 231 s with every third call throttled, and 31 s in this mode.
_CLIENT_CONFIG = {"retries": {"mode": "standard", "max_attempts": 10}, "connect_timeout": 5, "read_timeout": 30}
_PAGE_SIZE = 1000  # the most that IAM gives
_SIDE_BY_SIDE = 8

_Result = t.TypeVar("_Result")


def iam_client(module: AnsibleAWSModule) -> IAMClient:
    """Return a client that is patient; the module's O(aws_config) overrides how."""
    return t.cast("IAMClient", module.client("iam", config=_CLIENT_CONFIG))


def caller(module: AnsibleAWSModule) -> tuple[str, str]:
    """Return partition and account of the credentials in use."""
    with asking("say whose credentials these are"):
        identity = module.client("sts", config=_CLIENT_CONFIG).get_caller_identity()
    return str(identity["Arn"]).split(":")[1], str(identity["Account"])


def read_provider(client: IAMClient, arn: str) -> Provider | None:
    """Return the provider as IAM has it, or None."""
    try:
        with asking("read the identity provider"):
            found = client.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    except AwsError as error:
        if error.code == "NoSuchEntity":
            return None
        raise
    return Provider(
        arn=arn,
        audiences=tuple(found.get("ClientIDList", [])),
        thumbprints=thumbprints_of(found.get("ThumbprintList", [])),
        tags=_tags(found.get("Tags", [])),
    )


def read_owners(client: IAMClient, roles: t.Iterable[Role], settings: RoleSettings) -> dict[str, str | None]:
    """Return the C(owners) of RoleSettings, by the tags of each other provider that the cluster's roles trust."""
    found = {arn: read_provider(client, arn) for arn in other_providers(roles, settings)}
    return {arn: owner(provider.tags) if provider else "" for arn, provider in found.items()}


def read_providers(client: IAMClient) -> list[Provider]:
    """Return all providers of the account, by their ARNs in order; one that goes away meanwhile is left out."""
    with asking("list the identity providers"):
        found = client.list_open_id_connect_providers()["OpenIDConnectProviderList"]
    arns = sorted(entry["Arn"] for entry in found)
    return [provider for provider in (read_provider(client, arn) for arn in arns) if provider]


def reach_provider(
    client: IAMClient, wanted: WantedProvider, arn: str, *, present: bool, check_mode: bool
) -> ProviderPlan:
    """Bring the provider to where it should be; return the plan that was carried out, or in check mode would be."""
    observed = read_provider(client, arn)
    if present:
        plan = plan_present(wanted, arn, observed)
    else:
        trusting = read_trusting_roles(client, lambda role: trusts(role.trust_policy or {}, arn)) if observed else []
        plan = plan_absent(wanted, observed, trusting)
    return plan if check_mode else _apply_provider_plan(client, plan, lambda found: plan_present(wanted, arn, found))


def _apply_provider_plan(
    client: IAMClient, plan: ProviderPlan, plan_anew: t.Callable[[Provider], ProviderPlan]
) -> ProviderPlan:
    """Carry out a plan, and wait until IAM shows a new provider; return the plan that was carried out.

    A provider that somebody made in the meantime is planned again. Raises AwsError for what AWS refuses, and IrsaError
    when a new provider does not show.
    """
    try:
        _make_all(client, plan.calls)
    except AwsError as error:
        if error.code != "EntityAlreadyExists" or plan.after is None:
            raise
        plan = plan_anew(_shown_provider(client, plan.after.arn))
        _make_all(client, plan.calls)
    if plan.before is None and plan.after is not None:
        _shown_provider(client, plan.after.arn)
    return plan


def _make_all(client: IAMClient, calls: t.Iterable[Call]) -> None:
    """Make the calls; one that meets another change of the same thing is made again."""
    for call in calls:
        pauses = Patience().pauses()
        while (failure := _failure(client, call)) is not None:
            if failure.code != "ConcurrentModification" or not next(pauses, False):
                raise failure


def _shown_provider(client: IAMClient, arn: str) -> Provider:
    pauses = Patience().pauses()
    while (provider := read_provider(client, arn)) is None:
        if not next(pauses, False):
            raise IrsaError(
                f"IAM has the identity provider {arn}, but does not show it after 20 seconds.",
                fix="Run again: IAM takes a moment until a change is known everywhere.",
            )
    return provider


def read_roles(client: IAMClient, keep: t.Callable[[Role], bool]) -> dict[str, Role]:
    """Return the account's roles that should be kept, by name in lower case, from two listings whatever their number.

    The detailed listing lacks description and session length, the plain one everything else but the trust policy.
    """
    roles: dict[str, Role] = {}
    with asking("list the roles"):
        pages = client.get_paginator("get_account_authorization_details")
        for page in pages.paginate(Filter=["Role"], PaginationConfig={"PageSize": _PAGE_SIZE}):
            found = map(_role_of_detail, page["RoleDetailList"])
            roles.update((role.name.lower(), role) for role in found if keep(role))
        for listing in (
            client.get_paginator("list_roles").paginate(PaginationConfig={"PageSize": _PAGE_SIZE}) if roles else ()
        ):
            for entry in listing["Roles"]:
                name = entry["RoleName"].lower()
                if name in roles:
                    roles[name] = replace(roles[name], **_plain(entry))
    return roles


def read_named_roles(client: IAMClient, names: t.Iterable[str], cluster: str = "") -> dict[str, Role]:
    """Return the roles of these names, asking for each of them where the operator may not list with details.

    The listing shows those that belong to the cluster as well.
    """
    wanted = {name.lower() for name in names}
    if not wanted:
        return {}
    try:
        return read_owned_roles(client, wanted, cluster)
    except AwsError as error:
        if not error.code.startswith("AccessDenied"):
            raise
    found = _side_by_side(lambda name: read_role(client, name), sorted(wanted), "roles read")
    return {role.name.lower(): role for role in found if role}


def read_owned_roles(client: IAMClient, names: t.Iterable[str], cluster: str) -> dict[str, Role]:
    """Return the roles of these names and all that belong to the cluster."""
    wanted = {name.lower() for name in names}
    return read_roles(client, lambda role: role.name.lower() in wanted or owner(role.tags) == cluster)


def read_role(client: IAMClient, name: str) -> Role | None:
    """Return one role, by calls for itself alone, or None."""
    try:
        with asking(f"read the role {name}"):
            entry = client.get_role(RoleName=name)["Role"]
            attached = client.get_paginator("list_attached_role_policies").paginate(RoleName=name).build_full_result()
            inline = client.get_paginator("list_role_policies").paginate(RoleName=name).build_full_result()
            profiles = _instance_profiles(client, name)
            documents = [client.get_role_policy(RoleName=name, PolicyName=policy) for policy in inline["PolicyNames"]]
    except AwsError as error:
        if error.code == "NoSuchEntity":
            return None
        raise
    detail = {**entry, "AttachedManagedPolicies": attached["AttachedPolicies"], "RolePolicyList": documents}
    return replace(_role_of_detail(detail), instance_profiles=profiles, **_plain(entry))


def read_role_trust(client: IAMClient, name: str) -> tuple[str, dict[str, t.Any]]:
    """Return ARN and trust policy of a role by one call; an empty text and no policy when there is no such role."""
    try:
        with asking(f"read the role {name}"):
            role: t.Any = client.get_role(RoleName=name)["Role"]
    except AwsError as error:
        if error.code == "NoSuchEntity":
            return "", {}
        raise
    return str(role["Arn"]), dict(role.get("AssumeRolePolicyDocument") or {})


def _instance_profiles(client: IAMClient, name: str) -> tuple[str, ...] | None:
    """Return the names of the instance profiles that a role is in; None where the operator may not ask."""
    try:
        with asking(f"read the instance profiles of the role {name}"):
            pages = client.get_paginator("list_instance_profiles_for_role").paginate(RoleName=name)
            return tuple(sorted(each["InstanceProfileName"] for page in pages for each in page["InstanceProfiles"]))
    except AwsError as error:
        if error.code.startswith("AccessDenied"):
            return None
        raise


def read_trusting_roles(client: IAMClient, keep: t.Callable[[Role], bool]) -> list[Role]:
    """Return the roles that should be kept by their trust policies; without tags where the operator may only list."""
    try:
        return list(read_roles(client, keep).values())
    except AwsError as error:
        if not error.code.startswith("AccessDenied"):
            raise
    with asking("list the roles"):
        pages = client.get_paginator("list_roles").paginate(PaginationConfig={"PageSize": _PAGE_SIZE})
        roles = [_role_of_detail(entry) for page in pages for entry in page["Roles"]]
    return [role for role in roles if keep(role)]


def apply_plans(client: IAMClient, plans: t.Sequence[RolePlan], settings: RoleSettings) -> list[RolePlan]:
    """Carry out the plans, several at a time; return each as it was done: its calls, and what went wrong."""
    patience = Patience()
    return _side_by_side(lambda plan: apply_plan(client, plan, settings, patience), plans, "roles done")


def apply_plan(client: IAMClient, plan: RolePlan, settings: RoleSettings, patience: Patience) -> RolePlan:
    """Carry out one plan up to its first lasting failure."""
    made: list[Call] = []
    pauses = patience.pauses()
    try:
        while len(made) < len(plan.calls):
            failure = _failure(client, plan.calls[len(made)])
            if failure is None:
                made.append(plan.calls[len(made)])
            elif present := _role_after(client, plan, failure):
                plan, made = plan_role(plan.item, present, settings), []
            elif not (may_pass(failure.code, failure.problem) and next(pauses, False)):
                raise failure
    except AwsError as error:
        return replace(plan, calls=tuple(made), problem=str(error))
    return plan


def _failure(client: IAMClient, call: Call) -> AwsError | None:
    try:
        call.make(client)
    except AwsError as error:
        return error
    return None


def _role_after(client: IAMClient, plan: RolePlan, error: AwsError) -> Role | None:
    """Return the role that somebody made in the meantime, to be planned again; None for another error."""
    return read_role(client, plan.item["name"]) if error.code == "EntityAlreadyExists" else None


def _side_by_side(function: t.Callable[[t.Any], _Result], values: t.Sequence[t.Any], what: str) -> list[_Result]:
    with ThreadPoolExecutor(max_workers=_SIDE_BY_SIDE) as pool:
        return list(through(what, pool.map(function, values), len(values)))


def _tags(tags: t.Iterable[TagTypeDef]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags}


def _plain(entry: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return what only the plain form of a role has."""
    return {
        "description": entry.get("Description", ""),
        "max_session_duration": entry.get("MaxSessionDuration", Role.max_session_duration),
    }


def _role_of_detail(detail: t.Mapping[str, t.Any]) -> Role:
    return Role(
        name=detail["RoleName"],
        arn=detail["Arn"],
        path=detail["Path"],
        permissions_boundary=(detail.get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn", ""),
        trust_policy=detail["AssumeRolePolicyDocument"],
        managed_policies=tuple(sorted(policy["PolicyArn"] for policy in detail.get("AttachedManagedPolicies", []))),
        inline_policies={policy["PolicyName"]: policy["PolicyDocument"] for policy in detail.get("RolePolicyList", [])},
        tags=_tags(detail.get("Tags", [])),
        instance_profiles=tuple(sorted(each["InstanceProfileName"] for each in detail.get("InstanceProfileList", []))),
    )


__all__: t.Final = (
    "apply_plan",
    "apply_plans",
    "caller",
    "iam_client",
    "reach_provider",
    "read_named_roles",
    "read_owned_roles",
    "read_owners",
    "read_provider",
    "read_providers",
    "read_role",
    "read_role_trust",
    "read_roles",
    "read_trusting_roles",
)
