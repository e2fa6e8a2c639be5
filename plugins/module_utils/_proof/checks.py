# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What proves a link of the chain, judged on plain data. PRIVATE to the collection: it may change without notice.

Each C(check_…) takes what was seen, returns in a few words what it proves, and raises LinkError when it does not.
Sources: RFC 7515 and 7519 (tokens), OpenID Connect Discovery 1.0 sections 3 and 4 (documents), AWS STS API Reference,
AssumeRoleWithWebIdentity (answers), and the README of the Amazon EKS Pod Identity Webhook (injection).
"""

from __future__ import annotations

import json
import re
import typing as t
from binascii import Error as Base64Error
from datetime import datetime

from ansible_collections.onprem.irsa.plugins.module_utils._documents.jwk_rules import (
    MAX_KEYS_OF_A_KIND,
    MEMBERS,
    difference,
    is_same,
    jwk_problem,
    too_many,
)
from ansible_collections.onprem.irsa.plugins.module_utils._documents.served import (
    FETCH_SECONDS,
    max_age,
    refusal_fix,
    said,
    unchanged_for,
)
from ansible_collections.onprem.irsa.plugins.module_utils._errors import IrsaError
from ansible_collections.onprem.irsa.plugins.module_utils._injection.pod_role import environment, token_at
from ansible_collections.onprem.irsa.plugins.module_utils._trust.policy import subject

try:
    from jwcrypto.common import JWException, base64url_decode
    from jwcrypto.jwk import JWK
    from jwcrypto.jws import JWS
except ImportError as error:
    IMPORT_ERROR: ImportError | None = error
else:
    IMPORT_ERROR = None

Json = dict[str, t.Any]

SESSION_NAME: t.Final = "onprem-irsa-verify"


# AWS STS API Reference, AssumeRoleWithWebIdentity, WebIdentityToken: how a token may be signed.
_CURVES: t.Final = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
ALGORITHMS: t.Final = ("RS256", "RS384", "RS512", *_CURVES)

# IAM User Guide, "IAM identifiers": the ARN of a session, in whatever it is quoted.
_SESSION_ARN: t.Final = re.compile(r"arn:[a-z-]+:sts::[A-Za-z0-9]+:assumed-role/[\w+=,.@-]+/[\w+=,.@-]*[\w+=@-]")


class LinkError(IrsaError):
    """A link of the chain does not hold: the cause, and what to do about it."""


class Token(t.NamedTuple):
    """A token taken apart, nothing verified."""

    header: Json
    claims: Json


class Document(t.NamedTuple):
    """What a web server answered: C(seconds) is the time until the last byte."""

    url: str
    status: int
    content_type: str
    body: str
    seconds: float
    via: str | None = None
    """The header C(Via), by which CloudFront and other proxies name themselves; None where nobody looked."""
    headers: t.Mapping[str, str] = {}
    """All headers, by their names in lower case; none where nobody looked."""

    @property
    def max_age(self) -> float | None:
        """Seconds for which C(Cache-Control) or C(Expires) lets caches keep it; None where neither says anything."""
        found = self.headers
        return max_age(found.get("cache-control"), expires=found.get("expires"), date=found.get("date"))

    @property
    def unchanged_for(self) -> float | None:
        """Seconds since this version came there, by C(Last-Modified) and the clock of the server; None without."""
        return unchanged_for(self.headers.get("date"), self.headers.get("last-modified"))


class Answer(t.NamedTuple):
    """What STS answered: the ARN of the assumed role, or an error's code and message."""

    arn: str = ""
    code: str = ""
    message: str = ""


class WantedToken(t.NamedTuple):
    """What should be proved of tokens; an empty text is not compared."""

    issuer: str
    audience: str
    service_account: str
    """As namespace/name."""
    kids: tuple[str, ...]


def decode(token: str) -> Token:
    """Take a signed token apart without verifying it; raise LinkError for what is none."""
    try:
        header, claims, _signature = token.split(".")
        parts = Token(json.loads(base64url_decode(header)), json.loads(base64url_decode(claims)))
        if all(isinstance(part, dict) for part in parts):
            return parts
    except (ValueError, Base64Error):
        pass
    raise LinkError(
        "What the API server returned is not a signed JWT (RFC 7519).",
        fix="Look at the answer of `kubectl create token`.",
    )


