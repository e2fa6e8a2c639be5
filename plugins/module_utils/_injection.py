# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a pod is given so that AWS SDKs find its role. PRIVATE to the collection: it may change without notice.

The rules are those of the Amazon EKS Pod Identity Webhook v0.6.17 (pkg/handler/handler.go, pkg/cache/cache.go), so that
a manifest, a policy and the webhook come to the same pod. The tests compare with what its code answers.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._service_accounts import (
    AUDIENCE_ANNOTATION,
    ROLE_ANNOTATION,
    Manifest,
    has_wildcard,
)

VOLUME: t.Final = "aws-iam-token"
MOUNT_PATH: t.Final = "/var/run/secrets/eks.amazonaws.com/serviceaccount"
TOKEN_FILE: t.Final = f"{MOUNT_PATH}/token"
EXPIRATION_ANNOTATION: t.Final = "eks.amazonaws.com/token-expiration"
REGIONAL_ANNOTATION: t.Final = "eks.amazonaws.com/sts-regional-endpoints"
SKIP_CONTAINERS_ANNOTATION: t.Final = "eks.amazonaws.com/skip-containers"
SKIP_LABEL: t.Final = "eks.amazonaws.com/skip-pod-identity-webhook"
SHORTEST: t.Final = 600
"""Seconds: the API server gives no token for less."""

_IDENTITY = {"AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"}
_REGION = {"AWS_REGION", "AWS_DEFAULT_REGION"}
_REGIONAL = "AWS_STS_REGIONAL_ENDPOINTS"

# Go's strconv.ParseInt and ParseBool, by which the webhook reads annotations; what they refuse counts for nothing.
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_BOOLEANS = {
    **dict.fromkeys(("1", "t", "T", "true", "True", "TRUE"), True),
    **dict.fromkeys(("0", "f", "F", "false", "False", "FALSE"), False),
}
# A record of RFC 4180 whose fields are names; the webhook skips no container when the annotation is none.
_FIELD = r'(?:"[^"]*"|[^",]*)'
_RECORD = re.compile(f"{_FIELD}(?:,{_FIELD})*")

# Where a workload has its pod: the fields down to the template.
_TEMPLATES: t.Final[dict[str, tuple[str, ...]]] = {
    "Pod": (),
    "PodTemplate": ("template",),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
    **dict.fromkeys(
        ("DaemonSet", "Deployment", "Job", "ReplicaSet", "ReplicationController", "StatefulSet"), ("spec", "template")
    ),
}


class Settings(t.NamedTuple):
    """What holds for every service account that does not say otherwise."""

    audience: str = "sts.amazonaws.com"
    region: str = ""
    """Set in no container when empty."""
    regional_sts: bool = True
    expiration: int = 86400
    """Seconds."""


class Account(t.NamedTuple):
    """What the pods of a service account are given; C(expiration) in seconds."""

    role_arn: str
    audience: str
    regional_sts: bool
    expiration: int


def _seconds(text: str | None, default: int) -> int:
    return max(SHORTEST, int(text)) if text is not None and _INTEGER.fullmatch(text) else default


def account(annotations: t.Mapping[str, str], settings: Settings) -> Account | None:
    """Read the annotations of a service account; None when they name no role."""
    role_arn = annotations.get(ROLE_ANNOTATION)
    if not role_arn:
        return None
    return Account(
        role_arn,
        annotations.get(AUDIENCE_ANNOTATION, settings.audience),
        _BOOLEANS.get(annotations.get(REGIONAL_ANNOTATION, ""), settings.regional_sts),
        _seconds(annotations.get(EXPIRATION_ANNOTATION), settings.expiration),
    )


def accounts(
    manifests: t.Iterable[Manifest],
    roles: t.Iterable[t.Mapping[str, t.Any]],
    settings: Settings,
    namespace: str = "default",
) -> dict[str, Account]:
    """Return what the service accounts get, by C(namespace/name).

    MANIFESTS are those of a cluster or of a file; only its service accounts count, and one without a namespace is in
    NAMESPACE. ROLES are results of the module iam_roles; a role that is present stands above the annotation.
    """
    found = {}
    for manifest in manifests:
        if manifest.get("kind") == "ServiceAccount":
            metadata = manifest["metadata"]
            entry = account(metadata.get("annotations") or {}, settings)
            if entry is not None:
                found[f"{metadata.get('namespace') or namespace}/{metadata['name']}"] = entry
    for role in roles:
        for key in role["service_accounts"]:
            if role["state"] == "present" and not has_wildcard(key):
                allowed = role["audiences"]
                audience = settings.audience if settings.audience in allowed else allowed[0]
                before = found.get(key, Account("", audience, settings.regional_sts, settings.expiration))
                kept = before.audience if before.audience in allowed else audience
                found[key] = before._replace(role_arn=role["arn"], audience=kept)
    return found


def _names(items: t.Iterable[t.Mapping[str, t.Any]] | None) -> set[str]:
    return {item["name"] for item in items or ()}


def skipped_containers(annotations: t.Mapping[str, str]) -> set[str]:
    """Return the containers that the annotation of a pod leaves out."""
    lines = [line.rstrip("\r") for line in annotations.get(SKIP_CONTAINERS_ANNOTATION, "").split("\n")]
    record = next((line for line in lines if line), "")
    if _RECORD.fullmatch(record) is None:
        return set()
    return {name[1:-1] if name.startswith('"') and len(name) > 1 else name for name in record.split(",")}


