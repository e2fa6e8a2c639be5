# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import itertools
import typing as t
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.audiences import given as given_audiences
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.rollout import (
    AUDIENCES,
    ISSUER,
    JWKS_URI,
    Goal,
    Server,
    Step,
    applied,
    goal,
    reached,
    rollout,
)
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError

OLD, NEW, OTHER = "https://kubernetes.default.svc", "https://new.example.com", "https://other.example.com"
URI = f"{NEW}/openid/v1/jwks"

# Of each server, its flags and keys; and what is published. Hashable.
State = tuple[tuple[tuple[tuple[tuple[str, tuple[str, ...]], ...], tuple[str, ...], str], ...], frozenset[str]]


def servers(*issuers: list[str], **flags: list[str]) -> list[Server]:
    return [Server(f"cp{number}", {ISSUER: own, **flags}) for number, own in enumerate(issuers, 1)]


def reached_by(running: list[Server], aim: Goal) -> dict[str, list[str]]:
    return reached(running, aim, rollout(running, aim))


def shown(steps: list[Step]) -> list[tuple[str, str, list[str] | None]]:
    return [(step.phase, step.host, step.flags.get(ISSUER)) for step in steps]


@pytest.mark.parametrize(
    ("users", "further"),
    [
        ([NEW], None),
        ([OTHER, NEW], None),  # the last one counts
        (["https://users.example.com"], [OLD]),  # an issuer that stays accepted
        ([], [NEW]),
    ],
)
def test_one_issuer_for_users_and_service_accounts_is_refused(users: list[str], further: list[str] | None) -> None:
    flags = {} if further is None else {"oidc-issuer-url": further}
    with pytest.raises(InputError, match="does not start with one issuer for users and for service accounts"):
        rollout(servers([OLD], [OLD], **{"oidc-issuer-url": users}), goal(NEW, flags=flags))


@pytest.mark.parametrize("users", [[], [""], ["https://users.example.com"], [NEW, f"{NEW}/"], [NEW, OTHER]])
def test_another_issuer_for_users_is_no_trouble(users: list[str]) -> None:
    assert len(rollout(servers([OLD], [OLD], **{"oidc-issuer-url": users}), goal(NEW))) == 4
    assert rollout(servers([NEW], **{"oidc-issuer-url": [NEW]}), goal(NEW, flags={"oidc-issuer-url": users}))


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
    assert [(step.host, step.phase, step.flags) for step in steps] == [
        (host, "set", {"v": ["3"], "gone": []}) for host in ("cp1", "cp2")
    ]


def test_going_back_takes_the_jwks_uri_away_and_keeps_what_is_not_retired() -> None:
    running = servers([NEW, OLD], [NEW, OLD], **{JWKS_URI: [URI]})
    assert [step.flags for step in rollout(running, goal(OLD))] == [{ISSUER: [OLD, NEW], JWKS_URI: []}] * 2
    back = servers([OLD, NEW], [OLD, NEW])
    assert shown(rollout(back, goal(OLD, retired=[NEW]))) == [("retire", "cp1", [OLD]), ("retire", "cp2", [OLD])]
    assert shown(rollout(servers([OTHER, NEW]), goal(OLD, retired=[NEW]))) == [("switch", "cp1", [OLD, OTHER])]


@pytest.mark.parametrize(
    ("observed", "hosts"),
    [([[OLD]], "cp1"), ([[NEW, OLD], [OLD, NEW], [NEW, OLD]], "cp2"), ([[OLD], [OLD]], "cp1, cp2")],
)
def test_an_issuer_is_not_retired_while_it_signs_anywhere(observed: list[list[str]], hosts: str) -> None:
    with pytest.raises(InputError, match=f"The issuer {OLD} can't be retired while it signs, as it does on {hosts}: "):
        rollout(servers(*observed), goal(NEW, retired=[OLD, OTHER]))


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        (ISSUER, "give the issuer's URL instead"),
        (JWKS_URI, "give the issuer's URL instead"),
        ("service-account-key-file", "leave the keys as they are"),
        ("service-account-signing-key-file", "leave the keys as they are"),
        ("service-account-signing-endpoint", "leave the keys as they are"),
        ("secure-port", "change it with what set the cluster up"),
        ("bind-address", "change it with what set the cluster up"),
        ("advertise-address", "change it with what set the cluster up"),
        ("tls-cert-file", "change it with what set the cluster up"),
        ("tls-private-key-file", "change it with what set the cluster up"),
        ("client-ca-file", "change it with what set the cluster up"),
        ("authorization-mode", "change it with what set the cluster up"),
    ],
)
@pytest.mark.parametrize("values", [["x"], []])
def test_flags_of_the_issuer_the_keys_and_the_probes_are_no_further_flags(
    name: str, fix: str, values: list[str]
) -> None:
    with pytest.raises(InputError, match=f"The flag {name} must not be among the further flags: .*{fix}"):
        goal(NEW, flags={name: values})


