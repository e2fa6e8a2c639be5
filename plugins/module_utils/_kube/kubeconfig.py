# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A kubeconfig as the modules take it: in memory. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import posixpath
import re
import typing as t
from contextlib import suppress

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError, nearest

Json = dict[str, t.Any]

# kubernetes.core hides every text of a kubeconfig wherever it stands in a result. A common word here ("kubernetes",
# "prod", "v1") would be blanked out of role ARNs, names and API versions: so one that stands nowhere else replaces it.
NAME = "onprem-irsa-current-context"

_LOOPBACK: t.Final = re.compile(r"https://(127\.|localhost[:/]|\[::1\])")
_OF_PROGRAM: t.Final = ("command", "apiVersion", "interactiveMode", "installHint")
_SECRET: t.Final = re.compile(r"-[^=]*(secret|password|token|key)[^=]*", re.IGNORECASE)  # an option that takes a secret
_SHOWN: t.Final = 10  # contexts in a message
_FILES = {"cluster": ("certificate-authority",), "user": ("client-certificate", "client-key", "tokenFile")}


def current_context(kubeconfig: object, directory: str | None = None, where: str = "") -> Json:
    """Reduce a kubeconfig to its current context, under one neutral name.

    Other contexts, whose credentials are none of ours, are left out. Relative file names, which a kubeconfig means
    relative to its own directory (Kubernetes, Organizing Cluster Access, "File references"), are joined with it; and
    so is the path of a program that gives credentials (client-go credential plugins), but not a mere name.

    where: where it was found, which messages about its API server and its user name then (C(source_of)).

    Raises InputError for what is not a kubeconfig, or has no current context. It quotes names of contexts, clusters
    and users alone.
    """
    if not isinstance(kubeconfig, dict) or not kubeconfig.get("clusters"):
        found = "is empty" if not kubeconfig else "is not a mapping that names clusters"
        raise InputError(
            f"{where or 'This'} {found}, so it is not a kubeconfig.",
            fix="Write there what `kubectl config view --raw` prints where kubectl works, or name another file in "
            "irsa_kubeconfig_path.",
        )
    this = where or "The kubeconfig"
    contexts = _names(kubeconfig, "contexts", this)
    name = kubeconfig.get("current-context")
    if name not in contexts:
        _refuse_context(this, name, contexts)
    context = _entry(kubeconfig, "context", name, this)
    cluster = _entry(kubeconfig, "cluster", context.get("cluster"), f"{this} (context {name})")
    user = _entry(kubeconfig, "user", context.get("user"), f"{this} (context {name})")
    reduced: Json = {
        "current-context": NAME,
        "contexts": [{"name": NAME, "context": {"cluster": NAME, "user": NAME}}],
        "clusters": [{"name": NAME, "cluster": _absolute("cluster", cluster, directory)}],
        "users": [{"name": NAME, "user": _absolute("user", user, directory)}],
    }
    if where:
        described = f"the kubeconfig {where} (context {name})"
        reduced["extensions"] = [{"name": f"{NAME}-source", "extension": {"described": described}}]
    return reduced


def source_of(kubeconfig: object) -> str:
    """Return how messages name a kubeconfig; empty for a mapping that C(current_context) has not made."""
    if isinstance(kubeconfig, str):
        return f"the kubeconfig {kubeconfig}" if kubeconfig else ""
    with suppress(LookupError, TypeError):
        return str(t.cast("Json", kubeconfig)["extensions"][0]["extension"]["described"])
    return ""


def login_of(kubeconfig: object) -> str:
    """Return the command that gives the credentials of a kubeconfig of one context; empty where none does."""
    with suppress(LookupError, TypeError):
        return str(t.cast("Json", kubeconfig)["users"][0]["user"]["exec"]["command"])
    return ""


def public_texts(kubeconfig: object) -> set[str]:
    """Return the texts of a kubeconfig of one context that are no secrets; none for what is no mapping.

    What stands there for the cluster, names of files, and the words of a login command, but for those that an option
    with a secret takes.
    """
    if not isinstance(kubeconfig, dict):
        return set()
    with suppress(LookupError, TypeError, AttributeError):
        user = kubeconfig["users"][0]["user"]
        program = user.get("exec") or {}
        words = [program.get(key) for key in _OF_PROGRAM]
        arguments = [str(argument) for argument in program.get("args") or ()]
        before = ["", *arguments]
        words += [text for text, last in zip(arguments, before) if not (_SECRET.match(text) or _SECRET.fullmatch(last))]
        files = [user.get(key) for key in (*_FILES["user"], "username")]
        shown = [kubeconfig["clusters"][0]["cluster"], source_of(kubeconfig), words, files]
        return {text for text in _texts(shown) if text}
    return set()


