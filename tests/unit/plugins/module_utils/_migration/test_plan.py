# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import functools
from dataclasses import replace

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._in_use.state import Keeper, Lifetime
from ansible_collections.onprem.irsa.plugins.module_utils._migration.plan import (
    PHASES,
    Aim,
    Plan,
    Step,
    plan,
    within,
)
from ansible_collections.onprem.irsa.plugins.module_utils._migration.state import (
    Publication,
    Role,
    Server,
    State,
    Trust,
)

from .a_move import (
    BACK,
    DAY,
    FIRST,
    FORWARD,
    LISTED,
    NEW,
    NOW,
    OLD,
    OTHER,
    SECOND,
    World,
    by_others,
    following,
    observed,
    planned,
    start,
)

ARN = f"arn:aws:iam::123456789012:role/{OTHER}"
TO_SIGN = {"publish", "trust", "accept", "switch"}


@functools.cache
def reachable(first: World) -> set[World]:
    """Return every world that can come to be, whoever changes their mind at any moment."""
    found, left = {first}, [first]
    while left:
        world = left.pop()
        for after in (*following(world, FORWARD), *following(world, BACK), *by_others(world)):
            if after not in found:
                found.add(after)
                left.append(after)
    return found


def way(world: World, aim: Aim) -> list[str]:
    """Return the steps from a world to an aim, each done as a whole; time passes where it has to."""
    steps: list[str] = []
    for _attempt in range(40):
        found = planned(world, aim)
        if found.step is None and found.wait is None:
            assert found.is_finished, found
            return steps
        if found.step is not None:
            steps.append(found.step.action)
        world = following(world, aim)[-1]
    raise AssertionError(steps)


def is_gone(world: World, issuer: str) -> bool:
    side = world.side(issuer)
    named = any(issuer in own for own in world.issuers)
    return not (named or side.kids or side.is_left or side.provider or side.listed or side.other)


CLUSTERS = [
    pytest.param(start(3), id="three servers"),
    pytest.param(start(3, (FIRST, SECOND)), id="three servers, and a key more"),
    pytest.param(start(1), id="one server"),
    pytest.param(start(1, (FIRST, SECOND)), id="one server, and a key more"),
]


@pytest.mark.parametrize("first", CLUSTERS)
def test_no_token_is_refused_in_any_state_that_can_come_to_be(first: World) -> None:
    """However runs are cut off, go on, and turn round, and whatever key signs meanwhile."""
    worlds = reachable(first)
    assert [(world, world.refused()) for world in worlds if world.refused()] == []
    assert len(worlds) > 30


@pytest.mark.parametrize("first", CLUSTERS)
def test_every_state_has_a_way_to_either_issuer_alone(first: World) -> None:
    for world in reachable(first):
        for aim in (FORWARD, BACK):
            end, _steps = world, way(world, aim)
            while following(end, aim):
                end = following(end, aim)[-1]
            assert is_gone(end, aim.old), (world, aim)
            assert {*end.issuers} == {(aim.new,)}
            assert planned(end, aim).is_finished


@pytest.mark.parametrize("first", CLUSTERS)
def test_before_anything_is_retired_the_way_back_is_one_pass_over_the_servers(first: World) -> None:
    whole = [world for world in reachable(first) if world.is_whole]
    assert whole
    for world in whole:
        steps = way(world, BACK)
        begun = steps[: next(place for place, action in enumerate(steps) if action.startswith("retire"))]
        signs = {own[0] for own in world.issuers} == {OLD}
        assert begun == ([] if signs else ["switch"]), (world, steps)


def test_the_steps_in_their_order() -> None:
    assert way(start(3), FORWARD) == [*PHASES]
    assert way(start(1), FORWARD) == [action for action in PHASES if action != "accept"]


def test_the_restarts_that_retire_an_issuer_are_not_waited_for_again() -> None:
    world = start(3)
    while planned(world, FORWARD).wait is None or {own[0] for own in world.issuers} != {NEW}:
        world = following(world, FORWARD)[-1]
    world = world.later()
    steps: list[str] = []
    while (found := planned(world, FORWARD)).step is not None:
        steps.append(found.step.action)
        before = world
        world = next(each for each in following(world, FORWARD) if each != before)  # cut off as early as may be
    assert found.is_finished
    assert steps == ["retire_trust"] * 2 + ["retire_provider"] + ["retire_issuer"] * 3 + ["retire_documents"] * 2


def prepared(**changes: object) -> State:
    """Return a state in which all servers may sign with the new issuer."""
    world = start(3)
    while (found := planned(world, FORWARD)).wait is None:
        assert found.step is not None
        world = following(world, FORWARD)[-1]
    return replace(observed(world.later(), FORWARD), **changes)  # type: ignore[arg-type]


