# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One look at a cluster for a snapshot. PRIVATE to the collection: it may change without notice.

Each part is looked at by itself: what may not be read says so in its own place, and hides nothing else.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, replace

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.answers import Asked, as_result
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.asking import Sign, ask, release_of
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.endpoints import SLICES_LABEL, SLICES_PATH, urls
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.snapshot import LEGACY_NOT_ASKED
from ansible_collections.onprem.irsa.plugins.module_utils._documents.paths import JWKS_PATH
from ansible_collections.onprem.irsa.plugins.module_utils._documents.served import DISCOVERY_TYPE, JWKS_TYPE
from ansible_collections.onprem.irsa.plugins.module_utils._errors import ApiError, IrsaError
from ansible_collections.onprem.irsa.plugins.module_utils._injection.findings import Trials, findings
from ansible_collections.onprem.irsa.plugins.module_utils._injection.image import image
from ansible_collections.onprem.irsa.plugins.module_utils._injection.names import CLUSTER_NAME, PROBE_CONFIGURATION
from ansible_collections.onprem.irsa.plugins.module_utils._injection.observation import (
    Observation,
    Running,
    begin,
    complete,
)
from ansible_collections.onprem.irsa.plugins.module_utils._injection.options import Options
from ansible_collections.onprem.irsa.plugins.module_utils._injection.probe import probe_pod, reachable, try_pod
from ansible_collections.onprem.irsa.plugins.module_utils._injection.workloads import RESTARTABLE_KINDS

if t.TYPE_CHECKING:
    from datetime import datetime

    from ansible_collections.onprem.irsa.plugins.module_utils._doctor.asking import Within

Json = dict[str, t.Any]
_Found = t.TypeVar("_Found")

TOKEN_SECONDS: t.Final = 86400
"""For how long a token is asked for: a day, as pods do, so that it shows whether API servers shorten that."""
_RUNNING: t.Final = "status.phase!=Succeeded,status.phase!=Failed"
_LEGACY: t.Final = "type=kubernetes.io/service-account-token"


@dataclass(frozen=True)
class Wanted:
    """What is looked at."""

    now: datetime
    injection: t.Mapping[str, t.Any]
    """The options of the role irsa_webhook, without its prefix; C(mode) is empty where nobody has set it."""
    issuers: t.Sequence[str] = ()
    """Issuers to ask API servers for whether they accept them."""
    legacy_secrets: bool = False
    """Whether to look at Secrets with tokens."""


@dataclass
class Cluster:
    """What C(observations.from_observations) takes of a cluster, and what says where to look further."""

    observed: Json
    issuers: list[str] = field(default_factory=list)
    """With which API servers sign."""


def gather(read: Within, wanted: Wanted, sign: Sign) -> Cluster:
    """Look at a cluster once.

    sign: has an API server sign a token for TOKEN_SECONDS.
    """
    accounts = _or_reason(lambda: read.items("/api/v1/serviceaccounts"))
    namespaces = _or_reason(lambda: read.items("/api/v1/namespaces"))
    seen = _or_reason(lambda: _injection(read, wanted))
    found = seen if isinstance(seen, _Injection) else _Injection({}, {})
    asked = _or_reason(lambda: _ask(read, wanted.issuers, sign))
    observed: Json = {
        "service_accounts": accounts,
        "namespaces": namespaces,
        "workloads": [each for kind in RESTARTABLE_KINDS for each in _workloads(read, kind)],
        "excluded_namespaces": list(wanted.injection.get("excluded_namespaces") or ()),
        "policy_data": found.policy_data,
        "injection": found.observed if isinstance(seen, _Injection) else seen,
        "pods": _or_reason(lambda: read.each("/api/v1/pods", fields=_RUNNING)),
        "secrets": _secrets(read, wanted),
        "rotation": {},
    }
    if isinstance(asked, _Asked):
        return Cluster({**observed, "api_servers": asked.observed}, asked.issuers)
    return Cluster({**observed, "api_servers": asked})


def _or_reason(look: t.Callable[[], _Found]) -> _Found | Json:
    """Return what was looked at, or as an observation says it why it could not be."""
    try:
        return look()
    except ApiError as error:
        return not_looked_at(error)
    except IrsaError as error:
        return {"not_looked_at": error.problem.rstrip(".")}


def not_looked_at(error: ApiError) -> Json:
    """Return why nobody has looked at something, in the API server's own words."""
    said = error.said if error.status else error.problem
    return {"not_looked_at": said.rstrip(".")}


