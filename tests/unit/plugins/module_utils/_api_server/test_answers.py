# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import itertools
import typing as t

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.answers import (
    Asked,
    Said,
    candidates,
    key_set,
    require_shared_keys,
    said_by,
    warnings,
)
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.asking import ask
from ansible_collections.onprem.irsa.plugins.module_utils._documents.unsigned_token import (
    NOBODY,
    is_accepted,
    unsigned_token,
)
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError

from .some_answers import BALANCER, NEW, OLD, Client, One, cluster, key, kid, sign

Json = dict[str, t.Any]


def said(number: int, keys: t.Sequence[Json], signing: str = "") -> Said:
    return Said(f"https://10.0.0.{number}:6443", OLD, signing or str(keys[0]["kid"]), keys=tuple(keys))


def kids(*every: Said) -> list[str]:
    return [str(one["kid"]) for one in key_set(Asked(every, ()))]


@pytest.mark.parametrize(
    ("error", "accepted"),
    [
        ("[invalid bearer token, invalid signature, no keys found]", True),  # seen on 1.34.4
        ("invalid bearer token", False),
        ("[invalid bearer token, Post https://authn.example.com: connection refused]", False),
        ("None", False),
    ],
)
def test_what_a_review_says_of_an_issuer(error: str, *, accepted: bool) -> None:
    assert is_accepted(error) is accepted


def test_a_token_that_nobody_has_signed_names_its_issuer() -> None:
    found = said_by("https://10.0.0.1:6443", unsigned_token(NEW), None, None)
    assert (found.issuer, found.keys, found.jwks_uri) == (NEW, (), "")
    assert unsigned_token(NEW).endswith("A" * 300)


@pytest.mark.parametrize(
    ("token", "documents"),
    [("", None), ("a.b.c", None), (unsigned_token(NEW), {"status": "ok"}), (unsigned_token(NEW), ["keys"])],
)
def test_what_is_no_answer_of_an_api_server(token: str, documents: t.Any) -> None:  # noqa: ANN401 -- JSON
    with pytest.raises(InputError, match="no proxy in between"):
        said_by("https://10.0.0.1:6443", token, documents, None)


def test_issuers_that_do_not_sign_are_looked_for_among_audiences() -> None:
    one = Said("https://10.0.0.1:6443", "https://a", "kid", audiences=("https://a", "https://b", "k3s"))
    found = candidates([one], [NEW, ""])
    assert found[:3] == ("https://a", NEW, "https://b")
    assert {NOBODY, OLD} <= {*found}
    assert not {"k3s", ""} & {*found}


def test_keys_keep_their_order_where_all_have_the_same() -> None:
    assert kids(said(1, [key(2), key(1)]), said(2, [key(2), key(1)])) == [kid(2), kid(1)]


def test_keys_of_different_sets_have_one_order_whoever_is_asked_first() -> None:
    every = [said(1, [key(1)]), said(2, [key(2), key(1)]), said(3, [key(3), key(1)])]
    assert {tuple(kids(*order)) for order in itertools.permutations(every)} == {tuple(sorted(map(kid, (1, 2, 3))))}


@pytest.mark.parametrize(
    ("servers", "says"),
    [
        (
            [Said("https://10.0.0.1:6443", "http://plain", "kid")],
            "serves no key set .* that is http://plain.* PEM texts",
        ),
        (
            [said(1, [key(1)]), said(2, [{**key(2), "kid": kid(1)}])],
            f"two keys with the id {kid(1)}, which differ in x, y",
        ),
        ([said(1, [key(1)], signing="other")], "signs with the key other, and the keys to publish are"),
        ([said(1, [{"kty": "RSA", "kid": "k", "n": "AQAB", "e": "AQAB"}])], "serves a key k that has 17 bits"),
        ([said(1, [{**key(1), "d": "AQAB"}])], "is published with its private part"),
        ([Said("https://10.0.0.1:6443", OLD, "k", keys=({"kty": "RSA"},))], "serves a key that has no kid"),
        ([Said("https://10.0.0.1:6443", OLD, "k", keys=("text",))], "serves a key that has no kid"),  # type: ignore[arg-type]
    ],
)
def test_keys_that_must_not_be_published(servers: list[Said], says: str) -> None:
    with pytest.raises(InputError, match=says):
        kids(*servers)


def test_ids_that_an_external_signer_has_given_stay() -> None:
    assert kids(said(1, [{**key(1), "kid": "from-a-kms"}])) == ["from-a-kms"]


def asked(*servers: One, named: list[str] | None = None) -> Asked:
    found = cluster(*servers)
    return ask(Client(found), [*found] if named is None else named, [NEW], sign)


@pytest.mark.parametrize("named", [None, [BALANCER]])
@pytest.mark.parametrize(
    "servers",
    [
        [One(keys=[1], signing=1), One(keys=[2], signing=2)],
        [One(keys=[1], signing=1), One(keys=[1, 2], signing=2)],
        [One(keys=[1], signing=1, hides=True), One(keys=[2], signing=2, hides=True)],
    ],
)
def test_api_servers_without_each_other_s_keys_are_refused(servers: list[One], named: list[str] | None) -> None:
    with pytest.raises(InputError, match="does not accept tokens that another one signs with the key"):
        require_shared_keys(asked(*servers, named=named))


def test_a_refusal_tells_of_other_keys_where_no_key_set_is_served() -> None:
    found = asked(One(keys=[1], signing=1), One(keys=[2], signing=2))
    without = [Said(one.server, one.issuer, one.kid) for one in found.said]
    with pytest.raises(InputError, match="Name the public keys of all of them in --service-account-key-file"):
        require_shared_keys(Asked(tuple(without), found.accepted))


@pytest.mark.parametrize(
    "servers",
    [
        [One([OLD]), One([NEW])],  # in the middle of passes: each refuses the other's tokens by their issuer
        [One([OLD, NEW], keys=[1, 2]), One([NEW, OLD], keys=[1])],  # a key that nothing signs with yet
        [One(keys=[1, 2], signing=1), One(keys=[2, 1], signing=2)],
    ],
)
def test_keys_that_all_have_are_enough(servers: list[One]) -> None:
    require_shared_keys(asked(*servers))


def test_a_warning_has_the_same_words_each_time() -> None:
    hidden = {"https://192.0.2.1:6443": "The API server https://192.0.2.1:6443 cannot be asked: timed out."}
    told = {tuple(warnings(Asked((), (), balanced=BALANCER, rounds=rounds, unreached=hidden))) for rounds in (8, 11)}
    ((line,),) = told
    assert line.startswith("1 of the API servers that the cluster names do not answer at their own address here. The ")
