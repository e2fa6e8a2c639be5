# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several real API servers on one etcd, which can be restarted with other flags, and a load balancer before them."""

from __future__ import annotations

import itertools
import json
import socket
import ssl
import threading
import time
import typing as t
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager, suppress

from ansible_collections.onprem.irsa.tests.unit.plugins.some_keys import private_pem, rsa_key

from .conftest import ApiServer, free_port, running, wait_for

if t.TYPE_CHECKING:
    from pathlib import Path

Json = dict[str, t.Any]
OLD: t.Final = "https://kubernetes.default.svc.cluster.local"
_SLICES: t.Final = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"


def own_address() -> str:
    """Return an address of this machine other than the loopback, which EndpointSlices do not take."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.connect(("198.51.100.1", 9))  # nothing is sent
        return str(one.getsockname()[0])


class Servers:
    """API servers of one cluster, by their numbers from 0."""

    def __init__(self, directory: Path, stack: ExitStack, number: int, flags: t.Sequence[str]) -> None:
        """Start etcd, the API servers with these flags besides those that they need, and what ends namespaces.

        All accept OLD alone.
        """
        self.directory, self.address, self._flags = directory, own_address(), flags
        self.ports = [free_port(self.address) for _server in range(number)]
        self._stacks = [stack.enter_context(ExitStack()) for _server in range(number)]
        clients, peers = (f"http://127.0.0.1:{free_port()}" for _kind in range(2))
        self._etcd = clients
        (directory / "sa.key").write_text(private_pem(rsa_key()))
        (directory / "tokens.csv").write_text("administrator,administrator,1,system:masters\n")
        stack.enter_context(
            running(
                "etcd", directory, f"--listen-client-urls={clients}", f"--advertise-client-urls={clients}",
                f"--listen-peer-urls={peers}", "--data-dir=etcd", "--unsafe-no-fsync",
            )
        )  # fmt: skip
        wait_for(f"{clients}/health")
        for one in range(number):
            self.restart(one, [OLD])
        self._populate()
        # A namespace that is deleted is gone only once this controller has emptied it.
        (directory / "controller.json").write_text(json.dumps(self.at(0).kubeconfig))
        stack.enter_context(
            running(
                "kube-controller-manager", directory, "--kubeconfig=controller.json", "--leader-elect=false",
                "--controllers=namespace-controller", "--secure-port=0",
            )
        )  # fmt: skip

    def at(self, one: int) -> ApiServer:
        """Return where an API server answers."""
        return ApiServer(f"https://{self.address}:{self.ports[one]}", self.directory / "certs/apiserver.crt")

    def restart(self, one: int, issuers: t.Sequence[str], *further: str) -> None:
        """Run an API server with these issuers, in their order, and wait until it is ready."""
        key = self.directory / "sa.key"
        keys = (f"--service-account-key-file={key}", f"--service-account-signing-key-file={key}")
        self.restart_with(one, [*keys, *(f"--service-account-issuer={name}" for name in issuers), *further])

    def restart_with(self, one: int, flags: t.Sequence[str], *, seconds: float = 60) -> None:
        """Run an API server with these flags for service accounts, and wait until it is ready, so long at most."""
        self._stacks[one].close()
        self._stacks[one].enter_context(
            running(
                "kube-apiserver", self.directory, f"--bind-address={self.address}", f"--secure-port={self.ports[one]}",
                f"--etcd-servers={self._etcd}", "--cert-dir=certs", "--authorization-mode=RBAC",
                f"--token-auth-file={self.directory / 'tokens.csv'}", "--service-cluster-ip-range=10.96.0.0/16",
                "--endpoint-reconciler-type=none", *self._flags, *flags,
            )
        )  # fmt: skip
        self._until_ready(one, seconds)

    def restart_all(self, issuers: t.Sequence[str], *further: str) -> None:
        """Do as a user who has read what to set: one after the other."""
        for one in range(len(self.ports)):
            self.restart(one, issuers, *further)

    def _until_ready(self, one: int, seconds: float) -> None:
        end = time.monotonic() + seconds
        wait_for(f"{self.at(one).url}/readyz", seconds)
        while True:
            with suppress(OSError, ValueError):
                if self.ask(one, "GET", "/api/v1/namespaces/default"):
                    return
            assert time.monotonic() < end, (self.directory / "kube-apiserver.log").read_text()[-3000:]
            time.sleep(0.3)

    def ask(self, one: int, method: str, path: str, body: Json | None = None) -> Json:
        """Ask an API server as the administrator."""
        server = self.at(one)
        headers = {"Authorization": "Bearer administrator", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(server.url + path, data, headers, method=method)  # noqa: S310 -- this machine
        context = ssl.create_default_context(cafile=server.authority)
        with urllib.request.urlopen(request, context=context, timeout=10) as answer:  # noqa: S310 -- as above
            found: Json = json.load(answer)
        return found

    def _populate(self) -> None:
        """Make what other controllers make in a cluster, and what users do."""
        self.ask(0, "POST", "/api/v1/namespaces", {"metadata": {"name": "apps"}})
        for space in ("default", "apps"):
            self.ask(0, "POST", f"/api/v1/namespaces/{space}/serviceaccounts", {"metadata": {"name": "default"}})
        self.name_addresses([(self.address, port) for port in self.ports])

    def name_addresses(self, addresses: t.Sequence[tuple[str, int]]) -> None:
        """Let the cluster name these as the addresses of its API servers."""
        for one in self.ask(0, "GET", _SLICES)["items"]:
            self.ask(0, "DELETE", f"{_SLICES}/{one['metadata']['name']}")
        for number, (address, port) in enumerate(addresses):
            metadata = {"name": f"kubernetes-{number}", "labels": {"kubernetes.io/service-name": "kubernetes"}}
            found = {
                "metadata": metadata,
                "addressType": "IPv4",
                "endpoints": [{"addresses": [address]}],
                "ports": [{"name": "https", "port": port}],
            }
            self.ask(0, "POST", _SLICES, found)

    @contextmanager
    def balanced(self) -> t.Iterator[ApiServer]:
        """Yield where a load balancer answers that gives each connection to the next API server in turn."""
        listener = socket.create_server((self.address, 0))
        turn = itertools.cycle(self.ports)

        def serve() -> None:
            with suppress(OSError):
                while True:
                    client, _peer = listener.accept()
                    server = socket.create_connection((self.address, next(turn)))
                    for ends in ((client, server), (server, client)):
                        threading.Thread(target=_copy, args=ends, daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        try:
            yield ApiServer(f"https://{self.address}:{listener.getsockname()[1]}", self.at(0).authority)
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for one in (source, target):
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


@contextmanager
def servers(directory: Path, number: int, *flags: str) -> t.Iterator[Servers]:
    """Run API servers until the body ends."""
    with ExitStack() as stack:
        yield Servers(directory, stack, number, flags)
