# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must not be in a snapshot, and is taken out of texts of others. PRIVATE: it may change without notice.

A snapshot has named fields alone, so that a secret has no place in it. This is the second line: texts of others, such
as what a server says, a URL, or a policy, may quote a secret.
"""

from __future__ import annotations

import re
import typing as t

HIDDEN: t.Final = "***"

_SECRETS: t.Final = (
    # A JSON Web Token: header, payload and, where it is signed, signature.
    (re.compile(r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]*)?"), HIDDEN),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), HIDDEN),
    # User and password in front of a host, also one that should have been encoded, and what follows the path: a
    # presigned URL is a credential.
    (re.compile(r"\b([a-zA-Z][a-zA-Z0-9+.-]*://)[^\s@]+@"), rf"\1{HIDDEN}@"),
    (re.compile(r"\b([a-zA-Z][a-zA-Z0-9+.-]*://[^\s?#]*)\?[^\s#\"'<>]+"), rf"\1?{HIDDEN}"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"), rf"\1 {HIDDEN}"),
    (
        re.compile(r"(?i)\b((?:aws_)?(?:secret_access_key|session_token|password|token|secret)\s*[=:]\s*)\S+"),
        rf"\1{HIDDEN}",
    ),
)

# What of a statement decides, or is shown; IAM User Guide, "IAM JSON policy elements reference".
_ELEMENTS: t.Final = (
    *("Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction"),
    *("Resource", "NotResource", "Condition"),
)
# Whose values are agreed upon with somebody, who has to keep them to himself.
_AGREED: t.Final = ("sts:externalid",)

Json = t.Mapping[str, t.Any]


def without_secrets(text: str) -> str:
    """Return a text with what looks like a secret hidden: tokens, private keys, credentials in URLs."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


def policy_of(document: Json | None) -> dict[str, t.Any] | None:
    """Return a policy of IAM or S3 by its named elements, without values that only two parties should know."""
    if document is None:
        return None
    found = document.get("Statement", [])
    statements = found if isinstance(found, list) else [found]
    kept = [_statement(statement) for statement in statements if isinstance(statement, t.Mapping)]
    return {"Version": str(document.get("Version", "")), "Statement": kept}


def _statement(statement: Json) -> dict[str, t.Any]:
    kept = {name: statement[name] for name in _ELEMENTS if name in statement}
    condition = kept.get("Condition")
    if isinstance(condition, t.Mapping):
        kept["Condition"] = {
            str(name): {key: _value(key, value) for key, value in keys.items()}
            for name, keys in condition.items()
            if isinstance(keys, t.Mapping)
        }
    return kept


def _value(key: str, value: object) -> object:
    return HIDDEN if key.lower() in _AGREED else value


__all__: t.Final = ("HIDDEN", "policy_of", "without_secrets")
