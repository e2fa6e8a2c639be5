# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a control-plane host runs with. PRIVATE to the collection: it may change without notice.

Runs on managed hosts with the standard library and the host's C(openssl) command. Of keys, public halves alone are
returned.
"""

from __future__ import annotations

import hashlib
import math
import time
import typing as t
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from ansible_collections.onprem.irsa.plugins.module_utils._documents.pem import (
    CERTIFICATE,
    kid_from_public_pem,
    pem_blocks,
    public_blocks,
)
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._flags.serving import Serving, advertised_url, serving
from ansible_collections.onprem.irsa.plugins.module_utils._host.api import Api
from ansible_collections.onprem.irsa.plugins.module_utils._host.backup import Backups, read_text
from ansible_collections.onprem.irsa.plugins.module_utils._host.container import Container, File
from ansible_collections.onprem.irsa.plugins.module_utils._host.gather import (
    Place,
    as_plain,
    found_processes,
    gather,
    own_units,
)
from ansible_collections.onprem.irsa.plugins.module_utils._host.key_pair import public_half
from ansible_collections.onprem.irsa.plugins.module_utils._host.processes import (
    PROC,
    Process,
    find,
    process_of,
    unit_of,
)
from ansible_collections.onprem.irsa.plugins.module_utils._host.record import Records

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._distributions.outcome import Outcome
    from ansible_collections.onprem.irsa.plugins.module_utils._documents.pem import PemBlock
    from ansible_collections.onprem.irsa.plugins.module_utils._flags.arguments import Flags
    from ansible_collections.onprem.irsa.plugins.module_utils._host.key_pair import Run
    from ansible_collections.onprem.irsa.plugins.module_utils._host.outcome import OutcomeApi
    from ansible_collections.onprem.irsa.plugins.module_utils._host.systemd import Systemd

# kubeadm writes it into every kube-apiserver manifest (kubeadm, "Implementation details").
_KUBEADM_MARK = "kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint"
# Where each keeps the certificates of a control plane, by its own documentation.
_OTHER_DISTRIBUTIONS: t.Final = {
    "K3s": "var/lib/rancher/k3s/server",
    "RKE2": "var/lib/rancher/rke2/server",
    "k0s": "var/lib/k0s/pki",
    "MicroK8s": "var/snap/microk8s/current",
    "OpenShift": "etc/kubernetes/static-pod-resources",
}
_PUBLIC_KEYS_FLAG = "service-account-key-file"
# Of kube-apiserver, and of kube-controller-manager, which signs the tokens of Secrets.
_SIGNING_KEY_FLAGS = ("service-account-signing-key-file", "service-account-private-key-file")


@dataclass(frozen=True)
class Within:
    """An API server that is a part of the main process of a unit, whose arguments are not its flags."""

    unit: str
    api: OutcomeApi
    issuers: tuple[str, ...]
    """Asked for whether it accepts them."""
    public_keys: tuple[str, ...]
    signing_key: str

    def process(self, host: Host) -> Process | None:
        """Return that process with the flags of the key files, which the API server has read as it started."""
        main = host.systemd.state(self.unit).main_pid if host.systemd is not None else 0
        process = process_of(main, host.proc) if main else None
        if process is None:
            return None
        keys = [f"--{_PUBLIC_KEYS_FLAG}={file}" for file in self.public_keys]
        return replace(process, arguments=(host.component, *keys, f"--{_SIGNING_KEY_FLAGS[0]}={self.signing_key}"))


@dataclass(frozen=True)
class Host:
    """What to look at on this host, and how to run its C(openssl)."""

    component: str
    manifest: Path
    backup_directory: Path
    run: Run
    openssl: str
    systemd: Systemd | None = None
    """The host's, for an API server that is no static pod; None: only static pods are looked at."""
    files: tuple[str, ...] = ()
    """Files to return the digests of."""
    within: Within | None = None
    """Where the API server is a part of another program's process; None: it has a process of its own, or none."""
    proc: Path = PROC
    root: Path = Path("/")
    """Where directories of other distributions are looked for."""


def observe(host: Host) -> dict[str, t.Any]:
    """Return what C(control_plane_info) documents, but for what takes a YAML library: that is added elsewhere."""
    files = _files(host)
    manifests = {path: text for path, text in files.items() if host.component in text}
    text = manifests.get(str(host.manifest))
    # Of another component, no flag is set: whoever wrote its manifest, the kubelet restarts it.
    is_ours = host.component != "kube-apiserver" or _KUBEADM_MARK in (text or "")
    is_pod = text is not None and is_ours
    place = Place(host.systemd, host.proc, host.root) if host.systemd is not None and not is_pod else None
    found = found_processes(place, host.component) if place else []
    units = own_units(place, found) if place else ()
    within = host.within
    process = within.process(host) if within else find(host.component, host.proc, units=units)
    flags = process.flags if process and not within else {}
    container = Container.of(process, text, host.component, host.proc) if process else None
    there = within.api if within else _api(host.component, container) if container else None
    api = there if process else None
    outcome = within.api.outcome(within.issuers) if within and process else None
    records = Records(host.backup_directory, host.component)
    return {
        "component": host.component,
        "distribution": "kubeadm" if is_pod else "unknown",
        "manifest": str(host.manifest),
        "manifests": manifests,
        "manifest_exists": host.manifest.exists(),
        "manifest_link": str(host.manifest.readlink()) if host.manifest.is_symlink() else None,
        "other_distributions": _others(host.root),
        "unconfirmed": Backups(host.backup_directory, host.manifest).is_unconfirmed(text)
        if text is not None and is_pod
        else records.is_unconfirmed(),
        "pid": process.pid if process else None,
        "started": process.started(host.proc) if process else None,
        "running_flags": flags,
        "outcome": {name: value for name, value in asdict(outcome).items() if name != "token"} if outcome else None,
        "api": _api_told(api, flags, outcome) if api else None,
        "ready": api.ready() if api else False,
        "version": api.version() if api else None,
        **_keys(host, container),
        "loaded_kids": api.kids() if api else None,
        "stale_key_files": _stale_key_files(container) if container else [],
        "seen": as_plain(place, gather(place, found)) if place and host.component == "kube-apiserver" else None,
        "unit": within.unit if within else unit_of(host.proc / str(process.pid)) if process and not is_pod else "",
        "changed_files": _changed_files(host.files, process),
        "digests": {file: _digest(Path(file)) for file in host.files},
        "clock": time.time(),
    }


