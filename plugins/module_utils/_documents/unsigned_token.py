# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A token that nobody has signed, by which an API server shows which issuers it accepts. PRIVATE to the collection: it
may change without notice.

Pure; for the controller and for hosts.
"""

from __future__ import annotations

import base64
import json
import typing as t

NOBODY: t.Final = "https://onprem-irsa.invalid"
"""An issuer that no API server has, by which it is seen whether the others are told apart (RFC 2606: .invalid)."""

# kube-apiserver looks at the issuer before it looks for the key (AuthenticateToken in Kubernetes'
# pkg/serviceaccount/jwt.go): of an issuer that it accepts it says that there is no key, of another one nothing.
_ACCEPTED: t.Final = "no keys found"


def unsigned_token(issuer: str) -> str:
    """Return a token that nobody has signed, by which an API server shows whether it accepts the issuer.

    It is valid nowhere: its key does not exist, and its signature is zeros.
    """
    parts = ({"alg": "RS256", "kid": "onprem-irsa-asks"}, {"iss": issuer})
    return ".".join([*(_base64url(json.dumps(part).encode()) for part in parts), _base64url(bytes(256))])


def is_accepted(error: str) -> bool:
    """Tell by what a TokenReview says of an unsigned token whether its issuer is accepted."""
    return _ACCEPTED in error


def header(token: str) -> dict[str, t.Any]:
    """Return the header of a token, unverified; raises ValueError for what is no token."""
    return _part(token, 0)


def claims(token: str) -> dict[str, t.Any]:
    """Return what a token says, unverified; raises ValueError for what is no token."""
    return _part(token, 1)


def _part(token: str, number: int) -> dict[str, t.Any]:
    part = json.loads(base64.urlsafe_b64decode(f"{token.split('.')[number]}==" if token.count(".") > 1 else ""))
    if not isinstance(part, dict):
        raise ValueError("no mapping")  # noqa: TRY004 -- of the text, not of the caller
    return part


def _base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")


__all__: t.Final = ("NOBODY", "claims", "header", "is_accepted", "unsigned_token")
