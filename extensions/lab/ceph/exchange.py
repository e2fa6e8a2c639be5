# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The exchange of tokens for credentials, made with our documents and trust policies wherever AWS's names lead.

    export PYTHONPATH=.build STATE=~/.cache/onprem-irsa/lab
    LAB_STATE=$STATE/ceph extensions/lab/run python extensions/lab/ceph/exchange.py --authority $STATE/ceph/ca.pem
    extensions/lab/run python extensions/lab/ceph/exchange.py --authority $STATE/state/ca.pem

The first goes to the judge, the second to the AWS on the machine. A bucket, a provider and roles are made, right and
wrong tokens are offered, and everything is removed. Each verdict must be the one that AWS's documentation says; so two
servers that pass have given the same verdicts.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import hashlib
import hmac
import json
import ssl
import sys
import time
import typing as t
from dataclasses import dataclass, field
from pathlib import Path

import boto3
import yaml
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from jwcrypto import jwk, jws

from ansible_collections.onprem.irsa.plugins.module_utils import _discovery, _jwks, _trust
from ansible_collections.onprem.irsa.plugins.module_utils._issuer import s3_issuer_url

AUDIENCE = "sts.amazonaws.com"
BUCKET = "irsa-exchange"
TOKENS = Path(__file__).parents[1] / "tokens.yml"


@dataclass(frozen=True)
class Attempt:
    """A token offered for a role: an entry of the table, which says what the fields mean."""

    role: str
    what: str
    accepted: bool
    trust: bool
    claims: dict[str, t.Any] = field(default_factory=dict)
    from_now: dict[str, int] = field(default_factory=dict)
    sign: str = "current"


@dataclass(frozen=True)
class Role:
    """Whom a role trusts."""

    service_accounts: list[str]
    audiences: list[str] = field(default_factory=lambda: [AUDIENCE])


def table() -> tuple[dict[str, Role], list[Attempt]]:
    """Return the roles by name, and the tokens that are offered for them."""
    content = yaml.safe_load(TOKENS.read_text())
    roles = {name: Role(**role) for name, role in content["roles"].items()}
    return roles, [Attempt(**{"trust": token["accepted"], **token}) for token in content["tokens"]]


