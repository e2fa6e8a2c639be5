# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module against an S3 with AWS's rules of public access, with faults at every call and readers all the time."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
import typing as t
from pathlib import Path

import boto3
import pytest
from ansible.module_utils.testing import patch_module_args
from botocore.config import Config

from ansible_collections.onprem.irsa.plugins.module_utils._documents.discovery import discovery_document
from ansible_collections.onprem.irsa.plugins.module_utils._documents.issuer import checked_s3_issuer_url
from ansible_collections.onprem.irsa.plugins.module_utils._documents.jwks import jwks_document, jwks_from_pems
from ansible_collections.onprem.irsa.plugins.module_utils._errors import IrsaError
from ansible_collections.onprem.irsa.plugins.module_utils._publication import s3_calls as aws_s3
from ansible_collections.onprem.irsa.plugins.module_utils._publication.wanted_bucket import (
    Target,
    after_publishing,
    target,
)
from ansible_collections.onprem.irsa.plugins.modules import s3_issuer
from ansible_collections.onprem.irsa.tests.unit.extensions.lab.aws.conftest import SESSION, Lab, lab, server
from ansible_collections.onprem.irsa.tests.unit.plugins.readers_and_faults import Faults, Reader, struck_runs
from ansible_collections.onprem.irsa.tests.unit.plugins.some_keys import ec_key, public_pem

pytestmark = pytest.mark.slow

__all__ = ["lab", "server"]  # fixtures

ROOT = Path(__file__).parents[4]
BUCKET = "acme-prod-oidc"
REGION: t.Final = "eu-central-1"
ISSUER = f"https://{BUCKET}.s3.{REGION}.amazonaws.com"
JWKS_KEY = "openid/v1/jwks"
DISCOVERY_KEY = ".well-known/openid-configuration"

