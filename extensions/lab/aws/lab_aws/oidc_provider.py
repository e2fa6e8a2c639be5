# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""IAM OIDC identity providers: what CreateOpenIDConnectProvider accepts.

Source: IAM API Reference, CreateOpenIDConnectProvider: the URL begins with https:// and may have a path, but no query
and no port; it has 1-255 characters; at most 100 client ids of 1-255 characters, at most 5 thumbprints of 40 hexa-
decimal digits.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass
from urllib.parse import urlsplit

from .errors import AwsError

if t.TYPE_CHECKING:
    from collections.abc import Sequence

MAX_URL = 255
MAX_CLIENT_ID = 255
MAX_CLIENT_IDS = 100
MAX_THUMBPRINTS = 5
MAX_PROVIDERS = 100
_HOST = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*")


@dataclass(frozen=True)
class Provider:
    """A registered provider. ``url`` is the issuer, with its scheme."""

    arn: str
    url: str
    client_ids: tuple[str, ...] = ()

    @property
    def key_prefix(self) -> str:
        """What condition keys begin with: the URL without its scheme."""
        return self.url.removeprefix("https://")


def _length(field: str, bound: str) -> AwsError:
    text = f"1 validation error detected: Value at '{field}' failed to satisfy constraint: Member must have length "
    return AwsError("ValidationError", text + bound)


def check_url(url: str) -> None:
    """Refuse (AwsError) a URL that IAM does not take for a provider."""
    if not url:
        raise _length("url", "greater than or equal to 1")
    if len(url) > MAX_URL:
        raise _length("url", f"less than or equal to {MAX_URL}")
    if "://" not in url:
        raise AwsError("ValidationError", "Invalid Open ID Connect Provider URL")
    if not url.startswith("https://"):
        raise AwsError("InvalidInput", "Invalid Open ID Connect Provider URL. The URL must begin with https://.")
    parts = urlsplit(url)
    if "?" in url or "#" in url or "@" in parts.netloc or ":" in parts.netloc or not _HOST.fullmatch(parts.netloc):
        raise AwsError("InvalidInput", "Invalid Open ID Connect Provider URL.")


def check_client_ids(client_ids: Sequence[str]) -> None:
    """Refuse (AwsError) audiences that IAM does not take."""
    if len(client_ids) > MAX_CLIENT_IDS:
        raise AwsError(
            "LimitExceeded", f"Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: {MAX_CLIENT_IDS}", 409
        )
    for client_id in client_ids:
        if not client_id or len(client_id) > MAX_CLIENT_ID:
            raise _length("clientIDList", f"less than or equal to {MAX_CLIENT_ID}")


def check_thumbprints(thumbprints: Sequence[str]) -> None:
    """Refuse (AwsError) thumbprints that IAM does not take."""
    if len(thumbprints) > MAX_THUMBPRINTS:
        raise AwsError("InvalidInput", "Thumbprint list must contain fewer than 5 entries.")
    if not all(re.fullmatch(r"[0-9A-Fa-f]{40}", thumbprint) for thumbprint in thumbprints):
        raise AwsError("InvalidInput", "Thumbprint must be exactly 40 characters.")


def check_room(url: str, providers: Sequence[Provider]) -> None:
    """Refuse (AwsError) a second provider for one URL, and more providers than an account may have."""
    if any(provider.url == url for provider in providers):
        raise AwsError("EntityAlreadyExists", f"Provider with url {url} already exists.", 409)
    if len(providers) >= MAX_PROVIDERS:
        raise AwsError(
            "LimitExceeded", f"Cannot exceed quota for OpenIdConnectProvidersPerAccount: {MAX_PROVIDERS}", 409
        )
