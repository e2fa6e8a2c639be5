# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the guides do in IAM, and pods that take their roles meanwhile; arguments come as JSON on standard input.

    trust    {"cases": [CASE, …]}             a provider and a role for each issuer, as its guide has them
    operator {"name": NAME, "policy": POLICY} a user with this policy alone; prints the key pair
    once     {"cases": …, "key": PEM}         offers one token of each issuer; prints the answers
    poll     {…, "stop": FILE, "report": FILE}  offers them again and again until the file is there

A CASE has a name, the issuer's url, the audience, and the role if it is not the guide's; for trust also whether its
condition is on the audience (aud), its subject and its thumbprint, where these are not what a careful reader sets.
"""

from __future__ import annotations

import json
import sys
import time
import typing as t
from pathlib import Path

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from jwcrypto import jwk, jws

from ansible_collections.onprem.irsa.plugins.module_utils._documents import jwks
from ansible_collections.onprem.irsa.plugins.module_utils._iam.thumbprint import served_thumbprint

Case = dict[str, t.Any]
SUBJECT = "system:serviceaccount:demo:adopt"
_PAUSE = 0.25


def _role(case: Case) -> str:
    return str(case.get("role", f"guide-{case['name']}"))


def trust(cases: list[Case]) -> None:
    """Make what the guides make, which is nobody's: no tags say whose it is."""
    iam = boto3.client("iam")
    for case in cases:
        host_path = case["url"].removeprefix("https://")
        thumbprint = case.get("thumbprint") or served_thumbprint(host_path.partition("/")[0], 443)
        provider = iam.create_open_id_connect_provider(
            Url=case["url"], ClientIDList=[case["audience"]], ThumbprintList=[thumbprint]
        )["OpenIDConnectProviderArn"]
        condition = {f"{host_path}:sub": case.get("subject", SUBJECT)}
        if case.get("aud", True):
            condition[f"{host_path}:aud"] = case["audience"]
        statement = {
            "Effect": "Allow",
            "Principal": {"Federated": provider},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": condition},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.create_role(RoleName=_role(case), AssumeRolePolicyDocument=policy)


def operator(name: str, policy: dict[str, t.Any]) -> dict[str, str]:
    """Make a user with a policy; return its key pair."""
    iam = boto3.client("iam")
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="operator", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}


class Pods:
    """Pods of the service account, as far as AWS sees them."""

    def __init__(self, key: str) -> None:
        """Sign with the cluster's key."""
        self._key = jwk.JWK.from_pem(key.encode())
        (published,) = jwks.jwks_from_pems([("KEY", self._key.export_to_pem().decode())])
        self._header = json.dumps({"alg": published["alg"], "kid": published["kid"]})
        self._sts = boto3.client("sts", config=Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1}))
        account = boto3.client("sts").get_caller_identity()["Account"]
        self._roles = f"arn:aws:iam::{account}:role/"

    def _token(self, case: Case) -> str:
        now = int(time.time())
        claims = {
            "iss": case["url"],
            "aud": [case["audience"]],
            "sub": SUBJECT,
            "iat": now,
            "nbf": now,
            "exp": now + 600,
        }
        token = jws.JWS(json.dumps(claims))
        token.add_signature(self._key, None, self._header)
        return str(token.serialize(compact=True))

    def take_role(self, case: Case) -> str:
        """Exchange a token for credentials; return "accepted", or why not."""
        arn = self._roles + _role(case)
        try:
            self._sts.assume_role_with_web_identity(
                RoleArn=arn, RoleSessionName="pod", WebIdentityToken=self._token(case)
            )
        except ClientError as error:
            return str(error)
        return "accepted"

    def go_on(self, cases: list[Case], stop: Path) -> dict[str, dict[str, t.Any]]:
        """Take the roles again and again; return how often, and how often not after it once worked."""
        found: dict[str, dict[str, t.Any]] = {case["name"]: {"accepted": 0, "refused_after": []} for case in cases}
        while not stop.exists():
            for case in cases:
                answer, seen = self.take_role(case), found[case["name"]]
                if answer == "accepted":
                    seen["accepted"] += 1
                elif seen["accepted"]:
                    seen["refused_after"].append(answer)
            time.sleep(_PAUSE)
        return found


def main() -> None:
    """Do what the first argument says."""
    given = json.load(sys.stdin)
    if sys.argv[1] == "trust":
        trust(given["cases"])
    elif sys.argv[1] == "operator":
        print(json.dumps(operator(given["name"], given["policy"])))
    elif sys.argv[1] == "poll":
        found = Pods(given["key"]).go_on(given["cases"], Path(given["stop"]))
        Path(given["report"]).write_text(json.dumps(found))
    else:
        pods = Pods(given["key"])
        print(json.dumps({case["name"]: pods.take_role(case) for case in given["cases"]}))


if __name__ == "__main__":
    main()
