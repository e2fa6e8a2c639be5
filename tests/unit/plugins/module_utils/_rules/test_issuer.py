# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from cryptography.hazmat.primitives.serialization import PrivateFormat

from ansible_collections.onprem.irsa.plugins.module_utils._rules.roles import RULES, TEARDOWN_RULES
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._rules.given import (
    controller,
    nothing_there,
    with_defaults,
)
from ansible_collections.onprem.irsa.tests.unit.plugins.some_keys import (
    ec_key,
    private_pem,
    public_pem,
    rsa_key,
    rsa_public_key,
)

OURS = {
    "irsa_region": "eu-central-1",
    "irsa_issuer_bucket": "acme-prod-oidc",
    "irsa_issuer_url": "https://acme-prod-oidc.s3.eu-central-1.amazonaws.com",
}
WEB = {"irsa_issuer_publisher": "files", "irsa_issuer_url": "https://oidc.example.com"}


def problems(**given: object) -> list[str]:
    return RULES["irsa_issuer"](with_defaults("irsa_issuer", **{**OURS, **given}), nothing_there)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {**WEB, "irsa_issuer_files_directory": "/var/www"},
        {**WEB, "irsa_render": "review"},
        {**WEB, "irsa_issuer_publisher": "cloudfront"},
        {**WEB, "irsa_issuer_publisher": "apiserver", "irsa_issuer_jwks_uri": "https://keys.example.com/jwks"},
        {"irsa_issuer_endpoint_url": "https://s3.example.com", "irsa_region": "here"},
        {**WEB, "irsa_issuer_publisher": "cloudfront", "irsa_issuer_adopt": "no"},  # with -e, all is text
    ],
)
def test_nothing_is_wrong(given: dict[str, t.Any]) -> None:
    assert problems(**given) == []


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"irsa_issuer_bucket": ""}, "irsa_issuer_bucket is not set, and irsa_issuer_publisher is s3, which publishes"),
        (WEB, "irsa_issuer_files_directory is not set, and irsa_issuer_publisher is files"),
        ({"irsa_issuer_publisher": "cloudfront"}, "the URL of the bucket, which is private then."),
        ({"irsa_issuer_publisher": "apiserver"}, "the URL of the bucket, where no API server answers."),
        (
            {
                **WEB,
                "irsa_issuer_publisher": "cloudfront",
                "irsa_issuer_adopt": "yes",
                "irsa_issuer_endpoint_url": "https://s3.example.com",
            },
            "takes no irsa_issuer_endpoint_url and no irsa_issuer_adopt.",
        ),
        ({"irsa_issuer_endpoint_url": "s3.example.com"}, "It must be a URL with its scheme."),
        (
            {**WEB, "irsa_issuer_publisher": "cloudfront", "irsa_issuer_certificate_arn": "arn:aws:acm:x:1:y"},
            "arn:aws:acm:x:1:y",
        ),
        ({"irsa_issuer_jwks_uri": "https://keys.example.com/jwks"}, "which is not below the issuer"),
        ({"irsa_issuer_bucket_tags": {"cost": None}}, "irsa_issuer_bucket_tags: "),
        ({"irsa_issuer_max_age": "-1"}, "irsa_issuer_max_age is -1. It must be 0 or more"),
        ({"irsa_issuer_files_timeout": -5}, "irsa_issuer_files_timeout is -5. It must be 0 or more"),
        ({"irsa_issuer_ca_path": "/none"}, "irsa_issuer_ca_path names the file /none, which does not exist"),
    ],
)
def test_what_is_wrong_is_told(given: dict[str, t.Any], says: str) -> None:
    (line,) = problems(**given)
    assert says in line


PUBLIC: t.Final = public_pem(ec_key(1))


