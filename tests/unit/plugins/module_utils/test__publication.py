# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import functools
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
    target,
)
from ansible_collections.onprem.irsa.tests.unit.plugins.some_keys import ec_key, public_pem

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
    }


@functools.cache
def wanted(*numbers: int) -> Target:
    return target(options(*numbers), REGION)


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
documents = st.sampled_from([(1,), (2,), (1, 2)]).map(lambda numbers: wanted(*numbers).objects)
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
    assert after.objects == goal.objects
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
    ranks = ["put_public_access_block", "put_bucket_policy", *wanted(1).urls]
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
    before = Bucket(tags=OURS, objects=wanted(2).objects, etags={key: f"tag of {key}" for key in goal.urls})
    later = calls(BUCKET, REGION, before, after_publishing(before, wanted(1, 2)))
    assert [call.arguments["IfMatch"] for call in later if call.operation == "put_object"] == ["tag of openid/v1/jwks"]


@pytest.mark.parametrize(
    ("issuer", "keys"),
    [
        (ISSUER, ["openid/v1/jwks", ".well-known/openid-configuration"]),
        (f"{ISSUER}/a", ["a/openid/v1/jwks", "a/.well-known/openid-configuration"]),
        (f"https://s3.{REGION}.amazonaws.com/{BUCKET}", ["openid/v1/jwks", ".well-known/openid-configuration"]),
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
        f"https://{BUCKET}.s3.amazonaws.com",
        f"https://{BUCKET}.s3.eu-central-1.amazonaws.com.cn",
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
    spaced = {**goal.objects, key: goal.objects[key]._replace(body=goal.objects[key].body.replace(",", ", "))}
    before, after = Bucket(objects=spaced), Bucket(objects=goal.objects)
    (part,) = diff(BUCKET, before, after)
    assert spaced[key].body in part["before"]
    assert '  "keys": [\n' in part["after"]
