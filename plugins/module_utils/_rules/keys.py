# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of irsa_issuer_keys, which several roles read. PRIVATE to the collection: it may change without notice.

What is private in it is never quoted: whoever writes a private key there by mistake should not find it in a log, too.
"""

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._documents.issuer import broken
from ansible_collections.onprem.irsa.plugins.module_utils._documents.jwks import jwks_from_pems
from ansible_collections.onprem.irsa.plugins.module_utils._documents.pem import public_blocks
from ansible_collections.onprem.irsa.plugins.module_utils._input.role_input import as_yaml

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._rules.values import Values

_NAME: t.Final = "irsa_issuer_keys"
_A_KEY: t.Final = (
    "Give each as the text of its file, as in irsa_issuer_keys: [\"{{ lookup('ansible.builtin.file', 'sa.pub') }}\"]."
)


def key_problems(values: Values) -> list[str]:
    """Say what is wrong with where the public keys come from; it need not be set."""
    keys = values.get(_NAME, "hosts")
    if keys in ("hosts", "api"):
        return []
    if keys is None:
        return [
            f"{_NAME} is null, which is what YAML makes of an empty value. It must be hosts, api, or a list of public "
            "keys. Give it one, or leave it out."
        ]
    if not isinstance(keys, (list, tuple)) or not keys:
        shown = f" {as_yaml(keys)}" if "-----BEGIN" not in str(keys) else ", or holds, a PEM text"
        return [f"{_NAME} is{shown}. It must be hosts, api, or a list of public keys. {_A_KEY}"]
    found = [problem for number, key in enumerate(keys, start=1) for problem in _pem_problems(number, key)]
    return found or broken(lambda: jwks_from_pems(_named(keys)))


def _pem_problems(number: int, key: object) -> list[str]:
    name = f"{_NAME}, item {number}"
    if "PRIVATE KEY-----" in str(key):
        return [
            f"{name}, holds a private key, which is not shown. It must be a public key or a certificate. Remove the "
            "private key from the inventory, and give what `openssl pkey -in FILE -pubout` prints. Who can read the "
            "inventory, its history or its logs can sign tokens with that key: treat it as known, and rotate it."
        ]
    if not isinstance(key, str) or "-----BEGIN" not in key:
        return [f"{name}, is no PEM text. {_A_KEY}"]
    return broken(lambda: public_blocks(key, source=name))


def _named(keys: t.Iterable[str]) -> t.Iterator[tuple[str, str]]:
    return ((f"{_NAME}, item {number}", key) for number, key in enumerate(keys, start=1))


__all__: t.Final = ("key_problems",)
