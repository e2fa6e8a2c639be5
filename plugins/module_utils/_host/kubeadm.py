# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What kubeadm on a control-plane host writes manifests from. PRIVATE to the collection: it may change without notice.

Runs on managed hosts with the standard library alone, so that YAML is searched and not parsed. InitConfiguration and
JoinConfiguration hold secrets (bootstrap tokens, the certificate key): of them, only the directories of patches leave
the host.
"""

from __future__ import annotations

import os
import re
import typing as t
from dataclasses import dataclass
from pathlib import Path

# Where kubespray writes what it gives kubeadm (kubespray, roles/kubernetes/control-plane/tasks/kubeadm-setup.yml).
_CONFIGURATION = "kubeadm-config.yaml"

# The key stands nowhere else in kubeadm's API than under patches.
_DIRECTORY = re.compile(r"""(?:^|[\s{,])["']?directory["']?\s*:\s*["']?(/[^\s"',}#]+)""", re.MULTILINE)
_COMMENT = re.compile(r"(?:^|(?<=\s))#.*$", re.MULTILINE)
_DOCUMENTS = re.compile(r"^---.*$", re.MULTILINE)
_CLUSTER = re.compile(r"""^["']?kind["']?\s*:\s*["']?ClusterConfiguration\b""", re.MULTILINE)

_LARGEST = 1 << 20  # bytes of a file with configuration

# Others are ignored, and directories below are not (kubeadm, app/util/patches/patches.go, getPatchSetsFromPath).
_SUFFIXES = (".yaml", ".json")

Run = t.Callable[[list[str]], tuple[int, str, str]]
"""Runs a command; returns its exit code, output and error output, as C(AnsibleModule.run_command) does."""


@dataclass(frozen=True)
class KubeadmHost:
    """Where to look on a host."""

    configuration_directory: Path
    patches_directory: Path
    kubeadm: str | None
    """The path of the program; None where it is not installed."""
    run: Run


def look(host: KubeadmHost) -> dict[str, t.Any]:
    """Return what C(control_plane_info) documents as C(kubeadm)."""
    texts = _configurations(host.configuration_directory)
    named = [Path(found) for text in texts.values() for found in _DIRECTORY.findall(_COMMENT.sub("", text))]
    directories = list(dict.fromkeys([host.patches_directory, *named]))
    return {
        "version": _version(host),
        "configuration": _cluster_configuration(texts, host.configuration_directory / _CONFIGURATION),
        "patches_directories": [str(directory) for directory in directories],
        "named_directories": list(dict.fromkeys(map(str, named))),
        "patches": {str(path): _read(path) for directory in directories for path in _patches(directory)},
        "obstacle": _obstacle(host.patches_directory),
    }


def _version(host: KubeadmHost) -> str | None:
    if host.kubeadm is None:
        return None
    code, output, _error = host.run([host.kubeadm, "version", "--output=short"])
    return output.strip() if code == 0 else None


def _configurations(directory: Path) -> dict[Path, str]:
    files = sorted(file for file in directory.glob("*") if file.is_file() and file.stat().st_size <= _LARGEST)
    texts = {file: _read(file) for file in files}
    return {file: text for file, text in texts.items() if "kubeadm.k8s.io" in text}


def _cluster_configuration(texts: t.Mapping[Path, str], file: Path) -> str | None:
    """Return the ClusterConfiguration in a file; empty where it has none, None where there is no such file."""
    if file not in texts:
        return None
    documents = [document for document in _DOCUMENTS.split(texts[file]) if _CLUSTER.search(document)]
    return documents[0].lstrip("\n") if documents else ""


def _patches(directory: Path) -> list[Path]:
    found = directory.rglob("kube-apiserver*") if directory.is_dir() else []
    return sorted(path for path in found if path.suffix in _SUFFIXES and path.is_file())


def _obstacle(directory: Path) -> str:
    """Return why no file can be put in a directory for kubeadm, which need not be there yet; empty where one can."""
    if directory.is_symlink():
        return f"{directory} is a symbolic link, which kubeadm does not accept as a directory"
    for place in [directory, *directory.parents]:
        if place.exists():
            if not place.is_dir():
                return f"{place} is no directory"
            return "" if os.access(str(place), os.W_OK | os.X_OK) else f"{place} can't be written to"
    return ""


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


__all__: t.Final = ("KubeadmHost", "look")