def secret_texts(kubeconfig: object) -> set[str]:
    """Return the texts of the user of a kubeconfig of one context that are secrets."""
    with suppress(LookupError, TypeError, AttributeError):
        user = t.cast("Json", kubeconfig)["users"][0]["user"]
        named = [user.get(key) for key in ("token", "password", "client-key-data", "auth-provider")]
        proxy = t.cast("Json", kubeconfig)["clusters"][0]["cluster"].get("proxy-url")
        named += [proxy] if "@" in str(proxy) else []
        return set(_texts([*named, (user.get("exec") or {}).get("env")]))
    return set()


def _texts(value: object) -> t.Iterator[str]:
    """Yield every text in a value, at any depth, but for the names of what a mapping holds."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def refuse_loopback(kubeconfig: Json, where: str) -> None:
    """Raise InputError for a reduced kubeconfig, found at WHERE, that reaches the API on its own host alone."""
    server = kubeconfig["clusters"][0]["cluster"].get("server", "")
    if _LOOPBACK.match(server):
        raise InputError(
            f"{where} names the API server {server}, which is that host alone.",
            fix="Name a kubeconfig that works on the controller in irsa_kubeconfig_path.",
        )


def at_server(kubeconfig: Json, url: str) -> Json:
    """Have a kubeconfig of one context reach another API server of its cluster."""
    entry = kubeconfig["clusters"][0]
    return {**kubeconfig, "clusters": [{**entry, "cluster": {**entry["cluster"], "server": url}}]}


def _names(kubeconfig: Json, kinds: str, where: str) -> list[str]:
    """Return the names of a list of a kubeconfig; raise InputError for what is no such list."""
    entries = kubeconfig.get(kinds) or []
    if not isinstance(entries, list) or not all(isinstance(entry, dict) and entry.get("name") for entry in entries):
        raise InputError(
            f"{where}: {kinds} is not a list of mappings with a name.",
            fix="Write there what `kubectl config view --raw` prints where kubectl works.",
        )
    return [str(entry["name"]) for entry in entries]


def _refuse_context(where: str, name: object, contexts: t.Sequence[str]) -> t.NoReturn:
    wrong = f"has the current-context {name}, which is none of its contexts" if name else "names no current-context"
    those = (
        f"It has {', '.join(contexts[:_SHOWN])}{' and more' if len(contexts) > _SHOWN else ''}."
        if contexts
        else ("It has no contexts.")
    )
    meant = nearest(str(name), contexts) if name else ""
    raise InputError(
        " ".join(filter(None, (f"{where} {wrong}.", those, meant))),
        fix="Choose one of them with `kubectl config use-context NAME`." if contexts else "Name another kubeconfig.",
    )


def _entry(kubeconfig: Json, kind: str, name: object, where: str) -> Json:
    known = _names(kubeconfig, f"{kind}s", where)
    found = [entry.get(kind) for entry in kubeconfig.get(f"{kind}s") or [] if entry.get("name") == name]
    if not name or not found or not isinstance(found[0] or {}, dict):
        wrong = f"has no {kind} named {name!r}: it has {', '.join(known) or 'none'}" if name else f"names no {kind}"
        raise InputError(
            f"{where} {wrong}.",
            fix="Choose a complete context: `kubectl config get-contexts` and `kubectl config use-context NAME`.",
        )
    return dict(found[0] or {})


def _absolute(kind: str, entry: Json, directory: str | None) -> Json:
    if not directory:
        return entry
    names: Json = {key: posixpath.join(directory, entry[key]) for key in _FILES[kind] if entry.get(key)}
    program = entry.get("exec")
    if isinstance(program, dict) and "/" in str(program.get("command")):
        names["exec"] = {**program, "command": posixpath.join(directory, program["command"])}
    return {**entry, **names}
