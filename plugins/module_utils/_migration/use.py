# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""For how long tokens of an issuer are in use. PRIVATE to the collection: it may change without notice.

Pure, on objects of the Kubernetes API. Tokens that stand in Secrets name another issuer, whatever the API servers sign
with (pkg/serviceaccount/legacy.go of Kubernetes), so that they have no part in this.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._migration.state import Lifetime
from ansible_collections.onprem.irsa.plugins.module_utils._service_accounts import ROLE_ANNOTATION

Json = t.Mapping[str, t.Any]

# The webhook's own default, and what the policy gives (README of the Amazon EKS Pod Identity Webhook).
_INJECTED: t.Final = 86400.0
_EXPIRATION_ANNOTATION: t.Final = "eks.amazonaws.com/token-expiration"
# Of a volume that names none (Kubernetes, ServiceAccountTokenProjection); kubectl create token asks for no other.
_DEFAULT: t.Final = 3600.0
# API servers make a token of a year where a pod asks for this many seconds (WarnOnlyBoundTokenExpirationPeriod in
# pkg/serviceaccount/claims.go). The kubelet replaces it as if it ended then, and at the latest after a day
# (pkg/kubelet/token/token_manager.go), which is also for how long others keep a former issuer (kOps, OpenShift).
_EXTENDED: t.Final = 3607
_REPLACED: t.Final = 86400.0
_ENDED: t.Final = ("Succeeded", "Failed")
_UNITS: t.Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_DURATION: t.Final = re.compile(r"([0-9.]+)(h|ms|m|s|us|µs|ns)")
_TRUE: t.Final = ("", "1", "t", "T", "true", "True", "TRUE")  # as Go's strconv.ParseBool has it; empty: the default


def lifetimes(
    service_accounts: t.Iterable[Json],
    pods: t.Sequence[Json],
    *,
    longest_allowed: float | None = None,
    extended: bool = True,
) -> list[Lifetime]:
    """Return how long tokens are in use, each time once, the longest first.

    longest_allowed: seconds to which every API server cuts a longer request; None where one of them cuts none.
    extended: whether an API server makes the tokens last longer that every pod gets.
    """
    found = {_DEFAULT: "whoever asks for no other"}
    for seconds, source in (*_of_accounts(service_accounts), *_of_pods(pods, extended=False)):
        found.setdefault(seconds if longest_allowed is None else min(seconds, longest_allowed), source)
    for seconds, source in _of_pods(pods, extended=True) if extended else ():
        found.setdefault(seconds, source)
    return [Lifetime(seconds, source) for seconds, source in sorted(found.items(), reverse=True)]


def _of_accounts(service_accounts: t.Iterable[Json]) -> t.Iterator[tuple[float, str]]:
    for account in service_accounts:
        annotations = account["metadata"].get("annotations") or {}
        if ROLE_ANNOTATION not in annotations and _EXPIRATION_ANNOTATION not in annotations:
            continue
        asked = str(annotations.get(_EXPIRATION_ANNOTATION, ""))
        yield float(asked) if asked.isdecimal() else _INJECTED, f"service account {_name(account)}"


def _of_pods(pods: t.Iterable[Json], *, extended: bool) -> t.Iterator[tuple[float, str]]:
    """Yield the lifetimes that pods ask for; of those that are EXTENDED, the time until the kubelet has replaced it."""
    for pod in _running(pods):
        asked = str((pod["metadata"].get("annotations") or {}).get(_EXPIRATION_ANNOTATION, ""))
        if asked.isdecimal() and not extended:
            yield float(asked), f"pod {_name(pod)}"
        for token in _tokens(pod):
            seconds = token.get("expirationSeconds") or _DEFAULT
            if not extended:
                yield float(seconds), f"pod {_name(pod)}"
            elif seconds == _EXTENDED and not token.get("audience"):
                yield _REPLACED, f"pod {_name(pod)}, whose token the API servers extend"


def audience_users(pods: t.Iterable[Json], audience: str) -> list[str]:
    """Return the pods, as C(namespace/name) in order, that ask for tokens with an audience."""
    return sorted(
        _name(pod) for pod in _running(pods) if any(token.get("audience") == audience for token in _tokens(pod))
    )


def _running(pods: t.Iterable[Json]) -> t.Iterator[Json]:
    return (pod for pod in pods if (pod.get("status") or {}).get("phase") not in _ENDED)


def _tokens(pod: Json) -> t.Iterator[Json]:
    for volume in (pod.get("spec") or {}).get("volumes") or []:
        for source in (volume.get("projected") or {}).get("sources") or []:
            if source.get("serviceAccountToken") is not None:
                yield source["serviceAccountToken"]


def _name(item: Json) -> str:
    return f"{item['metadata']['namespace']}/{item['metadata']['name']}"


def seconds_of(duration: str) -> float | None:
    """Return the seconds of a duration as Go writes it (C(24h0m0s)); None for another text, and for none (C(0s))."""
    parts = _DURATION.findall(duration)
    if not parts or "".join(number + unit for number, unit in parts) != duration:
        return None
    try:
        return sum(float(number) * _UNITS[unit] for number, unit in parts) or None
    except ValueError:
        return None


def limits(servers: t.Iterable[t.Mapping[str, t.Sequence[str]]]) -> tuple[float | None, bool]:
    """Return LONGEST_ALLOWED and EXTENDED of lifetimes() for the flags with which API servers run."""
    allowed: list[float | None] = []
    extended = False
    for flags in servers:
        allowed.append(seconds_of((flags.get("service-account-max-token-expiration") or [""])[-1]))
        extended |= (flags.get("service-account-extend-token-expiration") or [""])[-1] in _TRUE
    known = [seconds for seconds in allowed if seconds is not None]
    return (max(known) if known and len(known) == len(allowed) else None), extended


__all__: t.Final = ("audience_users", "lifetimes", "limits", "seconds_of")
