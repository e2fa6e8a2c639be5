# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real API server with its etcd on loopback, without nodes: the programs in the directory KUBERNETES_BIN."""

from __future__ import annotations

import os
import socket
import subprocess
import time
import typing as t
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from ansible_collections.onprem.irsa.tests.unit.plugins.some_keys import private_pem, rsa_key

_BIN: t.Final = Path(os.environ["KUBERNETES_BIN"])
_TOKEN: t.Final = "administrator"  # noqa: S105 -- of a server on loopback that lives for seconds
_SECONDS: t.Final = 60.0


@dataclass(frozen=True)
class ApiServer:
    """Where an API server answers, and as whom to ask it."""

    url: str
    authority: Path

    @property
    def kubeconfig(self) -> dict[str, t.Any]:
        """A kubeconfig of its administrator, as the modules take it."""
        cluster = {"server": self.url, "certificate-authority": str(self.authority)}
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "it",
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
            "clusters": [{"name": "it", "cluster": cluster}],
            "users": [{"name": "it", "user": {"token": _TOKEN}}],
        }


def free_port(address: str = "127.0.0.1") -> int:
    """Return a port on which nothing listens."""
    with socket.socket() as one:
        one.bind((address, 0))
        return int(one.getsockname()[1])


@contextmanager
def running(name: str, directory: Path, *arguments: str) -> t.Iterator[None]:
    with (directory / f"{name}.log").open("w") as log:
        program = _BIN / name if (_BIN / name).exists() else _BIN.parent / name  # etcd is none of Kubernetes' programs
        command = [str(program), *arguments]
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=directory)  # noqa: S603 -- the lab's
        try:
            yield
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=10)
            process.kill()
            process.wait()


def wait_for(url: str, seconds: float = _SECONDS) -> None:
    """Wait until something answers, whatever it says."""
    end = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(url, timeout=2)  # noqa: S310 -- loopback
        except urllib.error.HTTPError:
            return
        except OSError as error:
            if "CERTIFICATE_VERIFY" in str(error):
                return
            if time.monotonic() > end:
                raise
        else:
            return
        time.sleep(0.2)


@contextmanager
def api_server(directory: Path, *flags: str) -> t.Iterator[ApiServer]:
    """Run an API server with these flags besides those that it needs, until the body ends."""
    etcd, peer, port = free_port(), free_port(), free_port()
    key, tokens = directory / "sa.key", directory / "tokens.csv"
    key.write_text(private_pem(rsa_key()))
    tokens.write_text(f"{_TOKEN},administrator,1,system:masters\n")
    with ExitStack() as stack:
        clients = f"http://127.0.0.1:{etcd}"
        stack.enter_context(
            running(
                "etcd", directory, f"--listen-client-urls={clients}", f"--advertise-client-urls={clients}",
                f"--listen-peer-urls=http://127.0.0.1:{peer}", "--data-dir=etcd", "--unsafe-no-fsync",
            )
        )  # fmt: skip
        wait_for(f"{clients}/health")
        server = [
            "--bind-address=127.0.0.1", f"--secure-port={port}", f"--etcd-servers={clients}", "--cert-dir=certs",
            f"--service-account-key-file={key}", f"--service-account-signing-key-file={key}",
            "--service-account-issuer=https://kubernetes.default.svc", "--authorization-mode=RBAC",
            f"--token-auth-file={tokens}", "--service-cluster-ip-range=10.96.0.0/16",
            "--endpoint-reconciler-type=none", *flags,
        ]  # fmt: skip
        stack.enter_context(running("kube-apiserver", directory, *server))
        url = f"https://127.0.0.1:{port}"
        wait_for(f"{url}/readyz")
        found = ApiServer(url, directory / "certs/apiserver.crt")
        yield found


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[ApiServer]:
    """An API server that serves the policy's API."""
    flags = [
        "--feature-gates=MutatingAdmissionPolicy=true",
        "--runtime-config=admissionregistration.k8s.io/v1beta1=true",
    ]
    with api_server(tmp_path_factory.mktemp("server"), *flags) as found:
        yield found
