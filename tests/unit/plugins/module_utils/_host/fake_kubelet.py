# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A kubelet and an API server small enough for unit tests, made of real processes, files and TLS."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
import typing as t

if t.TYPE_CHECKING:
    from pathlib import Path

# Answers /readyz over TLS, and does what its flags say: --refused exits as a wrong flag does (quietly: with status 0),
# --unready stays unready.
# Ends as kube-apiserver does: it closes its listener, answers what it has, sends its audit events (--flushes: for so
# many seconds), and lingers until a second signal.
SERVER = r"""
import http.server, os, signal, ssl, sys, threading, time
flags = dict(argument[2:].partition("=")[::2] for argument in sys.argv[1:])
if "refused" in flags:
    print('E0102 03:04:05.678901       1 run.go:72] "command failed" err="refused must not be given"', flush=True)
    sys.exit(0 if flags["refused"] == "quietly" else 1)
state = {"in flight": int(flags.get("streams", 0))}
STACK = "%s @ 0x1 0x2\n#\t0x1\tk8s.io/apiserver/pkg/%s+0x1\n#\t0x2\tnet/http.serverHandler.ServeHTTP+0x1\n\n"
AUDIT = "1 @ 0x1\n#\t0x1\tk8s.io/apiserver/plugin/pkg/audit/buffered.(*bufferedBackend).collectEvents+0x1\n\n"
FLUSHED = os.path.join(os.path.dirname(sys.argv[0]), "flushed-%d" % os.getpid())
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path in ("/readyz", "/healthz") and self.path != flags.get("health", "/readyz"):
            return self.answer(404, b"")
        state["in flight"] += 1
        if self.path == "/slow":
            time.sleep(1)
        bodies = {"/version": b'{"gitVersion": "v1.34.4"}', "/openid/v1/jwks": b'{"keys": [{"kid": "one"}]}'}
        body = bodies.get(self.path, b"ok")
        self.answer(500 if "unready" in flags else 200, body)
        state["in flight"] -= 1
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        stacks = STACK % (20, "handlers.(*WatchServer).HandleHTTP")
        stacks += STACK % (state["in flight"], "handlers.GetResource") if state["in flight"] else ""
        stacks += AUDIT if "flushes" in flags and not os.path.exists(FLUSHED) else ""
        self.answer(404 if "profiling" in flags else 200, ("goroutine profile: total 30\n" + stacks).encode())
    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *arguments):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(flags["secure-port"])), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(flags["tls-cert-file"])
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
def end(number, frame):
    signal.signal(signal.SIGTERM, lambda number, frame: os._exit(1))
    threading.Thread(target=drain, daemon=True).start()
def drain():
    server.shutdown()
    server.socket.close()
    time.sleep(float(flags.get("flushes", 0)))
    open(FLUSHED, "w").close()
signal.signal(signal.SIGTERM, end)
print("serving", flush=True)
server.serve_forever()
while True:
    time.sleep(1)
"""


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class FakeKubelet:
    """Runs the one manifest in a directory: a JSON list of arguments, where a real one is YAML."""

    def __init__(self, root: Path, component: str, certificate: Path) -> None:
        self.root, self.component = root, component
        self.manifest = root / "manifests" / f"{component}.yaml"
        self.logs = root / "logs"
        self.script = root / "server.py"
        self.base = [f"--secure-port={free_port()}", f"--tls-cert-file={certificate}"]
        self.frozen = False
        self.broken = False
        self.stuck = False
        self.retry = 0.0
        self.grace = 0.0
        self.starts = 0
        self.killed = 0
        self._text: str | None = None
        self._attempt: dict[str, int] = {}
        self._child: subprocess.Popen[bytes] | None = None
        self._not_before = 0.0
        self._stop = threading.Event()
        self._looks = threading.Lock()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self.manifest.parent.mkdir()
        self.script.write_text(SERVER)

    def content(self, *arguments: str) -> str:
        """Return a manifest whose component gets these arguments."""
        return json.dumps([*self.base, *arguments])

    def flags(self, *arguments: str) -> dict[str, list[str]]:
        """Return the flags of that manifest's process."""
        pairs = [argument[2:].partition("=") for argument in [*self.base, *arguments]]
        return {name: [value] for name, _sign, value in pairs}

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.base[0].partition('=')[2]}"

    @property
    def pid(self) -> int:
        return self._child.pid if self._child is not None else 0

    def start(self) -> None:
        """Begin to run the manifest."""
        self._thread.start()

    def freeze(self) -> None:
        """Look at the manifests no more, from now on: a look that has begun is waited for."""
        with self._looks:
            self.frozen = True

    def stop(self) -> None:
        """End the server at once, and look at the manifest no more."""
        self._stop.set()
        self._thread.join()
        self.grace = 0.0
        self._end_child()

    def _work(self) -> None:
        while not self._stop.wait(0.02):
            with self._looks:
                if not self.frozen:
                    self._sync()

    def _sync(self) -> None:
        files = [path for path in self.manifest.parent.iterdir() if not path.name.startswith(".")]
        assert len(files) <= 1, f"the kubelet would run each of {files}"
        with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):  # gone, or half-written: not looked at
            text = self.manifest.read_text()
            if text != self._text and json.loads(text):
                seen = time.monotonic()
                had_one = self._end_child()
                if self.stuck:
                    return
                self._text, self._not_before = text, seen + self.retry if had_one else 0.0
        if self._text is None or (self._child is not None and self._child.poll() is None):
            return
        if time.monotonic() >= self._not_before:
            self._start(self._text)

    def _start(self, text: str) -> None:
        uid = hashlib.md5(text.encode()).hexdigest()  # noqa: S324 -- as the kubelet names pods
        attempt = self._attempt[uid] = self._attempt.get(uid, -1) + 1
        directory = self.logs / f"kube-system_{self.component}-node_{uid}" / self.component
        directory.mkdir(parents=True, exist_ok=True)
        command = [f"/usr/local/bin/{self.component}", str(self.script), *json.loads(text)]
        if self.broken:
            command.append("--refused=true")
        log = directory / f"{attempt}.log"
        prefix = [sys.executable, "-c", _CRI_LOGGER, str(log)]
        logger = subprocess.Popen(prefix, stdin=subprocess.PIPE)  # noqa: S603 -- the script below
        log.touch()
        self._child = subprocess.Popen(  # noqa: S603 -- the script above, called as the component is
            command,
            executable=sys.executable,
            env={**os.environ, "PYTHONHOME": sys.base_prefix},
            stdout=logger.stdin,
            stderr=subprocess.STDOUT,
        )
        t.cast("t.IO[bytes]", logger.stdin).close()
        self.starts += 1
        self._not_before = time.monotonic() + 0.1

    def _end_child(self) -> bool:
        """End the server; return whether one ran."""
        ran = self._child is not None and self._child.poll() is None
        if self._child is not None:
            if self.grace:
                self._child.terminate()
                try:
                    self._child.wait(self.grace)
                except subprocess.TimeoutExpired:
                    self.killed += 1
            self._child.kill()
            self._child.wait()
        return ran


# Writes what a container prints as the container runtime does.
_CRI_LOGGER = r"""
import sys
with open(sys.argv[1], "a") as log:
    for line in sys.stdin:
        log.write("2026-01-02T03:04:05.678901234Z stderr F " + line)
        log.flush()
"""
