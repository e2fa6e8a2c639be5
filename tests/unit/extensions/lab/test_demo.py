# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the demonstration's closing table says, by what a run has shown."""

from __future__ import annotations

import json
import typing as t

import pytest

from ansible_collections.onprem.irsa.extensions.lab import demo
from ansible_collections.onprem.irsa.plugins.module_utils._table import COLUMNS, table

ARN = "arn:aws:sts::123456789012:assumed-role/lab-demo/onprem-irsa-verify"
LINKS: list[dict[str, t.Any]] = [
    {
        "link": "API server cp1",
        "checked": "issuer, audience, subject and key",
        "result": 'signed by "k"',
        "seconds": 0.25,
    },
    {"link": "STS", "checked": "token for role", "result": ARN, "seconds": 1.5},
    {"link": "refusal: audience", "checked": "another", "result": "refused: InvalidIdentityToken", "seconds": 0.1},
    {"link": "webhook", "checked": "a pod as admitted", "result": "injected", "seconds": None},
]
UNTRIED = {"link": "pod", "result": "not tried, because irsa_verify_image is not set"}


def output(*tables: list[str], colour: str = "") -> str:
    """Show tables as the debug module does with the default callback."""
    shown = [f"ok: [cp1] => {json.dumps({'msg': lines}, indent=4)}" for lines in tables]
    return "\n".join(f"{colour}{text}" for text in "\n\nTASK [next] ***\n".join(shown).splitlines()) + "\n"


@pytest.mark.parametrize("colour", ["", "\x1b[0;32m"])
def test_the_links_of_the_proof(colour: str) -> None:
    report = table([{"link": "proof", "done": "6 of 6 links hold", "changed": False}], ["link", "done", "changed"])
    seen = output(["something else"], table([*LINKS, UNTRIED]), report, colour=colour)
    assert demo.proof(seen) == [
        ("API server cp1", 'signed by "k"', 0.25),
        ("STS", ARN, 1.5),
        ("refusal: audience", "refused: InvalidIdentityToken", 0.1),
        ("webhook", "injected", None),
        ("pod", UNTRIED["result"], None),
    ]


def test_a_run_without_a_proof_ends_the_demo() -> None:
    with pytest.raises(SystemExit, match="no proof"):
        demo.proof(output(["link", "other"]))


def test_the_columns_are_those_of_the_role() -> None:
    assert demo.PROOF == COLUMNS


@pytest.mark.parametrize(
    ("says", "result", "seconds"),
    [
        ("restarts: 2; longest time without an answer: 17.3 s", "no answer, at the longest", 17.3),
        ("signs on cp1, as before", "not restarted: it signs as before", None),
    ],
)
def test_the_restart(says: str, result: str, seconds: float | None) -> None:
    assert demo.restart(f'"API-server flags  {says}  True"')[1:] == (result, seconds)


def test_a_line_has_its_seconds_where_they_were_measured() -> None:
    assert demo.line(demo.Row("STS", ARN, 1.5)).endswith(" 1.5 s")
    assert demo.line(demo.Row("webhook", "injected", None)).endswith("injected")


def test_the_programs_that_it_names_are_there() -> None:
    for word in demo.LOOK_AROUND.split():
        if word.startswith("extensions/"):
            assert (demo.LAB.parents[1] / word).is_file(), word
