# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetches documents and calls STS as AWS's customers do. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import gzip
import http.client
import socket
import ssl
import time
import typing as t
import urllib.error
import urllib.request
import zlib
from functools import cache

from ansible_collections.onprem.irsa.plugins.module_utils._documents.served import FETCH_SECONDS
from ansible_collections.onprem.irsa.plugins.module_utils._errors import IrsaError
from ansible_collections.onprem.irsa.plugins.module_utils._progress import Wait
from ansible_collections.onprem.irsa.plugins.module_utils._proof.checks import (
    SESSION_NAME,
    Answer,
    Document,
    LinkError,
    not_there_yet,
)

try:
    from boto3.session import Session
    from botocore import UNSIGNED
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError, ProfileNotFound
    from botocore.session import get_session
except ImportError as error:
    IMPORT_ERROR: ImportError | None = error
else:
    IMPORT_ERROR = None

if t.TYPE_CHECKING:
    from mypy_boto3_sts.client import STSClient

PROPAGATION_SECONDS: t.Final = 30.0
_PROPAGATION_PAUSE = 2.0
_MAX_BYTES = 1_000_000  # far more than a hundred keys; a relying party does not read without end
_SHORTEST_SESSION = 900  # seconds: the minimum of AssumeRoleWithWebIdentity

# POSIX getaddrinfo: the name does not exist. EAI_AGAIN is a fault that may pass, and says nothing of the name.
_NO_SUCH_HOST = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))

Assume = t.Callable[[str, str], Answer]


class NoSuchHostError(LinkError):
    """DNS knows no such host: nothing can be published there yet."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Leaves a redirect as the answer: the documents should be where the issuer says they are."""

    def redirect_request(self, *_args: object, **_kwargs: object) -> None:
        return None


