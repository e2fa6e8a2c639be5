# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lets AWS's names lead to the AWS on the machine without DNS and without root, in every Python that starts.

PYTHONPATH=extensions/lab/aws/names LAB_AWS=127.0.0.1:PORT AWS_CA_BUNDLE=DIR/ca.pem COMMAND…
"""

from __future__ import annotations

import os
import socket
import typing as t

_SUFFIXES = (".amazonaws.com", ".amazonaws.com.cn", ".cloudfront.net", ".example.com")
_resolve = socket.getaddrinfo


def _lead(address: str) -> None:
    lab_host, _colon, lab_port = address.rpartition(":")

    def resolve(host: t.Any, port: t.Any, *args: t.Any, **options: t.Any) -> t.Any:  # noqa: ANN401 -- passed on
        if str(host).endswith(_SUFFIXES):
            host, port = lab_host, int(lab_port)
        return _resolve(host, port, *args, **options)

    socket.getaddrinfo = resolve


if "LAB_AWS" in os.environ:
    _lead(os.environ["LAB_AWS"])
