# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.endpoints import listed, unlisted, urls

# As the API servers write it, shortened.
SLICE: dict[str, t.Any] = {
    "addressType": "IPv4",
    "endpoints": [{"addresses": [f"10.0.0.{number}"], "conditions": {"ready": True}} for number in (3, 2, 1)],
    "metadata": {"name": "kubernetes", "labels": {"kubernetes.io/service-name": "kubernetes"}},
    "ports": [{"name": "https", "port": 6443, "protocol": "TCP"}],
}
SIX: dict[str, t.Any] = {"addressType": "IPv6", "endpoints": [{"addresses": ["fd00::1", "fd00::4"]}]}


def running(*addresses: str) -> list[dict[str, list[str]]]:
    return [{"advertise-address": [address]} for address in addresses]


@pytest.mark.parametrize(
    ("servers", "slices", "expected"),
    [
        pytest.param(running("10.0.0.1", "10.0.0.2", "10.0.0.3"), [SLICE], [], id="all are there"),
        pytest.param(running("10.0.0.2"), [SLICE], ["10.0.0.1", "10.0.0.3"], id="two are not"),
        pytest.param(running("10.0.0.1", "10.0.0.9"), [{**SLICE, "endpoints": None}], [], id="none is ready yet"),
        pytest.param(running("10.0.0.1"), [], [], id="no slice"),
        pytest.param(running("FD00:0::1"), [SIX], ["fd00::4"], id="IPv6, written otherwise"),
        pytest.param(
            running("10.0.0.1", "10.0.0.2", "10.0.0.3", "fd00::1"), [SLICE, SIX], ["fd00::4"], id="two families"
        ),
        pytest.param(
            [{"advertise-address": ["10.0.0.9", "10.0.0.1"]}, *running("10.0.0.2")],
            [SLICE],
            ["10.0.0.3"],
            id="the last value counts",
        ),
        pytest.param([*running("10.0.0.1"), {}], [SLICE], [], id="a server without an address of its own"),
        pytest.param(running("10.0.0.1", "0.0.0.0"), [SLICE], [], id="a server with any address"),  # noqa: S104 -- a flag
        pytest.param(
            [{"advertise-address": ["10.0.0.1"], "endpoint-reconciler-type": ["none"]}], [SLICE], [], id="no reconciler"
        ),
        pytest.param(
            [{"advertise-address": ["10.0.0.1"], "endpoint-reconciler-type": ["lease"]}],
            [SLICE],
            ["10.0.0.2", "10.0.0.3"],
            id="the reconciler by its name",
        ),
    ],
)
def test_servers_that_are_not_listed(
    servers: list[dict[str, list[str]]], slices: list[dict[str, t.Any]], expected: list[str]
) -> None:
    assert unlisted(servers, slices) == expected


def test_urls() -> None:
    going = {"addresses": ["10.0.0.9"], "conditions": {"ready": False}}
    four = {**SLICE, "endpoints": [*SLICE["endpoints"], going]}
    six = {**SIX, "ports": [{"name": "metrics", "port": 9}, {"name": "https", "port": 443}]}
    assert urls([four]) == ["https://10.0.0.1:6443", "https://10.0.0.2:6443", "https://10.0.0.3:6443"]
    assert urls([six]) == ["https://[fd00::1]:443", "https://[fd00::4]:443"]
    assert urls([{**SLICE, "endpoints": None}, {**SLICE, "ports": None}]) == []


@pytest.mark.parametrize(
    ("slices", "hosts"),
    [
        ([], []),
        ([{"endpoints": None}], []),
        ([{"endpoints": [{"addresses": ["10.0.0.2"]}]}], ["cp2"]),
        ([{"endpoints": [{"addresses": ["fd00:0::1"]}]}, {"endpoints": [{"addresses": ["10.0.0.2"]}]}], ["cp2", "cp3"]),
        ([{"endpoints": [{"addresses": ["10.0.0.2"], "conditions": {"ready": False}}]}], []),
        ([{"endpoints": [{"addresses": ["10.0.0.2"], "conditions": {"ready": None}}]}], ["cp2"]),
        ([{"endpoints": [{"addresses": ["10.0.0.9"]}]}], []),
    ],
)
def test_the_hosts_that_are_listed(slices: list[dict[str, t.Any]], hosts: list[str]) -> None:
    running: dict[str, dict[str, list[str]]] = {
        "cp1": {},
        "cp2": {"advertise-address": ["10.0.0.1", "10.0.0.2"]},
        "cp3": {"advertise-address": ["fd00::1"]},
    }
    served = [{**endpoint_slice, "ports": SLICE["ports"]} for endpoint_slice in slices]
    urls_of = {"cp2": "https://10.0.0.2:6443", "cp3": "https://[fd00:0::1]:6443"}
    assert listed(running, served) == {host: urls_of[host] for host in hosts}
