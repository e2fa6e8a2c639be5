# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import functools
import json
import time
import typing as t
from types import MappingProxyType

import boto3
import pytest
from ansible.module_utils.testing import patch_module_args
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from botocore.loaders import JSONFileLoader
from moto import mock_aws

from ansible_collections.onprem.irsa.plugins.modules import iam_roles

if t.TYPE_CHECKING:
    from mypy_boto3_iam.client import IAMClient

ACCOUNT = "123456789012"
HOST = "acme-prod-oidc.s3.eu-central-1.amazonaws.com"
PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{HOST}"
OLD_PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/oidc.example.com/old"
READ = f"arn:aws:iam::{ACCOUNT}:policy/read"
WRITE = f"arn:aws:iam::{ACCOUNT}:policy/write"
SEND = {"Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": "*"}
QUEUE = {"Version": "2012-10-17", "Statement": [SEND]}
EC2 = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
CLIENT: t.Any = BaseClient  # for its private method, through which every call goes

Arguments = dict[str, t.Any]
Result = dict[str, t.Any]


class Run(t.Protocol):
    def __call__(self, *roles: Arguments, check: bool = ..., **options: object) -> Result: ...


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every operation asked of AWS by the module and the test, in order."""
    made: list[str] = []
    send = CLIENT._make_api_call

    def record(self: BaseClient, operation_name: str, api_params: dict[str, t.Any]) -> t.Any:  # noqa: ANN401 -- as botocore
        made.append(operation_name)
        return send(self, operation_name, api_params)

    monkeypatch.setattr(CLIENT, "_make_api_call", record)
    return made


def writes(calls: t.Iterable[str]) -> list[str]:
    return [call for call in calls if not call.startswith(("Get", "List"))]


_load_model = functools.lru_cache(JSONFileLoader().load_file)


@pytest.fixture
def iam(monkeypatch: pytest.MonkeyPatch) -> t.Iterator[IAMClient]:
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(key, "testing")
    # Every module run makes new clients, which parse a megabyte of the same service models again.
    monkeypatch.setattr(JSONFileLoader, "load_file", lambda _self, path: _load_model(path))
    with mock_aws():
        client = boto3.client("iam", region_name="eu-central-1")
        for name in ("read", "write"):
            client.create_policy(PolicyName=name, PolicyDocument=json.dumps(QUEUE))
        yield client


@pytest.fixture
def run(iam: IAMClient, calls: list[str], capsys: pytest.CaptureFixture[str]) -> Run:
    def run_module(*roles: Arguments, check: bool = False, **options: object) -> Result:
        calls.clear()
        arguments = {
            "cluster": "prod",
            "region": "eu-central-1",
            "oidc_provider_arns": [PROVIDER],
            "roles": list(roles),
            "_ansible_check_mode": check,
            "_ansible_diff": True,
            **options,
        }
        with patch_module_args(arguments), pytest.raises(SystemExit) as exited:
            iam_roles.main()
        result: Result = json.loads(capsys.readouterr().out)
        assert bool(exited.value.code) is result.get("failed", False)
        return result

    assert iam
    return run_module


def reports(**options: object) -> Arguments:
    return {"name": "prod-reports", "service_accounts": ["apps/reports"], **options}


def state(iam: IAMClient) -> dict[str, t.Any]:
    """Everything that IAM has of roles, for comparison."""
    details = iam.get_account_authorization_details(Filter=["Role"])["RoleDetailList"]
    plain = {
        role["RoleName"]: (role.get("Description"), role["MaxSessionDuration"]) for role in iam.list_roles()["Roles"]
    }
    return {
        detail["RoleName"]: json.loads(json.dumps([detail, plain[detail["RoleName"]]], default=str))
        for detail in details
    }


# A step's roles as they should be, with what came before them: a role in its own right, or what somebody did by hand.
class Behaviour(t.NamedTuple):
    before: list[Arguments]
    after: list[Arguments]
    writes: list[str]
    options: t.Mapping[str, t.Any] = MappingProxyType({})
    before_options: t.Mapping[str, t.Any] = MappingProxyType({})


BEHAVIOURS: dict[str, Behaviour] = {
    "a new role": Behaviour([], [reports()], ["CreateRole"]),
    "a new role with everything": Behaviour(
        [],
        [
            reports(
                managed_policies=[READ],
                inline_policies={"queue": QUEUE},
                permissions_boundary=WRITE,
                path="/irsa/",
                description="Reports",
                max_session_duration=7200,
                tags={"team": "data", "cost": 12},
                audiences=["sts.amazonaws.com", "vault"],
            )
        ],
        ["CreateRole", "PutRolePolicy", "AttachRolePolicy"],
    ),
    "another service account": Behaviour(
        [reports()],
        [reports(service_accounts=["apps/a", "apps/b"])],
        ["UpdateAssumeRolePolicy"],
    ),
    "a pattern": Behaviour(
        [reports()],
        [reports(service_accounts=["apps/*"], allow_wildcards=True)],
        ["UpdateAssumeRolePolicy"],
    ),
    "another audience": Behaviour([reports()], [reports(audiences=["vault"])], ["UpdateAssumeRolePolicy"]),
    "another managed policy": Behaviour(
        [reports(managed_policies=[READ])],
        [reports(managed_policies=[WRITE])],
        ["AttachRolePolicy", "DetachRolePolicy"],
    ),
    "no managed policy": Behaviour(
        [reports(managed_policies=[READ])], [reports(managed_policies=[])], ["DetachRolePolicy"]
    ),
    "another inline policy": Behaviour(
        [reports(inline_policies={"queue": QUEUE})],
        [reports(inline_policies={"topic": json.dumps(QUEUE)})],
        ["PutRolePolicy", "DeleteRolePolicy"],
    ),
    "an inline policy that says something else": Behaviour(
        [reports(inline_policies={"queue": QUEUE})],
        [reports(inline_policies={"queue": {**QUEUE, "Statement": [{**SEND, "Resource": "arn:aws:sqs:*:*:*"}]}})],
        ["PutRolePolicy"],
    ),
    "a boundary": Behaviour([reports()], [reports(permissions_boundary=READ)], ["PutRolePermissionsBoundary"]),
    "no boundary": Behaviour(
        [reports(permissions_boundary=READ)],
        [reports(permissions_boundary="")],
        ["DeleteRolePermissionsBoundary"],
    ),
    "a description": Behaviour([reports(max_session_duration=7200)], [reports(description="Reports")], ["UpdateRole"]),
    "a session length": Behaviour(
        [reports(description="Reports")], [reports(max_session_duration=7200)], ["UpdateRole"]
    ),
    "other tags": Behaviour([reports(tags={"a": "1", "b": "1"})], [reports(tags={"a": "2"})], ["TagRole", "UntagRole"]),
    "absent": Behaviour(
        [reports(managed_policies=[READ], inline_policies={"queue": QUEUE}, permissions_boundary=WRITE)],
        [{"name": "prod-reports", "state": "absent"}],
        ["DetachRolePolicy", "DeleteRolePolicy", "DeleteRole"],
    ),
    "a path": Behaviour([], [reports(path="/irsa/")], ["CreateRole"]),
    "the audience of all roles": Behaviour([reports()], [reports()], ["UpdateAssumeRolePolicy"], {"audience": "vault"}),
    "a second issuer": Behaviour(
        [reports()], [reports()], ["UpdateAssumeRolePolicy"], {"oidc_provider_arns": [PROVIDER, OLD_PROVIDER]}
    ),
    "a tag beside others": Behaviour(
        [reports(tags={"a": "1"})], [reports(tags={"b": "1"})], ["TagRole"], {"purge_tags": False}
    ),
    "adopted": Behaviour([reports()], [reports(adopt=True)], ["TagRole"], before_options={"cluster": "dev"}),
    "purged": Behaviour([reports(), reports(name="old")], [reports()], ["DeleteRole"], {"purge_roles": True}),
    "a longer trust policy": Behaviour(
        [reports()],
        [reports(service_accounts=[f"apps/reports-{number:02}" for number in range(60)])],
        ["UpdateAssumeRolePolicy"],
        {"trust_policy_limit": 4096},
    ),
    "several": Behaviour(
        [reports()],
        [reports(), reports(name="a"), reports(name="b", managed_policies=[READ])],
        ["AttachRolePolicy", "CreateRole", "CreateRole"],
    ),
}


@pytest.mark.parametrize("behaviour", BEHAVIOURS.values(), ids=BEHAVIOURS)
def test_check_apply_check_apply(run: Run, iam: IAMClient, calls: list[str], behaviour: Behaviour) -> None:
    if behaviour.before:
        assert not run(*behaviour.before, **behaviour.before_options).get("failed")
    was = state(iam)

    check = run(*behaviour.after, check=True, **behaviour.options)
    assert check["changed"]
    assert writes(calls) == []
    assert state(iam) == was

    applied = run(*behaviour.after, **behaviour.options)
    assert applied == check
    assert sorted(writes(calls)) == sorted(behaviour.writes)
    now = state(iam)
    assert now != was

    for checking in (True, False):
        again = run(*behaviour.after, check=checking, **behaviour.options)
        assert not again["changed"]
        assert again["diff"] == []
        assert {role["action"] for role in again["roles"]} == {"none"}
        assert writes(calls) == []
    assert state(iam) == now


def test_what_is_not_given_stays(run: Run, calls: list[str]) -> None:
    everything = BEHAVIOURS["a new role with everything"].after[0]
    run(everything)
    assert not run(reports(audiences=everything["audiences"]))["changed"]
    assert writes(calls) == []


def test_trust_policy_and_tags_of_a_new_role(run: Run, iam: IAMClient) -> None:
    result = run(reports(tags={"team": "data"}))
    role = iam.get_role(RoleName="prod-reports")["Role"]
    assert role["AssumeRolePolicyDocument"] == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Federated": PROVIDER},
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": {
                    "StringEquals": {
                        f"{HOST}:aud": "sts.amazonaws.com",
                        f"{HOST}:sub": "system:serviceaccount:apps:reports",
                    }
                },
            }
        ],
    }
    assert {tag["Key"]: tag["Value"] for tag in role["Tags"]} == {"team": "data", "onprem.irsa/cluster": "prod"}
    assert result["roles"] == [
        {
            "name": "prod-reports",
            "arn": role["Arn"],
            "state": "present",
            "action": "create",
            "changed": True,
            "service_accounts": ["apps/reports"],
            "audiences": ["sts.amazonaws.com"],
        }
    ]
    assert result["diff"][0]["before"] == {}
    assert result["diff"][0]["after"]["trust_policy"] == role["AssumeRolePolicyDocument"]


def test_a_fresh_account_can_be_checked_before_the_provider_is_there(run: Run) -> None:
    result = run(reports(path="/irsa/"), check=True)
    assert result["roles"][0]["arn"] == f"arn:aws:iam::{ACCOUNT}:role/irsa/prod-reports"


def trust(iam: IAMClient, name: str = "prod-reports") -> list[dict[str, t.Any]]:
    document = t.cast("dict[str, t.Any]", iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"])
    return t.cast("list[dict[str, t.Any]]", document["Statement"])


def make_foreign(
    iam: IAMClient, *statements: object, name: str = "prod-reports", tags: dict[str, str] | None = None
) -> None:
    iam.create_role(
        RoleName=name,
        AssumeRolePolicyDocument=json.dumps({"Version": "2008-10-17", "Statement": statements}),
        Tags=[{"Key": key, "Value": value} for key, value in (tags or {}).items()],
    )


def test_drift_is_repaired_and_the_statement_of_another_kept(run: Run, iam: IAMClient) -> None:
    run(reports())
    [ours] = trust(iam)
    without_audience = {**ours, "Condition": {"StringEquals": {f"{HOST}:sub": "system:serviceaccount:apps:reports"}}}
    iam.update_assume_role_policy(
        RoleName="prod-reports",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [without_audience, EC2]}),
    )
    assert run(reports())["roles"][0]["action"] == "update"
    assert trust(iam) == [EC2, ours]


def test_several_issuers(run: Run, iam: IAMClient) -> None:
    assert not run(reports(), oidc_provider_arns=[OLD_PROVIDER]).get("failed")
    assert run(reports(), oidc_provider_arns=[OLD_PROVIDER, PROVIDER])["changed"]
    assert [statement["Principal"]["Federated"] for statement in trust(iam)] == [OLD_PROVIDER, PROVIDER]
    assert not run(reports())["changed"], "an issuer that is not named keeps the trust that it has"


@pytest.mark.parametrize(
    ("tags", "whose"), [({}, "was not made for this cluster"), ({"onprem.irsa/cluster": "dev"}, "cluster dev")]
)
def test_a_role_of_somebody_else_is_refused_unless_adopted(
    run: Run, iam: IAMClient, calls: list[str], tags: dict[str, str], whose: str
) -> None:
    make_foreign(iam, EC2, tags=tags)
    was = state(iam)
    for check in (True, False):
        refused = run(reports(), reports(name="prod-other"), check=check)
        assert refused["failed"]
        assert whose in refused["msg"]
        assert "adopt: true" in refused["msg"]
        assert [role["action"] for role in refused["roles"]] == ["refuse", "create"]
    assert state(iam)["prod-reports"] == was["prod-reports"]
    assert "prod-other" in state(iam), "the other role was done all the same"

    adopted = run(reports(adopt=True))
    assert adopted["roles"][0]["action"] == "update"
    assert trust(iam)[0] == EC2
    assert sorted(writes(calls)) == ["TagRole", "UpdateAssumeRolePolicy"]
    assert not run(reports())["changed"], "adopted once, ours from then on"


def test_a_role_that_others_rely_on_is_released_and_not_deleted(run: Run, iam: IAMClient) -> None:
    make_foreign(iam, EC2)
    run(reports(adopt=True, tags={"team": "data"}, managed_policies=[READ]))
    absent = {"name": "prod-reports", "state": "absent"}
    assert run(absent)["roles"][0]["action"] == "release"
    assert trust(iam) == [EC2]
    assert iam.list_role_tags(RoleName="prod-reports")["Tags"] == [{"Key": "team", "Value": "data"}]
    assert not run(absent)["changed"]


def test_a_role_of_somebody_else_is_not_deleted(run: Run, iam: IAMClient) -> None:
    statement = {"Effect": "Allow", "Principal": {"Federated": PROVIDER}, "Action": "sts:AssumeRoleWithWebIdentity"}
    make_foreign(iam, statement)
    assert run({"name": "prod-reports", "state": "absent"})["failed"]
    assert trust(iam) == [statement]


def test_another_path_is_refused(run: Run, iam: IAMClient) -> None:
    run(reports())
    result = run(reports(path="/irsa/"))
    assert "IAM cannot move a role" in result["msg"]
    assert iam.get_role(RoleName="prod-reports")["Role"]["Path"] == "/"


def test_the_quota_counts_what_others_have_in_the_trust_policy(run: Run, iam: IAMClient) -> None:
    run(reports())
    padding = {**EC2, "Sid": "x" * 1500}
    iam.update_assume_role_policy(
        RoleName="prod-reports",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [*trust(iam), padding]}),
    )
    more = reports(service_accounts=[f"apps/reports-{number}" for number in range(12)])
    result = run(more)
    assert "the quota is 2048" in result["msg"]
    assert "over 6 roles" in result["msg"]
    assert not run(more, trust_policy_limit=4096).get("failed")


def test_purge_removes_what_the_cluster_has_beyond_the_list(run: Run, iam: IAMClient) -> None:
    make_foreign(iam, EC2, name="foreign")
    run(reports(), reports(name="b", managed_policies=[READ]), reports(name="A"))
    for check in (True, False, False):
        result = run(reports(), purge_roles=True, check=check)
    assert not result["changed"]
    assert sorted(state(iam)) == ["foreign", "prod-reports"]
    emptied = run(purge_roles=True)
    assert [(role["name"], role["action"]) for role in emptied["roles"]] == [("prod-reports", "delete")]
    assert sorted(state(iam)) == ["foreign"]


def test_nothing_to_do_costs_a_handful_of_calls(run: Run, calls: list[str]) -> None:
    many = [
        reports(name=f"role-{number}", managed_policies=[READ], inline_policies={"q": QUEUE}) for number in range(30)
    ]
    run(*many)
    assert not run(*many)["changed"]
    assert calls == ["GetCallerIdentity", "GetAccountAuthorizationDetails", "ListRoles"]


def test_no_roles_no_listing(run: Run, calls: list[str]) -> None:
    assert run() == {"changed": False, "roles": [], "diff": []} | {"invocation": run()["invocation"]}
    assert calls == ["GetCallerIdentity"]


def answer(  # noqa: PLR0913 -- what is refused, and how
    monkeypatch: pytest.MonkeyPatch,
    operation: str,
    code: str,
    *,
    message: str = "",
    times: int = 1000,
    after: bool = False,
) -> list[dict[str, t.Any]]:
    """Have AWS refuse an operation some times, before or after it took effect; return the arguments refused."""
    refused: list[dict[str, t.Any]] = []
    send = CLIENT._make_api_call

    def refuse(self: BaseClient, operation_name: str, api_params: dict[str, t.Any]) -> t.Any:  # noqa: ANN401 -- as botocore
        if operation_name != operation or len(refused) >= times:
            return send(self, operation_name, api_params)
        refused.append(api_params)
        if after:
            send(self, operation_name, api_params)
        raise ClientError({"Error": {"Code": code, "Message": message or f"{code} by the test"}}, operation_name)

    monkeypatch.setattr(CLIENT, "_make_api_call", refuse)
    return refused


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited for IAM, without the waiting."""
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    return waited


