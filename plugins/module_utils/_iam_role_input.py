# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles that a user asks for, and what is wrong with them. PRIVATE to the collection: it may change without notice.

The rules are those of the IAM API reference (CreateRole, PutRolePolicy, AttachRolePolicy), of "IAM and STS quotas", and
of Kubernetes' names. All of them are checked before the first call, and everything that is wrong is said at once.
"""

from __future__ import annotations

import json
import re
import typing as t
from collections import Counter

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.onprem.irsa.plugins.module_utils._aws.ownership import cluster_problems, tag_problems
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError, IrsaError
from ansible_collections.onprem.irsa.plugins.module_utils._iam_roles import Item, Settings
from ansible_collections.onprem.irsa.plugins.module_utils._service_accounts import (
    has_wildcard,
    service_account_problem,
)
from ansible_collections.onprem.irsa.plugins.module_utils._trust import merge, refuse_oversize

ROLE_OPTIONS: t.Final[dict[str, dict[str, t.Any]]] = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "service_accounts": {"type": "list", "elements": "str", "default": []},
    "allow_wildcards": {"type": "bool", "default": False},
    "audiences": {"type": "list", "elements": "str"},
    "managed_policies": {"type": "list", "elements": "str"},
    "inline_policies": {"type": "dict"},
    "permissions_boundary": {"type": "str"},
    "path": {"type": "str"},
    "description": {"type": "str"},
    "max_session_duration": {"type": "int"},
    "tags": {"type": "dict"},
    "adopt": {"type": "bool", "default": False},
}

_PROVIDER_ARN = re.compile(
    r"arn:(?P<partition>aws[a-z-]*):iam::(?P<account>\d{12}|RGW\d{17}):oidc-provider/\S+", re.ASCII
)
_POLICY_ARN = re.compile(
    r"arn:(?P<partition>aws[a-z-]*):iam::(?P<account>aws|\d{12}|RGW\d{17}):policy/(?:[!-~]+/)?[\w+=,.@-]{1,128}",
    re.ASCII,
)
_ROLE_NAME = re.compile(r"[\w+=,.@-]{1,64}", re.ASCII)
_POLICY_NAME = re.compile(r"[\w+=,.@-]{1,128}", re.ASCII)
_PATH = re.compile(r"/|/[!-~]{1,510}/")
_DESCRIPTION = re.compile(r"[\t\n\r -~\u00a1-\u00ff]{0,1000}")
_AUDIENCE = re.compile(r"[^\s*?]{1,255}")
_INLINE_LIMIT = 10240
_SESSION = range(3600, 43201)
_LIMITS = range(1, 4097)


def read_settings(provider_arns: t.Sequence[str], options: t.Mapping[str, t.Any]) -> tuple[Settings, list[str]]:
    """Return the settings of a call, and a line when no role of one account can trust all of the providers.

    OPTIONS are the other fields of Settings. Where the providers are wrong, the account and partition of the first good
    one count, so that the roles can be checked all the same.
    """
    found = [_PROVIDER_ARN.fullmatch(arn) for arn in provider_arns]
    homes = [(match["partition"], match["account"]) for match in found if match]
    problems = []
    if None in found or len(set(homes)) != 1 or len(set(provider_arns)) != len(provider_arns):
        problems.append(
            f"oidc_provider_arns {list(provider_arns)} must be different ARNs of identity providers in one account, as "
            "arn:aws:iam::123456789012:oidc-provider/HOST/PATH: IAM roles trust providers of their own account. Give "
            "the ARNs that the module iam_oidc_provider returns."
        )
    partition, account = homes[0] if homes else ("", "")
    return Settings(partition=partition, account=account, provider_arns=tuple(provider_arns), **options), problems


def refuse_other_account(settings: Settings, partition: str, account: str) -> None:
    """Raise InputError when the credentials are of another account than the providers: the roles would be of no use."""
    if (partition, account) != (settings.partition, settings.account):
        raise InputError(
            f"The AWS credentials are of the account {account} ({partition}), and the identity providers of "
            f"{settings.account} ({settings.partition}): IAM roles trust providers of their own account.",
            fix="Use credentials of the providers' account.",
        )


def checked_items(
    raw: t.Sequence[t.Mapping[str, t.Any]], settings: Settings, problems: t.Sequence[str] = ()
) -> list[Item]:
    """Return the roles asked for, complete and typed, or raise InputError with everything that is wrong.

    PROBLEMS are what is wrong with the settings.
    """
    items, found = read_items(raw, settings)
    if problems or found:
        raise InputError("\n".join([*problems, *found]), fix="\nNothing was changed.")
    return items


def read_items(raw: t.Sequence[t.Mapping[str, t.Any]], settings: Settings) -> tuple[list[Item], list[str]]:
    """Return the roles asked for, complete and typed, and a line for everything that is wrong with them."""
    problems = cluster_problems(settings.cluster) + _audience_problems([settings.audience])
    if settings.trust_policy_limit not in _LIMITS:
        problems.append(
            f"trust_policy_limit {settings.trust_policy_limit} must be 1 to {_LIMITS[-1]} (IAM, role trust policy "
            "length). Give the quota of the account."
        )
    items: list[Item] = []
    for number, entry in enumerate(raw, start=1):
        validated = ArgumentSpecValidator(ROLE_OPTIONS).validate(dict(entry))
        item = _complete(validated.validated_parameters)
        found = [f"{message}." for message in validated.error_messages]
        # Of values of a wrong type nothing more can be said.
        found = found or [*_own_problems(item, settings), *_trust_problems(item, settings)]
        label = f"Role {entry['name']!r}" if entry.get("name") else f"Role number {number}"
        problems += [f"{label}: {problem}" for problem in found]
        items.append(item)
    return items, problems + _duplicate_problems("role names", [str(item.get("name")).lower() for item in items])


def annotation_problems(items: t.Iterable[Item]) -> list[str]:
    """Say which service accounts are named by several roles: their annotation can name one."""
    accounts = [
        account
        for item in items
        if item["state"] == "present"
        for account in item["service_accounts"]
        if not has_wildcard(account)
    ]
    return _duplicate_problems("service accounts of several roles (an annotation names one)", accounts)


def _document(value: object) -> object:
    """Return an inline policy as data; it may come as JSON text."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _complete(item: dict[str, t.Any]) -> Item:
    policies = item.get("inline_policies")
    return item if not policies else {**item, "inline_policies": {name: _document(policies[name]) for name in policies}}


