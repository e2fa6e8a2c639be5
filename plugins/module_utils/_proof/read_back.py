# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads published documents back as a relying party does. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._documents.discovery import check_jwks_uri
from ansible_collections.onprem.irsa.plugins.module_utils._documents.jwk_rules import jwk_problem
from ansible_collections.onprem.irsa.plugins.module_utils._documents.jwks import published_object
from ansible_collections.onprem.irsa.plugins.module_utils._documents.paths import DISCOVERY_PATH
from ansible_collections.onprem.irsa.plugins.module_utils._documents.served import (
    DISCOVERY_TYPE,
    JWKS_TYPE,
    refusal_fix,
    said,
    type_warning,
)
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError, PublicAccessError
from ansible_collections.onprem.irsa.plugins.module_utils._progress import Wait
from ansible_collections.onprem.irsa.plugins.module_utils._proof.checks import (
    Document,
    LinkError,
    check_discovery,
    check_jwks,
    check_same_keys,
)
from ansible_collections.onprem.irsa.plugins.module_utils._proof.relying_party import NoSuchHostError, fetch

_OK = 200
_FORBIDDEN = 403
_NOTHING = (404, 410)  # RFC 9110 sections 15.5.5 and 15.5.11
_PAUSE = 2.0
# How long a change of a bucket may take to be there for everybody, and a passing fault of the network, in seconds.
SPREADING_SECONDS: t.Final = 60.0
FAULT_SECONDS: t.Final = 5.0


class Expected(t.NamedTuple):
    """What of a published key set must be found again."""

    kids: t.Sequence[str]
    """The ids of the keys that must be there; more may be, of a run at the same time."""
    kept: t.Collection[str] = ()
    """Those of them that are somebody else's: only that they are there is asked."""
    jwks_uri: str | None = None
    """Where the key set must be; None for anywhere."""
    jwks: str | None = None
    """The key set that was published, to be compared member by member; None where nobody has it."""


def check_served(document: Document) -> None:
    """Raise LinkError unless everybody gets the document; PublicAccessError when everybody is refused.

    The content type does not decide: see C(type_warning).
    """
    if document.status == _OK:
        return
    answer, known = said(document.body), refusal_fix(document.body)
    if document.status == _FORBIDDEN and not known:
        raise PublicAccessError(
            f"{document.url} answers 403{answer}: everybody must be able to read it.",
            fix="Make the issuer's host serve it to everybody, or publish on another HTTPS host.",
        )
    raise LinkError(
        f"{document.url} answers with HTTP status {document.status}{answer}.",
        fix=known or "What the issuer's host serves must be what was published: look at what stands between the two.",
    )


def _read(issuer: str, expected: Expected, ca_file: str | None) -> list[Document]:
    discovery = fetch(issuer + DISCOVERY_PATH, ca_file)
    check_served(discovery)
    named = check_discovery(discovery, issuer)
    if expected.jwks_uri not in (None, named):
        raise LinkError(
            f"{discovery.url} names the key set {named}; {expected.jwks_uri} was published.",
            fix="Look for a cache that has an older document, or for somebody else who writes it.",
        )
    keys = fetch(named, ca_file)
    check_served(keys)
    check_jwks(keys, expected.kids, kept=expected.kept)
    if expected.jwks:
        check_same_keys(keys, expected.jwks)
    return [keys, discovery]


def read_back(  # noqa: PLR0913 -- what was published, and how to read it
    issuer: str,
    kids: t.Sequence[str],
    *,
    kept: t.Collection[str] = (),
    jwks_uri: str | None = None,
    jwks: str | None = None,
    ca_file: str | None = None,
    seconds: float,
) -> list[Document]:
    """Fetch both documents over their public URLs, and judge them as a relying party does; the key set comes first.

    KIDS, KEPT, JWKS_URI and JWKS are what C(Expected) says. Keeps trying for SECONDS. Raises the last error,
    which says what was wrong at the end: LinkError, or PublicAccessError when everybody is refused.
    """
    expected = Expected(kids, kept, jwks_uri, jwks)
    return _patiently(lambda: _read(issuer, expected, ca_file), issuer, seconds)


