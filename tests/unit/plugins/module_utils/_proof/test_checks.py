# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import typing as t

import pytest
from jwcrypto.common import base64url_encode
from jwcrypto.jwk import JWK
from jwcrypto.jws import JWS, InvalidJWSSignature

from ansible_collections.onprem.irsa.plugins.module_utils._proof import checks
from ansible_collections.onprem.irsa.plugins.module_utils._proof.checks import Answer, Document, LinkError, WantedToken

ISSUER = "https://acme-prod-oidc.s3.eu-central-1.amazonaws.com"
ROLE = "arn:aws:iam::123456789012:role/team/prod-reports"
ARN = "arn:aws:sts::123456789012:assumed-role/prod-reports/onprem-irsa-verify"
CLAIMS = {"iss": ISSUER, "aud": ["sts.amazonaws.com"], "sub": "system:serviceaccount:apps:reports", "exp": 2000000000}
WANTED = WantedToken(ISSUER, "sts.amazonaws.com", "apps/reports", ("k1", "k2"))
RSA = JWK.generate(kty="RSA", size=2048)
EC = JWK.generate(kty="EC", crv="P-256")


def token(claims: dict[str, t.Any] | None = None, *, key: JWK = RSA, alg: str = "RS256", kid: str = "k1") -> str:
    signed = JWS(json.dumps(CLAIMS if claims is None else claims))
    signed.add_signature(key, alg=alg, protected=json.dumps({"alg": alg, "kid": kid}))
    return str(signed.serialize(compact=True))


def published(key: JWK = RSA, alg: str = "RS256", kid: str = "k1") -> dict[str, t.Any]:
    return {kid: {**json.loads(key.export_public()), "use": "sig", "alg": alg, "kid": kid}}


def document(body: str, *, status: int = 200, kind: str = "application/json", seconds: float = 0.1) -> Document:
    return Document(f"{ISSUER}/document", status, kind, body, seconds)


def test_decode() -> None:
    assert checks.decode(token()) == ({"alg": "RS256", "kid": "k1"}, CLAIMS)


@pytest.mark.parametrize("text", ["", "a.b", "a.b.c", "....", f"{base64url_encode('[]')}.{base64url_encode('{}')}.x"])
def test_what_is_no_token(text: str) -> None:
    with pytest.raises(LinkError, match="not a signed JWT"):
        checks.decode(text)


@pytest.mark.parametrize("aud", ["sts.amazonaws.com", ["sts.amazonaws.com"], ["other", "sts.amazonaws.com"]])
def test_token_as_wanted(aud: str | list[str]) -> None:
    assert checks.check_token(token({**CLAIMS, "aud": aud}), WANTED) == "signed by k1"


def test_what_is_not_wanted_is_not_compared() -> None:
    assert checks.check_token(token({}), WantedToken("", "", "", ())) == "signed by k1"


@pytest.mark.parametrize(
    ("change", "kid", "words"),
    [
        ({"iss": "https://kubernetes.default.svc"}, "k1", r"issuer https://kubernetes\.default\.svc, not https://acme"),
        ({"aud": []}, "k1", "carries none"),
        ({"aud": "other"}, "k1", "carries other"),
        ({"sub": "system:serviceaccount:apps:other"}, "k1", "subject of the token is .*apps:other"),
        ({}, "k3", "key k3, which is not one of the cluster's: k1, k2"),
    ],
)
def test_token_not_as_wanted(change: dict[str, t.Any], kid: str, words: str) -> None:
    with pytest.raises(LinkError, match=words) as caught:
        checks.check_token(token({**CLAIMS, **change}, kid=kid), WANTED)
    assert caught.value.fix


