# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module against an S3 with AWS's rules of public access, with faults at every write and readers all the time."""

from __future__ import annotations

import json
import threading
import typing as t

import boto3
import pytest
from ansible.module_utils.testing import patch_module_args
from botocore.config import Config

from ansible_collections.onprem.irsa.plugins.module_utils._aws import s3 as aws_s3
from ansible_collections.onprem.irsa.plugins.module_utils._discovery import discovery_document
from ansible_collections.onprem.irsa.plugins.module_utils._errors import IrsaError
from ansible_collections.onprem.irsa.plugins.module_utils._issuer import s3_issuer_url
from ansible_collections.onprem.irsa.plugins.module_utils._jwks import jwks_document, jwks_from_pems
from ansible_collections.onprem.irsa.plugins.module_utils._publication import Target, after_publishing, target
from ansible_collections.onprem.irsa.plugins.modules import s3_issuer
from ansible_collections.onprem.irsa.tests.unit.extensions.lab.aws.conftest import SESSION, Lab, lab, server
from ansible_collections.onprem.irsa.tests.unit.plugins.readers_and_faults import Faults, Reader, struck_runs
from ansible_collections.onprem.irsa.tests.unit.plugins.some_keys import ec_key, public_pem

__all__ = ["lab", "server"]  # fixtures

BUCKET = "acme-prod-oidc"
REGION: t.Final = "eu-central-1"
ISSUER = f"https://{BUCKET}.s3.{REGION}.amazonaws.com"
JWKS_KEY = "openid/v1/jwks"
DISCOVERY_KEY = ".well-known/openid-configuration"

Result = dict[str, t.Any]


def keys(*numbers: int) -> list[dict[str, str]]:
    return jwks_from_pems([("FILE", "".join(public_pem(ec_key(number)) for number in numbers))])


def kids(*numbers: int) -> list[str]:
    return [key["kid"] for key in keys(*numbers)]


def options(*numbers: int, issuer: str = ISSUER, **given: object) -> dict[str, t.Any]:
    documents = {
        "discovery_document": discovery_document(issuer, f"{issuer}/{JWKS_KEY}", ["ES256"]),
        "jwks": jwks_document(keys(*numbers)),
    }
    return {"bucket": BUCKET, "region": REGION, "cluster": "prod", "issuer": issuer, **documents, **given}


class Run(t.Protocol):
    def __call__(self, **options: object) -> Result: ...


