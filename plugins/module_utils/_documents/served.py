# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a web server serves an issuer's documents. PRIVATE to the collection: it may change without notice.

Pure. Publication and proof judge by the same rules: what stops is what stops AWS.
"""

from __future__ import annotations

import re
import typing as t
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from xml.etree.ElementTree import ParseError, fromstring

DISCOVERY_TYPE: t.Final = "application/json"  # OpenID Connect Discovery 1.0, section 4.2
JWKS_TYPE: t.Final = "application/jwk-set+json"  # RFC 7517 section 8.5.1, and what kube-apiserver sends
FETCH_SECONDS: t.Final = 5.0  # re:Post "iam-sts-invalididentitytoken": STS gives up after 5 seconds

_LONGEST = 200  # characters of an answer that are quoted
_TAG = re.compile(r"(?s)<(script|style)\b.*?</\1>|<[^>]*>")


def media_type(content_type: str) -> str:
    """Return the media type of a Content-Type header, in lower case and without parameters (RFC 9110 section 8.3.1)."""
    return content_type.partition(";")[0].strip().lower()


def type_warning(url: str, content_type: str, standard: str) -> str:
    """Say that a document has another content type than the standard one; an empty text when it has that.

    It is not a reason to stop: STS reads the JSON. Many static hosts let nobody choose the type.
    """
    kind = media_type(content_type)
    if kind == standard:
        return ""
    served = f"the content type {kind!r}" if kind else "no content type"
    return f"{url} is served with {served}, not {standard}: AWS accepts it, other relying parties may not."


# What caches take a greater number for (RFC 9111 section 1.2.2).
_FOREVER: t.Final = 2.0**31


# A comma within quotes ends no directive (RFC 9110 section 5.6.4).
_DIRECTIVE: t.Final = re.compile(r'([^\s,="]+)\s*(?:=\s*("[^"]*"|[^\s,"]*))?')
_Directives = list[tuple[str, str]]


def max_age(cache_control: str | None, *, expires: str | None = None, date: str | None = None) -> float | None:
    """Return for how many seconds caches may keep a document, by the header C(Cache-Control) (RFC 9111 section 5.2.2).

    None where no header says anything of it. Shared caches go by C(s-maxage), others by C(max-age): the longer counts.
    Where neither is there, they go by C(Expires) from C(Date) on (RFC 9111 section 5.3). What C(stale-while-revalidate)
    and C(stale-if-error) let them go on with after that is added (RFC 5861); each counts from the same moment, and
    C(must-revalidate) forbids both (RFC 9111 section 4.2.4). Of a directive that is there twice, caches may take
    either: the longer counts.
    """
    directives = [(name, value.strip('"')) for name, value in _DIRECTIVE.findall((cache_control or "").lower())]
    names = {name for name, _value in directives}
    # With names of fields, no-cache is said of these fields alone (RFC 9111 section 5.2.2.4).
    if "no-store" in names or ("no-cache", "") in directives:
        return 0.0
    fresh = _seconds(directives, "max-age", "s-maxage")
    fresh = _until(expires, date) if fresh is None and expires is not None else fresh
    if fresh is None or "must-revalidate" in names:
        return fresh
    return min(fresh + (_seconds(directives, "stale-while-revalidate", "stale-if-error") or 0.0), _FOREVER)


def _seconds(directives: _Directives, *names: str) -> float | None:
    """Return the largest number of some directives; None where none of them has one."""
    found = [min(float(value), _FOREVER) for name, value in directives if name in names and value.isdecimal()]
    return max(found, default=None)


def _until(expires: str, date: str | None) -> float:
    """Return for how long a document is fresh by C(Expires): not at all where that is no time, such as C(0)."""
    try:
        return min(max(0.0, (_time(expires) - _time(date)).total_seconds()), _FOREVER)
    except (TypeError, ValueError):
        return 0.0


def unchanged_for(date: str | None, last_modified: str | None) -> float | None:
    """Return for how many seconds a document has been as it is, by the headers C(Date) and C(Last-Modified).

    Both are of the same server, whose clock need not be right (RFC 9110 sections 6.6.1 and 8.8.2). None without either.
    """
    try:
        return max(0.0, (_time(date) - _time(last_modified)).total_seconds())
    except (TypeError, ValueError):
        return None


def _time(text: str | None) -> datetime:
    found = parsedate_to_datetime(text or "")
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)


def said(body: str) -> str:
    """Return what the body of a refusal says, to follow the status; an empty text when it says nothing.

    Of S3's XML that is the code and the message (S3 API reference, "Error responses"), of others their first words.
    """
    found = _of_s3(body)
    text = found or " ".join(_TAG.sub(" ", body).split())
    return f" ({text[:_LONGEST].rstrip('.')})" if text else ""


def _of_s3(body: str) -> str:
    if "<Error" not in body or "<!" in body:
        return ""
    try:
        error = fromstring(body.strip())  # noqa: S314 -- without a document type, there are no entities to expand
    except ParseError:
        return ""
    return ": ".join(text for text in (error.findtext("Code"), error.findtext("Message")) if text)


def refusal_kind(body: str) -> str:
    """Return why a store gives a document to nobody, by the body of its refusal; empty when that does not tell.

    C(kms), C(sse-c), C(requester-pays) or C(archived).
    """
    return _known(body)[0]


def refusal_fix(body: str) -> str:
    """Say what helps against a refusal with this body; an empty text when it does not tell."""
    return _known(body)[1]


def _known(body: str) -> tuple[str, str]:
    words = body.lower()
    known = (refusal for clues, *refusal in _FIXES if all(clue in words for clue in clues))
    kind, fix = next(known, ["", ""])
    return kind, fix


# S3 user guide: "Using server-side encryption with AWS KMS keys" (anonymous requests cannot decrypt), "Using
# server-side encryption with customer-provided keys", "Using Requester Pays general purpose buckets", and
# "Understanding archive retrieval options"; each by words of S3's answer.
_FIXES: t.Final = (
    (
        ("kms",),
        "kms",
        "The documents are encrypted with a KMS key, which nobody may use without a signature. Publish them again: "
        "the collection writes them with S3's own key (SSE-S3), whatever the bucket's default encryption is.",
    ),
    (
        ("server side encryption", "correct parameters"),
        "sse-c",
        "The documents are encrypted with a key that each reader would have to send (SSE-C). Remove them, and publish "
        "them again.",
    ),
    (
        ("requester pays",),
        "requester-pays",
        "The bucket makes readers pay, which anonymous readers cannot. Turn that off: `aws s3api "
        "put-bucket-request-payment --bucket BUCKET --request-payment-configuration Payer=BucketOwner`.",
    ),
    (
        ("storage class",),
        "archived",
        "The documents were moved to an archive, by a lifecycle rule for example. Restore them, and leave them out of "
        "that rule.",
    ),
)


__all__: t.Final = (
    "DISCOVERY_TYPE",
    "FETCH_SECONDS",
    "JWKS_TYPE",
    "max_age",
    "media_type",
    "refusal_fix",
    "refusal_kind",
    "said",
    "type_warning",
    "unchanged_for",
)
