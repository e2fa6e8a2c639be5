# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a pod is given so that AWS SDKs find its role. PRIVATE to the collection: it may change without notice.

The rules are those of the Amazon EKS Pod Identity Webhook v0.6.17 (pkg/handler/handler.go, pkg/cache/cache.go), so that
a manifest, a policy and the webhook come to the same pod. The tests compare with what its code answers.
"""

from __future__ import annotations

import re
import typing as t

from ansible.module_utils.parsing.convert_bool import boolean

from ansible_collections.onprem.irsa.plugins.module_utils._documents.issuer import partition
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._service_accounts import (
    AUDIENCE_ANNOTATION,
    ROLE_ANNOTATION,
    Manifest,
    is_audience,
)

VOLUME: t.Final = "aws-iam-token"
MOUNT_PATH: t.Final = "/var/run/secrets/eks.amazonaws.com/serviceaccount"
TOKEN_FILE: t.Final = f"{MOUNT_PATH}/token"
EXPIRATION_ANNOTATION: t.Final = "eks.amazonaws.com/token-expiration"
REGIONAL_ANNOTATION: t.Final = "eks.amazonaws.com/sts-regional-endpoints"
SKIP_CONTAINERS_ANNOTATION: t.Final = "eks.amazonaws.com/skip-containers"
SKIP_LABEL: t.Final = "eks.amazonaws.com/skip-pod-identity-webhook"
ANNOTATION_PREFIX: t.Final = "eks.amazonaws.com/"
SHORTEST: t.Final = 600
"""Seconds: the API server gives no token for less."""
LONGEST: t.Final = 2**32
"""Seconds: it takes no pod whose token is for more (validateProjectionSources in pkg/apis/core/validation)."""

ROLE_ARN: t.Final = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/(?:[!-\x7f]*/)?[\w+=,.@-]+", re.ASCII)
"""IAM user guide, "IAM identifiers": the ARN of a role, with its path of any characters from ! to DEL."""

IDENTITY_VARIABLES = {"AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"}
REGION_VARIABLES = {"AWS_REGION", "AWS_DEFAULT_REGION"}
REGIONAL_VARIABLE = "AWS_STS_REGIONAL_ENDPOINTS"

# Go's strconv.ParseInt and ParseBool, by which the webhook reads annotations; what they refuse counts for nothing.
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_BOOLEANS = {
    **dict.fromkeys(("1", "t", "T", "true", "True", "TRUE"), True),
    **dict.fromkeys(("0", "f", "F", "false", "False", "FALSE"), False),
}
# A record of RFC 4180 whose fields are names; the webhook skips no container when the annotation is none.
_FIELD = r'(?:"[^"]*"|[^",]*)'
_RECORD = re.compile(f"{_FIELD}(?:,{_FIELD})*")


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


def token_seconds(text: str | None, default: int) -> int:
    return max(SHORTEST, int(text)) if text is not None and _INTEGER.fullmatch(text) else default


def checked_settings(audience: object, region: object, regional_sts: object, expiration: object) -> Settings:
    """Return the settings as a template gives them, numbers and booleans also as text, or raise InputError.

    Kubernetes takes a token's expiry as a whole number of seconds, 600 to 2^32: API reference,
    ServiceAccountTokenProjection.
    """
    if not is_audience(audience):
        raise InputError(
            f"audience is {audience!r}, and must be a text without blanks.",
            fix="Give the audience that the identity provider takes; AWS's own is sts.amazonaws.com.",
        )
    if not isinstance(region, str):
        raise InputError(
            f"region is {region!r}, and must be a text.", fix="Give the code of an AWS region, or leave it out."
        )
    if region:
        partition(region)
    seconds = str(expiration)
    if re.fullmatch("[0-9]{1,18}", seconds) is None or not SHORTEST <= int(seconds) <= LONGEST:
        raise InputError(
            f"expiration is {expiration!r}, and must be a whole number of seconds, {SHORTEST} to {LONGEST}.",
            fix="An hour is 3600, a day 86400.",
        )
    try:
        regional = boolean(regional_sts, strict=True)
    except TypeError:
        raise InputError(
            f"regional_sts is {regional_sts!r}, and must be a boolean.", fix="Write true or false."
        ) from None
    return Settings(str(audience), region, regional, int(seconds))


def account(annotations: t.Mapping[str, str], settings: Settings) -> Account | None:
    """Read the annotations of a service account; None when they name no role."""
    role_arn = annotations.get(ROLE_ANNOTATION)
    if not role_arn:
        return None
    return Account(
        role_arn,
        annotations.get(AUDIENCE_ANNOTATION, settings.audience),
        _BOOLEANS.get(annotations.get(REGIONAL_ANNOTATION, ""), settings.regional_sts),
        token_seconds(annotations.get(EXPIRATION_ANNOTATION), settings.expiration),
    )


def names_of(items: t.Iterable[t.Mapping[str, t.Any]] | None) -> set[str]:
    return {item.get("name", "") for item in items or ()}


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
    names = names_of(container.get("env"))
    if names & IDENTITY_VARIABLES and names & REGION_VARIABLES and REGIONAL_VARIABLE in names:
        return container
    added = []
    if wanted.regional_sts and REGIONAL_VARIABLE not in names:
        added += [(REGIONAL_VARIABLE, "regional")]
    if region and not names & REGION_VARIABLES:
        added += [("AWS_DEFAULT_REGION", region), ("AWS_REGION", region)]
    if not names & IDENTITY_VARIABLES:
        added += [("AWS_ROLE_ARN", wanted.role_arn), ("AWS_WEB_IDENTITY_TOKEN_FILE", token_file)]
    changed = dict(container)
    if added:
        changed["env"] = [*(container.get("env") or []), *({"name": name, "value": value} for name, value in added)]
    mounts = container.get("volumeMounts") or []
    # A second mount at the same path would be refused by the API server.
    if VOLUME not in names_of(mounts) and all(mount.get("mountPath") != MOUNT_PATH for mount in mounts):
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
                container if container.get("name") in skipped else _with_role(container, wanted, region, token_file)
                for container in spec[kind]
            ]
    token = {
        "audience": wanted.audience,
        "expirationSeconds": token_seconds(annotations.get(EXPIRATION_ANNOTATION), wanted.expiration),
        "path": "token",
    }
    if VOLUME not in names_of(spec.get("volumes")):
        volume = {"name": VOLUME, "projected": {"sources": [{"serviceAccountToken": token}]}}
        injected["volumes"] = [volume, *(spec.get("volumes") or [])]
    return injected


def service_account_of(spec: t.Mapping[str, t.Any]) -> str:
    """Return the name of a pod's service account."""
    return str(spec.get("serviceAccountName") or spec.get("serviceAccount") or "default")


__all__: t.Final = (
    "ANNOTATION_PREFIX",
    "EXPIRATION_ANNOTATION",
    "IDENTITY_VARIABLES",
    "LONGEST",
    "MOUNT_PATH",
    "REGIONAL_ANNOTATION",
    "REGIONAL_VARIABLE",
    "REGION_VARIABLES",
    "ROLE_ARN",
    "SHORTEST",
    "SKIP_CONTAINERS_ANNOTATION",
    "SKIP_LABEL",
    "TOKEN_FILE",
    "VOLUME",
    "Account",
    "Settings",
    "account",
    "checked_settings",
    "inject",
    "names_of",
    "service_account_of",
    "skipped_containers",
    "token_seconds",
)
