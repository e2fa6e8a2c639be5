# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of service accounts: which role they name, and how. PRIVATE: it may change."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._doctor.checking import Seen, check, seen
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.snapshot import Roles
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.view import looked
from ansible_collections.onprem.irsa.plugins.module_utils._errors import nearest
from ansible_collections.onprem.irsa.plugins.module_utils._injection.pod import (
    EXPIRATION_ANNOTATION,
    LONGEST,
    REGIONAL_ANNOTATION,
    ROLE_ARN,
    SHORTEST,
)
from ansible_collections.onprem.irsa.plugins.module_utils._service_accounts import (
    AUDIENCE_ANNOTATION,
    ROLE_ANNOTATION,
)

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._doctor.snapshot import ServiceAccount
    from ansible_collections.onprem.irsa.plugins.module_utils._doctor.view import View

_GUIDE: t.Final = "guide_iam_roles"
_ANNOTATE: t.Final = (
    f"kubectl --namespace {{namespace}} annotate serviceaccount {{name}} --overwrite {ROLE_ANNOTATION}={{role}}"
)
_REMOVE: t.Final = "kubectl --namespace {namespace} annotate serviceaccount {name} "
_SECONDS: t.Final = re.compile(r"[+]?[0-9]{1,18}", re.ASCII)  # as Go's strconv.ParseInt reads them
_BOOLEANS: t.Final = ("1", "t", "T", "true", "True", "TRUE", "0", "f", "F", "false", "False", "FALSE")
# Changes of annotations reach pods that are made afterwards.
_THEN: t.Final = "Then restart what makes its pods."


def _of(account: ServiceAccount, found: str, **values: str) -> Seen:
    return seen(account.key, found, namespace=account.namespace, name=account.name, **values)


def _account_of(arn: str) -> str:
    return arn.split(":")[4]


def _named(view: View) -> t.Iterator[tuple[ServiceAccount, str]]:
    """Yield the service accounts whose annotation is the ARN of a role, with it."""
    for account in view.accounts:
        arn = view.role_of(account)
        if arn:
            yield account, arn


def _known(view: View) -> list[str]:
    roles = looked(view.snapshot.roles) or Roles()
    return [*(role.arn for role in roles.found), *roles.others]


@check(
    "annotations.role-missing",
    "broken",
    title="A service account names a role that does not exist",
    cause="STS refuses a role that is not there with the same words as one that does not trust the token.",
    fix="Name the role that is meant, with its path, or make it: irsa_iam_roles, and onprem.irsa.site. " + _THEN,
    command=_ANNOTATE,
    guide=_GUIDE,
)
def _role_missing(view: View) -> t.Iterator[Seen]:
    missing = {*(looked(view.snapshot.roles) or Roles()).missing}
    known = _known(view) if missing else []
    for account, arn in _named(view):
        if arn in missing and not _by_path(arn, known):
            meant = nearest(arn, known).removeprefix("Did you mean ").rstrip("?")
            near = meant if " or " not in meant else ""
            yield _of(account, f"there is no role {arn}" + (f"; the nearest is {meant}" if meant else ""), role=near)


def _by_path(arn: str, known: t.Iterable[str]) -> str:
    """Return the ARN of a role of the same account and name with another path; empty for none."""
    own = (_account_of(arn), arn.rpartition("/")[2])
    return next((other for other in known if (_account_of(other), other.rpartition("/")[2]) == own), "")


@check(
    "annotations.role-path",
    "broken",
    title="A service account names a role with another path",
    cause="The path is a part of a role's ARN: arn:aws:iam::ACCOUNT:role/PATH/NAME.",
    fix=f"Name the role {{role}}. {_THEN}",
    command=_ANNOTATE,
    guide=_GUIDE,
)
def _role_path(view: View) -> t.Iterator[Seen]:
    missing = {*(looked(view.snapshot.roles) or Roles()).missing}
    known = _known(view) if missing else []
    for account, arn in _named(view):
        meant = _by_path(arn, known) if arn in missing else ""
        if meant:
            yield _of(account, f"there is no role {arn}, and there is {meant}", role=meant)


@check(
    "annotations.blanks",
    "broken",
    title="An annotation has blanks or line ends around the ARN",
    cause="The ARN is passed on as it is, and STS refuses it. A block of YAML (|) and the output of a shell end in a "
    "line end.",
    fix=f"Write the ARN without them. {_THEN}",
    command=_ANNOTATE,
    guide=_GUIDE,
)
def _blanks(view: View) -> t.Iterator[Seen]:
    for account in view.accounts:
        if account.role and account.role != account.role.strip() and ROLE_ARN.fullmatch(account.role.strip()):
            yield _of(account, f"{ROLE_ANNOTATION} is {account.role!r}", role=account.role.strip())


@check(
    "annotations.no-arn",
    "broken",
    title="An annotation is not the ARN of a role",
    cause="STS takes arn:PARTITION:iam::ACCOUNT:role/NAME alone, with an account of 12 digits: neither a role's name "
    "nor the ARN of a policy or of an instance profile.",
    fix=f"Write the ARN of the role, as `aws iam get-role` shows it. {_THEN}",
    guide=_GUIDE,
)
def _no_arn(view: View) -> t.Iterator[Seen]:
    for account in view.accounts:
        if account.role is not None and not ROLE_ARN.fullmatch(account.role.strip()):
            yield _of(account, f"{ROLE_ANNOTATION} is {account.role!r}")


