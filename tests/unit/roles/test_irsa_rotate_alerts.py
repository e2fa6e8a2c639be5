# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The alert rules of the role irsa_rotate: what a Prometheus makes of them.

Where promtool is installed, it evaluates them, too.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import typing as t

import pytest
import yaml

from .rendered import Json, rendered_each, require_a_path_of_the_user

if t.TYPE_CHECKING:
    from pathlib import Path

DAY = 86400
NOW = 1_800_000_000
ISSUER = "https://oidc.example.com"
TEMPLATE = "lookup('ansible.builtin.template', role_path ~ '/templates/alert_rules.yml.j2')"
Sample = tuple[dict[str, str], float]


def gauge(name: str, value: float, **labels: str) -> Json:
    return {"name": f"onprem_irsa_{name}", "labels": labels, "value": value}


def seen(*more: Json, looked: int = NOW - 60, made: int = NOW - DAY, published: str = "new") -> list[Json]:
    """Return what a run has seen of a cluster that is as it should be, but for some things."""
    return [
        gauge("keys_looked_seconds", looked),
        gauge("key_made_seconds", made, kid="new"),
        gauge("key_signs", 1, kid="new"),
        gauge("key_published_seconds", NOW - DAY, kid=published, issuer=ISSUER),
        *more,
    ]


# By what a run has seen: the alerts that fire, each with the key that it names.
SITUATIONS: dict[str, tuple[list[Json], list[tuple[str, str]]]] = {
    "all is well": (seen(), []),
    "a key of a year": (seen(made=NOW - 366 * DAY), [("IrsaSigningKeyIsOld", "new")]),
    "a key of less than a year": (seen(made=NOW - 364 * DAY), []),
    "an old key that signs no longer": (seen(gauge("key_made_seconds", NOW - 999 * DAY, kid="old")), []),
    "a key that was published yesterday": (
        seen(gauge("key_published_seconds", NOW - DAY, kid="next", issuer=ISSUER)),
        [],
    ),
    "a key that is published for eight days": (
        seen(gauge("key_published_seconds", NOW - 8 * DAY, kid="next", issuer=ISSUER)),
        [("IrsaKeyIsPublishedAndDoesNotSign", "next")],
    ),
    "another key is published": (seen(published="other"), [("IrsaKeySetDiffersFromSigners", "new")]),
    "one API server signs with another key": (
        seen(gauge("key_signs", 1, kid="by hand")),
        [("IrsaKeySetDiffersFromSigners", "by hand")],
    ),
    "nobody has looked for four days": (seen(looked=NOW - 4 * DAY), [("IrsaKeysAreNotLookedAt", "")]),
}


@pytest.fixture(scope="module")
def rules() -> dict[str, Json]:
    options = {"irsa_rotate_alert_rules_file": "x", "irsa_cluster": "prod: {a}"}
    sets = [{**options, "__irsa_rotate_plan": {"gauges": gauges}} for gauges, _alerts in SITUATIONS.values()]
    results = rendered_each("irsa_rotate", [TEMPLATE], sets)
    return {name: yaml.safe_load(result[TEMPLATE]) for name, result in zip(SITUATIONS, results, strict=True)}


