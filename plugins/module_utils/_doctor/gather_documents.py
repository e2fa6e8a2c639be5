# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to an issuer's documents, and to STS, as the world has it. PRIVATE: it may change without notice.

No credentials are needed. Fetching is C(_proof)'s; here is what a relying party does not say: the addresses of the
host, and which certificate it shows where that is refused.
"""

from __future__ import annotations

import hashlib
import os
import socket
import ssl
import time
import typing as t
from contextlib import suppress
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from ansible_collections.onprem.irsa.plugins.module_utils._documents.discovery import check_jwks_uri
from ansible_collections.onprem.irsa.plugins.module_utils._documents.issuer import partition
from ansible_collections.onprem.irsa.plugins.module_utils._documents.jwks import published_object
from ansible_collections.onprem.irsa.plugins.module_utils._documents.paths import DISCOVERY_PATH
from ansible_collections.onprem.irsa.plugins.module_utils._documents.regions import known_regions
from ansible_collections.onprem.irsa.plugins.module_utils._documents.served import FETCH_SECONDS
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError, IrsaError
from ansible_collections.onprem.irsa.plugins.module_utils._iam.thumbprint import served_chain
from ansible_collections.onprem.irsa.plugins.module_utils._proof.checks import Document, LinkError
from ansible_collections.onprem.irsa.plugins.module_utils._proof.relying_party import fetch, trusting

with suppress(ImportError):  # the module names the missing library
    from cryptography import x509

Json = dict[str, t.Any]

_HTTPS: t.Final = 443
# X509_verify_cert(3): what is wrong with a certificate whose authority is trusted nevertheless: its times, or its name.
_OTHERWISE: t.Final = (9, 10, 62, 63, 64)
_UNKNOWN_ISSUER: t.Final = (20, 21)  # as above: the issuer's certificate was not found
_HERE: t.Final = "controller"


def gather(issuer: str, region: str, ca_file: str | None = None) -> Json:
    """Look at the documents of an issuer and at STS in a region, as C(observations.from_observations) takes it.

    issuer: empty where nobody knows it.
    region: empty where nobody knows it.
    """
    answers: list[Document] = []
    documents: t.Any = {"not_looked_at": "the issuer is not known (irsa_doctor_issuer_url)"}
    if issuer:
        discovery = _document(issuer + DISCOVERY_PATH, ca_file, answers)
        documents = [{"seen_from": _HERE, "discovery": discovery, "jwks": _key_set(discovery, ca_file, answers)}]
    seen = _region(region, ca_file, answers) if region else {"not_looked_at": "no region is known (irsa_region)"}
    offsets = [offset for answer in reversed(answers) if (offset := _offset(answer)) is not None]
    clock = {"offset": offsets[0]} if offsets else {"not_looked_at": "nobody has told the time"}
    return {"documents": documents, "region": seen, "clock": clock}


def _key_set(discovery: Json, ca_file: str | None, answers: list[Document]) -> Json:
    """Look at the key set that a discovery document names."""
    try:
        content = published_object(str(discovery.get("body") or ""), source=str(discovery["url"]))
        return _document(check_jwks_uri(str(content.get("jwks_uri"))), ca_file, answers)
    except InputError:
        return {"not_looked_at": "the discovery document names no key set that can be fetched"}


def _document(url: str, ca_file: str | None, answers: list[Document]) -> Json:
    """Return how one document is fetched; what answers goes to ANSWERS, with when it did."""
    parts = urlsplit(url)
    host, port = str(parts.hostname), parts.port or _HTTPS
    if _is_behind_proxy(host):
        return _fetched({"url": url}, None, answers, lambda: fetch(url, ca_file))
    addresses, unresolved = _addresses(host, port)
    found: Json = {"url": url, "addresses": addresses, "unresolved": unresolved}
    if unresolved:
        return found
    try:
        tls, verified = _tls(host, port, ca_file)
    except OSError as error:
        return {**found, "unreached": _words(error)}
    return _fetched(found, tls, answers, lambda: fetch(url, ca_file, verified=verified))


def _is_behind_proxy(host: str) -> bool:
    """Tell whether a proxy stands between, which looks up names and connects in our place."""
    return "https" in getproxies() and not proxy_bypass(host)


def _fetched(found: Json, tls: Json | None, answers: list[Document], ask: t.Callable[[], Document]) -> Json:
    """Add to what was found of a document what its host answers; that goes to ANSWERS as well."""
    try:
        answer = ask()
    except LinkError as error:
        return {**found, "tls": tls, "unreached": _words(error)}
    answers.append(answer)
    redirect = answer.headers.get("location", "")
    seen = {"status": answer.status, "seconds": answer.seconds, "headers": answer.headers, "body": answer.body}
    return {**found, **seen, "tls": tls, "redirect": redirect}


def _words(error: Exception) -> str:
    """Say why there was no answer, without the address, which is told beside it."""
    cause = error.__cause__ or error if isinstance(error, LinkError) else error
    reason = getattr(cause, "reason", cause)  # of urllib's URLError
    if isinstance(reason, TimeoutError):
        return "timeout"
    if isinstance(reason, ConnectionRefusedError):
        return "refused"
    return reason.problem if isinstance(reason, IrsaError) else str(reason)


def _addresses(host: str, port: int) -> tuple[list[str], str]:
    """Return the addresses of a host, or why it has none."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        return [], str(error.strerror or error)
    return sorted({str(address[4][0]) for address in found}), ""


