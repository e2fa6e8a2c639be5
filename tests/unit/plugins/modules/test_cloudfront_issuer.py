# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import time
import typing as t

import boto3
import pytest
from ansible.module_utils.testing import patch_module_args
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from moto import mock_aws, settings

from ansible_collections.onprem.irsa.plugins.module_utils._documents.discovery import discovery_document
from ansible_collections.onprem.irsa.plugins.module_utils._documents.jwks import jwks_document, jwks_from_pems
from ansible_collections.onprem.irsa.plugins.module_utils._iam.operator_policy import (
    ACCOUNT_CALLS,
    BUCKET_CALLS,
    CLOUDFRONT_CALLS,
    OBJECT_CALLS,
    PROVIDER_CALLS,
    ZONE_CALLS,
)
from ansible_collections.onprem.irsa.plugins.module_utils._proof import read_back as reader
from ansible_collections.onprem.irsa.plugins.module_utils._proof.checks import Document, LinkError
from ansible_collections.onprem.irsa.plugins.module_utils._publication import edge
from ansible_collections.onprem.irsa.plugins.module_utils._publication.bucket_plan import BLOCKS
from ansible_collections.onprem.irsa.plugins.module_utils._publication.cloudfront_plan import CACHE_POLICY_ID
from ansible_collections.onprem.irsa.plugins.modules import cloudfront_issuer, s3_issuer
from ansible_collections.onprem.irsa.tests.unit.plugins.aws_cli import run_script
from ansible_collections.onprem.irsa.tests.unit.plugins.some_keys import ec_key, public_pem
from lab_aws import cloudfront

BUCKET = "acme-prod-oidc"
REGION: t.Final = "eu-central-1"
ISSUER = "https://oidc.example.com"
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"
OF_SCRIPTS = {"acm:DescribeCertificate", "acm:ListCertificates", "acm:RequestCertificate"}
JWKS_KEY, DISCOVERY_KEY = "openid/v1/jwks", ".well-known/openid-configuration"

if t.TYPE_CHECKING:
    from pathlib import Path

Result = dict[str, t.Any]


class Run(t.Protocol):
    def __call__(self, *, check: bool = ..., **options: object) -> Result: ...


def documents(*numbers: int, issuer: str = ISSUER) -> dict[str, t.Any]:
    keys = jwks_from_pems([("FILE", "".join(public_pem(ec_key(number)) for number in numbers))])
    return {
        "discovery_document": discovery_document(issuer, f"{issuer}/{JWKS_KEY}", ["ES256"]),
        "jwks": jwks_document(keys),
    }


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> t.Iterator[boto3.session.Session]:
    cloudfront.install(monkeypatch.setattr)
    with mock_aws():
        session = boto3.session.Session("testing", "testing", "testing")
        monkeypatch.setattr(boto3.session, "Session", lambda **_options: session)
        send = vars(BaseClient)["_make_api_call"]

        def as_aws(self: BaseClient, name: str, params: dict[str, t.Any]) -> t.Any:  # noqa: ANN401 -- as botocore
            answer = send(self, name, params)
            if name == "CreateBucket":  # blocked by itself since April 2023, which moto does not know
                block = dict.fromkeys(BLOCKS, True)
                send(self, "PutPublicAccessBlock", {"Bucket": BUCKET, "PublicAccessBlockConfiguration": block})
            return answer

        monkeypatch.setattr(BaseClient, "_make_api_call", as_aws)
        yield session


