# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the host has a file that a container sees. PRIVATE to the collection: it may change without notice.

By the volumes of the manifest (Kubernetes API, Container.volumeMounts, HostPathVolumeSource): of several mounts, the
deepest above the file counts. Pure.
"""

from __future__ import annotations

import posixpath
import typing as t
from dataclasses import dataclass

from ansible_collections.onprem.irsa.plugins.module_utils._flags.manifest import child, elements, scalar

if t.TYPE_CHECKING:
    import yaml

    from ansible_collections.onprem.irsa.plugins.module_utils._flags.environment import Environment


@dataclass(frozen=True)
class Mount:
    """A path of the host in a container."""

    inside: str
    """Where the container sees it."""
    outside: str | None
    """The path on the host; None for a volume of another kind, which the kubelet keeps where it likes."""


def mounts_of(pod: yaml.Node, container: yaml.Node, environment: Environment) -> tuple[Mount, ...]:
    """Return what a pod's container has mounted."""
    volumes = {scalar(volume): child(volume, "hostPath") for volume in elements(child(pod, "spec"), "volumes")}
    found = []
    for mount in elements(container, "volumeMounts"):
        volume = volumes.get(scalar(mount))
        part = scalar(mount, "subPath") or environment.expanded(scalar(mount, "subPathExpr"))
        outside = posixpath.normpath(posixpath.join(scalar(volume, "path"), part)) if volume is not None else None
        found.append(Mount(posixpath.normpath(posixpath.join("/", scalar(mount, "mountPath"))), outside))
    return tuple(found)


def on_host(file: str, mounts: t.Iterable[Mount], *, working_directory: str = "") -> str | None:
    """Return where the host has a file that a container names so; None where no path of the host is mounted there."""
    path = posixpath.normpath(posixpath.join("/", working_directory, file))
    above = [mount for mount in mounts if posixpath.commonpath([mount.inside, path]) == mount.inside]
    if not above:
        return None
    deepest = max(above, key=lambda mount: len(mount.inside))
    if deepest.outside is None:
        return None
    return posixpath.normpath(posixpath.join(deepest.outside, posixpath.relpath(path, deepest.inside)))


__all__: t.Final = ("Mount", "mounts_of", "on_host")