def switched(**changes: object) -> State:
    found = prepared()
    servers = tuple(replace(server, issuers=(NEW, OLD), since=NOW - 100) for server in found.servers)
    return replace(found, servers=servers, **changes)  # type: ignore[arg-type]


def test_caches_and_iam_are_waited_for_before_a_server_signs_with_the_new_issuer() -> None:
    found = prepared()
    assert plan(found, FORWARD) == Plan(Step("switch", NEW))
    young = replace(found, new=replace(found.new, since=NOW - 100))
    wait = plan(young, FORWARD).wait
    assert wait is not None
    assert (wait.until, wait.phase, wait.within_run) == (NOW + 200, "switch", False)
    untold = plan(replace(young, new=replace(young.new, is_told=False)), FORWARD).wait
    assert untold is not None
    assert untold.within_run
    trusted = plan(replace(found, trust=replace(found.trust, seen_at=NOW - 5)), FORWARD).wait
    assert trusted is not None
    assert (trusted.until, trusted.within_run) == (NOW + 10, True)


def test_who_has_begun_to_switch_has_waited() -> None:
    found = prepared()
    mixed = (replace(found.servers[0], issuers=(NEW, OLD)), *found.servers[1:])
    young = replace(found, servers=mixed, new=replace(found.new, since=NOW, is_told=False))
    assert plan(young, FORWARD).step == Step("switch", NEW)


def test_no_more_servers_sign_with_an_issuer_that_caches_lack_where_one_does_already() -> None:
    """As where somebody has set the flag of one host by hand before anything was published."""
    found = prepared()
    mixed = (replace(found.servers[0], issuers=(NEW, OLD)), *found.servers[1:])
    young = plan(replace(found, servers=mixed, new=replace(found.new, since=NOW - 10.0)), FORWARD)
    assert (young.step, young.wait and young.wait.until) == (None, NOW + 290.0)


def test_a_host_that_has_joined_without_the_former_issuer_is_no_sign_that_its_tokens_have_ended() -> None:
    """As where it was the cluster's own name, which AWS never took."""
    found = switched(trust=Trust(False, True, True, ()), old=Publication(OLD))
    joined = Server("cp4", (NEW,), since=NOW - 10)
    waiting = plan(replace(found, servers=(*found.servers, joined)), FORWARD)
    assert (waiting.step, waiting.wait and waiting.wait.phase) == (None, "retire_issuer")
    settled = tuple(replace(server, since=NOW - DAY) for server in found.servers)
    assert plan(replace(found, servers=(*settled, joined)), FORWARD).step == Step("retire_issuer", OLD)


@pytest.mark.parametrize(("settle", "until"), [(None, NOW - 100 + 86460), (600.0, NOW + 500)])
def test_the_longest_lifetime_is_waited_for_before_anything_is_retired(settle: float | None, until: float) -> None:
    found = switched(lifetimes=(Lifetime(3600.0, "whoever"), Lifetime(86400.0, "pod apps/reports")))
    following_ = plan(found, replace(FORWARD, settle=settle))
    assert following_.step is None
    assert following_.wait is not None
    assert (following_.wait.until, following_.wait.phase) == (until, "retire_trust")
    assert "may have been signed 100 s ago" in following_.wait.why
    assert plan(replace(found, now=until), replace(FORWARD, settle=settle)).step is not None


def with_other(found: State, **changes: bool) -> State:
    other = Role(OTHER, ARN, is_listed=False, **changes)
    listed = [role for role in found.trust.roles if role.name == LISTED]
    return replace(found, trust=replace(found.trust, roles=(*listed, other)))


def test_a_role_of_others_holds_the_switch_unless_it_is_left_or_changed() -> None:
    found = with_other(prepared(), trusts_old=True, lacks_new=True)
    held = plan(found, Aim(OLD, NEW))
    assert (held.step, held.held) == (None, "switch")
    (problem,) = held.problems
    assert problem.startswith(f"The role {ARN} trusts tokens of {OLD}, would refuse those of {NEW}")
    assert plan(found, Aim(OLD, NEW, other_roles="leave")).step == Step("switch", NEW)
    assert plan(found, Aim(OLD, NEW, other_roles="change")).step == Step("trust", NEW, (OTHER,))


def test_a_trust_policy_that_would_be_too_long_is_refused_before_anything_is_published() -> None:
    change = Aim(OLD, NEW, other_roles="change", trust_policy_limit=2048)
    begun = replace(prepared(), new=Publication(NEW))
    found = with_other(begun, trusts_old=True, lacks_new=True)
    roles = [replace(role, grown_to=2049) if role.name == OTHER else role for role in found.trust.roles]
    found = replace(found, trust=replace(found.trust, roles=tuple(roles)))
    refused = plan(found, change)
    assert (refused.step, refused.held, len(refused.problems)) == (None, None, 1)
    for words in (f"role {ARN}", "2049 characters", "may have 2048", "irsa_iam_trust_policy_limit", "4096"):
        assert words in refused.problems[0]
    for other in (
        replace(change, trust_policy_limit=2049),
        replace(change, other_roles="leave"),
        replace(change, other_roles="hold"),
    ):
        assert plan(found, other).step == Step("publish", NEW)
    done = [replace(role, lacks_new=False) for role in roles]
    assert plan(replace(found, trust=replace(found.trust, roles=tuple(done))), change).step == Step("publish", NEW)


