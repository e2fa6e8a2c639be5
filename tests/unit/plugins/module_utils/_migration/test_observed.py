# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest

from ansible_collections.onprem.irsa.plugins.action.migration_plan import planned
from ansible_collections.onprem.irsa.plugins.module_utils._in_use.state import Keeper, Lifetime
from ansible_collections.onprem.irsa.plugins.module_utils._migration.observed import Looked, state
from ansible_collections.onprem.irsa.plugins.module_utils._migration.state import Publication, Role, Server
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._api_server.test_observation import FLAGS, seen

OLD, NEW = "https://oidc.example.com/one", "https://oidc.example.com/two"
NOW = 1_767_225_600.0
ARN = "arn:aws:iam::123456789012:role/"
NOTHING = {"served": False, "kids": [], "max_age": None, "unchanged_for": None, "jwks_uri": ""}
THERE = {"served": True, "kids": ["one"], "max_age": 300.0, "unchanged_for": 1000.0, "jwks_uri": f"{OLD}/jwks"}


def role(name: str, **changes: bool) -> dict[str, t.Any]:
    trust = {"trusts_from": True, "trusts_to": False, "has_own": True, "lacks_to": True, **changes}
    return {"name": name, "arn": ARN + name, "cluster": "", "length_with_to": 2100, **trust}


TRUST: dict[str, t.Any] = {
    "from_provider": {"arn": "", "exists": True, "audiences": []},
    "to_provider": {"arn": "", "exists": False, "audiences": []},
    "roles": [role("Prod-Reports", has_own=False), role("team-exports")],
}


def server(**changes: t.Any) -> dict[str, t.Any]:  # noqa: ANN401 -- as what is observed
    flags = {**FLAGS, "service-account-issuer": [OLD, NEW]}
    return {**seen(running_flags=flags, started=NOW - 60), "host": "cp1", "clock_offset": -5.0, **changes}


LOOKED = Looked(
    servers=[server()],
    issuers=(OLD, NEW),
    old=THERE,
    new=NOTHING,
    trust=TRUST,
    use={
        "lifetimes": [{"seconds": 86400.0, "source": "pod apps/reports"}],
        "audience_users": ["ci/robot"],
        "stale_uses": {"cp1": 2.0},
        "keepers": [{"pod": "apps/old", "started": 1.0}],
    },
    listed=["prod-reports"],
    now=NOW,
    first_seen=NOW - 10,
)


def test_what_is_observed_of_a_server() -> None:
    (found,) = state(LOOKED).servers
    assert found == Server("cp1", (OLD, NEW), ("one",), NOW - 55, (OLD, NEW))
    given = server(loaded_kids=None, kids=["two"], started=None, running_flags={"api-audiences": ["a,b"]})
    (found,) = state(replace(LOOKED, servers=[given])).servers
    assert found == Server("cp1", (), ("two",), 0.0, ("a", "b"))


def test_what_is_published() -> None:
    found = state(LOOKED)
    assert found.old == Publication(OLD, ("one",), NOW - 1000, max_age=300.0)
    assert found.new == Publication(NEW)
    untold = {**THERE, "max_age": None, "unchanged_for": None}
    assert state(replace(LOOKED, new=untold)).new == Publication(NEW, ("one",), NOW - 10, is_told=False)
    assert state(replace(LOOKED, old=NOTHING, is_left=True)).old == Publication(OLD, is_left=True)


def test_what_iam_has() -> None:
    found = state(LOOKED)
    assert (found.trust.old_provider, found.trust.new_provider) == (True, False)
    assert found.trust.roles == (
        Role("Prod-Reports", f"{ARN}Prod-Reports", is_listed=True, trusts_old=False, lacks_new=True, grown_to=2100),
        Role("team-exports", f"{ARN}team-exports", is_listed=False, trusts_old=True, lacks_new=True, grown_to=2100),
    )