def test_discovery() -> None:
    body = json.dumps({"issuer": ISSUER, "jwks_uri": f"{ISSUER}/openid/v1/jwks"})
    assert checks.check_discovery(document(body, kind="application/json; charset=utf-8"), ISSUER).endswith("/jwks")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (document("{}", status=403), "HTTP status 403"),
        (document("{}", status=307), "HTTP status 307"),
        (document("<Error><Code>NoSuchKey</Code></Error>", status=404), r"status 404 \(NoSuchKey\)"),
        (document("<html>"), "not a JSON object"),
        (document("[]"), "not a JSON object"),
        (document("{}", seconds=5.1), "took 5.1 s; AWS waits 5 s"),
        (document("{}"), "names the issuer None"),
        (document(json.dumps({"issuer": f"{ISSUER}/"})), "letter by letter"),
        (document(json.dumps({"issuer": ISSUER})), "jwks_uri None"),
        (document(json.dumps({"issuer": ISSUER, "jwks_uri": "http://x/jwks"})), "must be an https URL"),
    ],
)
def test_discovery_refused(answer: Document, words: str) -> None:
    with pytest.raises(LinkError, match=words):
        checks.check_discovery(answer, ISSUER)


@pytest.mark.parametrize("kind", ["application/json", "application/jwk-set+json", "text/plain; charset=utf-8", ""])
def test_jwks(kind: str) -> None:
    keys = checks.check_jwks(document(json.dumps({"keys": list(published().values())}), kind=kind), ["k1"])
    assert keys == published()
    checks.check_signature(token(), keys, "cp1")


@pytest.mark.parametrize("body", ['{"keys":[]}', '{"keys":{}}', "{}", '{"keys":["k1"]}', '{"keys":[{"kid":"k2"}]}'])
def test_jwks_without_a_key(body: str) -> None:
    with pytest.raises(LinkError, match="lacks the key k1"):
        checks.check_jwks(document(body), ["k1"])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"n": "AA" + published()["k1"]["n"]}, "base64url|zero octet"),
        ({"use": "enc"}, "use 'enc'"),
        ({"key_ops": ["sign"]}, "key_ops"),
        ({"alg": "ES256"}, "alg 'ES256'"),
        ({"d": "AQAB"}, "private part"),
    ],
)
def test_a_key_that_a_library_takes_and_aws_does_not(change: dict[str, t.Any], says: str) -> None:
    keys = {"k1": {**published()["k1"], **change}, "k2": {"kid": "k2", "kty": "oct"}}
    with pytest.raises(LinkError, match=f"the key k1 .*({says})"):
        checks.check_jwks(document(json.dumps({"keys": list(keys.values())})), ["k1"])


def test_one_id_for_two_keys() -> None:
    twice = [published()["k1"], {**published(JWK.generate(kty="RSA", size=2048))["k1"]}]
    with pytest.raises(LinkError, match="key k1 is published more than once"):
        checks.check_jwks(document(json.dumps({"keys": twice})), ["k1"])
    same = document(json.dumps({"keys": [twice[0], twice[0]]}))
    assert checks.check_jwks(same, ["k1"]) == published()


def test_one_key_twice_with_less_said_of_it_is_one_key() -> None:
    key = published()["k1"]
    bare = {name: value for name, value in key.items() if name not in ("alg", "use")}
    assert "k1" in checks.check_jwks(document(json.dumps({"keys": [key, bare]})), ["k1"])


def test_more_keys_than_aws_takes() -> None:
    keys = [{**published()["k1"], "kid": f"k{number}"} for number in range(1, 102)]
    with pytest.raises(LinkError, match=r"has 101 RSA keys; AWS accepts 100.*irsa_issuer_retired_kids"):
        checks.check_jwks(document(json.dumps({"keys": keys})), ["k1"])


def test_a_byte_order_mark_is_named() -> None:
    with pytest.raises(LinkError, match="byte-order mark"):
        checks.check_jwks(document("\ufeff" + json.dumps({"keys": []})), ["k1"])


@pytest.mark.parametrize(
    "keys",
    [published(JWK.generate(kty="RSA", size=2048)), published(EC, "ES256"), published(kid="k2"), {"k1": {"kid": "k1"}}],
)
def test_signature_of_another_key(keys: dict[str, t.Any]) -> None:
    with pytest.raises(LinkError, match="published key k1 does not verify a token of cp1"):
        checks.check_signature(token(), keys, "cp1")


