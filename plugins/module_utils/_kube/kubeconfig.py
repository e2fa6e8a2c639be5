# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A kubeconfig as the modules take it: in memory. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import posixpath
import re
import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError

Json = dict[str, t.Any]

# kubernetes.core hides every text of a kubeconfig wherever it stands in a result. A common word here ("kubernetes",
# "prod", "v1") would be blanked out of role ARNs, names and API versions: so one that stands nowhere else replaces it.
NAME = "onprem-irsa-current-context"

_LOOPBACK: t.Final = re.compile(r"https://(127\.|localhost[:/]|\[::1\])")
_FILES = {"cluster": ("certificate-authority",), "user": ("client-certificate", "client-key", "tokenFile")}


def current_context(kubeconfig: object, directory: str | None = None) -> Json:
    """Reduce a kubeconfig to its current context, under one neutral name.

    Other contexts, whose credentials are none of ours, are left out. Relative file names, which a kubeconfig means
    relative to its own directory (Kubernetes, Organizing Cluster Access, "File references"), are joined with it; and
    so is the path of a program that gives credentials (client-go credential plugins), but not a mere name.

    Raises InputError for what is not a kubeconfig, or has no current context.
    """
    if not isinstance(kubeconfig, dict) or not kubeconfig.get("clusters"):
        raise InputError(
            "This is not a kubeconfig: it is not a mapping that names clusters.",
            fix="Name a kubeconfig in irsa_kubeconfig_path, as `kubectl config view --raw` prints it.",
        )
    context = _entry(kubeconfig, "context", kubeconfig.get("current-context"))
    cluster = _entry(kubeconfig, "cluster", context.get("cluster"))
    user = _entry(kubeconfig, "user", context.get("user"))
    return {
        "current-context": NAME,
        "contexts": [{"name": NAME, "context": {"cluster": NAME, "user": NAME}}],
        "clusters": [{"name": NAME, "cluster": _absolute("cluster", cluster, directory)}],
        "users": [{"name": NAME, "user": _absolute("user", user, directory)}],
    }


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


def _entry(kubeconfig: Json, kind: str, name: str | None) -> Json:
    found = [entry.get(kind) for entry in kubeconfig.get(f"{kind}s") or [] if entry.get("name") == name]
    if not name or not found:
        raise InputError(
            f"The kubeconfig has no {kind} named {name!r}." if name else f"The kubeconfig names no {kind}.",
            fix="Choose one that exists: `kubectl config get-contexts` and `kubectl config use-context NAME`.",
        )
    return dict(found[0] or {})


def _absolute(kind: str, entry: Json, directory: str | None) -> Json:
    if not directory:
        return entry
    names: Json = {key: posixpath.join(directory, entry[key]) for key in _FILES[kind] if entry.get(key)}
    program = entry.get("exec")
    if program and "/" in program["command"]:
        names["exec"] = {**program, "command": posixpath.join(directory, program["command"])}
    return {**entry, **names}
