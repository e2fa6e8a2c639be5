# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plain script that asks for each role by itself, one after the other, and writes what differs."""

from __future__ import annotations

import json
import sys
import typing as t
from pathlib import Path

import boto3
from botocore.exceptions import ClientError


def _policy(provider: str, account: str) -> dict[str, t.Any]:
    issuer = provider.partition("oidc-provider/")[2]
    subject = f"system:serviceaccount:{account.replace('/', ':')}"
    condition = {"StringEquals": {f"{issuer}:aud": "sts.amazonaws.com", f"{issuer}:sub": subject}}
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": provider},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": condition,
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def _main() -> None:
    given = json.loads(Path(sys.argv[1]).read_text())
    iam = boto3.client("iam")
    for role in given["roles"]:
        name, trust = role["name"], _policy(given["provider"], role["service_accounts"][0])
        try:
            found = iam.get_role(RoleName=name)["Role"]
        except ClientError:
            iam.create_role(
                RoleName=name,
                AssumeRolePolicyDocument=json.dumps(trust),
                Description=role["description"],
                Tags=[{"Key": key, "Value": value} for key, value in role["tags"].items()],
            )
        else:
            if found["AssumeRolePolicyDocument"] != trust:
                iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trust))
        attached = {each["PolicyArn"] for each in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]}
        for arn in set(role["managed_policies"]) - attached:
            iam.attach_role_policy(RoleName=name, PolicyArn=arn)


if __name__ == "__main__":
    _main()
