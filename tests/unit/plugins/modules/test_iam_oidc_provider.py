# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import time
import typing as t

import boto3
import pytest
from ansible.module_utils.testing import patch_module_args
from botocore.stub import Stubber
from moto import mock_aws

from ansible_collections.onprem.irsa.plugins.modules import iam_oidc_provider

if t.TYPE_CHECKING:
    from mypy_boto3_iam.client import IAMClient

HOST = "acme-prod-oidc.s3.eu-central-1.amazonaws.com"
URL = f"https://{HOST}"
ARN = f"arn:aws:iam::123456789012:oidc-provider/{HOST}"
STS = "sts.amazonaws.com"
CLUSTER = {"Key": "onprem.irsa/cluster", "Value": "prod"}
THUMBPRINT = "990f4193972f2becf12ddeda5237f9c952f20d9e"
OTHER_THUMBPRINT = "0" * 40

Result = dict[str, t.Any]


class Run(t.Protocol):
    def __call__(self, *, check: bool = ..., **options: object) -> Result: ...


@pytest.fixture
def iam(monkeypatch: pytest.MonkeyPatch) -> t.Iterator[IAMClient]:
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(key, "testing")
    with mock_aws():
        client = boto3.client("iam", region_name="eu-central-1")
        # One client for all runs of a test: a run that writes is told by what IAM has, not by its calls.
        monkeypatch.setattr(iam_oidc_provider, "iam_client", lambda _module: client)
        monkeypatch.setattr(iam_oidc_provider, "issuer_thumbprint", {URL: THUMBPRINT}.__getitem__)
        yield client


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited for IAM, without the waiting."""
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    return waited


@pytest.fixture
def run(iam: IAMClient, capsys: pytest.CaptureFixture[str]) -> Run:
    def run_module(*, check: bool = False, **options: object) -> Result:
        arguments = {
            "url": URL,
            "cluster": "prod",
            "region": "eu-central-1",
            "_ansible_check_mode": check,
            "_ansible_diff": True,
        }
        with patch_module_args({**arguments, **options}), pytest.raises(SystemExit) as exited:
            iam_oidc_provider.main()
        result: Result = json.loads(capsys.readouterr().out)
        assert bool(exited.value.code) is result.get("failed", False)
        return result

    assert iam
    return run_module


def state(iam: IAMClient) -> dict[str, t.Any]:
    arns = [entry["Arn"] for entry in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]]
    found = {arn: iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn) for arn in arns}
    return {
        arn: {key: entry.get(key) for key in ("Url", "ClientIDList", "Tags", "ThumbprintList")}
        for arn, entry in found.items()
    }


def create(iam: IAMClient, *, tags: t.Sequence[dict[str, str]] = (), thumbprints: t.Sequence[str] = ()) -> None:
    iam.create_open_id_connect_provider(
        Url=URL,
        ClientIDList=[STS],
        ThumbprintList=list(thumbprints),
        Tags=list(tags),  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("before", "options", "expected"),
    [
        (None, {}, {"ClientIDList": [STS], "Tags": [CLUSTER]}),
        (None, {"audiences": [STS, "vault"], "tags": {"team": "data"}}, {"ClientIDList": [STS, "vault"]}),
        ([CLUSTER], {"tags": {"team": "data"}}, {"Tags": [CLUSTER, {"Key": "team", "Value": "data"}]}),
        ([CLUSTER, {"Key": "old", "Value": "1"}], {"tags": {}}, {"Tags": [CLUSTER]}),
        (
            [CLUSTER, {"Key": "old", "Value": "1"}],
            {"tags": {"new": "1"}, "purge_tags": False},
            {"Tags": [CLUSTER, {"Key": "old", "Value": "1"}, {"Key": "new", "Value": "1"}]},
        ),
        ([], {"adopt": True}, {"Tags": [CLUSTER]}),
        (None, {"thumbprints": [THUMBPRINT.upper()]}, {"ThumbprintList": [THUMBPRINT]}),
        (None, {"compute_thumbprint": True}, {"ThumbprintList": [THUMBPRINT]}),
        ([CLUSTER], {"thumbprints": [THUMBPRINT]}, {"ThumbprintList": [THUMBPRINT]}),
        ([CLUSTER], {"compute_thumbprint": True}, {"ThumbprintList": [THUMBPRINT]}),
        (
            [CLUSTER],
            {"thumbprints": [THUMBPRINT, "1" * 40]},
            {"ThumbprintList": ["1" * 40, THUMBPRINT]},
        ),
        ([{**CLUSTER, "Value": "dev"}], {"adopt": True}, {"Tags": [CLUSTER]}),
        ([CLUSTER], {"state": "absent"}, None),
        ([], {"state": "absent", "adopt": True}, None),
    ],
)
def test_check_apply_check_apply(
    run: Run,
    iam: IAMClient,
    before: list[dict[str, str]] | None,
    options: dict[str, t.Any],
    expected: dict[str, t.Any] | None,
) -> None:
    if before is not None:
        create(iam, tags=before, thumbprints=[OTHER_THUMBPRINT])
    was = state(iam)

    check = run(check=True, **options)
    assert check["changed"]
    assert check["arn"] == ARN
    assert state(iam) == was

    assert run(**options) == check
    now = state(iam)
    assert now != was
    if expected is None:
        assert now == {}
        assert check["audiences"] == []
    else:
        assert {key: now[ARN][key] for key in expected} == expected
        assert check["audiences"] == now[ARN]["ClientIDList"]
        assert check["thumbprints"] == now[ARN]["ThumbprintList"]

    for checking in (True, False):
        again = run(check=checking, **options)
        assert not again["changed"]
        assert again["diff"]["before"] == again["diff"]["after"]
    assert state(iam) == now


def test_diff_shows_the_provider(run: Run) -> None:
    assert run(check=True)["diff"] == {
        "before": {},
        "after": {"arn": ARN, "audiences": [STS], "thumbprints": [], "tags": {"onprem.irsa/cluster": "prod"}},
    }


def test_no_thumbprints_are_sent(run: Run, iam: IAMClient) -> None:
    run()
    assert not state(iam)[ARN]["ThumbprintList"]


def test_thumbprints_that_are_not_given_stay(run: Run, iam: IAMClient) -> None:
    create(iam, tags=[CLUSTER], thumbprints=[THUMBPRINT])
    result = run()
    assert not result["changed"]
    assert result["thumbprints"] == [THUMBPRINT]
    assert not run(thumbprints=[THUMBPRINT.upper()])["changed"], "their case has no meaning"


def test_a_new_provider_is_waited_for(run: Run, iam: IAMClient, pauses: list[float]) -> None:
    with Stubber(iam) as aws:
        aws.add_client_error("get_open_id_connect_provider", "NoSuchEntity")
        aws.add_response("create_open_id_connect_provider", {"OpenIDConnectProviderArn": ARN})
        aws.add_client_error("get_open_id_connect_provider", "NoSuchEntity")
        aws.add_client_error("get_open_id_connect_provider", "NoSuchEntity")
        aws.add_response("get_open_id_connect_provider", {"ClientIDList": [STS], "Tags": [CLUSTER]})
        assert run()["changed"]
        aws.assert_no_pending_responses()
    assert len(pauses) == 2


def test_a_call_that_meets_another_change_is_made_again(run: Run, iam: IAMClient, pauses: list[float]) -> None:
    asked = {"OpenIDConnectProviderArn": ARN, "ClientID": STS}
    with Stubber(iam) as aws:
        aws.add_response("get_open_id_connect_provider", {"ClientIDList": [], "Tags": [CLUSTER]})
        aws.add_client_error("add_client_id_to_open_id_connect_provider", "ConcurrentModification")
        aws.add_client_error("add_client_id_to_open_id_connect_provider", "ConcurrentModification")
        aws.add_response("add_client_id_to_open_id_connect_provider", {}, asked)
        assert run()["audiences"] == [STS]
        aws.assert_no_pending_responses()
    assert len(pauses) == 2
    with Stubber(iam) as aws:
        aws.add_response("get_open_id_connect_provider", {"ClientIDList": [], "Tags": [CLUSTER]})
        for _attempt in range(20):
            aws.add_client_error("add_client_id_to_open_id_connect_provider", "ConcurrentModification")
        assert "ConcurrentModification" in run()["msg"]


def test_a_provider_that_does_not_show_is_an_error(run: Run, iam: IAMClient, pauses: list[float]) -> None:
    with Stubber(iam) as aws:
        aws.add_client_error("get_open_id_connect_provider", "NoSuchEntity")
        aws.add_response("create_open_id_connect_provider", {"OpenIDConnectProviderArn": ARN})
        for _attempt in range(20):
            aws.add_client_error("get_open_id_connect_provider", "NoSuchEntity")
        assert "does not show it after 20 seconds. Run again" in run()["msg"]
    assert sum(pauses) == 20


@pytest.mark.parametrize(("tags", "whose"), [([CLUSTER], ""), ([{**CLUSTER, "Value": "dev"}], "the cluster dev")])
def test_a_race_for_a_new_provider(
    run: Run, iam: IAMClient, pauses: list[float], tags: list[dict[str, str]], whose: str
) -> None:
    with Stubber(iam) as aws:
        aws.add_client_error("get_open_id_connect_provider", "NoSuchEntity")
        aws.add_client_error("create_open_id_connect_provider", "EntityAlreadyExists")
        aws.add_client_error("get_open_id_connect_provider", "NoSuchEntity")
        aws.add_response("get_open_id_connect_provider", {"ClientIDList": [], "Tags": tags})
        if not whose:
            aws.add_response(
                "add_client_id_to_open_id_connect_provider", {}, {"OpenIDConnectProviderArn": ARN, "ClientID": STS}
            )
        result = run()
        aws.assert_no_pending_responses()
    assert len(pauses) == 1
    assert whose in result["msg"] if whose else result["audiences"] == [STS]


def test_a_provider_that_goes_away_meanwhile_is_removed(run: Run, iam: IAMClient) -> None:
    run()
    with Stubber(iam) as aws:
        aws.add_response("get_open_id_connect_provider", {"ClientIDList": [STS], "Tags": [CLUSTER]})
        aws.add_response("get_account_authorization_details", {"RoleDetailList": [], "IsTruncated": False})
        aws.add_client_error("delete_open_id_connect_provider", "NoSuchEntity")
        assert run(state="absent")["changed"]


@pytest.mark.parametrize(
    ("options", "calls"),
    [
        ({"audiences": [STS, "vault"]}, [("add_client_id_to_open_id_connect_provider", "vault")]),
        ({"audiences": ["vault"]}, [("add_client_id_to_open_id_connect_provider", "vault")]),
        ({"audiences": [STS]}, []),
        ({"audiences": [STS], "purge_audiences": True}, [("remove_client_id_from_open_id_connect_provider", "old")]),
        (
            {"audiences": ["vault"], "purge_audiences": True},
            [
                ("add_client_id_to_open_id_connect_provider", "vault"),
                ("remove_client_id_from_open_id_connect_provider", STS),
                ("remove_client_id_from_open_id_connect_provider", "old"),
            ],
        ),
    ],
)
@pytest.mark.parametrize("check", [True, False])
def test_audiences_are_added_and_only_purged_when_asked(
    run: Run, iam: IAMClient, check: bool, options: dict[str, t.Any], calls: list[tuple[str, str]]
) -> None:
    with Stubber(iam) as aws:
        aws.add_response(
            "get_open_id_connect_provider",
            {"ClientIDList": [STS, "old"], "Tags": [CLUSTER]},
            {"OpenIDConnectProviderArn": ARN},
        )
        for operation, audience in [] if check else calls:
            aws.add_response(operation, {}, {"OpenIDConnectProviderArn": ARN, "ClientID": audience})
        result = run(check=check, **options)
        aws.assert_no_pending_responses()
    assert result["changed"] is bool(calls)
    assert set(options["audiences"]) <= set(result["audiences"])
    assert ("old" in result["audiences"]) is not options.get("purge_audiences", False)


@pytest.mark.parametrize("state_wanted", ["present", "absent"])
@pytest.mark.parametrize(
    ("tags", "whose"),
    [([], "was not made for this cluster"), ([{**CLUSTER, "Value": "dev"}], "belongs to the cluster dev")],
)
def test_a_provider_of_somebody_else_is_left_alone(
    run: Run, iam: IAMClient, state_wanted: str, tags: list[dict[str, str]], whose: str
) -> None:
    create(iam, tags=tags)
    was = state(iam)
    result = run(state=state_wanted)
    assert whose in result["msg"]
    assert "irsa_iam_adopt_provider: true" in result["msg"]
    assert state(iam) == was


def make_role(iam: IAMClient, name: str, tags: t.Sequence[dict[str, str]] = ()) -> None:
    statement = {"Effect": "Allow", "Principal": {"Federated": ARN}, "Action": "sts:AssumeRoleWithWebIdentity"}
    iam.create_role(
        RoleName=name,
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
        Tags=list(tags),  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("check", [True, False])
def test_a_provider_that_others_trust_is_kept_and_they_are_named(run: Run, iam: IAMClient, check: bool) -> None:
    run()
    make_role(iam, "ours", [CLUSTER])
    make_role(iam, "theirs")
    make_role(iam, "dev", [{**CLUSTER, "Value": "dev"}])
    result = run(state="absent", check=check)
    assert "role/dev, arn:aws:iam::123456789012:role/theirs." in result["msg"]
    assert "role/ours" not in result["msg"]
    assert ARN in state(iam)
    for name in ("theirs", "dev"):
        iam.delete_role(RoleName=name)
    assert run(state="absent", check=check)["changed"]


def test_without_the_listing_all_that_trust_it_count(run: Run, iam: IAMClient) -> None:
    run()
    make_role(iam, "ours", [CLUSTER])
    statement = {"Effect": "Allow", "Principal": {"Federated": [ARN]}, "Action": "sts:AssumeRoleWithWebIdentity"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    with Stubber(iam) as aws:
        aws.add_response("get_open_id_connect_provider", {"ClientIDList": [STS], "Tags": [CLUSTER]})
        aws.add_client_error("get_account_authorization_details", "AccessDenied", "no")
        role = {"Path": "/", "RoleName": "ours", "RoleId": "A" * 16, "Arn": "arn:aws:iam::123456789012:role/ours"}
        dated = {**role, "CreateDate": "2026-01-01T00:00:00Z", "AssumeRolePolicyDocument": policy}
        aws.add_response("list_roles", {"Roles": [dated], "IsTruncated": False})
        assert "role/ours" in run(state="absent")["msg"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"url": "http://oidc.example.com"}, ["'http://oidc.example.com'", "https://"]),
        ({"url": f"{URL}/"}, ["slash"]),
        ({"url": f"{URL}:8443"}, ["port"]),
        ({"audiences": []}, ["audiences []", "1 to 100"]),
        ({"audiences": [STS, STS]}, ["different"]),
        ({"audiences": ["a b", "x" * 256]}, ["'a b'", "'xxx", "without blanks"]),
        ({"cluster": ""}, ["cluster"]),
        ({"tags": {"aws:a": "b"}}, ["aws:a", "reserved"]),
        ({"thumbprints": []}, ["thumbprints []", "1 to 5"]),
        ({"thumbprints": ["0" * 39, "g" * 40]}, [f"'{'0' * 39}'", f"'{'g' * 40}'", "40 hexadecimal digits"]),
        ({"thumbprints": ["a" * 40, "A" * 40]}, ["different"]),
        ({"thumbprints": [THUMBPRINT], "compute_thumbprint": True}, ["mutually exclusive"]),
        ({"thumbprints": ["0"], "audiences": ["a b"], "cluster": ""}, ["'0'", "'a b'", "cluster"]),
    ],
)
def test_bad_input_is_refused_before_any_call(
    run: Run, monkeypatch: pytest.MonkeyPatch, options: dict[str, t.Any], says: list[str]
) -> None:
    monkeypatch.setattr(iam_oidc_provider, "caller", lambda _module: pytest.fail("AWS was called"))
    result = run(**options)
    assert result["failed"]
    assert [part for part in says if part not in result["msg"]] == []


@pytest.mark.parametrize(
    ("code", "fix"),
    [
        ("OpenIdIdpCommunicationError", "Publish the issuer's documents first"),
        ("LimitExceeded", "ask AWS to raise the quota"),
        ("InvalidInput", "Correct what AWS names"),
    ],
)
def test_what_aws_refuses_is_named_with_a_fix(run: Run, iam: IAMClient, code: str, fix: str) -> None:
    with Stubber(iam) as aws:
        aws.add_client_error("get_open_id_connect_provider", "NoSuchEntity")
        aws.add_client_error("create_open_id_connect_provider", code, "a reason.")
        result = run()
    assert result["msg"].startswith(f"AWS did not create open id connect provider: {code}: a reason. ")
    assert fix in result["msg"]
    with Stubber(iam) as aws:
        aws.add_client_error("get_open_id_connect_provider", "AccessDenied", "no")
        assert "AWS did not read the identity provider: AccessDenied: no. Allow this action" in run()["msg"]
