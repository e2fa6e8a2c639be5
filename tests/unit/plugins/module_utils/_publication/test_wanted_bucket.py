# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import functools
import json
import typing as t
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.onprem.irsa.plugins.module_utils._documents.discovery import discovery_document
from ansible_collections.onprem.irsa.plugins.module_utils._documents.jwks import jwks_document, jwks_from_pems
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._publication.bucket_plan import (
    Bucket,
    Object,
    Policy,
    calls,
    diff,
)
from ansible_collections.onprem.irsa.plugins.module_utils._publication.wanted_bucket import (
    STATEMENT_ID,
    Target,
    after_publishing,
    after_removing,
    left,
    located,
    opens,
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
stale = st.builds(Object, st.sampled_from(["", "{}", '{"keys":null}', "\ufeff{}"]), st.just("text/plain"), st.just(""))
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


def guest(cluster: str = "guest", issuer: str = f"{ISSUER}/b") -> Target:
    return target({**options(1, issuer=issuer), "cluster": cluster, "adopt": True}, REGION)


def test_a_place_in_the_bucket_of_another_cluster_is_a_tag_that_s3_takes() -> None:
    after = after_publishing(Bucket(tags=OURS), guest(issuer=f"{ISSUER}/~b"))
    assert after.tags == {**OURS, "onprem.irsa/cluster/guest": f"{ISSUER}/+b"}
    longest = "g" * (128 - len("onprem.irsa/cluster/"))
    assert f"onprem.irsa/cluster/{longest}" in after_publishing(Bucket(tags=OURS), guest(longest)).tags
    with pytest.raises(InputError, match="of 129 characters in the bucket of another cluster"):
        after_publishing(Bucket(tags=OURS), guest(f"{longest}g"))
    assert after_publishing(Bucket(), guest("g" * 200)).tags == {"onprem.irsa/cluster": "g" * 200}


def test_a_bucket_takes_fifty_tags() -> None:
    tags = {**OURS, "aws:cloudformation:stack-name": "a", **{f"tag-{number}": "" for number in range(48)}}
    assert len(after_publishing(Bucket(tags=tags), guest()).tags) == 51
    with pytest.raises(InputError, match="would have 51 tags; S3 accepts 50"):
        after_publishing(Bucket(tags={**tags, "one-more": ""}), guest())


def test_an_age_is_not_negative() -> None:
    assert target({**options(1), "max_age": 0}, REGION).cache_control == "public, max-age=0"
    with pytest.raises(InputError, match="The max_age -5 must be 0 or more"):
        target({**options(1), "max_age": -5}, REGION)


@pytest.mark.parametrize(
    ("principal", "says"),
    [
        ({"Principal": {"AWS": "AIDAEXAMPLE0000000001"}}, "an IAM user"),
        ({"Principal": {"AWS": ["123456789012", "AROAEXAMPLE0000000001"]}}, "an IAM role"),
        ({"NotPrincipal": {"AWS": "AGPAEXAMPLE0000000001"}}, "an IAM group"),
        ({"Principal": {"AWS": "ANPAEXAMPLE0000000001"}}, "an identity"),
    ],
)
def test_a_policy_with_a_deleted_principal_is_refused_before_any_write(principal: Policy, says: str) -> None:
    dead = {
        "Sid": "Ops",
        "Effect": "Allow",
        "Action": "s3:ListBucket",
        "Resource": f"arn:aws:s3:::{BUCKET}",
        **principal,
    }
    policy = {"Version": "2012-10-17", "Statement": [dead]}
    with pytest.raises(InputError, match=f"'Ops', for the principal A[A-Z0-9]+: the id of {says} that was deleted"):
        after_publishing(Bucket(tags=OURS, policy=policy), wanted(1))
    with_ours = {**policy, "Statement": [dead, *(after_publishing(None, wanted(1)).policy or {})["Statement"]]}
    before = Bucket(tags=OURS, policy=with_ours, contents=("report.csv",))
    assert after_publishing(before, wanted(1)).policy == with_ours  # S3 took it while the principal was there
    with pytest.raises(InputError, match="Nothing was changed"):
        after_removing(before, NOTHING)


@pytest.mark.parametrize("name", ["*", "123456789012", "arn:aws:iam::123456789012:role/AROAEXAMPLE0000000001", "AIDA"])
def test_other_principals_are_no_deleted_ones(name: str) -> None:
    policy = {"Version": "2012-10-17", "Statement": statement(Principal={"AWS": name})}
    assert after_publishing(Bucket(tags=OURS, policy=policy), wanted(1)).policy != policy


def test_only_a_new_public_statement_of_s3_opens() -> None:
    goal = wanted(1)
    after = after_publishing(None, goal)
    assert opens(None, after, goal)
    assert opens(Bucket(tags=OURS), after, goal)
    assert not opens(after, after_publishing(after, wanted(1, 2)), goal)
    assert not opens(None, after, replace(goal, endpoint="s3.example.com"))
    assert not opens(None, after, replace(goal, distribution_arn="arn:aws:cloudfront::123456789012:distribution/E1"))


def test_what_stays_after_removing_is_named() -> None:
    former = target(options(1, issuer=f"{ISSUER}/before"), REGION)
    before = after_publishing(after_publishing(Bucket(), former), wanted(1))
    before = after_publishing(replace(before, objects={}), guest(issuer=f"{ISSUER}/~b"))
    before = replace(before, contents=("before/openid/v1/jwks",))
    after = after_removing(before, NOTHING)
    stays = left(before, after, NOTHING)
    assert len(stays) == 2
    assert former.statement_id in stays[0]
    assert all(arn in stays[0] for arn in former.resources)
    assert "BlockPublicPolicy, RestrictPublicBuckets turned off" in stays[1]
    assert left(after, after, NOTHING) == []
    assert left(before, None, NOTHING) == []


@pytest.mark.parametrize("key", list(wanted(1).urls))
def test_what_cannot_be_read_is_not_written_over(key: str) -> None:
    before = Bucket(tags=OURS, objects={key: Object("hello", "text/plain", "")})
    with pytest.raises(InputError, match=f"s3://{BUCKET}/{key} exists and cannot be read"):
        after_publishing(before, wanted(1))
    assert after_removing(before, NOTHING) is None


def test_a_key_set_has_as_many_keys_as_aws_takes() -> None:
    keys = jwks_from_pems([("FILE", public_pem(rsa_public_key(number))) for number in range(101)])
    at_most = Bucket(tags=OURS, objects={wanted(1).jwks_key: Object(jwks_document(keys[:100]), "", "")})
    assert len(json.loads(after_publishing(at_most, wanted(1)).objects[wanted(1).jwks_key].body)["keys"]) == 101
    more = Bucket(tags=OURS, objects={wanted(1).jwks_key: Object(jwks_document(keys), "", "")})
    with pytest.raises(InputError, match="would have 101 RSA keys; AWS accepts 100"):
        after_publishing(more, wanted(1))


def test_documents_that_a_kms_key_encrypts_or_that_are_packed_are_written_again() -> None:
    before = after_publishing(None, wanted(1))
    for change in ({"encryption": "aws:kms"}, {"encryption": "aws:kms:dsse"}, {"encoding": "gzip"}):
        objects = {key: document._replace(**change) for key, document in before.objects.items()}
        drifted = replace(before, objects=objects)
        made = calls(BUCKET, REGION, drifted, after_publishing(drifted, wanted(1)))
        assert [call.arguments["ServerSideEncryption"] for call in made] == ["AES256", "AES256"]
        assert len(diff(BUCKET, drifted, before)) == 2
    store = target(
        {**options(1, issuer="https://s3.example.com/acme-prod-oidc"), "endpoint_url": "https://s3.example.com"}, "x"
    )
    made = calls(BUCKET, "x", None, after_publishing(None, store))
    assert not any("ServerSideEncryption" in call.arguments for call in made)