@pytest.fixture
def calls(session: boto3.session.Session, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every write asked of AWS, in order."""
    del session
    made: list[str] = []
    send = vars(BaseClient)["_make_api_call"]

    def record(self: BaseClient, name: str, params: dict[str, t.Any]) -> t.Any:  # noqa: ANN401 -- as botocore
        if not name.startswith(("Get", "Head", "List")):
            made.append(name)
        return send(self, name, params)

    monkeypatch.setattr(BaseClient, "_make_api_call", record)
    return made


@pytest.fixture(autouse=True)
def nothing_beyond_the_operator_policy(
    session: boto3.session.Session, monkeypatch: pytest.MonkeyPatch
) -> t.Iterator[None]:
    """Every call of the module stands in the policy of whoever runs it."""
    del session
    made: set[str] = set()
    send = vars(BaseClient)["_make_api_call"]

    def record(self: BaseClient, name: str, params: dict[str, t.Any]) -> t.Any:  # noqa: ANN401 -- as botocore
        made.add(f"{self.meta.service_model.service_name}:{name}")
        return send(self, name, params)

    monkeypatch.setattr(BaseClient, "_make_api_call", record)
    yield
    mine = {"route53:CreateHostedZone", "s3:ListBuckets", *OF_SCRIPTS}
    assert made - mine <= {
        *BUCKET_CALLS,
        *OBJECT_CALLS,
        *ACCOUNT_CALLS,
        *CLOUDFRONT_CALLS,
        *ZONE_CALLS,
        *PROVIDER_CALLS,
    }


@pytest.fixture
def run(session: boto3.session.Session, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    s3 = session.client("s3", region_name=REGION)

    def fetch(url: str, _ca_file: str | None = None) -> Document:
        found = s3.get_object(Bucket=BUCKET, Key=url.split("/", 3)[3])
        return Document(url, 200, found["ContentType"], found["Body"].read().decode(), 0.1)

    monkeypatch.setattr(reader, "fetch", fetch)
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)

    def module(*, check: bool = False, **options: object) -> Result:
        names = {"bucket": BUCKET, "region": REGION, "cluster": "prod", "timeout": 5}
        with patch_module_args({**names, **options, "_ansible_check_mode": check}), pytest.raises(SystemExit):
            cloudfront_issuer.main()
        return t.cast("Result", json.loads(capsys.readouterr().out))

    return module


OWN_DOMAIN: dict[str, t.Any] = {"issuer": ISSUER, "certificate_arn": CERTIFICATE}


def test_a_private_bucket_behind_a_distribution(run: Run, session: boto3.session.Session, calls: list[str]) -> None:
    asked: dict[str, t.Any] = {**OWN_DOMAIN, **documents(1)}
    check = run(check=True, **asked)
    assert (check["changed"], calls) == (True, [])
    done = run(**asked)
    assert calls == [
        "CreateOriginAccessControl",
        "CreateDistributionWithTags",
        "CreateBucket",
        "PutBucketTagging",
        "PutBucketPolicy",
        "PutObject",
        "PutObject",
    ]
    assert done["changed"] is True
    assert done["dns_records"] == [{"name": "oidc.example.com", "type": "CNAME", "value": done["domain_name"]}]
    calls.clear()
    for check_mode in (True, False):
        again = run(check=check_mode, **asked)
        assert (again["changed"], again["diff"]) == (False, [])
    assert calls == []

    s3 = session.client("s3", region_name=REGION)
    block = s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"]
    assert set(block.values()) == {True}
    (statement,) = json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])["Statement"]
    arn = f"arn:aws:cloudfront::123456789012:distribution/{done['distribution_id']}"
    assert statement["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    assert statement["Condition"] == {"StringEquals": {"AWS:SourceArn": arn}}
    assert statement["Resource"] == [f"arn:aws:s3:::{BUCKET}/{DISCOVERY_KEY}", f"arn:aws:s3:::{BUCKET}/{JWKS_KEY}"]

    config = session.client("cloudfront", "us-east-1").get_distribution_config(Id=done["distribution_id"])
    found = config["DistributionConfig"]
    (origin,) = found["Origins"]["Items"]
    assert origin["DomainName"] == f"{BUCKET}.s3.{REGION}.amazonaws.com"
    assert (bool(origin["OriginAccessControlId"]), origin["S3OriginConfig"]["OriginAccessIdentity"]) == (True, "")
    assert found["DefaultCacheBehavior"]["ViewerProtocolPolicy"] == "https-only"
    assert found["DefaultCacheBehavior"]["CachePolicyId"] == CACHE_POLICY_ID
    assert found["Aliases"]["Items"] == ["oidc.example.com"]
    assert found["ViewerCertificate"]["ACMCertificateArn"] == CERTIFICATE
    assert found["ViewerCertificate"]["MinimumProtocolVersion"] == "TLSv1.2_2021"


def test_a_new_key_joins_and_a_retired_one_goes(run: Run, calls: list[str]) -> None:
    run(**OWN_DOMAIN, **documents(1))
    calls.clear()
    both = run(**OWN_DOMAIN, **documents(2))
    assert (calls, len(both["kids"]), len(both["kept_kids"])) == (["PutObject", "CreateInvalidation"], 2, 1)
    assert run(**OWN_DOMAIN, **documents(2), retired_kids=both["kept_kids"])["kids"] == both["kids"][:1]


def test_the_host_that_cloudfront_gives_becomes_the_issuer(run: Run, calls: list[str]) -> None:
    made = run()
    assert calls == ["CreateOriginAccessControl", "CreateDistributionWithTags"]
    assert made["issuer"] == f"https://{made['domain_name']}"
    assert made["issuer"].endswith(".cloudfront.net")
    assert (made["dns_records"], made["kids"]) == ([], [])
    calls.clear()
    assert run()["changed"] is False
    published = run(issuer=made["issuer"], **documents(1, issuer=made["issuer"]))
    assert published["read_back"][1]["url"] == f"{made['issuer']}/{DISCOVERY_KEY}"
    assert "CreateDistributionWithTags" not in calls


def test_route_53_gets_the_records_on_request(run: Run, session: boto3.session.Session, calls: list[str]) -> None:
    zones = session.client("route53")
    zone = zones.create_hosted_zone(Name="example.com", CallerReference="a")["HostedZone"]["Id"].rpartition("/")[2]
    asked = {**OWN_DOMAIN, **documents(1), "hosted_zone_id": zone}
    done = run(**asked)
    calls.clear()
    assert (run(**asked)["changed"], calls) == (False, [])
    records = zones.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    aliases = {item["Type"]: item["AliasTarget"]["DNSName"] for item in records if "AliasTarget" in item}
    assert {kind: name.rstrip(".") for kind, name in aliases.items()} == dict.fromkeys(
        ("A", "AAAA"), done["domain_name"]
    )


@pytest.mark.parametrize("zone", [True, False], ids=["Route 53", "another DNS provider"])
@pytest.mark.parametrize("certificate", [True, False], ids=["a certificate", "no certificate"])
def test_what_the_rendered_script_makes_is_as_the_module_wants_it(  # noqa: PLR0913 -- fixtures
    run: Run,
    session: boto3.session.Session,
    calls: list[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    *,
    zone: bool,
    certificate: bool,
) -> None:
    monkeypatch.setattr(settings, "ACM_VALIDATION_WAIT", 0)
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    zones, acm = session.client("route53"), session.client("acm", "us-east-1")
    asked = {"issuer": ISSUER, **documents(1), **({"certificate_arn": CERTIFICATE} if certificate else {})}
    if zone:
        made = zones.create_hosted_zone(Name="example.com", CallerReference="a")
        asked["hosted_zone_id"] = made["HostedZone"]["Id"].rpartition("/")[2]
    calls.clear()
    where = tmp_path / "review"
    check = run(check=True, render=str(where), **asked)
    assert not where.exists()
    done = run(render=str(where), **asked)
    assert calls == []
    assert (done["changed"], done["diff"], check["diff"]) == (True, check["diff"], done["diff"])
    assert run(render=str(where), **asked)["changed"] is False

    shown_late = validation_record_that_is_not_there_at_first(monkeypatch)
    ran = run_script(where / "publish.sh", session.client, tmp_path / "bin")
    assert (ran.returncode, ran.stderr) == (0, "")
    told = ran.stdout.splitlines()
    assert [line.partition(":")[0] for line in told] == [
        *([] if certificate else ["The certificate, to be set as irsa_issuer_certificate_arn from now on"]),
        *([] if certificate or zone else ["Make this DNS record now; the certificate waits for it"]),
        *([] if zone else ["Make this DNS record"]),
    ]
    if not certificate:
        assert len(shown_late) == 2
        (summary,) = acm.list_certificates()["CertificateSummaryList"]
        asked["certificate_arn"] = summary["CertificateArn"]
        assert told[0].endswith(summary["CertificateArn"])
    calls.clear()
    again = run(**asked)
    assert (again.get("msg"), again["changed"], again["diff"], calls) == (None, False, [], [])
    if zone:
        records = zones.list_resource_record_sets(HostedZoneId=asked["hosted_zone_id"])["ResourceRecordSets"]
        wanted = ["A", "AAAA", *([] if certificate else ["CNAME"])]
        assert sorted(record["Type"] for record in records if record["Type"] not in ("NS", "SOA")) == wanted
    else:
        assert told[-1] == f"Make this DNS record: oidc.example.com CNAME {again['domain_name']}"


def validation_record_that_is_not_there_at_first(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let ACM show the record for validation only when it is asked again, as AWS does; return the times asked."""
    asked: list[str] = []
    send = vars(BaseClient)["_make_api_call"]

    def late(self: BaseClient, name: str, params: dict[str, t.Any]) -> t.Any:  # noqa: ANN401 -- as botocore
        answer = send(self, name, params)
        if name == "DescribeCertificate" and len(asked) < 2:
            asked.append(name)
            if len(asked) == 1:
                answer["Certificate"]["DomainValidationOptions"][0].pop("ResourceRecord")
        return answer

    monkeypatch.setattr(BaseClient, "_make_api_call", late)
    return asked


@pytest.mark.parametrize("refused", ["RequestCertificate", "DescribeCertificate", "CreateBucket"])
def test_a_script_ends_at_the_first_error(
    run: Run, session: boto3.session.Session, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, refused: str
) -> None:
    monkeypatch.setattr(settings, "ACM_VALIDATION_WAIT", 0)
    run(render=str(tmp_path / "review"), issuer=ISSUER, **documents(1))
    send, made = vars(BaseClient)["_make_api_call"], list[str]()

    def refuse(self: BaseClient, name: str, params: dict[str, t.Any]) -> t.Any:  # noqa: ANN401 -- as botocore
        made.append(name)
        if name == refused:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, name)
        return send(self, name, params)

    monkeypatch.setattr(BaseClient, "_make_api_call", refuse)
    ran = run_script(tmp_path / "review/publish.sh", session.client, tmp_path / "bin")
    assert (ran.returncode != 0, made.count(refused), made[-1]) == (True, 1, refused)
    assert "AccessDenied" in ran.stderr


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"issuer": ISSUER}, "no certificate is given"),
        ({**OWN_DOMAIN, "certificate_arn": CERTIFICATE.replace("us-east-1", "eu-central-1")}, "in us-east-1"),
        ({"certificate_arn": CERTIFICATE}, "There is a certificate"),
        ({"region": "cn-north-1"}, "the partition aws-cn"),
        ({"region": "nowhere"}, "must look like"),
        ({**OWN_DOMAIN, **documents(1, issuer="https://b.example.com")}, "is that of the issuer"),
        ({**OWN_DOMAIN, **documents(1), "cluster": ""}, "The cluster's name"),
        ({**OWN_DOMAIN, **documents(1), "ca_path": "/nowhere/ca.pem"}, "in /nowhere/ca.pem cannot be read"),
        ({**OWN_DOMAIN, "render": "/nowhere"}, "jwks"),
        ({**OWN_DOMAIN, **documents(1), "render": "/nowhere", "state": "absent"}, "no calls to review"),
        (
            {"issuer": f"https://{BUCKET}.s3.{REGION}.amazonaws.com", **documents(1), "render": "/nowhere"},
            "a name that AWS gives",
        ),
        (
            {"issuer": "https://d1.cloudfront.net", **documents(1), "render": "/nowhere"},
            "a name that AWS gives",
        ),
    ],
)
def test_what_cannot_be_is_refused(run: Run, calls: list[str], options: dict[str, t.Any], says: str) -> None:
    assert says in run(**options)["msg"]
    assert calls == []


