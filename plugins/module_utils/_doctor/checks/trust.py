# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of roles: their trust policies, by the evaluation that the collection has, and what else stops them.

PRIVATE to the collection: it may change without notice.
"""

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._doctor.checking import Seen, check, seen
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.redaction import HIDDEN
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.view import looked
from ansible_collections.onprem.irsa.plugins.module_utils._errors import IrsaError
from ansible_collections.onprem.irsa.plugins.module_utils._trust.policy import Trust, merge, serialise

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._doctor.snapshot import Role
    from ansible_collections.onprem.irsa.plugins.module_utils._doctor.trust_faults import Fault
    from ansible_collections.onprem.irsa.plugins.module_utils._doctor.view import View

_GUIDE: t.Final = "guide_iam_roles"
_UPDATE: t.Final = "aws iam update-assume-role-policy --role-name {role} --policy-document {policy}"
_STATE: t.Final = "state the role and its service accounts in irsa_iam_roles, and run onprem.irsa.site"
_SOME: t.Final = 3
# IAM and AWS STS quotas: the default, and what it can be raised to.
_TRUST_LIMITS: t.Final = (2048, 4096)
_INLINE_LIMIT: t.Final = 10240
_NEAR: t.Final = 0.95


def _name(role: Role) -> str:
    return role.arn.rpartition("/")[2]


def _repaired(view: View, role: Role) -> str:
    """Return the policy that lets in who names the role, as the collection would write it; empty where it cannot."""
    policy = looked(role.trust)
    users = view.users_of(role.arn)
    if policy is None or not users or HIDDEN in serialise(policy):
        return ""
    arn = view.provider_arn_of(role.arn)
    trust = Trust.of(arn, [audience for _key, audience in users], [key for key, _audience in users])
    try:
        return serialise(merge(policy, [trust]))
    except IrsaError:
        return ""


def _told(view: View, name: str) -> t.Iterator[Seen]:
    """Yield what is wrong with trust policies in the way of one check."""
    for role, fault in view.trust_faults.get(name, ()):
        yield seen(role.arn, fault.found + _whom(fault), role=_name(role), policy=_repaired(view, role))


def _whom(fault: Fault) -> str:
    if not fault.accounts or fault.check == "trust.more-accounts":
        return ""
    more = f" and {len(fault.accounts) - _SOME} more" if len(fault.accounts) > _SOME else ""
    return f" (named by {', '.join(fault.accounts[:_SOME])}{more})"


@check(
    "trust.no-statement",
    "broken",
    title="A role trusts no OIDC provider",
    cause="A role is assumed with a token only where a statement of its trust policy allows it to the issuer's "
    "provider.",
    fix=f"Let the role trust the provider: {_STATE}.",
    command=_UPDATE,
    guide=_GUIDE,
)
def _no_statement(view: View) -> t.Iterator[Seen]:
    return _told(view, "trust.no-statement")


@check(
    "trust.other-issuer",
    "broken",
    title="A role trusts another issuer",
    cause="The trust policy names the provider, and its condition keys begin with the issuer: both of them have to be "
    "those of the issuer that tokens carry.",
    fix=f"Let the role trust this issuer: {_STATE}.",
    command=_UPDATE,
    guide=_GUIDE,
)
def _other_issuer(view: View) -> t.Iterator[Seen]:
    return _told(view, "trust.other-issuer")


@check(
    "trust.other-account",
    "broken",
    title="A role trusts the provider of another account",
    cause="STS looks for the provider in the account of the role.",
    fix=f"Let the role trust the provider of its own account: {_STATE}.",
    command=_UPDATE,
    guide=_GUIDE,
)
def _other_account(view: View) -> t.Iterator[Seen]:
    return _told(view, "trust.other-account")


@check(
    "trust.action",
    "broken",
    title="A role does not allow to be assumed with a token",
    cause="The action is sts:AssumeRoleWithWebIdentity; sts:AssumeRole is another one.",
    fix=f"Allow sts:AssumeRoleWithWebIdentity in the trust policy: {_STATE}.",
    command=_UPDATE,
    guide=_GUIDE,
)
def _action(view: View) -> t.Iterator[Seen]:
    return _told(view, "trust.action")


@check(
    "trust.denied",
    "broken",
    title="A statement of the trust policy denies the tokens",
    cause="A Deny wins over every Allow (IAM User Guide, Policy evaluation logic).",
    fix="Change that statement of the trust policy of {role}, or remove it.",
    guide=_GUIDE,
)
def _denied(view: View) -> t.Iterator[Seen]:
    return _told(view, "trust.denied")


@check(
    "trust.audience-missing",
    "warning",
    title="A trust policy names no audience",
    cause="A pod sends tokens to other services, too: each of them could assume the role with what it was sent.",
    fix=f"Name the audience in a condition on aud: {_STATE}.",
    command=_UPDATE,
    guide=_GUIDE,
)
def _audience_missing(view: View) -> t.Iterator[Seen]:
    return _told(view, "trust.audience-missing")


@check(
    "trust.audience-wrong",
    "broken",
    title="A trust policy names another audience than that of the pods' tokens",
    cause="The token has the audience of the annotation eks.amazonaws.com/audience, else that of irsa_audience.",
    fix=f"Name the audience of the tokens: {_STATE}.",
    command=_UPDATE,
    guide=_GUIDE,
)
def _audience_wrong(view: View) -> t.Iterator[Seen]:
    return _told(view, "trust.audience-wrong")


@check(
    "trust.subject-missing",
    "warning",
    title="A trust policy names no service account",
    cause="Every pod of the cluster may assume the role, whoever may create pods in whatever namespace.",
    fix=f"Name the service accounts in a condition on sub: {_STATE}.",
    command=_UPDATE,
    guide=_GUIDE,
)
def _subject_missing(view: View) -> t.Iterator[Seen]:
    return _told(view, "trust.subject-missing")


@check(
    "trust.subject-wrong",
    "broken",
    title="A trust policy names another service account",
    cause="The subject of a token is system:serviceaccount:NAMESPACE:NAME, and is compared letter by letter.",
    fix=f"Name the service account in the condition on sub: {_STATE}.",
    command=_UPDATE,
    guide=_GUIDE,
)
def _subject_wrong(view: View) -> t.Iterator[Seen]:
    return _told(view, "trust.subject-wrong")


@check(
    "trust.wildcard-under-equals",
    "broken",
    title="A trust policy compares a pattern letter by letter",
    cause="Only StringLike knows * and ?; under StringEquals they stand for themselves, and no subject has them.",
    fix=f"Compare the pattern by StringLike, or name the service accounts: {_STATE}.",
    command=_UPDATE,
    guide=_GUIDE,
)
def _wildcard_under_equals(view: View) -> t.Iterator[Seen]:
    return _told(view, "trust.wildcard-under-equals")


@check(
    "trust.everyone",
    "warning",
    title="A trust policy lets in service accounts of every namespace",
    cause="Whoever may create pods in any namespace may assume the role.",
    fix=f"Name the service accounts, or a pattern within a namespace: {_STATE}.",
    command=_UPDATE,
    guide=_GUIDE,
)
def _everyone(view: View) -> t.Iterator[Seen]:
    return _told(view, "trust.everyone")


@check(
    "trust.more-accounts",
    "warning",
    title="A trust policy names service accounts that do not name the role",
    cause="Who may create such a service account, or pods of it, may assume the role although nothing uses that.",
    fix=f"Remove them from the trust policy, or annotate them: {_STATE}.",
    command=_UPDATE,
    guide=_GUIDE,
)
def _more_accounts(view: View) -> t.Iterator[Seen]:
    return _told(view, "trust.more-accounts")


@check(
    "trust.condition",
    "broken",
    title="A further condition of a trust policy refuses the tokens",
    cause="A request with a token of a service account has no principal, tags or MFA yet: what asks for these never "
    "holds.",
    fix="Remove that condition from the trust policy of {role}, or correct it.",
    guide=_GUIDE,
)
def _condition(view: View) -> t.Iterator[Seen]:
    return _told(view, "trust.condition")


@check(
    "trust.refused",
    "broken",
    title="A trust policy refuses the tokens for several reasons",
    cause="Neither its conditions on the audience nor those on the subject hold.",
    fix=f"Write the statement again: {_STATE}.",
    command=_UPDATE,
    guide=_GUIDE,
)
def _refused(view: View) -> t.Iterator[Seen]:
    return _told(view, "trust.refused")


@check(
    "trust.dead-principal",
    "warning",
    title="A trust policy names a principal that is gone",
    cause="IAM shows the id of a deleted user or role in its place, and refuses every change of a policy that has one.",
    fix="Remove that principal from the trust policy of {role}.",
    guide=_GUIDE,
)
def _dead_principal(view: View) -> t.Iterator[Seen]:
    return _told(view, "trust.dead-principal")


@check(
    "trust.boundary-gone",
    "broken",
    title="The permissions boundary of a role is gone",
    cause="A role may do what its policies and its boundary both allow: with a boundary that does not exist, nothing.",
    fix="Make the policy {boundary} again, or set another boundary: permissions_boundary in irsa_iam_roles.",
    guide=_GUIDE,
)
def _boundary_gone(view: View) -> t.Iterator[Seen]:
    for role in view.roles.values():
        if role.boundary and role.boundary_exists is False:
            yield seen(role.arn, f"its boundary {role.boundary} does not exist", boundary=role.boundary)


@check(
    "trust.policy-full",
    "warning",
    title="A trust policy is nearly as long as IAM takes",
    cause="The quota is 2048 characters, and can be raised to 4096 (IAM and AWS STS quotas).",
    fix="Split the service accounts over several roles, or ask AWS to raise the quota.",
    guide=_GUIDE,
)
def _policy_full(view: View) -> t.Iterator[Seen]:
    for role in view.roles.values():
        limit = next((limit for limit in _TRUST_LIMITS if role.trust_size <= limit), _TRUST_LIMITS[-1])
        if role.trust_size > limit * _NEAR:
            yield seen(role.arn, f"its trust policy has {role.trust_size} of {limit} characters")


@check(
    "trust.inline-full",
    "warning",
    title="The inline policies of a role are nearly as long as IAM takes",
    cause="The quota is 10,240 characters together, and cannot be raised (IAM and AWS STS quotas).",
    fix="Move statements into managed policies.",
    guide=_GUIDE,
)
def _inline_full(view: View) -> t.Iterator[Seen]:
    for role in view.roles.values():
        if role.inline_size > _INLINE_LIMIT * _NEAR:
            yield seen(role.arn, f"its inline policies have {role.inline_size} of {_INLINE_LIMIT} characters")