@pytest.mark.parametrize("values", [["false"], [False], ["true", "F"], ["0"]])
def test_anonymous_requests_are_not_turned_off(values: list[object]) -> None:
    with pytest.raises(
        InputError, match=r"The flag anonymous-auth must not be .* the kubelet's probes have no credentials"
    ):
        goal(NEW, flags={"anonymous-auth": values})


@pytest.mark.parametrize("flags", [{"anonymous-auth": ["true"]}, {"anonymous-auth": [True]}, {"anonymous-auth": []}])
def test_anonymous_requests_are_left_on(flags: dict[str, object]) -> None:
    assert goal(NEW, flags={**flags, "authentication-config": ["/etc/kubernetes/pki/authentication.yml"]}).flags


def test_the_issuer_that_signs_is_not_retired() -> None:
    with pytest.raises(InputError, match="can't sign and be retired"):
        goal(NEW, retired=[NEW])


def test_a_key_is_accepted_published_and_then_signs_and_the_old_one_goes_last() -> None:
    flags = {ISSUER: [OLD]}
    running = [Server(host, flags, ("k1",), "k1") for host in ("cp1", "cp2")]
    hosts = ("cp1", "cp2")
    both = ("k1", "k2")
    steps = rollout(running, goal(OLD, signing_kid="k2"))
    assert steps == [
        *[Step(host, "accept", {}, both, "k1", both) for host in hosts],
        *[Step(host, "switch", {}, both, "k2", both) for host in hosts],
    ]
    after = [applied(server, steps) for server in running]
    retiring = rollout(after, goal(OLD, signing_kid="k2", retired_kids=["k1"]))
    assert retiring == [Step(host, "retire", {}, ("k2",), "k2", ("k2",)) for host in hosts]
    assert rollout(after, goal(OLD)) == []


def test_an_issuer_and_a_key_come_in_the_same_restarts() -> None:
    running = [Server(host, {ISSUER: [OLD]}, ("k1",), "k1") for host in ("cp1", "cp2", "cp3")]
    steps = rollout(running, goal(NEW, signing_kid="k2"))
    assert [step.phase for step in steps] == ["accept"] * 3 + ["switch"] * 3
    assert (steps[0].flags, steps[0].kids) == ({ISSUER: [OLD, NEW]}, ("k1", "k2"))
    assert (steps[3].flags, steps[3].signing_kid) == ({ISSUER: [NEW, OLD]}, "k2")


@pytest.mark.parametrize("signing", ["", "k1"])
def test_only_a_key_that_does_not_sign_is_retired(signing: str) -> None:
    with pytest.raises(InputError, match="another one has to sign"):
        goal(NEW, signing_kid=signing, retired_kids=["k1"])


def told(observed: list[Server]) -> list[list[str]]:
    """Return the audiences of each server."""
    return [server.audiences for server in observed]


@pytest.mark.parametrize(
    ("values", "audiences"),
    [
        (None, [OLD, NEW]),
        ([""], [OLD, NEW]),
        (["a"], ["a"]),
        (["a,b", "b", "c"], ["a", "b", "c"]),
        (['"https://a,https://b",c'], ["https://a,https://b", "c"]),
    ],
)
def test_the_audiences_in_force(values: list[str] | None, audiences: list[str]) -> None:
    flags = {} if values is None else {AUDIENCES: values}
    assert Server("cp1", {ISSUER: [OLD, NEW], **flags}).audiences == audiences


def test_a_retired_issuer_stays_an_audience() -> None:
    running = servers([NEW, OLD], [NEW, OLD])
    steps = rollout(running, goal(NEW, retired=[OLD]))
    assert [(step.phase, step.flags) for step in steps] == [
        ("retire", {ISSUER: [NEW], AUDIENCES: [f"{NEW},{OLD}"]}),
    ] * 2
    assert reached_by(running, goal(NEW, retired=[OLD]))[AUDIENCES] == [f"{NEW},{OLD}"]
    after = [applied(server, steps) for server in running]
    assert reached_by(after, goal(NEW))[AUDIENCES] == [f"{NEW},{OLD}"], "an upgrade would drop it"
    assert [step.flags for step in rollout(after, goal(NEW, retired_audiences=[OLD]))] == [{AUDIENCES: [NEW]}] * 2