class Promql:
    """Evaluates what the rules say, as Prometheus has it: C(vector), C(time), C(-), C(>), C(and) and C(unless)."""

    def __init__(self, recorded: dict[str, list[Sample]]) -> None:
        self._recorded = recorded
        self._words: list[str] = []

    def value(self, expression: str) -> list[Sample]:
        """Return the samples of an expression; anything else that stands in it is an error."""
        words = re.findall(r"[A-Za-z_][A-Za-z0-9_]*|[0-9]+|[-<>(),]|\S", expression)
        self._words = [*words, ""]
        found = self._sets()
        assert self._words == [""], expression
        return found

    def _next(self, *wanted: str) -> str:
        word = self._words.pop(0)
        assert not wanted or word in wanted, (word, wanted)
        return word

    def _sets(self) -> list[Sample]:
        left = self._comparison()
        while self._words[0] in ("and", "unless"):
            operator = self._next()
            self._next("on")
            self._next("(")
            names = [self._next()]
            while self._next(",", ")") == ",":
                names.append(self._next())
            right = self._comparison()
            known = [[labels.get(name, "") for name in names] for labels, _value in right]
            is_and = operator == "and"
            left = [sample for sample in left if ([sample[0].get(name, "") for name in names] in known) is is_and]
        return left

    def _comparison(self) -> list[Sample]:
        left = self._difference()
        if self._words[0] != ">":
            return left
        self._next()
        ((_none, least),) = self._difference()
        return [sample for sample in left if sample[1] > least]

    def _difference(self) -> list[Sample]:
        left = self._atom()
        if self._words[0] != "-":
            return left
        self._next()
        ((_none, base),) = left
        return [(labels, base - value) for labels, value in self._atom()]

    def _atom(self) -> list[Sample]:
        word = self._next()
        if word.isdecimal():
            return [({}, float(word))]
        if word in ("time", "vector"):
            self._next("(")
            value = NOW if word == "time" else int(self._next())
            self._next(")")
            return [({}, float(value))]
        return self._recorded[word]


@pytest.mark.parametrize("situation", SITUATIONS)
def test_what_fires(rules: dict[str, Json], situation: str) -> None:
    (group,) = rules[situation]["groups"]
    recorded: dict[str, list[Sample]] = {"onprem_irsa_key_published_seconds": []}
    for rule in group["rules"]:
        if "record" in rule:
            samples = recorded.setdefault(rule["record"], [])
            samples += [({**labels, **rule["labels"]}, value) for labels, value in Promql({}).value(rule["expr"])]
    firing = [
        (rule["alert"], labels.get("kid", ""))
        for rule in group["rules"]
        if "alert" in rule
        for labels, _value in Promql(recorded).value(rule["expr"])
    ]
    assert firing == SITUATIONS[situation][1]


def test_the_file_is_where_the_user_is() -> None:
    require_a_path_of_the_user("irsa_rotate", "irsa_rotate_alert_rules_file", "__irsa_rotate_alert_rules_path")


def test_each_alert_says_what_to_do_and_about_which_cluster(rules: dict[str, Json]) -> None:
    (group,) = rules["all is well"]["groups"]
    assert group["name"] == "onprem-irsa-keys"
    for rule in group["rules"]:
        if "record" in rule:
            assert rule["labels"]["irsa_cluster"] == "prod: {a}"
        else:
            assert {*rule["annotations"]} == {"summary", "description"}
            assert "onprem.irsa." in rule["annotations"]["description"]
            assert ("{{ $labels.kid }}" in rule["annotations"]["summary"]) == ("kid" in rule["expr"])


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
@pytest.mark.parametrize("situation", SITUATIONS)
def test_what_fires_by_promtool(rules: dict[str, Json], situation: str, tmp_path: Path) -> None:
    # promtool's time begins at 0: what has happened before NOW has to be as long before the time that is looked at.
    shift = NOW - 1000 * DAY
    text = re.sub(
        r"vector\(([0-9]{6,})\)", lambda found: f"vector({int(found[1]) - shift})", json.dumps(rules[situation])
    )
    (tmp_path / "rules.yml").write_text(text)
    expected: dict[str, list[str]] = {}
    for alert, kid in SITUATIONS[situation][1]:
        expected.setdefault(alert, []).append(kid)
    (group,) = rules[situation]["groups"]
    alerts = [rule["alert"] for rule in group["rules"] if "alert" in rule]
    checks = [
        {
            "expr": f'count(ALERTS{{alertname="{alert}",alertstate="firing"}}) or vector(0)',
            "eval_time": "1000d",
            "exp_samples": [{"labels": "{}", "value": len(expected.get(alert, []))}],
        }
        for alert in alerts
    ]
    tests = {"rule_files": ["rules.yml"], "evaluation_interval": "12h", "tests": [{"promql_expr_test": checks}]}
    (tmp_path / "tests.yml").write_text(json.dumps(tests))
    done = subprocess.run(
        ["promtool", "test", "rules", "tests.yml"],  # noqa: S607 -- the one that is installed
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