def _part(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def _unless_missing(call: t.Callable[..., object], arguments: dict[str, str]) -> None:
    """Make a call; an exchange that failed half-way has made only some of what is removed."""
    with contextlib.suppress(ClientError):
        call(**arguments)


def trust_policy(provider_arn: str, role: Role) -> _trust.Policy:
    """Return the trust policy of a role, as the collection builds it."""
    return _trust.merge(None, [_trust.Trust.of(provider_arn, role.audiences, role.service_accounts)])


def claims_of(attempt: Attempt, issuer: str) -> dict[str, t.Any]:
    """Return the claims of an attempt's token, as the issuer makes them."""
    now = int(time.time())
    changed = {
        name: value.replace("{issuer}", issuer) if isinstance(value, str) else value
        for name, value in attempt.claims.items()
    }
    usual = {
        "aud": [AUDIENCE],
        "exp": now + 3600,
        "iat": now,
        "iss": issuer,
        "jti": attempt.what,
        "kubernetes.io": {"namespace": "apps", "serviceaccount": {"name": "reports", "uid": "1"}},
        "nbf": now,
        "sub": "system:serviceaccount:apps:reports",
    }
    return usual | changed | {name: now + seconds for name, seconds in attempt.from_now.items()}


class Issuer:
    """An issuer with two published keys, as a cluster in the middle of a rotation has them."""

    def __init__(self, region: str) -> None:
        """Make the keys."""
        self.url = s3_issuer_url(BUCKET, region)
        self._keys = {name: jwk.JWK.generate(kty="RSA", size=2048) for name in ("current", "next", "foreign")}
        pems = [(name, self._keys[name].export_to_pem().decode()) for name in ("current", "next")]
        self._jwks = _jwks.jwks_from_pems(pems)
        self._kids = dict(zip(("current", "next"), (key["kid"] for key in self._jwks), strict=True))

    def documents(self) -> dict[str, str]:
        """Return the documents by their keys in the bucket."""
        jwks_uri = self.url + _discovery.JWKS_PATH
        discovery = _discovery.discovery_document(self.url, jwks_uri, [key["alg"] for key in self._jwks])
        texts = {_discovery.JWKS_PATH: _jwks.jwks_document(self._jwks), _discovery.DISCOVERY_PATH: discovery}
        return {path.removeprefix("/"): text for path, text in texts.items()}

    def token(self, attempt: Attempt) -> str:
        """Return the token of an attempt."""
        claims = claims_of(attempt, self.url)
        header = {"alg": "RS256", "kid": self._kids.get(attempt.sign, self._kids["current"])}
        if attempt.sign == "none":
            return f"{_part(header | {'alg': 'none'})}.{_part(claims)}."
        if attempt.sign == "hmac":
            return self._hmac(f"{_part(header | {'alg': 'HS256'})}.{_part(claims)}")
        token = jws.JWS(json.dumps(claims))
        token.add_signature(self._keys.get(attempt.sign, self._keys["current"]), None, json.dumps(header))
        text = str(token.serialize(compact=True))
        if attempt.sign == "changed":
            head, _claims, signature = text.split(".")
            return f"{head}.{_part(claims | {'exp': claims['exp'] + 1})}.{signature}"
        return text

    def _hmac(self, signed: str) -> str:
        digest = hmac.new(self._keys["current"].export_to_pem(), signed.encode(), hashlib.sha256).digest()
        return f"{signed}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


class Exchange:
    """One run against the server that AWS's names lead to."""

    def __init__(self, region: str, authority: Path) -> None:
        """Make the clients; ``authority`` is the certificate whose thumbprint the provider gets."""
        make: t.Any = boto3.session.Session(region_name=region).client  # its stub wants the names written out
        config = Config(retries={"total_max_attempts": 2})
        self._region = region
        self._s3, self._iam = make("s3", config=config), make("iam", config=config)
        self._sts = make("sts", config=Config(signature_version=UNSIGNED, retries={"total_max_attempts": 2}))
        der = ssl.PEM_cert_to_DER_cert(authority.read_text())
        self._thumbprint = hashlib.sha1(der).hexdigest()  # noqa: S324 -- what IAM calls a thumbprint
        self._provider = ""

    def publish(self, documents: dict[str, str]) -> None:
        """Publish the documents, and nothing but them."""
        self._s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": self._region})
        block = {"BlockPublicAcls": True, "IgnorePublicAcls": True}
        open_to_policies = block | {"BlockPublicPolicy": False, "RestrictPublicBuckets": False}
        self._s3.put_public_access_block(Bucket=BUCKET, PublicAccessBlockConfiguration=open_to_policies)
        statement = {
            "Effect": "Allow",
            "Principal": "*",
            "Action": "s3:GetObject",
            "Resource": [f"arn:aws:s3:::{BUCKET}/{key}" for key in documents],
        }
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        self._s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(policy))
        for key, text in documents.items():
            self._s3.put_object(Bucket=BUCKET, Key=key, Body=text.encode(), ContentType="application/json")

    def trust(self, issuer: str, roles: dict[str, Role]) -> None:
        """Make the provider and the roles, with trust policies as the collection builds them."""
        audiences = sorted({audience for role in roles.values() for audience in role.audiences})
        made = self._iam.create_open_id_connect_provider(
            Url=issuer, ClientIDList=audiences, ThumbprintList=[self._thumbprint]
        )
        self._provider = made["OpenIDConnectProviderArn"]
        for name, role in roles.items():
            document = _trust.serialise(trust_policy(self._provider, role))
            self._iam.create_role(RoleName=f"irsa-exchange-{name}", AssumeRolePolicyDocument=document)

    def offer(self, role: str, token: str) -> str:
        """Offer a token for a role; return "accepted", or the code of the refusal."""
        account = self._provider.split(":")[4]
        arn = f"arn:aws:iam::{account}:role/irsa-exchange-{role}"
        try:
            self._sts.assume_role_with_web_identity(RoleArn=arn, RoleSessionName="exchange", WebIdentityToken=token)
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return "accepted"

    def close(self) -> None:
        """Take the documents' publication back: the bucket's policy goes."""
        self._s3.delete_bucket_policy(Bucket=BUCKET)

    def remove(self, documents: dict[str, str], roles: dict[str, Role]) -> None:
        """Remove what was made, as far as it was."""
        removals: list[tuple[t.Any, dict[str, str]]] = [
            (self._iam.delete_role, {"RoleName": f"irsa-exchange-{role}"}) for role in roles
        ]
        if self._provider:
            arn = {"OpenIDConnectProviderArn": self._provider}
            removals.append((self._iam.delete_open_id_connect_provider, arn))
        removals += [(self._s3.delete_object, {"Bucket": BUCKET, "Key": key}) for key in documents]
        removals.append((self._s3.delete_bucket, {"Bucket": BUCKET}))
        for call, arguments in removals:
            _unless_missing(call, arguments)


def verdicts(exchange: Exchange, issuer: Issuer, attempts: list[Attempt]) -> list[tuple[str, bool, str]]:
    """Offer the tokens, and in the end one whose documents are no longer public: what, its verdict, the answer."""
    rows = [
        (f"{attempt.role}: {attempt.what}", attempt.accepted, exchange.offer(attempt.role, issuer.token(attempt)))
        for attempt in attempts
    ]
    exchange.close()
    closed = exchange.offer("exact", issuer.token(attempts[0]))
    return [*rows, ("exact: documents that are not public", False, closed)]


def main() -> None:
    """Make the exchange; exit with 1 when a verdict is not the expected one."""
    parser = argparse.ArgumentParser(
        description="Offer right and wrong tokens to the S3, IAM and STS behind AWS's names"
    )
    parser.add_argument(
        "--authority", type=Path, required=True, help="certificate authority of the issuer's host (PEM)"
    )
    parser.add_argument("--region", default="eu-central-1")
    arguments = parser.parse_args()
    roles, attempts = table()
    issuer, exchange = Issuer(arguments.region), Exchange(arguments.region, arguments.authority)
    try:
        exchange.publish(issuer.documents())
        exchange.trust(issuer.url, roles)
        rows = verdicts(exchange, issuer, attempts)
    finally:
        exchange.remove(issuer.documents(), roles)
    wrong = [row for row in rows if row[1] != (row[2] == "accepted")]
    for what, accepted, answer in rows:
        verdict = "as expected" if (what, accepted, answer) not in wrong else "NOT AS EXPECTED"
        print(f"{what:<50} {answer:<24} {verdict}")
    print(f"{len(rows) - len(wrong)} of {len(rows)} verdicts as expected")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
