# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What readers get between two writes to AWS. PRIVATE to the collection: it may change without notice.

A copy of a document may be kept for its C(Cache-Control), and the issuer's host may point elsewhere for the TTL of its
record in DNS: both outlive a change of the bucket.
"""

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._documents.jwks import kids_of_document
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError, PublicAccessError
from ansible_collections.onprem.irsa.plugins.module_utils._progress import Wait
from ansible_collections.onprem.irsa.plugins.module_utils._proof.checks import Document, LinkError
from ansible_collections.onprem.irsa.plugins.module_utils._proof.read_back import look

Read = t.Callable[[float], list[Document]]
"""Reads both documents back, the key set first, and keeps trying for the given seconds."""

_PAUSE = 2.0


def through_cloudfront(documents: t.Iterable[Document]) -> bool | None:
    """Whether documents came through a distribution (CloudFront developer guide: it adds itself to C(Via)).

    None where nobody looked.
    """
    seen = [document.via for document in documents if document.via is not None]
    return all("cloudfront" in via.lower() for via in seen) if seen else None


def lingering(issuer: str, retired: t.Collection[str], ca_file: str | None) -> list[str]:
    """Return the retired key ids that are still served; none where the key set cannot be read."""
    try:
        documents = look(issuer, ca_file=ca_file) if retired else []
        return _retired(documents[0], retired) if documents else []
    except (LinkError, InputError, PublicAccessError):
        return []


def _retired(document: Document, retired: t.Collection[str]) -> list[str]:
    return [kid for kid in kids_of_document(document.body) if kid in retired]


def without_retired(read: Read, retired: t.Collection[str], seconds: float) -> list[Document]:
    """Read both documents back until no retired key is served; raise LinkError when one still is."""
    wait = Wait(f"the retired key {', '.join(retired)} to be served no longer", seconds)
    while True:
        documents = read(wait.left)
        found = _retired(documents[0], retired)
        if not found:
            return documents
        if wait.is_over:
            raise LinkError(
                f"{documents[0].url} still serves the retired key {', '.join(found)}, whose tokens AWS accepts.",
                fix="Look for a cache between the bucket and its readers: it may keep the key set for its "
                "Cache-Control.",
            )
        wait.pause(_PAUSE)


def wait_for_distribution(read: Read, seconds: float) -> None:
    """Wait until the issuer's host points to the distribution; raise LinkError when it does not within SECONDS."""
    wait = Wait("the issuer's host to point to CloudFront", seconds)
    while through_cloudfront(documents := read(wait.left)) is False:
        if wait.is_over:
            raise LinkError(
                f"{documents[0].url} is not served by CloudFront yet, so the bucket stays open to those who read it "
                "now.",
                fix="Point the issuer's host to the distribution, wait for the TTL of its former record in DNS, and "
                "run again.",
            )
        wait.pause(_PAUSE)


__all__: t.Final = (
    "Read",
    "lingering",
    "through_cloudfront",
    "wait_for_distribution",
    "without_retired",
)
