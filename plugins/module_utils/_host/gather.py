# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host shows of the distribution that it has. PRIVATE to the collection: it may change without notice.

The rooms say what to look for, and decide on the controller: hosts need no YAML library. Texts may hold secrets, and
are for the controller's decisions alone. Runs on managed hosts with the standard library.
"""

from __future__ import annotations

import fnmatch
import os
import stat
import typing as t
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from ansible_collections.onprem.irsa.plugins.module_utils._distributions.registry import ROOMS, directories
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import Process, Seen, UnitFile
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._host.processes import PROC, Candidate, candidates

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import Room
    from ansible_collections.onprem.irsa.plugins.module_utils._host.systemd import Systemd

_LARGEST = 1 << 20  # bytes of a file with configuration
_NULL = os.makedev(1, 3)  # /dev/null, null(4)
_ROUNDS = 5  # a file that names a file that names a file


@dataclass(frozen=True)
class Place:
    """Where to look."""

    systemd: Systemd
    proc: Path = PROC
    root: Path = Path("/")
    rooms: tuple[Room, ...] = field(default=ROOMS)


def found_processes(place: Place, component: str = "") -> list[Candidate]:
    """Return the processes that may be the API server, or have it in them, and those of another component."""
    return candidates({component, *(name for room in place.rooms for name in room.marks.programs)}, place.proc)


def own_units(place: Place, found: t.Iterable[Candidate]) -> tuple[str, ...]:
    """Return the units whose processes are the host's own: the main process of a unit, and what that one has started.

    Root writes what a unit of the system starts, as whatever user.
    """
    in_units = [candidate for candidate in found if candidate.unit]
    mains = {unit: place.systemd.state(unit).main_pid for unit in {candidate.unit for candidate in in_units}}
    own = {
        candidate.unit
        for candidate in in_units
        for main in [mains[candidate.unit]]  # 0 for none; so is the parent of what came into a container from outside
        if main and main in (candidate.process.pid, candidate.parent)
    }
    return tuple(sorted(own))


def gather(place: Place, found: t.Iterable[Candidate], version: str | None = None) -> Seen:
    """Return what the rooms ask for; found: what C(found_processes) returned."""
    marks = [room.marks for room in place.rooms]
    processes = tuple(Process(candidate.process.arguments, candidate.uid, candidate.unit) for candidate in found)
    names = dict.fromkeys(
        [unit for mark in marks for unit in mark.units] + [process.unit for process in processes if process.unit]
    )
    texts: dict[str, str] = {}
    unreadable: dict[str, str] = {}
    units: dict[str, tuple[UnitFile, ...]] = {}
    unit_path = place.systemd.unit_path()
    for name in names:
        paths = place.systemd.files(name, unit_path)
        for path in paths:
            _read(place, path, texts, unreadable)
        if paths:
            units[name] = tuple(UnitFile(path, texts.pop(path, "")) for path in paths)
    for path in _matching(place, [pattern for mark in marks for pattern in mark.globs]):
        _read(place, path, texts, unreadable)
    known = {name for own in directories(place.rooms).values() for name in own}
    seen = Seen(
        files=texts,
        unreadable=unreadable,
        directories=frozenset(name for name in known if (place.root / name.lstrip("/")).is_dir()),
        processes=processes,
        units=units,
        version=version,
    )
    return _with_named_files(place, seen)


def _with_named_files(place: Place, seen: Seen) -> Seen:
    """Read the files, too, that those name that were read."""
    for _round in range(_ROUNDS):
        named: list[str] = []
        for room in place.rooms:
            with suppress(InputError):  # said on the controller, by the room whose the host is
                named += room.named_files(seen)
        texts, unreadable = dict(seen.files), dict(seen.unreadable)
        for path in _matching(place, named):
            if path not in texts and path not in unreadable:
                _read(place, path, texts, unreadable)
        if len(texts) + len(unreadable) == len(seen.files) + len(seen.unreadable):
            break
        seen = replace(seen, files=texts, unreadable=unreadable)
    return seen


def _matching(place: Place, patterns: t.Iterable[str]) -> t.Iterator[str]:
    """Yield the files that are there, of paths and of patterns in whose last component wildcards may be."""
    for pattern in dict.fromkeys(patterns):
        wanted = PurePosixPath(pattern)
        if not wanted.is_absolute():
            continue
        if not any(character in wanted.name for character in "*?["):
            yield pattern
            continue
        directory = place.root / str(wanted.parent).lstrip("/")
        with suppress(OSError):
            names = sorted(file.name for file in directory.iterdir())
            hidden = wanted.name.startswith(".")
            for name in fnmatch.filter(names, wanted.name):
                if hidden or not name.startswith("."):
                    yield str(wanted.with_name(name))


def _read(place: Place, path: str, texts: dict[str, str], unreadable: dict[str, str]) -> None:
    """Read a file; one that is not there is left out, one that is no text is not taken for absent."""
    file = place.root / path.lstrip("/")
    try:
        there = file.stat()
        if there.st_rdev == _NULL and stat.S_ISCHR(there.st_mode):  # so a unit or a drop-in is masked
            texts[path] = ""
        elif not stat.S_ISREG(there.st_mode):
            unreadable[path] = "is no regular file"
        elif there.st_size > _LARGEST:
            unreadable[path] = f"is larger than {_LARGEST // 1024} KiB"
        else:
            texts[path] = file.read_bytes().decode()
    except (FileNotFoundError, NotADirectoryError):
        return
    except UnicodeDecodeError:
        unreadable[path] = "is not UTF-8 text"
    except OSError as error:
        unreadable[path] = error.strerror or str(error)


def as_plain(place: Place, seen: Seen) -> dict[str, t.Any]:
    """Return an observation as JSON can hold it, and which of its files are symbolic links to what."""
    paths = [*seen.files, *(file.path for files in seen.units.values() for file in files)]
    links = {path: place.root / path.lstrip("/") for path in paths}
    return {
        "links": {path: str(link.readlink()) for path, link in links.items() if link.is_symlink()},
        "files": dict(seen.files),
        "unreadable": dict(seen.unreadable),
        "directories": sorted(seen.directories),
        "processes": [[list(process.arguments), process.uid, process.unit] for process in seen.processes],
        "units": {name: [[file.path, file.text] for file in files] for name, files in seen.units.items()},
        "version": seen.version,
    }


__all__: t.Final = ("Place", "as_plain", "found_processes", "gather", "own_units")
