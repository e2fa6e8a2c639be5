# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import functools
import json
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.onprem.irsa.plugins.module_utils._bucket import Bucket, Object, Policy, calls, diff
from ansible_collections.onprem.irsa.plugins.module_utils._discovery import discovery_document
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._jwks import jwks_document, jwks_from_pems
from ansible_collections.onprem.irsa.plugins.module_utils._publication import (
    STATEMENT_ID,
    Target,
    after_publishing,
    after_removing,
    located,
    target,
)
from ansible_collections.onprem.irsa.tests.unit.plugins.some_keys import ec_key, public_pem, rsa_public_key

BUCKET = "acme-prod-oidc"
REGION = "eu-central-1"
ISSUER = f"https://{BUCKET}.s3.{REGION}.amazonaws.com"
OURS = {"onprem.irsa/cluster": "prod"}


def options(*numbers: int, issuer: str = ISSUER) -> dict[str, t.Any]:
    keys = jwks_from_pems([("FILE", "".join(public_pem(ec_key(number)) for number in numbers))])
    return {
        "bucket": BUCKET,
        "cluster": "prod",
        "issuer": issuer,
        "discovery_document": discovery_document(issuer, f"{issuer}/openid/v1/jwks", ["ES256"]),
        "jwks": jwks_document(keys),
        "max_age": 300,
        "retired_kids": [],
        "endpoint_url": None,
        "tags": None,
        "purge_tags": True,
        "versioning": None,
        "adopt": False,
    }


@functools.cache
def wanted(*numbers: int) -> Target:
    return target(options(*numbers), REGION)


def published(*numbers: int) -> dict[str, Object]:
    return dict(after_publishing(None, wanted(*numbers)).objects)


NOTHING = target({**options(1), "discovery_document": None, "jwks": None}, REGION)


