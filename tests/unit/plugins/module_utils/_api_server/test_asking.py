# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.answers import (
    Asked,
    as_result,
    in_words,
    of_result,
    refusals,
    warnings,
)
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.asking import ask, until_repeated
from ansible_collections.onprem.irsa.plugins.module_utils._documents.unsigned_token import NOBODY
from ansible_collections.onprem.irsa.plugins.module_utils._errors import ApiError

from .some_answers import BALANCER, NEW, OLD, Client, One, cluster, kid, sign


def asked(*servers: One, named: list[str] | None = None) -> Asked:
    found = cluster(*servers)
    return ask(Client(found), [*found] if named is None else named, [NEW], sign)


def test_each_is_asked_at_its_own_address() -> None:
    found = asked(One(), One([OLD, NEW]), One())
    assert (found.balanced, found.unreached, len(found.said)) == ("", {}, 3)
    assert (found.signing, found.signing_kids) == ((OLD,), (kid(1),))
    assert found.lacking(NEW) == ("https://10.0.0.1:6443", "https://10.0.0.3:6443")
    assert found.sees_accepted
    assert in_words(found) == (
        "each of 3 API servers asked at its own address (10.0.0.1:6443, 10.0.0.2:6443, 10.0.0.3:6443)"
    )
    assert warnings(found) == []


@pytest.mark.parametrize("named", [[], ["https://192.0.2.1:6443", "https://192.0.2.2:6443", "https://192.0.2.3:6443"]])
def test_a_load_balancer_is_asked_until_nothing_new_comes(named: list[str]) -> None:
    found = asked(One(), One([OLD, NEW]), One([NEW, OLD]), named=named)
    assert (found.balanced, len(found.said), found.signing) == (BALANCER, 3, (OLD, NEW))
    assert sorted(NEW in one.issuers for one in found.accepted) == [False, True]
    assert [*found.unreached] == named
    assert f"{BALANCER} asked {found.rounds} times, until nothing new came: 3 different answers" == in_words(found)
    assert [named[0] in warning and "timed out" in warning for warning in warnings(found)] == [True] * bool(named)


def test_those_that_answer_at_their_own_address_are_asked_there_too() -> None:
    servers = cluster(One([NEW, OLD]), One())
    found = ask(Client(servers), [*servers, "https://192.0.2.1:6443"], [], sign)
    assert {BALANCER, *servers} == {*found.servers}
    assert [*found.unreached] == ["https://192.0.2.1:6443"]


def test_one_name_alone_may_hide_several() -> None:
    servers = {**cluster(One()), "https://10.0.0.9:6443": One([NEW, OLD])}
    found = ask(Client(servers), ["https://10.0.0.1:6443"], [], sign)
    assert (found.balanced, found.rounds) == ("https://10.0.0.1:6443", 9)
    assert in_words(found).endswith("asked 9 times, until nothing new came: the same answer each time")


def test_an_api_server_that_refuses_the_tokens_of_another_is_named() -> None:
    found = asked(One([NEW]), One([OLD]))
    assert [one.refused for one in found.accepted] == [((OLD, kid(1)),), ((NEW, kid(1)),)]
    assert refusals(found)[0].startswith("https://10.0.0.1:6443 refuses a token that another API server has signed, of")
    other_key = asked(One(), One(keys=[2], signing=2))
    assert [one.refused for one in other_key.accepted] == [((OLD, kid(2)),), ((OLD, kid(1)),)]


def test_words_that_are_not_known_show_nothing() -> None:
    found = asked(One(), One(hides=True))
    assert not found.sees_accepted
    assert NOBODY not in found.accepted[0].issuers


def test_where_nobody_answers_it_is_said() -> None:
    with pytest.raises(ApiError, match="timed out"):
        ask(Client(cluster(One()), "https://192.0.2.7:6443"), [], [], sign)


def test_what_was_asked_survives_as_a_result_without_tokens() -> None:
    found = asked(One(), One([NEW, OLD]), named=[])
    assert of_result(as_result(found)) == found
    assert "signed" not in str(as_result(found))
    assert "signed" not in repr(found)


@given(st.lists(st.integers(0, 3), max_size=30), st.integers(1, 8))
def test_every_answer_that_comes_before_the_quiet_is_found(answers: list[int], quiet: int) -> None:
    given = iter([*answers, *[0] * 300])
    found, rounds = until_repeated(lambda: next(given), quiet)
    heard = [*answers, *[0] * 300][:rounds]
    assert found == [*dict.fromkeys(heard)]
    assert {*heard[-quiet:]} <= {*heard[:-quiet]}


def test_answers_that_never_repeat_come_to_an_end() -> None:
    numbers = iter(range(1000))
    assert until_repeated(lambda: next(numbers), 8)[1] == 200
