# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What API servers say of themselves, and what follows from it. PRIVATE: it may change without notice.

Pure. On a cluster none of whose hosts is known, all that can be seen of an API server is what it answers: the key set
that it serves, the tokens that it signs, and what it makes of other tokens.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.onprem.irsa.plugins.module_utils._documents.jwk_rules import difference, jwk_problem
from ansible_collections.onprem.irsa.plugins.module_utils._documents.unsigned_token import NOBODY, claims, header
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError

Json = t.Mapping[str, t.Any]

_DEFAULT_ISSUERS: t.Final = ("https://kubernetes.default.svc.cluster.local", "https://kubernetes.default.svc")


@dataclass(frozen=True)
class Said:
    """What an API server says of itself."""

    server: str
    """Its URL, or that of the load balancer behind which it is."""
    issuer: str
    """Of a token that it has just signed."""
    kid: str
    """The id of the key that it signs with."""
    audiences: tuple[str, ...] = ()
    """Whom its tokens are for where nobody is named: the issuers that it accepts, unless C(--api-audiences) is set."""
    keys: tuple[Json, ...] = ()
    """The key set that it serves, as it is; empty where it serves none."""
    jwks_uri: str = ""
    """Of its discovery document; empty where it serves none."""
    token: str = field(default="", repr=False, compare=False)


@dataclass(frozen=True)
class Accepted:
    """What an API server makes of tokens of others."""

    server: str
    issuers: tuple[str, ...]
    """The issuers that it accepts, of those that it was asked for; sorted."""
    refused: tuple[tuple[str, str], ...] = ()
    """Issuer and key id of each token that another API server has signed, and that it refuses; sorted."""


@dataclass(frozen=True)
class Asked:
    """What all API servers of a cluster say, as far as they were reached."""

    said: tuple[Said, ...]
    accepted: tuple[Accepted, ...]
    balanced: str = ""
    """The URL behind which several API servers may be, and which was asked until its answers repeated; empty where each
    API server was asked at its own address."""
    rounds: int = 1
    """How often that was asked."""
    unreached: t.Mapping[str, str] = field(default_factory=dict)
    """The addresses that the cluster names and that do not answer here, and why."""

    @property
    def servers(self) -> tuple[str, ...]:
        """The URLs that were asked; sorted."""
        return tuple(sorted({said.server for said in self.said}))

    @property
    def signing(self) -> tuple[str, ...]:
        """The issuers of the tokens that are signed; sorted."""
        return tuple(sorted({said.issuer for said in self.said}))

    @property
    def signing_kids(self) -> tuple[str, ...]:
        """The ids of the keys that sign; sorted."""
        return tuple(sorted({said.kid for said in self.said}))

    @property
    def sees_accepted(self) -> bool:
        """Whether it shows which issuers are accepted.

        Each API server accepts one that signs, its own, and none that nobody has: both have to be told apart.
        """
        return all({*self.signing} & {*found.issuers} and NOBODY not in found.issuers for found in self.accepted)

    def lacking(self, issuer: str) -> tuple[str, ...]:
        """Return the URLs behind which an API server does not accept an issuer; sorted."""
        return tuple(sorted({found.server for found in self.accepted if issuer not in found.issuers}))


def as_result(asked: Asked) -> dict[str, t.Any]:
    """Return what was asked as a result of a module has it, without tokens."""
    return {
        "said": [
            {
                "server": said.server,
                "issuer": said.issuer,
                "kid": said.kid,
                "audiences": [*said.audiences],
                "keys": [*said.keys],
                "jwks_uri": said.jwks_uri,
            }
            for said in asked.said
        ],
        "accepted": [
            {"server": found.server, "issuers": [*found.issuers], "refused": [[*pair] for pair in found.refused]}
            for found in asked.accepted
        ],
        "balanced": asked.balanced,
        "rounds": asked.rounds,
        "unreached": dict(asked.unreached),
    }


def of_result(result: Json) -> Asked:
    """Return what as_result() has written."""
    said = [{**told, "audiences": tuple(told["audiences"]), "keys": tuple(told["keys"])} for told in result["said"]]
    accepted = [
        Accepted(
            found["server"], tuple(found["issuers"]), tuple((str(issuer), str(kid)) for issuer, kid in found["refused"])
        )
        for found in result["accepted"]
    ]
    return Asked(
        tuple(Said(**told) for told in said),
        tuple(accepted),
        balanced=result["balanced"],
        rounds=int(result["rounds"]),
        unreached=result["unreached"],
    )


