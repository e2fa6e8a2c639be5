# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import itertools
import typing as t

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._rollout import (
    ISSUER,
    JWKS_URI,
    Goal,
    Server,
    Step,
    applied,
    goal,
    rollout,
)

OLD, NEW, OTHER = "https://kubernetes.default.svc", "https://new.example.com", "https://other.example.com"
URI = f"{NEW}/openid/v1/jwks"

State = tuple[tuple[tuple[str, tuple[str, ...]], ...], ...]  # of each server, its flags; hashable


def servers(*issuers: list[str], **flags: list[str]) -> list[Server]:
    return [Server(f"cp{number}", {ISSUER: own, **flags}) for number, own in enumerate(issuers, 1)]


def shown(steps: list[Step]) -> list[tuple[str, str, list[str] | None]]:
    return [(step.phase, step.host, step.flags.get(ISSUER)) for step in steps]


@pytest.mark.parametrize(
    ("observed", "expected"),
    [
        pytest.param([[OLD]], [("switch", "cp1", [NEW, OLD])], id="one server: at once"),
        pytest.param(
            [[OLD], [OLD], [OLD]],
            [
                *[("accept", f"cp{number}", [OLD, NEW]) for number in (1, 2, 3)],
                *[("switch", f"cp{number}", [NEW, OLD]) for number in (1, 2, 3)],
            ],
            id="three servers: two passes",
        ),
        pytest.param(
            [[NEW, OLD], [OLD]],
            [("accept", "cp2", [OLD, NEW]), ("switch", "cp2", [NEW, OLD])],
            id="changed by hand on one server",
        ),
        pytest.param(
            [[OLD], [OTHER]],
            [
                ("accept", "cp1", [OLD, OTHER, NEW]),
                ("accept", "cp2", [OTHER, OLD, NEW]),
                ("switch", "cp1", [NEW, OLD, OTHER]),
                ("switch", "cp2", [NEW, OTHER, OLD]),
            ],
            id="servers that do not know each other",
        ),
        pytest.param([[NEW, OLD, OTHER], [NEW, OTHER, OLD]], [], id="the order behind the first does not matter"),
    ],
)
def test_the_steps(observed: list[list[str]], expected: list[tuple[str, str, list[str]]]) -> None:
    assert shown(rollout(servers(*observed), goal(NEW))) == expected


def test_the_jwks_uri_comes_with_the_switch_and_further_flags_with_the_first_restart() -> None:
    steps = rollout(servers([OLD], [OLD]), goal(NEW, jwks_uri=URI, flags={"v": ["2"]}))
    assert [step.flags for step in steps] == [
        {ISSUER: [OLD, NEW], "v": ["2"]},
        {ISSUER: [OLD, NEW], "v": ["2"]},
        {ISSUER: [NEW, OLD], JWKS_URI: [URI]},
        {ISSUER: [NEW, OLD], JWKS_URI: [URI]},
    ]


def test_further_flags_alone_take_one_restart_a_server() -> None:
    running = servers([NEW, OLD], [NEW, OLD], v=["2"], gone=["1"])
    steps = rollout(running, goal(NEW, flags={"v": ["3"], "gone": [], "absent": []}))
    assert steps == [Step(host, "set", {"v": ["3"], "gone": []}) for host in ("cp1", "cp2")]


def test_going_back_takes_the_jwks_uri_away_and_keeps_what_is_not_retired() -> None:
    running = servers([NEW, OLD], [NEW, OLD], **{JWKS_URI: [URI]})
    assert [step.flags for step in rollout(running, goal(OLD))] == [{ISSUER: [OLD, NEW], JWKS_URI: []}] * 2
    retiring = rollout(running, goal(OLD, retired=[NEW]))
    assert shown(retiring) == [
        ("switch", "cp1", [OLD, NEW]),
        ("switch", "cp2", [OLD, NEW]),
        ("retire", "cp1", [OLD]),
        ("retire", "cp2", [OLD]),
    ]
    assert shown(rollout(servers([NEW, OLD]), goal(OLD, retired=[NEW]))) == [("switch", "cp1", [OLD])]


@pytest.mark.parametrize("name", [ISSUER, JWKS_URI])
def test_flags_of_the_issuer_are_no_further_flags(name: str) -> None:
    with pytest.raises(InputError, match="must not be among the further flags"):
        goal(NEW, flags={name: ["x"]})


def test_the_issuer_that_signs_is_not_retired() -> None:
    with pytest.raises(InputError, match="can't sign and be retired"):
        goal(NEW, retired=[NEW])


