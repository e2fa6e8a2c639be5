# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._doctor.diagnosis import diagnose
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.hosts import looked_at_hosts, unreached_hosts
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.observations import from_observations
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.parts import (
    LOOKS,
    issuer_of,
    merged,
    named_roles,
    place_of,
    told_region,
    with_rotation,
)
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.registry import LINKS
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.snapshot import (
    Key,
    LegacySecret,
    NotLooked,
    Region,
    Rotation,
    Snapshot,
)

from .some_observations import host, observed
from .some_snapshots import DEFAULT, ISSUER, JWKS_KEY, NOW, role_arn

WHOLE = from_observations(observed())
EMPTY = Snapshot(NOW, ISSUER, cluster="prod")


def test_looks_are_put_together() -> None:
    aws = replace(WHOLE, region=Region("", enabled=False))
    made = merged(EMPTY, {"aws": aws, "cluster": WHOLE, "documents": WHOLE}, {})
    assert isinstance(WHOLE.region, Region)
    assert made == replace(WHOLE, region=replace(WHOLE.region, enabled=False))
    assert {name for names in LOOKS.values() for name in names} == {
        name for name in vars(WHOLE) if name not in ("taken", "issuer", "audience", "cluster")
    }


@pytest.mark.parametrize("look", LOOKS)
def test_a_look_that_was_not_had_says_why(look: str) -> None:
    looks = {name: WHOLE for name in LOOKS if name != look}
    made = merged(EMPTY, looks, {look: "there is no way"})
    for name in LOOKS[look]:
        if name != "namespaces":
            assert getattr(made, name) == NotLooked("there is no way")
    assert "there is no way" in diagnose(made).unseen.values()


BUCKET = "acme-prod-oidc"
DOCUMENTS = (".well-known/openid-configuration", "openid/v1/jwks")


@pytest.mark.parametrize(
    ("issuer", "jwks_uri", "bucket", "place"),
    [
        (f"https://{BUCKET}.s3.eu-central-1.amazonaws.com", "", "", (BUCKET, DOCUMENTS)),
        (f"https://{BUCKET}.s3.amazonaws.com", "", "", (BUCKET, DOCUMENTS)),
        (f"https://{BUCKET}.s3-eu-west-1.amazonaws.com", "", "", (BUCKET, DOCUMENTS)),
        (f"https://{BUCKET}.s3.dualstack.eu-west-1.amazonaws.com", "", "", (BUCKET, DOCUMENTS)),
        (f"https://{BUCKET}.s3.cn-north-1.amazonaws.com.cn", "", "", (BUCKET, DOCUMENTS)),
        (
            f"https://{BUCKET}.s3.eu-central-1.amazonaws.com/a",
            f"https://{BUCKET}.s3.eu-central-1.amazonaws.com/a/keys.json",
            "",
            (BUCKET, ("a/.well-known/openid-configuration", "a/keys.json")),
        ),
        (f"https://s3.eu-central-1.amazonaws.com/{BUCKET}", "", "", (BUCKET, DOCUMENTS)),
        (
            f"https://s3.eu-central-1.amazonaws.com/{BUCKET}",
            f"https://s3.eu-central-1.amazonaws.com/{BUCKET}/keys.json",
            "",
            (BUCKET, (DOCUMENTS[0], "keys.json")),
        ),
        ("https://oidc.example.com/prod", "", "", ("", ())),
        ("https://oidc.example.com/prod", "", "b", ("b", tuple(f"prod/{name}" for name in DOCUMENTS))),
        ("https://oidc.example.com", "https://other.example.com/keys", "b", ("b", DOCUMENTS)),
        ("", "", "", ("", ())),
    ],
)
def test_where_documents_are(issuer: str, jwks_uri: str, bucket: str, place: object) -> None:
    assert place_of(issuer, jwks_uri, bucket) == place


