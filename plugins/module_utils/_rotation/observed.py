# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What observations mean for a rotation. PRIVATE to the collection: it may change without notice.

Pure. A process reads its key files once, as it starts. So it has what the files hold where they were not changed since,
and an API server tells the keys by which it accepts tokens itself; what neither shows is not known.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.onprem.irsa.plugins.module_utils._api_server import observation
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.endpoints import unlisted
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.rollout import ISSUER
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.service import is_unit_alone
from ansible_collections.onprem.irsa.plugins.module_utils._in_use.state import Keeper, LegacyToken, Lifetime, read
from ansible_collections.onprem.irsa.plugins.module_utils._rotation.state import (
    Config,
    Kind,
    Publication,
    RelyingParty,
    Server,
    State,
)

Json = t.Mapping[str, t.Any]

OWN_WAYS: t.Final = {
    "RKE2": "`rke2 certificate rotate-ca` takes a service.key that has the new key first and the old one after it.",
    "K3s": "`k3s certificate rotate-ca` takes a service.key that has the new key first and the old one after it.",
    "k0s": "/var/lib/k0s/pki/sa.pub takes the new public key besides the old one, and sa.key the new one later.",
    "MicroK8s": (
        "Its serviceaccount.key both signs and accepts: name a file with the new public key in a further "
        "--service-account-key-file first."
    ),
}
"""What to do on the distributions whose API servers the collection changes, and whose keys it does not."""


@dataclass(frozen=True)
class Looked:
    """What modules have returned, each by host or by issuer."""

    servers: t.Mapping[str, Json]
    """Of C(control_plane_info) for kube-apiserver."""
    controllers: t.Mapping[str, Json]
    """Of it for kube-controller-manager."""
    files: t.Mapping[str, Json]
    """Of C(sa_key_rotation)."""
    published: t.Mapping[str, Json] = field(default_factory=dict)
    """Of C(issuer_info), for the issuers that the inventory describes."""
    by_api_servers: str = ""
    """The issuer that the API servers publish themselves; empty for none."""
    use: Json = field(default_factory=dict)
    """Of C(signing_use_info)."""
    relying_parties: t.Sequence[Json] = ()
    """As C(irsa_relying_parties) has them, with the KIDS that they know where they have a copy, or why that could not
    be asked (NOT_ASKED)."""
    unreachable: tuple[str, ...] = ()
    now: float = 0.0
    first_seen: float = 0.0
    """When this run has first seen what is published: where the web server does not tell, it counts from then."""


def problems(looked: Looked) -> list[str]:
    """Say why the hosts must not be changed as they are: one sentence and its fix for each reason."""
    elsewhere = [problem for host, observed in looked.servers.items() for problem in _of_distribution(host, observed)]
    if elsewhere:
        return elsewhere
    found = [*observation.problems(looked.servers, keys_change=True)]
    # Those of units are restarted, and no more is known of them.
    known = {host: observed for host, observed in looked.controllers.items() if not is_unit_alone(observed)}
    found += [*observation.problems(known, keys_change=True)]
    found += [problem for part in (looked.servers, known) for problem in _of_cut_off(part)]
    if found:
        return list(dict.fromkeys(found))
    for host, observed in looked.servers.items():
        found += _of_files(host, observed, looked.controllers[host])
    return found or [*_of_lost(looked)]


def _of_distribution(host: str, observed: Json) -> t.Iterator[str]:
    """Say that a distribution runs its controller manager itself, so that a rotation could not restart it alone."""
    name = observed["distribution"]
    if name in OWN_WAYS:
        yield (
            f"{host}: keys of {name} are not rotated here, because its kube-controller-manager, which signs with them, "
            f'is not restarted; nothing was touched. {OWN_WAYS[name]} The guide "Rotate the signing key" has '
            "the order that keeps every token valid."
        )


def _of_cut_off(hosts: t.Mapping[str, Json]) -> t.Iterator[str]:
    """Say where nothing is known of a process: a change is not ended by a run that only shows the keys."""
    for host, observed in hosts.items():
        if observed["unconfirmed"] and observed["pid"] is None:
            component = observed["component"]
            yield (
                f"{host}: a run was cut off while {component} restarted, and it does not run now. Run the play again "
                "without phase=status and without --check: it waits for it, or puts back what was changed."
            )


def _of_lost(looked: Looked) -> t.Iterator[str]:
    """Say which keys an API server has read that are in no file any longer."""
    there = {key["kid"] for key in _keys(looked)}
    for host, observed in looked.servers.items():
        lost = [kid for kid in observed["loaded_kids"] or () if kid not in there] if looked.files else []
        if lost:
            yield (
                f"{host}: kube-apiserver accepts tokens by {', '.join(lost)}, which it read when it started, and no "
                "file of a host has them: after a restart it would refuse tokens in use. Put them back into the "
                "public key file; its earlier versions are in /var/lib/onprem-irsa/backup."
            )


def _of_files(host: str, observed: Json, controller: Json) -> t.Iterator[str]:
    """Say which key files are not where a rotation changes them."""
    if observed["signing_key"] is None or not observed["public_keys"]:
        yield (
            f"{host}: kube-apiserver does not name both files, that of the key with which it signs "
            "(--service-account-signing-key-file), and that of the public keys by which it accepts tokens "
            "(--service-account-key-file). Name both first."
        )
        return
    private = observed["signing_key"]["file"]
    secrets = controller["signing_key"]
    if secrets is not None and secrets["file"] != private:
        yield (
            f"{host}: kube-controller-manager signs the tokens of Secrets with {secrets['file']}, and kube-apiserver "
            f"signs with {private}. Point --service-account-private-key-file to the same file first."
        )
    if len(observed["public_keys"]) > 1:
        files = ", ".join(key["file"] for key in observed["public_keys"])
        yield (
            f"{host}: kube-apiserver reads several key files ({files}), of which none can be changed for all. Put all "
            "public keys into one of them, and name that one alone in --service-account-key-file."
        )
    for key in observed["public_keys"]:
        if key["file"] == private:
            yield (
                f"{host}: {private} is both the private key file and that of the public keys. Name a file with the "
                "public half in --service-account-key-file."
            )


