# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules that the variables of irsa_rotate keep. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._documents.pem import KEY_ID
from ansible_collections.onprem.irsa.plugins.module_utils._errors import nearest
from ansible_collections.onprem.irsa.plugins.module_utils._input.limits import number_problems
from ansible_collections.onprem.irsa.plugins.module_utils._input.role_input import argument_problems
from ansible_collections.onprem.irsa.plugins.module_utils._rules.values import (
    Look,
    Values,
    is_true,
    rules_file_problems,
    text,
)

_NUMBERS: t.Final = (
    "irsa_rotate_timeout",
    "irsa_rotate_pause",
    "irsa_rotate_min_age",
    "irsa_rotate_max_age_days",
    "irsa_rotate_token_lifetime",
)
_SECRETS: t.Final = "irsa_rotate_reminted_secrets"
# A namespace and a name, with * and ? for any letters (RFC 1123 and DNS subdomains as Kubernetes has them).
_SECRET: t.Final = re.compile("[a-z0-9*?-]+/[a-z0-9.*?-]+")
_RULES_FILE: t.Final = "irsa_rotate_alert_rules_file"
_RULES_GROUP: t.Final = "onprem-irsa-keys"
_COPIES: t.Final = ("url", "command", "manual")
_TEXTS: t.Final = {"type": "list", "elements": "str"}
_PARTY: t.Final[t.Mapping[str, t.Mapping[str, t.Any]]] = {
    "name": {"type": "str"},
    "url": {"type": "str"},
    "command": _TEXTS,
    "manual": {"type": "bool"},
    "kids": _TEXTS,
    "rs256_only": {"type": "bool"},
}
"""What may be said of a relying party, as an argument spec says it."""


def problems(values: Values, look: Look) -> list[str]:
    """Say why keys cannot be rotated as asked for."""
    return [
        *_hosts_problems(values),
        *_kid_problems(values),
        *_secret_problems(values),
        *_party_problems(values),
        *number_problems({name: values[name] for name in _NUMBERS}),
        *rules_file_problems(values, _RULES_FILE, _RULES_GROUP, look),
    ]


def _hosts_problems(values: Values) -> t.Iterator[str]:
    """Say that key files on hosts cannot be changed where no host is contacted."""
    keys = values.get("irsa_issuer_keys", "hosts")
    if keys != "hosts":
        shown = "api" if keys == "api" else "a list of public keys"
        yield (
            f"irsa_issuer_keys is {shown}, so that no control-plane host is contacted, and a rotation changes the key "
            "files on them. Leave it out, with these hosts in the inventory; or use the distribution's own command."
        )


def _kid_problems(values: Values) -> t.Iterator[str]:
    given = {name: text(values, name) for name in ("irsa_rotate_signing_kid", "irsa_rotate_leaked_kid")}
    for name, kid in given.items():
        if kid and not KEY_ID.fullmatch(kid):
            yield (
                f"{name} is '{kid}', which is no id of a key: 43 letters, digits, - and _. Take it from the table "
                "that phase=status shows."
            )
    signing, leaked = given.values()
    if leaked and signing == leaked:
        yield (
            f"irsa_rotate_signing_kid and irsa_rotate_leaked_kid are both {leaked}: a key that somebody else has must "
            "not sign. Leave irsa_rotate_signing_kid out, and a new key is made."
        )
    if is_true(values, "irsa_rotate_emergency") and not leaked:
        yield (
            "irsa_rotate_emergency is set, and no key is named in irsa_rotate_leaked_kid. Name the one that somebody "
            "else has, or leave irsa_rotate_emergency out."
        )


def _secret_problems(values: Values) -> t.Iterator[str]:
    patterns = values.get(_SECRETS) or []
    for pattern in patterns if isinstance(patterns, (list, tuple)) else ():
        if not _SECRET.fullmatch(str(pattern)):
            yield (
                f"{_SECRETS} has '{pattern}', which names no Secret. Write NAMESPACE/NAME, with * and ? where several "
                "are meant: ci/robot, ci/*."
            )


def _party_problems(values: Values) -> t.Iterator[str]:
    parties = values.get("irsa_rotate_relying_parties") or values.get("irsa_relying_parties") or []
    if not isinstance(parties, (list, tuple)) or not all(isinstance(party, t.Mapping) for party in parties):
        return  # the argument spec says so
    seen = set[str]()
    for number, party in enumerate(parties, start=1):
        name = str(party.get("name") or "")
        shown = f"irsa_relying_parties, item {number}{f' ({name})' if name else ''}"
        wrong = [*_form_problems(shown, party)]
        yield from wrong
        if wrong:
            continue
        if name in seen:
            yield f"{shown}, has the name of another one. Give each a name of its own: messages tell them apart by it."
        seen.add(name)
        yield from _copy_problems(shown, party)
        if is_true(party, "rs256_only") and text(values, "irsa_rotate_key_type") == "EC":
            yield (
                f"{shown}, takes tokens that an RSA key has signed, and no others (rs256_only), and "
                "irsa_rotate_key_type is EC. Set it to RSA."
            )


def _form_problems(shown: str, party: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    """Say what is not written as it must be; nothing else can be said of it then."""
    if "name" not in party or party["name"] == "":
        yield f"{shown}, has no name. Give each one of its own: messages tell them apart by it."
    for name in party:
        if name not in _PARTY:
            hint = nearest(str(name), _PARTY) or f"It may have {', '.join(_PARTY)}."
            yield f"{shown}, has {name}, which says nothing of who verifies tokens. {hint}"
    yield from (f"{shown}: {problem}" for problem in argument_problems(_PARTY, party))


def _copy_problems(shown: str, party: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    """Say what is wrong with how a relying party is asked for its copy of the key set."""
    ways = [way for way in _COPIES if party.get(way) and (way != "manual" or is_true(party, way))]
    if len(ways) > 1:
        yield f"{shown}, has {' and '.join(ways)}, each of which says what it knows. Leave one of them."
    if party.get("kids") and "manual" not in ways:
        yield f"{shown}, has kids, which are asked of itself unless it is manual. Set manual: true, or leave kids out."
    url = str(party.get("url") or "")
    if url and not re.fullmatch(r"https?://[^/\s]+\S*", url):
        yield f"{shown}, has the url '{url}', which is none. Write it with its scheme: https://partner.example.com/keys.json."
    for kid in party.get("kids") or []:
        if not KEY_ID.fullmatch(str(kid)):
            yield f"{shown}, has '{kid}' among its kids, which is no id of a key: 43 letters, digits, - and _."


__all__: t.Final = ("problems",)