def test_what_is_looked_for_next_shows_in_the_cluster() -> None:
    assert issuer_of([DEFAULT, ISSUER]) == ISSUER
    assert issuer_of([DEFAULT]) == DEFAULT
    assert issuer_of([]) == ""
    assert told_region(WHOLE) == "eu-central-1"
    assert told_region(replace(WHOLE, pods=NotLooked("no"))) == ""
    assert named_roles(WHOLE) == [role_arn("prod-reports")]


def rotating(kid: str) -> Snapshot:
    (server,) = WHOLE.api_servers if isinstance(WHOLE.api_servers, tuple) else ()
    assert isinstance(server.served, tuple)
    served = (*server.served, Key("other"))
    seen = Rotation(secrets=(LegacySecret("ops", "robot", kid),))
    return replace(WHOLE, api_servers=(replace(server, served=served),), rotation=seen)


def test_a_rotation_shows_by_a_key_that_does_not_sign_and_has_signed() -> None:
    found = with_rotation(rotating("other"), ["gone"]).rotation
    assert isinstance(found, Rotation)
    assert (found.phase, found.old_kid, found.retired) == ("wait", "other", ("gone",))
    assert {finding.check for finding in diagnose(with_rotation(rotating("other"), [])).roots} >= {
        "rotation.legacy-secrets"
    }


WITHOUT_API = replace(WHOLE, api_servers=NotLooked("no"), rotation=NotLooked("no"))


@pytest.mark.parametrize(("snapshot", "retired"), [(rotating("third"), []), (WHOLE, []), (WITHOUT_API, ["gone"])])
def test_nothing_is_said_of_a_rotation_that_does_not_show(snapshot: Snapshot, retired: list[str]) -> None:
    found = with_rotation(snapshot, retired).rotation
    assert isinstance(found, Rotation)
    assert (found.phase, found.retired) == ("", tuple(retired))


@pytest.mark.parametrize(
    ("snapshot", "retired"), [(WITHOUT_API, []), (replace(WITHOUT_API, documents=NotLooked("no")), ["gone"])]
)
def test_a_rotation_that_nobody_could_see_is_not_taken_for_none(snapshot: Snapshot, retired: list[str]) -> None:
    assert diagnose(with_rotation(snapshot, retired)).state("rotation") == "unseen"


def test_a_run_that_sees_nothing_says_so() -> None:
    made = with_rotation(merged(Snapshot(NOW, ""), {}, {}), [])
    assert diagnose(made).unseen_links == tuple(LINKS)


def test_a_host_that_was_not_reached_hides_nothing_else() -> None:
    file = {"item": "/etc/kubernetes/pki/sa.key", "stat": {"exists": True, "mode": "0600", "mtime": 1.5}}
    there = {"seen": host(), "manager": {**host(), "failed": True}, "files": [file], "clock": {"stdout": "yes\n"}}
    found = looked_at_hosts(
        {
            "cp1": there,
            "cp2": {"seen": {"unreachable": True, "msg": "Failed to\nconnect."}},
            "cp3": {"seen": {**host(), "distribution": "unknown"}},
            "cp4": {},
        }
    )
    assert found["controller_managers"] == {}
    assert found["hosts"]["cp1"]["synchronised"] is True
    assert found["hosts"]["cp1"]["key_files"] == {"/etc/kubernetes/pki/sa.key": {"mode": 0o600, "changed": 1.5}}
    assert [found["hosts"][name]["not_looked_at"] for name in ("cp2", "cp3", "cp4")] == [
        "Failed to connect",
        "its distribution is not known",
        "nobody looked at it",
    ]


def test_hosts_that_do_not_reach_sts() -> None:
    hosts: dict[str, dict[str, object]] = {
        "cp1": {"sts": {"status": 302}},
        "cp2": {"sts": {"status": -1, "msg": "no route."}},
        "cp3": {},
    }
    assert unreached_hosts(hosts) == {"cp2": "no route"}


def test_a_key_set_on_another_host_is_not_taken_for_one_in_the_bucket() -> None:
    assert place_of(ISSUER, "https://other.example.com/x", "")[1][1] == JWKS_KEY
