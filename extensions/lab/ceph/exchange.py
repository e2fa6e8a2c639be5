# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The exchange of tokens for credentials, made with our documents and trust policies wherever AWS's names lead.

    export PYTHONPATH=.build LAB_STATE=~/.cache/onprem-irsa/lab/ceph
    extensions/lab/run python extensions/lab/ceph/exchange.py --authority $LAB_STATE/ca.pem \\
        --endpoint https://s3.eu-central-1.amazonaws.com
    export LAB_STATE=~/.cache/onprem-irsa/lab/state
    extensions/lab/run python extensions/lab/ceph/exchange.py --authority $LAB_STATE/ca.pem

The first goes to the judge, with an endpoint, as every store that is not AWS's has one; the second to the AWS on the
machine. The module s3_issuer publishes a first key, then two more in two runs at once, and retires one again; a
provider and roles are made, right and wrong tokens are offered, and everything is removed. Each verdict must be the one
that AWS's documentation says; so two servers that pass have given the same verdicts.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import os
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

from ansible_collections.onprem.irsa.plugins.module_utils._documents import discovery as discovery_rules
from ansible_collections.onprem.irsa.plugins.module_utils._documents import jwks as jwks_rules
from ansible_collections.onprem.irsa.plugins.module_utils._documents.issuer import checked_s3_issuer_url
from ansible_collections.onprem.irsa.plugins.module_utils._documents.paths import JWKS_PATH
from ansible_collections.onprem.irsa.plugins.module_utils._trust import policy as trust_rules

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


def trust_policy(provider_arn: str, role: Role) -> trust_rules.Policy:
    """Return the trust policy of a role, as the collection builds it."""
    return trust_rules.merge(None, [trust_rules.Trust.of(provider_arn, role.audiences, role.service_accounts)])


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
        """Make the keys; one is published for a while, and one is nobody's."""
        self.url = checked_s3_issuer_url(BUCKET, region)
        self._keys = {name: jwk.JWK.generate(kty="RSA", size=2048) for name in ("current", "next", "third", "foreign")}
        self._published = {
            name: jwks_rules.jwks_from_pems([(name, key.export_to_pem().decode())])[0]
            for name, key in self._keys.items()
        }

    def kids(self, *names: str) -> list[str]:
        """Return the ids of keys."""
        return [self._published[name]["kid"] for name in names]

    def documents(self, *names: str) -> dict[str, str]:
        """Return the documents with these keys, as the options of the module that publishes them."""
        keys = [self._published[name] for name in names]
        jwks_uri = self.url + JWKS_PATH
        discovery = discovery_rules.discovery_document(self.url, jwks_uri, [key["alg"] for key in keys])
        return {"issuer": self.url, "discovery_document": discovery, "jwks": jwks_rules.jwks_document(keys)}

    def token(self, attempt: Attempt) -> str:
        """Return the token of an attempt."""
        claims = claims_of(attempt, self.url)
        (kid,) = self.kids("next" if attempt.sign == "next" else "current")
        header = {"alg": "RS256", "kid": kid}
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


class PublicationError(Exception):
    """The module did not do what it is to do."""


