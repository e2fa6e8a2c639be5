# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What real API servers show of their flags to a client on their host: make api-server."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import AUDIENCES, ISSUER, JWKS_URI
from ansible_collections.onprem.irsa.plugins.module_utils._host import outcome
from ansible_collections.onprem.irsa.plugins.module_utils._host.outcome import OutcomeApi

from .some_servers import OLD, Servers, servers

if t.TYPE_CHECKING:
    import http.client
    from pathlib import Path

NEW: t.Final = "https://new.example.com"


@dataclass(frozen=True)
class AsAdministrator(OutcomeApi):
    """With a token of these servers in place of a client certificate."""

    def _connection(self) -> http.client.HTTPSConnection:
        connection = super()._connection()
        request = connection.request

        def with_token(
            method: str, path: str, body: str | None = None, headers: t.Mapping[str, str] | None = None
        ) -> None:
            request(method, path, body, {**(headers or {}), "Authorization": "Bearer administrator"})

        connection.request = with_token  # type: ignore[method-assign,assignment]
        return connection


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Servers]:
    """Return two API servers on one etcd, one of which has the new issuer, too."""
    with servers(tmp_path_factory.mktemp("servers"), 2) as found:
        found.restart(0, [NEW, OLD], f"--service-account-jwks-uri={NEW}/openid/v1/jwks")
        yield found


def asks(cluster: Servers, number: int, authority: Path | None = None) -> OutcomeApi:
    return AsAdministrator(cluster.at(number).url, authority=str(authority or cluster.at(number).authority))


def test_flags_are_seen_by_what_they_make(cluster: Servers) -> None:
    found = asks(cluster, 0).outcome([OLD, "https://other.example.com"])
    assert found is not None
    assert (found.issuer, found.accepted, found.audiences) == (NEW, (NEW, OLD), (NEW, OLD))
    assert found.jwks_uri == f"{NEW}/openid/v1/jwks"
    assert found.flags({}) == {ISSUER: [NEW, OLD], JWKS_URI: [f"{NEW}/openid/v1/jwks"]}
    found = asks(cluster, 1).outcome([NEW])
    assert found is not None
    assert (found.flags({}), found.accepted) == ({ISSUER: [OLD]}, (OLD,))
    assert str(found.jwks_uri).startswith(f"https://{cluster.address}:")
    cluster.restart(1, [OLD], f"--api-audiences={OLD},k3s")
    found = asks(cluster, 1).outcome([])
    assert found is not None
    assert found.flags({}) == {ISSUER: [OLD], AUDIENCES: [f"{OLD},k3s"]}


def test_a_server_that_refuses_the_token_of_another_one_is_named(
    cluster: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The addresses of both are this machine's, so that the second one has to count as another's."""
    first = asks(cluster, 0)
    found = first.outcome([])
    assert found is not None
    assert (found.advertised, first.refusing(found)) == ("", [])
    monkeypatch.setattr(outcome, "_is_local", lambda _address: False)
    assert first.refusing(found) == [cluster.at(1).url]
    cluster.restart(1, [OLD, NEW])
    assert first.refusing(found) == []
    cluster.restart(1, [OLD])
    stranger = asks(cluster, 0, cluster.directory / "sa.key")
    assert stranger.refusing(found) == [], "a token is shown to no server that is not known"