@pytest.fixture
def run(lab: Lab, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    for name, value in (("_SPREADING_SECONDS", 0), ("_SPREADING_PAUSE", 0), ("_LONGEST_PAUSE", 0.05)):
        monkeypatch.setattr(aws_s3, name, value)
    # One SDK session for all tests: to set one up takes longer than a run.
    monkeypatch.setattr(boto3.session, "Session", lambda **_options: SESSION)
    given = lab.admin("/credentials")
    ca_file = str(lab.state / "ca.pem")
    access = {"access_key": given["access_key_id"], "secret_key": given["secret_access_key"], "aws_ca_bundle": ca_file}

    def module(**asked: object) -> Result:
        arguments = {**access, "aws_config": {"retries": {"total_max_attempts": 1}}, **asked}
        with patch_module_args(arguments), pytest.raises(SystemExit):
            s3_issuer.main()
        return t.cast("Result", json.loads(capsys.readouterr().out))

    return module


def legacy_bucket(lab: Lab, *numbers: int) -> None:
    """A bucket as before April 2023, whose documents are public by their ACLs, as some guides have it."""
    client = lab.client("s3")
    location = {"LocationConstraint": REGION}
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=location, ObjectOwnership="ObjectWriter")
    client.delete_public_access_block(Bucket=BUCKET)
    client.put_bucket_acl(Bucket=BUCKET, ACL="public-read")
    discovery = {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/keys.json"}
    for key, content in ((DISCOVERY_KEY, discovery), ("keys.json", {"keys": keys(*numbers)})):
        client.put_object(Bucket=BUCKET, Key=key, Body=json.dumps(content), ACL="public-read")


def wanted(*numbers: int) -> Target:
    absent = dict.fromkeys(("endpoint_url", "tags", "versioning"))
    given = {**options(*numbers), **absent, "max_age": 300, "retired_kids": [], "purge_tags": True, "adopt": False}
    return target(given, REGION)


@pytest.mark.parametrize("kind", ["throttle", "500", "timeout_after_write", "killed before", "killed after"])
@pytest.mark.parametrize("published", [False, True], ids=["a new bucket", "a new key"])
def test_no_fault_at_any_write_harms_a_reader(
    lab: Lab, run: Run, monkeypatch: pytest.MonkeyPatch, kind: str, *, published: bool
) -> None:
    if published:
        assert run(**options(1))["changed"] is True
    faults = Faults(lab, kind, Reader(lab, ISSUER, live=kids(1) if published else ()))
    asked = options(1, 2, tags={"team": "a"}, versioning=True)
    result = struck_runs(faults, run, asked, monkeypatch)
    assert result["kids"] == kids(1, 2)
    assert run(**asked)["changed"] is False
    Reader(lab, ISSUER, live=kids(1, 2))()
    struck = [name for name, _what in faults.struck]
    common = ["PutBucketTagging", "PutBucketVersioning", "PutObject"]
    assert sorted(struck) == sorted(
        common if published else [*common, "CreateBucket", "PutBucketPolicy", "PutObject", "PutPublicAccessBlock"]
    )


@pytest.mark.parametrize("kind", ["500", "timeout_after_write", "killed before", "killed after"])
def test_documents_that_are_public_by_their_acls_stay_so_until_the_policy_holds(
    lab: Lab, run: Run, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    legacy_bucket(lab, 1)
    reader = Reader(lab, ISSUER, live=kids(1))
    reader()
    faults = Faults(lab, kind, reader)
    result = struck_runs(faults, run, options(1, 2), monkeypatch)
    assert (result["kids"], result["jwks_uri"]) == (kids(1, 2), f"{ISSUER}/keys.json")
    assert [name for name, _what in faults.struck] == [
        "PutBucketTagging",
        "PutBucketPolicy",
        "PutObject",
        "PutObject",
        "PutBucketAcl",
        "PutBucketOwnershipControls",
        "PutPublicAccessBlock",
    ]
    assert run(**options(1, 2))["changed"] is False


def test_readers_that_poll_meet_no_gap(lab: Lab, run: Run) -> None:
    reader = Reader(lab, ISSUER)
    with reader.polling():
        run(**options(1))
    reader.live = set(kids(1))
    lab.admin("/faults", {"rules": [{"operation": "s3:Put*", "kind": "500", "every": 2}]})
    with reader.polling():
        for numbers in ((1, 2), (1, 2, 3), (1, 2, 3, 4)):
            run(**options(*numbers), aws_config={"retries": {"mode": "standard"}})
    assert reader.reads > 5
    assert run(**options(1, 2, 3, 4))["changed"] is False


@pytest.mark.parametrize("there", [True, False], ids=["a bucket", "no bucket yet"])
def test_runs_at_once_end_with_the_keys_of_all_published(lab: Lab, run: Run, *, there: bool) -> None:
    if there:
        run(**options(1))
    reader, start, wrong = Reader(lab, ISSUER, live=kids(1) if there else ()), threading.Barrier(3), list[IrsaError]()
    clients = {number: lab.client("s3", config=Config(retries={"mode": "standard"})) for number in (2, 3, 4)}

    def publish(number: int) -> None:
        start.wait()
        try:
            aws_s3.reach(clients[number], wanted(1, number), after_publishing)
        except IrsaError as error:
            wrong.append(error)

    threads = [threading.Thread(target=publish, args=(number,)) for number in clients]
    with reader.polling():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []
    Reader(lab, ISSUER, live=kids(1, 2, 3, 4))()
    assert run(**options(1))["changed"] is False


def statements(lab: Lab) -> dict[str, dict[str, t.Any]]:
    policy = json.loads(lab.client("s3").get_bucket_policy(Bucket=BUCKET)["Policy"])
    return {statement["Sid"]: statement for statement in policy["Statement"]}


def test_clusters_share_a_bucket_and_leave_each_other_alone(lab: Lab, run: Run) -> None:
    issuers = {"a": f"{ISSUER}/a", "b": f"https://s3.{REGION}.amazonaws.com/{BUCKET}/b"}
    first = options(1, issuer=issuers["a"], cluster="a")
    assert run(**first, tags={"team": "x"})["changed"] is True
    second = options(2, issuer=issuers["b"], cluster="b")
    refused = run(**second)
    assert "belongs to the cluster 'a'" in refused["msg"]
    assert "set adopt" in refused["msg"]
    assert run(**second, adopt=True)["changed"] is True
    assert run(**second)["changed"] is False
    assert run(**first, tags={"team": "x"})["changed"] is False
    for name, number in (("a", 1), ("b", 2)):
        Reader(lab, issuers[name], live=kids(number))()
    assert sorted(arn for statement in statements(lab).values() for arn in statement["Resource"]) == [
        f"arn:aws:s3:::{BUCKET}/{name}/{key}" for name in "ab" for key in (DISCOVERY_KEY, JWKS_KEY)
    ]
    taken = run(**options(3, issuer=issuers["a"], cluster="c", adopt=True))
    assert "set its tag onprem.irsa/cluster to c" in taken["msg"]

    gone = {"discovery_document": None, "jwks": None, "state": "absent"}
    assert run(**{**second, **gone})["changed"] is True
    assert run(**{**second, **gone})["changed"] is False
    assert len(statements(lab)) == 1
    Reader(lab, issuers["a"], live=kids(1))()
    tags = lab.client("s3").get_bucket_tagging(Bucket=BUCKET)["TagSet"]
    assert {tag["Key"] for tag in tags} == {"team", "onprem.irsa/cluster"}
    assert run(**{**first, **gone})["changed"] is True
    assert lab.client("s3").list_buckets()["Buckets"] == []


def test_the_layout_of_ccoctl_is_taken_over(lab: Lab, run: Run) -> None:
    client = lab.client("s3")
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    client.put_public_access_block(
        Bucket=BUCKET, PublicAccessBlockConfiguration={"BlockPublicAcls": True, "IgnorePublicAcls": True}
    )
    all_of_it = {
        "Sid": "AllowReadPublicAccess",
        "Effect": "Allow",
        "Principal": "*",
        "Action": ["s3:GetObject"],
        "Resource": [f"arn:aws:s3:::{BUCKET}/*"],
    }
    client.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps({"Version": "2012-10-17", "Statement": [all_of_it]}))
    discovery = {
        "issuer": ISSUER,
        "jwks_uri": f"{ISSUER}/keys.json",
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "claims_supported": ["aud", "exp", "sub", "iat", "iss"],
    }
    client.put_object(Bucket=BUCKET, Key=DISCOVERY_KEY, Body=json.dumps(discovery))
    client.put_object(Bucket=BUCKET, Key="keys.json", Body=json.dumps({"keys": keys(1, 5)}))
    reader = Reader(lab, ISSUER, live=kids(1, 5))
    with reader.polling():
        result = run(**options(1, 2))
    assert (result["jwks_uri"], result["kids"], result["kept_kids"]) == (
        f"{ISSUER}/keys.json",
        kids(1, 2, 5),
        kids(5),
    )
    assert run(**options(1, 2))["changed"] is False
    assert set(statements(lab)) == {"AllowReadPublicAccess", "OnpremIrsaIssuer"}
    assert statements(lab)["AllowReadPublicAccess"] == all_of_it
    assert sorted(item["Key"] for item in client.list_objects_v2(Bucket=BUCKET)["Contents"]) == [
        DISCOVERY_KEY,
        "keys.json",
    ]
    assert run(**options(1, 2, retired_kids=kids(5)))["kids"] == kids(1, 2)


def test_an_issuer_of_other_keys_is_taken_over_only_when_told(lab: Lab, run: Run) -> None:
    legacy_bucket(lab, 7)
    assert "set adopt" in run(**options(1))["msg"]
    result = run(**options(1, adopt=True))
    assert (result["kids"], result["kept_kids"]) == (kids(1, 7), kids(7))
    assert run(**options(1))["changed"] is False


def test_an_issuer_in_the_global_style_is_taken_over(lab: Lab, run: Run) -> None:
    issuer = f"https://{BUCKET}.s3.amazonaws.com"
    asked = options(1, issuer=issuer, region="us-east-1")
    client = lab.client("s3", "us-east-1")
    client.create_bucket(Bucket=BUCKET)
    client.put_object(Bucket=BUCKET, Key=DISCOVERY_KEY, Body=asked["discovery_document"])
    client.put_object(Bucket=BUCKET, Key=JWKS_KEY, Body=asked["jwks"])
    assert run(**asked)["changed"] is True
    Reader(lab, issuer, live=kids(1))()


@pytest.mark.parametrize("region", ["us-gov-west-1", "cn-north-1"])
def test_other_partitions(run: Run, region: str) -> None:
    issuer = s3_issuer_url(BUCKET, region)
    result = run(**options(1, issuer=issuer, region=region))
    assert result.get("msg") is None
    assert [seen["status"] for seen in result["read_back"]] == [200, 200]
    assert run(**options(1, issuer=issuer, region=region))["changed"] is False