def state(looked: Looked) -> State:
    """Return the state that is observed. Call it for hosts without problems."""
    return State(
        servers=tuple(_server(host, observed, looked) for host, observed in looked.servers.items()),
        publications=tuple(_publications(looked)),
        described=tuple(issuer for issuer in (*looked.published, looked.by_api_servers) if issuer),
        now=looked.now,
        lifetimes=tuple(Lifetime(**lifetime) for lifetime in looked.use.get("lifetimes", ())),
        legacy_tokens=tuple(LegacyToken(**token) for token in looked.use.get("legacy_tokens", ())),
        stale_uses=looked.use.get("stale_uses", {}),
        keepers=tuple(Keeper(**pod) for pod in looked.use.get("keepers", ())),
        relying_parties=tuple(map(_relying_party, looked.relying_parties)),
        unreachable=looked.unreachable,
        unlisted=tuple(
            unlisted(
                [observed["running_flags"] for observed in looked.servers.values()], looked.use.get("slices") or ()
            )
        ),
        kinds={key["kid"]: kind_of(key) for key in _keys(looked)},
        made=_made(looked),
        copies_made=looked.use.get("copies_made"),
        accepted_since=max(
            (_time(files["accepted_since"], looked, host) for host, files in looked.files.items()), default=0.0
        ),
        settled_since=min(
            (_time(files["accepted_since"], looked, host) for host, files in looked.files.items()), default=0.0
        ),
        signing_since=max(
            (_time(files["signing_since"], looked, host) for host, files in looked.files.items()), default=0.0
        ),
    )


def _made(looked: Looked) -> dict[str, float]:
    """Return when each private key was made: a host that has joined since has a younger file of it."""
    found: dict[str, float] = {}
    for key in _keys(looked):
        if key["made"]:
            found[key["kid"]] = min(key["made"], found.get(key["kid"], key["made"]))
    return found


def _time(on_host: float, looked: Looked, host: str) -> float:
    """Return a time of a host by the controller's clock."""
    return on_host - float(looked.servers[host]["clock_offset"])


def kind_of(key: Json) -> Kind:
    """Return the kind of a key by what the host's module says of it (C(RSA 2048))."""
    return "EC" if key["kind"].startswith("EC") else "RSA"


def _keys(looked: Looked) -> t.Iterator[Json]:
    for files in looked.files.values():
        yield from files["public"]
        yield from files["private"].values()


def _server(host: str, observed: Json, looked: Looked) -> Server:
    stale = observed["stale_key_files"]
    public_is_stale = any(key["file"] in stale for key in observed["public_keys"])
    certain = () if public_is_stale else observed["kids"]
    accepted = certain if observed["loaded_kids"] is None else observed["loaded_kids"]
    signing, files, controller = observed["signing_key"], looked.files[host]["private"], looked.controllers[host]
    return Server(
        host,
        written=Config(tuple(observed["kids"]), signing["kid"], tuple(observed["flags"].get(ISSUER, ()))),
        running=Config(
            tuple(accepted),
            "" if signing["file"] in stale else signing["kid"],
            tuple(observed["running_flags"].get(ISSUER, ())),
        ),
        since=_time(observed["started"], looked, host),
        secrets_signer=_of_secrets(controller, signing["kid"]),
        secrets_since=controller["started"] - float(controller["clock_offset"]),
        next_kid=files.get("next", {}).get("kid", ""),
        previous_kid=files.get("previous", {}).get("kid", ""),
    )


def _of_secrets(controller: Json, signer: str) -> str:
    """Return the key that signs the tokens of Secrets; the API server's own where none are signed."""
    signing = controller["signing_key"]
    if signing is None:
        return signer
    return "" if signing["file"] in controller["stale_key_files"] else str(signing["kid"])


def _publications(looked: Looked) -> t.Iterator[Publication]:
    """Yield what is published of each issuer; nobody needs what is not there of one that no API server accepts."""
    accepted = {
        issuer
        for observed in looked.servers.values()
        for flags in (observed["flags"], observed["running_flags"])
        for issuer in flags.get(ISSUER, ())
    }
    for issuer, published in looked.published.items():
        if not published["served"] and issuer not in accepted:
            continue
        yield read(Publication, issuer, published, now=looked.now, first_seen=looked.first_seen)
    if looked.by_api_servers:
        loaded = [observed["loaded_kids"] or observed["kids"] for observed in looked.servers.values()]
        kids = tuple(kid for kid in loaded[0] if all(kid in others for others in loaded)) if loaded else ()
        yield Publication(looked.by_api_servers, kids, by_api_servers=True)


def _relying_party(party: Json) -> RelyingParty:
    kids = party.get("kids")
    if kids is None and party.get("manual"):
        kids = ()
    return RelyingParty(
        party["name"],
        None if kids is None else tuple(kids),
        not_asked=party.get("not_asked", ""),
        rs256_only=bool(party.get("rs256_only")),
    )


__all__: t.Final = ("OWN_WAYS", "Looked", "kind_of", "problems", "state")