def test_the_distribution_of_another_cluster_is_refused(run: Run, calls: list[str]) -> None:
    run(**OWN_DOMAIN)
    calls.clear()
    for state in ("present", "absent"):
        assert "belongs to prod" in run(**OWN_DOMAIN, cluster="staging", state=state)["msg"]
    assert calls == []


def test_tags_and_versioning_of_the_bucket_are_as_asked(run: Run, session: boto3.session.Session) -> None:
    s3 = session.client("s3", region_name=REGION)
    options = {**OWN_DOMAIN, **documents(1)}
    for tags in ({"team": "a", "stage": "b"}, {"team": "c"}):
        assert run(**options, tags=tags, versioning=True)["changed"] is True
        found = {tag["Key"]: tag["Value"] for tag in s3.get_bucket_tagging(Bucket=BUCKET)["TagSet"]}
        assert found == {**tags, "onprem.irsa/cluster": "prod"}
    assert s3.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
    assert run(**options)["changed"] is False


def test_a_bucket_that_holds_something_else_is_refused_with_a_fix_that_there_is(
    run: Run, session: boto3.session.Session, calls: list[str]
) -> None:
    s3 = session.client("s3", region_name=REGION)
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket=BUCKET, Key="website", Body=b"")
    calls.clear()
    says = run(**OWN_DOMAIN, **documents(1))["msg"]
    assert "holds 'website' and belongs to no cluster" in says
    assert ("set its tag onprem.irsa/cluster to prod" in says, "adopt" in says, calls) == (True, False, [])