UNKNOWN = f'Invalid principal in policy: "FEDERATED":"{PROVIDER}"'


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ("CreateRole", "MalformedPolicyDocument"),
        ("AttachRolePolicy", "NoSuchEntity"),
        ("PutRolePolicy", "NoSuchEntity"),
        ("AttachRolePolicy", "ConcurrentModification"),
    ],
)
def test_what_iam_does_not_know_yet_is_waited_for(
    run: Run, monkeypatch: pytest.MonkeyPatch, pauses: list[float], operation: str, code: str
) -> None:
    answer(monkeypatch, operation, code, times=3, message=UNKNOWN)
    result = run(reports(managed_policies=[READ], inline_policies={"queue": QUEUE}))
    assert result["roles"][0]["action"] == "create", result
    assert len(pauses) == 3
    assert not run(reports(managed_policies=[READ], inline_policies={"queue": QUEUE}))["changed"]


def test_a_principal_that_never_comes_is_an_error_of_its_roles(
    run: Run, iam: IAMClient, monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    roles = [reports(name=f"role-{number:02}") for number in range(30)]
    with monkeypatch.context() as for_a_while:
        answer(for_a_while, "CreateRole", "MalformedPolicyDocument", message=UNKNOWN)
        result = run(*roles)
    assert result["msg"].startswith("30 of 30 roles failed:\nrole-00: AWS did not create role: MalformedPolicyDocument")
    assert "A principal that it names must exist" in result["msg"]
    assert not result["changed"]
    assert 140 < sum(pauses) <= 160, "the waiting is bounded for all roles together"
    assert run(*roles)["changed"], "the next run does what is missing"
    assert len(state(iam)) == 30


def test_another_malformed_policy_is_not_waited_for(
    run: Run, monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    answer(monkeypatch, "PutRolePolicy", "MalformedPolicyDocument", message="Syntax errors in policy.")
    result = run(reports(inline_policies={"queue": QUEUE}), reports(name="other"))
    assert "prod-reports: AWS did not put role policy: MalformedPolicyDocument: Syntax errors" in result["msg"]
    assert [role.get("error", "") != "" for role in result["roles"]] == [True, False]
    assert pauses == []


def test_a_role_that_cannot_be_read_after_a_race_does_not_stop_the_others(
    run: Run, iam: IAMClient, monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    answer(monkeypatch, "CreateRole", "EntityAlreadyExists", times=1, after=True)
    answer(monkeypatch, "GetRole", "ServiceFailure")
    result = run(reports(name="a"), reports(name="b"))
    assert result["msg"].startswith("1 of 2 roles failed:\n")
    assert "ServiceFailure" in result["msg"]
    assert len(state(iam)) == 2
    assert pauses == []


def test_what_is_gone_already_is_not_missed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run(reports(managed_policies=[READ], inline_policies={"queue": QUEUE}))
    for operation in ("DetachRolePolicy", "DeleteRolePolicy", "DeleteRole"):
        answer(monkeypatch, operation, "NoSuchEntity", after=True)
    assert run({"name": "prod-reports", "state": "absent"})["roles"][0]["action"] == "delete"


def test_without_the_listing_each_role_is_read(run: Run, calls: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    everything = BEHAVIOURS["a new role with everything"].after[0]
    run(everything)
    answer(monkeypatch, "GetAccountAuthorizationDetails", "AccessDenied")
    assert not run(everything)["changed"]
    assert "GetRole" in calls
    assert run(everything, reports(name="new"))["roles"][1]["action"] == "create"


def test_purging_says_that_it_needs_the_listing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, "GetAccountAuthorizationDetails", "AccessDenied")
    result = run(purge_roles=True)
    assert result["msg"].startswith("AWS did not list the roles: AccessDenied: AccessDenied by the test.")
    assert "Allow this action" in result["msg"]


def test_one_failure_does_not_stop_the_others(run: Run, iam: IAMClient, monkeypatch: pytest.MonkeyPatch) -> None:
    roles = [reports(name=f"role-{number}", managed_policies=[READ]) for number in range(4)]
    refused = answer(monkeypatch, "AttachRolePolicy", "ServiceFailure", times=1)
    result = run(*roles)
    [name] = [arguments["RoleName"] for arguments in refused]
    assert result["changed"]
    assert result["msg"].startswith("1 of 4 roles failed:\n" + name)
    assert [role["name"] for role in result["roles"] if "error" in role] == [name]
    assert len(state(iam)) == 4
    assert run(*roles)["changed"], "the next run completes it"
    assert not run(*roles)["changed"]


@pytest.mark.parametrize(("same", "action"), [(True, "none"), (False, "update")])
def test_a_race_for_a_new_role_is_planned_anew(
    run: Run, iam: IAMClient, monkeypatch: pytest.MonkeyPatch, same: bool, action: str
) -> None:
    if same:
        answer(monkeypatch, "CreateRole", "EntityAlreadyExists", times=1, after=True)
    else:
        # The listing does not show it yet: another run of this cluster makes the role between our read and our write.
        send = CLIENT._make_api_call

        def race(self: BaseClient, operation_name: str, api_params: dict[str, t.Any]) -> t.Any:  # noqa: ANN401 -- as botocore
            if (
                operation_name == "CreateRole"
                and api_params["RoleName"] == "prod-reports"
                and "Description" not in api_params
            ):
                iam.create_role(**{**api_params, "Description": "the other run", "MaxSessionDuration": 7200})
            return send(self, operation_name, api_params)

        monkeypatch.setattr(CLIENT, "_make_api_call", race)
    result = run(reports(max_session_duration=3600))
    assert not result.get("failed"), result
    assert result["roles"][0]["action"] == action
    assert iam.get_role(RoleName="prod-reports")["Role"]["MaxSessionDuration"] == 3600


def test_credentials_of_another_account_are_refused(run: Run, calls: list[str]) -> None:
    result = run(reports(), oidc_provider_arns=[PROVIDER.replace(ACCOUNT, "210987654321")])
    assert "account 123456789012 (aws)" in result["msg"]
    assert calls == ["GetCallerIdentity"]


@pytest.mark.parametrize(
    ("code", "fix"), [("ExpiredToken", "The session of these"), ("InvalidClientTokenId", "Give valid")]
)
def test_bad_credentials_are_named(run: Run, monkeypatch: pytest.MonkeyPatch, code: str, fix: str) -> None:
    answer(monkeypatch, "GetCallerIdentity", code)
    message = run(reports())["msg"]
    assert message.startswith(f"AWS did not say whose credentials these are: {code}: {code} by the test. {fix}")


def test_bad_input_is_refused_at_once_and_before_any_call(run: Run, calls: list[str]) -> None:
    result = run(reports(service_accounts=["Apps/reports"]), reports(path="irsa"), reports(name="x" * 65))
    assert result["failed"]
    for part in ("Apps", "RFC 1123 label", "'irsa'", "x" * 65, "Given more than once: role names: prod-reports"):
        assert part in result["msg"]
    assert calls == []


def test_a_statement_for_another_issuer_is_narrowed_as_that_for_the_former_one(run: Run, iam: IAMClient) -> None:
    narrowed = {"IpAddress": {"aws:SourceIp": ["203.0.113.0/24"]}}
    assert not run(reports(conditions=narrowed), oidc_provider_arns=[OLD_PROVIDER]).get("failed")
    assert run(reports(), former_provider_arns=[OLD_PROVIDER])["changed"]
    policy: t.Any = iam.get_role(RoleName="prod-reports")["Role"]["AssumeRolePolicyDocument"]
    found = {each["Principal"]["Federated"]: each["Condition"]["IpAddress"] for each in policy["Statement"]}
    assert found == dict.fromkeys([OLD_PROVIDER, PROVIDER], narrowed["IpAddress"])
    assert not run(reports(), former_provider_arns=[OLD_PROVIDER])["changed"]
    assert not run(reports())["changed"]
    refused = run(reports(), former_provider_arns=["oidc.example.com"])
    assert "former_provider_arns: 'oidc.example.com' must be the ARN" in refused["msg"]
