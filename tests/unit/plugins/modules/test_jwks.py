# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import typing as t

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.onprem.irsa.plugins.modules import jwks
from ansible_collections.onprem.irsa.tests.unit.plugins.some_keys import VECTORS, ec_key, private_pem, public_pem

ISSUER = "https://oidc.example.com/a"
KEY = public_pem(ec_key(1))

Run = t.Callable[..., dict[str, t.Any]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def module(**arguments: object) -> dict[str, t.Any]:
        with patch_module_args(arguments), pytest.raises(SystemExit):
            jwks.main()
        result: dict[str, t.Any] = json.loads(capsys.readouterr().out)
        return result

    return module


def test_returns_what_the_api_server_serves(run: Run) -> None:
    files = sorted([*VECTORS.glob("*.pub"), *VECTORS.glob("*.pem")])
    result = run(issuer=ISSUER, public_keys=[{"pem": path.read_text()} for path in files])
    assert result["changed"] is False
    assert result["discovery_document"].encode() == (VECTORS / "openid-configuration.json").read_bytes()
    assert result["jwks"].encode() == (VECTORS / "jwks.json").read_bytes()
    assert result["kids"] == [key["kid"] for key in json.loads(result["jwks"])["keys"]]


def test_the_key_set_may_be_elsewhere(run: Run) -> None:
    result = run(issuer=ISSUER, jwks_uri=ISSUER + "/keys.json", public_keys=[{"pem": KEY}])
    assert json.loads(result["discovery_document"])["jwks_uri"] == ISSUER + "/keys.json"


def test_published_keys_stay_beside_the_cluster_s_until_they_are_retired(run: Run) -> None:
    published = run(issuer=ISSUER, public_keys=[{"pem": public_pem(ec_key(2))}])
    asked: dict[str, t.Any] = {
        "issuer": ISSUER,
        "public_keys": [{"pem": KEY}],
        "published_jwks": [published["jwks"], ""],
    }
    both = run(**asked)
    assert (len(both["kids"]), both["kept_kids"]) == (1, published["kids"])
    assert [key["kid"] for key in json.loads(both["jwks"])["keys"]] == [*both["kids"], *published["kids"]]
    assert (
        run(**asked, retired_kids=published["kids"])["jwks"] == run(issuer=ISSUER, public_keys=[{"pem": KEY}])["jwks"]
    )
    assert "should be retired, and the cluster has it" in run(**asked, retired_kids=both["kids"])["msg"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"issuer": "http://oidc.example.com"}, "'http://oidc.example.com' must begin with https://"),
        ({"jwks_uri": ISSUER + "/keys/"}, "jwks_uri"),
        ({"public_keys": []}, "There are no public_keys"),
        ({"public_keys": [{"pem": KEY}, {"pem": "hello"}]}, "public_keys[1]: holds no whole PEM block"),
        (
            {"public_keys": [{"pem": KEY}, {"name": "cp2:/pki/sa.pub", "pem": "hello"}]},
            "cp2:/pki/sa.pub: holds no whole PEM block",
        ),
        ({"public_keys": [{"pem": private_pem(ec_key(1))}]}, "public_keys[0]: holds no whole PEM block"),
    ],
)
def test_bad_input_is_refused_by_name(run: Run, arguments: dict[str, t.Any], says: str) -> None:
    result = run(**{"issuer": ISSUER, "public_keys": [{"pem": KEY}], **arguments})
    assert result["failed"] is True
    assert says in result["msg"]


def test_a_missing_library_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jwks, "IMPORT_ERROR", ImportError("No module named 'jwcrypto'"))
    result = run(issuer=ISSUER, public_keys=[{"pem": KEY}])
    assert "jwcrypto" in result["msg"]


@pytest.mark.parametrize(
    ("published", "says"),
    [
        ("hello", "published_discovery_documents[0] exists and cannot be read"),
        ('{"issuer": "https://b.example.com"}', "another issuer, 'https://b.example.com'"),
        (
            f'{{"issuer": "{ISSUER}", "jwks_uri": "{ISSUER}/keys.json"}}',
            f"Set irsa_issuer_jwks_uri to {ISSUER}/keys.json",
        ),
        (f'{{"issuer": "{ISSUER}", "jwks_uri": "{ISSUER}/openid/v1/jwks"}}', ""),
        (f'{{"issuer": "{ISSUER}/", "jwks_uri": "https://10.0.0.1:6443/openid/v1/jwks"}}', ""),
        ("\ufeff{}", ""),
        ("", ""),
    ],
)
def test_a_published_discovery_document_decides_where_the_key_set_is(run: Run, published: str, says: str) -> None:
    result = run(issuer=ISSUER, public_keys=[{"pem": KEY}], published_discovery_documents=[published])
    assert says in result.get("msg", "")
    assert result.get("failed", False) is bool(says)


@pytest.mark.parametrize("published", ["hello", "[]", '{"keys":[1]}', '{"keys":[{"kty":"oct"}]}'])
def test_a_published_key_set_that_cannot_be_read_is_refused(run: Run, published: str) -> None:
    said = run(issuer=ISSUER, public_keys=[{"pem": KEY}], published_jwks=["", published])["msg"]
    assert "published_jwks[1] exists and cannot be read" in said


def test_a_private_key_is_not_shown_wherever_it_is_given(run: Run) -> None:
    private = private_pem(ec_key(1))
    result = run(issuer=ISSUER, public_keys=[{"pem": private}], _ansible_verbosity=3)
    assert "holds no whole PEM block of a public key" in result["msg"]
    assert private.splitlines()[1] not in json.dumps(result)
    (served,) = json.loads(run(issuer=ISSUER, public_keys=[{"pem": KEY}])["jwks"])["keys"]
    result = run(issuer=ISSUER, served_keys=[{**served, "d": "c2VjcmV0LXZhbHVl"}])
    assert "is published with its private part (d)" in result["msg"]
    assert "c2VjcmV0LXZhbHVl" not in json.dumps(result)
    assert served["x"] in json.dumps(run(issuer=ISSUER, served_keys=[served]))
