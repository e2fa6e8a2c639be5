# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import subprocess

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.onprem.irsa.plugins.filter.rollout_steps import FilterModule

rollout_steps = FilterModule().filters()["rollout_steps"]
OBSERVED = [
    {
        "item": host,
        "running_flags": {"service-account-issuer": ["https://old"]},
        "kids": ["k1"],
        "signing_key": {"kid": "k1"},
    }
    for host in ("cp1", "cp2")
]


def test_the_results_of_a_loop_become_steps() -> None:
    steps = rollout_steps(OBSERVED, "https://new", jwks_uri="https://new/jwks", flags={"v": [2]})
    assert [(step["phase"], step["host"]) for step in steps] == [
        ("accept", "cp1"),
        ("accept", "cp2"),
        ("switch", "cp1"),
        ("switch", "cp2"),
    ]
    assert steps[0]["flags"] == {"service-account-issuer": ["https://old", "https://new"], "v": ["2"]}
    assert steps[2]["flags"]["service-account-jwks-uri"] == ["https://new/jwks"]


def test_a_plan_in_words() -> None:
    says = [step["says"] for step in rollout_steps(OBSERVED, "https://new", jwks_uri="https://new/jwks")]
    assert says == [
        *[
            f"{host}: accepts https://new in addition to https://old; still signs with https://old"
            for host in ("cp1", "cp2")
        ],
        *[
            f"{host}: signs with https://new, and still accepts https://old; "
            "runs with --service-account-jwks-uri=https://new/jwks"
            for host in ("cp1", "cp2")
        ],
    ]
    both = [{**OBSERVED[0], "running_flags": {"service-account-issuer": ["https://mid", "https://old"]}}]
    steps = rollout_steps(both, "https://new", retired=["https://old"], signing_kid="k2", flags={"v": ["2"]})
    assert [step["says"] for step in steps] == [
        "cp1: accepts https://new in addition to https://mid; no longer accepts https://old; signs with https://new; "
        "accepts the key k2 in addition to the key k1; signs with the key k2; refuses every token of https://old, also "
        "those of up to a year that programs have not read again: serviceaccount_stale_tokens_total counts their "
        "uses; still accepts tokens for the audience https://old; runs with --v=2; "
        "runs with --api-audiences=https://new,https://mid,https://old"
    ]
    assert steps[0]["published"] == ["k1", "k2"]
    steps = rollout_steps(OBSERVED, "https://old", flags={"v": []}, signing_kid="k2")
    assert steps[-1]["says"] == "cp2: signs with the key k2, and still accepts the key k1"


def test_what_is_replaced_is_named() -> None:
    own = {
        "service-account-issuer": ["https://old"],
        "service-account-jwks-uri": ["https://corp/keys"],
        "v": ["2", "4"],
    }
    steps = rollout_steps([{**OBSERVED[0], "running_flags": own}], "https://old", jwks_uri="https://old/jwks")
    assert [step["says"] for step in steps] == [
        "cp1: runs with --service-account-jwks-uri=https://old/jwks in place of https://corp/keys"
    ]
    (step,) = rollout_steps([{**OBSERVED[0], "running_flags": own}], "https://old", flags={"v": ["4"]})
    assert step["says"] == (
        "cp1: runs without --service-account-jwks-uri, which was https://corp/keys; runs with --v=4 in place of 2"
    )


def test_audiences_in_words() -> None:
    both = [{**OBSERVED[0], "running_flags": {"service-account-issuer": ["https://new", "https://old"]}}]
    (step,) = rollout_steps(both, "https://new", retired=["https://old"], retired_audiences=["https://old"])
    assert "serviceaccount_stale_tokens_total" in step["says"]
    assert step["says"].endswith("no longer accepts tokens for the audience https://old")
    (step,) = rollout_steps(both, "https://new", retired_audiences=["https://old"])
    assert step["says"] == (
        "cp1: no longer accepts tokens for the audience https://old; runs with --api-audiences=https://new"
    )


def test_nothing_left_to_do() -> None:
    assert rollout_steps(OBSERVED, "https://old") == []


@pytest.mark.parametrize(
    "options",
    [{"flags": {"--v": ["2"]}}, {"flags": {"v": "2"}}, {"retired": ["https://new"]}, {"retired": ["https://old"]}],
)
def test_bad_input_fails_with_its_message(options: dict[str, object]) -> None:
    with pytest.raises(AnsibleFilterError):
        rollout_steps(OBSERVED, "https://new", **options)


def test_in_a_template() -> None:
    """Ansible hands filters its own kinds of lists and strings, which can't be copied by their class."""
    variables = {"observed": OBSERVED, "flags": {"audit-log-path": ["-"]}}
    message = "msg={{ observed | onprem.irsa.rollout_steps('https://new', flags=flags) }}"
    command = ["ansible", "localhost", "-e", json.dumps(variables), "-m", "ansible.builtin.debug", "-a", message]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 -- this environment's
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count('"host": "cp') == 4
