# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proof of the chain, link by link. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import time
import typing as t
from functools import partial

from ansible_collections.onprem.irsa.plugins.module_utils._documents.jwks import jwks_from_pems
from ansible_collections.onprem.irsa.plugins.module_utils._documents.paths import DISCOVERY_PATH
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError, IrsaError
from ansible_collections.onprem.irsa.plugins.module_utils._proof.checks import (
    Document,
    LinkError,
    WantedToken,
    check_assumed,
    check_cluster_keys,
    check_discovery,
    check_injection,
    check_jwks,
    check_refused,
    check_run,
    check_signature,
    check_token,
    lifetime,
    with_foreign_key,
)
from ansible_collections.onprem.irsa.plugins.module_utils._proof.read_back import warnings
from ansible_collections.onprem.irsa.plugins.module_utils._proof.relying_party import (
    Assume,
    fetch,
    patience,
    sts,
    until_refused,
    when_spread,
)
from ansible_collections.onprem.irsa.plugins.module_utils._proof.role_trust import (
    Asked,
    check_trust,
    provider_arn_for_role,
)
from ansible_collections.onprem.irsa.plugins.module_utils._table import table

Row = dict[str, t.Any]
"""C(link), C(checked), C(ok), C(result), C(detail), C(cause), C(fix), C(seconds) and, in some, C(notes): see the module
verify's RETURN."""

_DENIED: t.Final = "AccessDenied"
_INVALID: t.Final = ("InvalidIdentityToken", "IDPRejectedClaim")
_UNVERIFIED: t.Final = ("retrieve verification key",)

Seen = t.Mapping[str, t.Any]
"""What was seen elsewhere: the thing itself, or C(error), why it could not be had."""

# STS answers a wrong audience and a wrong key with the same code: the text tells them apart.
_REASONS = ("no openidconnect provider", "retrieve verification key", "thumbprint", "expired")


class ClusterKeys(t.NamedTuple):
    """The public keys of the API servers."""

    pems: t.Sequence[str] = ()
    served: t.Sequence[Seen] = ()
    """JSON Web Keys, as the API servers serve them."""

    def as_jwks(self) -> list[Seen]:
        """Return all of them as JSON Web Keys; raises InputError for a text that is no public key."""
        return [*jwks_from_pems([("the API servers", pem) for pem in self.pems]), *self.served]


def judged(link: str, checked: str, prove: t.Callable[[], str], seconds: float | None) -> Row:
    """Return the row of a proof whose work was done elsewhere, within SECONDS; None where nobody measured it."""
    proved: Row = {"link": link, "checked": checked}
    try:
        detail = prove()
        proved |= {"ok": True, "result": detail, "detail": detail, "cause": "", "fix": ""}
    except IrsaError as error:
        proved |= {"ok": False, "result": "FAILED", "detail": str(error)}
        proved |= {"cause": error.problem, "fix": error.fix}
    return proved | {"seconds": None if seconds is None else round(seconds, 2)}


def tried(link: str, checked: str, prove: t.Callable[[], str]) -> Row:
    """Run a proof and return its row, with the seconds that it took."""
    start = time.monotonic()
    proved = judged(link, checked, prove, None)
    return proved | {"seconds": round(time.monotonic() - start, 2)}


def api_servers(tokens: t.Iterable[Seen], wanted: WantedToken) -> t.Iterator[Row]:
    """Prove that every API server signs tokens as wanted."""

    def prove(seen: Seen) -> str:
        _must_be_had(
            seen, "The API server gives no token", "Check that the controller can reach it at its own address."
        )
        return check_token(seen["token"], wanted)

    for seen in tokens:
        link = f"API server {seen['server']}"
        yield judged(link, "issuer, audience, subject and key of a token", partial(prove, seen), seen["seconds"])


def documents(
    issuer: str,
    kids: t.Sequence[str],
    tokens: t.Iterable[Seen],
    ca_file: str | None = None,
    cluster: ClusterKeys | None = None,
) -> t.Iterator[Row]:
    """Prove that a relying party finds the documents, and that the published keys verify the tokens.

    The certificate authorities of CA_FILE are trusted in addition to the system's. CLUSTER has the keys of the API
    servers: what is published under their ids must be these keys. The row has C(notes) where AWS takes what other
    relying parties may not.
    """

    served: list[Document] = []

    def prove() -> str:
        discovery = fetch(issuer + DISCOVERY_PATH, ca_file)
        jwks = fetch(check_discovery(discovery, issuer), ca_file)
        keys = check_jwks(jwks, kids)
        served.extend([jwks, discovery])
        check_cluster_keys(keys, (cluster or ClusterKeys()).as_jwks())
        for seen in tokens:
            if seen["token"]:
                check_signature(seen["token"], keys, f"API server {seen['server']}")
        unknown = "" if kids else "; which keys must be there was not said (kids)"
        return f"{len(keys)} key{'' if len(keys) == 1 else 's'} at {issuer}{unknown}"

    row = tried("documents", "HTTPS, types, issuer, key ids, signature of a token", prove)
    notes = warnings(served, kids)
    yield {**row, "notes": notes} if notes else row