def fetch(url: str, ca_file: str | None = None, *, verified: bool = True) -> Document:
    """Get a document over HTTPS, trusting the system's certificate authorities; every HTTP status is an answer.

    The authorities of ca_file are trusted in addition. Not VERIFIED, any certificate is taken: for who judges it apart
    from what is served.

    What was stored compressed is unpacked. Raises NoSuchHostError for a name that DNS does not know, and LinkError
    when there is no answer: no trusted certificate, nobody listening, or no sign of life for FETCH_SECONDS; IrsaError
    when ca_file has no certificate authorities.
    """
    context = trusting(ca_file) if verified else ssl._create_unverified_context()  # noqa: S323 -- said above
    opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), _NoRedirect())
    start = time.monotonic()
    try:
        with opener.open(url, timeout=FETCH_SECONDS) as answer:
            return _whole(_document(url, answer, start), answer)
    except urllib.error.HTTPError as error:
        with error:
            return _document(url, error, start)
    except (OSError, ValueError, EOFError, zlib.error, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        unknown = isinstance(reason, socket.gaierror) and reason.errno in _NO_SUCH_HOST
        raise (NoSuchHostError if unknown else LinkError)(
            f"{url} cannot be fetched: {reason}.",
            fix="It must be reachable from the Internet with a certificate of a public authority; a private authority "
            "must be in the system trust store, in SSL_CERT_FILE, or in irsa_issuer_ca_path (of modules: ca_path).",
        ) from error


def check_ca_file(ca_file: str | None) -> None:
    """Raise IrsaError when ca_file has no certificate authorities: for who changes something before the first fetch."""
    trusting(ca_file)


def trusting(ca_file: str | None) -> ssl.SSLContext:
    """Return what verifies as C(fetch) does; raises IrsaError when ca_file has no certificate authorities."""
    context = ssl.create_default_context()
    if ca_file:
        try:
            context.load_verify_locations(ca_file)
        except OSError as error:
            raise IrsaError(
                f"The certificate authorities in {ca_file} cannot be read: {error}.",
                fix="Name a file on this machine that has them in PEM.",
            ) from error
    return context


def _whole(document: Document, answer: t.Any) -> Document:  # noqa: ANN401 -- a response
    """Return a document that has come to its end; a read with a limit does not tell when there was less."""
    missing = answer.length or 0
    if missing and len(document.body) < _MAX_BYTES:
        raise http.client.IncompleteRead(b"", missing)
    return document


def _document(url: str, answer: t.Any, start: float) -> Document:  # noqa: ANN401 -- a response and an error alike
    content = answer.read(_MAX_BYTES)
    if answer.headers.get("Content-Encoding", "").strip().lower() in ("gzip", "x-gzip"):
        content = gzip.decompress(content)
    body = content.decode("utf-8", "replace")
    kind, via = (answer.headers.get(name) or "" for name in ("Content-Type", "Via"))
    headers = {name.lower(): value for name, value in answer.headers.items()}
    # A web server may send several, such as one of its own and the application's; they count together (RFC 9110 5.3).
    if "cache-control" in headers:
        headers["cache-control"] = ", ".join(answer.headers.get_all("Cache-Control"))
    return Document(url, answer.status, kind, body, time.monotonic() - start, via, headers)


def sts(region: str) -> Assume:
    """Return AssumeRoleWithWebIdentity of a region's STS as a function of token and role ARN.

    The call is unsigned, as a pod's is: it needs no AWS credentials. The credentials that it returns are dropped. The
    function raises LinkError where STS cannot be asked, also for settings of the SDK with which nothing can be.
    """

    client = cache(lambda: _sts_client(region))

    def assume(token: str, role_arn: str) -> Answer:
        try:
            answer = client().assume_role_with_web_identity(
                RoleArn=role_arn,
                RoleSessionName=SESSION_NAME,
                WebIdentityToken=token,
                DurationSeconds=_SHORTEST_SESSION,
            )
        except ClientError as error:
            return Answer(code=error.response["Error"]["Code"], message=error.response["Error"]["Message"])
        except (BotoCoreError, OSError, ValueError) as error:
            raise LinkError(
                f"STS in {region} cannot be asked: {error}.",
                fix="Check the region, that its STS endpoint can be reached from here, and the settings of the AWS SDK "
                "(AWS_… variables, ~/.aws/config).",
            ) from error
        return Answer(arn=answer["AssumedRoleUser"]["Arn"])

    return assume


def _sts_client(region: str) -> STSClient:
    config = Config(signature_version=UNSIGNED, connect_timeout=5, read_timeout=20, retries={"mode": "standard"})
    try:
        return Session().client("sts", region_name=region, config=config)
    except ProfileNotFound:
        # No credentials are needed, so a profile that is not here does not matter.
        core = get_session({"profile": (None, None, None, None)})
        return Session(botocore_session=core).client("sts", region_name=region, config=config)


def patience() -> Wait:
    """Begin to wait for what was just changed in IAM."""
    return Wait("IAM to spread what was changed", PROPAGATION_SECONDS)


def when_spread(assume: Assume, *, begin: t.Callable[[], Wait] = patience) -> Assume:
    """Ask again for up to PROPAGATION_SECONDS while the answer may only mean that IAM has not spread a change yet."""

    def patient(token: str, role_arn: str) -> Answer:
        wait = begin()
        answer = assume(token, role_arn)
        while not_there_yet(answer) and wait.left > _PROPAGATION_PAUSE:
            wait.pause(_PROPAGATION_PAUSE)
            answer = assume(token, role_arn)
        return answer

    return patient


def until_refused(judge: t.Callable[[], str], wait: Wait) -> str:
    """Judge a refusal again until the wait is over, as IAM may not have spread yet what makes STS refuse."""
    while True:
        try:
            return judge()
        except LinkError:
            if wait.left <= _PROPAGATION_PAUSE:
                raise
        wait.pause(_PROPAGATION_PAUSE)


__all__: t.Final = (
    "IMPORT_ERROR",
    "PROPAGATION_SECONDS",
    "Assume",
    "NoSuchHostError",
    "check_ca_file",
    "fetch",
    "patience",
    "sts",
    "trusting",
    "until_refused",
    "when_spread",
)
