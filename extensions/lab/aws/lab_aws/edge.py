# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is served under other names than the APIs': distributions of CloudFront, and buckets that a CNAME leads to."""

from __future__ import annotations

import re
import time
import typing as t
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from http import HTTPStatus

from .auth import Caller
from .errors import AwsError

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from .engine import Distribution
    from .messages import HttpRequest, HttpResponse
    from .s3_access import Bucket

_SERVICE = "cloudfront.amazonaws.com"
_MAX_AGE = re.compile(r"max-age=(\d+)")
_DAY = 86400.0


def caller(distribution: Distribution) -> Caller:
    """Return as whom a distribution asks its origin: as itself with an origin access control, else as anybody.

    Source: CloudFront Developer Guide, "Restrict access to an Amazon S3 origin".
    """
    return Caller(_SERVICE, source_arn=distribution.arn) if distribution.signed else Caller()


@dataclass
class Cache:
    """What the edges keep of what origins answered, for as long as that says; one for all edges.

    Source: CloudFront Developer Guide, "Manage how long content stays in the cache (expiration)", "Invalidate files".
    """

    clock: Callable[[], float] = time.monotonic
    _kept: dict[tuple[str, str], tuple[HttpResponse, float, int]] = field(default_factory=dict)

    def find(self, distribution: Distribution, path: str) -> HttpResponse | None:
        """Return what is kept of a path: neither too old nor invalidated since."""
        answer, end, forgotten = self._kept.get((distribution.arn, path), (None, 0.0, 0))
        since = [pattern for paths in distribution.forgotten[forgotten:] for pattern in paths]
        return answer if self.clock() < end and not any(fnmatchcase(path, pattern) for pattern in since) else None

    def keep(self, distribution: Distribution, path: str, answer: HttpResponse) -> None:
        """Keep an answer; errors are asked for again each time, which CloudFront does only after ten seconds."""
        found = _MAX_AGE.search(answer.headers.get("cache-control", ""))
        if answer.status == HTTPStatus.OK:
            end = self.clock() + (float(found[1]) if found else _DAY)
            self._kept[distribution.arn, path] = (answer, end, len(distribution.forgotten))


def answer(
    distribution: Distribution, request: HttpRequest, ask: Callable[[HttpRequest], HttpResponse], cache: Cache
) -> HttpResponse:
    """Answer a viewer with what the origin answers; the viewer's own headers and query do not reach it.

    Source: CloudFront Developer Guide, "Use managed cache policies" (CachingOptimized) and "HTTP 403 status code".
    """
    if request.method not in distribution.methods:
        raise AwsError("InvalidRequest", "This distribution is not configured to allow the HTTP request method.", 403)
    target = request.target.partition("?")[0]
    made = cache.find(distribution, target) if request.method == "GET" else None
    hit = made is not None
    if made is None:
        made = ask(replace(request, target=target, headers={"host": distribution.origin}, body=b""))
        if request.method == "GET":
            cache.keep(distribution, target, made)
    shown = {"via": "1.1 lab.cloudfront.net (CloudFront)", "x-cache": f"{'Hit' if hit else 'Miss'} from cloudfront"}
    return made.with_headers(shown)


def in_bucket(request: HttpRequest, bucket: Bucket | None) -> HttpRequest:
    """Return a request under a name of one's own as S3 takes it: the name is that of the bucket.

    Source: Amazon S3 User Guide, "Virtual hosting of buckets", "Customizing Amazon S3 URLs with CNAME records". S3 has
        no certificate for that name: whoever does this has a proxy with one in front, for which this server stands.
    """
    if bucket is None:
        raise AwsError("UnknownEndpoint", f"The host {request.host!r} is no endpoint that is served here", 404)
    return replace(request, headers={**request.headers, "host": f"{bucket.name}.s3.{bucket.region}.amazonaws.com"})