def test_all_of_it_is_removed(run: Run, session: boto3.session.Session, calls: list[str]) -> None:
    run(**OWN_DOMAIN, **documents(1))
    calls.clear()
    gone: dict[str, t.Any] = {"issuer": ISSUER, "state": "absent"}
    assert (run(check=True, **gone)["changed"], calls) == (True, [])
    assert run(**gone)["changed"] is True
    assert calls == [
        "DeleteObject",
        "DeleteObject",
        "DeleteBucket",
        "UpdateDistribution",
        "DeleteDistribution",
        "DeleteOriginAccessControl",
    ]
    assert session.client("s3").list_buckets()["Buckets"] == []
    calls.clear()
    assert (run(**gone)["changed"], calls) == (False, [])


def refuse_once(monkeypatch: pytest.MonkeyPatch, *names: str, code: str = "ServiceUnavailable") -> None:
    """Let the first call of each of these operations fail."""
    send, left = vars(BaseClient)["_make_api_call"], set(names)

    def refuse(self: BaseClient, name: str, params: dict[str, t.Any]) -> t.Any:  # noqa: ANN401 -- as botocore
        if name in left:
            left.discard(name)
            raise ClientError({"Error": {"Code": code, "Message": "no"}}, name)
        return send(self, name, params)

    monkeypatch.setattr(BaseClient, "_make_api_call", refuse)