_PROGRAM = """
import json, sys
from ansible.module_utils.testing import patch_module_args
from ansible_collections.onprem.irsa.plugins.modules import s3_issuer
with patch_module_args(json.load(sys.stdin)):
    s3_issuer.main()
"""

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
    access = {"access_key": given["access_key_id"], "secret_key": given["secret_access_key"]}
    trusted = {"aws_ca_bundle": ca_file, "ca_path": ca_file}

    def module(**asked: object) -> Result:
        arguments = {**access, **trusted, "aws_config": {"retries": {"total_max_attempts": 1}}, **asked}
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
def test_no_fault_at_any_call_harms_a_reader(
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
    common = ["PutBucketTagging", "PutBucketVersioning", "PutObject"]
    assert sorted(faults.struck_writes) == sorted(
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
    assert faults.struck_writes == [
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


def test_a_document_that_somebody_else_wrote_is_read_again(lab: Lab, run: Run) -> None:
    run(**options(1))
    reader = Reader(lab, ISSUER, live=kids(1))
    with reader.polling():
        lab.admin("/faults", {"rules": [{"operation": "s3:PutObject", "kind": "412", "first": 1000}]})
        assert "Other runs keep writing" in run(**options(1, 2))["msg"]
        lab.admin("/faults", {"rules": [{"operation": "s3:PutObject", "kind": "412", "first": 2}]})
        assert run(**options(1, 2))["kids"] == kids(1, 2)
    assert run(**options(1, 2))["changed"] is False


def test_calls_and_reading_back_trust_authorities_of_their_own(
    lab: Lab, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(s3_issuer, "SPREADING_SECONDS", 0)
    assert "SSL validation failed" in run(**options(1), aws_ca_bundle=None)["msg"]
    assert lab.admin("/calls")["writes"] == 0
    assert "/openid-configuration cannot be fetched: [SSL: CERTIFICATE" in run(**options(1), ca_path=None)["msg"]
    assert run(**options(1))["changed"] is False


class Process:
    """The module in a process of its own, as Ansible runs it."""

    def __init__(self, lab: Lab, **asked: object) -> None:
        environment = lab.environment()
        environment["PYTHONPATH"] += f":{ROOT / '.build'}"
        self.lab = lab
        self.process = subprocess.Popen(  # noqa: S603 -- our own
            [sys.executable, "-c", _PROGRAM], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        stdin = t.cast("t.IO[str]", self.process.stdin)
        stdin.write(json.dumps(asked))
        stdin.close()

    def result(self) -> Result:
        """Wait for the end of it."""
        output = t.cast("t.IO[str]", self.process.stdout).read()
        self.process.wait()
        return t.cast("Result", json.loads(output))

    def kill_after(self, operation: str, count: int) -> None:
        """End it (SIGKILL) when so many calls of an operation have been carried out; the answer to the last is held."""
        rule = {"operation": operation, "kind": "timeout_after_write", "every": count, "times": 1, "seconds": 10}
        self.lab.admin("/faults", {"rules": [rule]})
        while self.lab.admin("/faults")["rules"][0]["hit"] == 0:
            assert self.process.poll() is None, f"it ended without {count} calls of {operation}"
            time.sleep(0.02)
        time.sleep(0.3)  # the write itself takes some milliseconds
        self.process.kill()
        assert self.process.wait() == -signal.SIGKILL
        self.lab.admin("/faults", {"rules": []})


def test_a_process_that_is_killed_between_two_writes_is_finished_by_the_next(lab: Lab) -> None:
    reader = Reader(lab, ISSUER)
    first = [("s3:CreateBucket", 1), ("s3:PutBucketTagging", 1), ("s3:PutPublicAccessBlock", 1)]
    first += [("s3:PutBucketPolicy", 1), ("s3:PutObject", 1)]  # the key set alone: half of the objects
    with reader.polling():
        for operation, count in first:
            Process(lab, **options(1)).kill_after(operation, count)
        assert Process(lab, **options(1)).result()["kids"] == kids(1)
        reader.live = set(kids(1))
        Process(lab, **options(1, 2)).kill_after("s3:PutObject", 1)
        assert Process(lab, **options(1, 2)).result()["kids"] == kids(1, 2)
    assert reader.reads > 20
    assert Process(lab, **options(1, 2)).result()["changed"] is False


def test_processes_started_at_once_publish_the_keys_of_both(lab: Lab) -> None:
    reader = Reader(lab, ISSUER)
    with reader.polling():
        results = [process.result() for process in [Process(lab, **options(1, number)) for number in (2, 3)]]
    assert [result.get("msg") for result in results] == [None, None]
    Reader(lab, ISSUER, live=kids(1, 2, 3))()
    assert Process(lab, **options(1)).result()["changed"] is False


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
    assert "set irsa_issuer_adopt: true" in refused["msg"]
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
    assert f"set irsa_issuer_url to a path that no other cluster has, as in {issuers['a']}/c" in taken["msg"]

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
    assert "set irsa_issuer_adopt: true" in run(**options(1))["msg"]
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
    issuer = checked_s3_issuer_url(BUCKET, region)
    result = run(**options(1, issuer=issuer, region=region))
    assert result.get("msg") is None
    assert [seen["status"] for seen in result["read_back"]] == [200, 200]
    assert run(**options(1, issuer=issuer, region=region))["changed"] is False


def test_what_is_refused_writes_nothing(lab: Lab, run: Run, tmp_path: Path) -> None:
    client = lab.client("s3")
    location = {"LocationConstraint": REGION}
    for name in ("of-another-cluster", "with-invoices", "of-another-issuer", BUCKET):
        client.create_bucket(Bucket=name, CreateBucketConfiguration=location)
    tag = {"Key": "onprem.irsa/cluster", "Value": "staging"}
    client.put_bucket_tagging(Bucket="of-another-cluster", Tagging={"TagSet": [tag]})
    client.put_object(Bucket="with-invoices", Key="invoices", Body=b"1")
    foreign = json.dumps({"issuer": "https://other.example.com", "jwks_uri": "https://other.example.com/keys.json"})
    client.put_object(Bucket="of-another-issuer", Key=DISCOVERY_KEY, Body=foreign)
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:Put*", "Resource": f"arn:aws:s3:::{BUCKET}"}
    client.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}))

    def at(bucket: str, **given: object) -> dict[str, t.Any]:
        return {**options(1, issuer=checked_s3_issuer_url(bucket, REGION)), "bucket": bucket, **given}

    lab.admin("/calls/reset", {})
    for asked, says in (
        (at("of-another-cluster"), "belongs to the cluster 'staging'"),
        (at("with-invoices"), "holds 'invoices' and belongs to no cluster"),
        (at("of-another-issuer"), "another issuer, 'https://other.example.com'"),
        (at(BUCKET, region="us-east-1"), "not served from the bucket"),
        (at(BUCKET, region="nowhere"), "must look like"),
        ({**at(BUCKET), "bucket": "No_Bucket"}, "No_Bucket"),
        (at(BUCKET, cluster=""), "The cluster's name"),
        (at(BUCKET, retired_kids=kids(1)), "should be retired, and the cluster has it"),
        (at(BUCKET, jwks='{"keys":[]}'), "holds no key"),
        (at("of-another-cluster", state="absent"), None),
    ):
        result = run(**asked)
        assert (says or "") in result.get("msg", ""), result
        assert result["changed"] is False if says is None else result["failed"]
    run(**at(BUCKET, render=str(tmp_path)))
    assert {path.name for path in tmp_path.iterdir()} != set()
    assert lab.admin("/calls")["writes"] == 0
    # A policy that somebody else owns is not replaced: S3 refuses the first write, and the reason is said.
    lab.admin("/calls/reset", {})
    assert "AccessDenied" in run(**at(BUCKET))["msg"]
    (kept,) = json.loads(client.get_bucket_policy(Bucket=BUCKET)["Policy"])["Statement"]
    assert kept == deny
    assert client.list_objects_v2(Bucket=BUCKET)["KeyCount"] == 0


def test_what_is_still_trusted_is_not_removed(lab: Lab, run: Run) -> None:
    run(**options(1))
    lab.client("iam").create_open_id_connect_provider(Url=ISSUER, ClientIDList=["sts.amazonaws.com"])
    lab.admin("/calls/reset", {})
    gone: dict[str, t.Any] = {**options(1), "discovery_document": None, "jwks": None, "state": "absent"}
    assert "oidc-provider" in run(**gone)["msg"]
    assert lab.admin("/calls")["writes"] == 0
    Reader(lab, ISSUER, live=kids(1))()


def test_a_bucket_whose_default_encryption_is_a_kms_key(lab: Lab, run: Run) -> None:
    client = lab.client("s3")
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "alias/company"}}
    client.put_bucket_encryption(Bucket=BUCKET, ServerSideEncryptionConfiguration={"Rules": [rule]})
    assert [seen["status"] for seen in run(**options(1))["read_back"]] == [200, 200]
    body = client.get_object(Bucket=BUCKET, Key=JWKS_KEY)["Body"].read()
    client.put_object(Bucket=BUCKET, Key=JWKS_KEY, Body=body)  # as somebody else puts it, with the bucket's default
    status, _headers, said = lab.get(f"{ISSUER}/{JWKS_KEY}")
    assert (status, b"AWS KMS managed keys require AWS Signature Version 4" in said) == (400, True)
    assert run(**options(1))["changed"] is True
    assert run(**options(1))["changed"] is False
    Reader(lab, ISSUER, live=kids(1))()


def test_a_guests_tag_is_one_that_s3_takes(lab: Lab, run: Run) -> None:
    run(**options(1))
    guest = options(2, issuer=f"{ISSUER}/~guest", cluster="g" * 108, adopt=True)
    assert run(**guest)["changed"] is True
    assert run(**guest)["changed"] is False
    other = options(3, issuer=f"{ISSUER}/other", cluster="g" * 109, adopt=True)
    assert "characters in the bucket of another cluster" in run(**other)["msg"]
    Reader(lab, f"{ISSUER}/~guest", live=kids(2))()


def test_credentials_that_are_refused_are_told_before_a_bucket(lab: Lab, run: Run) -> None:
    for there in (False, True):
        for wrong in ({"secret_key": "wrong"}, {"access_key": "AKIAEXAMPLE000000000"}):
            said = run(**options(1), **wrong)["msg"]
            assert "Give valid credentials" in said
            assert "another account" not in said
        if not there:
            assert lab.admin("/calls")["writes"] == 0
            run(**options(1))