@pytest.mark.parametrize(
    ("key", "alg"), [(RSA, "RS256"), (EC, "ES256"), (JWK.generate(kty="EC", crv="P-521"), "ES512")]
)
def test_foreign_key(key: JWK, alg: str) -> None:
    genuine = token(key=key, alg=alg)
    forged = checks.with_foreign_key(genuine)
    assert checks.decode(forged) == checks.decode(genuine)
    JWS.from_jose_token(genuine).verify(key)
    with pytest.raises(InvalidJWSSignature):
        JWS.from_jose_token(forged).verify(key)


MALFORMED = [
    json.dumps({"alg": "ML-DSA-44", "kid": "k1"}),
    json.dumps({"alg": None}),
    json.dumps({"alg": "none"}),
    json.dumps({"alg": ["RS256"]}),
    json.dumps({"alg": "HS256", "kid": "k1"}),
    json.dumps({"alg": "RS256", "crit": ["b64x"], "b64x": 1}),
    "{}",
]


@pytest.mark.parametrize("header", MALFORMED)
def test_a_token_signed_as_aws_takes_none(header: str) -> None:
    text = ".".join([base64url_encode(header), base64url_encode(json.dumps(CLAIMS)), "AAAA"])
    with pytest.raises(LinkError) as caught:
        checks.check_signature(text, published(), "cp1")
    assert caught.value.fix
    if "crit" not in header:
        with pytest.raises(LinkError, match="AWS accepts RS256"):
            checks.check_token(text, WANTED)
        with pytest.raises(LinkError, match="AWS accepts RS256"):
            checks.with_foreign_key(text)


@pytest.mark.parametrize("aud", [None, 5, [1, "x"], {"a": 1}, True])
def test_audiences_that_are_none(aud: object) -> None:
    with pytest.raises(LinkError, match="carries"):
        checks.check_token(token({**CLAIMS, "aud": aud}), WANTED)


def test_published_keys_are_those_of_the_api_servers() -> None:
    key = published()["k1"]
    checks.check_cluster_keys({"k1": key, "other": {}}, [key, {"kid": "not published"}])
    checks.check_cluster_keys({"k1": {name: value for name, value in key.items() if name != "use"}}, [key])
    for change in ({"n": "AQAB"}, {"alg": "RS512"}, {"use": "enc"}, {"kty": "EC"}):
        with pytest.raises(LinkError, match=f"another {next(iter(change))} than"):
            checks.check_cluster_keys({"k1": {**key, **change}}, [key])
    with pytest.raises(LinkError, match="another e than"):
        checks.check_cluster_keys({"k1": {name: value for name, value in key.items() if name != "e"}}, [key])


def test_assumed() -> None:
    assert checks.check_assumed(Answer(arn=ARN), ROLE) == ARN


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:sts::123456789012:assumed-role/prod-reports-2/x",
        "arn:aws:sts::123456789012:assumed-role/team/prod-reports/x",
        "arn:aws:sts::210987654321:assumed-role/prod-reports/x",
        "arn:aws-cn:sts::123456789012:assumed-role/prod-reports/x",
        "arn:aws:iam::123456789012:user/prod-reports",
    ],
)
def test_assumed_another_role(arn: str) -> None:
    with pytest.raises(LinkError, match="which is not the role"):
        checks.check_assumed(Answer(arn=arn), ROLE)


