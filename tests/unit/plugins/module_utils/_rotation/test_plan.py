# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._in_use.names import MOST
from ansible_collections.onprem.irsa.plugins.module_utils._in_use.state import Keeper, LegacyToken, Lifetime
from ansible_collections.onprem.irsa.plugins.module_utils._rotation import plan as planner
from ansible_collections.onprem.irsa.plugins.module_utils._rotation.plan import Aim, plan
from ansible_collections.onprem.irsa.plugins.module_utils._rotation.state import Config, RelyingParty, State
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._rotation.a_cluster import (
    KEYS,
    LIFETIME,
    MAX_AGE,
    NOW,
    Cluster,
    accidents,
    moves,
    settled,
)

A, B = "https://a", "https://b"
FORWARD, BACK = Aim(min_age=1.0), Aim(signer="old")
BACK_TO_NEW = Aim(signer="new")
MOVE, MOVE_BACK = Aim(issuer=B), Aim(issuer=A)
BOTH, BOTH_BACK = Aim(signer="new", issuer=B), Aim(signer="old", issuer=A)
RETIRE = Aim(signer="new", issuer=B, retired_issuers=frozenset({A}))


def situations(start: Cluster, aims: t.Collection[Aim]) -> dict[Cluster, Cluster | None]:
    """Return every situation that runs with these aims, each cut off anywhere, can come to, and what it came from."""
    found: dict[Cluster, Cluster | None] = {start.simplest(): None}
    todo = [*found]
    while todo:
        cluster = todo.pop()
        following = [move for aim in aims for move in moves(cluster, plan(cluster.observed(), aim))]
        for move in (after.simplest() for after in (*following, *accidents(cluster))):
            if move not in found:
                found[move] = cluster
                assert move.broken() == [], _way(found, move)
                todo.append(move)
    return found


def _way(found: t.Mapping[Cluster, Cluster | None], to: Cluster | None) -> str:
    """Return how a situation came about, for whoever has to find the fault."""
    way = []
    while to is not None:
        way.append(to)
        to = found[to]
    return "\n\n".join(str(cluster) for cluster in reversed(way[:4]))


def arrived(cluster: Cluster, aim: Aim, *, steps: int = 80) -> Cluster:
    """Return where the same run leads that is repeated until nothing is left to do."""
    for _number in range(steps):
        following = plan(cluster.observed(), aim)
        assert following.problems == (), cluster
        if following.is_finished:
            return cluster
        cluster = moves(cluster, following)[-1]
    raise AssertionError(cluster)


@pytest.mark.parametrize(
    ("hosts", "more", "issuers", "aims"),
    [
        pytest.param(1, {"joins": 1}, [A], [FORWARD, BACK], id="keys, one server and one that joins"),
        pytest.param(3, {}, [A], [FORWARD, BACK], id="keys, three servers"),
        pytest.param(2, {"joins": 1}, [A], [FORWARD, BACK], id="two servers, one joins", marks=pytest.mark.slow),
        pytest.param(1, {"generations": 2, "failures": 1}, [A], [FORWARD, BACK, BACK_TO_NEW], id="two generations"),
        pytest.param(2, {"failures": 1}, [A], [FORWARD, BACK], id="two servers, and files that are put back"),
        pytest.param(
            3,
            {"generations": 2, "failures": 1},
            [A],
            [FORWARD, BACK, BACK_TO_NEW],
            id="three servers, two generations, and files that are put back",
            marks=[pytest.mark.slow, pytest.mark.long],
        ),
        pytest.param(3, {}, [A, B], [MOVE, MOVE_BACK], id="issuers"),
        pytest.param(3, {}, [A, B], [FORWARD, BOTH, RETIRE], id="both, three servers", marks=pytest.mark.slow),
        pytest.param(1, {}, [A, B], [FORWARD, BOTH, BOTH_BACK], id="both and back", marks=pytest.mark.slow),
        pytest.param(3, {}, [], [FORWARD, BACK], id="nothing is published"),
    ],
)
def test_no_token_is_refused_in_any_situation(
    hosts: int, more: dict[str, int], issuers: list[str], aims: list[Aim]
) -> None:
    start = replace(settled(hosts, published=issuers), **t.cast("t.Any", more))
    found = situations(start, aims)
    assert len(found) > 20
    last = KEYS[more.get("generations", 1)]
    if FORWARD in aims:
        assert any(all(server.signs_with(last, A) for server in cluster.servers) for cluster in found)


