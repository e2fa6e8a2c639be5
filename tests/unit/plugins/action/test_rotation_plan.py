# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from ansible_collections.onprem.irsa.plugins.action.rotation_plan import planned
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.rollout import ISSUER
from ansible_collections.onprem.irsa.plugins.modules.rotation_plan import ARGUMENT_SPEC
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._flags.test_static_pod_flags import OLD
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._rotation.test_observed import (
    FILES,
    NOW,
    controller,
    key,
    server,
)

Json = dict[str, t.Any]
SETTLED: Json = {**FILES, "private": {"own": key("one", 100.0)}}
SIGNED: Json = {**FILES, "private": {"own": key("one", 100.0), "previous": key("zero")}}
USE: Json = {"lifetimes": [{"seconds": 9000.0, "source": "pod apps/web"}], "legacy_tokens": []}


def given(files: Json | None = None, **changed: object) -> Json:
    """Return what the role gives for one host that is settled."""
    published = {"item": OLD, "served": True, "kids": ["one"], "max_age": 300.0, "unchanged_for": 4000.0}
    return {
        **{name: spec.get("default") for name, spec in ARGUMENT_SPEC.items()},
        "servers": [{**server(), "host": "cp1"}],
        "controllers": [{**controller(), "host": "cp1"}],
        "files": [{**(files or SETTLED), "item": "cp1"}],
        "published": [published],
        "use": USE,
        **changed,
    }


def test_the_next_step() -> None:
    plan = planned(given(), NOW)
    assert (plan["problems"], plan["finished"], plan["next"]) == ([], False, "cp1: makes a new key")
    assert (plan["step"]["action"], plan["step"]["host"], plan["step"]["restarts"]) == ("make", "cp1", [])
    plan = planned(given(FILES), NOW)
    assert (plan["step"]["action"], plan["step"]["restarts"]) == ("accept", ["kube-apiserver"])
    assert plan["step"]["public_keys"] == ["pem of one", "pem of two"]


def test_no_step_is_taken_beyond_the_phase() -> None:
    plan = planned(given(FILES, phase="make"), NOW)
    assert (plan["step"], plan["problems"], "cp1: accepts tokens by" in plan["next"]) == (None, [], True)


READY: Json = {
    **FILES,
    "private": {"own": key("one", 100.0), "next": key("two", 200.0)},
    "public": [key("one"), key("two")],
}
ACCEPTED: Json = {"kids": ["one", "two"], "loaded_kids": ["one", "two"]}
OTHER: t.Final = "https://acme-prod-oidc.s3.eu-central-1.amazonaws.com"


def signing(issuer: str, **changes: object) -> list[Json]:
    """Return one server that signs with an issuer and accepts both keys."""
    found = {**server(), **ACCEPTED, **changes, "host": "cp1"}
    return [{**found, **{name: {**found[name], ISSUER: [issuer]} for name in ("flags", "running_flags")}}]


def unserved(issuer: str) -> list[Json]:
    return [{"item": issuer, "served": False, "kids": [], "max_age": None, "unchanged_for": None}]


def test_no_key_signs_that_nobody_can_fetch() -> None:
    """The bucket of an issuer that is in use may be gone, closed to everybody, or seen by a resolver that lacks it."""
    plan = planned(given(READY, servers=signing(OTHER), published=unserved(OTHER)), NOW)
    assert (plan["step"]["action"], plan["step"]["issuer"]) == ("publish", OTHER)
    assert [document["name"] for document in plan["step"]["documents"]] == ["two", "one"]
    plan = planned(given(READY, servers=signing(OLD), published=unserved(OTHER)), NOW)
    assert plan["step"]["action"] == "switch"  # nobody outside verifies tokens of the cluster's own name yet


def test_a_new_key_is_not_published_for_a_shorter_time_than_the_keys_before() -> None:
    """Or the next run, which sees that time alone, would no longer wait for the caches that have the version before."""
    published = {**given()["published"][0], "item": OTHER}
    for max_age, least in ((3600.0, 3600), (300.5, 301), (0.0, 0), (None, 3600)):
        plan = planned(given(READY, servers=signing(OTHER), published=[{**published, "max_age": max_age}]), NOW)
        assert (plan["step"]["action"], plan["step"]["least_max_age"]) == ("publish", least)
    plan = planned(given(READY, servers=signing(OTHER), published=unserved(OTHER)), NOW)
    assert (plan["step"]["action"], plan["step"]["least_max_age"]) == ("publish", 0)