@pytest.mark.parametrize(
    ("issuers", "flag", "retired", "end"),
    [
        pytest.param([NEW, OLD], None, {"retired": [OLD], "retired_audiences": [OLD]}, [NEW], id="with its audience"),
        pytest.param([NEW, OLD], ["k3s"], {"retired": [OLD]}, ["k3s"], id="the flag is given"),
        pytest.param(
            [NEW, f"{OLD},{OTHER}"], None, {"retired": [f"{OLD},{OTHER}"]}, [NEW, f"{OLD},{OTHER}"], id="comma"
        ),
        pytest.param([NEW, OLD], None, {"retired_audiences": [OLD]}, [NEW], id="an audience alone"),
        pytest.param(
            [NEW, OLD], ["k3s,sts.amazonaws.com"], {"retired_audiences": ["sts.amazonaws.com"]}, ["k3s"], id="STS"
        ),
        pytest.param([NEW], ["x"], {"retired_audiences": ["unknown"]}, ["x"], id="one that is none"),
    ],
)
@pytest.mark.parametrize("count", [1, 3])
def test_audiences_that_are_retired(
    issuers: list[str], flag: list[str] | None, retired: dict[str, t.Any], end: list[str], count: int
) -> None:
    running = servers(*[issuers] * count, **({} if flag is None else {AUDIENCES: flag}))
    steps = rollout(running, goal(NEW, **retired))
    assert len(steps) <= count
    assert told([applied(server, steps) for server in running]) == [end] * count


@pytest.mark.parametrize(
    ("observed", "flags", "options", "says"),
    [
        ([{}, {}], ["x"], {}, f"lacks {OLD}, in force on cp1, cp2 "),
        ([{}, {ISSUER: [NEW, OLD]}], [OLD], {}, f"lacks {NEW}, in force on cp2 "),
        ([{AUDIENCES: ["a,b"]}, {AUDIENCES: ["b"]}], ["b"], {}, "lacks a, in force on cp1 "),
        ([{AUDIENCES: ["a"]}], [], {}, "lacks a, in force on cp1 "),
        ([{}, {}], None, {"retired_audiences": [OLD]}, f"The audience {OLD} can't be retired yet: cp1 accepts"),
        (
            [{AUDIENCES: ["a,b"]}, {AUDIENCES: ["a,c"]}],
            None,
            {"retired_audiences": ["a"]},
            "a can't be retired yet: cp2",
        ),
        ([{AUDIENCES: ["a"]}], ["b"], {"retired_audiences": ["a"]}, "a can't be retired yet: cp1"),
        (
            [{AUDIENCES: ["a"]}, {}],
            None,
            {},
            "different audiences, so that cp2 refuses the tokens of cp1: cp1 has a; cp2",
        ),
    ],
)
def test_audiences_that_tokens_in_use_need(
    observed: list[dict[str, list[str]]], flags: list[str] | None, options: dict[str, t.Any], says: str
) -> None:
    running = [Server(f"cp{number}", {ISSUER: [OLD], **own}) for number, own in enumerate(observed, 1)]
    further = {} if flags is None else {AUDIENCES: flags}
    with pytest.raises(InputError) as caught:
        rollout(running, goal(NEW, flags=further, **options))
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("values", "options", "says"),
    [
        (["sts.amazonaws.com"], {}, "api-audiences must not have sts.amazonaws.com"),
        ([f"{OLD},sts.amazonaws.com"], {}, "api-audiences must not have sts.amazonaws.com"),
        (["a", "sts.eu-central-1.amazonaws.com"], {}, "must not have sts.eu-central-1.amazonaws.com"),
        (["sts.amazonaws.com.cn"], {}, "must not have sts.amazonaws.com.cn"),
        (["a,aws"], {"aws_audience": "aws"}, "must not have aws, the audience of tokens for AWS"),
        (["a,b"], {"retired_audiences": ["b"]}, "The audience b can't be in the flag api-audiences and be retired"),
    ],
)
def test_audiences_that_no_api_server_may_have(values: list[str], options: dict[str, t.Any], says: str) -> None:
    with pytest.raises(InputError) as caught:
        goal(NEW, flags={AUDIENCES: values}, **options)
    assert says in str(caught.value)


