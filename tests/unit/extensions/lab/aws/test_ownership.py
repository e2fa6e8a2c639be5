# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose roles and providers are whose: clusters that move their issuer and are torn down beside others in one account.

The role irsa_iam makes and removes; what is left is judged by tokens of each issuer, at an STS that checks them.
"""

from __future__ import annotations

import json
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from .conftest import REGION, Issuer, Lab, publish

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[5]
FIRST, SECOND, THIRD, THEIRS = (
    Issuer(f"https://acme-{name}.s3.{REGION}.amazonaws.com") for name in ("first", "second", "third", "theirs")
)
ISSUERS = (FIRST, SECOND, THIRD, THEIRS)
ACCOUNT = "arn:aws:iam::123456789012"
EVERYTHING = {"all": {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}}
REPORTS = {"name": "prod-reports", "service_accounts": ["apps/reports"], "inline_policies": EVERYTHING}

Play = t.Callable[..., str]


def role(name: str) -> dict[str, t.Any]:
    return {**REPORTS, "name": name}


def provider(issuer: Issuer) -> str:
    return f"{ACCOUNT}:oidc-provider/{issuer.url[8:]}"


@pytest.fixture
def play(lab: Lab, tmp_path: Path) -> Play:
    for issuer in ISSUERS:
        publish(lab, issuer, issuer.url[8:].partition(".")[0])

    def run(entry_point: str, issuer: Issuer, *roles: dict[str, t.Any], fails: bool = False, **given: object) -> str:
        include = {"name": "onprem.irsa.irsa_iam", "tasks_from": entry_point}
        tasks = [{"ansible.builtin.include_role": include}, {"ansible.builtin.debug": {"var": "irsa_iam_report"}}]
        playbook = tmp_path / "playbook.json"
        playbook.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
        variables = {
            "irsa_cluster": "prod",
            "irsa_region": REGION,
            "irsa_issuer_url": issuer.url,
            "irsa_iam_service_accounts": "none",
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "irsa_iam_roles": list(roles),
            **given,
        }
        command = ["ansible-playbook", "-i", "cp1,", "-e", json.dumps(variables), str(playbook)]
        done = subprocess.run(  # noqa: S603 -- our own
            command, cwd=ROOT, env=lab.environment(), capture_output=True, text=True, check=False
        )
        assert (done.returncode != 0) is fails, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


def opens(lab: Lab, issuer: Issuer, name: str) -> bool:
    """Tell whether a token of the issuer still gets credentials of the role."""
    arguments = {"RoleArn": f"{ACCOUNT}:role/{name}", "RoleSessionName": "pod", "WebIdentityToken": issuer.token()}
    try:
        lab.unsigned("sts").assume_role_with_web_identity(**arguments)
    except ClientError:
        return False
    return True


def there(lab: Lab) -> tuple[set[str], set[str]]:
    """Return the names of the roles and the ARNs of the providers that are there."""
    iam = lab.client("iam")
    arns = {each["Arn"] for each in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]}
    return {each["RoleName"] for each in iam.list_roles()["Roles"]}, arns


def as_it_is(lab: Lab, name: str) -> str:
    found = lab.client("iam").get_account_authorization_details(Filter=["Role"])["RoleDetailList"]
    return json.dumps([each for each in found if each["RoleName"] == name], default=str, sort_keys=True)


@pytest.mark.parametrize("other", ["dev", "prod"], ids=["another cluster", "another cluster of the same name"])
def test_after_two_moves_nothing_of_the_cluster_is_left_and_nothing_of_another_touched(
    lab: Lab, play: Play, other: str
) -> None:
    play("main", THEIRS, role("b-reports"), irsa_cluster=other)
    for issuer in (FIRST, SECOND, THIRD):
        play("main", issuer, REPORTS)
    assert all(opens(lab, issuer, "prod-reports") for issuer in (FIRST, SECOND, THIRD)), "none was retired"
    theirs = as_it_is(lab, "b-reports")

    said = play("teardown", THIRD, REPORTS)
    assert there(lab) == ({"b-reports"}, {provider(THEIRS)})
    assert as_it_is(lab, "b-reports") == theirs
    assert opens(lab, THEIRS, "b-reports")
    assert not any(opens(lab, issuer, "prod-reports") for issuer in ISSUERS)
    assert ("b-reports is left as it is" in said) is (other == "prod"), said

    play("main", THEIRS, role("b-reports"), irsa_cluster=other)
    assert as_it_is(lab, "b-reports") == theirs, "its own run goes on"


def test_a_former_issuer_is_retired_by_name(lab: Lab, play: Play) -> None:
    play("main", FIRST, REPORTS)
    play("main", SECOND, REPORTS)
    assert opens(lab, FIRST, "prod-reports")
    said = play("main", SECOND, REPORTS, irsa_iam_retired_issuers=[FIRST.url])
    assert "of former issuers deleted: 1" in said
    assert there(lab)[1] == {provider(SECOND)}
    assert opens(lab, SECOND, "prod-reports")
    assert not opens(lab, FIRST, "prod-reports")
    assert provider(FIRST) not in as_it_is(lab, "prod-reports")
    assert "changed=0" in play("main", SECOND, REPORTS, irsa_iam_retired_issuers=[FIRST.url])


def test_the_provider_of_somebody_else_is_not_retired(lab: Lab, play: Play) -> None:
    play("main", THEIRS, role("b-reports"), irsa_cluster="dev")
    said = play("main", FIRST, REPORTS, fails=True, irsa_iam_retired_issuers=[THEIRS.url])
    assert "belongs to the cluster dev" in said
    assert opens(lab, THEIRS, "b-reports")
    assert there(lab) == ({"b-reports"}, {provider(THEIRS)}), "refused before anything was made"


def test_a_role_that_trusts_a_former_issuer_alone_is_named_and_goes_when_that_is_named(lab: Lab, play: Play) -> None:
    play("main", FIRST, REPORTS, role("prod-old"))
    said = play("main", SECOND, REPORTS)
    assert "prod-old" not in said, "it does not trust the present issuer"
    said = play("teardown", SECOND, REPORTS)
    assert "prod-old is left as it is" in said
    assert f"{provider(FIRST)} carries the tag of this cluster" in said
    assert there(lab) == ({"prod-old"}, {provider(FIRST)})
    assert '"onprem.irsa/cluster"' in as_it_is(lab, "prod-old")
    play("teardown", SECOND, REPORTS, irsa_iam_retired_issuers=[FIRST.url])
    assert there(lab) == (set(), set())


def test_a_role_off_the_list_is_named(play: Play) -> None:
    play("main", FIRST, REPORTS, role("prod-old"))
    assert "no longer in the list, and still there: prod-old" in play("main", FIRST, REPORTS)


def test_a_role_that_others_assume_is_released_without_a_word_for_the_cluster(lab: Lab, play: Play) -> None:
    play("main", FIRST, REPORTS)
    play("main", SECOND, REPORTS)
    iam = lab.client("iam")
    document = iam.get_role(RoleName="prod-reports")["Role"]["AssumeRolePolicyDocument"]
    ec2 = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document["Statement"].append(ec2)
    iam.update_assume_role_policy(RoleName="prod-reports", PolicyDocument=json.dumps(document))
    assert "others trust it" in play("teardown", SECOND, REPORTS, fails=True)
    assert there(lab) == ({"prod-reports"}, set())
    assert iam.get_role(RoleName="prod-reports")["Role"]["AssumeRolePolicyDocument"]["Statement"] == [ec2]
    assert iam.list_role_tags(RoleName="prod-reports")["Tags"] == []
