# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of service accounts, pods and Secrets goes into a snapshot. PRIVATE: it may change without notice.

Of a pod these are a few variables that name a role, and the names alone of those that hold credentials.
"""

from __future__ import annotations

import base64
import re
import typing as t
from datetime import datetime

from ansible_collections.onprem.irsa.plugins.module_utils._doctor.redaction import without_secrets
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.snapshot import (
    Container,
    LegacySecret,
    Pod,
    ServiceAccount,
)
from ansible_collections.onprem.irsa.plugins.module_utils._documents.unsigned_token import header
from ansible_collections.onprem.irsa.plugins.module_utils._injection.admission_policy import known_roles
from ansible_collections.onprem.irsa.plugins.module_utils._injection.names import PROBE_ROLE
from ansible_collections.onprem.irsa.plugins.module_utils._injection.pod import (
    EXPIRATION_ANNOTATION,
    REGION_VARIABLES,
    REGIONAL_ANNOTATION,
    REGIONAL_VARIABLE,
    ROLE_ARN,
    SKIP_LABEL,
    VOLUME,
    service_account_of,
    skipped_containers,
)
from ansible_collections.onprem.irsa.plugins.module_utils._injection.pod_role import (
    environment,
    is_injected,
    lack_of_token,
    misplaced_role,
    token_at,
)
from ansible_collections.onprem.irsa.plugins.module_utils._injection.workloads import owner_of, workload_key
from ansible_collections.onprem.irsa.plugins.module_utils._service_accounts import (
    AUDIENCE_ANNOTATION,
    ROLE_ANNOTATION,
    Manifest,
)

Json = t.Mapping[str, t.Any]

_CREDENTIALS: t.Final = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_NO_ARN: t.Final = "(not the ARN of a role)"
_ENDED: t.Final = ("Succeeded", "Failed")
# What a StatefulSet and a CronJob put behind their names for a pod or a job.
_NUMBER: t.Final = re.compile(r"-[0-9]+$")
_LEGACY: t.Final = "kubernetes.io/service-account-token"
# Where the kubelet puts the token of the API, and clients look for it (Kubernetes, "Service account tokens").
_API_TOKEN: t.Final = "/var/run/secrets/kubernetes.io/serviceaccount/token"  # noqa: S105 -- a path
_REGION: t.Final = re.compile(r"[a-z]{2,4}(?:-[a-z]+)+-[0-9]{1,2}[a-z]?")
_NO_REGION: t.Final = "(not a region)"


def _annotations(manifest: Manifest) -> dict[str, str]:
    return manifest["metadata"].get("annotations") or {}


def service_accounts_of(manifests: t.Iterable[Manifest], policy_data: Json | None = None) -> tuple[ServiceAccount, ...]:
    """Return the service accounts with something of AWS; POLICY_DATA is the ConfigMap of the policy that injects.

    The one of the pods that the role irsa_webhook tries has a role that nobody is meant to have.
    """
    given = {key: role for role in known_roles(policy_data or {}) for key in role["service_accounts"]}
    default = str((policy_data or {}).get("audience") or "")
    found = [_account(manifest, given, default) for manifest in manifests]
    return tuple(account for account in found if _is_concerned(account))


def _is_concerned(account: ServiceAccount) -> bool:
    if PROBE_ROLE in (account.role, account.policy_role):
        return False
    named = (account.role, account.audience, account.expiration, account.regional)
    return any(value is not None for value in named) or bool(account.policy_role or account.misspelt)


def _account(manifest: Manifest, given: t.Mapping[str, Json], default: str) -> ServiceAccount:
    metadata, annotations = manifest["metadata"], _annotations(manifest)
    role = given.get(f"{metadata['namespace']}/{metadata['name']}") or {}
    audience = (role.get("audiences") or [""])[0]
    misspelt = misplaced_role(annotations)
    return ServiceAccount(
        metadata["namespace"],
        metadata["name"],
        role=annotations.get(ROLE_ANNOTATION),
        policy_role=str(role.get("arn") or ""),
        audience=annotations.get(AUDIENCE_ANNOTATION, audience if audience not in ("", default) else None),
        expiration=annotations.get(EXPIRATION_ANNOTATION),
        regional=annotations.get(REGIONAL_ANNOTATION),
        misspelt="" if misspelt == ROLE_ANNOTATION else misspelt,
    )


class Around(t.NamedTuple):
    """What stands around pods, by which it is told what somebody wanted of them."""

    workloads: t.Mapping[tuple[str, str, str], t.Mapping[str, str]]
    """The annotations of each, by namespace, kind and name."""
    namespaces: t.Mapping[str, t.Mapping[str, str]]
    """The annotations of each, by its name."""
    with_role: t.Collection[str]
    """The service accounts that have a role, by C(namespace/name)."""
    excluded: t.Collection[str] = ()
    """Namespaces whose pods are left alone by intent."""


def around_of(
    accounts: t.Iterable[ServiceAccount],
    namespaces: t.Iterable[Manifest] = (),
    workloads: t.Iterable[Manifest] = (),
    excluded: t.Collection[str] = (),
) -> Around:
    """Return what stands around pods."""
    return Around(
        {workload_key(workload): _annotations(workload) for workload in workloads},
        {namespace["metadata"]["name"]: _annotations(namespace) for namespace in namespaces},
        {account.key for account in accounts if account.role or account.policy_role},
        excluded,
    )


def pods_of(manifests: t.Iterable[Manifest], around: Around) -> tuple[Pod, ...]:
    """Return the pods that run, but those of the kubelet's own."""
    return tuple(_pod(manifest, around) for manifest in manifests if not _is_over(manifest))


