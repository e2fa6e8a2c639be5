# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""References of images. PRIVATE to the collection: it may change without notice.

The rules are those of the grammar in the distribution project's package "reference", by which container runtimes read
them, and of the OCI distribution specification, "Pulling manifests".
"""

from __future__ import annotations

import re
import typing as t

_LAST_PORT: t.Final = 65535
_LONGEST_NAME: t.Final = 255  # characters of registry and repository
_DIGITS: t.Final = {"sha256": 64, "sha512": 128}
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9A-Fa-f:]+\])(?::([0-9]+))?")
_COMPONENT = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*")
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_HEXADECIMAL = re.compile(r"[0-9a-f]+")


def registry(name: str) -> str:
    """Return the registry of a name without tag and digest; empty where the runtime's default is meant.

    The first part is one when it has a dot or a port, is C(localhost), or has an upper-case letter, which no repository
    has.
    """
    first, slash, _rest = name.partition("/")
    is_host = first == "localhost" or "." in first or ":" in first or first != first.lower()
    return first if slash and is_host else ""


def _name_problem(name: str) -> str:
    host = registry(name)
    if host:
        fits = _HOST.fullmatch(host)
        if fits is None or (fits[1] and not 0 < int(fits[1]) <= _LAST_PORT):
            return f"whose registry {host} is no host with or without a port"
    for part in name.removeprefix(f"{host}/" if host else "").split("/"):
        if not part:
            return "which has an empty part between slashes"
        if part != part.lower():
            return f"whose part {part} is not in lower case"
        if _COMPONENT.fullmatch(part) is None:
            return f"whose part {part} has other characters than letters, digits and single . _ - between them"
    return f"which is longer than {_LONGEST_NAME} characters" if len(name) > _LONGEST_NAME else ""


def _digest_problem(digest: str) -> str:
    algorithm, _colon, hexadecimal = digest.partition(":")
    if algorithm not in _DIGITS or _HEXADECIMAL.fullmatch(hexadecimal) is None:
        return f"whose digest {digest} is not sha256: or sha512: and hexadecimal digits in lower case"
    wanted = _DIGITS[algorithm]
    if len(hexadecimal) != wanted:
        short = "short" if len(hexadecimal) < wanted else "long"
        return (
            f"whose digest is too {short}: it has {len(hexadecimal)} hexadecimal digits, and {algorithm} has {wanted}"
        )
    return ""


def _text_problem(reference: object) -> str:
    if not isinstance(reference, str):
        return "which is no text"
    if not reference.isascii() or not reference.isprintable():
        return "which has a character that is not ASCII or not printable"
    if " " in reference:
        return "which has a blank"
    return "which has a scheme: leave out what ends in ://" if "://" in reference else ""


def reference_problem(reference: str, *, pinned: bool = True) -> str:
    """Return what is wrong with the reference of an image, as a clause that follows it; empty where nothing is.

    A tag or a digest is required, without which nobody could say what runs, unless it need not be PINNED.
    """
    problem = _text_problem(reference)
    if problem:
        return problem
    rest, at, digest = reference.partition("@")
    head, slash, last = rest.rpartition("/")
    base, colon, tag = last.partition(":")
    problem = _name_problem(f"{head}{slash}{base}")
    if not problem and colon and _TAG.fullmatch(tag) is None:
        problem = f"whose tag {tag!r} is not up to 128 letters, digits, _ . and -, with no . or - in front"
    if not problem and at:
        problem = _digest_problem(digest)
    if not problem and pinned and not (colon or at):
        problem = "which has no tag and no digest: nobody could say which webhook runs"
    return problem


def mirror_problem(mirror: str) -> str:
    """Return what is wrong with a registry, and a path in it if there is one, as a clause; empty where nothing is."""
    problem = _text_problem(mirror)
    if problem:
        return problem
    name = mirror.rstrip("/")
    if "@" in name:
        return "which has a digest or a user name"
    if not registry(f"{name}/"):
        return "which names no registry: its first part has no dot and no port, so that runtimes take it for a path"
    # A port that is the last thing is no tag.
    return _name_problem(f"{name}/x")


__all__: t.Final = ("mirror_problem", "reference_problem", "registry")
