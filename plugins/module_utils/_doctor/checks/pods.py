# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of running pods: what injection gave them, and what stands in its way. PRIVATE: it may change."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.audiences import AUDIENCES, given
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.rollout import ISSUER
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.checking import Seen, check, seen
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.snapshot import Roles
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.view import is_of_injection, looked, sets_role
from ansible_collections.onprem.irsa.plugins.module_utils._injection.pod import VOLUME

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._doctor.snapshot import Container, Pod, ServiceAccount
    from ansible_collections.onprem.irsa.plugins.module_utils._doctor.view import View

_GUIDE: t.Final = "guide_injection"
_SOME: t.Final = 3
_RESTARTABLE: t.Final = ("Deployment", "DaemonSet", "StatefulSet")
_RESTART: t.Final = "kubectl --namespace {namespace} rollout restart {workload}"
_AGAIN: t.Final = "Restart what makes the pod; make a pod by hand again."
_FOR_OTHERS: t.Final = 0o004

Judge = t.Callable[["Pod", "ServiceAccount | None"], str]
"""Says what is wrong with a pod, whose service account this is; empty for nothing."""


def _told(view: View, judge: Judge) -> t.Iterator[Seen]:
    """Yield what is wrong with pods, those of one workload together."""
    groups: dict[tuple[str, str, str], list[Pod]] = {}
    for pod in looked(view.snapshot.pods) or ():
        if pod.left_out:
            continue
        found = judge(pod, view.accounts_by_key.get(pod.account))
        if found:
            groups.setdefault((pod.namespace, pod.owner or pod.name, found), []).append(pod)
    for (namespace, owner, found), pods in groups.items():
        names = ", ".join(pod.name for pod in pods[:_SOME]) + (f" and {len(pods) - _SOME} more" if pods[_SOME:] else "")
        values = {"namespace": namespace, "workload": _restartable(owner), "account": pods[0].account}
        yield seen(f"{namespace}/{owner}", f"{found} ({names})", **values)


def _restartable(owner: str) -> str:
    kind, _slash, name = owner.partition("/")
    return f"{kind.lower()}/{name}" if kind in _RESTARTABLE and name else ""


def _concerned(pod: Pod) -> list[Container]:
    """Return the containers that the pod's annotation does not leave out."""
    return [container for container in pod.containers if not container.skipped]


def _with_role(pod: Pod) -> list[Container]:
    return [
        container for container in _concerned(pod) if container.role is not None or container.token_file is not None
    ]


def _is_missed(pod: Pod, account: ServiceAccount | None, view: View) -> bool:
    named = account is not None and bool(view.role_of(account))
    return named and not pod.injected and not pod.taken_by and not _with_role(pod)


@check(
    "pods.missed",
    "broken",
    title="A pod runs without the role of its service account",
    cause="It was made before the annotation, or while what injects did not answer: nothing is added to a pod later.",
    fix=_AGAIN,
    command=_RESTART,
    guide=_GUIDE,
    follows=("injection",),
)
def _missed(view: View) -> t.Iterator[Seen]:
    def judge(pod: Pod, account: ServiceAccount | None) -> str:
        if account is None or not _is_missed(pod, account, view):
            return ""
        return f"it has no role, and its service account {account.key} names {view.role_of(account)}"

    return _told(view, judge)


@check(
    "pods.stale-role",
    "broken",
    title="A pod has another role than its service account names now",
    cause="The annotation was changed after the pod was made; its variables stay as they were.",
    fix=_AGAIN,
    command=_RESTART,
    guide=_GUIDE,
)
def _stale_role(view: View) -> t.Iterator[Seen]:
    def judge(pod: Pod, account: ServiceAccount | None) -> str:
        wanted = view.role_of(account) if account is not None else ""
        stale = [each.role for each in _with_role(pod) if is_of_injection(each) and each.role and each.role != wanted]
        return f"it has the role {stale[0]}, and its service account names {wanted}" if stale and wanted else ""

    return _told(view, judge)


@check(
    "pods.own-role",
    "warning",
    title="A pod sets its role by variables of its own",
    cause="What injects leaves a container alone that has AWS_ROLE_ARN or AWS_WEB_IDENTITY_TOKEN_FILE already.",
    fix="Remove these variables from the pod's template where its service account {account} should decide.",
    guide=_GUIDE,
)
def _own_role(view: View) -> t.Iterator[Seen]:
    def judge(pod: Pod, account: ServiceAccount | None) -> str:
        wanted = view.role_of(account) if account is not None else ""
        own = [each for each in _with_role(pod) if not is_of_injection(each) and each.role and each.role != wanted]
        return f"its container {own[0].name} has {own[0].role}, not {wanted}" if own and wanted else ""

    return _told(view, judge)