def _others(root: Path) -> list[str]:
    """Return the other distributions of Kubernetes that have left their directory on this host."""
    return [name for name, directory in _OTHER_DISTRIBUTIONS.items() if (root / directory).is_dir()]


def _files(host: Host) -> dict[str, str]:
    """Return the texts of all files from which the kubelet runs static pods: the manifest and those next to it."""
    directory = host.manifest.parent
    if not directory.is_dir():
        return {}
    return {str(path): _lenient(path) for path in sorted(directory.iterdir()) if path.is_file() and path.name[0] != "."}


def _lenient(path: Path) -> str:
    try:
        return read_text(path)
    except (InputError, FileNotFoundError):  # nor does the kubelet read it
        return ""


def _api(component: str, container: Container) -> Api:
    """Return how to reach a component that runs, with the files of the host that its flags stand for."""
    there = serving(component, container.process.flags)
    return Api(
        there.url,
        client_cert=str(container.file(there.client_cert).path) if there.client_cert else "",
        client_key=str(container.file(there.client_key).path) if there.client_key else "",
        health=there.health,
    )


def _api_told(api: Api, flags: Flags, outcome: Outcome | None) -> dict[str, t.Any]:
    if outcome is not None and outcome.advertised:
        flags = {"advertise-address": [outcome.advertised]}
    told = {field.name: getattr(api, field.name) for field in fields(Serving)}
    return {**told, "advertised_url": advertised_url(api.url, flags)}


def _key_files(container: Container | None, *names: str) -> list[File]:
    """Return the files that these flags name, each once."""
    if container is None:
        return []
    values = [value for name in names for value in container.process.flags.get(name, [])]
    return [container.file(value) for value in dict.fromkeys(values)]


def _keys(host: Host, container: Container | None) -> dict[str, t.Any]:
    """Return the keys by which tokens are accepted, and the id of the one that signs."""
    files = {file.name: _public_blocks(host, file) for file in _key_files(container, _PUBLIC_KEYS_FLAG)}
    kids = {kid: None for file, blocks in files.items() for kid in _kids(host, blocks, file)}
    signing = [file for name in _SIGNING_KEY_FLAGS for file in _key_files(container, name)[-1:]]
    return {
        "public_keys": [
            {"file": file, "pem": "".join(block.text for block in blocks)} for file, blocks in files.items()
        ],
        "kids": list(kids),
        "signing_key": {"file": signing[0].name, "kid": _signing_kid(host, signing[0])} if signing else None,
    }


def _public_blocks(host: Host, file: File) -> list[PemBlock]:
    """Return the keys of a file, which may hold public and private ones, as public ones in its order."""
    text = _key_text(file)
    for block in pem_blocks(text):
        if block.is_private:
            text = text.replace(block.text, public_half(host.run, host.openssl, block.text, source=file.name))
    return public_blocks(text, source=file.name)


def _stale_key_files(container: Container) -> list[str]:
    """Return the key files that were changed after the process started, which reads them once.

    By the time of the inode's change: C(cp -p) and the like give a file's content any time that they want.
    """
    files = _key_files(container, _PUBLIC_KEYS_FLAG, *_SIGNING_KEY_FLAGS)
    ages = {file.name: time.time() - file.path.stat().st_ctime for file in files}
    return [name for name, age in ages.items() if age < container.process.age]


def _changed_files(files: t.Iterable[str], process: Process | None) -> list[str]:
    """Return those of some files that were changed after the process started, as C(_stale_key_files) tells it."""
    return [name for name in files if process is not None and _age(Path(name)) < process.age]


def _age(file: Path) -> float:
    with suppress(OSError):
        return time.time() - file.stat().st_ctime
    return math.inf


def _digest(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(
            f"{file}: {error.strerror}; its content should be read.", fix="Name a file that is on the host."
        ) from error


def _key_text(file: File) -> str:
    try:
        return file.path.read_text(encoding="ascii", errors="replace")
    except OSError as error:
        raise InputError(
            f"{file.name}: {error.strerror}; the running flags name it as a key file.",
            fix="Put it where the manifest mounts it from (spec.volumes, hostPath): the API server does not start "
            "again without it.",
        ) from error


def _kids(host: Host, blocks: t.Iterable[PemBlock], file: str) -> t.Iterator[str]:
    for block in blocks:
        yield kid_from_public_pem(
            _public_key(host, block, file) if block.label == CERTIFICATE else block.text, source=file
        )


def _public_key(host: Host, certificate: PemBlock, file: str) -> str:
    status, public, _complaint = host.run([host.openssl, "x509", "-pubkey", "-noout"], data=certificate.text)
    if status != 0:
        raise InputError(
            f"{file}: holds a certificate that openssl does not read.", fix="Restore an intact copy of it."
        )
    return public


def _signing_kid(host: Host, file: File) -> str:
    private = _key_text(file)
    return kid_from_public_pem(public_half(host.run, host.openssl, private, source=file.name), source=file.name)


__all__: t.Final = ("Host", "Within", "observe")