def _patiently(ask: t.Callable[[], list[Document]], issuer: str, seconds: float) -> list[Document]:
    wait = Wait(f"the documents of {issuer}", seconds)
    while True:
        try:
            return ask()
        except (LinkError, PublicAccessError, InputError):
            if wait.is_over:
                raise
        wait.pause(_PAUSE)


def look(issuer: str, *, ca_file: str | None = None, seconds: float = FAULT_SECONDS) -> list[Document]:
    """Fetch what an issuer publishes, however it is served, the key set first; none where nothing is published yet.

    That is so only where the host does not exist, or answers 404, 410 or 403 (S3 without the permission to list says
    403 of what is not there), and where the discovery document names a key set that AWS could not fetch. Whatever else
    goes wrong is tried again for SECONDS and then raised: whoever publishes next would overwrite keys unseen.
    Raises LinkError for a host that does not serve what it has, and InputError for what is there and cannot be read,
    and for the discovery document of another issuer.
    """
    return _patiently(lambda: _published(issuer, ca_file), issuer, seconds)


def _published(issuer: str, ca_file: str | None) -> list[Document]:
    discovery = _there(issuer + DISCOVERY_PATH, ca_file)
    if discovery is None:
        return []
    content = published_object(discovery.body, source=discovery.url)
    named, jwks_uri = str(content.get("issuer", issuer)), str(content.get("jwks_uri"))
    if named.rstrip("/") != issuer:
        raise InputError(
            f"{discovery.url} is the discovery document of another issuer, {named!r}.",
            fix="Choose another issuer URL, or remove that document if nobody trusts its issuer any longer.",
        )
    try:
        keys = _there(check_jwks_uri(jwks_uri), ca_file)
    except InputError:
        return []
    if keys is None:
        return []
    published_object(keys.body, source=keys.url)
    return [keys, discovery]


def _there(url: str, ca_file: str | None) -> Document | None:
    """Return what is served at a URL, or None where nothing is."""
    try:
        document = fetch(url, ca_file)
    except NoSuchHostError:
        return None
    known = refusal_fix(document.body)
    if document.status in _NOTHING or (document.status == _FORBIDDEN and not known):
        return None
    if document.status != _OK:
        raise LinkError(
            f"Whether keys are published cannot be seen: {url} answers with HTTP status {document.status}"
            f"{said(document.body)}.",
            fix=known
            or "Make the issuer's host serve what it has, and answer 404 where there is nothing; then run again.",
        )
    return document


def warnings(documents: t.Sequence[Document], kids: t.Collection[str]) -> list[str]:
    """Say what AWS takes of documents that were read back, and other relying parties may not.

    The key set comes first. Of keys besides KIDS, which are others', it says which rule they break.
    """
    types = zip(documents, (JWKS_TYPE, DISCOVERY_TYPE))
    found = [type_warning(document.url, document.content_type, standard) for document, standard in types]
    for document in documents[:1]:
        others = [key for key in _all_keys(document) if key.get("kid") not in kids]
        found += [
            f"{document.url}: the key {key.get('kid')} {jwk_problem(key)}. AWS accepts no token that it signed."
            for key in others
            if jwk_problem(key)
        ]
    return [warning for warning in found if warning]


def _all_keys(document: Document) -> list[dict[str, t.Any]]:
    """Return the keys of a key set as they are served: private parts, too, because everybody has them."""
    try:
        found = json.loads(document.body.removeprefix("\ufeff"))["keys"]
        return [key for key in found if isinstance(key, dict)]
    except (ValueError, TypeError, KeyError):
        return []


def seen(document: Document) -> dict[str, t.Any]:
    """Return what a module says of a document that was read back."""
    found = {name: getattr(document, name) for name in ("url", "status", "content_type")}
    return {**found, "seconds": round(document.seconds, 3)}


__all__: t.Final = ("FAULT_SECONDS", "SPREADING_SECONDS", "Expected", "look", "read_back", "seen", "warnings")
