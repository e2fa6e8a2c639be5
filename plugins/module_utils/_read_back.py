# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads published documents back as a relying party does. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._discovery import DISCOVERY_PATH
from ansible_collections.onprem.irsa.plugins.module_utils._errors import PublicAccessError
from ansible_collections.onprem.irsa.plugins.module_utils._proof import (
    Document,
    LinkError,
    check_discovery,
    check_jwks,
)
from ansible_collections.onprem.irsa.plugins.module_utils._publication import DISCOVERY_TYPE, JWKS_TYPE
from ansible_collections.onprem.irsa.plugins.module_utils._relying_party import fetch

_OK = 200
_FORBIDDEN = 403
_PAUSE = 2.0
# How long a change of a bucket may take to be there for everybody, and a passing fault of the network, in seconds.
_SPREADING_SECONDS = 60.0
_FAULT_SECONDS = 5.0


def check_served(document: Document, content_type: str) -> None:
    """Raise LinkError unless everybody gets the document; PublicAccessError when everybody is refused."""
    kind = document.content_type.partition(";")[0].strip().lower()
    if document.status == _FORBIDDEN:
        raise PublicAccessError(
            f"{document.url} answers 403, though the bucket's own settings let everybody read it.",
            fix="Or publish on another HTTPS host.",
        )
    if document.status != _OK:
        raise LinkError(
            f"{document.url} answers with HTTP status {document.status}.",
            fix="What the issuer's host serves must be what was published: look at what stands between the two.",
        )
    if kind != content_type:
        raise LinkError(
            f"{document.url} has the content type {kind!r}, not {content_type}.",
            fix="Look for a proxy or a distribution that changes the Content-Type.",
        )


def _both(issuer: str, jwks_uri: str, kids: t.Iterable[str], ca_file: str | None) -> list[Document]:
    keys, discovery = fetch(jwks_uri, ca_file), fetch(issuer + DISCOVERY_PATH, ca_file)
    check_served(keys, JWKS_TYPE)
    check_served(discovery, DISCOVERY_TYPE)
    named = check_discovery(discovery, issuer)
    if named != jwks_uri:
        raise LinkError(
            f"{discovery.url} names the key set {named}; {jwks_uri} was published.",
            fix="Look for a cache that has an older document, or for somebody else who writes it.",
        )
    check_jwks(keys, kids)
    return [keys, discovery]


def read_back(
    issuer: str, jwks_uri: str, kids: t.Sequence[str], *, ca_file: str | None = None, patient: bool
) -> list[Document]:
    """Fetch both documents over their public URLs, the key set first, and judge them as a relying party does.

    All the kids must be there; more may be, of a run at the same time. Keeps trying for up to a minute when patient,
    which is for documents or access just changed, and for some seconds otherwise. Raises the last error, which says
    what was wrong at the end.
    """
    deadline = time.monotonic() + (_SPREADING_SECONDS if patient else _FAULT_SECONDS)
    while True:
        try:
            return _both(issuer, jwks_uri, kids, ca_file)
        except (LinkError, PublicAccessError):
            if time.monotonic() > deadline:
                raise
        time.sleep(_PAUSE)


__all__: t.Final = ("check_served", "read_back")