@pytest.mark.parametrize(("aim", "others"), [(FORWARD, []), (BACK, [FORWARD])])
def test_the_same_run_arrives_from_wherever_it_was_cut_off(aim: Aim, others: list[Aim]) -> None:
    for cluster in situations(settled(2), [aim, *others]):
        if aim.signer and not any(aim.signer in server.holds for server in cluster.servers):
            continue  # it is retired by now
        end = arrived(cluster, aim)
        wanted = aim.signer or "new"
        assert {server.running for server in end.servers} == {Config((wanted,), wanted, (A,))}
        assert {server.secrets_signer for server in end.servers} == {wanted}
        assert [documents.kids for documents in end.documents] == [(wanted,)]
        assert {kid for server in end.servers for kid in server.holds} == {wanted}


def test_keys_and_issuers_change_together() -> None:
    ready = next(
        cluster
        for cluster in situations(settled(3, published=[A, B]), [FORWARD])
        if all(server.next_kid for server in cluster.servers)
    )
    end = arrived(ready, RETIRE)
    assert {server.running for server in end.servers} == {Config(("new",), "new", (B,))}


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("_caches", lambda _begun, _state: None),
        ("_lifetimes", lambda _begun, _state: None),
        ("_publishing", lambda _state, _begun, _kids: None),
        ("_accepts", lambda _server, _kids, _issuers: True),
        ("_leaving", lambda _state, begun: {*begun.retired}),
    ],
)
def test_the_model_refuses_tokens_where_a_rule_is_left_out(
    monkeypatch: pytest.MonkeyPatch, name: str, instead: t.Callable[..., object]
) -> None:
    monkeypatch.setattr(planner, name, instead)
    with pytest.raises(AssertionError, match="Cluster"):
        situations(settled(2), [FORWARD, BACK])


def state(**changed: t.Any) -> State:  # noqa: ANN401 -- those of State
    return replace(settled(2).observed(), **changed)


def half_way(action: str) -> State:
    """Return what is observed when the first step of this kind is next."""
    cluster = settled(2)
    while True:
        following = plan(cluster.observed(), FORWARD)
        if following.step and following.step.action == action:
            return cluster.observed()
        cluster = moves(cluster, following)[-1]


def waiting(phase: str) -> State:
    """Return what is observed while the time before a phase has to pass."""
    cluster = settled(2)
    while True:
        following = plan(cluster.observed(), FORWARD)
        if following.wait and following.wait.phase == phase:
            return cluster.observed()
        cluster = moves(cluster, following)[-1]


def test_the_order_of_a_rotation() -> None:
    cluster, taken = settled(2), []
    while not (following := plan(cluster.observed(), FORWARD)).is_finished:
        taken.append(f"{following.step.action} {following.step.host}".strip() if following.step else "wait")
        cluster = moves(cluster, following)[-1]
    assert taken == [
        *("make cp1", "carry cp2", "accept cp1", "accept cp2", "publish", "wait", "switch cp1", "switch cp2"),
        *("wait", "withdraw", "drop cp1", "drop cp2", "forget cp1", "forget cp2"),
    ]


def test_waits_say_when_they_end_and_why() -> None:
    caches = plan(waiting("switch"), FORWARD).wait
    assert caches is not None
    assert (caches.until, caches.why) == (
        NOW + MAX_AGE,
        "caches may keep the key set of https://a as it was before for 100 s (Cache-Control)",
    )
    tokens = plan(waiting("retire"), FORWARD).wait
    assert tokens is not None
    assert (tokens.until, "(pod apps/reports)" in tokens.why) == (NOW + LIFETIME + 60.0, True)