def trust(seen: Seen, asked: Asked) -> Row:
    """Prove that the role's trust policy lets in the tokens that are meant, and no others."""
    return judged(
        "trust policy", "audience and service accounts that it names", lambda: check_trust(seen["policy"], asked), None
    )


def exchange(  # noqa: PLR0913 -- a token for each refusal
    assume: Assume,
    role_arn: str,
    token: str,
    *,
    wrong_account_token: str,
    wrong_audience_token: str,
    other_audience_token: str = "",
) -> t.Iterator[Row]:
    """Prove that STS gives the token the role and refuses tokens that differ in one thing; empty ones are left out.

    OTHER_AUDIENCE_TOKEN is for an audience that the identity provider knows and the role does not name: only the role
    can refuse it.
    """
    wait = patience()

    def refused(wrong: t.Callable[[], str], *codes: str, **words: t.Any) -> str:  # noqa: ANN401 -- as check_refused
        return until_refused(lambda: check_refused(assume(wrong(), role_arn), *codes, **words), wait)

    taken = tried("STS", "token for role", lambda: check_assumed(when_spread(assume)(token, role_arn), role_arn))
    yield taken
    if wrong_account_token:
        yield tried(
            "refusal: service account",
            "token of another service account",
            lambda: refused(lambda: wrong_account_token, _DENIED),
        )
    if wrong_audience_token:
        yield tried(
            "refusal: audience",
            "token for another audience",
            lambda: refused(lambda: wrong_audience_token, *_INVALID, words="audience"),
        )
    if other_audience_token:
        yield tried(
            "refusal: audience of another role",
            "token for an audience that the role does not name",
            lambda: refused(lambda: other_audience_token, _DENIED, *_INVALID, other_words=_REASONS),
        )
    # How STS tells a signature by another key is not documented. Where it has taken the genuine token, it has the
    # published keys, and what it says of them is said of this signature.
    others = [
        words for words in (*_REASONS, "audience", "missing a required") if not (taken["ok"] and words in _UNVERIFIED)
    ]
    yield tried(
        "refusal: foreign key",
        "same token, signed by another key",
        lambda: refused(lambda: with_foreign_key(token), *_INVALID, other_words=others),
    )


def injection(admitted: Seen, role_arn: str, audience: str) -> t.Iterator[Row]:
    """Prove that a pod of the service account is injected on admission."""

    def prove() -> str:
        _must_be_had(
            admitted, "The API server admits no pod", "Allow such a pod in the namespace, or verify in another."
        )
        return check_injection(admitted["pod"], role_arn, audience)

    yield judged("webhook", "a pod as admitted, not started", prove, None)


def run(finished: Seen, role_arn: str) -> t.Iterator[Row]:
    """Prove that a pod found its identity."""

    def prove() -> str:
        _must_be_had(finished, "The pod did not run", "Look at the image, and at the events of the pod.")
        return check_run(finished["pod"], finished["log"], role_arn)

    yield judged("pod", "its own identity, asked by the AWS SDK in it", prove, lifetime(finished["pod"]))


def of_pods(admitted: Seen | None, finished: Seen | None, *, role_arn: str, audience: str) -> t.Iterator[Row]:
    """Prove what pods show; None or an empty mapping for one that nobody has tried."""
    if admitted:
        yield from injection(admitted, role_arn, audience)
    if finished:
        yield from run(finished, role_arn)


_WRONG_TOKENS: t.Final = ("wrong_account_token", "wrong_audience_token", "other_audience_token")


def prove(params: t.Mapping[str, t.Any]) -> list[Row]:
    """Prove what the options of the module verify allow for; raise InputError when that is nothing."""
    if params["role_arn"] and params["tokens"] and not params["region"]:
        raise InputError("Tokens should be exchanged, but no region is given.", fix="Set region.")
    rows = list(_proofs(params))
    if not rows:
        raise InputError("There is nothing to prove.", fix="Give tokens, issuer and kids, or a pod.")
    return rows


def _proofs(params: t.Mapping[str, t.Any]) -> t.Iterator[Row]:
    issuer, role_arn, audience = params["issuer"] or "", params["role_arn"], params["audience"]
    wanted = WantedToken(issuer, audience, params["service_account"] or "", tuple(params["kids"]))
    yield from api_servers(params["tokens"], wanted)
    if issuer:
        keys = ClusterKeys(params["public_keys"], params["served_keys"])
        yield from documents(issuer, params["kids"], params["tokens"], params["ca_path"], keys)
    token = next((seen["token"] for seen in params["tokens"] if seen["token"]), None)
    if role_arn and token:
        wrong = {name: params[name] for name in _WRONG_TOKENS}
        yield from exchange(sts(params["region"]), role_arn, token, **wrong)
    if role_arn and issuer and params["trust"] and not params["trust"]["error"]:
        trusted = tuple(params["trust"]["service_accounts"])
        yield trust(
            params["trust"], Asked(provider_arn_for_role(role_arn, issuer), audience, wanted.service_account, trusted)
        )
    yield from of_pods(params["admitted_pod"], params["finished_pod"], role_arn=role_arn, audience=audience)


