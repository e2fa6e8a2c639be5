# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trust policies of roles: what IAM accepts as one, and whom it lets in with a web identity.

Sources: IAM User Guide, "Create a role for OpenID Connect federation" and "Grammar of the IAM JSON policy language";
    IAM quotas (2048 characters); the texts are the ones that IAM answers.
"""

from __future__ import annotations

import typing as t

from . import conditions, documents, policy
from .errors import AwsError

if t.TYPE_CHECKING:
    from .conditions import Context
    from .documents import Json

ACTION = "sts:AssumeRoleWithWebIdentity"
MAX_LENGTH = 2048
_DOCUMENT = {"Version", "Id", "Statement"}
_STATEMENT = {
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Condition",
    "Resource",
    "NotResource",
}
_PRINCIPALS = {"AWS", "Service", "Federated", "CanonicalUser"}
_ACTIONS = {
    name.lower()
    for name in (
        "sts:AssumeRole",
        "sts:AssumeRoleWithSAML",
        "sts:AssumeRoleWithWebIdentity",
        "sts:TagSession",
        "sts:SetSourceIdentity",
        "sts:SetContext",
    )
}


def _malformed(text: str) -> AwsError:
    return AwsError("MalformedPolicyDocument", text)


def _check_principal(statement: policy.Statement) -> None:
    if "NotPrincipal" in statement:
        raise _malformed("AssumeRole policy must not contain NotPrincipal field.")
    if "Principal" not in statement:
        raise _malformed("Missing required field Principal")
    principal = statement["Principal"]
    if not isinstance(principal, dict):
        raise _malformed("Principal must be a JSON object.")
    if not principal:
        raise _malformed("Missing required field Principal cannot be empty!")
    for kind, names in principal.items():
        if kind not in _PRINCIPALS:
            raise _malformed(f'Invalid principal in policy: "{kind}"')
        values = names if isinstance(names, list) else [names]
        if not values or not all(isinstance(value, str) and value for value in values):
            raise _malformed(f'Invalid principal in policy: "{kind.upper()}"')


def _check_condition(block: Json) -> None:
    well_formed = isinstance(block, dict) and all(
        conditions.is_operator(operator)
        and isinstance(keys, dict)
        and keys
        and all(_is_value(value) for value in keys.values())
        for operator, keys in block.items()
    )
    if not well_formed:
        raise _malformed("Syntax error in policy.")


def _is_value(value: Json) -> bool:
    items = value if isinstance(value, list) else [value]
    return bool(items) and all(isinstance(item, (str, bool, int, float)) for item in items)


def _is_assume_role_action(action: str) -> bool:
    lowered = action.lower()
    if "*" in action or "?" in action:
        return lowered.startswith("sts:")
    return lowered in _ACTIONS


def _check_statement(statement: Json) -> None:
    if not isinstance(statement, dict) or not set(statement) <= _STATEMENT:
        raise _malformed("Syntax error in policy.")
    if "Effect" not in statement:
        raise _malformed("Missing required field Effect")
    if statement["Effect"] not in ("Allow", "Deny"):
        raise _malformed(f"Invalid effect: {statement['Effect']}")
    _check_principal(statement)
    if "Action" in statement and "NotAction" in statement:
        raise _malformed("Syntax error in policy.")
    actions = documents.strings(statement.get("Action", statement.get("NotAction", [])))
    if not actions:
        raise _malformed("Missing required field Action")
    if not all(map(_is_assume_role_action, actions)):
        raise _malformed("AssumeRole policy may only specify STS AssumeRole actions.")
    if "Resource" in statement:
        raise _malformed("Has prohibited field Resource")
    if "NotResource" in statement:
        raise _malformed("AssumeRole policy must not contain resources.")
    if "Condition" in statement:
        _check_condition(statement["Condition"])


def validate(text: str) -> Json:
    """Return a trust policy parsed, as CreateRole and UpdateAssumeRolePolicy accept it.

    Raises:
        AwsError: MalformedPolicyDocument with IAM's reason, or LimitExceeded over 2048 characters (white space not
            counted).
    """
    try:
        document = documents.load(text)
    except ValueError as error:
        raise _malformed("This policy contains invalid Json") from error
    if not isinstance(document, dict) or not set(document) <= _DOCUMENT:
        raise _malformed("Syntax error in policy.")
    if document.get("Version", policy.VERSIONS[0]) not in policy.VERSIONS:
        raise _malformed("The policy must contain a valid version string")
    statements = policy.statements(document)
    if not statements:
        raise _malformed("Could not parse the policy: Statement is empty!")
    for statement in statements:
        _check_statement(statement)
    sids = [statement["Sid"] for statement in statements if "Sid" in statement]
    if len(sids) != len(set(sids)):
        raise _malformed("The Statement Ids in the policy are not unique")
    if len("".join(text.split())) > MAX_LENGTH:
        raise AwsError("LimitExceeded", f"Cannot exceed quota for ACLSizePerRole: {MAX_LENGTH}", 409)
    return document


def allows(document: Json, *, provider_arn: str, context: Context) -> bool:
    """Whether a trust policy lets in a web identity of this provider.

    Args:
        document: the parsed trust policy.
        provider_arn: ARN of the OIDC provider that vouches for the token: the Federated principal.
        context: the condition keys of the request, such as ``issuer.example/path:sub``.
    """
    request = policy.Request(ACTION, principals={"Federated": (provider_arn,)}, context=context)
    return policy.evaluate([document], request) is policy.Decision.ALLOWED