@check(
    "annotations.partition",
    "broken",
    title="A service account names a role of another partition",
    cause="China, GovCloud and others are separate AWS: neither accounts nor identity providers are shared.",
    fix=f"Name a role of the partition {{partition}}. {_THEN}",
    guide=_GUIDE,
)
def _partition(view: View) -> t.Iterator[Seen]:
    own = view.providers.partition if view.providers else ""
    for account, arn in _named(view):
        if own and arn.split(":")[1] != own:
            found = f"{arn} is of the partition {arn.split(':')[1]}, and the account of {own}"
            yield _of(account, found, partition=own)


@check(
    "annotations.account",
    "warning",
    title="A service account names a role of another account",
    cause="STS looks for the identity provider in the account of the role; that account was not looked at.",
    fix="See that the account {number} has an identity provider for {issuer}, and run the doctor with its "
    "credentials; or name a role of the account that was looked at.",
    guide=_GUIDE,
)
def _account(view: View) -> t.Iterator[Seen]:
    providers = view.providers
    if providers is None:
        return
    known = {_account_of(arn) for arn in view.roles}
    for account, arn in _named(view):
        other = _account_of(arn)
        if other not in (providers.account, *known) and arn.split(":")[1] == providers.partition:
            found = f"{arn} is of the account {other}, and {providers.account} was looked at"
            yield _of(account, found, number=other, issuer=view.issuer)


@check(
    "annotations.misspelt",
    "broken",
    title="A service account names a role by a misspelt annotation",
    cause=f"What injects pods reads {ROLE_ANNOTATION} alone.",
    fix=f"Use the key {ROLE_ANNOTATION}. {_THEN}",
    guide=_GUIDE,
)
def _misspelt(view: View) -> t.Iterator[Seen]:
    for account in view.accounts:
        if account.misspelt and account.role is None:
            yield _of(account, f"it has the annotation {account.misspelt}")


@check(
    "annotations.audience",
    "broken",
    title="A service account asks for an audience that the identity provider does not take",
    cause="STS refuses a token whose audience is not among the provider's client ids.",
    fix=f"Remove the annotation, or add the audience to the provider (irsa_iam_roles, audiences). {_THEN}",
    command=f"{_REMOVE}{AUDIENCE_ANNOTATION}-",
    guide=_GUIDE,
)
def _audience(view: View) -> t.Iterator[Seen]:
    for account in view.accounts:
        taken = view.audiences_for(view.role_of(account))
        if taken is not None and account.audience is not None and account.audience not in taken:
            yield _of(
                account, f"{AUDIENCE_ANNOTATION} is {account.audience!r}, and the provider takes {', '.join(taken)}"
            )


@check(
    "annotations.expiration",
    "warning",
    title="An annotation of a token's expiry counts for nothing",
    cause=f"What injects pods reads a whole number of seconds, from {SHORTEST} to {LONGEST}; what is no number is "
    "passed over, and a smaller one is raised.",
    fix=f"Write a number of seconds, such as 3600, or remove the annotation. {_THEN}",
    command=f"{_REMOVE}{EXPIRATION_ANNOTATION}-",
    guide=_GUIDE,
)
def _expiration(view: View) -> t.Iterator[Seen]:
    for account in view.accounts:
        text = account.expiration
        if text is not None and not (_SECONDS.fullmatch(text) and SHORTEST <= int(text) <= LONGEST):
            yield _of(account, f"{EXPIRATION_ANNOTATION} is {text!r}")


@check(
    "annotations.regional",
    "warning",
    title="An annotation of STS's endpoints counts for nothing",
    cause="What injects pods reads true or false; everything else is passed over.",
    fix=f'Write "true" or "false", in quotes, or remove the annotation. {_THEN}',
    command=f"{_REMOVE}{REGIONAL_ANNOTATION}-",
    guide=_GUIDE,
)
def _regional(view: View) -> t.Iterator[Seen]:
    for account in view.accounts:
        if account.regional is not None and account.regional not in _BOOLEANS:
            yield _of(account, f"{REGIONAL_ANNOTATION} is {account.regional!r}")


@check(
    "annotations.on-pod",
    "broken",
    title="The annotation is on a pod, its workload or its namespace",
    cause="What injects pods reads the annotations of their service account alone.",
    fix="Put the annotation on the service account {account}, and run what makes the pod again.",
    guide=_GUIDE,
)
def _on_pod(view: View) -> t.Iterator[Seen]:
    told = set()
    for pod in looked(view.snapshot.pods) or ():
        account = view.accounts_by_key.get(pod.account)
        key = f"{pod.namespace}/{pod.owner or pod.name}"
        if pod.misplaced and (account is None or not view.role_of(account)) and key not in told:
            told.add(key)
            yield seen(key, f"{pod.misplaced}, where nothing reads it", account=pod.account)