def untried(links: t.Iterable[Row], *, role: str, image: str, checking: bool, trust_error: str = "") -> dict[str, str]:
    """Say why links that a proof can have are not among those that were tried, by their names, in their order.

    ROLE is the role that the service account has, or empty; IMAGE what a pod should have run, or empty; CHECKING
    whether it was check mode; TRUST_ERROR why the role's trust policy could not be read, or empty.
    """
    names = {row["link"] for row in links}
    no_exchange = "no API server gave a token"
    why = {
        "STS": no_exchange,
        "refusal: service account": "the role trusts every service account that could be refused",
        "refusal: audience": no_exchange,
        "refusal: foreign key": no_exchange,
        "webhook": "what injects pods would be changed first",
        "pod": "check mode runs no pod" if image and checking else "irsa_verify_image is not set",
    }
    if "STS" not in names:
        why["refusal: service account"] = no_exchange
    if trust_error:
        why["trust policy"] = f"it cannot be read: {trust_error}"
    no_role = "irsa_iam_roles has no service account"
    of_role = {name: reason if role else no_role for name, reason in why.items() if role or name != "trust policy"}
    servers = {} if any(name.startswith("API server ") for name in names) else {"API server": "none was found"}
    # Without a token from any API server, nobody knows its keys either.
    unknown = "the ids of the cluster's keys are not known" if "STS" in names or not role else no_exchange
    left = {**servers, **of_role, "documents": unknown}
    return {name: reason for name, reason in left.items() if name not in names}


def proof_result(links: t.Sequence[Row], left: t.Mapping[str, str]) -> str:
    """Say in one line how many links hold, and which were not tried (LEFT, as C(untried) returns it)."""
    by_reason: dict[str, dict[str, None]] = {}
    for name, reason in left.items():
        by_reason.setdefault(reason, {})[name.partition(":")[0]] = None
    words = [f"not tried, because {reason}: {', '.join(names)}" for reason, names in by_reason.items()]
    return "; ".join([f"{sum(row['ok'] for row in links)} of {len(links)} links hold", *words])


# In the order of cause, by the words in front of a colon or a server's name: a link that fails because of another one
# says nothing of itself. What injects pods depends on none of the others.
_CAUSES: t.Final[t.Mapping[str, tuple[str, ...]]] = {
    "API server": (),
    "documents": ("API server",),
    "trust policy": (),
    "STS": ("API server", "documents", "trust policy"),
    "refusal": ("API server", "documents", "trust policy", "STS"),
    "webhook": (),
    "pod": ("API server", "documents", "trust policy", "STS", "refusal", "webhook"),
}


def _kind(row: Row) -> str:
    return next(kind for kind in _CAUSES if str(row["link"]).startswith(kind))


def with_causes(links: t.Sequence[Row]) -> list[Row]:
    """Return the rows of a proof, each with C(follows): the link that is the cause of its failure; empty for none."""
    broken = sorted((row for row in links if not row["ok"]), key=lambda row: [*_CAUSES].index(_kind(row)))

    def cause(row: Row) -> str:
        kinds = () if row["ok"] else _CAUSES[_kind(row)]
        # A role that does not trust the token is told by this code, and what makes a token invalid by others.
        denied = _DENIED in str(row["detail"])
        excluded = (("documents", "API server") if denied else ("trust policy",)) if _kind(row) == "STS" else ()
        return next((str(other["link"]) for other in broken if _kind(other) in {*kinds} - {*excluded}), "")

    return [{**row, "follows": cause(row)} for row in links]


def failure(links: t.Sequence[Row]) -> list[str]:
    """Return the message of a proof of which something does not hold; the last line names the first broken link.

    links: as C(with_causes) returns them.
    """
    broken = [row for row in links if not row["ok"]]
    if not broken:
        return []
    named = {True: "{link} (follows from {follows})", False: "{link}"}
    rows = [{"link": named[bool(row["follows"])].format(**row), "detail": row["detail"]} for row in broken]
    roots = sorted((row for row in broken if not row["follows"]), key=lambda row: [*_CAUSES].index(_kind(row)))
    following = sum(row["follows"] == roots[0]["link"] for row in broken)
    more = f"; {following} of the others follow{'s' if following == 1 else ''} from it" if following else ""
    return [*table(rows, ("link", "detail"))[1:], f"First broken link: {roots[0]['link']}{more}. {roots[0]['detail']}"]


def _must_be_had(seen: Seen, problem: str, fix: str) -> None:
    if seen["error"]:
        raise LinkError(f"{problem}: {seen['error']}.", fix=fix)


__all__: t.Final = ("Row", "failure", "of_pods", "proof_result", "prove", "untried", "with_causes")