@check(
    "pods.role-missing",
    "broken",
    title="A pod sets a role by itself that does not exist",
    cause="STS refuses a role that is not there with the same words as one that does not trust the token.",
    fix="Name the role that is meant in the pod's template, with its path; or remove AWS_ROLE_ARN there, and annotate "
    "the service account {account}.",
    guide=_GUIDE,
)
def _role_missing(view: View) -> t.Iterator[Seen]:
    missing = {*(looked(view.snapshot.roles) or Roles()).missing}

    def judge(pod: Pod, account: ServiceAccount | None) -> str:
        del account
        gone = [each for each in _concerned(pod) if sets_role(each) and each.role in missing]
        return f"its container {gone[0].name} has {gone[0].role}, and there is no such role" if gone else ""

    return _told(view, judge)


@check(
    "pods.own-credentials",
    "warning",
    title="A pod has other credentials, which SDKs find first",
    cause="Keys in the environment come before a web identity in the order of all AWS SDKs.",
    fix="Remove these variables from the pod's template.",
    guide=_GUIDE,
)
def _own_credentials(view: View) -> t.Iterator[Seen]:
    def judge(pod: Pod, account: ServiceAccount | None) -> str:
        if account is None or not view.role_of(account):
            return ""
        own = [each for each in _concerned(pod) if each.own_credentials]
        return f"its container {own[0].name} has {', '.join(own[0].own_credentials)}" if own else ""

    return _told(view, judge)


@check(
    "pods.volume-taken",
    "broken",
    title="A pod has a volume of its own with the name of the token's",
    cause=f"What injects adds no second volume of the name {VOLUME}, and mounts that one: no token is in it.",
    fix="Give the volume of the pod's template another name.",
    guide=_GUIDE,
)
def _volume_taken(view: View) -> t.Iterator[Seen]:
    def judge(pod: Pod, account: ServiceAccount | None) -> str:
        named = account is not None and view.role_of(account)
        return f"its volume {VOLUME} is of the kind {pod.taken_by}" if pod.taken_by and named else ""

    return _told(view, judge)


@check(
    "pods.token-missing",
    "broken",
    title="No token stands where a container looks for it",
    cause="AWS_WEB_IDENTITY_TOKEN_FILE names a file that nothing writes.",
    fix="Correct the variable or the mount in the pod's template, or remove both: they are injected.",
    guide=_GUIDE,
)
def _token_missing(view: View) -> t.Iterator[Seen]:
    def judge(pod: Pod, account: ServiceAccount | None) -> str:
        del account
        lacking = [each for each in _with_role(pod) if each.no_token] if not pod.taken_by else []
        return f"its container {lacking[0].name} has no token: {lacking[0].no_token}" if lacking else ""

    return _told(view, judge)


@check(
    "pods.half-role",
    "broken",
    title="A container has one of the two variables of a role alone",
    cause="SDKs take a web identity where AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE are both there; what injects "
    "adds neither to a container that has one of them.",
    fix="Remove the variable from the pod's template: both are injected.",
    guide=_GUIDE,
)
def _half_role(view: View) -> t.Iterator[Seen]:
    def judge(pod: Pod, account: ServiceAccount | None) -> str:
        if account is None or not view.role_of(account):
            return ""
        half = [each for each in _with_role(pod) if (each.role is None) != (each.token_file is None)]
        names = {True: "AWS_WEB_IDENTITY_TOKEN_FILE", False: "AWS_ROLE_ARN"}
        return f"its container {half[0].name} has {names[half[0].role is None]} alone" if half else ""

    return _told(view, judge)


@check(
    "pods.token-audience",
    "broken",
    title="A pod's token is for another audience than the identity provider takes",
    cause="STS refuses it. The pod was made before the audience was changed, or another webhook made its volume.",
    fix=_AGAIN,
    command=_RESTART,
    guide=_GUIDE,
    follows=("provider.audience", "annotations.audience"),
)
def _token_audience(view: View) -> t.Iterator[Seen]:
    taken = view.provider.audiences if view.provider else (view.snapshot.audience,)

    def judge(pod: Pod, account: ServiceAccount | None) -> str:
        audiences = {*taken, *((account.audience,) if account is not None and account.audience else ())}
        wrong = [each for each in _with_role(pod) if each.token_audience and each.token_audience not in audiences]
        return f"its token is for {wrong[0].token_audience}, not {', '.join(sorted(audiences))}" if wrong else ""

    return _told(view, judge)