# What can go wrong, everywhere: every server in every state in which people leave it, and a step that is done, put
# back, or cut off before or after it took effect; then a new plan from what is observed. Before a step, what the plan
# says is published, which may be all that happens.


def frozen(observed: t.Iterable[Server], published: t.Iterable[str]) -> State:
    flags = tuple(
        (tuple(sorted((name, tuple(own)) for name, own in server.flags.items())), server.kids, server.signing_kid)
        for server in observed
    )
    return flags, frozenset(published)


def thawed(state: State) -> list[Server]:
    return [
        Server(f"cp{number}", {name: list(own) for name, own in flags}, kids, signing_kid)
        for number, (flags, kids, signing_kid) in enumerate(state[0], 1)
    ]


def refused(observed: list[Server], published: t.Collection[str]) -> set[tuple[str, str, str]]:
    """Return whose tokens who refuses, and whether for the issuer or for the key; others know what is published."""
    pairs = list(itertools.product(observed, observed))
    return {
        *((one.host, other.host, "issuer") for one, other in pairs if one.issuers[0] not in other.issuers),
        *((one.host, other.host, "audience") for one, other in pairs if not {*one.audiences} & {*other.audiences}),
        *((one.host, other.host, "key") for one, other in pairs if one.signing_kid not in (*other.kids, "")),
        *((signer.host, "relying parties", "key") for signer in observed if signer.signing_kid not in (*published, "")),
    }


def live(observed: list[Server]) -> tuple[set[str], set[str]]:
    """Return the issuers and the keys that tokens in use may carry: those that any server signs with."""
    return {server.issuers[0] for server in observed}, {server.signing_kid for server in observed} - {""}


def require_a_safe_step(before: list[Server], after: list[Server], step: Step, aim: Goal) -> None:
    for published in ({*step.published}, {*step.published, "stranger"}):
        assert refused(after, published) <= refused(before, published), "a step made somebody refuse a token"
    assert all(server.issuers for server in after)
    (changed,) = (server for server in before if server.host == step.host)
    assert step.before == {name: changed.flags.get(name, []) for name in step.flags}
    for one, other in zip(before, after):
        assert {*one.issuers} - {*other.issuers} <= aim.retired, "a step dropped an issuer that nobody retired"
        assert not ({*one.issuers} - {*other.issuers}) & live(before)[0], "a step dropped an issuer of tokens in use"
        assert {*one.audiences} - {*other.audiences} <= aim.retired_audiences, "a step dropped a live audience"
        assert {*other.audiences} <= {*one.audiences, *other.issuers, *given_audiences(aim.flags.get(AUDIENCES, []))}
        assert {*one.kids} - {*other.kids} <= aim.retired_kids, "a step dropped a key that nobody retired"
        assert len(set(other.issuers)) == len(other.issuers), "kube-apiserver exits on an issuer given twice"
    (issuers, kids), (issuers_before, kids_before) = live(after), live(before)
    if issuers - issuers_before:
        assert all(issuers <= {*server.issuers} for server in after), "a server signs before all accept"
    if kids - kids_before:
        assert kids <= {*step.published}, "a server signs with a key before it is published"
        assert all(kids <= {*server.kids} for server in after), "a server signs before all accept"


def explore(start: list[Server], aim: Goal, met: set[State], published: t.Collection[str] = ()) -> None:
    """Take the way from a start to the goal through states not met yet, with an interruption at every step.

    Where an issuer that should be retired still signs, that is refused, and comes after another run without it.
    """
    before = start
    if aim.retired & live(start)[0]:
        met.add(frozen(start, published))
        with pytest.raises(InputError, match="can't be retired while it signs"):
            rollout(start, aim)
        steps = rollout(start, replace(aim, retired=frozenset()))
        before, published = [applied(server, steps) for server in start], steps[-1].published
    while frozen(before, published) not in met:
        met.add(frozen(before, published))
        steps = rollout(before, aim)
        if not steps:
            assert all(server.issuers[0] == aim.issuer for server in before)
            assert all(server.signing_kid == aim.signing_kid for server in before if aim.signing_kid)
            assert not any(aim.retired_kids & {*server.kids} for server in before)
            assert not refused(before, [aim.signing_kid])
            return
        assert len(steps) <= 3 * len(before)
        # Published, and cut off: relying parties know what the servers sign with all the same.
        assert refused(before, steps[0].published) <= refused(before, published), "publishing took a key away"
        # Put back, or cut off before it took effect: the state as it was, from which the same plan follows again.
        assert rollout(thawed(frozen(before, published)), aim) == steps
        # Done, or cut off after it took effect: the rest of the plan follows.
        after = [applied(server, steps[:1]) for server in before]
        assert rollout(after, aim) == steps[1:], "a new plan went backwards, or aside"
        require_a_safe_step(before, after, steps[0], aim)
        before, published = after, steps[0].published


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


