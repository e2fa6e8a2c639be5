# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which tokens a cluster has in use. PRIVATE to the collection: it may change without notice.

Pure, on objects of the Kubernetes API. No token is among what it returns.
"""

from __future__ import annotations

import base64
import binascii
import re
import typing as t
from datetime import datetime, timezone

from ansible_collections.onprem.irsa.plugins.module_utils._documents.unsigned_token import header
from ansible_collections.onprem.irsa.plugins.module_utils._in_use.state import Keeper, LegacyToken, Lifetime
from ansible_collections.onprem.irsa.plugins.module_utils._service_accounts import ROLE_ANNOTATION

Json = t.Mapping[str, t.Any]

LEGACY_TYPE: t.Final = "kubernetes.io/service-account-token"
COPIES: t.Final = ("kube-system", "kubeadm-certs")
"""Namespace and name of the Secret with which kubeadm gives the key files to a host that joins."""

# The webhook's own default, and what the policy gives (README of the Amazon EKS Pod Identity Webhook).
INJECTED: t.Final = 86400.0
_EXPIRATION_ANNOTATION = "eks.amazonaws.com/token-expiration"
# Of a volume that names none (Kubernetes, ServiceAccountTokenProjection).
_DEFAULT: t.Final = 3600.0
# More is refused (Kubernetes, validation of TokenRequest and of projected volumes); anybody can write an annotation.
_MOST: t.Final = 2.0**32
_ENDED = ("Succeeded", "Failed")
# Of tokens for the API servers that are older than their pod's file should let them be (Kubernetes,
# pkg/serviceaccount/metrics.go); it has no labels.
_STALE_USES: t.Final = re.compile(r"^serviceaccount_stale_tokens_total(?:\{\})? ([0-9.eE+]+)$", re.MULTILINE)
_UNITS: t.Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_DURATION = re.compile(r"([0-9.]+)(h|ms|m|s|us|µs|ns)")


def lifetimes(
    service_accounts: t.Iterable[Json],
    pods: t.Iterable[Json],
    drivers: t.Iterable[Json] = (),
    *,
    asked_directly: float = _DEFAULT,
    longest_allowed: float | None = None,
) -> list[Lifetime]:
    """Return how long the tokens in use live, each lifetime once, the longest first.

    Those that the API servers extend to a year count for as long as their pods ask for: the kubelet is told no more,
    and replaces them before (pkg/kubelet/token/token_manager.go of Kubernetes). A pod that does not read the new one is
    among the keepers().

    drivers: the CSIDrivers, for which the kubelet asks for tokens of the pods with their volumes
    (Kubernetes, CSIDriverSpec, tokenRequests): such a token stands in no volume of the pod.
    asked_directly: seconds; of tokens that no object shows, because somebody has asked the API for them. It is not
    cut: the flag that cuts may have come with the processes that run now, and those before made longer ones.
    longest_allowed: seconds to which every API server cuts a longer request; None where one of them cuts none.
    """
    found = {min(asked_directly, _MOST): "whoever asks with TokenRequest"}
    for seconds, source in (*_of_accounts(service_accounts), *_of_pods(pods), *_of_drivers(drivers)):
        allowed = min(seconds, _MOST if longest_allowed is None else longest_allowed)
        found.setdefault(allowed, source)
    return [Lifetime(seconds, source) for seconds, source in sorted(found.items(), reverse=True)]


def _of_accounts(service_accounts: t.Iterable[Json]) -> t.Iterator[tuple[float, str]]:
    for account in service_accounts:
        annotations = account["metadata"].get("annotations") or {}
        if ROLE_ANNOTATION not in annotations and _EXPIRATION_ANNOTATION not in annotations:
            continue
        asked = str(annotations.get(_EXPIRATION_ANNOTATION, ""))
        yield float(asked) if asked.isdecimal() else INJECTED, f"service account {_name(account)}"


def _of_pods(pods: t.Iterable[Json]) -> t.Iterator[tuple[float, str]]:
    for pod in _running(pods):
        asked = str((pod["metadata"].get("annotations") or {}).get(_EXPIRATION_ANNOTATION, ""))
        if asked.isdecimal():
            yield float(asked), f"pod {_name(pod)}"
        for token in _tokens(pod):
            yield float(token.get("expirationSeconds") or _DEFAULT), f"pod {_name(pod)}"


def _of_drivers(drivers: t.Iterable[Json]) -> t.Iterator[tuple[float, str]]:
    for driver in drivers:
        for token in (driver.get("spec") or {}).get("tokenRequests") or []:
            yield float(token.get("expirationSeconds") or _DEFAULT), f"CSI driver {driver['metadata']['name']}"


def audience_users(pods: t.Iterable[Json], audience: str) -> list[str]:
    """Return the pods, as C(namespace/name) in order, that ask for tokens with an audience."""
    return sorted(
        _name(pod) for pod in _running(pods) if any(token.get("audience") == audience for token in _tokens(pod))
    )


def _running(pods: t.Iterable[Json]) -> t.Iterator[Json]:
    return (pod for pod in pods if (pod.get("status") or {}).get("phase") not in _ENDED)


def _tokens(pod: Json) -> t.Iterator[Json]:
    """Yield the tokens in the volumes of a pod, as its specification has them."""
    for volume in (pod.get("spec") or {}).get("volumes") or []:
        for source in (volume.get("projected") or {}).get("sources") or []:
            if source.get("serviceAccountToken") is not None:
                yield source["serviceAccountToken"]


def legacy_tokens(secrets: t.Iterable[Json]) -> list[LegacyToken]:
    """Return which key has signed the token of each Secret that has one."""
    return [
        LegacyToken(_name(secret), kid_of_secret(secret))
        for secret in secrets
        if secret.get("type") == LEGACY_TYPE and has_token(secret)
    ]


def has_token(secret: Json) -> bool:
    """Return whether a Secret has a token."""
    return bool((secret.get("data") or {}).get("token"))


def kid_of_secret(secret: Json) -> str:
    """Return the id of the key that has signed the token of a Secret; empty where none can be read."""
    return kid_of(_text((secret.get("data") or {}).get("token") or ""))


def kid_of(token: str) -> str:
    """Return the id of the key that has signed a token; empty for one that cannot be read."""
    try:
        return str(header(token)["kid"])
    except (ValueError, KeyError):
        return ""


def stale_uses(metrics: str) -> float:
    """Return how often an API server has taken a stale token since it started, by the text of its C(/metrics)."""
    found = _STALE_USES.search(metrics)
    return float(found[1]) if found else 0.0


def keepers(pods: t.Iterable[Json]) -> list[Keeper]:
    """Return the pods with a token for the API servers, which a program may have read once and kept."""
    return [
        Keeper(_name(pod), _epoch(pod["status"]["startTime"]))
        for pod in _running(pods)
        if (pod.get("status") or {}).get("startTime") and any(not token.get("audience") for token in _tokens(pod))
    ]


def _text(value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return ""


def _name(item: Json) -> str:
    return f"{item['metadata']['namespace']}/{item['metadata']['name']}"


def made_at(item: Json | None) -> float | None:
    """Return when an object was made, in seconds since the epoch; None for none."""
    return None if item is None else _epoch(item["metadata"]["creationTimestamp"])


def _epoch(moment: str) -> float:
    return datetime.strptime(moment, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc).timestamp()


def seconds_of(duration: str) -> float | None:
    """Return the seconds of a duration as Go writes it (C(24h0m0s)); None for another text, and for none (C(0s))."""
    parts = _DURATION.findall(duration)
    if not parts or "".join(number + unit for number, unit in parts) != duration:
        return None
    try:
        return sum(float(number) * _UNITS[unit] for number, unit in parts) or None
    except ValueError:
        return None


__all__: t.Final = (
    "COPIES",
    "INJECTED",
    "LEGACY_TYPE",
    "audience_users",
    "has_token",
    "keepers",
    "kid_of",
    "kid_of_secret",
    "legacy_tokens",
    "lifetimes",
    "made_at",
    "seconds_of",
    "stale_uses",
)
