# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import json
import time

import yaml

from ansible_collections.onprem.irsa.tests.benchmarks.load import part
from ansible_collections.onprem.irsa.tests.benchmarks.roll import annotated
from ansible_collections.onprem.irsa.tests.benchmarks.rotate import SPARE, Rotation, with_annotations

MANIFEST = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: kube-controller-manager\n  namespace: kube-system\nspec: {}\n"


def token(kid: str, seconds: float) -> str:
    parts: list[dict[str, object]] = [{"kid": kid, "alg": "RS256"}, {"exp": time.time() + seconds}]
    texts = [base64.urlsafe_b64encode(json.dumps(each).encode()).decode().rstrip("=") for each in parts]
    return ".".join([*texts, "c2ln"])


def load() -> Rotation:
    return Rotation([], "", "", ("demo", "app"), "arn", "eu-central-1", "https://oidc.example.com")


def test_the_last_token_of_each_key_is_used_up_to_its_end() -> None:
    first, last, new = token("old", 1000), token("old", 3000), token("new", 3600)
    kept = load()._kept({}, first)
    kept = load()._kept(kept, last)
    kept = load()._kept(kept, new)
    assert kept == {"oldest": first, "newest": new, "last of old": last, "last of new": new}


def test_a_token_that_is_about_to_end_is_left_alone() -> None:
    old, new = token("old", SPARE - 1), token("new", 3600)
    assert load()._kept({"oldest": old, "newest": old, "last of old": old}, new) == {
        "oldest": new,
        "newest": new,
        "last of new": new,
    }


def test_a_token_is_read() -> None:
    assert part(token("old", 10), 0) == {"kid": "old", "alg": "RS256"}


def test_a_manifest_without_annotations_gets_some_that_restart_it() -> None:
    text = with_annotations(MANIFEST)
    assert with_annotations(text) == text
    found = yaml.safe_load(annotated(text))["metadata"]
    assert {*found["annotations"]} == {"example.com/bench", "example.com/roll"}
    assert (found["name"], found["namespace"]) == ("kube-controller-manager", "kube-system")
