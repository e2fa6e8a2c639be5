# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why an API server gives no answer, or does not know who asks, in plain words. PRIVATE: it may change without notice.

Every error of the libraries on the way passes through the table here, because their own texts name connection pools
and addresses of objects, and quote a token that cannot be sent.
"""

from __future__ import annotations

import base64
import binascii
import errno
import json
import re
import socket
import ssl
import typing as t
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

from ansible_collections.onprem.irsa.plugins.module_utils._errors import ApiError

with suppress(ImportError):  # AnsibleK8SModule refuses to start without the libraries
    from kubernetes.config import ConfigException
    from urllib3.exceptions import (
        ConnectTimeoutError,
        LocationValueError,
        ProtocolError,
        ProxyError,
        ReadTimeoutError,
    )
with suppress(ImportError):
    from cryptography import x509

ANONYMOUS: t.Final = "system:anonymous"
"""The user of a request without credentials (Kubernetes, "Authenticating", "Anonymous requests")."""

# Verification results of OpenSSL (x509_vfy.h). An authority of the same name with another key, as that of another
# cluster that kubeadm has made, shows as a signature that fails.
_UNKNOWN_AUTHORITY: t.Final = (2, 7, 18, 19, 20, 21)
_NOT_YET, _EXPIRED = 9, 10
_OTHER_NAME: t.Final = (62, 64)

_OBJECT: t.Final = re.compile(
    r"<[^<>]*\b0x[0-9a-f]+[^<>]*>:?\s*|\w+ConnectionPool\([^)]*\):?\s*|\[Errno -?\d+\]\s*|\s*\(_ssl\.c:\d+\)"
)
_DEPTH: t.Final = 10  # errors within each other


@dataclass(frozen=True)
class Way:
    """How an API server is asked, as far as a message says it."""

    server: str = ""
    """Its URL."""
    kubeconfig: str = "the kubeconfig"
    """Which one, with its file and its context where they are known."""
    authority: bool = False
    """Whether the kubeconfig names a certificate authority."""
    proxy: str = ""
    """The URL of a proxy on the way."""
    login: str = ""
    """The command that gives the credentials."""
    token: str = field(default="", repr=False)
    certificate: str = ""
    """The path of the client's certificate."""
    said: tuple[str, ...] = ()
    """What was logged while the credentials were taken from the kubeconfig."""

    @property
    def named(self) -> str:
        """The API server, as a message begins."""
        return f"The API server {self.server or f'of {self.kubeconfig}'}"


Told = tuple[str, str]
"""What is wrong, as the end of a sentence, and the fix."""


class UnknownUserError(ApiError):
    """The API server does not know who asks. No right helps."""


def unanswered(error: BaseException, way: Way) -> ApiError:
    """Return what is to be said of an API server that gave no answer."""
    errors = _within(error)
    found = [(row, inner) for inner in errors for row in _ROWS if row.fits(inner)]
    row, inner = found[0] if found else (_UNKNOWN, error)
    server = f"the server in {way.kubeconfig}"
    names = {
        "kubeconfig": way.kubeconfig,
        "where": f"the proxy of {way.kubeconfig} or of the environment" if way.proxy else server,
        "whose": "the kubeconfig names" if way.authority else "this machine trusts, and the kubeconfig names none",
        "words": plain(str(getattr(inner, "verify_message", "") or inner)),
        "file": getattr(inner, "filename", ""),
        "why": getattr(inner, "strerror", ""),
    }
    through = f" through the proxy {_without_password(way.proxy)}" if way.proxy else ""
    return ApiError(
        f"{way.named} cannot be asked{through}: {row.problem.format(**names)}.", fix=row.fix.format(**names)
    )


def login_failed(way: Way) -> ApiError:
    """Return what is to be said where the command of a kubeconfig gave no credentials."""
    words = " ".join(dict.fromkeys(plain(text).removeprefix("exec: ") for text in way.said))
    return ApiError(
        f"{way.named} was not asked: the login command {way.login} of {way.kubeconfig} failed: "
        f"{words or 'it gave no credentials'}.",
        fix="Install it on the controller, or log in, so that the command prints an ExecCredential with a token or a "
        "client certificate there.",
    )


def unknown_user(way: Way, asked: str, status: int, now: datetime) -> UnknownUserError:
    """Return what is to be said where an API server does not know who asks.

    asked: method and path. status: 401, or 403 for a request that it takes for one of nobody.
    """
    answer = "401 (Unauthorized)" if status == 401 else f"{status}, as to a request without credentials"  # noqa: PLR2004
    reason, fix = _credentials(way, status, now)
    return UnknownUserError(
        f"{way.named} does not know the user of {way.kubeconfig}: it answers {asked} with {answer}. {reason}",
        fix=fix,
        status=status,
        said=f"it does not know the user of {way.kubeconfig}. {reason.rstrip('.')}",
    )