def test_a_role_of_others_keeps_the_provider() -> None:
    found = with_other(switched(lifetimes=()), trusts_old=True)
    found = replace(found, now=NOW + 86400)
    roles = tuple(replace(role, trusts_old=role.trusts_old and not role.is_listed) for role in found.trust.roles)
    found = replace(found, trust=replace(found.trust, roles=roles))
    for mode in ("hold", "leave"):
        held = plan(found, Aim(OLD, NEW, other_roles=mode))
        assert held.held == "retire_provider"
        assert ARN in held.problems[0]
    assert plan(found, FORWARD).step == Step("retire_trust", OLD, (OTHER,))


def test_a_pod_with_the_former_issuer_as_its_audience_keeps_it_with_the_servers() -> None:
    found = replace(switched(lifetimes=()), now=NOW + 86400, audience_users=("ci/robot",))
    gone = replace(found, trust=replace(found.trust, old_provider=False, roles=()))
    held = plan(gone, FORWARD)
    assert held.held == "retire_issuer"
    assert held.problems[0].startswith(f"Pods ask for tokens with the audience {OLD}, ")
    assert "from then on: ci/robot. Let" in held.problems[0]
    assert plan(replace(gone, audience_users=()), FORWARD).step == Step("retire_issuer", OLD)


def test_a_pod_that_keeps_a_token_which_it_has_read_once_keeps_the_former_issuer_with_the_servers() -> None:
    kept = {"stale_uses": {"cp1": 3.0, "cp2": 0.0}, "keepers": (Keeper("apps/old", NOW - DAY), Keeper("apps/new", NOW))}
    waiting = switched(**kept)
    assert plan(waiting, FORWARD).wait is not None
    (concern,) = plan(waiting, FORWARD).concerns
    assert f"since {NEW} signs" in concern
    assert "It is among those that run since before: apps/old. Restart" in concern
    later = replace(waiting, now=NOW + DAY)
    assert plan(later, FORWARD).step == Step("retire_trust", OLD, (OTHER,))
    gone = replace(later, trust=replace(later.trust, old_provider=False, roles=()))
    assert (plan(gone, FORWARD).problems, plan(gone, FORWARD).held) == ((concern,), "retire_issuer")
    leaving = replace(gone, servers=(replace(gone.servers[0], issuers=(NEW,)), *gone.servers[1:]))
    assert plan(leaving, FORWARD).step == Step("retire_issuer", OLD)


def test_what_will_hold_a_retirement_up_is_told_while_there_is_time() -> None:
    found = with_other(switched(audience_users=("ci/robot",)), trusts_old=True)
    waiting = plan(found, Aim(OLD, NEW))
    assert (waiting.problems, len(waiting.concerns)) == ((), 2)
    assert ARN in waiting.concerns[0]
    assert "ci/robot" in waiting.concerns[1]


def test_an_audience_alone_is_retired_too() -> None:
    found = replace(switched(lifetimes=()), now=NOW + 86400)
    servers = tuple(replace(server, issuers=(NEW,), audiences=(NEW, OLD)) for server in found.servers)
    alone = replace(found, servers=servers, trust=replace(found.trust, old_provider=False, roles=()))
    assert plan(alone, FORWARD).step == Step("retire_issuer", OLD)


def test_another_issuer_that_signs_is_not_touched() -> None:
    found = prepared()
    stranger = replace(found.servers[2], issuers=("https://kubernetes.default.svc", OLD, NEW))
    held = plan(replace(found, servers=(*found.servers[:2], stranger)), FORWARD)
    assert (held.step, held.wait, held.held) == (None, None, None)
    assert held.problems[0].startswith("cp3: its API server signs with https://kubernetes.default.svc, neither with")
    assert plan(replace(found, servers=()), FORWARD).problems


def test_a_run_goes_no_further_than_its_phase() -> None:
    found = Plan(Step("switch", NEW))
    assert within(found, "switch") == found
    assert within(found, "retire_documents") == found
    for phase in ("status", "publish", "accept"):
        assert within(found, phase) == Plan()
    held = Plan(problems=("It holds.",), held="switch")
    assert within(held, "accept") == Plan()
    assert within(held, "switch") == held
    assert within(replace(held, held=None), "status").problems == ("It holds.",)
