# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of API servers, and of what injects pods, goes into a snapshot. PRIVATE: it may change without notice.

Of flags these are those of service accounts, of tokens their claims, of key files the ids of their public halves.
"""

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._doctor.redaction import without_secrets
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.seen_documents import key_of, not_looked, texts
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.snapshot import (
    ApiServer,
    Host,
    Injection,
    Injector,
    KeyFile,
    Minted,
    NotLooked,
)
from ansible_collections.onprem.irsa.plugins.module_utils._documents.jwks import jwks_from_pems
from ansible_collections.onprem.irsa.plugins.module_utils._documents.unsigned_token import NOBODY, claims, header
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._finding import Finding
from ansible_collections.onprem.irsa.plugins.module_utils._injection.foreign import ForeignWebhook, foreign

Json = t.Mapping[str, t.Any]

FLAGS: t.Final = (
    "api-audiences",
    "service-account-extend-token-expiration",
    "service-account-issuer",
    "service-account-jwks-uri",
    "service-account-key-file",
    "service-account-max-token-expiration",
    "service-account-signing-endpoint",
    "service-account-signing-key-file",
)
"""The flags that are taken; all others have no part in the chain."""


def api_servers_of(observed: Json) -> tuple[ApiServer, ...]:
    """Return the API servers.

    C(hosts) are results of control_plane_info by the servers' names, C(controller_managers) those of
    kube-controller-manager; C(asked) is the result of api_servers_info; C(tokens) are those of proof_tokens, each with
    the C(asked_seconds) that are known; C(undone) are sentences by the servers' names. Each of them may be missing. A
    server without a host is named by its URL. Behind one name there may be several, which show by different answers:
    each of these is one, with its number.
    """
    hosts, asked = observed.get("hosts") or {}, observed.get("asked") or {}
    said = [str(each["server"]) for each in asked.get("said") or ()]
    urls = {name: str((host.get("api") or {}).get("advertised_url") or "") for name, host in hosts.items()}
    names = {**urls, **{url: url for url in said if url not in urls.values()}}
    found = [
        _server(observed, name, url, number)
        for name, url in names.items()
        for number in range(max(1, *(len(_of_url(asked.get(kind), url)) for kind in ("said", "accepted"))))
    ]
    unreached = {url: why for url, why in _unreached(asked).items() if url not in urls.values()}
    return (*found, *(_not_asked(url, why) for url, why in unreached.items()))


def _unreached(asked: Json) -> Json:
    """Return why API servers were not asked at their own addresses; none for one that the name alone stands for."""
    unreached: Json = asked.get("unreached") or {}
    own = {str(each["server"]) for each in asked.get("said") or ()} - {asked.get("balanced")}
    return unreached if len(unreached) + len(own) > 1 else {}


def _not_asked(url: str, why: str) -> ApiServer:
    reason = NotLooked(str(why).rstrip("."))
    return ApiServer(url, minted=reason, served=reason, accepted=reason)


def _of_url(answers: t.Iterable[Json] | None, url: str) -> list[Json]:
    return [each for each in answers or () if each["server"] == url]


def _numbered(answers: t.Sequence[Json], number: int) -> Json:
    """Return the answer of a number; the last one where fewer were different."""
    return answers[min(number, len(answers) - 1)] if answers else {}


def _server(observed: Json, name: str, url: str, number: int) -> ApiServer:
    asked = observed.get("asked") or {}
    host: Json = (observed.get("hosts") or {}).get(name) or {}
    said = _numbered(_of_url(asked.get("said"), url), number)
    accepted = _numbered(_of_url(asked.get("accepted"), url), number)
    return ApiServer(
        f"{name} (answer {number + 1})" if number else name,
        ready=bool(host.get("ready", True)),
        version=str(host.get("version") or asked.get("version") or ""),
        distribution=str(host.get("distribution") or asked.get("distribution") or ""),
        minted=_minted(observed.get("tokens") or (), {name, url}, number),
        served=tuple(map(key_of, said["keys"]))
        if said.get("keys")
        else NotLooked("it serves no key set to the doctor"),
        accepted=_accepted(accepted),
        refused=tuple((issuer, kid) for issuer, kid in map(texts, accepted.get("refused") or ())),
        host=not_looked(host) or _host(observed, name, host) if host else NotLooked("its host is not in the inventory"),
    )


def _accepted(found: Json) -> tuple[str, ...] | NotLooked:
    if not found:
        return NotLooked("no token was reviewed")
    return tuple(issuer for issuer in texts(found.get("issuers")) if issuer != NOBODY)


def _minted(tokens: t.Iterable[Json], names: t.Container[str], number: int) -> Minted | NotLooked:
    own = [seen for seen in tokens if seen.get("server") in names]
    if not own:
        return NotLooked("no token was asked for")
    seen = _numbered(own, number)
    claims = claims_of(str(seen.get("token") or ""), seen.get("asked_seconds"))
    return claims or NotLooked(str(seen.get("error") or "it gives no token"))


def claims_of(token: str, asked: int | None = None) -> Minted | None:
    """Return the claims of a signed token that the checks go by; None for what is no token.

    asked: for how many seconds it was asked for; None where nobody tells.
    """
    try:
        head, payload = header(token), claims(token)
        audiences, seconds = payload.get("aud") or [], int(payload.get("exp") or 0) - int(payload.get("iat") or 0)
        return Minted(
            without_secrets(str(payload.get("iss") or "")),
            str(head.get("kid") or ""),
            str(head.get("alg") or ""),
            (audiences,) if isinstance(audiences, str) else texts(audiences),
            seconds,
            seconds if asked is None else int(asked),
        )
    except (ValueError, TypeError, AttributeError):
        return None


def _host(observed: Json, name: str, host: Json) -> Host:
    running: Json = host.get("running_flags") or {}
    manager: Json = (observed.get("controller_managers") or {}).get(name) or {}
    return Host(
        flags={flag: texts(running[flag]) for flag in FLAGS if flag in running} if running else None,
        drift=texts(host.get("drift")),
        file=str(host.get("manifest") or ""),
        duplicates=texts(host.get("duplicates")),
        key_files=tuple(_key_files(host)),
        signing_kid=_signing_kid(host),
        controller_manager_kid=_signing_kid(manager),
        started=host.get("started"),
        undone=texts((observed.get("undone") or {}).get(name)),
        clock_offset=float(host.get("clock_offset") or 0),
        synchronised=host.get("synchronised"),
    )


def _signing_kid(host: Json) -> str:
    return str((host.get("signing_key") or {}).get("kid") or "")


def _key_files(host: Json) -> t.Iterator[KeyFile]:
    facts = host.get("key_files") or {}
    for file in host.get("public_keys") or ():
        kids, problem = _kids(str(file["file"]), str(file.get("pem") or ""))
        yield _with_facts(KeyFile(str(file["file"]), kids, problem, unreadable=not file.get("pem")), facts)
    signing = host.get("signing_key") or {}
    if signing:
        file = KeyFile(str(signing["file"]), tuple(filter(None, [_signing_kid(host)])), private=True, verifies=False)
        yield _with_facts(file, facts)


def _with_facts(file: KeyFile, facts: Json) -> KeyFile:
    """Add what the host tells of a file besides its keys: C(mode), and C(changed) in seconds since the epoch."""
    found = facts.get(file.path) or {}
    return KeyFile(
        file.path,
        file.kids,
        file.problem,
        file.unreadable,
        file.private,
        file.verifies,
        found.get("mode"),
        found.get("changed"),
    )


def _kids(path: str, pem: str) -> tuple[tuple[str, ...], str]:
    """Return the ids of the keys of a PEM text, and what is wrong with it; empty for nothing."""
    try:
        return tuple(key["kid"] for key in jwks_from_pems([(path, pem)])), ""
    except InputError as error:
        return (), f"is not taken: {error.problem}".rstrip(".")


def injection_of(observed: Json) -> Injection:
    """Return how pods are injected.

    C(findings) are those of injection_info, C(configurations) all MutatingWebhookConfigurations, C(own_names) those of
    the role's, C(own) what of the role injects; C(services) and C(endpoint_slices) may be missing, as C(namespaces).
    """
    configurations = list(observed.get("configurations") or ())
    found = foreign(configurations, texts(observed.get("own_names")))
    by_name = {configuration["metadata"]["name"]: configuration for configuration in configurations}
    return Injection(
        findings=tuple(
            Finding(str(each["link"]), each["state"], str(each["found"]), str(each.get("fix") or ""))
            for each in observed.get("findings") or ()
        ),
        foreign=tuple(_injector(webhook, by_name[webhook.name], observed) for webhook in found),
        own=str(observed.get("own") or ""),
    )


def _injector(webhook: ForeignWebhook, configuration: Json, observed: Json) -> Injector:
    hook = next(hook for hook in configuration["webhooks"] if hook["name"] not in webhook.others)
    client = hook.get("clientConfig") or {}
    services, slices = observed.get("services"), observed.get("endpoint_slices")
    place = (webhook.namespace, webhook.service)
    return Injector(
        webhook.name,
        service="/".join(place) if webhook.service else "",
        service_exists=None if services is None or not webhook.service else place in set(map(_place, services)),
        endpoints=None if slices is None or not webhook.service else _ready(slices, place),
        has_bundle=bool(client.get("caBundle") or client.get("url")),
        failure_policy=str(hook.get("failurePolicy") or "Fail"),
        excluded=tuple(
            namespace["metadata"]["name"]
            for namespace in observed.get("namespaces") or ()
            if not _chosen(hook.get("namespaceSelector") or {}, namespace["metadata"].get("labels") or {})
        ),
    )


def _place(manifest: Json) -> tuple[str, str]:
    return manifest["metadata"]["namespace"], manifest["metadata"]["name"]


def _ready(slices: t.Iterable[Json], place: tuple[str, str]) -> int:
    """Count the ready endpoints of a service (Kubernetes API, EndpointSlice: no condition means ready)."""
    return sum(
        (endpoint.get("conditions") or {}).get("ready") is not False
        for each in slices
        if (each["metadata"]["namespace"], (each["metadata"].get("labels") or {}).get(_SERVICE_LABEL)) == place
        for endpoint in each.get("endpoints") or ()
    )


_SERVICE_LABEL: t.Final = "kubernetes.io/service-name"


def _chosen(selector: Json, labels: t.Mapping[str, str]) -> bool:
    """Tell whether a label selector chooses labels (Kubernetes API, LabelSelector)."""
    exact = (selector.get("matchLabels") or {}).items()
    return all(labels.get(key) == value for key, value in exact) and all(
        _meets(each, labels) for each in selector.get("matchExpressions") or ()
    )


def _meets(expression: Json, labels: t.Mapping[str, str]) -> bool:
    value, values = labels.get(expression["key"]), expression.get("values") or ()
    verdicts = {
        "In": value is not None and value in values,
        "NotIn": value is None or value not in values,
        "Exists": value is not None,
        "DoesNotExist": value is None,
    }
    return verdicts.get(expression["operator"], True)


__all__: t.Final = ("FLAGS", "api_servers_of", "claims_of", "injection_of")