def lacking(observed: State, host: str, since: float) -> State:
    """Return what is observed where a host has joined with the new key alone."""
    alone = Config(("new",), "new", (A,))
    servers = [
        replace(server, written=alone, running=alone, previous_kid="", since=since, secrets_since=since)
        if server.host == host
        else server
        for server in observed.servers
    ]
    return replace(observed, servers=tuple(servers))


@pytest.mark.parametrize("published", [True, False])
def test_a_host_that_has_joined_with_the_new_key_alone_is_no_sign_that_tokens_of_the_old_one_have_ended(
    *, published: bool
) -> None:
    observed = replace(waiting("retire"), now=NOW + 50.0)
    joined = lacking(observed, "cp2", NOW + 40.0)
    found = plan(joined if published else replace(joined, publications=()), FORWARD)
    assert found.step is not None
    assert (found.step.action, found.step.host, {*found.step.config.kids}) == ("accept", "cp2", {"old", "new"})  # type: ignore[union-attr]


def test_what_somebody_else_has_withdrawn_is_published_again_while_tokens_need_it() -> None:
    observed = replace(waiting("retire"), now=NOW + 50.0)
    alone = tuple(replace(each, kids=("new",), since=NOW + 40.0) for each in observed.publications)
    found = plan(replace(observed, publications=alone), FORWARD).step
    assert found is not None
    assert (found.action, {*found.published}) == ("publish", {"old", "new"})


def test_what_has_begun_to_go_goes_on_whatever_was_restarted_since() -> None:
    observed = half_way("drop")
    restarted = [replace(server, since=NOW, secrets_since=NOW) for server in observed.servers]
    later = replace(observed, servers=(observed.servers[0], restarted[1]), now=NOW + 10.0)
    found = plan(later, FORWARD).step
    assert found is not None
    assert found.action == "drop"


def test_no_more_servers_sign_with_a_key_that_caches_lack_where_one_does_already() -> None:
    """As where somebody has replaced the key of one host by hand."""
    observed = half_way("switch")
    config = Config(("new", "old"), "new", (A,))
    by_hand = replace(observed.servers[0], written=config, running=config, secrets_signer="new", next_kid="")
    fresh = tuple(replace(each, since=NOW - 10.0) for each in observed.publications)
    found = plan(replace(observed, servers=(by_hand, observed.servers[1]), publications=fresh), Aim(signer="new"))
    assert (found.step, found.wait is not None and found.wait.until) == (None, NOW - 10.0 + MAX_AGE)


def third_key() -> Cluster:
    """Return a cluster that has just switched, and in which an emergency was given up once a third key was made."""
    cluster = settled(2)
    while not (following := plan(cluster.observed(), FORWARD)).wait or following.wait.phase != "retire":
        cluster = moves(cluster, following)[-1]
    return cluster.written("cp1", next_kid="newer")


def test_a_third_key_does_not_push_out_the_one_that_signed_before() -> None:
    found = plan(third_key().observed(), FORWARD)
    assert found.step is None
    assert found.problems[0].startswith("cp1 still keeps old, which signed before new, and newer should sign next. Set")
    assert plan(third_key().observed(), Aim(leaked=frozenset({"new"}))).problems == ()


def test_all_keys_go_but_the_one_that_is_named() -> None:
    end = arrived(third_key(), Aim(signer="new"))
    assert {server.running for server in end.servers} == {Config(("new",), "new", (A,))}
    assert {kid for server in end.servers for kid in server.holds} == {"new"}
    assert [documents.kids for documents in end.documents] == [("new",)]


def test_the_longest_lifetime_counts() -> None:
    observed = waiting("retire")
    longer = replace(observed, lifetimes=(*observed.lifetimes, Lifetime(86400.0, "service account apps/web")))
    wait = plan(longer, FORWARD).wait
    assert wait is not None
    assert (wait.until, "service account apps/web" in wait.why) == (NOW + 86460.0, True)


def test_the_signing_key_comes_first_among_the_public_ones() -> None:
    for action, first in (("accept", "old"), ("switch", "new"), ("drop", "new")):
        step = plan(half_way(action), FORWARD).step
        assert step is not None
        assert step.config is not None
        assert step.config.kids[0] == first


