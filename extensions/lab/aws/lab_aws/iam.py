# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What IAM does that moto does not, or does otherwise."""

from __future__ import annotations

import typing as t

from . import documents, oidc_provider, policy, trust_policy, web_identity
from .errors import AwsError
from .handling import answer
from .messages import result_response

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from .engine import RolePolicies
    from .handling import Context, Handler
    from .messages import HttpResponse

MAX_ROLE_NAME = 64
# IAM User Guide, "IAM and STS quotas": managed policies of a role (by default), and all its inline policies together.
MAX_MANAGED_POLICIES = 10
MAX_INLINE_SIZE = 10240


def _check_role_name(name: str) -> None:
    if len(name) > MAX_ROLE_NAME:
        text = "1 validation error detected: Value at 'roleName' failed to satisfy constraint: Member must have length "
        raise AwsError("ValidationError", f"{text}less than or equal to {MAX_ROLE_NAME}")


def _no_role(name: str) -> AwsError:
    return AwsError("NoSuchEntity", f"The role with name {name} cannot be found.", 404)


def _role_policies(context: Context) -> RolePolicies:
    name = context.call.parameter("RoleName")
    found = context.engine.policies(name, context.partition)
    if found is None:
        raise _no_role(name)
    return found


def _tags(context: Context) -> dict[str, str]:
    """Return the tags of a call; refuse keys of a role that differ by case alone (IAM: keys are not case sensitive)."""
    found: dict[str, str] = {}
    while (key := context.call.parameter(f"Tags.member.{len(found) + 1}.Key")) != "":
        if key.lower() in map(str.lower, found):
            text = "Duplicate tag keys found. Please note that Tag keys are case insensitive."
            raise AwsError("InvalidInput", text)
        found[key] = context.call.parameter(f"Tags.member.{len(found) + 1}.Value")
    return found


def tag_role(context: Context) -> HttpResponse:
    """Answer TagRole: a key that is there in another case is replaced (IAM User Guide, "Tags for IAM resources")."""
    given = _tags(context)
    _role_policies(context)
    lowered = {key.lower() for key in given}
    context.engine.change_role_tags(
        context.call.parameter("RoleName"),
        context.partition,
        lambda tags: {**{key: value for key, value in tags.items() if key.lower() not in lowered}, **given},
    )
    return result_response(context.call)


def untag_role(context: Context) -> HttpResponse:
    """Answer UntagRole, to which case has no meaning."""
    _role_policies(context)
    gone = {key.lower() for key in context.call.members("TagKeys")}
    context.engine.change_role_tags(
        context.call.parameter("RoleName"),
        context.partition,
        lambda tags: {key: value for key, value in tags.items() if key.lower() not in gone},
    )
    return result_response(context.call)


def attach_role_policy(context: Context) -> HttpResponse:
    """Answer AttachRolePolicy, up to the quota."""
    attached = {*_role_policies(context).managed, context.call.parameter("PolicyArn")}
    if len(attached) > MAX_MANAGED_POLICIES:
        raise AwsError("LimitExceeded", f"Cannot exceed quota for PoliciesPerRole: {MAX_MANAGED_POLICIES}", 409)
    return answer(context)


def _refuse_principals(text: str) -> None:
    try:
        statements = policy.statements(documents.load(text))
    except ValueError:
        return  # moto says so
    if any({"Principal", "NotPrincipal"} & set(statement) for statement in statements):
        raise AwsError("MalformedPolicyDocument", "Policy document should not specify a principal.")


def put_role_policy(context: Context) -> HttpResponse:
    """Answer PutRolePolicy, up to the quota of all inline policies of the role, white space not counted.

    moto looks at the grammar of the document, but for principals, which a policy of an identity does not name.
    """
    name, text = context.call.parameter("PolicyName"), context.call.parameter("PolicyDocument")
    _refuse_principals(text)
    written = {**_role_policies(context).inline, name: text}
    if sum(len("".join(document.split())) for document in written.values()) > MAX_INLINE_SIZE:
        role = context.call.parameter("RoleName")
        raise AwsError("LimitExceeded", f"Maximum policy size of {MAX_INLINE_SIZE} bytes exceeded for role {role}", 409)
    return answer(context)