def audiences(claims: Json) -> list[str]:
    """Return the audiences of a token; RFC 7519 section 4.1.3 allows a single one to stand alone."""
    found = claims.get("aud", [])
    return [str(each) for each in (found if isinstance(found, list) else [] if found is None else [found])]


def check_token(token: str, wanted: WantedToken) -> str:
    """Compare issuer, audience, subject and key id of a token with what is wanted."""
    header, claims = decode(token)
    if header.get("alg") not in ALGORITHMS:
        raise LinkError(
            f"It signs by {header.get('alg')!r}; AWS accepts {', '.join(ALGORITHMS)}.",
            fix="Make the API servers sign with an RSA key, or one on the curve P-256, P-384 or P-521.",
        )
    if wanted.issuer and claims.get("iss") != wanted.issuer:
        raise LinkError(
            f"Its tokens carry the issuer {claims.get('iss')}, not {wanted.issuer}.",
            fix="Put the issuer first on this API server: run onprem.irsa.site. It sets the flags, or with "
            "irsa_apiserver_flags: show it says which ones to set.",
        )
    if wanted.audience and wanted.audience not in audiences(claims):
        raise LinkError(
            f"A token asked for with the audience {wanted.audience} carries {', '.join(audiences(claims)) or 'none'}.",
            fix="Look for an admission plugin or a proxy that changes TokenRequests.",
        )
    if wanted.service_account and claims.get("sub") != subject(wanted.service_account):
        raise LinkError(
            f"The subject of the token is {claims.get('sub')}, not {subject(wanted.service_account)}.",
            fix="Ask for a token of the service account that the role trusts.",
        )
    if wanted.kids and header.get("kid") not in wanted.kids:
        raise LinkError(
            f"It signs with the key {header.get('kid')}, which is not one of the cluster's: {', '.join(wanted.kids)}.",
            fix="Use the same key files on every control-plane host, and restart its API server after a change.",
        )
    return f"signed by {header.get('kid')}"


def check_discovery(document: Document, issuer: str) -> str:
    """Judge the discovery document as a relying party does, and return its jwks_uri."""
    content = _json_of(document)
    if content.get("issuer") != issuer:
        raise LinkError(
            f"{document.url} names the issuer {content.get('issuer')!r}; tokens carry {issuer!r}, and relying parties "
            "compare letter by letter.",
            fix="Publish the documents of this issuer: run the role onprem.irsa.irsa_issuer.",
        )
    jwks_uri = content.get("jwks_uri")
    if not isinstance(jwks_uri, str) or not jwks_uri.startswith("https://"):
        raise LinkError(
            f"{document.url} has the jwks_uri {jwks_uri!r}; it must be an https URL.",
            fix="Publish the documents again: run the role onprem.irsa.irsa_issuer.",
        )
    return jwks_uri


def check_jwks(document: Document, kids: t.Iterable[str], *, kept: t.Collection[str] = ()) -> Json:
    """Judge the key set, and return its keys by their ids.

    All KIDS must be there, each once and by the rules of published keys. Those among KEPT are somebody else's: they
    must be there.
    """
    found = _json_of(document).get("keys")
    keys = [key for key in found if isinstance(key, dict)] if isinstance(found, list) else []
    published = {str(key.get("kid")): key for key in keys}
    wanted = list(kids)
    missing = [kid for kid in wanted if kid not in published]
    if missing:
        raise LinkError(
            f"{document.url} lacks the key {', '.join(missing)}.",
            fix="Publish the keys of every control-plane host: run the role onprem.irsa.irsa_issuer.",
        )
    many = too_many(keys)
    if many:
        raise LinkError(
            f"{document.url} has {many}; AWS accepts {MAX_KEYS_OF_A_KIND}, and no token of a larger key set.",
            fix="Retire keys that no cluster signs with any longer: set irsa_issuer_retired_kids, and run the role "
            "onprem.irsa.irsa_issuer.",
        )
    for kid in wanted:
        if kid not in kept:
            _check_key(document.url, kid, [key for key in keys if str(key.get("kid")) == kid])
    return published