def test_what_is_withdrawn_in_the_end_is_published_for_as_long_as_is_asked_for() -> None:
    published = {**given()["published"][0], "item": OTHER, "max_age": 3600.0, "kids": ["one", "zero"]}
    servers = signing(OTHER, kids=["one"], loaded_kids=["one"])
    plan = planned(given(SIGNED, servers=servers, published=[published], leaked_kid="zero", emergency=True), NOW)
    assert (plan["step"]["action"], plan["step"]["least_max_age"]) == ("withdraw", 0)


@pytest.mark.parametrize("served", [True, False])
def test_a_key_is_published_where_tokens_are_verified(*, served: bool) -> None:
    published = given()["published"][0] if served else unserved(OTHER)[0]
    new = "https://oidc.example.com"
    plan = planned(given(READY, servers=signing(OTHER), published=[{**published, "item": new}]), NOW)
    assert plan["step"] is None
    assert f"The API servers sign with the issuer {OTHER}, and the inventory describes {new}" in plan["problems"][0]


def test_nothing_is_done_and_much_is_named_where_no_host_can_be_reached() -> None:
    gone: Json = {"servers": [], "controllers": [], "files": [], "unreachable": ["cp1", "cp2"]}
    plan = planned({**given(), **gone}, NOW)
    assert (plan["step"], plan["finished"]) == (None, False)
    assert [problem.partition(" could not be")[0] for problem in plan["problems"]] == ["cp1", "cp2"]


def test_hosts_are_judged_before_their_files_are_read() -> None:
    assert planned({**given(), "files": []}, NOW)["problems"] == []
    others = [{**server(), "host": "cp1", "distribution": "K3s"}]
    (problem,) = planned({**given(), "servers": others, "files": []}, NOW)["problems"]
    assert "keys of K3s are not rotated here" in problem


def test_tokens_of_secrets_that_are_named_are_made_again() -> None:
    use = {**USE, "legacy_tokens": [{"secret": "ci/robot", "kid": "zero"}, {"secret": "apps/own", "kid": "zero"}]}
    plan = planned(given(SIGNED, use=use, reminted_secrets=["ci/*"]), NOW)
    assert (plan["step"]["action"], plan["step"]["secrets"], plan["step"]["kid"]) == ("remint", ["ci/robot"], "one")
    plan = planned(given(SIGNED, use=use), NOW)
    assert (plan["step"], len(plan["problems"])) == (None, 2)


@pytest.mark.parametrize(("emergency", "problems"), [(False, 1), (True, 0)])
def test_a_leaked_key_goes_once_it_is_confirmed(*, emergency: bool, problems: int) -> None:
    plan = planned(given(SIGNED, leaked_kid="zero", emergency=emergency), NOW)
    assert (len(plan["problems"]), plan["step"] is None) == (problems, not emergency)
    assert "Every token that zero has signed is refused at once" in plan["breaks"]
    assert plan["next"] == "cp1: removes the private key zero"


VAULT: Json = {"name": "vault", "command": ["vault-kids", "prod"]}
PARTNER: Json = {"name": "partner", "url": "https://partner.example.com/keys.json"}
NOT_ASKED: t.Final = {
    "relying_parties": [VAULT, PARTNER],
    "asked_copies": [
        {"item": VAULT, "failed": False, "rc": 2, "stderr": "a warning\npermission denied\n", "msg": "rc 2"}
    ],
    "fetched_copies": [
        {
            "item": PARTNER,
            "failed": False,
            "status": 503,
            "content": "<html>",
            "msg": "Status code was 503 and not [200]",
        }
    ],
}


