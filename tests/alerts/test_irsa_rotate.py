# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The alert rules of the role irsa_rotate, as Prometheus evaluates them: make alerts."""

from __future__ import annotations

import typing as t

import pytest

from .prometheus import Fires, check, require_firing, require_words, templates

if t.TYPE_CHECKING:
    from pathlib import Path

Json = dict[str, t.Any]
DAY = 86400
NOW = 400 * DAY  # promtool's time begins at 0
ISSUER = "https://oidc.example.com"
CLUSTER = "prod: {a} é"


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


def alert(name: str, severity: str, **labels: str) -> Json:
    return {"alertname": name, "severity": severity, "irsa_cluster": CLUSTER, **labels}


OLD = alert("IrsaSigningKeyIsOld", "warning", kid="new")
UNUSED = alert("IrsaKeyIsPublishedAndDoesNotSign", "warning", kid="next", issuer=ISSUER)
DIFFERS = "IrsaKeySetDiffersFromSigners"
UNLOOKED = alert("IrsaKeysAreNotLookedAt", "warning")
# By what a run has seen: the alerts that fire.
SITUATIONS: dict[str, tuple[list[Json], list[Json]]] = {
    "all is well": (seen(), []),
    "a key of more than a year": (seen(made=NOW - 367 * DAY), [OLD]),
    "a key of less than a year": (seen(made=NOW - 364 * DAY), []),
    "an old key that signs no longer": (seen(gauge("key_made_seconds", NOW - 399 * DAY, kid="old")), []),
    "a key that was published yesterday": (
        seen(gauge("key_published_seconds", NOW - DAY, kid="next", issuer=ISSUER)),
        [],
    ),
    "a key that is published for nine days": (
        seen(gauge("key_published_seconds", NOW - 9 * DAY, kid="next", issuer=ISSUER)),
        [UNUSED],
    ),
    "another key is published": (seen(published="other"), [alert(DIFFERS, "critical", kid="new")]),
    "one API server signs with another key": (
        seen(gauge("key_signs", 1, kid="by hand")),
        [alert(DIFFERS, "critical", kid="by hand")],
    ),
    "nobody has looked for five days": (seen(looked=NOW - 5 * DAY), [UNLOOKED]),
    "somebody has looked yesterday": (seen(looked=NOW - DAY), []),
}


@pytest.fixture(scope="module")
def rules() -> dict[str, Json]:
    sets = {
        name: {"irsa_cluster": CLUSTER, "__irsa_rotate_plan": {"gauges": gauges}}
        for name, (gauges, _alerts) in SITUATIONS.items()
    }
    another = {"irsa_cluster": "other", "irsa_rotate_max_age_days": 10, "__irsa_rotate_plan": {"gauges": seen()}}
    alone = {"__irsa_rotate_plan": {"gauges": SITUATIONS["nobody has looked for five days"][0]}}
    return templates("irsa_rotate", "alert_rules", {**sets, "another cluster": another, "no name": alone})


@pytest.mark.parametrize("situation", SITUATIONS)
def test_what_fires(rules: dict[str, Json], situation: str, tmp_path: Path) -> None:
    check(tmp_path, rules[situation])
    require_firing(tmp_path, rules[situation], {}, {"400d": SITUATIONS[situation][1]}, interval="1d")


def test_the_rules_of_a_cluster_are_for_its_keys_alone(rules: dict[str, Json], tmp_path: Path) -> None:
    """Its time limits are not those of others whose rules the same Prometheus has."""
    situation = "a key of less than a year"
    groups = [*rules["another cluster"]["groups"], *rules[situation]["groups"]]
    both = {"groups": [{**group, "name": str(number)} for number, group in enumerate(groups)]}
    require_firing(tmp_path, both, {}, {"400d": []}, interval="1d")


def test_a_cluster_need_not_have_a_name(rules: dict[str, Json], tmp_path: Path) -> None:
    nameless = {name: value for name, value in UNLOOKED.items() if name != "irsa_cluster"}
    require_firing(tmp_path, rules["no name"], {}, {"400d": [nameless]}, interval="1d")


@pytest.mark.parametrize(
    ("situation", "fires", "summary"),
    [
        ("a key of more than a year", OLD, "The key new signs service-account tokens, and is 367d 0h 0m 0s old."),
        (
            "a key that is published for nine days",
            UNUSED,
            f"The key next is published at {ISSUER}, and no API server signs with it.",
        ),
        (
            "one API server signs with another key",
            alert(DIFFERS, "critical", kid="by hand"),
            "API servers sign with the key by hand, which is not published.",
        ),
        (
            "nobody has looked for five days",
            UNLOOKED,
            "Nobody has looked at the signing keys for 5d 0h 0m 0s, so that the other rules go by what was.",
        ),
    ],
)
def test_what_an_alert_says(rules: dict[str, Json], situation: str, fires: Json, summary: str, tmp_path: Path) -> None:
    require_words(tmp_path, rules[situation], {}, Fires(fires, summary, "400d"), interval="1d")
