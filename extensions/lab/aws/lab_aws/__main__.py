# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m lab_aws``: run the AWS on the machine until SIGTERM."""

from __future__ import annotations

import argparse
import os
import signal
import threading
from pathlib import Path

from . import tls
from .admin import Admin
from .app import Application
from .control import Control
from .engine import Engine
from .fetch import fetcher
from .hosts import certificate_names, regions
from .server import Server

ADMIN_HOST = "127.0.0.1"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="lab_aws", description="An AWS on the machine that verifies web identities")
    parser.add_argument("--address", default="127.0.0.1", help="where the APIs listen (default %(default)s)")
    parser.add_argument("--port", type=int, default=443, help="their port (default %(default)s; 0 takes a free one)")
    parser.add_argument(
        "--admin-port", type=int, default=8118, help=f"port of the admin API at {ADMIN_HOST} (default %(default)s)"
    )
    parser.add_argument("--state", type=Path, required=True, help="directory of ca.pem and the server's certificate")
    return parser.parse_args()


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    arguments = _arguments()
    tls.ensure(arguments.state, certificate_names(regions()))
    api = Server((arguments.address, arguments.port), tls.server_context(arguments.state))
    admin = Server((ADMIN_HOST, arguments.admin_port))
    host, port = str(api.server_address[0]), int(api.server_address[1])
    engine, control = Engine(), Control()
    fetch = fetcher((host, port), tls.client_context(arguments.state), engine.serves)
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_number, lambda *_: os._exit(0))  # nothing is kept, so there is nothing to clean up
    for server, respond in (
        (api, Application(engine, control, fetch).respond),
        (admin, Admin(engine, control).respond),
    ):
        threading.Thread(target=server.serve, args=(respond,), daemon=True).start()
    print(f"ready: https://{host}:{port} admin http://{ADMIN_HOST}:{admin.server_address[1]}", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