@pytest.mark.parametrize(
    ("observed", "aim", "says"),
    [
        (state(unreachable=("cp3",)), FORWARD, "cp3 could not be looked at"),
        (state(servers=()), FORWARD, "No control-plane host"),
        (
            state(unlisted=("192.0.2.4",)),
            FORWARD,
            "an API server at 192.0.2.4 (EndpointSlices of default/kubernetes), which is the --advertise-address of "
            "none of cp1, cp2.",
        ),
        (state(), Aim(signer="gone"), "No host has the private key gone"),
        (state(), Aim(signer="old", retired_kids=frozenset({"old"})), "can't sign and be retired"),
        (state(), Aim(issuer=B, retired_issuers=frozenset({B})), "The issuer https://b can't sign and be retired"),
        (
            state(relying_parties=(RelyingParty("vault", rs256_only=True),)),
            Aim(kind="EC"),
            "vault takes tokens that an RSA key",
        ),
        (
            replace(half_way("switch"), relying_parties=(RelyingParty("pool", kids=("old",)),)),
            FORWARD,
            "pool has a copy of the key set without new",
        ),
        (
            replace(half_way("switch"), copies_made=NOW - 60.0, accepted_since=NOW),
            FORWARD,
            "kube-system/kubeadm-certs has the key files as they were before",
        ),
        (
            replace(half_way("withdraw"), legacy_tokens=(LegacyToken("ci/robot", "old"), LegacyToken("ci/web", "new"))),
            FORWARD,
            "The token in the Secret ci/robot is signed with the key old",
        ),
        (
            replace(half_way("withdraw"), legacy_tokens=(LegacyToken("ci/robot", ""),)),
            FORWARD,
            "ci/robot is signed with a key that cannot be told",
        ),
        (
            replace(
                half_way("withdraw"),
                stale_uses={"cp1": 7.0, "cp2": 0.0},
                keepers=(Keeper("apps/web", 0.0), Keeper("apps/new", NOW)),
            ),
            FORWARD,
            "(serviceaccount_stale_tokens_total: cp1 7 times), and would refuse them without old. It is among those "
            "that run since before: apps/web. Restart",
        ),
        (
            replace(half_way("withdraw"), copies_made=NOW - 60.0, signing_since=NOW),
            FORWARD,
            "kube-system/kubeadm-certs has the key files as they were before",
        ),
        (
            replace(half_way("withdraw"), relying_parties=(RelyingParty("pool", kids=("old",)),)),
            FORWARD,
            "pool has a copy of the key set without new",
        ),
    ],
)
def test_what_stops_it_is_named(observed: State, aim: Aim, says: str) -> None:
    stopped = plan(observed, aim)
    assert stopped.step is None
    assert says in " ".join(stopped.problems)
    assert "\n" not in " ".join(stopped.problems)


@pytest.mark.parametrize(
    "observed",
    [
        replace(half_way("switch"), copies_made=NOW, accepted_since=NOW - 60.0, signing_since=NOW + 60.0),
        replace(half_way("switch"), relying_parties=(RelyingParty("pool", kids=("old", "new")), RelyingParty("aws"))),
        replace(half_way("withdraw"), legacy_tokens=(LegacyToken("ci/web", "new"),)),
        replace(half_way("withdraw"), stale_uses={"cp1": 7.0}, keepers=(Keeper("apps/new", NOW),)),
        replace(half_way("withdraw"), stale_uses={"cp1": 0.0}, keepers=(Keeper("apps/web", 0.0),)),
        replace(half_way("switch"), relying_parties=(RelyingParty("vault", rs256_only=True),), kinds={"new": "RSA"}),
    ],
)
def test_what_does_not_stop_it(observed: State) -> None:
    assert plan(observed, FORWARD).step is not None


def test_what_will_stop_it_is_told_while_there_is_time() -> None:
    robot = replace(waiting("retire"), legacy_tokens=(LegacyToken("ci/robot", "old"),))
    told = plan(robot, FORWARD)
    assert (told.wait is not None, told.problems) == (True, ())
    assert "ci/robot" in told.concerns[0]
    pool = plan(replace(waiting("switch"), relying_parties=(RelyingParty("pool", kids=("old",)),)), FORWARD)
    assert "pool has a copy" in pool.concerns[0]