def plain(words: str) -> str:
    """Return a library's words on one line, without the representation of objects, and without a full stop."""
    return " ".join(_OBJECT.sub("", words).split()).removeprefix("Could not create API client: ").rstrip(".")


def _within(error: BaseException) -> list[BaseException]:
    """Return an error and what caused it, the innermost first."""
    found: list[BaseException] = []
    rest: list[object] = [error]
    while rest and len(found) < _DEPTH:
        inner = rest.pop(0)
        if isinstance(inner, BaseException) and inner not in found:
            found.append(inner)
            rest += [getattr(inner, "reason", None), getattr(inner, "original_error", None), *inner.args]
            rest += [inner.__cause__, inner.__context__]
    return found[::-1]


def _verified(*codes: int) -> t.Callable[[BaseException], bool]:
    return lambda error: isinstance(error, ssl.SSLError) and getattr(error, "verify_code", 0) in codes


def _tls(*reasons: str) -> t.Callable[[BaseException], bool]:
    def fits(error: BaseException) -> bool:
        told = str(error.reason or error).upper().replace(" ", "_") if isinstance(error, ssl.SSLError) else ""
        return any(reason in told for reason in reasons)

    return fits


def _number(*numbers: int) -> t.Callable[[BaseException], bool]:
    return lambda error: isinstance(error, OSError) and error.errno in numbers


def _is_other_name(error: BaseException) -> bool:
    """Tell whether it is about a name; urllib3 has an error of its own for that."""
    return _verified(*_OTHER_NAME)(error) or type(error).__name__ == "CertificateError"


def _is_file(error: BaseException) -> bool:
    return isinstance(error, (FileNotFoundError, PermissionError, IsADirectoryError)) and bool(error.filename)


def _is_header(error: BaseException) -> bool:
    """Tell whether a header cannot be sent, which such an error quotes."""
    return isinstance(error, ValueError) and "header" in str(error).lower()


def _is_other_content(error: BaseException) -> bool:
    """Tell whether what was answered is no JSON, or has other members than an answer of an API server."""
    return isinstance(error, (json.JSONDecodeError, AttributeError, KeyError, TypeError))


def _is_no_url(error: BaseException) -> bool:
    return isinstance(error, (LocationValueError, UnicodeError)) or "IPv6 URL" in str(error)


class _Row(t.NamedTuple):
    """A cause: by what it is known, and the sentences about it, the first without its full stop."""

    fits: t.Callable[[BaseException], bool]
    problem: str
    fix: str