def _check_key(url: str, kid: str, keys: t.Sequence[Json]) -> None:
    problem = next(filter(None, map(jwk_problem, keys)), "")
    if not problem and not all(is_same(keys[0], key) for key in keys[1:]):
        problem = "is published more than once, with other values: AWS may take any of them (RFC 7517 section 4.5)"
    if problem:
        raise LinkError(
            f"{url}: the key {kid} {problem}.",
            fix="Publish it as the API servers serve it (`kubectl get --raw /openid/v1/jwks`): run the role "
            "onprem.irsa.irsa_issuer.",
        )


def check_same_keys(document: Document, jwks: str) -> None:
    """Compare a key set member by member with the one that was published, as the API server serves the keys.

    Keys that the published one does not have are another run's. Raises LinkError for a member that differs.
    """
    served = {str(key.get("kid")): key for key in _json_of(document).get("keys") or [] if isinstance(key, dict)}
    for key in json.loads(jwks)["keys"]:
        other = difference(key, served.get(str(key.get("kid")), key))
        if other:
            raise LinkError(
                f"{document.url} has the key {key.get('kid')} with another {other} than was published.",
                fix="Look for a cache that has an older document, or for somebody else who writes it.",
            )


def check_signature(token: str, keys: Json, server: str) -> None:
    """Verify a token with the published key of its id, as relying parties do; what a library takes, AWS may not."""
    kid = str(decode(token).header.get("kid"))
    try:
        signed = JWS()
        signed.deserialize(token)
        signed.verify(JWK(**keys[kid]), alg=keys[kid].get("alg"))
    except (JWException, KeyError, TypeError) as error:
        raise LinkError(
            f"The published key {kid} does not verify a token of {server}.",
            fix="Publish the keys of every control-plane host: run the role onprem.irsa.irsa_issuer.",
        ) from error
    _check_key("The key set", kid, [keys[kid]])


def check_assumed(answer: Answer, role_arn: str) -> str:
    """Judge an answer of STS that should have the identity of a role."""
    if answer.code:
        raise LinkError(f"STS refuses the token: {answer.code}: {answer.message}.", fix=_fix(answer, role_arn))
    return _same_role(answer.arn, role_arn)


def check_refused(answer: Answer, *codes: str, words: str = "", other_words: t.Iterable[str] = ()) -> str:
    """Judge an answer of STS that should be a refusal with one of these codes, for the reason that these words name.

    OTHER_WORDS name reasons that are none: a token that is refused for those proves nothing about this one.
    """
    if answer.arn:
        raise LinkError(
            f"STS takes it and gives the identity {answer.arn}.",
            fix="Look at the role's trust policy and at the identity provider's audiences: they let in too much.",
        )
    message = answer.message.lower()
    if answer.code not in codes or words not in message or any(text in message for text in other_words):
        raise LinkError(
            f"STS refuses it for another reason than expected ({' or '.join(codes)}): {answer.code}: {answer.message}.",
            fix=_known_fix(answer) or "Correct what that answer names, then verify again.",
        )
    return f"refused: {answer.code}"


def with_foreign_key(token: str) -> str:
    """Return a token with the same header and claims, signed by a key that nobody knows.

    Raises LinkError for a token that is none, or that is signed as AWS takes none.
    """
    algorithm = str(decode(token).header.get("alg"))
    if algorithm not in ALGORITHMS:
        raise LinkError(
            f"The token is signed by {algorithm}, for which no foreign key is made here.",
            fix=f"AWS accepts {', '.join(ALGORITHMS)}: make the API servers sign with an RSA or EC key.",
        )
    curve = _CURVES.get(algorithm)
    header, claims, _signature = token.split(".")
    try:
        key = JWK.generate(kty="EC", crv=curve) if curve else JWK.generate(kty="RSA", size=2048)
        forged = JWS(base64url_decode(claims))
        forged.add_signature(key, alg=algorithm, protected=base64url_decode(header).decode())
        return str(forged.serialize(compact=True))
    except (JWException, ValueError, TypeError) as error:
        raise LinkError(
            f"The header of the token cannot be signed: {error}.",
            fix="Look at the answer of `kubectl create token`.",
        ) from error