@pytest.mark.parametrize(
    ("code", "message", "fix"),
    [
        ("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", "trust policy"),
        ("InvalidIdentityToken", f"No OpenIDConnect provider found in your account for {ISSUER}", "identity provider"),
        ("InvalidIdentityToken", "Incorrect token audience", "Add the audience"),
        ("InvalidIdentityToken", "Couldn't retrieve verification key from your identity provider", "public"),
        ("InvalidIdentityToken", "certificate doesn't match configured thumbprint", "thumbprints"),
        ("InvalidIdentityToken", "The token could not be validated", "see the links `documents`"),
        ("IDPRejectedClaim", "The claim was rejected", "see the links `documents`"),
        ("ExpiredTokenException", "Token expired: current date/time", "clocks"),
        ("RegionDisabledException", "STS is not activated in this region", "Correct what"),
    ],
)
def test_refused_names_cause_and_fix(code: str, message: str, fix: str) -> None:
    with pytest.raises(LinkError, match=code) as caught:
        checks.check_assumed(Answer(code=code, message=message), ROLE)
    assert message in caught.value.problem
    assert fix in caught.value.fix


def test_refused_as_expected() -> None:
    answer = Answer(code="InvalidIdentityToken", message="Incorrect token audience")
    assert checks.check_refused(answer, "InvalidIdentityToken", words="audience") == "refused: InvalidIdentityToken"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(arn=ARN), "STS takes it"),
        (Answer(code="AccessDenied", message="audience"), "another reason"),
        (Answer(code="InvalidIdentityToken", message="No OpenIDConnect provider found"), "another reason"),
        (Answer(code="InvalidIdentityToken", message="audience, but expired"), "another reason"),
    ],
)
def test_refused_for_another_reason(answer: Answer, words: str) -> None:
    with pytest.raises(LinkError, match=words):
        checks.check_refused(answer, "InvalidIdentityToken", words="audience", other_words=["expired"])


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer(arn=ARN), False),
        (Answer(code="AccessDenied"), True),
        (Answer(code="IDPCommunicationError"), True),
        (Answer(code="InvalidIdentityToken", message="No OpenIDConnect provider found in your account"), True),
        (Answer(code="InvalidIdentityToken", message="Incorrect token audience"), True),
        (Answer(code="InvalidIdentityToken", message="Couldn't retrieve verification key from your provider"), True),
        (Answer(code="InvalidIdentityToken", message="certificate doesn't match configured thumbprint"), False),
        (Answer(code="ExpiredTokenException"), False),
    ],
)
def test_not_there_yet(answer: Answer, expected: bool) -> None:
    assert checks.not_there_yet(answer) is expected


def pod(container: dict[str, t.Any] | None = None, **changes: object) -> dict[str, t.Any]:
    directory = "/var/run/secrets/eks.amazonaws.com/serviceaccount"
    injected: dict[str, t.Any] = {
        "name": "app",
        "env": [
            {"name": "AWS_ROLE_ARN", "value": ROLE},
            {"name": "AWS_WEB_IDENTITY_TOKEN_FILE", "value": f"{directory}/token"},
        ],
        "volumeMounts": [
            {"name": "kube-api-access", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"},
            {"name": "aws-iam-token", "mountPath": directory, "readOnly": True},
        ],
    }
    source = {"serviceAccountToken": {"audience": "sts.amazonaws.com", "expirationSeconds": 86400, "path": "token"}}
    volumes = [
        {"name": "kube-api-access", "projected": {"sources": [{"configMap": {"name": "kube-root-ca.crt"}}]}},
        {"name": "aws-iam-token", "projected": {"sources": [source]}},
    ]
    return {"spec": {"containers": [{**injected, **(container or {})}], "volumes": volumes, **changes}}


def test_injection() -> None:
    assert checks.check_injection(pod(), ROLE, "sts.amazonaws.com") == "role, token file and volume injected"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (pod(container={"env": None}), "app was admitted without AWS_ROLE_ARN"),
        (pod(initContainers=[{"name": "init"}]), "init was admitted without AWS_ROLE_ARN"),
        (pod(container={"env": [{"name": "AWS_ROLE_ARN", "value": "other"}]}), "given the role other"),
        (pod(container={"env": [{"name": "AWS_ROLE_ARN", "value": ROLE}]}), "no service-account token at None"),
        (pod(container={"volumeMounts": []}), "no service-account token at /var/run/secrets/eks"),
        (pod(volumes=[]), "no service-account token"),
        (pod(volumes=[{"name": "aws-iam-token", "emptyDir": {}}]), "no service-account token"),
    ],
)
def test_not_injected(changed: dict[str, t.Any], words: str) -> None:
    with pytest.raises(LinkError, match=words):
        checks.check_injection(changed, ROLE, "sts.amazonaws.com")


