# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""IAM: what is there, and the calls of a plan. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import typing as t
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from ansible_collections.onprem.irsa.plugins.module_utils._aws.errors import AwsError, asking
from ansible_collections.onprem.irsa.plugins.module_utils._aws.ownership import owner
from ansible_collections.onprem.irsa.plugins.module_utils._iam_provider import Provider
from ansible_collections.onprem.irsa.plugins.module_utils._iam_roles import Role, RolePlan, Settings, plan_role
from ansible_collections.onprem.irsa.plugins.module_utils._trust import trusts

if t.TYPE_CHECKING:
    from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
    from mypy_boto3_iam.client import IAMClient
    from mypy_boto3_iam.type_defs import TagTypeDef

# botocore's retries instead of a decorator around each call: they reach the pages of a listing and hanging
# connections, too. Not its mode "adaptive", which goes down to one call in two seconds when IAM throttles now and then.
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
    return Provider(arn=arn, audiences=tuple(found.get("ClientIDList", [])), tags=_tags(found.get("Tags", [])))


def read_roles(client: IAMClient, keep: t.Callable[[Role], bool]) -> dict[str, Role]:
    """Return the account's roles that are to be kept, by name in lower case, from two listings whatever their number.

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


def read_named_roles(client: IAMClient, names: t.Iterable[str]) -> dict[str, Role]:
    """Return the roles of these names, asking for each of them where the operator may not list with details."""
    wanted = {name.lower() for name in names}
    if not wanted:
        return {}
    try:
        return read_roles(client, lambda role: role.name.lower() in wanted)
    except AwsError as error:
        if not error.code.startswith("AccessDenied"):
            raise
    found = _side_by_side(lambda name: read_role(client, name), sorted(wanted))
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
            documents = [client.get_role_policy(RoleName=name, PolicyName=policy) for policy in inline["PolicyNames"]]
    except AwsError as error:
        if error.code == "NoSuchEntity":
            return None
        raise
    detail = {**entry, "AttachedManagedPolicies": attached["AttachedPolicies"], "RolePolicyList": documents}
    return replace(_role_of_detail(detail), **_plain(entry))


def read_trusting_roles(client: IAMClient, arn: str) -> list[Role]:
    """Return the roles whose trust policies name the provider; without tags where the operator may only list names."""
    try:
        return list(read_roles(client, lambda role: trusts(role.trust_policy or {}, arn)).values())
    except AwsError as error:
        if not error.code.startswith("AccessDenied"):
            raise
    with asking("list the roles"):
        pages = client.get_paginator("list_roles").paginate(PaginationConfig={"PageSize": _PAGE_SIZE})
        roles = [_role_of_detail(entry) for page in pages for entry in page["Roles"]]
    return [role for role in roles if trusts(role.trust_policy or {}, arn)]


def apply_plans(client: IAMClient, plans: t.Sequence[RolePlan], settings: Settings) -> list[RolePlan]:
    """Carry out the plans, several at a time; return each as it was done: its calls, and what went wrong."""
    return _side_by_side(lambda plan: apply_plan(client, plan, settings), plans)


def apply_plan(client: IAMClient, plan: RolePlan, settings: Settings, *, again: bool = True) -> RolePlan:
    """Carry out one plan up to its first failure. A role that somebody made in the meantime is planned anew."""
    done = []
    try:
        for call in plan.calls:
            call.make(client)
            done.append(call)
    except AwsError as error:
        if error.code == "EntityAlreadyExists" and again:
            observed = read_role(client, plan.item["name"])
            return apply_plan(client, plan_role(plan.item, observed, settings), settings, again=False)
        return replace(plan, calls=tuple(done), problem=str(error))
    return plan


def _side_by_side(function: t.Callable[[t.Any], _Result], values: t.Sequence[t.Any]) -> list[_Result]:
    with ThreadPoolExecutor(max_workers=_SIDE_BY_SIDE) as pool:
        return list(pool.map(function, values))


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
    )


__all__: t.Final = (
    "apply_plan",
    "apply_plans",
    "caller",
    "iam_client",
    "read_named_roles",
    "read_owned_roles",
    "read_provider",
    "read_role",
    "read_roles",
    "read_trusting_roles",
)