def _duplicate_problems(what: str, values: t.Sequence[str]) -> list[str]:
    twice = sorted(value for value, count in Counter(values).items() if count > 1)
    return [f"Given more than once: {what}: {', '.join(twice)}. Keep one of each."] if twice else []


def _rule(value: object, pattern: re.Pattern[str], says: str) -> list[str]:
    return [] if value is None or pattern.fullmatch(str(value)) else [f"{value!r} must be {says}."]


def _own_problems(item: Item, settings: Settings) -> list[str]:
    """Say what is wrong with everything but the trust."""
    problems = [
        *_rule(item["name"], _ROLE_NAME, "1 to 64 letters, digits and _+=,.@- (IAM role name). Rename it"),
        *_rule(
            item.get("path"), _PATH, "a path of 1 to 512 characters without blanks, / at both ends. Write it as /irsa/"
        ),
        *_rule(item.get("description"), _DESCRIPTION, "at most 1000 Latin-1 characters (IAM description). Shorten it"),
        *tag_problems(item.get("tags")),
        *_inline_problems(item.get("inline_policies") or {}),
    ]
    if item.get("max_session_duration") is not None and item["max_session_duration"] not in _SESSION:
        problems.append(f"max_session_duration {item['max_session_duration']} must be 3600 to 43200 s. Change it.")
    boundary = [item["permissions_boundary"]] if item.get("permissions_boundary") else []
    for arn in [*(item.get("managed_policies") or []), *boundary]:
        problems += _policy_arn_problems(arn, settings)
    return problems + _duplicate_problems("managed policies", item.get("managed_policies") or [])


def _policy_arn_problems(arn: str, settings: Settings) -> list[str]:
    match = _POLICY_ARN.fullmatch(arn)
    if match is None:
        return [f"{arn!r} must be the ARN of a managed policy, as arn:aws:iam::aws:policy/ReadOnlyAccess. Correct it."]
    if settings.partition and match["partition"] != settings.partition:
        return [f"{arn!r} is of the partition {match['partition']}, and the role of {settings.partition}. Correct it."]
    if settings.account and match["account"] not in {"aws", settings.account}:
        return [f"{arn!r} is of another account than {settings.account}: IAM attaches no such policy. Correct it."]
    return []


def _inline_problems(policies: t.Mapping[str, t.Any]) -> list[str]:
    problems = []
    for name, document in policies.items():
        problems += _rule(name, _POLICY_NAME, "1 to 128 letters, digits and _+=,.@- (IAM policy name). Rename it")
        if not isinstance(document, dict) or not document.get("Statement"):
            problems.append(
                f"inline policy {name!r} must be a policy document (or JSON of one) with a Statement. Correct it."
            )
    size = sum(len(json.dumps(document, separators=(",", ":"))) for document in policies.values())
    if size > _INLINE_LIMIT:
        problems.append(
            f"its inline policies have {size} characters, and the quota is {_INLINE_LIMIT} (IAM, role inline policy "
            "size). Make managed policies of them."
        )
    return problems


def _audience_problems(audiences: t.Sequence[str]) -> list[str]:
    return [
        f"audience {audience!r} must be 1 to 255 characters without blanks, * and ?. Correct it."
        for audience in audiences
        if _AUDIENCE.fullmatch(audience) is None
    ]


def _trust_problems(item: Item, settings: Settings) -> list[str]:
    """Say what is wrong with the service accounts and the audiences, alone and as a trust policy."""
    accounts = item["service_accounts"]
    found = [service_account_problem(name, allow_wildcards=item["allow_wildcards"]) for name in accounts]
    problems = [
        *[problem for problem in found if problem],
        *_audience_problems(item.get("audiences") or []),
        *_duplicate_problems("service accounts", accounts),
    ]
    measurable = settings.provider_arns and settings.trust_policy_limit in _LIMITS
    if item["state"] == "absent" or problems or not measurable:
        return problems
    if not accounts:
        return ["it has no service accounts: nobody could assume it. Name them in service_accounts."]
    trust = settings.trusts_of(item)
    try:
        refuse_oversize(merge(None, trust), trust, settings.trust_policy_limit)
    except IrsaError as error:
        return [str(error)]
    return []


__all__: t.Final = (
    "ROLE_OPTIONS",
    "annotation_problems",
    "checked_items",
    "read_items",
    "read_settings",
    "refuse_other_account",
)