def statement(**changed: object) -> Policy:
    return {"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "s3:*", "Resource": "*", **changed}


own = st.lists(st.sampled_from(wanted(1).resources), unique=True).map(
    lambda arns: statement(Sid=STATEMENT_ID, Principal="*", Action="s3:GetObject", Resource=arns)
)
foreign = st.one_of(st.just(statement()), st.sampled_from(["A", "B"]).map(lambda sid: statement(Sid=sid)))
policies = st.none() | st.lists(st.one_of(own, foreign), min_size=1, max_size=4).map(
    lambda statements: {"Version": "2012-10-17", "Statement": statements}
)
documents = st.sampled_from([(1,), (2,), (1, 2)]).map(lambda numbers: published(*numbers))
stale = st.builds(Object, st.sampled_from(["", "{}", "hello"]), st.just("text/plain"), st.just(""))
buckets = st.builds(
    Bucket,
    tags=st.dictionaries(st.sampled_from(["team", "stage"]), st.text(max_size=3)).map(OURS.__or__),
    ownership=st.sampled_from([None, "ObjectWriter", "BucketOwnerEnforced"]),
    public_access_block=st.sampled_from([{}, Bucket().public_access_block]),
    policy=policies,
    objects=st.one_of(documents, st.dictionaries(st.sampled_from(list(wanted(1).urls)), stale)),
    etags=st.just(dict.fromkeys(wanted(1).urls, "tag")),
)


def foreign_statements(bucket: Bucket) -> list[Policy]:
    return [entry for entry in (bucket.policy or {"Statement": []})["Statement"] if entry.get("Sid") != STATEMENT_ID]


@given(buckets)
def test_publishing_is_idempotent_and_keeps_what_others_have(before: Bucket) -> None:
    goal = wanted(1, 2)
    after = after_publishing(before, goal)
    assert after_publishing(after, goal) == after
    assert calls(BUCKET, REGION, after, after) == []
    assert diff(BUCKET, after, after) == []
    assert bool(calls(BUCKET, REGION, before, after)) == bool(diff(BUCKET, before, after))
    assert after.objects == published(1, 2)
    assert foreign_statements(after) == foreign_statements(before)
    assert before.tags.items() <= after.tags.items()
    allowed = [entry for entry in (after.policy or {})["Statement"] if entry not in foreign_statements(after)]
    assert {arn for entry in allowed for arn in entry["Resource"]} == set(goal.resources)


@given(buckets, st.lists(st.sampled_from(["report.csv", "openid/v1/jwks?versionId=a", *wanted(1).urls])))
def test_removing_is_idempotent_and_keeps_what_others_have(before: Bucket, contents: list[str]) -> None:
    before = Bucket(**{**vars(before), "contents": tuple(contents)})
    after = after_removing(before, NOTHING)
    if set(contents) <= set(wanted(1).urls):
        assert after is None
        assert calls(BUCKET, REGION, before, after)[-1].operation == "delete_bucket"
        return
    assert after is not None
    assert after.objects == {}
    assert (after.policy or {"Statement": []})["Statement"] == foreign_statements(before)
    assert after_removing(after, NOTHING) == after


@given(buckets)
def test_readers_find_what_is_named_before_what_names_it(before: Bucket) -> None:
    made = calls(BUCKET, REGION, before, after_publishing(before, wanted(1, 2)))
    order = [call.arguments.get("Key", call.operation) for call in made]
    ranks = ["put_bucket_policy", *wanted(1).urls, "put_bucket_ownership_controls"]
    assert sorted((step for step in order if step in ranks), key=ranks.index) == [
        step for step in order if step in ranks
    ]
    removed = [
        call.arguments["Key"] for call in calls(BUCKET, REGION, before, None) if call.operation == "delete_object"
    ]
    assert removed == list(before.objects)[::-1]


def test_every_write_of_a_document_has_a_condition() -> None:
    goal = wanted(1)
    first = calls(BUCKET, REGION, None, after_publishing(None, goal))
    assert [call.arguments["IfNoneMatch"] for call in first if call.operation == "put_object"] == ["*", "*"]
    before = Bucket(tags=OURS, objects=published(2), etags={key: f"tag of {key}" for key in goal.urls})
    later = calls(BUCKET, REGION, before, after_publishing(before, wanted(1, 2)))
    assert [call.arguments["IfMatch"] for call in later if call.operation == "put_object"] == ["tag of openid/v1/jwks"]


@pytest.mark.parametrize(
    ("issuer", "keys"),
    [
        (ISSUER, ["openid/v1/jwks", ".well-known/openid-configuration"]),
        (f"{ISSUER}/a", ["a/openid/v1/jwks", "a/.well-known/openid-configuration"]),
        (f"https://s3.{REGION}.amazonaws.com/{BUCKET}", ["openid/v1/jwks", ".well-known/openid-configuration"]),
        (f"https://s3-{REGION}.amazonaws.com/{BUCKET}", ["openid/v1/jwks", ".well-known/openid-configuration"]),
        (f"https://{BUCKET}.s3.amazonaws.com", ["openid/v1/jwks", ".well-known/openid-configuration"]),
        (
            f"https://{BUCKET}.s3.dualstack.{REGION}.amazonaws.com",
            ["openid/v1/jwks", ".well-known/openid-configuration"],
        ),
        ("https://oidc.example.com", ["openid/v1/jwks", ".well-known/openid-configuration"]),
        ("https://oidc.example.com/a", ["a/openid/v1/jwks", "a/.well-known/openid-configuration"]),
        ("https://s3gateway.example.com", ["openid/v1/jwks", ".well-known/openid-configuration"]),
    ],
)
def test_the_issuer_decides_the_keys(issuer: str, keys: list[str]) -> None:
    assert list(target(options(1, issuer=issuer), REGION).urls) == keys


@pytest.mark.parametrize(
    "issuer",
    [
        "https://other.s3.eu-central-1.amazonaws.com",
        f"https://{BUCKET}.s3.eu-west-1.amazonaws.com",
        f"https://{BUCKET}.s3.eu-central-1.amazonaws.com.cn",
        f"https://{BUCKET}.s3-eu-west-1.amazonaws.com",
        "https://s3.eu-central-1.amazonaws.com/other",
        f"https://s3.eu-west-1.amazonaws.com/{BUCKET}",
    ],
)
def test_the_url_of_another_bucket_is_refused(issuer: str) -> None:
    with pytest.raises(InputError, match=f"is not served from the bucket {BUCKET} in {REGION}") as refused:
        target(options(1, issuer=issuer), REGION)
    assert issuer in refused.value.problem


def test_a_document_is_shown_laid_out_unless_that_would_hide_the_change() -> None:
    goal = wanted(1)
    key = goal.jwks_key
    spaced = {**published(1), key: published(1)[key]._replace(body=goal.jwks.replace(",", ", "))}
    before, after = Bucket(objects=spaced), Bucket(objects=published(1))
    (part,) = diff(BUCKET, before, after)
    assert spaced[key].body in part["before"]
    assert '  "keys": [\n' in part["after"]


def published_discovery(jwks_uri: str, issuer: str = ISSUER) -> str:
    return json.dumps({"issuer": issuer, "jwks_uri": jwks_uri})


@pytest.mark.parametrize(
    ("discovery", "jwks_key"),
    [
        (None, "openid/v1/jwks"),
        ("hello", "openid/v1/jwks"),
        (published_discovery(f"{ISSUER}/keys.json"), "keys.json"),
        (published_discovery(f"{ISSUER}/keys.json", f"{ISSUER}/"), "keys.json"),
        (published_discovery(f"https://s3.{REGION}.amazonaws.com/{BUCKET}/a/jwks"), "a/jwks"),
        # What a document has that was copied from the API server: nobody outside can fetch that.
        (published_discovery("https://10.0.0.1:6443/openid/v1/jwks"), "openid/v1/jwks"),
    ],
)
def test_the_key_set_stays_where_it_is_published(discovery: str | None, jwks_key: str) -> None:
    goal = located(wanted(1), discovery)
    assert list(goal.urls) == [jwks_key, ".well-known/openid-configuration"]
    after = after_publishing(None, goal)
    assert json.loads(after.objects[goal.discovery_key].body)["jwks_uri"] == goal.jwks_uri
    assert goal.urls[jwks_key] == goal.jwks_uri


@pytest.mark.parametrize(
    ("discovery", "says"),
    [
        (published_discovery(f"{ISSUER}/keys.json", "https://oidc.example.com"), "another issuer"),
        (published_discovery(f"{ISSUER}/keys.json", f"{ISSUER}/a"), "another issuer"),
        (published_discovery("https://oidc.example.com/keys.json"), "does not serve"),
        (published_discovery("https://other.s3.eu-central-1.amazonaws.com/keys.json"), "does not serve"),
        (published_discovery(f"https://s3.{REGION}.amazonaws.com/other/keys.json"), "is not served from the bucket"),
    ],
)
def test_documents_that_the_bucket_cannot_take_over_are_refused(discovery: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        located(wanted(1), discovery)


def test_the_algorithms_of_kept_keys_are_named() -> None:
    goal = wanted(1)
    rsa = jwks_document(jwks_from_pems([("FILE", public_pem(rsa_public_key(1)))]))
    before = Bucket(tags=OURS, objects={goal.jwks_key: Object(rsa, "application/json", "")})
    discovery = json.loads(after_publishing(before, goal).objects[goal.discovery_key].body)
    assert discovery["id_token_signing_alg_values_supported"] == ["ES256", "RS256"]


def test_each_path_of_a_bucket_has_its_own_statement() -> None:
    ids = [target(options(1, issuer=issuer), REGION).statement_id for issuer in (ISSUER, f"{ISSUER}/a", f"{ISSUER}/b")]
    assert ids[0] == STATEMENT_ID
    assert len(set(ids)) == 3
    assert all(name.isalnum() for name in ids)