class Publisher:
    """The module s3_issuer, run by Ansible, with the server's authority given to it alone."""

    def __init__(self, region: str, authority: Path, endpoint: str | None) -> None:
        """Say what every run is given; an endpoint is that of another store than S3."""
        trusted = {"aws_ca_bundle": str(authority), "ca_path": str(authority)}
        self._given = {"bucket": BUCKET, "region": region, "cluster": "exchange", **trusted}
        if endpoint:
            self._given["endpoint_url"] = endpoint

    async def _run(self, options: dict[str, t.Any]) -> dict[str, t.Any]:
        trusting = ("AWS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE")
        environment = {name: value for name, value in os.environ.items() if name not in trusting}
        environment["ANSIBLE_FORCE_COLOR"] = "false"  # or else, as Molecule sets it, the output is no JSON
        process = await asyncio.create_subprocess_exec(
            "ansible",
            "localhost",
            f"--extra-vars=ansible_python_interpreter={sys.executable}",
            "--module-name=onprem.irsa.s3_issuer",
            f"--args={json.dumps({**self._given, **options})}",
            stdout=asyncio.subprocess.PIPE,
            env=environment,
        )
        output = (await process.communicate())[0].decode()
        found: dict[str, t.Any] = json.loads(output.partition("=>")[2])
        if found.get("failed"):
            raise PublicationError(found["msg"])
        return found

    def run(self, *runs: dict[str, t.Any]) -> list[dict[str, t.Any]]:
        """Run the module, all of these at once; return what it returned."""

        async def all_of_them() -> list[dict[str, t.Any]]:
            return list(await asyncio.gather(*(self._run(options) for options in runs)))

        return asyncio.run(all_of_them())

    def publish(self, issuer: Issuer) -> None:
        """Publish one key, two more by two runs at once, and then two; raise PublicationError when that is not so."""
        both, final = issuer.documents("current", "third"), issuer.documents("current", "next")
        self.run(issuer.documents("current"))
        self.run(both, final)
        (seen,) = self.run(issuer.documents("current"))
        if set(seen["kids"]) != set(issuer.kids("current", "next", "third")) or seen["changed"]:
            raise PublicationError(f"Two runs at once ended with {seen['kids']}.")
        (seen,) = self.run({**final, "retired_kids": issuer.kids("third")})
        if seen["kids"] != issuer.kids("current", "next"):
            raise PublicationError(f"The retired key is among {seen['kids']}.")
        (seen,) = self.run(final)
        if seen["changed"]:
            raise PublicationError("A second run changed something.")

    def remove(self, issuer: Issuer) -> None:
        """Remove the documents and the bucket."""
        self.run({"issuer": issuer.url, "state": "absent"})


class Exchange:
    """One run against the server that AWS's names lead to."""

    def __init__(self, region: str, authority: Path) -> None:
        """Make the clients; ``authority`` is the certificate whose thumbprint the provider gets."""
        make: t.Any = boto3.session.Session(region_name=region).client  # its stub wants the names written out
        config = Config(retries={"total_max_attempts": 2})
        self._s3, self._iam = make("s3", config=config), make("iam", config=config)
        self._sts = make("sts", config=Config(signature_version=UNSIGNED, retries={"total_max_attempts": 2}))
        der = ssl.PEM_cert_to_DER_cert(authority.read_text())
        self._thumbprint = hashlib.sha1(der).hexdigest()  # noqa: S324 -- what IAM calls a thumbprint
        self._provider = ""

    def trust(self, issuer: str, roles: dict[str, Role]) -> None:
        """Make the provider and the roles, with trust policies as the collection builds them."""
        audiences = sorted({audience for role in roles.values() for audience in role.audiences})
        made = self._iam.create_open_id_connect_provider(
            Url=issuer, ClientIDList=audiences, ThumbprintList=[self._thumbprint]
        )
        self._provider = made["OpenIDConnectProviderArn"]
        for name, role in roles.items():
            document = trust_rules.serialise(trust_policy(self._provider, role))
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

    def remove(self, roles: dict[str, Role]) -> None:
        """Remove provider and roles, as far as they were made."""
        removals: list[tuple[t.Any, dict[str, str]]] = [
            (self._iam.delete_role, {"RoleName": f"irsa-exchange-{role}"}) for role in roles
        ]
        if self._provider:
            arn = {"OpenIDConnectProviderArn": self._provider}
            removals.append((self._iam.delete_open_id_connect_provider, arn))
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
    parser.add_argument("--endpoint", help="the URL of the S3 when it is another store than AWS's")
    arguments = parser.parse_args()
    roles, attempts = table()
    issuer, exchange = Issuer(arguments.region), Exchange(arguments.region, arguments.authority)
    publisher = Publisher(arguments.region, arguments.authority, arguments.endpoint)
    try:
        publisher.publish(issuer)
        exchange.trust(issuer.url, roles)
        rows = verdicts(exchange, issuer, attempts)
    finally:
        exchange.remove(roles)
        publisher.remove(issuer)
    wrong = [row for row in rows if row[1] != (row[2] == "accepted")]
    for what, accepted, answer in rows:
        verdict = "as expected" if (what, accepted, answer) not in wrong else "NOT AS EXPECTED"
        print(f"{what:<50} {answer:<24} {verdict}")
    print(f"{len(rows) - len(wrong)} of {len(rows)} verdicts as expected")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
