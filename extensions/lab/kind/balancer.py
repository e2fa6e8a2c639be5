# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Balances the API servers of a kind cluster, called as envoy in an image of that name, which cannot be pulled here.

Of the configuration that kind writes for Envoy it takes what differs between clusters: the port to listen on and the
servers. Like Envoy with that configuration it takes those in turn whose /healthz answers, every two seconds.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

HOME = Path("/home/envoy")
SERVER = re.compile(r"address: (\S+)\s+port_value: (\d+)")

Server = tuple[str, str]


def untrusting() -> ssl.SSLContext:
    """Return how to ask a server whose certificate nobody vouches for (Envoy's ACCEPT_UNTRUSTED)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@dataclass
class Balancer:
    """The servers that take connections, and whose turn it is."""

    servers: list[Server] = field(default_factory=list)
    turn: int = 0
    context: ssl.SSLContext = field(default_factory=untrusting)

    async def check(self, server: Server) -> bool:
        """Return whether a server answers that it is healthy."""
        try:
            async with asyncio.timeout(3):
                reader, writer = await asyncio.open_connection(*server, ssl=self.context)
                writer.write(b"GET /healthz HTTP/1.0\r\nHost: balancer\r\n\r\n")
                line = await reader.readline()
                writer.close()
        except (OSError, TimeoutError):
            return False
        return b" 200 " in line

    async def watch(self) -> None:
        """Keep the list of those that are healthy; kind replaces the file with all of them as a whole."""
        while True:
            known = SERVER.findall((HOME / "cds.yaml").read_text())
            answers = await asyncio.gather(*map(self.check, known))
            healthy = [server for server, answer in zip(known, answers, strict=True) if answer]
            # With none, Envoy takes all of them (its panic threshold).
            if self.servers != (healthy or known):
                self.servers = healthy or known
                print("servers:", self.servers, flush=True)
            await asyncio.sleep(2)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Connect a client with a server."""
        servers = self.servers
        for _attempt in servers:
            self.turn += 1
            server = servers[self.turn % len(servers)]
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(1):
                    theirs, ours = await asyncio.open_connection(*server)
                await asyncio.gather(pipe(reader, ours), pipe(theirs, writer))
                return
        writer.close()


async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy what is read until the end, or until either side breaks off."""
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def main() -> None:
    """Wait for kind to write the listener's configuration, and serve."""
    while (found := re.search(r"port_value: (\d+)", (HOME / "lds.yaml").read_text())) is None:
        await asyncio.sleep(0.2)
    balancer = Balancer()
    server = await asyncio.start_server(balancer.serve, "0.0.0.0", int(found[1]))  # noqa: S104 -- a container's
    async with server:
        await balancer.watch()


if __name__ == "__main__":
    asyncio.run(main())