@check(
    "pods.token-unreadable",
    "broken",
    title="A container may not read its token",
    cause="The kubelet gives the token to the user of the containers where all have the same one, else to root, with "
    "the mode of the volume: with no mode for others, a user who is not root cannot read it.",
    fix="Set securityContext.fsGroup in the pod's template, or let the volume's defaultMode be 0644.",
    guide=_GUIDE,
)
def _token_unreadable(view: View) -> t.Iterator[Seen]:
    def judge(pod: Pod, account: ServiceAccount | None) -> str:
        del account
        users = {each.user for each in pod.containers}
        if pod.token_mode is None or pod.token_mode & _FOR_OTHERS or pod.has_group or users in ({0}, {None}):
            return ""
        others = [each for each in _with_role(pod) if each.user]
        if len(users) == 1 or not others:
            return ""  # the kubelet gives it to the one user
        return f"its container {others[0].name} runs as {others[0].user}, and the token's mode is {pod.token_mode:04o}"

    return _told(view, judge)


@check(
    "pods.api-audience",
    "warning",
    title="A pod has a token of AWS where it looks for that of the API",
    cause="API servers refuse a token for another audience than their own: with it the pod cannot use the API. Clients "
    "of the API read /var/run/secrets/kubernetes.io/serviceaccount/token.",
    fix="Mount the token of AWS somewhere else, or let it be injected, so that the pod keeps both.",
    guide=_GUIDE,
)
def _api_audience(view: View) -> t.Iterator[Seen]:
    of_aws = (*(view.provider.audiences if view.provider else ()), view.snapshot.audience)
    flags = [host.flags or {} for _name, host in view.hosts]
    taken = {audience for each in flags for audience in given(each.get(AUDIENCES, ())) or each.get(ISSUER, ())}

    def judge(pod: Pod, account: ServiceAccount | None) -> str:
        del account
        wrong = [each for each in pod.containers if each.api_audience in of_aws and each.api_audience not in taken]
        return f"its container {wrong[0].name} has a token for {wrong[0].api_audience} there" if wrong else ""

    return _told(view, judge)


# Since when the AWS CLI and SDKs take a web identity (IAM User Guide and EKS User Guide, "Use IRSA with the AWS SDK").
_CLI: t.Final = (1, 16, 232)
_BOTO3: t.Final = (1, 9, 220)
_VERSIONED: t.Final = (
    (re.compile(r"(?:^|/)aws-?cli(?:-docker)?$"), _CLI, "AWS CLI"),
    (re.compile(r"(?:^|/)boto3$"), _BOTO3, "boto3"),
)
_TAG: t.Final = re.compile(r"v?([0-9]{1,9})\.([0-9]{1,9})\.([0-9]{1,9})")


def _old_sdk(image: str) -> str:
    """Say which SDK an image has that is too old, by its name and tag; empty where they do not tell."""
    name, _colon, tag = image.partition("@")[0].rpartition(":")
    found = _TAG.match(tag)
    for pattern, oldest, sdk in _VERSIONED:
        if found and pattern.search(name) and tuple(map(int, found.groups())) < oldest:
            return f"{image} has the {sdk} {found[0]}, and {'.'.join(map(str, oldest))} is the first to take a token"
    return ""


@check(
    "pods.old-sdk",
    "warning",
    title="A container's SDK is too old for a web identity",
    cause="SDKs before September 2019 do not know AWS_WEB_IDENTITY_TOKEN_FILE, and look for other credentials.",
    fix="Use an image with a newer SDK.",
    guide=_GUIDE,
)
def _sdk(view: View) -> t.Iterator[Seen]:
    def judge(pod: Pod, account: ServiceAccount | None) -> str:
        del account
        return next(filter(None, (_old_sdk(each.image) for each in _with_role(pod))), "")

    return _told(view, judge)


@check(
    "pods.default-account",
    "broken",
    title="A pod runs as default where a role is for the service account of its name",
    cause="Without serviceAccountName in the template, a pod has the service account default.",
    fix="Set serviceAccountName in the pod's template to the service account that has the role.",
    guide=_GUIDE,
)
def _default_account(view: View) -> t.Iterator[Seen]:
    def judge(pod: Pod, account: ServiceAccount | None) -> str:
        has = bool(_with_role(pod)) or (account is not None and view.role_of(account))
        return (
            f"a role is for {pod.meant_account}, and it runs as {pod.account}" if pod.meant_account and not has else ""
        )

    return _told(view, judge)