def check_injection(pod: Json, role_arn: str, audience: str) -> str:
    """Judge a pod as admission returned it: each container has the role, and the token where its variable says."""
    spec = pod.get("spec") or {}
    for container in [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]:
        env = environment(container)
        if "AWS_ROLE_ARN" not in env:
            raise LinkError(
                f"The container {container['name']} was admitted without AWS_ROLE_ARN: the webhook did not inject it.",
                fix="Check whether the webhook's pods are ready, what they log, and the annotation "
                "eks.amazonaws.com/role-arn of the service account.",
            )
        if env["AWS_ROLE_ARN"] != role_arn:
            raise LinkError(
                f"The container {container['name']} was given the role {env['AWS_ROLE_ARN']}, not {role_arn}.",
                fix="Set the annotation eks.amazonaws.com/role-arn of the service account: run onprem.irsa.irsa_iam.",
            )
        path = env.get("AWS_WEB_IDENTITY_TOKEN_FILE")
        token, why = token_at(spec, container, path or "")
        if token is None:
            raise LinkError(
                f"The container {container['name']} has no service-account token at {path}: {why}.",
                fix="Look for another admission webhook that removes the volume aws-iam-token again.",
            )
        if token.get("audience") != audience:
            raise LinkError(
                f"The injected token has the audience {token.get('audience')}, not {audience}.",
                fix="Set irsa_audience, or the annotation eks.amazonaws.com/audience of the service account.",
            )
    return "role, token file and volume injected"


def check_run(pod: Json, log: str, role_arn: str) -> str:
    """Judge a pod that should have ended after printing its AWS identity: find the ARN in its log."""
    status = pod.get("status") or {}
    if status.get("phase") != "Succeeded":
        said = _container_message(status) or log.strip() or status.get("message") or "nobody says why"
        raise LinkError(
            f"The pod has not succeeded, it is {status.get('phase')}: {said}.",
            fix="Look at the image, at the pod's way to AWS and at the CA certificates that it trusts.",
        )
    found = _SESSION_ARN.findall(log)
    if not found:
        raise LinkError(
            f"The pod's log has no ARN of an assumed role: {log.strip() or 'it is empty'}.",
            fix="Use an image that prints what sts:GetCallerIdentity returns.",
        )
    return _same_role(next((arn for arn in found if _is_of(arn, role_arn)), found[0]), role_arn)


def lifetime(pod: Json) -> float | None:
    """Return the seconds from a pod's creation to the end of its last container, or None while it has not ended."""
    created = (pod.get("metadata") or {}).get("creationTimestamp")
    states = [status.get("state") or {} for status in (pod.get("status") or {}).get("containerStatuses") or []]
    ends = [(state.get("terminated") or {}).get("finishedAt") for state in states]
    if not created or not ends or not all(ends):
        return None
    return (max(_time(str(end)) for end in ends) - _time(created)).total_seconds()


