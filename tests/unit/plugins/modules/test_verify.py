# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
import typing as t

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.onprem.irsa.plugins.module_utils._proof import checks, relying_party
from ansible_collections.onprem.irsa.plugins.modules import verify
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._proof.test_checks import (
    ARN,
    CLAIMS,
    RSA,
    ended,
    pod,
    published,
    token,
)
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._proof.test_checks import ROLE as ROLE_ARN
from ansible_collections.onprem.irsa.tests.unit.plugins.relying_party_servers import (
    Page,
    StsError,
    certificate,
    pages_handler,
    serving,
    sts_handler,
)

if t.TYPE_CHECKING:
    from pathlib import Path

Args = dict[str, t.Any]


class World(t.NamedTuple):
    """What is published and what STS trusts; tests break one of them."""

    issuer: str
    pages: dict[str, Page]
    trust: dict[str, str]

    def token(self, **changes: object) -> str:
        return token({**CLAIMS, "iss": self.issuer, **changes})

    def args(self) -> Args:
        return {
            "issuer": self.issuer,
            "kids": ["k1"],
            "region": "eu-central-1",
            "role_arn": ROLE_ARN,
            "service_account": "apps/reports",
            "tokens": [{"server": name, "token": self.token(), "seconds": 0.25} for name in ("cp1", "cp2")],
            "wrong_account_token": self.token(sub="system:serviceaccount:apps:default"),
            "wrong_audience_token": self.token(aud=["wrong"]),
        }

    def decide(self, parameters: dict[str, str]) -> str | StsError:
        """Answer as STS does: signature, then audience, then subject."""
        text = parameters["WebIdentityToken"]
        try:
            checks.check_signature(text, published(), "")
        except checks.LinkError:
            return StsError("InvalidIdentityToken", "The signature is not valid")
        claims = checks.decode(text).claims
        if "provider" not in self.trust:
            return StsError("InvalidIdentityToken", "No OpenIDConnect provider found in your account")
        if self.trust["audience"] not in checks.audiences(claims):
            return StsError("InvalidIdentityToken", "Incorrect token audience")
        if claims["sub"] not in self.trust["subjects"].split():
            return StsError("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", 403)
        return self.trust["session"]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> t.Iterator[World]:
    monkeypatch.setattr(relying_party, "PROPAGATION_SECONDS", 0.0)
    context, trusted = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    pages: dict[str, Page] = {}
    trust = {
        "provider": "yes",
        "audience": "sts.amazonaws.com",
        "subjects": "system:serviceaccount:apps:reports",
        "session": ARN,
    }
    with serving(pages_handler(pages), context) as web:
        seen = World(f"https://{web}", pages, trust)
        pages["/.well-known/openid-configuration"] = Page(
            json.dumps({"issuer": seen.issuer, "jwks_uri": f"{seen.issuer}/openid/v1/jwks"})
        )
        pages["/openid/v1/jwks"] = Page(json.dumps({"keys": list(published().values())}), "application/jwk-set+json")
        with serving(sts_handler(seen.decide)) as sts:
            monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"http://{sts}")
            yield seen


def run(args: Args, capsys: pytest.CaptureFixture[str]) -> Args:
    with patch_module_args(args), pytest.raises(SystemExit):
        verify.main()
    result: Args = json.loads(capsys.readouterr().out)
    return result


def links(result: Args) -> dict[str, bool]:
    return {row["link"]: row["ok"] for row in result["links"]}


@pytest.mark.parametrize("check_mode", [False, True])
def test_the_whole_chain(world: World, capsys: pytest.CaptureFixture[str], check_mode: bool) -> None:
    result = run({**world.args(), "_ansible_check_mode": check_mode}, capsys)
    assert links(result) == dict.fromkeys(
        [
            "API server cp1",
            "API server cp2",
            "documents",
            "STS",
            "refusal: service account",
            "refusal: audience",
            "refusal: foreign key",
        ],
        True,
    )
    assert result["changed"] is False
    rows = {row["link"]: row for row in result["links"]}
    assert rows["STS"]["result"] == rows["STS"]["detail"] == ARN
    assert rows["API server cp1"]["seconds"] == 0.25
    assert all(row["cause"] == row["fix"] == "" and row["checked"] for row in result["links"])
    assert "very secret" not in json.dumps(result)