def test_thousands_of_secrets_are_not_told_one_by_one() -> None:
    tokens = tuple(LegacyToken(f"ci/robot-{number}", "old") for number in range(3000))
    told = plan(replace(waiting("retire"), legacy_tokens=tokens), FORWARD).concerns
    assert len(told) == MOST + 1
    assert told[-1].startswith("So it is with the tokens in 2990 more Secrets: `kubectl get secrets -A ")


@pytest.mark.parametrize(
    ("action", "phase", "changed"),
    [
        ("make", "make", {"relying_parties": (RelyingParty("a", rs256_only=True),), "kinds": {}}),
        ("accept", "accept", {"relying_parties": (RelyingParty("a", rs256_only=True),), "kinds": {"new": "EC"}}),
        ("switch", "switch", {"relying_parties": (RelyingParty("a", kids=("old",)),)}),
        ("withdraw", "retire", {"legacy_tokens": (LegacyToken("ci/robot", "old"),)}),
    ],
)
def test_a_problem_says_which_phase_it_stops(action: str, phase: str, changed: dict[str, t.Any]) -> None:
    stopped = plan(replace(half_way(action), **changed), replace(FORWARD, kind="EC"))
    assert (len(stopped.problems), stopped.stopped) == (1, phase)


REMINT = replace(FORWARD, reminted=("ci/*", "apps/old"))
OF_OLD = tuple(LegacyToken(secret, "old") for secret in ("ci/robot", "ci/web", "apps/web"))
OF_OTHERS = (LegacyToken("ci/new", "new"), LegacyToken("ci/broken", ""))


def test_tokens_of_secrets_are_made_again_before_the_others_have_ended() -> None:
    observed = replace(waiting("retire"), legacy_tokens=(*OF_OLD, *OF_OTHERS))
    step = plan(observed, REMINT).step
    assert step is not None
    assert (step.action, step.phase, step.kid) == ("remint", "retire", "new")
    assert step.secrets == ("ci/robot", "ci/web", "ci/broken")
    after = plan(replace(observed, legacy_tokens=(OF_OLD[2], LegacyToken("ci/robot", "new"))), REMINT)
    assert after.wait is not None
    assert ["apps/web" in concern for concern in after.concerns] == [True]


@pytest.mark.parametrize("action", ["make", "carry", "accept", "publish", "switch"])
def test_no_token_of_a_secret_is_made_again_before_every_controller_manager_has_the_new_key(action: str) -> None:
    step = plan(replace(half_way(action), legacy_tokens=OF_OLD), REMINT).step
    assert step is not None
    assert step.action == action


def test_a_leaked_key_goes_before_tokens_of_secrets_are_made_again() -> None:
    aim = replace(REMINT, leaked=frozenset({"old"}))
    cluster, taken = settled(2), list[str]()
    while not (following := plan(replace(cluster.observed(), legacy_tokens=OF_OLD), aim)).is_finished:
        assert following.step is not None
        taken.append(following.step.action)
        if following.step.action == "remint":
            break
        cluster = moves(cluster, following)[-1]
    assert taken[-3:] == ["drop", "drop", "remint"]


def test_an_ec_key_that_lies_ready_does_not_sign_where_somebody_takes_rs256_alone() -> None:
    ready = replace(half_way("switch"), relying_parties=(RelyingParty("vault", rs256_only=True),), kinds={"new": "EC"})
    assert "vault" in plan(ready, FORWARD).problems[0]


def test_issuers_stay_as_they_are_where_keys_alone_change() -> None:
    cp1, cp2 = settled(2).observed().servers
    more = replace(cp2.written, issuers=(A, B))
    following = plan(state(servers=(cp1, replace(cp2, written=more, running=more))), Aim(min_age=1.0))
    assert following.step is not None
    assert following.step.action == "make"
    finished = plan(state(servers=(cp1, replace(cp2, written=more, running=more))), BACK)
    assert finished.is_finished


