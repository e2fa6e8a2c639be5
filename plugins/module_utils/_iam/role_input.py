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
from datetime import date

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.onprem.irsa.plugins.module_utils._aws.ownership import (
    cluster_problems,
    tag_number_problems,
    tag_problems,
)
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError, IrsaError, nearest
from ansible_collections.onprem.irsa.plugins.module_utils._iam.roles import (
    INLINE_LIMIT,
    Item,
    RoleSettings,
    inline_size,
)
from ansible_collections.onprem.irsa.plugins.module_utils._input.role_input import argument_problems, as_yaml
from ansible_collections.onprem.irsa.plugins.module_utils._policies.ready import READY, ready_policy, ready_problems
from ansible_collections.onprem.irsa.plugins.module_utils._service_accounts import (
    has_wildcard,
    service_account_problem,
)
from ansible_collections.onprem.irsa.plugins.module_utils._trust.conditions import OPERATORS, is_spelt, operator, text
from ansible_collections.onprem.irsa.plugins.module_utils._trust.policy import merge, names_token, refuse_oversize
from ansible_collections.onprem.irsa.plugins.module_utils._unquoted import (
    is_unquoted,
    unquoted_hint,
    unquoted_key_problems,
    unquoted_problem,
)

ROLE_OPTIONS: t.Final[dict[str, dict[str, t.Any]]] = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "service_accounts": {"type": "list", "elements": "str", "default": []},
    "allow_wildcards": {"type": "bool", "default": False},
    "audiences": {"type": "list", "elements": "str"},
    "conditions": {"type": "dict"},
    "session_tags": {"type": "bool", "default": False},
    "managed_policies": {"type": "list", "elements": "str"},
    "inline_policies": {"type": "dict"},
    "policy": {"type": "str", "choices": sorted(READY)},
    "policy_variables": {"type": "dict"},
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
_ROLE_PATTERN = re.compile(r"(?!arn:)(?:[!-.0-~][!-~]*/)?[\w+=,.@*?-]{1,64}", re.ASCII)
_POLICY_NAME = re.compile(r"[\w+=,.@-]{1,128}", re.ASCII)
_PATH = re.compile(r"/|/[!-~]{1,510}/")
_DESCRIPTION = re.compile(r"[\t\n\r -~\u00a1-\u00ff]{0,1000}")
_AUDIENCE = re.compile(r"[^\s*?]{1,255}")
# IAM User Guide, "Grammar of the IAM JSON policy language", for a policy of an identity: it names no principal.
_VERSIONS = ("2012-10-17", "2008-10-17")
_DOCUMENT = {"Version", "Id", "Statement"}
_STATEMENT = {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"}
# IAM API reference, PutRolePolicy, and what it answers: MalformedPolicyDocument.
_ACTION = (re.compile(r"\*|[A-Za-z0-9*?.-]+:[^:]*"), "* or SERVICE:ACTION, as in s3:GetObject")
_TEXT = (re.compile(r".*", re.DOTALL), "a text, in quotes")
_FORMS = {
    "Sid": (re.compile(r"[0-9A-Za-z]*"), "letters and digits alone, in quotes"),
    "Action": _ACTION,
    "NotAction": _ACTION,
    "Resource": _TEXT,
    "NotResource": _TEXT,
}
_SESSION = range(3600, 43201)
_LIMITS = range(1, 4097)


def read_settings(provider_arns: t.Sequence[str], options: t.Mapping[str, t.Any]) -> tuple[RoleSettings, list[str]]:
    """Return the settings of a call, and a line when no role of one account can trust all of the providers.

    OPTIONS are the other fields of RoleSettings. Where the providers are wrong, the account and partition of the first
    good one count, so that the roles can be checked all the same.
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
    retired = options.get("retired_provider_arns", ())
    both = sorted(set(retired) & set(provider_arns))
    if both:
        problems.append(
            f"{', '.join(both)} is among oidc_provider_arns and retired_provider_arns: a role trusts a provider or it "
            "does not. Remove it from one of them."
        )
    problems += [
        f"{name}: {arn!r} must be the ARN of an identity provider, as in oidc_provider_arns. Correct it."
        for name in ("retired_provider_arns", "former_provider_arns")
        for arn in options.get(name, ())
        if _PROVIDER_ARN.fullmatch(arn) is None
    ]
    partition, account = homes[0] if homes else ("", "")
    return RoleSettings(
        partition=partition, account_id=account, provider_arns=tuple(provider_arns), **options
    ), problems


def refuse_other_account(settings: RoleSettings, partition: str, account: str) -> None:
    """Raise InputError when the credentials are of another account than the providers: the roles would be of no use."""
    if (partition, account) != (settings.partition, settings.account_id):
        raise InputError(
            f"The AWS credentials are of the account {account} ({partition}), and the identity providers of "
            f"{settings.account_id} ({settings.partition}): IAM roles trust providers of their own account.",
            fix="Use credentials of the providers' account.",
        )


def checked_items(
    raw: t.Sequence[t.Mapping[str, t.Any]], settings: RoleSettings, problems: t.Sequence[str] = ()
) -> list[Item]:
    """Return the roles asked for, complete and typed, or raise InputError with everything that is wrong.

    PROBLEMS are what is wrong with the settings.
    """
    items, found = read_items(raw, settings)
    if problems or found:
        raise InputError("\n".join([*problems, *found]), fix="\nNothing was changed.")
    return items


def read_items(
    raw: t.Sequence[object], settings: RoleSettings, *, written: bool = False
) -> tuple[list[Item], list[str]]:
    """Return the roles asked for, complete and typed, and a line for everything that is wrong with them.

    WRITTEN roles are as YAML has them (see written_problems).
    """
    problems = cluster_problems(settings.cluster) + _audience_problems([settings.audience])
    if settings.managed_policies_limit < 1:
        problems.append(
            f"managed_policies_limit {settings.managed_policies_limit} must be at least 1 (IAM, managed policies per "
            "role). Give the quota of the account."
        )
    if settings.trust_policy_limit not in _LIMITS:
        problems.append(
            f"trust_policy_limit {settings.trust_policy_limit} must be 1 to {_LIMITS[-1]} (IAM, role trust policy "
            "length). Give the quota of the account."
        )
    items: list[Item] = []
    for number, entry in enumerate(raw, start=1):
        if not isinstance(entry, t.Mapping):
            problems.append(
                f"Role number {number} is {entry!r}, and must be a dictionary. Write it as {{name: {entry}}}."
            )
            continue
        found = [*(written_problems if written else unquoted_problems)(entry), *_unknown_problems(entry)]
        # What is null is not given: a module hands on its options so.
        known = {name: value for name, value in entry.items() if name in ROLE_OPTIONS and value is not None}
        validated = ArgumentSpecValidator(ROLE_OPTIONS).validate(known)
        if validated.error_messages:
            found += _type_problems([*argument_problems(ROLE_OPTIONS, known), *validated.error_messages], found)
        # Of values of a wrong type nothing more can be said, nor of a policy that cannot be written.
        found = found or _policy_problems(validated.validated_parameters, settings)
        item = validated.validated_parameters if found else _complete(validated.validated_parameters, settings)
        found = found or [*_own_problems(item, settings), *_trust_problems(item, settings)]
        label = f"Role {entry['name']!r}" if entry.get("name") else f"Role number {number}"
        problems += [f"{label}: {problem}" for problem in found]
        items.append(item)
    return items, problems + _same_name_problems([str(item.get("name")) for item in items])


def _same_name_problems(names: t.Iterable[str]) -> list[str]:
    """Say which names IAM takes for one: those of roles differ by more than case (CreateRole, RoleName)."""
    spelt: dict[str, list[str]] = {}
    for name in names:
        spelt.setdefault(name.lower(), []).append(name)
    twice = [", ".join(dict.fromkeys(same)) for same in spelt.values() if len(same) > 1]
    if not twice:
        return []
    case = " (IAM ignores case in names of roles)" if any(", " in same for same in twice) else ""
    return [f"Given more than once: role names: {'; '.join(sorted(twice))}{case}. Keep one of each."]


def annotation_problems(items: t.Iterable[Item]) -> list[str]:
    """Say which service accounts are named by several roles: their annotation can name one."""
    roles: dict[str, list[str]] = {}
    for item in items:
        for service_account in item["service_accounts"] if item["state"] == "present" else ():
            if not has_wildcard(service_account):
                roles.setdefault(service_account, []).append(str(item["name"]))
    twice = {service_account: " and ".join(names) for service_account, names in sorted(roles.items()) if len(names) > 1}
    if not twice:
        return []
    whose = "; ".join(f"{service_account} belongs to {names}" for service_account, names in twice.items())
    return [
        "Given more than once: service accounts of several roles (an annotation names one): "
        f"{', '.join(twice)}. Keep one of each. {whose}."
    ]


def unquoted_problems(entry: t.Mapping[str, t.Any]) -> list[str]:
    """Say which options of a role, as it was written, are numbers, booleans or dictionaries in place of texts."""
    problems = unquoted_key_problems("options", entry)
    for option, spec in ROLE_OPTIONS.items():
        value = entry.get(option)
        if isinstance(value, list) and spec.get("elements") == "str":
            given = {f"{option}, item {number},": each for number, each in enumerate(value, start=1)}
        elif "str" in (spec["type"], spec.get("elements")):
            given = {option: value}
        else:
            given = {}
        problems += [unquoted_problem(what, each) for what, each in given.items() if is_unquoted(each)]
        # A dictionary in place of a list is told by its type.
        problems += [
            f"{what} is {as_yaml(each)}. It must be text. Give a single value."
            for what, each in given.items()
            if isinstance(each, (dict, list)) and (what != option or spec["type"] == "str")
        ]
    for option in ("tags", "inline_policies"):
        problems += unquoted_key_problems(option, entry.get(option))
    problems += [unquoted_problem(what, value) for what, value in _compared_as_texts(entry) if is_unquoted(value)]
    return [*problems, *_session_problems(entry.get("max_session_duration"))]


def _session_problems(value: object) -> list[str]:
    if isinstance(value, bool):
        return ["max_session_duration must be a number of seconds, and YAML has read a boolean. Correct it."]
    try:
        whole = value is None or float(str(value)).is_integer()
    except (ValueError, OverflowError):
        whole = False
    return (
        []
        if whole
        else [f"max_session_duration {value!r} must be a whole number of seconds (int), as in 3600. Correct it."]
    )


def _type_problems(messages: t.Iterable[str], told: t.Iterable[str]) -> list[str]:
    """Return the messages, in their order, but for those on options of which something is told before."""
    options = {problem.split()[0].rstrip(",:") for problem in told}
    problems = []
    for message in messages:
        if options.isdisjoint(re.findall(r"\w+", message)):
            problems.append(message if message[-1] in ".?]" else f"{message}.")
            options |= {word for word in re.findall(r"\w+", message) if word in ROLE_OPTIONS}
    return problems


def _unknown_problems(entry: t.Mapping[str, t.Any]) -> list[str]:
    """Say which options of a role, as it was written, there are none of."""
    listed = f"The options are {', '.join(ROLE_OPTIONS)}."
    return [
        f"{name} is not an option of a role. {nearest(str(name), ROLE_OPTIONS) or listed}"
        for name in entry
        if isinstance(name, str) and name not in ROLE_OPTIONS
    ]


def written_problems(entry: t.Mapping[str, t.Any]) -> list[str]:
    """Return what unquoted_problems() does, and which values of tags are whole numbers.

    For a role as YAML has it: what was written is lost. Who runs the module itself hands it JSON, in which a number is
    what was written.
    """
    return [*unquoted_problems(entry), *tag_number_problems(entry.get("tags"))]


def _compared_as_texts(entry: t.Mapping[str, t.Any]) -> t.Iterator[tuple[str, t.Any]]:
    """Return each value, and what it is called, with which conditions of a role compare texts, such as account ids."""
    policies = entry.get("inline_policies")
    documents = policies.items() if isinstance(policies, t.Mapping) else []
    yield from _values_of_texts("conditions", entry.get("conditions"))
    for policy, document in documents:
        for statement in _statements(document):
            condition = statement.get("Condition") if isinstance(statement, t.Mapping) else None
            yield from _values_of_texts(f"inline policy {policy!r}: Condition", condition)


def _statements(document: object) -> list[t.Any]:
    found = document.get("Statement", []) if isinstance(document, t.Mapping) else []
    return found if isinstance(found, list) else [found]


def _values_of_texts(what: str, conditions: object) -> t.Iterator[tuple[str, t.Any]]:
    for name, keys in conditions.items() if isinstance(conditions, t.Mapping) else ():
        asked = operator(str(name))
        if asked is not None and asked.of_texts and isinstance(keys, t.Mapping):
            for key, value in keys.items():
                values = value if isinstance(value, list) else [value]
                yield from ((f"{what}: {name} {key}", each) for each in values)


def _document(value: object) -> object:
    """Return an inline policy as data; it may come as JSON text, and have a Version that YAML has read as a date."""
    try:
        return json.loads(value if isinstance(value, str) else json.dumps(value, default=str))
    except ValueError:
        return value


def _policy_problems(item: Item, settings: RoleSettings) -> list[str]:
    """Say what is wrong with the ready policy of a role."""
    name, variables = item.get("policy"), item.get("policy_variables")
    if name is None:
        return ["policy_variables are for a policy. Name it in policy, or remove them."] if variables else []
    taken = (
        [f"inline policy {name!r} would be both the one of policy and the one of inline_policies. Rename yours."]
        if name in (item.get("inline_policies") or {})
        else []
    )
    return taken + ready_problems(name, variables or {}, settings.partition)


def _complete(item: Item, settings: RoleSettings) -> Item:
    """Return a role with its policies as documents, the ready one among them."""
    complete = dict(item)
    if item.get("inline_policies"):
        complete["inline_policies"] = {name: _document(value) for name, value in item["inline_policies"].items()}
    if item.get("policy"):
        # Before the partition is known, what is wrong elsewhere is still told.
        ready = ready_policy(item["policy"], item.get("policy_variables") or {}, settings.partition or "aws")
        complete["inline_policies"] = {**(complete.get("inline_policies") or {}), item["policy"]: ready}
    if item.get("conditions"):
        complete["conditions"] = {name: _as_texts(keys) for name, keys in item["conditions"].items()}
    return complete


def _as_texts(keys: object) -> object:
    """Return the values of condition keys as IAM gives them back: texts, true and false in lower case."""
    if not isinstance(keys, t.Mapping):
        return keys

    def as_text(value: object) -> object:
        return text(value) if _is_scalar(value) else value

    return {
        key: [as_text(v) for v in value] if isinstance(value, list) else as_text(value) for key, value in keys.items()
    }


def _duplicate_problems(what: str, values: t.Sequence[str]) -> list[str]:
    twice = sorted(value for value, count in Counter(values).items() if count > 1)
    return [f"Given more than once: {what}: {', '.join(twice)}. Keep one of each."] if twice else []


def _rule(value: object, pattern: re.Pattern[str], says: str) -> list[str]:
    if value is None or pattern.fullmatch(str(value)):
        return []
    return [f"{value!r} must be {says}.{unquoted_hint(str(value))}"]


def _own_problems(item: Item, settings: RoleSettings) -> list[str]:
    """Say what is wrong with everything but the trust."""
    problems = [
        *_rule(item["name"], _ROLE_NAME, "1 to 64 letters, digits and _+=,.@- (IAM role name). Rename it"),
        *_rule(
            item.get("path"), _PATH, "a path of 1 to 512 characters without blanks, / at both ends. Write it as /irsa/"
        ),
        *_rule(item.get("description"), _DESCRIPTION, "at most 1000 Latin-1 characters (IAM description). Shorten it"),
        *tag_problems(item.get("tags"), ignore_case=True, take_numbers=True),
        *_inline_problems(item.get("inline_policies") or {}),
    ]
    if item.get("max_session_duration") is not None and item["max_session_duration"] not in _SESSION:
        problems.append(
            f"max_session_duration {item['max_session_duration']} must be 3600 to 43200 s, without "
            "a leading 0, which YAML reads as octal. Change it."
        )
    boundary = [item["permissions_boundary"]] if item.get("permissions_boundary") else []
    policies = item.get("managed_policies") or []
    for arn in [*policies, *boundary]:
        problems += _policy_arn_problems(arn, settings)
    problems += _duplicate_problems("managed policies", policies)
    count, limit = len(policies), settings.managed_policies_limit
    if count > max(limit, 1):  # a limit below that is told by itself
        problems.append(
            f"it has {count} managed policies, and the quota is {limit} (IAM, managed policies per role). Join some "
            "of them, or ask AWS to raise the quota and set irsa_iam_managed_policies_limit (of the module "
            "iam_roles: managed_policies_limit)."
        )
    return problems


def _policy_arn_problems(arn: str, settings: RoleSettings) -> list[str]:
    match = _POLICY_ARN.fullmatch(arn)
    if match is None:
        return [f"{arn!r} must be the ARN of a managed policy, as arn:aws:iam::aws:policy/ReadOnlyAccess. Correct it."]
    if settings.partition and match["partition"] != settings.partition:
        return [f"{arn!r} is of the partition {match['partition']}, and the role of {settings.partition}. Correct it."]
    if settings.account_id and match["account"] not in {"aws", settings.account_id}:
        return [f"{arn!r} is of another account than {settings.account_id}: IAM attaches no such policy. Correct it."]
    return []


def role_pattern_problems(patterns: t.Iterable[str]) -> list[str]:
    """Say which patterns no role's name, with its path, can match: what follows C(:role/) in its ARN."""
    return [
        problem
        for pattern in patterns
        for problem in _rule(
            pattern,
            _ROLE_PATTERN,
            "the name of a role, 1 to 64 letters, digits and _+=,.@- with * and ? for others, behind its path without "
            "the first slash, as in irsa/prod-*. Give no ARN and no blanks",
        )
    ]


def _inline_problems(policies: t.Mapping[str, t.Any]) -> list[str]:
    problems = []
    for name, document in policies.items():
        problems += _rule(name, _POLICY_NAME, "1 to 128 letters, digits and _+=,.@- (IAM policy name). Rename it")
        problems += [f"inline policy {name!r} {problem}" for problem in _document_problems(document)]
    size = inline_size(policies)
    if size > INLINE_LIMIT:
        problems.append(
            f"its inline policies have {size} characters, and the quota is {INLINE_LIMIT} (IAM, role inline policy "
            "size). Make managed policies of them."
        )
    return problems


def _document_problems(document: object) -> list[str]:
    """Say which rule of the grammar of policies a document breaks; each line goes on from the policy's name."""
    if not isinstance(document, dict) or not document.get("Statement"):
        return ["must be a policy document (or JSON of one) with a Statement. Correct it."]
    problems = _element_problems("", document, _DOCUMENT)
    version = document.get("Version")
    if version is not None and str(version) not in _VERSIONS:
        problems.append(
            f"has the Version {version!r}, and IAM knows {' and '.join(_VERSIONS)} (of the policy language, not of the "
            'policy). Write Version: "2012-10-17".'
        )
    statements = _statements(document)
    for number, statement in enumerate(statements, start=1):
        problems += _statement_problems(f"statement {number}", statement)
    sids = [str(each["Sid"]) for each in statements if isinstance(each, dict) and each.get("Sid")]
    return problems + _duplicate_problems("Sid of statements", sids)


def _element_problems(where: str, given: t.Mapping[str, t.Any], known: t.Collection[str]) -> list[str]:
    unknown = [str(name) for name in given if name not in known]
    return [
        f"{where or 'the document'} has the element {name!r}, and IAM knows {', '.join(sorted(known))} there. "
        f"{nearest(name, known) or 'Remove it.'}"
        for name in unknown
    ]


def _statement_problems(where: str, statement: object) -> list[str]:
    if not isinstance(statement, dict):
        return [f"{where} is {statement!r}, and must be a mapping with Effect, Action and Resource. Correct it."]
    problems = _element_problems(where, statement, _STATEMENT)
    if statement.get("Effect") not in ("Allow", "Deny"):
        problems.append(f"{where} has the Effect {statement.get('Effect')!r}, and must have Allow or Deny. Correct it.")
    problems += [
        f"{where} must have either {name} or Not{name}. Correct it."
        for name in ("Action", "Resource")
        if bool(statement.get(name)) == bool(statement.get(f"Not{name}"))
    ]
    for name, (form, says) in _FORMS.items():
        given = statement.get(name, [])
        problems += [
            f"{where} has the {name} {value!r}, and must have {says}. Correct it."
            for value in (given if isinstance(given, list) else [given])
            if not isinstance(value, str) or form.fullmatch(value) is None
        ]
    condition = statement.get("Condition")
    return problems + (_condition_problems(f"{where}: Condition", condition) if condition is not None else [])


def _condition_problems(what: str, conditions: object) -> list[str]:
    """Say which rule of the grammar a Condition block breaks."""
    if not isinstance(conditions, t.Mapping):
        return [f"{what} must be a mapping of operators, each to a mapping of keys to values. Correct it."]
    problems = unquoted_key_problems(what, conditions)
    for name, keys in conditions.items():
        if not isinstance(name, str):
            continue
        if not is_spelt(name):
            hint = nearest(name, OPERATORS) or "Correct it."
            problems.append(f"{what} has the operator {name!r}, which IAM does not have (in this spelling). {hint}")
        if not isinstance(keys, t.Mapping) or not keys:
            problems.append(f"{what}: {name} must be a mapping of condition keys to values. Correct it.")
            continue
        for key, value in keys.items():
            problems += _value_problems(f"{what}: {name} {key}", name, str(key), value)
    return problems


def _value_problems(what: str, name: str, key: str, value: object) -> list[str]:
    """Say what is wrong with the key and the values of one condition, which WHAT names."""
    values = value if isinstance(value, list) else [value]
    if ":" not in key:
        return [f"{what} must begin with a service and a colon, as in aws:SourceIp. Correct it."]
    if not values or not all(map(_is_scalar, values)):
        return [f"{what} must have a text, or a list of texts, as its value. Correct it."]
    asked = operator(name)
    if asked is not None and asked.name == "null" and not {text(each).lower() for each in values} <= {"true", "false"}:
        return [f"{what} must be true or false. Correct it."]
    return []


def _is_scalar(value: object) -> bool:
    return isinstance(value, (str, bool, int, float, date))


def _trust_condition_problems(conditions: t.Mapping[str, t.Any]) -> list[str]:
    """Say what is wrong with the conditions of a role: those on audience and subject have options of their own."""
    return _condition_problems("conditions", conditions) + [
        f"conditions: {name} {key} is about the token's audience or subject, which the options audiences and "
        "service_accounts name. Remove it."
        for name, keys in conditions.items()
        if isinstance(keys, t.Mapping)
        for key in keys
        if names_token(str(key))
    ]


def _audience_problems(audiences: t.Sequence[str]) -> list[str]:
    return [unquoted_problem("audience", audience) for audience in audiences if is_unquoted(audience)] + [
        f"audience {audience!r} must be 1 to 255 characters without blanks, * and ?. Correct it; AWS's own is "
        "sts.amazonaws.com."
        for audience in audiences
        if not is_unquoted(audience) and _AUDIENCE.fullmatch(audience) is None
    ]


def _trust_problems(item: Item, settings: RoleSettings) -> list[str]:
    """Say what is wrong with the service accounts and the audiences, alone and as a trust policy."""
    accounts = item["service_accounts"]
    found = [service_account_problem(name, allow_wildcards=item["allow_wildcards"]) for name in accounts]
    problems = [
        *[problem for problem in found if problem],
        *_audience_problems(item.get("audiences") or []),
        *_trust_condition_problems(item.get("conditions") or {}),
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
    "role_pattern_problems",
    "unquoted_problems",
    "written_problems",
)