# Every way in which a server may have one or both of two issuers and of two keys, and sign with one of each.
SERVERS = [
    ({ISSUER: [*issuers]}, kids, signing_kid)
    for issuers in ([OLD], [NEW], [OLD, NEW], [NEW, OLD])
    for kids in (("k1",), ("k2",), ("k1", "k2"), ("k2", "k1"))
    for signing_kid in sorted(kids)
]
KEY_GOALS = [
    goal(NEW, signing_kid="k2"),
    goal(NEW, signing_kid="k2", retired=[OLD], retired_kids=["k1"]),
    goal(OLD, signing_kid="k2", retired_kids=["k1"]),
]


@pytest.mark.parametrize(("count", "aim"), [*itertools.product([1, 2], KEY_GOALS), (3, KEY_GOALS[1])])
def test_issuers_and_keys_together_from_every_start_of_up_to_three_servers(count: int, aim: Goal) -> None:
    met: set[State] = set()
    for start in itertools.product(SERVERS, repeat=count):
        observed = [Server(f"cp{number}", *own) for number, own in enumerate(start, 1)]
        for published in ([], ["k1"], ["k2"], ["k1", "k2"]) if count < 3 else (["k1", "k2"],):
            explore(observed, aim, met, published)
    assert len(met) >= len(SERVERS) ** count


AUDIENCE_STARTS = [
    {ISSUER: [*issuers], **({} if own is None else {AUDIENCES: own})}
    for issuers in ([OLD], [NEW, OLD], [OLD, NEW], [NEW])
    for own in (None, [OLD], [f"x,{OLD}"], ["x", NEW], [f"{NEW},{OLD}"])
]
AUDIENCE_GOALS = [
    goal(NEW),
    goal(NEW, retired=[OLD]),
    goal(NEW, retired_audiences=[OLD]),
    goal(NEW, retired=[OLD], retired_audiences=[OLD, "x"]),
    goal(OLD, retired=[NEW], retired_audiences=[NEW]),
    goal(NEW, flags={AUDIENCES: ["x", OLD, NEW]}),
    goal(NEW, flags={AUDIENCES: [f"y,{NEW},x"]}, retired=[OLD], retired_audiences=[OLD]),
    goal(NEW, flags={AUDIENCES: []}),
]


@pytest.mark.parametrize(
    ("count", "aim"), [*itertools.product([1, 2], AUDIENCE_GOALS), (3, AUDIENCE_GOALS[1]), (3, AUDIENCE_GOALS[6])]
)
def test_audiences_from_every_start_of_up_to_three_servers(count: int, aim: Goal) -> None:
    """What is refused is refused at once; where a plan begins, each next one follows it to the end."""
    met: set[State] = set()
    begun = 0
    for start in itertools.product(AUDIENCE_STARTS, repeat=count):
        observed = [Server(f"cp{number}", flags) for number, flags in enumerate(start, 1)]
        try:
            rollout(observed, aim)
        except InputError:
            continue
        begun += 1
        explore(observed, aim, met)
    assert begun >= len(AUDIENCE_STARTS) // 4


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(LISTS), st.permutations(["k1", "k2", "k3"]), st.integers(1, 3)),
        min_size=4,
        max_size=9,
    ),
    st.sampled_from(["k1", "k2", "k4"]),
    st.sets(st.sampled_from(["k3", "k5"])),
    st.sets(st.sampled_from(["k1", "k2", "k3", "k4"])),
)
def test_issuers_and_keys_of_any_number_of_servers(
    start: list[tuple[list[str], list[str], int]], signing_kid: str, retired_kids: set[str], published: set[str]
) -> None:
    observed = [
        Server(f"cp{number}", {ISSUER: issuers}, tuple(kids[:count]), kids[0])
        for number, (issuers, kids, count) in enumerate(start, 1)
    ]
    explore(observed, goal(NEW, signing_kid=signing_kid, retired_kids=retired_kids), set(), published)


def test_servers_that_agreed_at_the_start_never_refuse_each_others_tokens() -> None:
    for own in LISTS:
        observed = servers(own, own, own)
        for step in rollout(observed, goal(NEW, jwks_uri=URI)):
            observed = [applied(server, [step]) for server in observed]
            assert not refused(observed, [])


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