def _is_over(pod: Manifest) -> bool:
    metadata = pod["metadata"]
    ended = (pod.get("status") or {}).get("phase") in _ENDED or metadata.get("deletionTimestamp")
    return bool(ended) or "kubernetes.io/config.mirror" in _annotations(pod)


def _pod(pod: Manifest, around: Around) -> Pod:
    metadata, spec = pod["metadata"], pod["spec"]
    volume: Json = next((each for each in spec.get("volumes") or () if each.get("name") == VOLUME), {})
    owner, injected = owner_of(pod), is_injected(pod)
    security = spec.get("securityContext") or {}
    containers = [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
    skipped = skipped_containers(_annotations(pod))
    return Pod(
        metadata["namespace"],
        metadata["name"],
        service_account_of(spec),
        owner=f"{owner['kind']}/{owner['name']}" if owner else "",
        started=_moment((pod.get("status") or {}).get("startTime")),
        left_out=metadata["namespace"] in around.excluded or SKIP_LABEL in (metadata.get("labels") or {}),
        injected=injected,
        taken_by="" if injected or not volume else next((key for key in volume if key != "name"), "emptyDir"),
        token_mode=(volume.get("projected") or {}).get("defaultMode") if injected else None,
        has_group=security.get("fsGroup") is not None,
        misplaced=_misplaced(pod, owner, around),
        meant_account=_meant(pod, owner, around),
        containers=tuple(_container(spec, each, security, skipped=each.get("name") in skipped) for each in containers),
    )


def _moment(text: str | None) -> float | None:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z").timestamp() if text else None


def _container(spec: Manifest, container: Manifest, security: Json, *, skipped: bool) -> Container:
    env = environment(container)
    path = env.get("AWS_WEB_IDENTITY_TOKEN_FILE")
    token = token_at(spec, container, path)[0] if path else None
    for_api = token_at(spec, container, _API_TOKEN)[0]
    own = container.get("securityContext") or {}
    return Container(
        str(container.get("name") or ""),
        image=str(container.get("image") or ""),
        role=_role(env),
        token_file=without_secrets(path or "") if "AWS_WEB_IDENTITY_TOKEN_FILE" in env else None,
        region=_region(env),
        regional=next((known for known in ("regional", "legacy") if env.get(REGIONAL_VARIABLE) == known), ""),
        own_credentials=tuple(name for name in _CREDENTIALS if name in env),
        token_audience=str((token or {}).get("audience") or ""),
        no_token=_no_token(spec, container, path) if path else "",
        skipped=skipped,
        user=own.get("runAsUser", security.get("runAsUser")),
        api_audience=str((for_api or {}).get("audience") or ""),
    )


def _no_token(spec: Manifest, container: Manifest, path: str) -> str:
    """Say why a container has no token at the path that its variable names; empty where it has, or may have."""
    hidden = without_secrets(path) != path
    return "its variable holds a token, not the path of one" if hidden else lack_of_token(spec, container, path)


def _role(env: t.Mapping[str, str | None]) -> str | None:
    if "AWS_ROLE_ARN" not in env:
        return None
    value = env["AWS_ROLE_ARN"] or ""
    return value if not value or ROLE_ARN.fullmatch(value) else _NO_ARN


def _region(env: t.Mapping[str, str | None]) -> str:
    """Return the region that was injected, which sets both variables; empty for one of the pod's own."""
    values = {env.get(name) or "" for name in REGION_VARIABLES}
    found = values.pop()
    return "" if values else found if not found or _REGION.fullmatch(found) else _NO_REGION


def _misplaced(pod: Manifest, owner: t.Mapping[str, str], around: Around) -> str:
    """Say where an annotation is that belongs on the service account; empty for nowhere."""
    space = pod["metadata"]["namespace"]
    made_by = (space, owner.get("kind", ""), owner.get("name", ""))
    places = {
        "the pod": _annotations(pod),
        f"{made_by[1]}/{made_by[2]}": around.workloads.get(made_by, {}),
        f"the namespace {space}": around.namespaces.get(space, {}),
    }
    for where, there in places.items():
        key = misplaced_role(there)
        if key:
            return f"the annotation {key} is on {where}"
    return ""


def _meant(pod: Manifest, owner: t.Mapping[str, str], around: Around) -> str:
    """Return the service account with a role that has the workload's name, of a pod that runs as default."""
    name = _NUMBER.sub("", owner.get("name") or pod["metadata"]["name"])
    key = f"{pod['metadata']['namespace']}/{name}"
    return key if service_account_of(pod["spec"]) == "default" != name and key in around.with_role else ""


def legacy_secrets_of(manifests: t.Iterable[Manifest]) -> tuple[LegacySecret, ...]:
    """Return the Secrets with tokens that never end, by names and the id of the key that has signed them."""
    found = [(manifest["metadata"], _kid(manifest)) for manifest in manifests if manifest.get("type") == _LEGACY]
    return tuple(LegacySecret(metadata["namespace"], metadata["name"], kid) for metadata, kid in found if kid)


def _kid(secret: Manifest) -> str:
    """Return the key id in the header of a Secret's token; empty where it has none that can be read."""
    try:
        token = base64.b64decode((secret.get("data") or {})["token"], validate=True).decode("ascii")
        kid = header(token).get("kid")
    except (ValueError, KeyError, TypeError):
        return ""
    return kid if isinstance(kid, str) else ""


__all__: t.Final = ("Around", "around_of", "legacy_secrets_of", "pods_of", "service_accounts_of")
