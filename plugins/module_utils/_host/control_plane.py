# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a control-plane host runs with. PRIVATE to the collection: it may change without notice.

Runs on managed hosts with the standard library and the host's C(openssl) command. Of keys, public halves alone are
returned.
"""

from __future__ import annotations

import hashlib
import time
import typing as t
from dataclasses import asdict, dataclass
from pathlib import Path

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._host.api import api_of
from ansible_collections.onprem.irsa.plugins.module_utils._host.backup import Backups, read_text
from ansible_collections.onprem.irsa.plugins.module_utils._host.processes import PROC, find
from ansible_collections.onprem.irsa.plugins.module_utils._keypair import public_half
from ansible_collections.onprem.irsa.plugins.module_utils._keys import (
    CERTIFICATE,
    kid_from_public_pem,
    pem_blocks,
    public_blocks,
)

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._flags.arguments import Flags
    from ansible_collections.onprem.irsa.plugins.module_utils._host.processes import Process
    from ansible_collections.onprem.irsa.plugins.module_utils._keypair import Run
    from ansible_collections.onprem.irsa.plugins.module_utils._keys import PemBlock

# kubeadm writes it into every kube-apiserver manifest (kubeadm, "Implementation details").
_KUBEADM_MARK = "kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint"
# Of kube-apiserver, and of kube-controller-manager, which signs the tokens of Secrets.
_SIGNING_KEY_FLAGS = ("service-account-signing-key-file", "service-account-private-key-file")


@dataclass(frozen=True)
class Host:
    """What to look at on this host, and how to run its C(openssl)."""

    component: str
    manifest: Path
    backup_directory: Path
    run: Run
    openssl: str
    files: tuple[str, ...] = ()
    """Files to return the digests of."""
    proc: Path = PROC


def observe(host: Host) -> dict[str, t.Any]:
    """Return what C(control_plane_info) documents, but for what takes a YAML library: that is added elsewhere."""
    files = _files(host)
    manifests = {path: text for path, text in files.items() if host.component in text}
    process = find(host.component, host.proc)
    flags = process.flags if process else {}
    api = api_of(host.component, flags) if process else None
    text = manifests.get(str(host.manifest))
    by_kubeadm = _KUBEADM_MARK in files.get(str(host.manifest.with_name("kube-apiserver.yaml")), "")
    return {
        "component": host.component,
        "distribution": "kubeadm" if text is not None and by_kubeadm else "unknown",
        "manifest": str(host.manifest),
        "manifests": manifests,
        "unconfirmed": text is not None and Backups(host.backup_directory, host.manifest).is_unconfirmed(text),
        "pid": process.pid if process else None,
        "started": process.started(host.proc) if process else None,
        "running_flags": flags,
        "api": asdict(api) if api else None,
        "ready": api.ready() if api else False,
        "version": api.version() if api else None,
        **_keys(host, flags),
        "loaded_kids": api.kids() if api else None,
        "stale_key_files": _stale_key_files(process) if process else [],
        "digests": {file: _digest(Path(file)) for file in host.files},
        "clock": time.time(),
    }


def _files(host: Host) -> dict[str, str]:
    """Return the texts of all files from which the kubelet runs static pods: the manifest and those beside it."""
    directory = host.manifest.parent
    if not directory.is_dir():
        return {}
    return {str(path): _lenient(path) for path in sorted(directory.iterdir()) if path.is_file() and path.name[0] != "."}


def _lenient(path: Path) -> str:
    try:
        return read_text(path)
    except InputError:  # nor does the kubelet read it
        return ""


def _keys(host: Host, flags: Flags) -> dict[str, t.Any]:
    """Return the keys by which tokens are accepted, and the id of the one that signs.

    Key files are read where the flags say: kubeadm mounts the directory of its keys under the same path.
    """
    files = {file: _public_blocks(host, Path(file)) for file in flags.get("service-account-key-file", [])}
    kids = {kid: None for file, blocks in files.items() for kid in _kids(host, blocks, file)}
    signing = [value for name in _SIGNING_KEY_FLAGS for value in flags.get(name, [])[-1:]]
    return {
        "public_keys": [
            {"file": file, "pem": "".join(block.text for block in blocks)} for file, blocks in files.items()
        ],
        "kids": list(kids),
        "signing_key": {"file": signing[0], "kid": _signing_kid(host, Path(signing[0]))} if signing else None,
    }


def _public_blocks(host: Host, file: Path) -> list[PemBlock]:
    """Return the keys of a file, which may hold public and private ones, as public ones in its order."""
    text = _key_text(file)
    for block in pem_blocks(text):
        if block.is_private:
            text = text.replace(block.text, public_half(host.run, host.openssl, block.text, source=str(file)))
    return public_blocks(text, source=str(file))


def _stale_key_files(process: Process) -> list[str]:
    """Return the key files that were changed after the process started, which reads them once.

    By the time of the inode's change: C(cp -p) and the like give a file's content any time that they want.
    """
    files = [file for name in ("service-account-key-file", *_SIGNING_KEY_FLAGS) for file in process.flags.get(name, [])]
    ages = {file: time.time() - Path(file).stat().st_ctime for file in files}
    return [file for file, age in ages.items() if age < process.age]


def _digest(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(
            f"{file}: {error.strerror}; its content was to be looked at.", fix="Name a file that is on the host."
        ) from error


def _key_text(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii", errors="replace")
    except OSError as error:
        raise InputError(
            f"{file}: {error.strerror}; the running flags name it as a key file.",
            fix="Mount key files into the static pod under the path that they have on the host, as kubeadm does.",
        ) from error


def _kids(host: Host, blocks: t.Iterable[PemBlock], file: str) -> t.Iterator[str]:
    for block in blocks:
        yield kid_from_public_pem(
            _public_key(host, block, file) if block.label == CERTIFICATE else block.text, source=file
        )


def _public_key(host: Host, certificate: PemBlock, file: str) -> str:
    status, public, _complaint = host.run([host.openssl, "x509", "-pubkey", "-noout"], data=certificate.text)
    if status != 0:
        raise InputError(f"{file}: holds a certificate that openssl does not read.", fix="Put back a whole copy of it.")
    return public


def _signing_kid(host: Host, file: Path) -> str:
    private = _key_text(file)
    return kid_from_public_pem(public_half(host.run, host.openssl, private, source=str(file)), source=str(file))


__all__: t.Final = ("Host", "observe")
