# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is served under other names than the APIs': distributions of CloudFront, and buckets that a CNAME leads to."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from .auth import Caller
from .errors import AwsError

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from .engine import Distribution
    from .messages import HttpRequest, HttpResponse
    from .s3_access import Bucket

_SERVICE = "cloudfront.amazonaws.com"


def caller(distribution: Distribution) -> Caller:
    """Return as whom a distribution asks its origin: as itself with an origin access control, else as anybody.

    Source: CloudFront Developer Guide, "Restrict access to an Amazon S3 origin".
    """
    return Caller(_SERVICE, source_arn=distribution.arn) if distribution.signed else Caller()


def answer(
    distribution: Distribution, request: HttpRequest, ask: Callable[[HttpRequest], HttpResponse]
) -> HttpResponse:
    """Answer a viewer with what the origin answers; the viewer's own headers and query do not reach it.

    Source: CloudFront Developer Guide, "Use managed cache policies" (CachingOptimized) and "HTTP 403 status code".
    """
    if request.method not in distribution.methods:
        raise AwsError("InvalidRequest", "This distribution is not configured to allow the HTTP request method.", 403)
    asked = replace(request, target=request.target.partition("?")[0], headers={"host": distribution.origin}, body=b"")
    return ask(asked).with_headers({"via": "1.1 lab.cloudfront.net (CloudFront)"})


def in_bucket(request: HttpRequest, bucket: Bucket | None) -> HttpRequest:
    """Return a request under a name of one's own as S3 takes it: the name is that of the bucket.

    Source: Amazon S3 User Guide, "Virtual hosting of buckets", "Customizing Amazon S3 URLs with CNAME records". S3 has
        no certificate for that name: whoever does this has a proxy with one in front, for which this server stands.
    """
    if bucket is None:
        raise AwsError("UnknownEndpoint", f"The host {request.host!r} is no endpoint that is served here", 404)
    return replace(request, headers={**request.headers, "host": f"{bucket.name}.s3.{bucket.region}.amazonaws.com"})