def _workloads(read: Within, kind: str) -> list[Json]:
    """Return what makes pods; none where it may not be read: it says where an annotation is that is misplaced."""
    try:
        return read.items(f"/apis/apps/v1/{kind.lower()}s")
    except ApiError:
        return []


def _secrets(read: Within, wanted: Wanted) -> t.Any:  # noqa: ANN401 -- manifests, or why not
    if not wanted.legacy_secrets:
        return {"not_looked_at": LEGACY_NOT_ASKED}
    return _or_reason(lambda: read.items("/api/v1/secrets", fields=_LEGACY))


@dataclass(frozen=True)
class _Injection:
    observed: Json
    policy_data: t.Mapping[str, str]


def _injection(read: Within, wanted: Wanted) -> _Injection:
    """Look at what injects pods as the role irsa_webhook does, and judge it as its own doctor did."""
    told = bool(wanted.injection.get("mode"))
    options = Options.of({**wanted.injection, "mode": wanted.injection.get("mode") or "webhook"})
    seen = complete(read, options, begin(read, options, wanted.now), all_of_it=False)
    own = "webhook" if seen.live_webhooks else "policy" if seen.has_policy else ""
    if not told:
        options = replace(options, mode=own or ("foreign" if seen.foreign else "none"))
    seen = replace(seen, running=Running(service_accounts=_accounts(read)))
    found = findings(options, seen, _trials(read, options, seen))
    # Nobody has asked for a mode: what is there is judged by what it does.
    judged = [finding for finding in found if told or finding.link != "webhook: mode"]
    services, slices = (
        _or_none(read, path) for path in ("/api/v1/services", "/apis/discovery.k8s.io/v1/endpointslices")
    )
    observed = {
        "findings": [finding._asdict() for finding in judged],
        "configurations": list(seen.configurations),
        "own_names": [CLUSTER_NAME, PROBE_CONFIGURATION],
        "own": own,
        **({"services": services} if services is not None else {}),
        **({"endpoint_slices": slices} if slices is not None else {}),
    }
    return _Injection(observed, seen.parameters)


def _accounts(read: Within) -> list[Json]:
    try:
        return read.items("/api/v1/serviceaccounts")
    except ApiError:
        return []


def _or_none(read: Within, path: str) -> list[Json] | None:
    try:
        return read.items(path)
    except ApiError:
        return None


def _trials(read: Within, options: Options, seen: Observation) -> Trials:
    """Try a pod at each API server, where what was made for that is there."""
    if not seen.has_probe:
        return Trials()
    servers, unasked = reachable(read, urls(read.items(SLICES_PATH, labels=SLICES_LABEL)))
    pod = probe_pod(options.namespace, image(options.image, options.image_mirror).reference, is_marked=True)
    return Trials([try_pod(server, pod) for server in servers], unasked)


@dataclass(frozen=True)
class _Asked:
    observed: Json
    issuers: list[str]


def _ask(read: Within, issuers: t.Sequence[str], sign: Sign) -> _Asked:
    """Ask every API server which keys it has, what it signs with, and what it accepts, as far as that is allowed."""
    named = urls(read.items(SLICES_PATH, labels=SLICES_LABEL))
    shown = release_of(read)
    try:
        asked = ask(read.at(read.server), named, issuers, sign)
    except IrsaError as error:
        return _served_alone(read, named or [read.server], shown, error)
    return _Asked({"asked": {**as_result(asked), **shown}, "tokens": _tokens(asked)}, list(asked.signing))


def _tokens(asked: Asked) -> list[Json]:
    return [{"server": said.server, "token": said.token, "asked_seconds": TOKEN_SECONDS} for said in asked.said]


def _served_alone(read: Within, named: t.Sequence[str], shown: Json, error: IrsaError) -> _Asked:
    """Return the key sets alone, which need no token; raises ERROR where not even these can be read."""
    said = []
    for url in named:
        try:
            served = read.at(url).get(JWKS_PATH, accept=f"{JWKS_TYPE}, {DISCOVERY_TYPE}")
        except ApiError:
            continue
        said.append({"server": url, "keys": (served or {}).get("keys") or []})
    if not said:
        raise error
    tokens = [{"server": each["server"], "token": "", "error": error.problem.rstrip(".")} for each in said]
    return _Asked({"asked": {"said": said, "accepted": [], **shown}, "tokens": tokens}, [])


__all__: t.Final = ("TOKEN_SECONDS", "Cluster", "Wanted", "gather", "not_looked_at")
