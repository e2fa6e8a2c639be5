# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import gzip
import json
import time
import typing as t
import zlib

import boto3
import pytest
from ansible.module_utils.testing import patch_module_args
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from moto import mock_aws

from ansible_collections.onprem.irsa.plugins.module_utils._documents.discovery import discovery_document
from ansible_collections.onprem.irsa.plugins.module_utils._documents.jwks import jwks_document, jwks_from_pems
from ansible_collections.onprem.irsa.plugins.module_utils._proof import read_back as reader
from ansible_collections.onprem.irsa.plugins.module_utils._proof.checks import Document
from ansible_collections.onprem.irsa.plugins.module_utils._publication import publish_s3 as aws_documents
from ansible_collections.onprem.irsa.plugins.module_utils._publication import s3_calls as aws_s3
from ansible_collections.onprem.irsa.plugins.modules import s3_issuer
from ansible_collections.onprem.irsa.tests.unit.plugins.aws_cli import run_script
from ansible_collections.onprem.irsa.tests.unit.plugins.some_certificates import authority, pem
from ansible_collections.onprem.irsa.tests.unit.plugins.some_keys import ec_key, public_pem

if t.TYPE_CHECKING:
    from pathlib import Path

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import TagTypeDef

BUCKET = "acme-prod-oidc"
REGION: t.Final = "eu-central-1"
HOST = f"https://{BUCKET}.s3.{REGION}.amazonaws.com"
JWKS_KEY = "openid/v1/jwks"
DISCOVERY_KEY = ".well-known/openid-configuration"
FOREIGN = {
    "Sid": "Logs",
    "Effect": "Allow",
    "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
    "Action": ["s3:PutObject"],
    "Resource": f"arn:aws:s3:::{BUCKET}/logs/*",
}

Result = dict[str, t.Any]


class Run(t.Protocol):
    def __call__(self, *numbers: int, check: bool = ..., **options: object) -> Result: ...


def documents(*numbers: int, issuer: str = HOST) -> dict[str, t.Any]:
    keys = jwks_from_pems([("FILE", "".join(public_pem(ec_key(number)) for number in numbers))])
    discovery = discovery_document(issuer, f"{issuer}/{JWKS_KEY}", [key["alg"] for key in keys])
    return {"discovery_document": discovery, "jwks": jwks_document(keys)}


