# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import datetime
import hashlib
import os
import shutil
import subprocess
import time
import typing as t
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from ansible_collections.onprem.irsa.plugins.module_utils._documents.pem import kid_from_spki
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._host.backup import Backups
from ansible_collections.onprem.irsa.plugins.module_utils._host.observe import Host, observe
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._host.test_processes import fake, host

Key = t.Union[rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey]
MARK = "kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint: 10.0.0.1:6443"


def run_command(command: list[str], data: str = "") -> tuple[int, str, str]:
    """Run a command as AnsibleModule.run_command does."""
    done = subprocess.run(command, input=data, capture_output=True, text=True, check=False)  # noqa: S603 -- openssl
    return done.returncode, done.stdout, done.stderr


def private(key: Key, form: serialization.PrivateFormat = serialization.PrivateFormat.PKCS8) -> str:
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def public(key: Key) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def kid(key: Key) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return kid_from_spki(key.public_key().public_bytes(serialization.Encoding.DER, form))


def certified(key: Key) -> str:
    name = x509.Name([])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + datetime.timedelta(days=1))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


KEYS: tuple[Key, Key, Key] = (
    rsa.generate_private_key(65537, 2048),
    ec.generate_private_key(ec.SECP256R1()),
    rsa.generate_private_key(65537, 2048),
)


@pytest.fixture
def place(tmp_path: Path) -> Host:
    """Return a host with a kubeadm manifest and, in a fake /proc, no process."""
    (tmp_path / "proc").mkdir()
    host(tmp_path / "proc")
    manifest = tmp_path / "manifests" / "kube-apiserver.yaml"
    manifest.parent.mkdir()
    manifest.write_text(f"# {MARK}\nprogram: kube-apiserver\n")
    openssl = shutil.which("openssl")
    assert openssl is not None
    return Host("kube-apiserver", manifest, tmp_path / "backup", run_command, openssl, proc=tmp_path / "proc")


def with_keys(place: Host, signing: str, *accepted: str) -> list[str]:
    """Run a process with key files; return the names of those by which it accepts tokens."""
    root = place.proc.parent
    (root / "sa.key").write_text(signing)
    files = [root / f"{number}.pub" for number in range(len(accepted))]
    for file, text in zip(files, accepted):
        file.write_text(text)
    flags = [f"--service-account-key-file={file}" for file in files]
    fake(place.proc, 9, ["kube-apiserver", *flags, f"--service-account-signing-key-file={root / 'sa.key'}"])
    return [str(file) for file in files]


def test_keys_are_read_as_the_api_server_does_and_private_ones_stay(place: Host) -> None:
    rsa_key, ec_key, other = KEYS
    several = f"{public(rsa_key)}a comment\n{private(ec_key, serialization.PrivateFormat.TraditionalOpenSSL)}"
    certificate = certified(other)
    files = with_keys(place, private(rsa_key), several, certificate + public(rsa_key))
    observed = observe(place)
    assert observed["kids"] == [kid(rsa_key), kid(ec_key), kid(other)]
    assert observed["signing_key"] == {"file": str(place.proc.parent / "sa.key"), "kid": kid(rsa_key)}
    assert observed["public_keys"] == [
        {"file": files[0], "pem": public(rsa_key) + public(ec_key)},
        {"file": files[1], "pem": certificate + public(rsa_key)},
    ]
    assert "PRIVATE" not in str(observed)


@pytest.mark.parametrize(
    ("accepted", "problem"),
    [
        ("no key", "no whole PEM block"),
        (private(KEYS[0]).replace("M", "", 1), "not an unencrypted private key"),
        ("-----BEGIN PUBLIC KEY-----\n!\n-----END PUBLIC KEY-----\n", "not base64"),
    ],
)
def test_a_key_file_that_cannot_be_read_is_named(place: Host, accepted: str, problem: str) -> None:
    [file] = with_keys(place, private(KEYS[0]), accepted)
    with pytest.raises(InputError, match=problem) as caught:
        observe(place)
    assert file in str(caught.value)


def test_a_key_file_that_is_missing_is_named(place: Host) -> None:
    [file] = with_keys(place, private(KEYS[0]), public(KEYS[0]))
    (place.proc.parent / "0.pub").unlink()
    with pytest.raises(InputError, match="No such file") as caught:
        observe(place)
    assert file in str(caught.value)


def test_files_that_the_container_sees_elsewhere_are_found_on_the_host(place: Host) -> None:
    """By the manifest; the running process may be one whose keys nobody has read yet."""
    keys = place.proc.parent / "keys"
    keys.mkdir()
    for name, text in {"sa.key": private(KEYS[0]), "sa.pub": public(KEYS[0])}.items():
        (keys / name).write_text(text)
    names = {"service-account-key-file": "sa.pub", "service-account-signing-key-file": "sa.key"}
    names |= {"kubelet-client-certificate": "client.crt", "kubelet-client-key": "client.key"}
    flags = [f"--{flag}=/inside/{name}" for flag, name in names.items()]
    place.manifest.write_text(
        f"# {MARK}\nkind: Pod\nmetadata: {{name: kube-apiserver}}\nspec:\n  containers:\n"
        f"  - command: [kube-apiserver, {', '.join(flags)}]\n    volumeMounts: [{{name: keys, mountPath: /inside/}}]\n"
        f"  volumes: [{{name: keys, hostPath: {{path: {keys}}}}}]\n"
    )
    fake(place.proc, 9, ["kube-apiserver", *flags])
    observed = observe(place)
    assert observed["kids"] == [kid(KEYS[0])]
    assert observed["public_keys"][0]["file"] == f"{keys}/sa.pub"
    assert observed["signing_key"] == {"file": f"{keys}/sa.key", "kid": kid(KEYS[0])}
    assert [observed["api"][name] for name in ("client_cert", "client_key")] == [
        f"{keys}/client.crt",
        f"{keys}/client.key",
    ]
    (keys / "sa.pub").unlink()
    with pytest.raises(InputError, match=f"{keys}/sa.pub: No such file"):
        observe(place)