def said_by(server: str, token: str, key_set: Json | None, discovery: Json | None) -> Said:
    """Return what an API server says, by a token that it signed and the documents that it serves; None for none.

    Raises InputError for a token or a key set that is none.
    """
    try:
        payload = claims(token)
        audiences = payload.get("aud") or []
        return Said(
            server,
            issuer=str(payload["iss"]),
            kid=str(header(token)["kid"]),
            audiences=tuple([audiences] if isinstance(audiences, str) else map(str, audiences)),
            keys=tuple((key_set or {"keys": []})["keys"]),
            jwks_uri=str((discovery or {}).get("jwks_uri") or ""),
            token=token,
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(
            f"The API server {server} answers with what is no token with a kid and an iss, or no key set.",
            fix="Check that this is the address of a kube-apiserver, and that no proxy in between changes answers.",
        ) from error


def candidates(said: t.Iterable[Said], wanted: t.Iterable[str]) -> tuple[str, ...]:
    """Return the issuers to ask for: those that sign or are wanted, those that may be there besides, and NOBODY.

    An issuer that does not sign is seen nowhere but among the audiences; kubeadm's and Kubernetes' default may be.
    """
    every = list(said)
    signing = [answer.issuer for answer in every]
    audiences = [name for answer in every for name in answer.audiences if "://" in name]
    return tuple(dict.fromkeys([*signing, *filter(None, wanted), *audiences, *_DEFAULT_ISSUERS, NOBODY]))


def key_set(asked: Asked) -> list[Json]:
    """Return the keys of all API servers, each once: in the order of the API servers, by their ids where that differs.

    Raises InputError where an API server serves no key set or one with a key that AWS does not take, where two keys
    have one id, and where a key signs that is in none.
    """
    for said in asked.said:
        if not said.keys:
            raise InputError(
                f"The API server {said.server} serves no key set at /openid/v1/jwks; it does so only while its first "
                f"issuer is a URL with https, and that is {said.issuer}.",
                fix="Give the cluster's public keys in irsa_issuer_keys, as a list of PEM texts.",
            )
    found: dict[str, Json] = {}
    for server, key in ((said.server, key) for said in asked.said for key in said.keys):
        _refuse_key(server, key)
        differing = difference(key, found.setdefault(str(key["kid"]), key))
        if differing:
            raise InputError(
                f"API servers serve two keys with the id {key['kid']}, which differ in {differing}.",
                fix="Use the same key files on all of them: one of both is broken.",
            )
    require_signing(asked, found)
    same = len({tuple(str(key["kid"]) for key in said.keys) for said in asked.said}) == 1
    return list(found.values()) if same else [found[kid] for kid in sorted(found)]


def require_signing(asked: Asked, kids: t.Collection[str]) -> None:
    """Raise InputError where an API server signs with a key whose id is not among KIDS."""
    for said in asked.said:
        if said.kid not in kids:
            raise InputError(
                f"The API server {said.server} signs with the key {said.kid}, and the keys to publish are "
                f"{', '.join(kids)}: AWS would refuse its tokens.",
                fix="Add its public key to irsa_issuer_keys where that is a list, and otherwise to the files of "
                "--service-account-key-file on every API server.",
            )


def _refuse_key(server: str, key: Json) -> None:
    name = key.get("kid") if isinstance(key, t.Mapping) else None
    problem = jwk_problem(key) if name else "has no kid"
    if problem:
        raise InputError(
            f"The API server {server} serves a key {name or ''} that {problem}.".replace("  ", " "),
            fix="Rotate the cluster's service-account key to one that AWS takes: RSA of 2048 bits or more, or ECDSA.",
        )


def refusals(asked: Asked) -> list[str]:
    """Return a sentence for each API server that refuses tokens of another one; with the fix."""
    return [
        f"{found.server} refuses a token that another API server has signed, of the issuer {issuer} with the key "
        f"{kid}. Set the same issuers and key files on all API servers before anything else is changed."
        for found in asked.accepted
        for issuer, kid in found.refused
    ]


def in_words(asked: Asked) -> str:
    """Say which way the API servers were asked."""
    if not asked.balanced:
        names = ", ".join(map(host_of, asked.servers))
        return f"each of {len(asked.servers)} API servers asked at its own address ({names})"
    answers = "the same answer each time" if len(asked.said) == 1 else f"{len(asked.said)} different answers"
    return f"{asked.balanced} asked {asked.rounds} times, until nothing new came: {answers}"


def warnings(asked: Asked) -> list[str]:
    """Return what may be hidden by the way in which the API servers were asked; with the fix."""
    if not asked.unreached:
        return []
    address, why = next(iter(asked.unreached.items()))
    return [
        f"{len(asked.unreached)} of the API servers that the cluster names do not answer at their own address here, "
        f"such as {address}: {why} So {asked.balanced} was asked {asked.rounds} times in new connections. One that "
        "sends the same client to the same API server every time would hide the others: then let the controller reach "
        "them at their own addresses."
    ]


def host_of(url: str) -> str:
    """Return an API server's URL without its scheme, by which it is named."""
    return url.partition("://")[2].rstrip("/")


__all__: t.Final = (
    "Accepted",
    "Asked",
    "Said",
    "as_result",
    "candidates",
    "host_of",
    "in_words",
    "key_set",
    "of_result",
    "refusals",
    "require_signing",
    "said_by",
    "warnings",
)