def test_a_young_key_is_not_replaced() -> None:
    observed = state(made={"old": NOW - 100.0})
    assert plan(observed, Aim(min_age=101.0)).is_finished
    assert plan(observed, Aim(min_age=99.0)).step is not None


def test_a_key_of_a_host_whose_clock_was_ahead_is_replaced_where_no_age_is_asked_for() -> None:
    observed = state(made={"old": NOW + 100_000.0}, settled_since=NOW + 100_000.0)
    assert plan(observed, Aim(min_age=1.0)).is_finished
    assert plan(observed, Aim(min_age=0.0)).step is not None


def test_none_is_replaced_right_after_a_rotation_which_takes_longer() -> None:
    observed = state(made={"old": NOW - 100_000.0}, settled_since=NOW - 100.0)
    assert plan(observed, Aim(min_age=101.0)).is_finished
    assert plan(observed, Aim(min_age=99.0)).step is not None


@pytest.mark.parametrize("action", ["make", "carry", "accept", "publish", "switch", "withdraw", "drop"])
def test_a_leaked_key_goes_at_once(action: str) -> None:
    aim = Aim(leaked=frozenset({"old"}))
    cluster = settled(3)
    while (following := plan(cluster.observed(), FORWARD)).step is None or following.step.action != action:
        cluster = moves(cluster, following)[-1]
    taken = []
    while not (following := plan(cluster.observed(), aim)).is_finished:
        assert following.step is not None, following
        taken.append(following.step.action)
        cluster = moves(cluster, following)[-1]
        assert len(taken) < 40
    assert {server.running for server in cluster.servers} == {Config(("new",), "new", (A,))}
    assert [documents.kids for documents in cluster.documents] == [("new",)]
    assert {kid for server in cluster.servers for kid in server.holds} == {"new"}
    assert taken.count("drop") <= 3  # one restart each


def cut_off(start: Cluster, aim: Aim) -> list[Cluster]:
    """Return every situation that a run with an aim can come to, cut off anywhere, with processes that start again."""
    found, todo = {start}, [start]
    while todo:
        cluster = todo.pop()
        for after in (*moves(cluster, plan(cluster.observed(), aim)), *accidents(cluster)):
            if after not in found:
                found.add(after)
                todo.append(after)
    return [*found]


def takes_back(cluster: Cluster, aim: Aim) -> bool:
    """Return whether the next step accepts or publishes the old key where it no longer is."""
    step = plan(cluster.observed(), aim).step
    if step is None:
        return False
    there = [documents.kids for documents in cluster.documents if documents.issuer == step.issuer]
    there += [server.written.kids for server in cluster.servers if server.host == step.host]
    wanted = step.config.kids if step.config else step.published
    return "old" in wanted and "old" not in there[0]


EMERGENCY = Aim(leaked=frozenset({"old"}))


@pytest.mark.parametrize("hosts", [1, 2, 3])
@pytest.mark.parametrize("published", [[A], []])
def test_an_emergency_that_was_cut_off_is_not_undone_by_a_run_without_the_leaked_key(
    hosts: int, published: list[str]
) -> None:
    refused = 0
    for cluster in cut_off(settled(hosts, published=published), EMERGENCY):
        assert not takes_back(cluster, FORWARD), cluster
        problems = plan(cluster.observed(), FORWARD).problems
        refused += any("irsa_rotate_leaked_kid to old" in problem for problem in problems)
        assert arrived(cluster, EMERGENCY).servers[0].running == Config(("new",), "new", (A,))
    assert refused > 0


def test_a_key_that_is_gone_in_places_and_has_not_leaked_is_taken_back_where_that_is_asked_for() -> None:
    withdrawn = [
        cluster
        for cluster in cut_off(settled(2), EMERGENCY)
        if cluster.documents[0].kids == ("new",) and {server.written.signer for server in cluster.servers} == {"old"}
    ]
    (problem,) = plan(withdrawn[0].observed(), FORWARD).problems
    assert "https://a no longer publishes it" in problem
    assert "irsa_rotate_signing_kid to new" in problem
    end = arrived(withdrawn[0], Aim(signer="new"))
    assert {server.running for server in end.servers} == {Config(("new",), "new", (A,))}