@pytest.mark.parametrize("api_server_is_unit", [False, True])
def test_a_controller_manager_and_the_key_by_which_it_signs(place: Host, *, api_server_is_unit: bool) -> None:
    root = place.proc.parent
    if api_server_is_unit:
        place.manifest.unlink()
    (root / "sa.key").write_text(private(KEYS[0]))
    manifest = place.manifest.with_name("kube-controller-manager.yaml")
    manifest.write_text("program: kube-controller-manager\n")
    fake(place.proc, 9, ["kube-controller-manager", f"--service-account-private-key-file={root / 'sa.key'}"])
    observed = observe(replace(place, component="kube-controller-manager", manifest=manifest))
    assert (observed["distribution"], [*observed["manifests"]]) == ("kubeadm", [str(manifest)])
    assert observed["signing_key"] == {"file": str(root / "sa.key"), "kid": kid(KEYS[0])}
    assert (observed["kids"], observed["version"]) == ([], None)
    assert observed["api"]["url"] == "https://127.0.0.1:10257"


@pytest.mark.parametrize("replaced", [shutil.copy2, shutil.move])
def test_a_key_file_that_was_changed_after_the_start_is_named(
    place: Host, replaced: t.Callable[[Path, str], object]
) -> None:
    """Also where what took its place is older."""
    files = with_keys(place, private(KEYS[0]), public(KEYS[0]), public(KEYS[1]))
    source = place.proc.parent / "source.pub"
    source.write_text(public(KEYS[2]))
    os.utime(source, (0, 0))
    time.sleep(0.1)
    ticks = int(time.clock_gettime(time.CLOCK_BOOTTIME) * os.sysconf("SC_CLK_TCK"))
    (place.proc / "9" / "stat").write_text(f"9 (a) S {' '.join(['0'] * 18)} {ticks} 0 0\n")
    assert observe(place)["stale_key_files"] == []
    time.sleep(0.1)
    replaced(source, files[1])
    assert Path(files[1]).stat().st_mtime == 0
    assert observe(place)["stale_key_files"] == [files[1]]


def test_the_content_of_files_is_digested(place: Host) -> None:
    file = place.manifest.parent.parent / "sa.pub"
    file.write_bytes(b"a")
    assert observe(replace(place, files=(str(file),)))["digests"] == {str(file): hashlib.sha256(b"a").hexdigest()}
    file.unlink()
    with pytest.raises(InputError, match="its content should be read"):
        observe(replace(place, files=(str(file),)))


def test_a_host_without_a_process(place: Host) -> None:
    observed = observe(place)
    assert (observed["distribution"], observed["pid"], observed["ready"]) == ("kubeadm", None, False)
    assert (observed["running_flags"], observed["kids"], observed["signing_key"]) == ({}, [], None)
    assert abs(observed["clock"] - time.time()) < 60


@pytest.mark.parametrize(
    ("directory", "names"),
    [
        ("var/lib/rancher/k3s/server", ["K3s"]),
        ("var/lib/rancher/rke2/server", ["RKE2"]),
        ("var/lib/k0s/pki", ["k0s"]),
        ("var/lib/kubelet", []),
    ],
)
def test_other_distributions_are_named(place: Host, directory: str, names: list[str]) -> None:
    (place.proc.parent / directory).mkdir(parents=True)
    observed = observe(replace(place, root=place.proc.parent))
    assert (observed["other_distributions"], observed["manifest_exists"]) == (names, True)


def test_a_manifest_that_is_a_link_is_told(place: Host) -> None:
    assert observe(place)["manifest_link"] is None
    source = place.proc.parent / "source.yaml"
    place.manifest.rename(source)
    place.manifest.symlink_to("../source.yaml")
    observed = observe(place)
    assert (observed["manifest_link"], observed["distribution"]) == ("../source.yaml", "kubeadm")


def test_a_host_without_a_control_plane(place: Host) -> None:
    shutil.rmtree(place.manifest.parent)
    observed = observe(place)
    assert (observed["distribution"], observed["manifests"], observed["unconfirmed"]) == ("unknown", {}, False)


def test_the_files_that_the_kubelet_reads_and_that_name_the_component(place: Host) -> None:
    directory = place.manifest.parent
    for name, content in {
        "kube-apiserver.yaml.bak": b"kube-apiserver",
        ".kube-apiserver.yaml.swp": b"kube-apiserver",
        "etcd.yaml": b"etcd",
        "latin.yaml": b"kube-apiserver \xff",
    }.items():
        (directory / name).write_bytes(content)
    (directory / "kept").mkdir()
    names = [name.rpartition("/")[2] for name in observe(place)["manifests"]]
    assert names == ["kube-apiserver.yaml", "kube-apiserver.yaml.bak"]


def test_a_change_that_was_cut_off_is_seen(place: Host) -> None:
    backups = Backups(place.backup_directory, place.manifest)
    with backups.locked(0):
        backups.keep("old", replaced_by=place.manifest.read_text(), mark="")
    assert observe(place)["unconfirmed"]
    assert backups.confirm(place.manifest.read_text()) is not None
    assert not observe(place)["unconfirmed"]