# What can go wrong, everywhere: every server in every state in which people leave it, and a step that is done, put
# back, or cut off before or after it took effect; then a new plan from what is observed.


def frozen(observed: t.Iterable[Server]) -> State:
    return tuple(tuple(sorted((name, tuple(own)) for name, own in server.flags.items())) for server in observed)


def thawed(state: State) -> list[Server]:
    return [Server(f"cp{number}", {name: list(own) for name, own in flags}) for number, flags in enumerate(state, 1)]


def refused(observed: list[Server]) -> set[tuple[str, str]]:
    """Return which server's tokens which other server refuses."""
    pairs = itertools.permutations(observed, 2)
    return {(one.host, other.host) for one, other in pairs if one.issuers[0] not in other.issuers}


def live(observed: list[Server]) -> set[str]:
    """Return the issuers that tokens in use may carry: those that any server signs with."""
    return {server.issuers[0] for server in observed}


def require_a_safe_step(before: list[Server], after: list[Server], aim: Goal) -> None:
    assert refused(after) <= refused(before), "a step made a server refuse another's tokens"
    assert all(server.issuers for server in after)
    for one, other in zip(before, after):
        dropped = set(one.issuers) - set(other.issuers)
        assert dropped <= aim.retired, "a step dropped an issuer that nobody retired"
        assert len(set(other.issuers)) == len(other.issuers), "kube-apiserver exits on an issuer given twice"
    if live(after) - live(before):
        assert all(live(after) <= set(server.issuers) for server in after), "a server signs before all accept"


def explore(start: list[Server], aim: Goal, met: set[State]) -> None:
    """Take the way from a start to the goal through states not met yet, with an interruption at every step."""
    before = start
    while frozen(before) not in met:
        met.add(frozen(before))
        steps = rollout(before, aim)
        if not steps:
            assert all(server.issuers[0] == aim.issuer for server in before)
            assert not refused(before)
            return
        assert len(steps) <= 3 * len(before)
        # Put back, or cut off before it took effect: the state as it was, from which the same plan follows again.
        assert rollout(thawed(frozen(before)), aim) == steps
        # Done, or cut off after it took effect: the rest of the plan follows.
        after = [applied(server, steps[:1]) for server in before]
        assert rollout(after, aim) == steps[1:], "a new plan went backwards, or aside"
        require_a_safe_step(before, after, aim)
        before = after


LISTS = [list(own) for length in (1, 2, 3) for own in itertools.permutations([OLD, NEW, OTHER], length)]


@pytest.mark.parametrize(
    "aim", [goal(NEW, jwks_uri=URI, flags={"v": ["2"]}), goal(OLD, retired=[NEW])], ids=["to", "back"]
)
@pytest.mark.parametrize("count", [1, 2, 3])
def test_every_start_and_every_interruption_of_up_to_three_servers(count: int, aim: Goal) -> None:
    met: set[State] = set()
    for start in itertools.product(LISTS, repeat=count):
        explore(servers(*start), aim, met)
    assert len(met) >= len(LISTS) ** count


def test_servers_that_agreed_at_the_start_never_refuse_each_others_tokens() -> None:
    for own in LISTS:
        observed = servers(own, own, own)
        for step in rollout(observed, goal(NEW, jwks_uri=URI)):
            observed = [applied(server, [step]) for server in observed]
            assert not refused(observed)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.sampled_from(LISTS), min_size=1, max_size=7),
    st.sampled_from([OLD, NEW, "https://third.example.com"]),
    st.sets(st.sampled_from([OTHER, "https://gone.example.com"])),
    st.dictionaries(st.sampled_from(["v", "tls-min-version"]), st.lists(st.sampled_from("123"), max_size=2)),
)
def test_any_number_of_servers(
    start: list[list[str]], issuer: str, retired: set[str], flags: dict[str, list[str]]
) -> None:
    explore(servers(*start), goal(issuer, jwks_uri=URI, flags=flags, retired=retired), set())


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(LISTS), min_size=2, max_size=5), st.data())
def test_a_reader_that_saw_some_servers_before_and_some_after_a_change_is_safe(
    start: list[list[str]], data: st.DataObject
) -> None:
    """Another person edits a server between two of our steps: the next plan still only adds what is missing."""
    aim = goal(NEW)
    observed = servers(*start)
    for _round in range(4):
        steps = rollout(observed, aim)
        observed = [applied(server, steps[: data.draw(st.integers(0, len(steps)))]) for server in observed]
        meddled = data.draw(st.integers(0, len(observed) - 1))
        observed[meddled] = Server(observed[meddled].host, {ISSUER: data.draw(st.sampled_from(LISTS))})
    explore(observed, aim, set())
