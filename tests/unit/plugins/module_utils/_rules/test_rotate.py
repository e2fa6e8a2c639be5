# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._rules.roles import RULES
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._rules.given import controller, with_defaults

RULES_FILE = "irsa_rotate_alert_rules_file"
LOOK = controller(directory=None, webhooks="- name: onprem-irsa-webhook", ours="- name: onprem-irsa-keys", empty="")
KID, OTHER = "Me5VC6i4_4mymFj7T5rcUftFjYX70YoCfSnZB6-nBY4", "a" * 43
VAULT: dict[str, t.Any] = {"name": "vault", "command": ["vault-kids"]}


def problems(**given: object) -> list[str]:
    return RULES["irsa_rotate"](with_defaults("irsa_rotate", **given), LOOK)


def parties(*given: dict[str, t.Any]) -> dict[str, t.Any]:
    return {"irsa_rotate_relying_parties": [*given]}


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"irsa_issuer_keys": "hosts"},
        {"irsa_rotate_signing_kid": KID},
        {"irsa_rotate_leaked_kid": KID, "irsa_rotate_emergency": "yes"},
        {"irsa_rotate_emergency": "no"},  # with -e, all is text
        {"irsa_rotate_min_age": "0", "irsa_rotate_pause": 0},
        {"irsa_rotate_token_lifetime": 600},
        {"irsa_rotate_reminted_secrets": ["ci/robot", "ci/*", "*/*", "apps/token.v1-?"]},
        {"irsa_rotate_reminted_secrets": "ci/robot"},  # the argument spec says what is wrong
        {RULES_FILE: "/d/ours"},
        {RULES_FILE: "/d/empty"},
        {RULES_FILE: "/d/new"},
        parties(VAULT, {"name": "partner", "url": "https://partner.example.com/keys.json"}),
        parties({"name": "pool", "manual": True, "kids": [KID]}, {"name": "old library", "rs256_only": True}),
        parties({**VAULT, "manual": False}),
        {"irsa_rotate_relying_parties": "vault"},  # the argument spec says what is wrong
    ],
)
def test_nothing_is_wrong(given: dict[str, t.Any]) -> None:
    assert problems(**given) == []


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"irsa_issuer_keys": "api"}, "irsa_issuer_keys is api, so that no control-plane host is contacted"),
        ({"irsa_issuer_keys": ["PEM"]}, "irsa_issuer_keys is a list of public keys, so that"),
        ({"irsa_rotate_signing_kid": "abc"}, "irsa_rotate_signing_kid is 'abc', which is no id of a key: 43 letters"),
        ({"irsa_rotate_leaked_kid": f"{KID}="}, f"irsa_rotate_leaked_kid is '{KID}=', which is no id of a key"),
        (
            {"irsa_rotate_signing_kid": KID, "irsa_rotate_leaked_kid": KID},
            f"irsa_rotate_signing_kid and irsa_rotate_leaked_kid are both {KID}",
        ),
        (
            {"irsa_rotate_emergency": True},
            "irsa_rotate_emergency is set, and no key is named in irsa_rotate_leaked_kid",
        ),
        ({"irsa_rotate_timeout": 5}, "irsa_rotate_timeout is 5. It must be 60 or more"),
        ({"irsa_rotate_pause": -1}, "irsa_rotate_pause is -1. It must be 0 or more"),
        ({"irsa_rotate_min_age": "-1"}, "irsa_rotate_min_age is -1. It must be 0 or more"),
        ({"irsa_rotate_token_lifetime": 599}, "irsa_rotate_token_lifetime is 599. It must be 600 or more"),
        (
            {"irsa_rotate_reminted_secrets": ["robot"]},
            "irsa_rotate_reminted_secrets has 'robot', which names no Secret",
        ),
        ({"irsa_rotate_reminted_secrets": ["ci/a/b"]}, "irsa_rotate_reminted_secrets has 'ci/a/b', which names no"),
        ({"irsa_rotate_max_age_days": 0}, "irsa_rotate_max_age_days is 0. It must be 1 or more"),
        ({RULES_FILE: "/d/directory"}, f"{RULES_FILE} is /d/directory, which is a directory"),
        ({RULES_FILE: "/none/rules"}, f"{RULES_FILE} is /none/rules, but the controller has no directory /none"),
        ({RULES_FILE: "/d/webhooks"}, "which has other rules than this role's"),
        (parties(VAULT, VAULT), "irsa_relying_parties, item 2 (vault), has the name of another one"),
        (
            parties({**VAULT, "url": "https://vault.example.com/keys"}),
            "item 1 (vault), has url and command, each of which says what it knows",
        ),
        (parties({**VAULT, "kids": [KID]}), "item 1 (vault), has kids, which are asked of itself unless it is manual"),
        (parties({"name": "a", "url": "partner.example.com"}), "item 1 (a), has the url 'partner.example.com'"),
        (parties({"name": "a", "manual": True, "kids": [OTHER, "x"]}), "item 1 (a), has 'x' among its kids"),
        (parties({"url": "https://a.example.com/keys"}), "irsa_relying_parties, item 1, has no name"),
        (parties({"name": "a", "comand": ["x"]}), "item 1 (a), has comand, which says nothing of who verifies tokens"),
        (parties({"name": "a", "manual": True, "kids": KID}), f"item 1 (a): kids is {KID}. It must be a list"),
        (parties({"name": "a", "manual": True, "kids": 5}), "item 1 (a): kids is 5. It must be a list"),
        (parties({"name": "a", "command": "vault-kids prod"}), "item 1 (a): command is vault-kids prod. It must be a"),
        (
            {**parties({"name": "a", "rs256_only": True}), "irsa_rotate_key_type": "EC"},
            "item 1 (a), takes tokens that an RSA key has signed, and no others (rs256_only), and irsa_rotate_key_type",
        ),
    ],
)
def test_what_is_wrong_is_told(given: dict[str, t.Any], says: str) -> None:
    (line,) = problems(**given)
    assert says in line


def test_the_parties_of_all_playbooks_are_checked_as_well() -> None:
    (line,) = problems(irsa_relying_parties=[VAULT, VAULT])
    assert "has the name of another one" in line
