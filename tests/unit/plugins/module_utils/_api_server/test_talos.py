# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes Talos nodes whose API servers follow their machine configurations, and cuts the change off everywhere."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.asking import ask_each
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.talos import (
    Node,
    TalosctlError,
    apply,
    planned,
)
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import ISSUER, JWKS_URI, Seen, flags_in
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.talos import FILE, TALOS
from ansible_collections.onprem.irsa.plugins.module_utils._errors import ApiError, InputError, IrsaError

from ...fake_talosctl import FakeNode, RefusedError, call
from .._distributions.test_talos import JWKS, NEW_STYLE, OLD_STYLE, V12, V13, V14, A, B, C, extra
from .some_answers import Client, One, sign

if t.TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.onprem.irsa.plugins.module_utils._api_server.answers import Asked
    from ansible_collections.onprem.irsa.plugins.module_utils._flags.arguments import Flags

NAMES = ("10.0.0.1", "10.0.0.2")
PASSES: tuple[Flags, Flags] = ({ISSUER: [B, A]}, {ISSUER: [A, B], JWKS_URI: [JWKS]})
ENDED = "no API server starts with it"


class CutOffError(Exception):
    """The controller is gone."""


class Cluster:
    """Nodes, and the API servers that their configurations make."""

    def __init__(self, directory: Path, text: str = OLD_STYLE, version: str = V13) -> None:
        """Start two nodes."""
        self.directory = directory
        self.nodes = {name: FakeNode.made(directory / name, version, text) for name in NAMES}
        self.calls: list[tuple[str, ...]] = []
        self.left = -1
        """The calls of talosctl until the controller is gone; -1 for never."""
        self.slow = 0
        """The questions until API servers have seen the new configuration."""
        self.broken: tuple[str, ...] = ()
        """Issuers with which no API server starts."""

    def node(self, name: str = NAMES[0]) -> Node:
        return Node(name, f"https://{name}:6443", self.talosctl)

    def talosctl(self, arguments: t.Sequence[str], text: str) -> str:
        if self.left == 0:
            raise CutOffError
        self.left -= 1
        self.calls.append(tuple(arguments))
        try:
            return call(self.directory, arguments, text)
        except RefusedError as error:
            raise TalosctlError(f"talosctl: {error}", fix="") from error

    def issuers(self, name: str) -> list[str]:
        node = self.nodes[name]
        return flags_in(TALOS.settings(Seen(files={FILE: node.configuration()}, version=node.version)))[ISSUER]

    def ask(self, issuers: t.Sequence[str]) -> Asked:
        if self.slow:
            self.slow -= 1
            raise ApiError("connection refused.", fix="")
        servers = {f"https://{name}:6443": One(self.issuers(name)) for name in NAMES}
        for server in servers.values():
            if {*server.issuers} & {*self.broken} or len({*server.issuers}) < len(server.issuers):
                raise ApiError(f"{ENDED}.", fix="")
        return ask_each(Client(servers, next(iter(servers))), [*servers], issuers, sign)

    def change(self, wanted: Flags, name: str = NAMES[0]) -> bool:
        step = planned(self.node(name), wanted)
        apply(self.node(name), step, self.ask, lambda: range(5), timeout=100)
        return step.edit is not None

    def texts(self) -> list[str]:
        return [node.configuration(name) for node in self.nodes.values() for name in ("v1alpha1", "persistent")]


@pytest.mark.parametrize(("text", "version"), [(OLD_STYLE, V13), (NEW_STYLE, V14)])
def test_both_passes_on_every_node_and_back(tmp_path: Path, text: str, version: str) -> None:
    cluster = Cluster(tmp_path, text, version)
    for wanted in PASSES:
        for name in NAMES:
            cluster.slow = 2
            assert cluster.change(wanted, name)
            assert not cluster.change(wanted, name)
            assert cluster.issuers(name) == wanted[ISSUER]
    assert len({*cluster.texts()}) == 1, "what is tried is kept"
    for wanted in ({ISSUER: [B, A], JWKS_URI: []}, {ISSUER: [B, A]}):
        for name in NAMES:
            cluster.change(wanted, name)
    assert cluster.issuers(NAMES[1]) == [B, A]


def test_what_no_api_server_starts_with_is_put_back(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    cluster.broken = (A,)
    with pytest.raises(IrsaError, match=rf"{NAMES[0]}.*{ENDED}.*was put back, and its API server is as before"):
        cluster.change(PASSES[0])
    assert cluster.texts() == [OLD_STYLE] * 4
    assert not (tmp_path / NAMES[0] / "try").exists()


def test_an_api_server_that_refuses_the_new_tokens_is_named(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    cluster.change(PASSES[0])
    with pytest.raises(IrsaError, match=rf"{NAMES[1]}:6443 refuses a token.*put back"):
        cluster.change(PASSES[1])
    assert cluster.issuers(NAMES[0]) == PASSES[0][ISSUER]


def test_a_controller_that_goes_away_leaves_a_node_that_goes_back_by_itself(tmp_path: Path) -> None:
    """After each call of talosctl; the next run does the rest."""
    whole = Cluster(tmp_path / "whole")
    whole.change(PASSES[0])
    assert len(whole.calls) == 5
    for left in range(len(whole.calls)):
        cluster = Cluster(tmp_path / str(left))
        cluster.left = left
        with pytest.raises(CutOffError):
            cluster.change(PASSES[0])
        assert cluster.nodes[NAMES[0]].configuration("persistent") == OLD_STYLE
        cluster.left = -1
        if cluster.texts()[0] != OLD_STYLE:
            with pytest.raises(InputError, match="is staged, or is being tried"):
                cluster.change(PASSES[0])
            cluster.nodes[NAMES[0]].revert()
        assert cluster.texts() == [OLD_STYLE] * 4
        assert cluster.change(PASSES[0])
        assert cluster.texts() == whole.texts()


def test_a_staged_configuration_is_left_alone(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    (tmp_path / NAMES[0] / "persistent").write_text(OLD_STYLE.replace("debug: false", "debug: true"))
    with pytest.raises(InputError, match="starts with: one is staged"):
        cluster.change(PASSES[0])


def test_an_issuer_besides_stays(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, extra(f"            {ISSUER}: [{B}, {C}]\n"))
    for wanted in PASSES:
        for name in NAMES:
            cluster.change(wanted, name)
    assert cluster.issuers(NAMES[0]) == [A, B, C]


def test_a_version_with_one_issuer_is_refused_untouched(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, version=V12)
    with pytest.raises(InputError, match=r"v1\.12\.4"):
        cluster.change(PASSES[0])
    assert [arguments[1] for arguments in cluster.calls] == ["get", "get", "version"]


def test_a_node_that_is_not_reached_is_named(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    with pytest.raises(TalosctlError, match="Unavailable"):
        planned(Node("10.0.0.9", "https://10.0.0.9:6443", cluster.talosctl), PASSES[0])


def test_a_node_checks_without_a_change(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    step = planned(cluster.node(), PASSES[0])
    assert step.edit is not None
    cluster.node().require_valid(step.edit.after)
    with pytest.raises(TalosctlError, match="immediate mode"):
        cluster.node().require_valid(step.edit.after.replace("abc.def", "other"))
    assert cluster.texts() == [OLD_STYLE] * 4
