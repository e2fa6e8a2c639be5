# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module iam_oidc_provider on the AWS on the machine: what moto by itself cannot, and what needs an issuer."""

from __future__ import annotations

import hashlib
import json
import ssl
import typing as t

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.onprem.irsa.plugins.modules import iam_oidc_provider

from .conftest import AUDIENCE, REGION, Issuer, Lab, publish

BUCKET = "acme-prod-oidc"
ISSUER = Issuer(f"https://{BUCKET}.s3.{REGION}.amazonaws.com")
ARN = f"arn:aws:iam::123456789012:oidc-provider/{ISSUER.url[8:]}"

Result = dict[str, t.Any]
Run = t.Callable[..., Result]


@pytest.fixture
def run(lab: Lab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    for name, value in lab.environment().items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("SSL_CERT_FILE", str(lab.state / "ca.pem"))

    def run_module(*, check: bool = False, **options: object) -> Result:
        arguments = {"url": ISSUER.url, "cluster": "prod", "region": REGION, "_ansible_check_mode": check, **options}
        with patch_module_args(arguments), pytest.raises(SystemExit):
            iam_oidc_provider.main()
        result: Result = json.loads(capsys.readouterr().out)
        result.pop("invocation", None)
        return result

    publish(lab, ISSUER, BUCKET)
    return run_module


def observed(lab: Lab) -> dict[str, t.Any]:
    found = lab.client("iam").get_open_id_connect_provider(OpenIDConnectProviderArn=ARN)
    return {key: found[key] for key in ("ClientIDList", "ThumbprintList")}


@pytest.mark.parametrize(
    ("options", "audiences"),
    [
        ({"audiences": [AUDIENCE, "vault"]}, [AUDIENCE, "old", "vault"]),
        ({"audiences": ["vault"], "purge_audiences": True}, ["vault"]),
    ],
)
def test_audiences_check_apply_check_apply(lab: Lab, run: Run, options: dict[str, t.Any], audiences: list[str]) -> None:
    run(audiences=[AUDIENCE, "old"])
    was = observed(lab)
    check = run(check=True, **options)
    assert check["changed"]
    assert observed(lab) == was
    assert run(**options) == check
    assert sorted(observed(lab)["ClientIDList"]) == sorted(audiences) == sorted(check["audiences"])
    assert not run(check=True, **options)["changed"]
    assert not run(**options)["changed"]


def test_the_computed_thumbprint_check_apply_check_apply(lab: Lab, run: Run) -> None:
    authority = ssl.PEM_cert_to_DER_cert((lab.state / "ca.pem").read_text())
    thumbprint = hashlib.sha1(authority, usedforsecurity=False).hexdigest()
    run(thumbprints=["0" * 40])
    check = run(check=True, compute_thumbprint=True)
    assert check["changed"]
    assert check["thumbprints"] == [thumbprint]
    assert observed(lab)["ThumbprintList"] == ["0" * 40]
    assert run(compute_thumbprint=True) == check
    assert observed(lab)["ThumbprintList"] == [thumbprint]
    assert not run(check=True, compute_thumbprint=True)["changed"]
    assert not run(compute_thumbprint=True)["changed"]


def test_an_issuer_that_is_not_published(lab: Lab, run: Run) -> None:
    lab.client("s3").delete_bucket_policy(Bucket=BUCKET)
    assert "answers with HTTP status 403" in run(compute_thumbprint=True)["msg"]
    assert "Publish the issuer's documents first" in run()["msg"]
    assert lab.client("iam").list_open_id_connect_providers()["OpenIDConnectProviderList"] == []