def test_documents_alone(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert links(run({"issuer": world.issuer, "kids": ["k1"]}, capsys)) == {"documents": True}


def test_tokens_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert links(run({"tokens": [{"server": "cp1", "token": token()}]}, capsys)) == {"API server cp1": True}


def broken(world: World, args: Args, what: str) -> None:
    """Break one thing."""
    if what == "server":
        args["tokens"][1].update(token="", error="connection refused")
    elif what == "issuer":
        args["tokens"][1]["token"] = world.token(iss="https://kubernetes.default.svc")
    elif what == "signer":
        args["tokens"][1]["token"] = checks.with_foreign_key(args["tokens"][0]["token"])
    elif what == "bucket":
        world.pages["/openid/v1/jwks"] = Page("<Error/>", "application/xml", 403)
    elif what == "provider":
        del world.trust["provider"]
    elif what == "no trust":
        world.trust["subjects"] = "none"
    elif what == "too much trust":
        world.trust["subjects"] += " system:serviceaccount:apps:default"
    elif what == "other role":
        world.trust["session"] = ARN.replace("prod-reports", "admin")


@pytest.mark.parametrize(
    ("what", "failing", "words"),
    [
        ("server", ["API server cp2"], "gives no token: connection refused"),
        ("issuer", ["API server cp2"], "run onprem.irsa.site. It sets the flags, or with irsa_apiserver_flags: show"),
        ("signer", ["documents"], "does not verify a token of API server cp2"),
        ("bucket", ["documents"], "HTTP status 403"),
        ("provider", ["STS", "refusal: service account", "refusal: audience"], "No OpenIDConnect provider"),
        ("no trust", ["STS"], "trust policy of arn:aws:iam::123456789012:role/team/prod-reports must name"),
        ("too much trust", ["refusal: service account"], "STS takes it and gives the identity"),
        ("other role", ["STS"], "which is not the role"),
    ],
)
def test_every_failure_names_link_cause_and_fix(
    world: World, capsys: pytest.CaptureFixture[str], what: str, failing: list[str], words: str
) -> None:
    args = world.args()
    broken(world, args, what)
    result = run(args, capsys)
    assert result["failed"] is True
    assert [link for link, ok in links(result).items() if not ok] == failing
    assert words in result["msg"]
    for row in (row for row in result["links"] if not row["ok"]):
        assert row["result"] == "FAILED"
        assert row["detail"] == f"{row['cause']} {row['fix']}"
        assert row["fix"]


@pytest.mark.parametrize(
    ("text", "healthy"),
    [
        ("Couldn't retrieve verification key from your identity provider, please reference the documentation", True),
        ("The signature is not valid", True),
        ("Token signature is invalid", True),
        ("No OpenIDConnect provider found in your account", False),
        ("Token expired: current date/time", False),
        ("Incorrect token audience", False),
    ],
)
def test_a_foreign_key_is_refused_in_whatever_words(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, text: str, healthy: bool
) -> None:
    decide = World.decide

    def otherwise(self: World, parameters: dict[str, str]) -> str | StsError:
        answer = decide(self, parameters)
        return StsError(answer.code, text) if isinstance(answer, StsError) and "signature" in answer.message else answer

    monkeypatch.setattr(World, "decide", otherwise)
    with serving(sts_handler(world.decide)) as sts:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"http://{sts}")
        assert links(run(world.args(), capsys))["refusal: foreign key"] is healthy


