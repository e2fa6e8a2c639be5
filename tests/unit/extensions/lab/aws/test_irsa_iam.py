# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role irsa_iam, run by ansible-playbook against the AWS on the machine; service accounts are left alone."""

from __future__ import annotations

import json
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

from .conftest import REGION, Issuer, Lab, publish

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[5]
BUCKET = "acme-prod-oidc"
ISSUER = Issuer(f"https://{BUCKET}.s3.{REGION}.amazonaws.com")
PROVIDER = f"arn:aws:iam::123456789012:oidc-provider/{ISSUER.url[8:]}"
VARS = {
    "irsa_cluster": "prod",
    "irsa_region": REGION,
    "irsa_issuer_bucket": BUCKET,
    "irsa_iam_service_accounts": "none",
    "ansible_connection": "local",
    "ansible_python_interpreter": sys.executable,
    "irsa_iam_roles": [
        {"name": f"prod-{name}", "service_accounts": [f"apps/{name}"]} for name in ("reports", "shared", "busy")
    ],
}

Play = t.Callable[..., tuple[int, str]]


def trusting(*principals: dict[str, str]) -> str:
    action = {"Federated": "sts:AssumeRoleWithWebIdentity", "Service": "sts:AssumeRole"}
    statements = [{"Effect": "Allow", "Principal": each, "Action": action[next(iter(each))]} for each in principals]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


@pytest.fixture
def play(lab: Lab, tmp_path: Path) -> Play:
    publish(lab, ISSUER, BUCKET)

    def run(entry_point: str, *options: str) -> tuple[int, str]:
        include = {"name": "onprem.irsa.irsa_iam", "tasks_from": entry_point}
        tasks = [{"ansible.builtin.include_role": include}]
        playbook = tmp_path / "playbook.json"
        playbook.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
        command = ["ansible-playbook", "-i", "cp1,", "-e", json.dumps(VARS), *options, str(playbook)]
        done = subprocess.run(  # noqa: S603 -- our own
            command, cwd=ROOT, env=lab.environment(), capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout + done.stderr

    return run


def test_the_check_before_is_no_change(lab: Lab, play: Play) -> None:
    lab.admin("/calls/reset", {})
    code, output = play("preflight", "--diff")
    assert (code, "changed=0" in output, "--- before" in output) == (0, True, False), output
    assert lab.admin("/calls")["writes"] == 0


def test_what_is_there_is_looked_at_once_in_a_run(lab: Lab, play: Play) -> None:
    assert play("main")[0] == 0
    calls = []
    for entry_point in ("preflight", "main"):
        lab.admin("/calls/reset", {})
        code, output = play(entry_point)
        assert (code, "changed=0" in output) == (0, True), output
        calls.append(lab.admin("/calls"))
    assert calls[0] == calls[1]

    lab.client("iam").delete_role(RoleName="prod-busy")
    code, output = play("main")
    assert (code, "changed=1" in output) == (0, True), output


def test_teardown_names_what_it_leaves_behind(lab: Lab, play: Play) -> None:
    assert play("main")[0] == 0
    assert "changed=0" in play("main")[1]
    iam = lab.client("iam")
    theirs = trusting({"Federated": PROVIDER})
    iam.create_role(RoleName="foreign", AssumeRolePolicyDocument=theirs)
    shared = trusting({"Federated": PROVIDER}, {"Service": "ec2.amazonaws.com"})
    iam.update_assume_role_policy(RoleName="prod-shared", PolicyDocument=shared)
    iam.create_instance_profile(InstanceProfileName="node")
    iam.add_role_to_instance_profile(InstanceProfileName="node", RoleName="prod-busy")
    was = sorted(role["RoleName"] for role in iam.list_roles()["Roles"])

    code, output = play("teardown", "--check")
    assert code == 2
    assert sorted(role["RoleName"] for role in iam.list_roles()["Roles"]) == was

    code, output = play("teardown")
    assert code == 2
    left = output[output.index("This is left behind in IAM:") :]
    for part in (
        "prod-busy: The role arn:aws:iam::123456789012:role/prod-busy is in the instance profile node",
        "role/prod-shared: others trust it",
        "role/foreign",
    ):
        assert part in left, output
    assert "prod-reports" not in left
    assert sorted(role["RoleName"] for role in iam.list_roles()["Roles"]) == ["foreign", "prod-busy", "prod-shared"]

    iam.remove_role_from_instance_profile(InstanceProfileName="node", RoleName="prod-busy")
    iam.delete_role(RoleName="foreign")
    code, output = play("teardown")
    assert code == 0, output
    assert [role["RoleName"] for role in iam.list_roles()["Roles"]] == ["prod-shared"]
    assert iam.list_open_id_connect_providers()["OpenIDConnectProviderList"] == []
    assert "changed=0" in play("teardown")[1]