_UNKNOWN: t.Final = _Row(lambda _error: True, "{words}", "Check the server and the user of {kubeconfig}.")
# Of the errors within each other the innermost counts that a row fits, and of its rows the first.
_ROWS: t.Final = (
    _Row(
        _is_other_name,
        "its certificate is for other names than this one",
        "Name the API server in {kubeconfig} by a name or an address that its certificate has, or set tls-server-name "
        "there; or add the name to the certificate (apiServer.certSANs of kubeadm).",
    ),
    _Row(
        _verified(*_UNKNOWN_AUTHORITY),
        "its certificate is not of a certificate authority that {whose}",
        "Give the cluster in {kubeconfig} the cluster's own certificate authority as certificate-authority-data: "
        "/etc/kubernetes/pki/ca.crt of a control-plane host, where kubeadm made the cluster.",
    ),
    _Row(
        _verified(_EXPIRED),
        "its certificate has expired, by the clock of the controller",
        "Check that clock, then renew the API server's certificate (`kubeadm certs renew apiserver`).",
    ),
    _Row(
        _verified(_NOT_YET),
        "its certificate is not valid yet, by the clock of the controller",
        "Check that clock and the API server's.",
    ),
    _Row(
        lambda error: isinstance(error, ssl.SSLCertVerificationError),
        "its certificate is not accepted: {words}",
        "Renew the API server's certificate.",
    ),
    _Row(
        _tls("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "UNKNOWN_PROTOCOL", "HTTP_REQUEST"),
        "what answers there does not speak TLS",
        "Correct the server in {kubeconfig}: its port, or http:// for https://.",
    ),
    _Row(
        _tls("NO_CERTIFICATE_OR_CRL_FOUND", "NO_START_LINE", "KEY_VALUES_MISMATCH", "PEM", "NOT_ENOUGH_DATA"),
        "a certificate or key in {kubeconfig} is no PEM text, or key and certificate do not belong together",
        "Correct certificate-authority, client-certificate and client-key, or their -data.",
    ),
    _Row(
        lambda error: isinstance(error, ssl.SSLError),
        "the TLS handshake fails ({words})",
        "Check the certificates of the API server and of {kubeconfig}.",
    ),
    _Row(_is_file, "{file} of {kubeconfig} cannot be read: {why}", "Correct it in {kubeconfig}."),
    _Row(
        lambda error: isinstance(error, binascii.Error),
        "a text that ends in -data in {kubeconfig} is not base64",
        "Correct it there.",
    ),
    _Row(
        _is_header,
        "the token of {kubeconfig} holds a line break, or another character that no token has",
        "Write it on one line, without anything behind it.",
    ),
    _Row(
        _is_other_content,
        "what answers there gives no JSON of an API server, so it is something else or stands before it",
        "Correct the server in {kubeconfig}.",
    ),
    _Row(_is_no_url, "its address is no URL of the kind https://HOST:PORT ({words})", "Correct it in {kubeconfig}."),
    _Row(lambda error: isinstance(error, ConfigException), "{words}", "Correct it in {kubeconfig}."),
    _Row(
        lambda error: isinstance(error, socket.gaierror),
        "the name is not known to the controller's DNS",
        "Correct {where}, or let the controller resolve its name.",
    ),
    _Row(
        lambda error: isinstance(error, ConnectionRefusedError),
        "the connection is refused, so nothing listens there",
        "Start what listens there, or correct {where}, host and port.",
    ),
    _Row(
        _number(errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL),
        "the controller has no route to it",
        "Correct {where}, or let the controller reach it.",
    ),
    _Row(
        lambda error: isinstance(error, (ConnectTimeoutError, ReadTimeoutError, TimeoutError)),
        "it does not answer in time",
        "Correct {where}, or let the controller reach it: a firewall may drop what is sent.",
    ),
    _Row(
        lambda error: isinstance(error, OSError) and "Tunnel connection failed" in str(error),
        "the proxy does not connect ({words})",
        "Let the proxy connect to it, or name it in NO_PROXY.",
    ),
    _Row(
        lambda error: isinstance(error, (ConnectionError, ProtocolError)),
        "the connection is closed without an answer",
        "Check that an API server runs there, and {where}.",
    ),
    _Row(lambda error: isinstance(error, ProxyError), "the proxy does not take the connection", "Correct {where}."),
)


def _credentials(way: Way, status: int, now: datetime) -> Told:
    """Say what is wrong with the credentials that were sent, as a sentence."""
    if way.token:
        return _of_token(way, status, now)
    if way.certificate:
        return _of_client_certificate(way, status, now)
    return (
        "It sends no credentials: its user has neither a token nor a client certificate nor a login command.",
        "Give its user credentials, as `kubectl config view --raw` prints them where kubectl works.",
    )


def _of_token(way: Way, status: int, now: datetime) -> Told:
    whose = f"The token that its login command {way.login} gave" if way.login else "Its token"
    fix = (
        f"Log in again, so that {way.login} gives another."
        if way.login
        else f"Write a valid one into {way.kubeconfig}."
    )
    if status != 401:  # noqa: PLR2004 -- Unauthorized
        return f"{whose} does not arrive.", "Name the API server itself: what stands before it drops the header."
    said = _claims(way.token)
    expiry = said.get("exp")
    if isinstance(expiry, (int, float)):
        with suppress(ValueError, OverflowError, OSError):
            ended = datetime.fromtimestamp(expiry, timezone.utc)
            if ended <= now:
                return f"{whose} expired at {_moment(ended)}.", fix
    if said.get("iss"):
        return (
            f"{whose} has not expired. It is of the issuer {said['iss']}: this API server does not accept "
            "that issuer, the key or the audience, or what the token is of is deleted.",
            fix,
        )
    return f"{whose} is none that this API server knows.", fix


def _of_client_certificate(way: Way, status: int, now: datetime) -> Told:
    fix = f"Write a valid one into {way.kubeconfig}."
    with suppress(NameError, AttributeError, OSError, ValueError):
        found = x509.load_pem_x509_certificate(Path(way.certificate).read_bytes())
        if found.not_valid_after_utc <= now:
            return f"Its client certificate expired at {_moment(found.not_valid_after_utc)}.", fix
        if found.not_valid_before_utc > now:
            return f"Its client certificate is valid only from {_moment(found.not_valid_before_utc)}.", fix
    if status != 401:  # noqa: PLR2004 -- Unauthorized
        return (
            "Its client certificate does not arrive: what ends TLS there is not the API server, or asks for none.",
            "Name the API server itself, not a load balancer that ends TLS, or give its user a token.",
        )
    return "Its client certificate is not of an authority that this API server trusts.", fix


def _claims(token: str) -> dict[str, t.Any]:
    """Return what a JWT says, unverified; nothing for another token."""
    with suppress(ValueError):
        _header, payload, _signature = token.split(".")
        said = json.loads(base64.urlsafe_b64decode(f"{payload}=="))
        if isinstance(said, dict):
            return said
    return {}


def _moment(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M:%S} UTC"


def _without_password(url: str) -> str:
    return re.sub(r"//[^/@]*@", "//", url)


__all__: t.Final = ("ANONYMOUS", "UnknownUserError", "Way", "login_failed", "plain", "unanswered", "unknown_user")