def kids(*numbers: int) -> list[str]:
    return [key["kid"] for number in numbers for key in jwks_from_pems([("FILE", public_pem(ec_key(number)))])]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every operation asked of AWS, in order."""
    made: list[str] = []
    send = vars(BaseClient)["_make_api_call"]

    def record(self: BaseClient, operation_name: str, api_params: dict[str, t.Any]) -> t.Any:  # noqa: ANN401 -- as botocore
        made.append(operation_name)
        return send(self, operation_name, api_params)

    monkeypatch.setattr(BaseClient, "_make_api_call", record)
    return made


def writes(calls: list[str]) -> list[str]:
    return [call for call in calls if not call.startswith(("Get", "Head", "List"))]


@pytest.fixture(scope="module")
def session() -> t.Iterator[boto3.session.Session]:
    """One SDK session and one simulated AWS for all tests, which take most of their time to set up."""
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        session = boto3.session.Session("testing", "testing", "testing")
        patch.setattr(boto3.session, "Session", lambda **_options: session)
        yield session


@pytest.fixture
def s3(session: boto3.session.Session) -> S3Client:
    """The simulated S3, emptied."""
    client = session.client("s3", region_name=REGION)
    for bucket in client.list_buckets()["Buckets"]:
        found = client.list_object_versions(Bucket=bucket["Name"])
        for item in [*found.get("Versions", []), *found.get("DeleteMarkers", [])]:
            client.delete_object(Bucket=bucket["Name"], Key=item["Key"], VersionId=item["VersionId"])
        client.delete_bucket_tagging(Bucket=bucket["Name"])
        client.delete_bucket(Bucket=bucket["Name"])
    return client


@pytest.fixture
def public(monkeypatch: pytest.MonkeyPatch, s3: S3Client) -> None:
    """Let the public URLs answer from the bucket by its policy and its public-access block."""

    def fetch(url: str, ca_file: str | None = None) -> Document:
        del ca_file
        key = url.split("/", 3)[3]
        try:
            block = s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"]
            policy = json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])
            allowed = [arn for statement in policy["Statement"] for arn in statement["Resource"]]
            if block["RestrictPublicBuckets"] or f"arn:aws:s3:::{BUCKET}/{key}" not in allowed:
                return Document(url, 403, "application/xml", "<Error/>", 0.1)
            found = s3.get_object(Bucket=BUCKET, Key=key)
            return Document(url, 200, found["ContentType"], found["Body"].read().decode(), 0.1)
        except ClientError:
            return Document(url, 404, "application/xml", "<Error/>", 0.1)

    monkeypatch.setattr(reader, "fetch", fetch)
    monkeypatch.setattr(reader, "_PAUSE", 0)
    monkeypatch.setattr(s3_issuer, "SPREADING_SECONDS", 0)
    monkeypatch.setattr(aws_documents, "FAULT_SECONDS", 0)
    monkeypatch.setattr(aws_s3, "_SPREADING_SECONDS", 0)
    monkeypatch.setattr(aws_s3, "_SPREADING_PAUSE", 0)
    monkeypatch.setattr(aws_s3, "_LONGEST_PAUSE", 0)
    monkeypatch.setattr(aws_s3, "_BUSY_SECONDS", 5)


@pytest.fixture
def run(s3: S3Client, public: None, capsys: pytest.CaptureFixture[str]) -> Run:
    del s3, public

    def module(*numbers: int, check: bool = False, **options: object) -> Result:
        given = documents(*numbers) if numbers else {}
        arguments = {"bucket": BUCKET, "region": REGION, "cluster": "prod", "issuer": HOST, **given, **options}
        with patch_module_args({**arguments, "_ansible_check_mode": check}), pytest.raises(SystemExit):
            s3_issuer.main()
        result: Result = json.loads(capsys.readouterr().out)
        return result

    return module


def test_publishes_in_the_order_that_readers_need(run: Run, s3: S3Client, calls: list[str]) -> None:
    check = run(1, check=True)
    assert writes(calls) == []
    assert check["changed"] is True
    assert [part["after_header"] for part in check["diff"]] == [
        f"s3://{BUCKET} (settings)",
        f"s3://{BUCKET}/{JWKS_KEY}",
        f"s3://{BUCKET}/{DISCOVERY_KEY}",
    ]

    done = run(1)
    assert writes(calls) == [
        "CreateBucket",
        "PutBucketTagging",
        "PutPublicAccessBlock",
        "PutBucketPolicy",
        "PutObject",
        "PutObject",
    ]
    assert (done["changed"], done["diff"], done["kids"]) == (True, check["diff"], kids(1))
    assert [(seen["url"], seen["status"]) for seen in done["read_back"]] == [
        (f"{HOST}/{JWKS_KEY}", 200),
        (f"{HOST}/{DISCOVERY_KEY}", 200),
    ]

    calls.clear()
    for check_mode in (True, False):
        again = run(1, check=check_mode)
        assert (again["changed"], again["diff"]) == (False, [])
    assert writes(calls) == []

    found = s3.get_object(Bucket=BUCKET, Key=JWKS_KEY)
    assert found["Body"].read().decode() == documents(1)["jwks"]
    assert (found["ContentType"], found["CacheControl"]) == ("application/jwk-set+json", "public, max-age=300")
    found = s3.get_object(Bucket=BUCKET, Key=DISCOVERY_KEY)
    assert found["Body"].read().decode() == documents(1)["discovery_document"]
    assert (found["ContentType"], found["CacheControl"]) == ("application/json", "public, max-age=300")


def test_lets_everybody_read_the_two_objects_and_nothing_else(run: Run, s3: S3Client) -> None:
    run(1)
    assert json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])["Statement"] == [
        {
            "Sid": "OnpremIrsaIssuer",
            "Effect": "Allow",
            "Principal": "*",
            "Action": "s3:GetObject",
            "Resource": [f"arn:aws:s3:::{BUCKET}/{DISCOVERY_KEY}", f"arn:aws:s3:::{BUCKET}/{JWKS_KEY}"],
        }
    ]
    assert s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": True,
        "IgnorePublicAcls": True,
        "BlockPublicPolicy": False,
        "RestrictPublicBuckets": False,
    }
    rules = s3.get_bucket_ownership_controls(Bucket=BUCKET)["OwnershipControls"]["Rules"]
    assert rules == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert s3.get_bucket_tagging(Bucket=BUCKET)["TagSet"] == [{"Key": "onprem.irsa/cluster", "Value": "prod"}]


def test_puts_back_what_drifted_and_only_that(run: Run, s3: S3Client, calls: list[str]) -> None:
    run(1)
    s3.put_bucket_ownership_controls(Bucket=BUCKET, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]})
    s3.put_object(Bucket=BUCKET, Key=DISCOVERY_KEY, Body=documents(1)["discovery_document"], ContentType="text/plain")
    calls.clear()
    assert run(1)["changed"] is True
    assert writes(calls) == ["PutObject", "PutBucketOwnershipControls"]


def test_keeps_the_statements_and_tags_of_others(run: Run, s3: S3Client, calls: list[str]) -> None:
    run(1)
    ours = json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])["Statement"][0]
    # The same statement, written as other tools write it.
    ours = {**ours, "Principal": {"AWS": "*"}, "Action": ["s3:GetObject"], "Resource": ours["Resource"][::-1]}
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps({"Version": "2012-10-17", "Statement": [ours, FOREIGN]}))
    tags: list[TagTypeDef] = [{"Key": "team", "Value": "platform"}, {"Key": "onprem.irsa/cluster", "Value": "prod"}]
    s3.put_bucket_tagging(Bucket=BUCKET, Tagging={"TagSet": tags})
    calls.clear()
    assert run(1)["changed"] is False
    assert writes(calls) == []

    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps({"Version": "2012-10-17", "Statement": FOREIGN}))
    assert run(1)["changed"] is True
    statements = json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])["Statement"]
    assert [statement["Sid"] for statement in statements] == ["Logs", "OnpremIrsaIssuer"]
    assert statements[0] == FOREIGN
    assert s3.get_bucket_tagging(Bucket=BUCKET)["TagSet"] == tags


def test_a_new_key_is_published_beside_the_old_one_and_none_is_dropped(run: Run, calls: list[str]) -> None:
    run(1)
    calls.clear()
    assert run(1, 2)["kids"] == kids(1, 2)
    assert writes(calls) == ["PutObject"]
    calls.clear()
    result = run(2)
    assert (result["kids"], result["kept_kids"]) == (kids(2, 1), kids(1))
    assert writes(calls) == ["PutObject"]
    calls.clear()
    assert run(2)["changed"] is False
    assert writes(calls) == []


def test_a_key_is_dropped_when_it_is_retired_by_name(run: Run, calls: list[str]) -> None:
    run(1, 2)
    calls.clear()
    refused = run(1, 2, retired_kids=kids(1))
    assert f"The key {kids(1)[0]} should be retired, and the cluster has it" in refused["msg"]
    assert calls == []
    check = run(2, retired_kids=kids(1), check=True)
    assert writes(calls) == []
    done = run(2, retired_kids=kids(1))
    assert (done["changed"], done["diff"], done["kids"]) == (True, check["diff"], kids(2))
    calls.clear()
    for check_mode in (True, False):
        assert run(2, retired_kids=kids(1), check=check_mode)["changed"] is False
    assert writes(calls) == []


def test_in_us_east_1_there_is_no_location_constraint(run: Run, s3: S3Client) -> None:
    issuer = f"https://{BUCKET}.s3.us-east-1.amazonaws.com"
    options: dict[str, t.Any] = {"region": "us-east-1", "issuer": issuer, **documents(1, issuer=issuer)}
    assert run(**options)["changed"] is True
    assert s3.get_bucket_location(Bucket=BUCKET).get("LocationConstraint") is None


def test_a_path_of_the_issuer_is_the_prefix_of_the_keys(run: Run, s3: S3Client) -> None:
    issuer = f"https://s3.{REGION}.amazonaws.com/{BUCKET}/clusters/a"
    result = run(issuer=issuer, check=True, **documents(1, issuer=issuer))
    assert [part["after_header"] for part in result["diff"]][1:] == [
        f"s3://{BUCKET}/clusters/a/{JWKS_KEY}",
        f"s3://{BUCKET}/clusters/a/{DISCOVERY_KEY}",
    ]
    assert s3.list_buckets()["Buckets"] == []


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            {"bucket": "acme.prod", "issuer": HOST.replace("acme-prod-oidc", "acme.prod")},
            "must name a bucket without dots",
        ),
        ({"bucket": "10.0.0.1"}, "'10.0.0.1' must consist"),
        ({"tags": {"aws:x": "y"}}, "tag key 'aws:x' is reserved"),
        ({"bucket": "Acme"}, "'Acme' must consist"),
        ({"region": "nowhere"}, "'nowhere' must look like"),
        ({"issuer": HOST + "/"}, "must not end in a slash"),
        ({"issuer": "http://oidc.example.com"}, "must begin with https://"),
        ({"issuer": "https://oidc.example.com"}, "is that of the issuer"),
        ({"cluster": ""}, "The cluster's name ''"),
        ({"jwks": '{"keys":[]}'}, "holds no key"),
        ({"discovery_document": "{}"}, "issuer and jwks_uri"),
        ({"discovery_document": discovery_document(HOST, "https://b.example.com/jwks", ["RS256"])}, "is not below"),
        ({"bucket": "acme-other"}, "not served from the bucket acme-other"),
        ({"region": "eu-west-1"}, "not served from the bucket"),
        ({"jwks": None}, "jwks"),
    ],
)
def test_bad_input_is_refused_before_any_call(run: Run, calls: list[str], options: dict[str, t.Any], says: str) -> None:
    result = run(**{**documents(1), **options})
    assert result["failed"] is True
    assert says in result["msg"]
    assert calls == []


@pytest.mark.parametrize("knows_block", [True, False])
def test_another_store_gets_what_it_knows(
    run: Run, s3: S3Client, calls: list[str], monkeypatch: pytest.MonkeyPatch, *, knows_block: bool
) -> None:
    # Plain S3 in the place of another store, under its own host's name.
    store, issuer = f"https://s3.{REGION}.amazonaws.com", f"https://s3.{REGION}.amazonaws.com/{BUCKET}/prod"
    options: dict[str, t.Any] = {"issuer": issuer, "endpoint_url": store, **documents(1, issuer=issuer)}
    if not knows_block:
        fault(monkeypatch, "GetPublicAccessBlock", "NotImplemented", times=100)

    def fetch(url: str, _ca_file: str | None = None) -> Document:
        found = s3.get_object(Bucket=BUCKET, Key=url.partition(f"{BUCKET}/")[2])
        return Document(url, 200, found["ContentType"], found["Body"].read().decode(), 0.1)

    monkeypatch.setattr(reader, "fetch", fetch)
    assert run(**options)["changed"] is True
    block = ["PutPublicAccessBlock"] if knows_block else []
    wanted = ["CreateBucket", "PutBucketTagging", "PutBucketPolicy", "PutObject", "PutObject", *block]
    assert writes(calls) == wanted
    calls.clear()
    assert run(**options)["changed"] is False
    assert writes(calls) == []
    assert "GetBucketOwnershipControls" not in calls
    other = f"https://other.s3.{REGION}.amazonaws.com"
    refused = run(**{**options, "issuer": other, **documents(1, issuer=other)})
    assert "not served from the bucket" in refused["msg"]


def test_calls_and_reading_back_trust_authorities_of_their_own(
    run: Run, session: boto3.session.Session, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    (tmp_path / "ca.pem").write_text(pem(authority()))
    trusted: dict[str, set[object]] = {"calls": set(), "documents": set()}
    client, fetch = session.client, vars(reader)["fetch"]

    def noted_client(*arguments: t.Any, **options: t.Any) -> object:  # noqa: ANN401 -- as boto3
        trusted["calls"].add(options["verify"])
        made: object = client(*arguments, **options)
        return made

    def noted_fetch(url: str, ca_file: str | None = None) -> Document:
        trusted["documents"].add(ca_file)
        return t.cast("Document", fetch(url, ca_file))

    monkeypatch.setattr(session, "client", noted_client)
    monkeypatch.setattr(reader, "fetch", noted_fetch)
    bundle, authorities = "/etc/ssl/aws.pem", str(tmp_path / "ca.pem")
    cases: list[tuple[dict[str, t.Any], dict[str, set[object]]]] = [
        ({"ca_path": authorities}, {"calls": {True}, "documents": {authorities}}),
        ({"aws_ca_bundle": bundle}, {"calls": {bundle}, "documents": {None}}),
        ({"aws_ca_bundle": bundle, "ca_path": authorities}, {"calls": {bundle}, "documents": {authorities}}),
    ]
    for options, expected in cases:
        for seen in trusted.values():
            seen.clear()
        assert "failed" not in run(1, **options)
        assert trusted == expected


def test_authorities_that_cannot_be_read_are_refused_before_any_call(
    run: Run, calls: list[str], tmp_path: Path
) -> None:
    (tmp_path / "empty.pem").touch()
    for name in ("missing.pem", "empty.pem"):
        assert f"authorities in {tmp_path / name} cannot be read" in run(1, ca_path=str(tmp_path / name))["msg"]
    assert calls == []


def test_everything_is_rendered_and_nothing_called(run: Run, s3: S3Client, calls: list[str], tmp_path: Path) -> None:
    where = tmp_path / "review"
    check = run(1, render=str(where), check=True)
    assert not where.exists()
    done = run(1, render=str(where))
    assert calls == []
    assert (done["changed"], done["diff"], check["diff"]) == (True, check["diff"], done["diff"])
    assert run(1, render=str(where))["changed"] is False
    assert (where / "documents" / JWKS_KEY).read_text() == documents(1)["jwks"]
    assert (where / "documents" / DISCOVERY_KEY).read_text() == documents(1)["discovery_document"]

    ran = run_script(where / "publish.sh", lambda *_names: s3, tmp_path / "bin")
    assert (ran.returncode, ran.stderr) == (0, "")
    calls.clear()
    # moto does not close new buckets, so the block is there to set; everything else is as the module makes it.
    run(1)
    assert writes(calls) in ([], ["PutPublicAccessBlock"])


def make(s3: S3Client, tags: dict[str, str] | None = None, **objects: str) -> None:
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    if tags:
        s3.put_bucket_tagging(Bucket=BUCKET, Tagging={"TagSet": [{"Key": k, "Value": v} for k, v in tags.items()]})
    for key, body in objects.items():
        s3.put_object(Bucket=BUCKET, Key=key, Body=body)


def test_tags_and_versioning_are_as_asked_and_else_left_alone(run: Run, s3: S3Client, calls: list[str]) -> None:
    def tags() -> dict[str, str]:
        return {tag["Key"]: tag["Value"] for tag in s3.get_bucket_tagging(Bucket=BUCKET)["TagSet"]}

    steps: list[tuple[dict[str, t.Any], dict[str, str], str]] = [
        ({"tags": {"team": "a", "stage": "b"}, "versioning": True}, {"team": "a", "stage": "b"}, "Enabled"),
        ({}, {"team": "a", "stage": "b"}, "Enabled"),
        ({"tags": {"team": "c"}, "purge_tags": False}, {"team": "c", "stage": "b"}, "Enabled"),
        ({"tags": {"team": "c"}, "versioning": False}, {"team": "c"}, "Suspended"),
    ]
    for step, (asked, then, status) in enumerate(steps):
        calls.clear()
        check = run(1, check=True, **asked)
        assert writes(calls) == []
        done = run(1, **asked)
        assert (done["changed"], done["diff"]) == (check["changed"], check["diff"])
        assert done["changed"] is (step != 1)
        assert tags() == {"onprem.irsa/cluster": "prod", **then}
        assert s3.get_bucket_versioning(Bucket=BUCKET)["Status"] == status
        calls.clear()
        for check_mode in (True, False):
            assert run(1, check=check_mode, **asked)["changed"] is False
        assert writes(calls) == []


def test_an_empty_bucket_without_owner_is_taken(run: Run, s3: S3Client) -> None:
    make(s3)
    assert run(1)["changed"] is True
    assert s3.get_bucket_tagging(Bucket=BUCKET)["TagSet"] == [{"Key": "onprem.irsa/cluster", "Value": "prod"}]


@pytest.mark.parametrize(
    ("tags", "says"),
    [
        (
            {"onprem.irsa/cluster": "staging"},
            ("belongs to the cluster 'staging'", "set its tag onprem.irsa/cluster to"),
        ),
        ({}, (f"holds '{DISCOVERY_KEY}' and belongs to no cluster", "set irsa_issuer_adopt: true")),
        ({"team": "data"}, (f"holds '{DISCOVERY_KEY}' and belongs to no cluster", "set irsa_issuer_adopt: true")),
    ],
)
def test_a_bucket_of_somebody_else_is_refused(
    run: Run, s3: S3Client, calls: list[str], tags: dict[str, str], says: tuple[str, str]
) -> None:
    make(s3, tags, **{DISCOVERY_KEY: documents(1)["discovery_document"], "report.csv": "a,b"})
    for state in ("present", "absent"):
        calls.clear()
        result = run(1, state=state)
        assert result["failed"] is True
        assert all(part in result["msg"] for part in says)
        assert writes(calls) == []


def test_documents_of_another_issuer_are_refused(run: Run, s3: S3Client, calls: list[str]) -> None:
    other = documents(1, issuer="https://oidc.example.com")["discovery_document"]
    make(s3, {"onprem.irsa/cluster": "prod"}, **{DISCOVERY_KEY: other})
    calls.clear()
    result = run(1)
    assert "another issuer, 'https://oidc.example.com'" in result["msg"]
    assert writes(calls) == []


def fault(monkeypatch: pytest.MonkeyPatch, operation: str, code: str, *, times: int = 1, after: bool = False) -> None:
    """Let AWS refuse an operation so many times, before it does it or after."""
    send, left = vars(BaseClient)["_make_api_call"], [times]

    def refuse(self: BaseClient, name: str, api_params: dict[str, t.Any]) -> t.Any:  # noqa: ANN401 -- as botocore
        if name != operation or left[0] == 0:
            return send(self, name, api_params)
        left[0] -= 1
        if after:
            send(self, name, api_params)
        raise ClientError({"Error": {"Code": code, "Message": "as AWS says it"}}, name)

    monkeypatch.setattr(BaseClient, "_make_api_call", refuse)


@pytest.mark.parametrize(
    ("operation", "code", "says"),
    [
        ("HeadBucket", "403", "belongs to another account, or the identity that runs the play lacks s3:ListBucket"),
        ("CreateBucket", "BucketAlreadyExists", "taken by another account"),
        ("CreateBucket", "AccessDenied", "create bucket: AccessDenied: as AWS says it"),
        ("PutBucketPolicy", "AccessDenied", "the account or the organization blocks public access"),
        ("PutBucketPolicy", "MalformedPolicy", "MalformedPolicy"),
        ("PutObject", "PreconditionFailed", "Other runs keep writing"),
        ("GetBucketTagging", "AccessDenied", "get bucket tagging: AccessDenied"),
        ("GetObject", "AccessDenied", "get object: AccessDenied"),
    ],
)
def test_a_refusal_of_aws_is_explained(
    run: Run, monkeypatch: pytest.MonkeyPatch, operation: str, code: str, says: str
) -> None:
    if operation.startswith("Get"):
        run(1)
    fault(monkeypatch, operation, code, times=10)
    result = run(1)
    assert result["failed"] is True
    assert says in result["msg"]


def test_waits_until_the_lifted_block_has_spread(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws_s3, "_SPREADING_SECONDS", 20)
    fault(monkeypatch, "PutBucketPolicy", "AccessDenied", times=2)
    assert run(1)["changed"] is True


def test_meeting_its_own_write_again_is_no_conflict(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    fault(monkeypatch, "PutObject", "PreconditionFailed", after=True)
    assert run(1)["changed"] is True


def test_a_write_in_between_is_added_to(run: Run, s3: S3Client, monkeypatch: pytest.MonkeyPatch) -> None:
    run(1)
    send, wrote = vars(BaseClient)["_make_api_call"], list[str]()

    def late(self: BaseClient, name: str, api_params: dict[str, t.Any]) -> t.Any:  # noqa: ANN401 -- as botocore
        if name == "PutObject" and not wrote:
            wrote.append(name)
            s3.put_object(Bucket=BUCKET, Key=JWKS_KEY, Body=documents(1, 3)["jwks"])
        return send(self, name, api_params)

    monkeypatch.setattr(BaseClient, "_make_api_call", late)
    assert run(1, 2)["kids"] == kids(1, 2, 3)
    assert json.loads(s3.get_object(Bucket=BUCKET, Key=JWKS_KEY)["Body"].read())["keys"][2]["kid"] == kids(3)[0]


def test_a_killed_run_is_finished_by_the_next_one(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for operation in ("PutBucketTagging", "PutBucketPolicy", "PutObject", "PutPublicAccessBlock"):
        with monkeypatch.context() as patch:
            fault(patch, operation, "InternalError")
            assert run(1)["failed"] is True
    assert run(1)["changed"] is True
    assert run(1)["changed"] is False


def test_documents_that_the_public_cannot_read_fail_with_the_reason(
    run: Run, s3: S3Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(1)
    monkeypatch.setattr(reader, "fetch", lambda url, _ca: Document(url, 403, "application/xml", "<Error/>", 0.1))
    result = run(1)
    assert result["failed"] is True
    assert f"{HOST}/{DISCOVERY_KEY} answers 403" in result["msg"]
    assert "The account 123456789012 does not block public access" in result["msg"]
    assert "SCP" in result["msg"]
    closed = {"BlockPublicPolicy": True, "RestrictPublicBuckets": True}
    control = boto3.session.Session().client("s3control", region_name=REGION)
    control.put_public_access_block(AccountId="123456789012", PublicAccessBlockConfiguration=closed)
    assert "S3 Block Public Access on (BlockPublicPolicy, RestrictPublicBuckets)" in run(1)["msg"]
    control.delete_public_access_block(AccountId="123456789012")
    assert s3.get_object(Bucket=BUCKET, Key=JWKS_KEY)


def test_removes_the_documents_and_the_bucket_that_is_its_own(run: Run, s3: S3Client, calls: list[str]) -> None:
    run(1)
    calls.clear()
    check = run(state="absent", check=True)
    assert (check["changed"], writes(calls)) == (True, [])
    done = run(state="absent")
    assert (done["changed"], done["diff"]) == (True, check["diff"])
    assert writes(calls) == ["DeleteObject", "DeleteObject", "DeleteBucket"]
    assert s3.list_buckets()["Buckets"] == []
    calls.clear()
    for check_mode in (True, False):
        assert run(state="absent", check=check_mode)["changed"] is False
    assert writes(calls) == []


def test_removes_only_its_own_from_a_bucket_with_more_in_it(run: Run, s3: S3Client, calls: list[str]) -> None:
    run(1)
    policy = json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])
    policy["Statement"].append(FOREIGN)
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(policy))
    s3.put_object(Bucket=BUCKET, Key="report.csv", Body="a,b")
    calls.clear()
    assert run(state="absent")["changed"] is True
    assert writes(calls) == ["DeleteObject", "DeleteObject", "PutBucketPolicy"]
    assert json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])["Statement"] == [FOREIGN]
    assert [item["Key"] for item in s3.list_objects_v2(Bucket=BUCKET)["Contents"]] == ["report.csv"]
    calls.clear()
    assert run(state="absent")["changed"] is False
    assert writes(calls) == []


def test_removing_the_last_statement_removes_the_policy(run: Run, s3: S3Client, calls: list[str]) -> None:
    run(1)
    s3.put_object(Bucket=BUCKET, Key="report.csv", Body="a,b")
    calls.clear()
    run(state="absent")
    assert writes(calls) == ["DeleteObject", "DeleteObject", "DeleteBucketPolicy"]


def test_a_bucket_with_older_versions_stays(run: Run, s3: S3Client) -> None:
    run(1)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    run(1, 2)
    assert run(state="absent")["changed"] is True
    assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == [BUCKET]
    assert run(state="absent")["changed"] is False


def test_nothing_of_ours_in_the_bucket_of_somebody_else_is_nothing_to_remove(run: Run, s3: S3Client) -> None:
    make(s3, {}, **{"report.csv": "a,b"})
    assert run(state="absent")["changed"] is False


def test_what_is_still_trusted_is_not_removed(run: Run, session: boto3.session.Session, calls: list[str]) -> None:
    run(1)
    iam = session.client("iam")
    arn = iam.create_open_id_connect_provider(Url=HOST)["OpenIDConnectProviderArn"]
    calls.clear()
    assert f"still trusts the issuer: {arn}" in run(state="absent")["msg"]
    # An earlier task of the play may be the one that would remove the provider.
    assert run(state="absent", check=True)["changed"] is True
    assert writes(calls) == []
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert run(state="absent")["changed"] is True


@pytest.mark.parametrize(
    ("answer", "code", "says"),
    [
        ("403", "InvalidClientTokenId", "InvalidClientTokenId: as AWS says it. Give valid credentials"),
        ("403", "SignatureDoesNotMatch", "Give valid credentials"),
        ("400", "ExpiredToken", "The session of these credentials has ended"),
        ("400", "ExpiredTokenException", "The session of these credentials has ended"),
        ("403", "RequestTimeTooSkewed", "Set the clock"),
    ],
)
def test_credentials_that_aws_refuses_are_no_bucket_of_another_account(
    run: Run, monkeypatch: pytest.MonkeyPatch, answer: str, code: str, says: str
) -> None:
    fault(monkeypatch, "HeadBucket", answer, times=10)
    fault(monkeypatch, "GetCallerIdentity", code, times=10)
    for state in ("present", "absent"):
        said = run(1, state=state)["msg"]
        assert says in said
        assert "another account" not in said


def test_a_bucket_that_is_hidden_says_from_whom(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    fault(monkeypatch, "HeadBucket", "403", times=10)
    said = run(1)["msg"]
    assert "it belongs to another account, or the identity that runs the play lacks s3:ListBucket" in said
    assert "The call was made by arn:aws:" in said


@pytest.mark.parametrize("code", ["InvalidAccessKeyId", "SignatureDoesNotMatch", "RequestTimeTooSkewed"])
def test_another_store_is_asked_itself_why_it_hides_a_bucket(
    run: Run, calls: list[str], monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    store, issuer = f"https://s3.{REGION}.amazonaws.com", f"https://s3.{REGION}.amazonaws.com/{BUCKET}/prod"
    fault(monkeypatch, "HeadBucket", "403", times=10)
    fault(monkeypatch, "ListObjectsV2", code, times=10)
    assert f"{code}: as AWS says it" in run(issuer=issuer, endpoint_url=store, **documents(1, issuer=issuer))["msg"]
    assert "GetCallerIdentity" not in calls


def test_a_bucket_of_another_account_that_lets_this_one_in_is_named(
    run: Run, calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run(1)
    calls.clear()
    fault(monkeypatch, "GetBucketPolicy", "MethodNotAllowed", times=10)
    for state in ("present", "absent"):
        assert "belongs to another account, which lets this one in" in run(1, state=state)["msg"]
    assert writes(calls) == []


@pytest.mark.parametrize(
    "operation", ["CreateBucket", "PutBucketTagging", "PutPublicAccessBlock", "PutBucketPolicy", "PutObject"]
)
def test_a_bucket_that_is_busy_is_waited_for(run: Run, monkeypatch: pytest.MonkeyPatch, operation: str) -> None:
    with monkeypatch.context() as patch:
        fault(patch, operation, "OperationAborted", times=3)
        assert run(1)["changed"] is True
    assert run(1)["changed"] is False


def test_a_bucket_that_stays_busy_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws_s3, "_BUSY_SECONDS", -1)
    fault(monkeypatch, "CreateBucket", "OperationAborted", times=100)
    said = run(1)["msg"]
    assert "AWS did not create bucket: OperationAborted" in said
    assert "run again later" in said


def test_acls_are_shut_off_only_when_the_policy_is_there_for_everybody(
    run: Run, s3: S3Client, calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make(s3, {"onprem.irsa/cluster": "prod"})
    s3.put_bucket_ownership_controls(Bucket=BUCKET, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]})
    monkeypatch.setattr(aws_s3, "_SPREADING_SECONDS", 20.0)
    monkeypatch.setattr(time, "sleep", lambda seconds: calls.append(f"{seconds:.0f} s"))
    calls.clear()
    run(1)
    made = [call for call in calls if not call.startswith(("Get", "Head", "List"))]
    assert made[made.index("PutBucketPolicy") :] == [
        "PutBucketPolicy",
        "PutObject",
        "PutObject",
        "10 s",
        "10 s",
        "PutBucketOwnershipControls",
        *made[made.index("PutBucketOwnershipControls") + 1 :],
    ]


def test_an_account_that_blocks_public_access_is_seen_before_the_bucket_is_made(run: Run, calls: list[str]) -> None:
    control = boto3.session.Session().client("s3control", region_name=REGION)
    try:
        for name in ("BlockPublicPolicy", "RestrictPublicBuckets"):
            control.put_public_access_block(AccountId="123456789012", PublicAccessBlockConfiguration={name: True})
            calls.clear()
            for check in (True, False):
                said = run(1, check=check)["msg"]
                assert f"The account 123456789012 has S3 Block Public Access on ({name})" in said
                assert said.count("123456789012") == 1
            assert writes(calls) == []
        # A proxy in the account may still read the documents for everybody, where only that is closed to the public.
        issuer = "https://oidc.example.com"
        assert run(issuer=issuer, check=True, **documents(1, issuer=issuer))["changed"] is True
    finally:
        control.delete_public_access_block(AccountId="123456789012")


def test_what_the_account_blocks_need_not_be_seen(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    fault(monkeypatch, "GetPublicAccessBlock", "AccessDenied", times=1)
    monkeypatch.setattr(aws_s3, "_access", lambda *_arguments: {})
    assert run(1, check=True)["changed"] is True


def test_a_bucket_whose_readers_pay_is_named(run: Run, s3: S3Client, monkeypatch: pytest.MonkeyPatch) -> None:
    run(1)
    send = vars(BaseClient)["_make_api_call"]

    def paying(self: BaseClient, name: str, api_params: dict[str, t.Any]) -> t.Any:  # noqa: ANN401 -- as botocore
        return {"Payer": "Requester"} if name == "GetBucketRequestPayment" else send(self, name, api_params)

    monkeypatch.setattr(BaseClient, "_make_api_call", paying)
    monkeypatch.setattr(reader, "fetch", lambda url, _ca: Document(url, 403, "application/xml", "<Error/>", 0.1))
    said = run(1)["msg"]
    assert "makes readers pay" in said
    assert "Payer=BucketOwner" in said
    assert s3.get_object(Bucket=BUCKET, Key=JWKS_KEY)


def test_documents_under_a_kms_key_are_written_again_under_s3s_own(run: Run, s3: S3Client, calls: list[str]) -> None:
    run(1)
    for key in (JWKS_KEY, DISCOVERY_KEY):
        found = s3.get_object(Bucket=BUCKET, Key=key)
        s3.put_object(
            Bucket=BUCKET,
            Key=key,
            Body=found["Body"].read(),
            ContentType=found["ContentType"],
            CacheControl=found["CacheControl"],
            ServerSideEncryption="aws:kms",
        )
    calls.clear()
    assert run(1)["changed"] is True
    assert writes(calls) == ["PutObject", "PutObject"]
    assert {s3.head_object(Bucket=BUCKET, Key=key)["ServerSideEncryption"] for key in (JWKS_KEY, DISCOVERY_KEY)} == {
        "AES256"
    }
    assert run(1)["changed"] is False


@pytest.mark.parametrize(
    ("pack", "encoding"),
    [
        (lambda text: text.encode("utf-8-sig"), ""),
        (lambda text: gzip.compress(text.encode()), "gzip"),
        (lambda text: gzip.compress(text.encode("utf-8-sig")), "GZIP"),
        (lambda text: zlib.compress(text.encode()), "deflate"),
        (lambda text: gzip.compress(text.encode()), "gzip,aws-chunked"),
        (lambda text: text.encode(), "aws-chunked"),
    ],
)
def test_keys_stay_however_their_document_is_stored(
    run: Run, s3: S3Client, pack: t.Callable[[str], bytes], encoding: str
) -> None:
    run(1)
    packed = pack(documents(1, 2)["jwks"])
    s3.put_object(Bucket=BUCKET, Key=JWKS_KEY, Body=packed, ContentEncoding=encoding)
    result = run(1)
    assert (result["kids"], result["kept_kids"]) == (kids(1, 2), kids(2))
    assert s3.get_object(Bucket=BUCKET, Key=JWKS_KEY).get("ContentEncoding", "") == ""
    assert run(1)["changed"] is False


@pytest.mark.parametrize(
    ("body", "encoding", "says"),
    [
        (gzip.compress(b"{}", mtime=0)[:-5], "gzip", "cannot be unpacked"),
        (b"{}", "gzip", "cannot be unpacked"),
        (gzip.compress(b'{"keys":[]}', mtime=0), "", "cannot be read"),
        (b"x", "br", "which cannot be read here"),
        (b'{"keys":[{"kid"', "", "cannot be read"),
        (b"[]", "", "cannot be read"),
        (b"<html><body>moved</body></html>", "", "an HTML page"),
        (b'{"keys":[{"kty":"RSA","n":"???"}]}', "", "its key 1 has no kid"),
    ],
)
def test_a_key_set_that_cannot_be_read_is_not_written_over(  # noqa: PLR0913, PLR0917 -- fixtures
    run: Run, s3: S3Client, calls: list[str], body: bytes, encoding: str, says: str
) -> None:
    run(1)
    s3.put_object(Bucket=BUCKET, Key=JWKS_KEY, Body=body, ContentEncoding=encoding)
    calls.clear()
    for check in (True, False):
        said = run(1, 2, check=check)["msg"]
        assert says in said
        assert f"s3://{BUCKET}/{JWKS_KEY}" in said
    assert writes(calls) == []
    assert s3.get_object(Bucket=BUCKET, Key=JWKS_KEY)["Body"].read() == body


def test_a_discovery_document_that_cannot_be_read_may_name_another_key_set(
    run: Run, s3: S3Client, calls: list[str]
) -> None:
    run(1)
    s3.put_object(Bucket=BUCKET, Key=DISCOVERY_KEY, Body=b'{"issuer": "https')
    calls.clear()
    assert f"s3://{BUCKET}/{DISCOVERY_KEY} exists and cannot be read" in run(1, 2)["msg"]
    assert writes(calls) == []


def test_a_policy_that_s3_refuses_is_told_with_the_statements_of_others(
    run: Run, s3: S3Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(s3, {"onprem.irsa/cluster": "prod"})
    nameless = {**{name: value for name, value in FOREIGN.items() if name != "Sid"}, "Principal": "*", "Effect": "Deny"}
    policy = {"Version": "2012-10-17", "Statement": [FOREIGN, nameless]}
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(policy))
    fault(monkeypatch, "PutBucketPolicy", "MalformedPolicy", times=10)
    said = run(1)["msg"]
    assert "'Logs' (arn:aws:iam::123456789012:root); number 2 (*)" in said
    assert "OnpremIrsaIssuer" not in said


def test_what_stays_after_removing_is_a_warning(run: Run, s3: S3Client, warned: list[str]) -> None:
    run(1)
    s3.put_object(Bucket=BUCKET, Key="report.csv", Body="a,b")
    run(state="absent")
    assert any("BlockPublicPolicy, RestrictPublicBuckets turned off" in text for text in warned)


def test_another_store_is_sent_no_checksum_that_it_need_not_know(
    run: Run, session: boto3.session.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    configs = list[t.Any]()
    client = session.client

    def noted(*arguments: t.Any, **options: t.Any) -> object:  # noqa: ANN401 -- as boto3
        made: t.Any = client(*arguments, **options)
        configs.append(made.meta.config)
        return made

    monkeypatch.setattr(session, "client", noted)
    store, issuer = f"https://s3.{REGION}.amazonaws.com", f"https://s3.{REGION}.amazonaws.com/{BUCKET}/prod"
    run(issuer=issuer, endpoint_url=store, check=True, **documents(1, issuer=issuer))
    assert {config.request_checksum_calculation for config in configs} == {"when_required"}
    assert {config.s3["addressing_style"] for config in configs} == {"path"}
