# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON documents: policies, claims, key sets."""

from __future__ import annotations

import json
import typing as t

Json: t.TypeAlias = t.Any
"""What json.loads returns."""
JsonObject: t.TypeAlias = t.Mapping[str, t.Any]
"""A JSON object, parsed."""


def load(text: str | bytes) -> Json:
    """Parse a document; refuse (ValueError) names given twice and numbers that are none (RFC 8259, 4 and 6)."""

    def unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
        result = dict(pairs)
        if len(result) != len(pairs):
            raise ValueError("a name is given twice")
        return result

    def refuse(name: str) -> Json:
        raise ValueError(f"{name} is no number")

    return json.loads(text, object_pairs_hook=unique, parse_constant=refuse)


def strings(value: Json) -> list[str]:
    """Return a JSON string, boolean or number, or the items of a list of them, as texts."""
    items = value if isinstance(value, list) else [value]
    return [str(item).lower() if isinstance(item, bool) else str(item) for item in items]