def _tls(host: str, port: int, ca_file: str | None) -> tuple[Json, bool]:
    """Return what a host shows of itself, and whether it can be verified here; raises OSError without an answer."""
    try:
        return _shown(host, port, trusting(ca_file), 0), True
    except ssl.SSLCertVerificationError as error:
        return _shown(host, port, ssl._create_unverified_context(), error.verify_code), False  # noqa: S323 -- looked at


def _shown(host: str, port: int, context: ssl.SSLContext, code: int) -> Json:
    """Connect, and return what the host shows; CODE is why its certificate was refused, 0 where it was not."""
    with (
        socket.create_connection((host, port), FETCH_SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=host) as connection,
    ):
        chain, version = served_chain(connection), str(connection.version())
    leaf = x509.load_der_x509_certificate(chain[0])
    return {
        "not_before": leaf.not_valid_before_utc.timestamp(),
        "not_after": leaf.not_valid_after_utc.timestamp(),
        "names": _names(leaf),
        "issued_by": leaf.issuer.rfc4514_string(),
        "trusted": code == 0 or code in _OTHERWISE,
        "complete": not (code in _UNKNOWN_ISSUER and len(chain) == 1 and _is_of_chain(leaf)),
        "named": code not in (62, 63, 64),
        "version": version,
        "thumbprint": hashlib.sha1(chain[-1], usedforsecurity=False).hexdigest(),
    }


def _names(leaf: x509.Certificate) -> list[str]:
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    return [str(name) for name in names.get_values_for_type(x509.DNSName)]


def _is_of_chain(leaf: x509.Certificate) -> bool:
    """Tell whether a certificate says where that of its issuer is found, as those of public authorities do."""
    if leaf.issuer == leaf.subject:
        return False
    try:
        leaf.extensions.get_extension_for_class(x509.AuthorityInformationAccess)
    except (x509.ExtensionNotFound, ValueError):
        return False
    return True


def _region(region: str, ca_file: str | None, answers: list[Document]) -> Json:
    """Look at a region, and whether its STS answers here."""
    try:
        found = partition(region)
    except InputError:
        return {"name": region, "known": not known_regions()}
    endpoint = f"https://sts.{region}.{found.dns_suffix}"
    try:
        # As the AWS SDKs have it, another authority may be trusted for AWS itself.
        answers.append(fetch(f"{endpoint}/", os.environ.get("AWS_CA_BUNDLE") or ca_file))
    except IrsaError as error:
        unreached = {_HERE: _words(error)}
    else:
        unreached = {}
    return {"name": region, "partition": found.name, "endpoint": endpoint, "unreached": unreached}


def _offset(answer: Document) -> float | None:
    """Return by how many seconds the clock here is ahead of the one of who has just answered; None without a time."""
    try:
        return round(time.time() - parsedate_to_datetime(answer.headers["date"]).timestamp(), 1)
    except (KeyError, ValueError, TypeError):
        return None


__all__: t.Final = ("gather",)