@pytest.mark.parametrize("keys", ["hosts", "api", [PUBLIC], [PUBLIC, public_pem(rsa_key().public_key())]])
def test_where_keys_come_from(keys: object) -> None:
    assert problems(irsa_issuer_keys=keys) == []


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        (None, "irsa_issuer_keys is null, which is what YAML makes of an empty value. It must be hosts, api, or"),
        ("hsots", "irsa_issuer_keys is hsots. It must be hosts, api, or a list of public keys."),
        ([], "irsa_issuer_keys is []. It must be"),
        (PUBLIC, "irsa_issuer_keys is, or holds, a PEM text. It must be"),
        ({"pem": PUBLIC}, "irsa_issuer_keys is, or holds, a PEM text. It must be"),
        (["sa.pub"], "irsa_issuer_keys, item 1, is no PEM text. Give each as the text of its file"),
        ([PUBLIC, 7], "irsa_issuer_keys, item 2, is no PEM text."),
        ([PUBLIC.replace("-----END", "-----")], "irsa_issuer_keys, item 1: holds a PEM block without its end."),
        ([public_pem(rsa_public_key(1, 1024))], "irsa_issuer_keys, item 1: the RSA key"),
    ],
)
def test_keys_that_are_none(keys: object, says: str) -> None:
    found = problems(irsa_issuer_keys=keys)
    assert [problem.startswith(says) for problem in found] == [True], found


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_a_private_key_is_refused_and_not_shown(form: PrivateFormat) -> None:
    private = private_pem(rsa_key(), form)
    found = "\n".join(problems(irsa_issuer_keys=[PUBLIC, private + PUBLIC]))
    assert found.startswith("irsa_issuer_keys, item 2, holds a private key, which is not shown.")
    assert found.endswith("can sign tokens with that key: treat it as known, and rotate it.")
    assert [line for line in private.splitlines()[1:-1] if line in found] == []
    assert private.splitlines()[1] not in "\n".join(problems(irsa_issuer_keys=private))


@pytest.mark.parametrize("role", ["irsa_kubeconfig", "irsa_issuer", "irsa_apiserver", "irsa_verify"])
def test_every_role_that_takes_keys_or_is_in_each_playbook_refuses_a_private_one(role: str) -> None:
    around = {
        **OURS,
        "irsa_apiserver_issuer_url": OURS["irsa_issuer_url"],
        "irsa_verify_issuer_url": "https://a.example",
    }
    private = with_defaults(role, **around, irsa_issuer_keys=[private_pem(rsa_key())])
    rules = [RULES[role], *([TEARDOWN_RULES[role]] if role in TEARDOWN_RULES else [])]
    for problems_of in rules:
        assert any("item 1, holds a private key" in line for line in problems_of(private, nothing_there))
        assert not any(
            "irsa_issuer_keys" in line for line in problems_of({**private, "irsa_issuer_keys": "api"}, nothing_there)
        )


def test_a_key_pair_is_made_on_a_host() -> None:
    assert "Leave one of both out." in problems(irsa_issuer_keys="api", irsa_issuer_key="generate")[0]


RULES_FILE, BLACKBOX_FILE = "irsa_issuer_alert_rules_file", "irsa_issuer_blackbox_file"
ON_DISK = controller(
    directory=None,
    keys="- name: onprem-irsa-keys",
    rules="- name: onprem-irsa-issuer",
    modules="# Modules for Prometheus' blackbox exporter, by onprem.irsa.irsa_issuer.",
    mine="modules: {http_2xx: {prober: http}}",
)


@pytest.mark.parametrize(
    ("rules", "modules", "says"),
    [
        ("", "", []),
        ("/d/new", "/d/other", []),
        ("/d/rules", "/d/modules", []),
        ("/d/rules", "", [f"{RULES_FILE} is set, and {BLACKBOX_FILE} is not"]),
        ("", "/d/modules", [f"{BLACKBOX_FILE} is set, and {RULES_FILE} is not"]),
        ("/d/new", "/d/new", [f"{RULES_FILE} and {BLACKBOX_FILE} are both /d/new"]),
        ("/d/keys", "/d/modules", [f"{RULES_FILE} is /d/keys, which has other rules than this role's"]),
        ("/d/rules", "/d/mine", [f"{BLACKBOX_FILE} is /d/mine, which has other modules than this role's"]),
        (
            "/d/directory",
            "/none/x",
            [f"{RULES_FILE} is /d/directory, which is a", "the controller has no directory /none"],
        ),
    ],
)
def test_where_alert_rules_and_modules_are_written(rules: str, modules: str, says: list[str]) -> None:
    given = {**OURS, RULES_FILE: rules, BLACKBOX_FILE: modules}
    found = RULES["irsa_issuer"](with_defaults("irsa_issuer", **given), ON_DISK)
    assert len(found) == len(says)
    assert [words for words, line in zip(says, found, strict=True) if words not in line] == []
