# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that a component's flags name, on this host. PRIVATE to the collection: it may change without notice.

A flag names a file as the component's container sees it. The volumes of the manifest say which file of the host that
is; where this host has no YAML library to read them, or nothing of the host is mounted there, the root directory of
the process leads to it (proc(5), /proc/PID/root). Runs on managed hosts with the standard library alone.
"""

from __future__ import annotations

import posixpath
import typing as t
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._flags.expansion import shown
from ansible_collections.onprem.irsa.plugins.module_utils._flags.manifest import READS_YAML
from ansible_collections.onprem.irsa.plugins.module_utils._flags.mounts import on_host
from ansible_collections.onprem.irsa.plugins.module_utils._flags.static_pod_flags import parse
from ansible_collections.onprem.irsa.plugins.module_utils._host.processes import PROC

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._flags.mounts import Mount
    from ansible_collections.onprem.irsa.plugins.module_utils._host.processes import Process

_MOST_LINKS = 40  # as Linux follows, path_resolution(7)


@dataclass(frozen=True)
class File:
    """A file that a flag names."""

    name: str
    """Where the host has it; as the flag names it where the host has no path for it."""
    path: Path
    """Where it is opened."""


@dataclass(frozen=True)
class Container:
    """The container of a component that runs, as far as its files are concerned."""

    process: Process
    mounts: tuple[Mount, ...] = ()
    working_directory: str = ""
    proc: Path = PROC

    @classmethod
    def of(cls, process: Process, manifest: str | None, component: str, proc: Path = PROC) -> Container:
        """Return the container of a process; manifest is the text of its static pod, None where there is none."""
        if READS_YAML and manifest is not None:
            with suppress(InputError):  # the controller reads it, too, and says what is wrong
                pod = parse(manifest, component, source="")
                values = shown(pod.flags, process.flags, pod.hidden)
                pod = parse(manifest, component, source="", shown=values)
                return cls(process, pod.mounts, pod.working_directory, proc)
        return cls(process, proc=proc)

    def file(self, name: str) -> File:
        """Return the file that a flag names so; links to it are followed as the container sees them."""
        path = posixpath.join("/", self.working_directory, name)
        return File(self._file(path).name, self._file(self._without_links(path)).path)

    def _without_links(self, path: str) -> str:
        """Return the path in the container to which links lead from this one, each part of it looked at in turn."""
        done, parts, links = "/", path.split("/"), 0
        while parts and links <= _MOST_LINKS:
            part = parts.pop(0)
            here = posixpath.normpath(posixpath.join(done, part))
            target = self._link(here) if part not in ("", ".", "..") else None
            if target is None:
                done = here
                continue
            links += 1
            done = "/" if target.startswith("/") else done
            parts = [*target.split("/"), *parts]
        return posixpath.join(done, *parts)

    def _link(self, path: str) -> str | None:
        """Return where a link of the container leads; None for what is none, and for what the host itself follows.

        So it does with links in the path of a volume: the kubelet mounts what they lead to.
        """
        file = self._file(path).path
        in_volume = any(path.startswith(f"{mount.inside.rstrip('/')}/") for mount in self.mounts)
        is_volume = any(mount.inside == path for mount in self.mounts)
        if is_volume or not (in_volume or file != Path(path)) or not file.is_symlink():
            return None
        return str(file.readlink())

    def _file(self, name: str) -> File:
        outside = on_host(name, self.mounts)
        if outside is not None:
            return File(outside, Path(outside))
        root = self.proc / str(self.process.pid) / "root"
        return File(name, root / name.lstrip("/") if root.exists() else Path(name))


__all__: t.Final = ("Container", "File")
