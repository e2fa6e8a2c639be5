# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Prometheus' blackbox exporter asks of an issuer's documents. PRIVATE to the collection: it may change.

Pure. The names are those of CONFIGURATION.md of prometheus/blackbox_exporter, the expressions are of Go's RE2.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._documents.jwks import go_json, published_object
from ansible_collections.onprem.irsa.plugins.module_utils._documents.paths import DISCOVERY_PATH
from ansible_collections.onprem.irsa.plugins.module_utils._documents.served import FETCH_SECONDS

_BETWEEN: t.Final = r"\s*,\s*"


class Probe(t.NamedTuple):
    """One document, and how to tell that it is served as it was published."""

    url: str
    """Where everybody reads it. The module has this name, too, so that it need not be chosen for each URL."""
    module: dict[str, t.Any]
    """The module of the exporter."""


def probes(issuer: str, jwks_uri: str, jwks: str) -> list[Probe]:
    """Return the probes of an issuer's discovery document and its key set.

    The key set has to have each key of JWKS, member by member, and no other one: whoever adds a key to it can make
    tokens that AWS takes. An empty JWKS stands for any keys. Of the discovery document what AWS reads is compared.
    White space and the order of the keys do not count. Raises InputError for a JWKS that is not JSON.
    """
    discovery = [_member("issuer", issuer), _member("jwks_uri", jwks_uri)]
    return [
        _probe(issuer + DISCOVERY_PATH, ["issuer", "jwks_uri"], discovery),
        _probe(jwks_uri, ["keys"], _keys(published_object(jwks, source="jwks").get("keys") or [])),
    ]


def _probe(url: str, members: t.Iterable[str], wanted: list[str]) -> Probe:
    http = {
        "valid_status_codes": [200],
        "follow_redirects": False,  # AWS follows none
        "fail_if_not_ssl": True,
        # The exporter takes an address of IPv6 by default, also where it has no way there.
        "preferred_ip_protocol": "ip4",
        "fail_if_body_not_matches_regexp": wanted,
        # Which of two members with one name counts is up to the reader (RFC 8259 section 4).
        "fail_if_body_matches_regexp": [rf'(?s)"{name}"\s*:.*"{name}"\s*:' for name in members],
    }
    return Probe(url, {"prober": "http", "timeout": f"{FETCH_SECONDS:.0f}s", "http": http})


def _keys(keys: t.Sequence[t.Mapping[str, t.Any]]) -> list[str]:
    if not keys:
        return [r'"keys"\s*:\s*\[\s*\{']
    each = [_text(key) for key in keys]
    one = f"(?:{'|'.join(each)})"
    return [*each, rf'"keys"\s*:\s*\[\s*{one}(?:{_BETWEEN}{one})*\s*\]']


def _member(name: str, value: object) -> str:
    return rf"{_text(name)}\s*:\s*{_text(value)}"


def _text(value: object) -> str:
    """Return the expression for a JSON value, in any white space."""
    if isinstance(value, t.Mapping):
        return rf"\{{\s*{_BETWEEN.join(_member(*member) for member in value.items())}\s*\}}"
    if isinstance(value, list):
        return rf"\[\s*{_BETWEEN.join(map(_text, value))}\s*\]"
    return re.escape(go_json(value))


__all__: t.Final = ("Probe", "probes")