def test_a_relying_party_that_cannot_be_asked_is_shown_and_stops_no_step_before_the_new_key_signs() -> None:
    plan = planned(given(FILES, phase="accept", **NOT_ASKED), NOW)
    assert (plan["problems"], plan["step"]["action"]) == ([], "accept")
    plan = planned(given(FILES, phase="status", **NOT_ASKED), NOW)
    assert plan["problems"] == []
    vault, partner = plan["concerns"]
    assert vault.startswith("vault could not be asked which keys it knows: permission denied. ")
    assert partner.startswith("partner could not be asked which keys it knows: Status code was 503 and not [200]. ")


def test_a_relying_party_that_takes_too_long_was_not_asked() -> None:
    late = {"item": VAULT, "failed": True, "msg": "Task failed: Timed out after 60 second(s)."}
    plan = planned(given(FILES, phase="status", relying_parties=[VAULT], asked_copies=[late]), NOW)
    (concern,) = plan["concerns"]
    assert concern.startswith(
        "vault could not be asked which keys it knows: Task failed: Timed out after 60 second(s). "
    )


@pytest.mark.parametrize(("files", "published"), [(READY, ["one", "two"]), (SIGNED, ["one", "zero"])])
def test_no_key_signs_or_goes_while_a_relying_party_cannot_be_asked(files: Json, published: list[str]) -> None:
    kids = [each["kid"] for each in files["public"]]
    seen = {**given()["published"][0], "item": OTHER, "kids": published, "unchanged_for": 90_000.0}
    hosts = {"servers": signing(OTHER, kids=kids, loaded_kids=kids), "published": [seen]}
    plan = planned(given(files, **hosts, **NOT_ASKED), NOW + 90_000)
    assert plan["step"] is None
    assert [problem.partition(" ")[0] for problem in plan["problems"]] == ["vault", "partner"]
    assert all("make it manual" in problem for problem in plan["problems"])
    assert plan["concerns"] == []


def test_an_emergency_goes_on_without_a_relying_party_that_cannot_be_asked() -> None:
    plan = planned(given(SIGNED, leaked_kid="zero", emergency=True, **NOT_ASKED), NOW)
    assert (plan["problems"], plan["step"]["action"]) == ([], "forget")
    assert "vault, partner could not be asked which keys they know" in plan["breaks"]
    knows = {"item": VAULT, "rc": 0, "stdout_lines": ["zero "]}
    plan = planned(given(SIGNED, leaked_kid="zero", emergency=True, relying_parties=[VAULT], asked_copies=[knows]), NOW)
    assert "vault has a copy of the key set without one" in plan["breaks"]
    assert "vault has a copy with zero, and takes its tokens" in plan["breaks"]


def test_what_is_no_answer_is_not_taken_for_a_copy_without_keys() -> None:
    page = {"item": PARTNER, "status": 200, "content": "<!DOCTYPE html>\n<title>Log in</title>"}
    plan = planned(given(FILES, phase="status", relying_parties=[PARTNER], fetched_copies=[page]), NOW)
    (concern,) = plan["concerns"]
    assert concern.startswith(
        "partner could not be asked which keys it knows: what its url answers is no key set (JSON with keys), and "
        "begins with '<!DOCTYPE html> <title>Log in</title>'. "
    )
    words = {"item": VAULT, "rc": 0, "stdout_lines": ["kid: one", "kid: two"]}
    plan = planned(given(FILES, phase="status", relying_parties=[VAULT], asked_copies=[words]), NOW)
    (concern,) = plan["concerns"]
    assert "its command prints no id of a key (43 letters, digits, - and _) in a line of its own" in concern
    assert "begins with 'kid: one'" in concern


@pytest.mark.parametrize("lines", [[], ["", " "], ["a" * 43], ["Known keys:", "one"]])
def test_a_command_may_print_no_key_and_others(lines: list[str]) -> None:
    told = {"item": VAULT, "rc": 0, "stdout_lines": lines}
    assert planned(given(FILES, phase="status", relying_parties=[VAULT], asked_copies=[told]), NOW)["concerns"] == []
    empty = {"item": PARTNER, "status": 200, "content": '{"keys": []}'}
    plan = planned(given(FILES, phase="status", relying_parties=[PARTNER], fetched_copies=[empty]), NOW)
    assert plan["concerns"] == []