def test_documents_of_unknown_keys_are_tried_and_that_is_said(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    (row,) = run({"issuer": world.issuer, "kids": []}, capsys)["links"]
    assert (row["link"], row["ok"], "which keys must be there was not said" in row["result"]) == (
        "documents",
        True,
        True,
    )


def test_what_aws_takes_and_others_may_not_is_noted(
    world: World, capsys: pytest.CaptureFixture[str], warned: list[str]
) -> None:
    ours = published()["k1"]
    world.pages["/openid/v1/jwks"] = Page(
        json.dumps({"keys": [ours, {**ours, "kid": "k2", "use": "enc"}]}), "text/plain"
    )
    result = run({"issuer": world.issuer, "kids": ["k1"]}, capsys)
    (row,) = result["links"]
    assert row["ok"]
    kind, other = row["notes"]
    assert "'text/plain', not application/jwk-set+json" in kind
    assert "the key k2 has the use 'enc'" in other
    assert [any(note in warning for warning in warned) for note in (kind, other)] == [True, True]


@pytest.mark.parametrize("missing", ["aud", "sub", None])
def test_the_trust_policy_is_judged(world: World, capsys: pytest.CaptureFixture[str], missing: str | None) -> None:
    host = world.issuer.removeprefix("https://")
    claims = {"aud": "sts.amazonaws.com", "sub": "system:serviceaccount:apps:reports"}
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": f"arn:aws:iam::123456789012:oidc-provider/{host}"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {f"{host}:{name}": value for name, value in claims.items() if name != missing}},
    }
    trust = {"policy": {"Version": "2012-10-17", "Statement": [statement]}, "service_accounts": ["apps/reports"]}
    assert links(run({**world.args(), "trust": trust}, capsys))["trust policy"] is (missing is None)
    assert "trust policy" not in links(run({**world.args(), "trust": {"error": "AccessDenied"}}, capsys))


def test_an_audience_of_another_role_is_refused_by_the_role(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    args = {**world.args(), "other_audience_token": world.token(aud=["other"])}
    assert links(run(args, capsys))["refusal: audience of another role"] is True
    args["other_audience_token"] = world.token()
    assert links(run(args, capsys))["refusal: audience of another role"] is False


@pytest.mark.parametrize("names", [{"AWS_PROFILE": "nobody"}, {"AWS_PROFILE": "nobody", "AWS_DEFAULT_PROFILE": "x"}])
def test_a_profile_that_is_not_here(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, names: dict[str, str]
) -> None:
    for name, value in names.items():
        monkeypatch.setenv(name, value)
    assert all(links(run(world.args(), capsys)).values())


@pytest.mark.parametrize("region", ["eu central", "eu-central-1/", "_"])
def test_a_region_of_no_form_is_a_link_that_does_not_hold(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, region: str
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL_STS")
    result = run({**world.args(), "region": region}, capsys)
    assert [link for link, ok in links(result).items() if ok] == ["API server cp1", "API server cp2", "documents"]
    assert f"STS in {region} cannot be asked" in result["msg"]


def test_pods(capsys: pytest.CaptureFixture[str]) -> None:
    finished = ended("Succeeded", terminated={"finishedAt": "2026-01-01T00:00:03Z"})
    args = {
        "role_arn": ROLE_ARN,
        "admitted_pod": {"pod": pod()},
        "finished_pod": {"pod": finished, "log": ARN},
    }
    result = run(args, capsys)
    assert links(result) == {"webhook": True, "pod": True}
    assert [row["seconds"] for row in result["links"]] == [None, 3.0]


@pytest.mark.parametrize("option", ["admitted_pod", "finished_pod"])
def test_no_pod(capsys: pytest.CaptureFixture[str], option: str) -> None:
    result = run({"role_arn": ROLE_ARN, option: {"error": "forbidden by quota"}}, capsys)
    assert "forbidden by quota" in result["msg"]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({}, "nothing to prove"),
        ({"kids": ["k1"]}, "nothing to prove"),
        ({"admitted_pod": {}}, "role_arn"),
        ({"finished_pod": {}}, "role_arn"),
        ({"role_arn": ROLE_ARN, "tokens": [{"server": "cp1", "token": token(key=RSA)}]}, "no region"),
    ],
)
def test_bad_options(capsys: pytest.CaptureFixture[str], args: Args, words: str) -> None:
    result = run(args, capsys)
    assert result["failed"] is True
    assert words in result["msg"]
    assert "links" not in result


def test_documents_with_a_certificate_of_a_private_authority(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    authority = os.environ["SSL_CERT_FILE"]
    monkeypatch.delenv("SSL_CERT_FILE")
    options = {"issuer": world.issuer, "kids": ["k1"]}
    assert "CERTIFICATE_VERIFY_FAILED" in run(options, capsys)["msg"]
    assert links(run({**options, "ca_path": authority}, capsys)) == {"documents": True}
    missing = str(tmp_path / "missing.pem")
    assert f"authorities in {missing} cannot be read" in run({**options, "ca_path": missing}, capsys)["msg"]
