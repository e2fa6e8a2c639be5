# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads published documents back as a relying party does. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._proof import (
    Document,
    LinkError,
    check_discovery,
    check_jwks,
)
from ansible_collections.onprem.irsa.plugins.module_utils._relying_party import fetch

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._bucket import Object
    from ansible_collections.onprem.irsa.plugins.module_utils._publication import Target

_OK = 200
_FORBIDDEN = 403
_PAUSE = 2.0
# How long a change of a bucket may take to be there for everybody, and a passing fault of the network, in seconds.
_SPREADING_SECONDS = 60.0
_FAULT_SECONDS = 5.0


def check_served(document: Document, wanted: Object) -> None:
    """Raise LinkError unless a web server sent exactly what was published."""
    kind = document.content_type.partition(";")[0].strip().lower()
    if document.status == _FORBIDDEN:
        raise LinkError(
            f"{document.url} answers 403, though the bucket's own settings let everybody read it: the account's S3 "
            "Block Public Access, or a policy of the organization (SCP, RCP), stands above them.",
            fix="Look at `aws s3control get-public-access-block --account-id ID` and at the organization's policies, "
            "or publish on another HTTPS host.",
        )
    if document.status != _OK:
        raise LinkError(
            f"{document.url} answers with HTTP status {document.status}.",
            fix="What the issuer's host serves must be the bucket: look at what stands between the two.",
        )
    if kind != wanted.content_type:
        raise LinkError(
            f"{document.url} has the content type {kind!r}, not {wanted.content_type}.",
            fix="Look for a proxy or a distribution that changes the Content-Type.",
        )
    if document.body != wanted.body:
        raise LinkError(
            f"{document.url} serves other bytes than were published.",
            fix="Look for a cache that has an older document, or for somebody else who writes it.",
        )


def _both(target: Target) -> list[Document]:
    documents = []
    for key, url in target.urls.items():
        document = fetch(url)
        check_served(document, target.objects[key])
        documents.append(document)
    keys, discovery = documents
    check_discovery(discovery, target.issuer)
    check_jwks(keys, target.kids)
    return documents


def read_back(target: Target, *, patient: bool) -> list[Document]:
    """Fetch both documents over their public URLs, the key set first, and judge them.

    Keeps trying for up to a minute when patient, which is for documents or access just changed, and for some seconds
    otherwise. Raises the last LinkError, which says what was wrong at the end.
    """
    deadline = time.monotonic() + (_SPREADING_SECONDS if patient else _FAULT_SECONDS)
    while True:
        try:
            return _both(target)
        except LinkError:
            if time.monotonic() > deadline:
                raise
        time.sleep(_PAUSE)


__all__: t.Final = ("check_served", "read_back")