def _time(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z")


def _container_message(status: Json) -> str:
    """Return why a container waits: the image cannot be had, a volume cannot be mounted."""
    states = [container.get("state") or {} for container in status.get("containerStatuses") or []]
    waiting = [state["waiting"] for state in states if state.get("waiting")]
    return "; ".join(filter(None, (state.get("message") or state.get("reason") for state in waiting)))


def _json_of(document: Document) -> Json:
    """Return the JSON object that a document holds, when it was served as AWS needs it.

    The content type is not part of that: see C(type_warning).
    """
    publish = "Publish the documents: run the role onprem.irsa.irsa_issuer."
    if document.status != 200:  # noqa: PLR2004 -- the one status that has the document
        raise LinkError(
            f"{document.url} answers with HTTP status {document.status}{said(document.body)}.",
            fix=refusal_fix(document.body) or publish,
        )
    if document.seconds > FETCH_SECONDS:
        raise LinkError(
            f"{document.url} took {document.seconds:.1f} s; AWS waits {FETCH_SECONDS:.0f} s.",
            fix="Serve the documents from somewhere faster.",
        )
    try:
        content = json.loads(document.body)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        mark = " (a byte-order mark, RFC 8259 section 8.1)" if document.body.startswith("\ufeff") else ""
        raise LinkError(
            f"{document.url} is not a JSON object, but begins with {document.body[:40]!r}{mark}.",
            fix=publish,
        )
    return content


def _same_role(arn: str, role_arn: str) -> str:
    """Return the ARN of an assumed-role session when it is of this role."""
    if not _is_of(arn, role_arn):
        raise LinkError(
            f"The identity is {arn}, which is not the role {role_arn}.",
            fix="Look at the annotation eks.amazonaws.com/role-arn of the service account.",
        )
    return arn


def _is_of(arn: str, role_arn: str) -> bool:
    """Whether a session is of a role.

    IAM User Guide, "IAM identifiers": arn:PARTITION:iam::ACCOUNT:role/PATH/NAME becomes
    arn:PARTITION:sts::ACCOUNT:assumed-role/NAME/SESSION.
    """
    partition, account = (role_arn.split(":") + [""] * 5)[1:5:3]
    return arn.startswith(f"arn:{partition}:sts::{account}:assumed-role/{role_arn.rpartition('/')[2]}/")


# What STS says, by words of its message (re:Post "iam-sts-invalididentitytoken"), and what helps.
_FIXES = (
    (
        "no openidconnect provider",
        "Make the identity provider in the role's account: run the role onprem.irsa.irsa_iam.",
    ),
    ("incorrect token audience", "Add the audience to the identity provider: run the role onprem.irsa.irsa_iam."),
    (
        "retrieve verification key",
        "The issuer's documents must be public and answer AWS within 5 seconds: see the link `documents`.",
    ),
    ("thumbprint", "Remove the identity provider's thumbprints, or set that of the certificate served now."),
    ("expired", "Correct the clocks of the control-plane hosts."),
    ("not valid yet", "Correct the clocks of the control-plane hosts."),
)


_UNVERIFIED: t.Final = (
    "AWS does not verify the token with what is published, or rejects its claims: see the links `documents` and `API "
    "server`."
)


def _fix(answer: Answer, role_arn: str) -> str:
    if answer.code == "AccessDenied":
        return (
            f"The trust policy of {role_arn} must name this issuer's provider, the audience and the service account: "
            "run the role onprem.irsa.irsa_iam."
        )
    return _known_fix(answer) or "Correct what the answer names, then verify again."


def _known_fix(answer: Answer) -> str:
    """Return what helps where STS says something that is known; an empty text otherwise."""
    message = f"{answer.code} {answer.message}".lower()
    known = next((fix for words, fix in _FIXES if words in message), "")
    unread = answer.code in ("InvalidIdentityToken", "IDPRejectedClaim")
    return known or (_UNVERIFIED if unread else "")


def not_there_yet(answer: Answer) -> bool:
    """Tell whether an answer may come from IAM not having spread a new role, provider or audience yet.

    IAM User Guide, "Changes that I make are not always immediately visible". STS also gives up on the documents of an
    issuer for a moment (re:Post "iam-sts-invalididentitytoken").
    """
    return answer.code in {"AccessDenied", "IDPCommunicationError"} or any(
        words in answer.message.lower() for words in _PASSING_WORDS
    )


_PASSING_WORDS: t.Final = ("no openidconnect provider", "incorrect token audience", "retrieve verification key")


def check_cluster_keys(published: Json, keys: t.Iterable[t.Mapping[str, t.Any]]) -> None:
    """Compare published keys member by member with those of the API servers, of the same ids.

    Raises LinkError for one that differs. A published key may lack what says what it is for.
    """
    for key in keys:
        other = published.get(str(key.get("kid")), {})
        differing = [name for name in MEMBERS if name in other and other[name] != key.get(name)]
        missing = [name for name in ("kty", "n", "e", "crv", "x", "y") if name in key and name not in other]
        if other and [*differing, *missing]:
            raise LinkError(
                f"The published key {key.get('kid')} has another {', '.join([*differing, *missing])} than the one of "
                "the API servers.",
                fix="Publish the keys of every control-plane host: run the role onprem.irsa.irsa_issuer.",
            )


__all__: t.Final = (
    "ALGORITHMS",
    "IMPORT_ERROR",
    "SESSION_NAME",
    "Answer",
    "Document",
    "Json",
    "LinkError",
    "Token",
    "WantedToken",
    "audiences",
    "check_assumed",
    "check_cluster_keys",
    "check_discovery",
    "check_injection",
    "check_jwks",
    "check_refused",
    "check_run",
    "check_same_keys",
    "check_signature",
    "check_token",
    "decode",
    "lifetime",
    "not_there_yet",
    "with_foreign_key",
)