def _token_file(spec: t.Mapping[str, t.Any]) -> str:
    selector = spec.get("nodeSelector") or {}
    if "windows" in (selector.get("kubernetes.io/os"), selector.get("beta.kubernetes.io/os")):
        return "C:" + TOKEN_FILE.replace("/", "\\")
    return TOKEN_FILE


def _with_role(container: Manifest, wanted: Account, region: str, token_file: str) -> Manifest:
    """Return the container with what it lacks; what it has itself stays as it is."""
    names = _names(container.get("env"))
    if names & _IDENTITY and names & _REGION and _REGIONAL in names:
        return container
    added = []
    if wanted.regional_sts and _REGIONAL not in names:
        added += [(_REGIONAL, "regional")]
    if region and not names & _REGION:
        added += [("AWS_DEFAULT_REGION", region), ("AWS_REGION", region)]
    if not names & _IDENTITY:
        added += [("AWS_ROLE_ARN", wanted.role_arn), ("AWS_WEB_IDENTITY_TOKEN_FILE", token_file)]
    changed = dict(container)
    if added:
        changed["env"] = [*(container.get("env") or []), *({"name": name, "value": value} for name, value in added)]
    mounts = container.get("volumeMounts") or []
    # A second mount at the same path would be refused by the API server.
    if VOLUME not in _names(mounts) and all(mount["mountPath"] != MOUNT_PATH for mount in mounts):
        changed["volumeMounts"] = [*mounts, {"name": VOLUME, "readOnly": True, "mountPath": MOUNT_PATH}]
    return changed


def inject(
    spec: t.Mapping[str, t.Any], annotations: t.Mapping[str, str], wanted: Account, region: str = ""
) -> Manifest:
    """Return a pod's spec with the token's volume, and with variables and mount in its containers and init containers.

    ANNOTATIONS are the pod's. Every other field stays as it is; what is injected already is not injected again.
    """
    skipped = skipped_containers(annotations)
    token_file = _token_file(spec)
    injected = dict(spec)
    for kind in ("initContainers", "containers"):
        if spec.get(kind):
            injected[kind] = [
                container if container["name"] in skipped else _with_role(container, wanted, region, token_file)
                for container in spec[kind]
            ]
    token = {
        "audience": wanted.audience,
        "expirationSeconds": _seconds(annotations.get(EXPIRATION_ANNOTATION), wanted.expiration),
        "path": "token",
    }
    if VOLUME not in _names(spec.get("volumes")):
        volume = {"name": VOLUME, "projected": {"sources": [{"serviceAccountToken": token}]}}
        injected["volumes"] = [volume, *(spec.get("volumes") or [])]
    return injected


def service_account_of(spec: t.Mapping[str, t.Any]) -> str:
    """Return the name of a pod's service account."""
    return str(spec.get("serviceAccountName") or spec.get("serviceAccount") or "default")


def _with_template(manifest: Manifest, path: tuple[str, ...], change: t.Callable[[Manifest], Manifest]) -> Manifest:
    if not path:
        return change(manifest)
    return {**manifest, path[0]: _with_template(manifest[path[0]], path[1:], change)}


def inject_manifest(
    manifest: Manifest, known: t.Mapping[str, Account], region: str = "", namespace: str = "default"
) -> Manifest:
    """Return a manifest whose pods are injected; one of a kind that has no pods, or no role, is returned as it is.

    KNOWN are the service accounts that have a role, by C(namespace/name); a manifest without a namespace is in
    NAMESPACE. The items of a C(List) are treated one by one.
    """
    if str(manifest.get("kind", "")).endswith("List") and "items" in manifest:
        return {**manifest, "items": [inject_manifest(item, known, region, namespace) for item in manifest["items"]]}
    path = _TEMPLATES.get(manifest.get("kind", ""))
    if path is None:
        return manifest
    own_namespace = (manifest.get("metadata") or {}).get("namespace") or namespace

    def change(pod: Manifest) -> Manifest:
        metadata = pod.get("metadata") or {}
        wanted = known.get(f"{own_namespace}/{service_account_of(pod['spec'])}")
        if wanted is None or SKIP_LABEL in (metadata.get("labels") or {}):
            return pod
        return {**pod, "spec": inject(pod["spec"], metadata.get("annotations") or {}, wanted, region)}

    return _with_template(manifest, path, change)


def is_injected(pod: Manifest) -> bool:
    """Tell whether a pod has the token's volume, which whatever injects gives to each."""
    return VOLUME in _names(pod["spec"].get("volumes"))


def lacks_role(pod: Manifest) -> bool:
    """Tell whether a pod is not injected and a container that is not left out has neither role nor token file.

    What another webhook adds to a pod that is injected, such as a sidecar, has no part in its role.
    """
    if is_injected(pod):
        return False
    skipped = skipped_containers((pod["metadata"].get("annotations")) or {})
    containers = [*(pod["spec"].get("initContainers") or []), *pod["spec"]["containers"]]
    return any(not _names(one.get("env")) & _IDENTITY for one in containers if one["name"] not in skipped)


__all__: t.Final = (
    "MOUNT_PATH",
    "SKIP_LABEL",
    "VOLUME",
    "Account",
    "Settings",
    "account",
    "accounts",
    "inject",
    "inject_manifest",
    "is_injected",
    "lacks_role",
    "service_account_of",
    "skipped_containers",
)