def test_what_is_in_use() -> None:
    found = state(LOOKED)
    assert (found.lifetime, found.audience_users) == (Lifetime(86400.0, "pod apps/reports"), ("ci/robot",))
    assert (found.stale_uses, found.keepers) == ({"cp1": 2.0}, (Keeper("apps/old", 1.0),))
    assert found.settled_at == NOW - 55 + 86460


GIVEN: dict[str, t.Any] = {
    "from_issuer": OLD,
    "to_issuer": NEW,
    "servers": [server()],
    "published_from": THERE,
    "published_to": NOTHING,
    "trust": TRUST,
    "use": LOOKED.use,
    "listed_roles": ["prod-reports"],
    "trust_is_complete": False,
    "documents_left": None,
    "other_roles": "leave",
    "trust_policy_limit": 2048,
    "settle": None,
    "phase": "retire_documents",
    "seen": None,
    "trusted_since": None,
}


def test_a_plan_as_the_module_returns_it() -> None:
    found = planned(GIVEN, NOW)
    assert (found["step"]["action"], found["step"]["issuer"], found["step"]["roles"]) == ("publish", NEW, [])
    assert found["next"] == found["step"]["says"]
    assert (found["finished"], found["unsure"], found["problems"], found["run_again"]) == (False, False, [], "")
    assert found["other_roles"] == ["team-exports"]
    status = planned({**GIVEN, "phase": "status"}, NOW)
    assert (status["step"], status["next"]) == (None, found["next"])


@pytest.mark.parametrize("phase", ["status", "publish", "retire_documents"])
def test_a_policy_that_would_be_too_long_stops_every_phase(phase: str) -> None:
    found = planned({**GIVEN, "other_roles": "change", "phase": phase}, NOW)
    assert (found["step"], len(found["problems"])) == (None, 1)
    assert "2100 characters" in found["problems"][0]
    assert planned({**GIVEN, "other_roles": "change", "trust_policy_limit": 2100}, NOW)["step"]["action"] == "publish"


def test_a_wait_is_done_within_its_phase_alone() -> None:
    ready = {**GIVEN, "published_to": {**THERE, "unchanged_for": 100.0}, "trust_is_complete": True}
    found = planned(ready, NOW)
    assert (found["wait_until"], found["wait_seconds"]) == (NOW + 200, 200)
    assert found["run_again"].startswith("Run again after")
    earlier = planned({**ready, "phase": "accept"}, NOW)
    assert (earlier["wait_until"], earlier["wait_seconds"]) == (NOW + 200, 0)


def test_what_holds_it_up_is_shown_and_stops_the_phase_that_it_holds_up() -> None:
    ready = {
        **GIVEN,
        "published_to": THERE,
        "trust_is_complete": True,
        "other_roles": "hold",
        "trusted_since": NOW - 60,
    }
    assert len(planned(ready, NOW)["problems"]) == 1
    earlier = planned({**ready, "phase": "accept"}, NOW)
    assert (earlier["problems"], earlier["concerns"]) == ([], planned(ready, NOW)["problems"])
    assert len(planned({**ready, "phase": "status"}, NOW)["problems"]) == 1


def test_the_end_is_certain_once_what_is_left_was_looked_for() -> None:
    alone = server(running_flags={**FLAGS, "service-account-issuer": [NEW]})
    trust = {**TRUST, "from_provider": TRUST["to_provider"], "to_provider": TRUST["from_provider"], "roles": []}
    over = {
        **GIVEN,
        "servers": [alone],
        "published_from": NOTHING,
        "published_to": THERE,
        "trust": trust,
        "trust_is_complete": True,
    }
    found = planned(over, NOW)
    assert (found["unsure"], found["finished"]) == (True, False)
    found = planned({**over, "documents_left": False}, NOW)
    assert (found["unsure"], found["finished"]) == (False, True)
    found = planned({**over, "documents_left": True, "settle": 0}, NOW)
    assert found["step"]["action"] == "retire_documents"
