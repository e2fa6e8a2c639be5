# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import json
import time
import typing as t

import pytest
import urllib3
import yaml

from ansible_collections.onprem.irsa.plugins.module_utils._in_use.tokens import lifetimes
from ansible_collections.onprem.irsa.tests.benchmarks.load import Counts, Target, part
from ansible_collections.onprem.irsa.tests.benchmarks.roll import annotated
from ansible_collections.onprem.irsa.tests.benchmarks.rotate import (
    SPARE,
    TOKEN_SECONDS,
    Rotation,
    chosen,
    figures,
    holders,
    place,
    short_lived,
    with_annotations,
)

MANIFEST = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: kube-controller-manager\n  namespace: kube-system\nspec: {}\n"


def token(kid: str, seconds: float, issuer: str = "a") -> str:
    parts: list[dict[str, object]] = [{"kid": kid, "alg": "RS256"}, {"exp": time.time() + seconds, "iss": issuer}]
    texts = [base64.urlsafe_b64encode(json.dumps(each).encode()).decode().rstrip("=") for each in parts]
    return ".".join([*texts, "c2ln"])


def load() -> Rotation:
    return Rotation([], "", "", ("demo", "app"), "arn", "eu-central-1", "https://oidc.example.com")


def test_the_last_token_of_each_key_and_issuer_is_used_up_to_its_end() -> None:
    first, last, new, moved = token("old", 1000), token("old", 3000), token("new", 3500), token("new", 3600, "b")
    kept: dict[str, str] = {}
    for each in (first, last, new, moved):
        kept = load()._kept(kept, each)
    own = {"last of old of a": last, "last of new of a": new, "last of new of b": moved}
    assert kept == {"oldest": first, "newest": moved, **own}


def test_a_token_that_is_about_to_end_is_left_alone() -> None:
    old, new = token("old", SPARE - 1), token("new", 3600)
    assert load()._kept({"oldest": old, "newest": old, "last of old of a": old}, new) == {
        "oldest": new,
        "newest": new,
        "last of new of a": new,
    }


def test_no_token_is_shown_that_has_ended_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    asking, old, new = load(), token("old", SPARE - 1), token("new", 600)
    asking._tokens = {"cp1": {"oldest": old, "newest": new}, "cp2": {"newest": old}}
    monkeypatch.setattr(Rotation, "_status", staticmethod(lambda *_arguments: 401))
    asking._use(Target("cp3", "https://192.0.2.3:6443", balanced=True), urllib3.PoolManager())
    assert asking.counts.reasons == {"401: newest of cp1 at cp3": 1}


DEPLOYMENT: t.Final = {
    "metadata": {"namespace": "kube-system", "name": "coredns"},
    "spec": {"template": {"spec": {"containers": [{"name": "coredns", "image": "coredns"}], "volumes": []}}},
}


def test_the_pods_of_a_deployment_get_tokens_that_end_soon() -> None:
    spec = short_lived(DEPLOYMENT)["spec"]["template"]["spec"]
    pod = {"metadata": {"namespace": "kube-system", "name": "coredns-0"}, "spec": spec, "status": {"phase": "Running"}}
    assert [each.seconds for each in lifetimes([], [pod], asked_directly=TOKEN_SECONDS)] == [TOKEN_SECONDS]
    (container,) = spec["containers"]
    assert container["name"] == "coredns"
    assert [mount["name"] for mount in container["volumeMounts"]] == [volume["name"] for volume in spec["volumes"]]


def test_the_pods_that_hold_tokens_have_none_that_lives_longer() -> None:
    pod = {"metadata": {"namespace": "demo", "name": "holder-0"}, **holders()["spec"]["template"]}
    assert pod["spec"]["automountServiceAccountToken"] is False
    assert place(holders()) == ["--namespace=demo", "deployment/holder"]


def test_rows_are_chosen() -> None:
    assert chosen(["--rows=domain,rsa,ec", "ansible-playbook", "-v"]) == (
        ["rsa", "ec", "domain"],
        ["ansible-playbook", "-v"],
    )
    for wrong in ("--rows=", "--rows=dsa", "ansible-playbook"):
        with pytest.raises(SystemExit, match="hand,rsa,ec"):
            chosen([wrong])


def test_what_was_not_measured_is_null() -> None:
    hand, rsa = Counts(refused=7), Counts(refused=0, refused_exchanges=1, uses=40, exchanges=2)
    assert figures({"hand": (hand, 90.0)}) == {
        "guide_refused": 7,
        **dict.fromkeys(("ours_refused", "sts_refused", "uses", "rotate_s", "migrate_s")),
    }
    both = figures({"hand": (hand, 90.0), "rsa": (rsa, 1200.04), "ec": (rsa, 1300.0)})
    assert both == {
        "guide_refused": 7,
        "ours_refused": 0,
        "sts_refused": 2,
        "uses": 84,
        "rotate_s": 1200.0,
        "migrate_s": None,
    }
    moves = figures({"path": (rsa, 900.0), "domain": (rsa, 1000.0)})
    assert (moves["uses"], moves["rotate_s"], moves["migrate_s"]) == (84, None, 900.0)


def test_a_token_is_read() -> None:
    assert part(token("old", 10), 0) == {"kid": "old", "alg": "RS256"}


def test_a_manifest_without_annotations_gets_some_that_restart_it() -> None:
    text = with_annotations(MANIFEST)
    assert with_annotations(text) == text
    found = yaml.safe_load(annotated(text))["metadata"]
    assert {*found["annotations"]} == {"example.com/bench", "example.com/roll"}
    assert (found["name"], found["namespace"]) == ("kube-controller-manager", "kube-system")