def test_a_token_file_that_the_kubelet_fills_in() -> None:
    (app,) = pod()["spec"]["containers"]
    at = {"name": "AT", "value": "/var/run/secrets/eks.amazonaws.com/serviceaccount"}
    variable = {"name": "AWS_WEB_IDENTITY_TOKEN_FILE", "value": "$(AT)/token"}
    found = pod(container={"env": [at, *app["env"], variable]})
    assert checks.check_injection(found, ROLE, "sts.amazonaws.com")
    by_sub_path = {"name": "aws-iam-token", "mountPath": f"{at['value']}/token", "subPath": "token"}
    with pytest.raises(LinkError, match="by subPath"):
        checks.check_injection(pod(container={"volumeMounts": [by_sub_path]}), ROLE, "sts.amazonaws.com")


def test_injected_for_another_audience() -> None:
    with pytest.raises(LinkError, match=r"audience sts\.amazonaws\.com, not other"):
        checks.check_injection(pod(), ROLE, "other")


def ended(phase: str, message: str = "", **state: object) -> dict[str, t.Any]:
    statuses = [{"name": "verify", "state": state}] if state else None
    status = {"phase": phase, "message": message, "containerStatuses": statuses}
    return {"metadata": {"creationTimestamp": "2026-01-01T00:00:00Z"}, "status": status}


def test_run() -> None:
    assert checks.check_run(ended("Succeeded"), f"{ARN}\n", ROLE) == ARN
    assert checks.check_run(ended("Succeeded"), f'{{"Arn": "x"}}\n  {ARN} \n', ROLE) == ARN


@pytest.mark.parametrize(
    "log",
    [
        json.dumps({"UserId": "AROA:x", "Account": "123456789012", "Arn": ARN}, indent=2),
        f"'{ARN}'",
        f"Arn={ARN},",
        f"<Arn>{ARN}</Arn>",
        f"123456789012\t{ARN}\tAROA:x",
        f"before arn:aws:sts::123456789012:assumed-role/node/i-1, then {ARN}",
    ],
)
def test_the_arn_is_found_in_any_output(log: str) -> None:
    assert checks.check_run(ended("Succeeded"), log, ROLE) == ARN


@pytest.mark.parametrize(
    ("finished", "log", "words"),
    [
        (ended("Failed"), "no such host\n", "it is Failed: no such host"),
        (ended("Failed", "DeadlineExceeded"), "", "it is Failed: DeadlineExceeded"),
        (
            ended("Pending", waiting={"reason": "ErrImagePull", "message": "no such image"}),
            "",
            "Pending: no such image",
        ),
        (ended("Pending", waiting={"reason": "ContainerCreating"}), "", "Pending: ContainerCreating"),
        (ended("Running", running={}), "", "it is Running: nobody says why"),
        ({}, "", "it is None"),
        (ended("Succeeded"), "", "no ARN of an assumed role: it is empty"),
        (ended("Succeeded"), "arn:aws:sts::123456789012:assumed-role/node/i-1", "which is not the role"),
    ],
)
def test_run_without_identity(finished: dict[str, t.Any], log: str, words: str) -> None:
    with pytest.raises(LinkError, match=words):
        checks.check_run(finished, log, ROLE)


@pytest.mark.parametrize(
    ("finished", "seconds"),
    [
        (ended("Succeeded", terminated={"finishedAt": "2026-01-01T00:00:03Z"}), 3),
        (ended("Running", running={}), None),
        (ended("Pending"), None),
        ({}, None),
    ],
)
def test_lifetime(finished: dict[str, t.Any], seconds: float | None) -> None:
    assert checks.lifetime(finished) == seconds