def create_role(context: Context) -> HttpResponse:
    """Answer CreateRole: IAM refuses a trust policy that is none; moto does not look."""
    _check_role_name(context.call.parameter("RoleName"))
    _tags(context)
    trust_policy.validate(context.call.parameter("AssumeRolePolicyDocument"))
    return answer(context)


def update_assume_role_policy(context: Context) -> HttpResponse:
    """Answer UpdateAssumeRolePolicy; moto knows fewer principals and actions than IAM."""
    name = context.call.parameter("RoleName")
    arn = context.engine.role_arn(name, context.partition)
    if arn is None:
        raise _no_role(name)
    text = context.call.parameter("PolicyDocument")
    trust_policy.validate(text)
    context.engine.set_trust(arn, context.partition, text)
    return result_response(context.call)


def create_provider(context: Context) -> HttpResponse:
    """Answer CreateOpenIDConnectProvider.

    Without thumbprints IAM asks the issuer itself, and refuses one that it cannot reach (IAM API Reference,
    OpenIdIdpCommunicationError).
    """
    call = context.call
    url, thumbprints = call.parameter("Url"), call.members("ThumbprintList")
    oidc_provider.check_url(url)
    oidc_provider.check_client_ids(call.members("ClientIDList"))
    oidc_provider.check_thumbprints(thumbprints)
    oidc_provider.check_room(url, context.engine.providers(context.partition))
    if not thumbprints:
        try:
            web_identity.published_keys(url, context.fetch)
        except web_identity.FetchError as error:
            text = f"Please verify that the OpenID Connect provider at {url} is reachable: {error}"
            raise AwsError("OpenIdIdpCommunicationError", text) from error
    return answer(context)


def _provider(context: Context) -> oidc_provider.Provider:
    arn = context.call.parameter("OpenIDConnectProviderArn")
    for provider in context.engine.providers(context.partition):
        if provider.arn == arn:
            return provider
    raise AwsError("NoSuchEntity", f"OpenIDConnect Provider not found for arn {arn}", 404)


def existing_provider(context: Context) -> HttpResponse:
    """Answer a call about a provider that must be there, which moto does not always ask for."""
    _provider(context)
    return answer(context)


def update_thumbprints(context: Context) -> HttpResponse:
    """Answer UpdateOpenIDConnectProviderThumbprint."""
    oidc_provider.check_thumbprints(context.call.members("ThumbprintList"))
    return existing_provider(context)


def _change(context: Context, change: Callable[[list[str]], list[str]]) -> HttpResponse:
    provider = _provider(context)
    oidc_provider.check_client_ids(change(list(provider.client_ids)))
    context.engine.change_client_ids(provider.arn, context.partition, change)
    return result_response(context.call)


def add_client_id(context: Context) -> HttpResponse:
    """Answer AddClientIDToOpenIDConnectProvider, which is idempotent (IAM API Reference)."""
    client_id = context.call.parameter("ClientID")
    return _change(context, lambda known: known if client_id in known else [*known, client_id])


def remove_client_id(context: Context) -> HttpResponse:
    """Answer RemoveClientIDFromOpenIDConnectProvider, which is idempotent (IAM API Reference)."""
    client_id = context.call.parameter("ClientID")
    return _change(context, lambda known: [item for item in known if item != client_id])


HANDLERS: dict[str, Handler] = {
    "iam:AttachRolePolicy": attach_role_policy,
    "iam:AddClientIDToOpenIDConnectProvider": add_client_id,
    "iam:CreateOpenIDConnectProvider": create_provider,
    "iam:CreateRole": create_role,
    "iam:DeleteOpenIDConnectProvider": existing_provider,
    "iam:GetOpenIDConnectProvider": existing_provider,
    "iam:ListOpenIDConnectProviderTags": existing_provider,
    "iam:PutRolePolicy": put_role_policy,
    "iam:RemoveClientIDFromOpenIDConnectProvider": remove_client_id,
    "iam:TagOpenIDConnectProvider": existing_provider,
    "iam:TagRole": tag_role,
    "iam:UntagRole": untag_role,
    "iam:UntagOpenIDConnectProvider": existing_provider,
    "iam:UpdateAssumeRolePolicy": update_assume_role_policy,
    "iam:UpdateOpenIDConnectProviderThumbprint": update_thumbprints,
}