@pytest.mark.parametrize("refused", ["DeleteOriginAccessControl", "DeleteDistribution", "UpdateDistribution"])
def test_a_removal_that_broke_off_is_finished_by_the_next(
    run: Run, session: boto3.session.Session, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    run(**OWN_DOMAIN, **documents(1))
    gone: dict[str, t.Any] = {"issuer": ISSUER, "state": "absent"}
    refuse_once(monkeypatch, refused)
    assert run(**gone)["failed"] is True
    assert (run(check=True, **gone)["changed"], run(**gone)["changed"], run(**gone)["changed"]) == (True, True, False)
    cdn = session.client("cloudfront")
    assert cdn.list_distributions()["DistributionList"]["Quantity"] == 0
    assert cdn.list_origin_access_controls()["OriginAccessControlList"]["Quantity"] == 0


@pytest.mark.parametrize("code", ["InvalidViewerCertificate", "TooManyDistributions", "AccessDenied"])
def test_what_a_refused_distribution_leaves_behind_is_removed(
    run: Run, session: boto3.session.Session, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    refuse_once(monkeypatch, "CreateDistributionWithTags", code=code)
    assert code in run(**OWN_DOMAIN)["msg"]
    assert run(issuer=ISSUER, state="absent")["changed"] is True
    controls = session.client("cloudfront").list_origin_access_controls()["OriginAccessControlList"]
    assert controls["Quantity"] == 0


@pytest.mark.parametrize("signing", ["always", "never"])
def test_an_access_control_of_somebody_else_is_left_alone(
    run: Run, session: boto3.session.Session, signing: str
) -> None:
    cdn = session.client("cloudfront")
    config: t.Any = {"Name": BUCKET, "SigningProtocol": "sigv4", "SigningBehavior": signing}
    config["OriginAccessControlOriginType"] = "s3"
    cdn.create_origin_access_control(OriginAccessControlConfig=config)
    made = run(**OWN_DOMAIN)
    assert f"SigningBehavior {signing}" in made["msg"] if signing == "never" else made["changed"] is True
    assert run(issuer=ISSUER, state="absent")["changed"] is (signing == "always")
    assert cdn.list_origin_access_controls()["OriginAccessControlList"]["Quantity"] == 1


def test_a_cluster_is_set_up_again_after_its_removal(run: Run) -> None:
    first = run(**OWN_DOMAIN, **documents(1))["distribution_id"]
    run(issuer=ISSUER, state="absent")
    again = run(**OWN_DOMAIN, **documents(1))
    assert (again.get("msg"), again["distribution_id"] != first) == (None, True)


def test_a_caller_reference_of_a_distribution_that_is_gone_is_replaced(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(**OWN_DOMAIN)
    refuse_once(monkeypatch, "DeleteOriginAccessControl")
    run(issuer=ISSUER, state="absent")
    assert run(**OWN_DOMAIN)["changed"] is True


def test_a_lost_answer_does_not_make_a_second_distribution(
    run: Run, session: boto3.session.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = vars(BaseClient)["_make_api_call"]

    def twice(self: BaseClient, name: str, params: dict[str, t.Any]) -> t.Any:  # noqa: ANN401 -- as botocore
        if name == "CreateDistributionWithTags":
            send(self, name, params)
        return send(self, name, params)

    monkeypatch.setattr(BaseClient, "_make_api_call", twice)
    made = run()
    listed = session.client("cloudfront").list_distributions()["DistributionList"]["Items"]
    assert [item["Id"] for item in listed] == [made["distribution_id"]]


def test_a_failure_says_which_record_the_host_needs(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(url: str, _ca_file: str | None = None) -> Document:
        raise LinkError(f"{url} cannot be fetched: Name or service not known.", fix="-")

    monkeypatch.setattr(reader, "fetch", unknown)
    check = run(check=True, **OWN_DOMAIN, **documents(1))
    assert check["dns_records"] == []
    failed = run(**OWN_DOMAIN, **documents(1), timeout=0)
    (record,) = failed["dns_records"]
    assert (failed["failed"], failed["changed"], record["name"]) == (True, True, "oidc.example.com")
    assert f"oidc.example.com CNAME {record['value']}" in failed["msg"]
    assert (failed["domain_name"], "(new)" in json.dumps(failed)) == (record["value"], False)


@pytest.mark.parametrize("dot", ["", "."])
def test_a_cname_that_leads_to_the_distribution_is_as_good(
    run: Run, session: boto3.session.Session, calls: list[str], dot: str
) -> None:
    zones = session.client("route53")
    zone = zones.create_hosted_zone(Name="example.com", CallerReference="a")["HostedZone"]["Id"].rpartition("/")[2]
    done = run(**OWN_DOMAIN, **documents(1))
    record = {"Name": ISSUER[8:], "Type": "CNAME", "TTL": 60, "ResourceRecords": [{"Value": done["domain_name"] + dot}]}
    change = {"Action": "CREATE", "ResourceRecordSet": record}
    zones.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": [change]})
    calls.clear()
    assert (run(**OWN_DOMAIN, **documents(1), hosted_zone_id=zone)["changed"], calls) == (False, [])


@pytest.fixture
def host(session: boto3.session.Session, monkeypatch: pytest.MonkeyPatch) -> dict[str, t.Any]:
    """Where the issuer's host leads: by C(via) to CloudFront or to the bucket itself, which then must be public."""
    s3 = session.client("s3", region_name=REGION)
    leads: dict[str, t.Any] = {"via": "", "reads": 0, "moves_at": 10**9, "public": []}

    def fetch(url: str, _ca_file: str | None = None) -> Document:
        leads["reads"] += 1
        if leads["reads"] > leads["moves_at"]:
            leads["via"] = "1.1 abc.cloudfront.net (CloudFront)"
        policy = json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])["Statement"]
        principals = [statement["Principal"] for statement in policy]
        leads["public"].append("*" in principals)
        wanted = {"Service": "cloudfront.amazonaws.com"} if leads["via"] else "*"
        if wanted not in principals:
            return Document(url, 403, "application/xml", "", 0.1, leads["via"])
        found = s3.get_object(Bucket=BUCKET, Key=url.split("/", 3)[3])
        return Document(url, 200, found["ContentType"], found["Body"].read().decode(), 0.1, leads["via"])

    monkeypatch.setattr(reader, "fetch", fetch)
    return leads


def publish_in_public(capsys: pytest.CaptureFixture[str], **options: object) -> Result:
    names = {"bucket": BUCKET, "region": REGION, "cluster": "prod", "issuer": ISSUER, **documents(1)}
    with patch_module_args({**names, **options}), pytest.raises(SystemExit):
        s3_issuer.main()
    return t.cast("Result", json.loads(capsys.readouterr().out))


def readers(session: boto3.session.Session) -> tuple[list[str], bool]:
    """Who may read the bucket, and whether it is closed to the public."""
    s3 = session.client("s3", region_name=REGION)
    statements = json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])["Statement"]
    block = s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"]
    return sorted({json.dumps(statement["Principal"]) for statement in statements}), all(block.values())


EVERYBODY, EDGE = '"*"', '{"Service": "cloudfront.amazonaws.com"}'


@pytest.mark.parametrize("moves_at", [0, 3, 6])
def test_a_public_bucket_is_closed_once_its_host_leads_to_cloudfront(
    run: Run,
    session: boto3.session.Session,
    host: dict[str, t.Any],
    capsys: pytest.CaptureFixture[str],
    moves_at: int,
) -> None:
    assert publish_in_public(capsys).get("msg") is None
    host["moves_at"] = host["reads"] + moves_at
    check = run(check=True, **OWN_DOMAIN, **documents(1))
    done = run(**OWN_DOMAIN, **documents(1))
    assert (check["changed"], done.get("msg"), done["changed"]) == (True, None, True)
    assert readers(session) == ([EDGE], True)
    assert run(**OWN_DOMAIN, **documents(1))["changed"] is False


def test_a_public_bucket_stays_open_while_its_host_leads_there(
    run: Run, session: boto3.session.Session, host: dict[str, t.Any], capsys: pytest.CaptureFixture[str]
) -> None:
    publish_in_public(capsys)
    failed = run(**OWN_DOMAIN, **documents(1), timeout=0)
    assert ("is not served by CloudFront yet" in failed["msg"], "oidc.example.com CNAME" in failed["msg"]) == (
        True,
        True,
    )
    assert readers(session) == ([EVERYBODY, EDGE], False)
    assert all(host["public"])


def test_what_was_closed_too_early_is_opened_again(
    run: Run,
    session: boto3.session.Session,
    host: dict[str, t.Any],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publish_in_public(capsys)
    monkeypatch.setattr(edge, "through_cloudfront", lambda _documents: None)
    assert "403" in run(**OWN_DOMAIN, **documents(1), timeout=0)["msg"]
    assert (readers(session), host["public"][-1]) == (([EVERYBODY, EDGE], False), False)


def test_the_distribution_reads_the_bucket_while_its_host_leads_there(
    run: Run,
    session: boto3.session.Session,
    host: dict[str, t.Any],
    capsys: pytest.CaptureFixture[str],
    warned: list[str],
) -> None:
    host["via"] = "1.1 abc.cloudfront.net (CloudFront)"
    run(**OWN_DOMAIN, **documents(1))
    assert readers(session) == ([EDGE], True)
    back = publish_in_public(capsys)
    assert (back.get("msg"), back["changed"]) == (None, True)
    assert any("still points to CloudFront" in text for text in warned)
    assert readers(session) == ([EVERYBODY, EDGE], False)
    assert publish_in_public(capsys)["changed"] is False
    host["via"] = ""
    assert publish_in_public(capsys)["changed"] is True
    assert readers(session) == ([EVERYBODY], False)
    assert publish_in_public(capsys)["changed"] is False


def test_a_retired_key_is_waited_for_at_the_edge(run: Run, calls: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    read: t.Callable[..., Document] = vars(reader)["fetch"]
    run(**OWN_DOMAIN, **documents(1))
    kept = run(**OWN_DOMAIN, **documents(2))["kept_kids"]
    old = read(f"{ISSUER}/{JWKS_KEY}")

    def stale(url: str, ca_file: str | None = None) -> Document:
        return old if url.endswith(JWKS_KEY) and "CreateInvalidation" not in calls else read(url, ca_file)

    monkeypatch.setattr(reader, "fetch", stale)
    calls.clear()
    assert len(run(**OWN_DOMAIN, **documents(2), retired_kids=kept)["kids"]) == 1
    assert calls == ["PutObject", "CreateInvalidation"]
    calls.clear()
    for check in (True, False):  # an earlier run wrote, and ended before the edges forgot
        assert run(check=check, **OWN_DOMAIN, **documents(2), retired_kids=kept)["changed"] is True
    assert calls == ["CreateInvalidation"]
    monkeypatch.setattr(reader, "fetch", lambda url, ca=None: old if url.endswith(JWKS_KEY) else read(url, ca))
    assert (
        f"still serves the retired key {kept[0]}"
        in run(**OWN_DOMAIN, **documents(2), retired_kids=kept, timeout=0)["msg"]
    )
