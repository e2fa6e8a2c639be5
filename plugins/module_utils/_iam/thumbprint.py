# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The thumbprint of an issuer's host. PRIVATE to the collection: it may change without notice.

Source: IAM User Guide, "Obtain the thumbprint for an OpenID Connect identity provider": the SHA-1 of the last
certificate of the chain that the host of the jwks_uri serves.
"""

from __future__ import annotations

import hashlib
import socket
import ssl
import typing as t
from urllib.parse import urlsplit

from ansible_collections.onprem.irsa.plugins.module_utils._documents.paths import DISCOVERY_PATH
from ansible_collections.onprem.irsa.plugins.module_utils._documents.served import FETCH_SECONDS
from ansible_collections.onprem.irsa.plugins.module_utils._errors import IrsaError
from ansible_collections.onprem.irsa.plugins.module_utils._proof.checks import LinkError, check_discovery
from ansible_collections.onprem.irsa.plugins.module_utils._proof.relying_party import fetch


def issuer_thumbprint(issuer: str) -> str:
    """Return the thumbprint that IAM computes for an issuer, in lower case.

    Raises LinkError when the issuer's documents cannot be had or its certificate is not trusted here: a thumbprint is
    worth nothing when anybody may stand between.
    """
    address = urlsplit(check_discovery(fetch(issuer + DISCOVERY_PATH), issuer))
    return served_thumbprint(str(address.hostname), address.port or 443)


def served_thumbprint(host: str, port: int) -> str:
    """Return the SHA-1 of the last certificate that a host serves, in lower case."""
    context = ssl.create_default_context()
    try:
        plain = socket.create_connection((host, port), FETCH_SECONDS)
        with context.wrap_socket(plain, server_hostname=host) as connection:
            last = served_chain(connection)[-1]
    except OSError as error:
        raise LinkError(
            f"The certificates of {host}:{port} cannot be read: {error}.",
            fix="The host must be reachable from here, with a certificate of an authority that is trusted here (system "
            "trust store, or SSL_CERT_FILE). Or give thumbprints.",
        ) from error
    return hashlib.sha1(last, usedforsecurity=False).hexdigest()


def served_chain(connection: ssl.SSLSocket) -> list[bytes]:
    """Return the certificates in DER, as they were served. Public since Python 3.13, there since 3.10."""
    if hasattr(connection, "get_unverified_chain"):
        return t.cast("list[bytes]", connection.get_unverified_chain())
    inner: t.Any = getattr(connection, "_sslobj", None)
    if not hasattr(inner, "get_unverified_chain"):
        raise IrsaError(
            "The chain of certificates cannot be read with Python before 3.10.",
            fix="Run the task with a newer ansible_python_interpreter, or give thumbprints.",
        )
    return [ssl.PEM_cert_to_DER_cert(certificate.public_bytes()) for certificate in inner.get_unverified_chain()]


__all__: t.Final = ("issuer_thumbprint", "served_chain", "served_thumbprint")
