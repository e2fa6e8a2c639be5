# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What modules would have observed of a healthy cluster."""

from __future__ import annotations

import base64
import functools
import json
import typing as t

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ansible_collections.onprem.irsa.plugins.module_utils._documents.discovery import discovery_document
from ansible_collections.onprem.irsa.plugins.module_utils._documents.jwks import jwks_document, jwks_from_pems
from ansible_collections.onprem.irsa.plugins.module_utils._injection.pod import Account, inject

from .some_snapshots import (
    ACCOUNT,
    AUDIENCE,
    BUCKET,
    DAY,
    DEFAULT,
    DISCOVERY_KEY,
    ISSUER,
    JWKS_KEY,
    NOW,
    PROVIDER,
    SA_KEY,
    SA_PUB,
    public,
    role_arn,
    trust,
)

Json = dict[str, t.Any]


@functools.cache
def pem() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def jwks() -> list[dict[str, str]]:
    return jwks_from_pems([("sa.pub", pem())])


def kid() -> str:
    return jwks()[0]["kid"]


def encoded(part: Json) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def token(**claims: object) -> str:
    own = {"iss": ISSUER, "aud": [AUDIENCE], "exp": NOW + DAY, "iat": NOW, **claims}
    return f"{encoded({'alg': 'RS256', 'kid': kid()})}.{encoded(own)}.c2lnbmF0dXJl"


def fetched(url: str, body: str, content_type: str) -> Json:
    tls = {
        "not_before": NOW - DAY,
        "not_after": NOW + 100 * DAY,
        "names": ["*.s3.eu-central-1.amazonaws.com"],
        "issued_by": "Amazon",
        "trusted": True,
    }
    headers = {"content-type": content_type, "cache-control": "max-age=300", "set-cookie": "session=1"}
    return {
        "url": url,
        "addresses": ["52.219.0.1"],
        "tls": tls,
        "status": 200,
        "seconds": 0.1,
        "headers": headers,
        "body": body,
    }


def documents() -> Json:
    uri = f"{ISSUER}/{JWKS_KEY}"
    return {
        "seen_from": "controller",
        "discovery": fetched(
            f"{ISSUER}/{DISCOVERY_KEY}", discovery_document(ISSUER, uri, ["RS256"]), "application/json"
        ),
        "jwks": fetched(uri, jwks_document(jwks()), "application/jwk-set+json"),
    }


def manifest(namespace: str, name: str, annotations: dict[str, str] | None = None, **more: object) -> Json:
    metadata = {"namespace": namespace, "name": name, "annotations": annotations or {}, "labels": {}}
    return {"metadata": metadata, **more}


def pod() -> Json:
    account = Account(role_arn("prod-reports"), AUDIENCE, True, 86400)
    spec = {"containers": [{"name": "main", "image": "app:1.0.0", "env": [{"name": "MODE", "value": "fast"}]}]}
    injected = {**inject(spec, {}, account, "eu-central-1"), "serviceAccountName": "reports"}
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "reports-5d9c", "controller": True}
    made = manifest("apps", "reports-5d9c-x", spec=injected, status={"startTime": "2025-12-31T00:00:00Z"})
    made["metadata"].update(ownerReferences=[owner], labels={"pod-template-hash": "5d9c"})
    return made


def host() -> Json:
    flags = {
        "service-account-issuer": [ISSUER, DEFAULT],
        "service-account-key-file": [SA_PUB],
        "service-account-signing-key-file": [SA_KEY],
        "service-account-jwks-uri": [f"{ISSUER}/{JWKS_KEY}"],
        "etcd-servers": ["https://127.0.0.1:2379"],
    }
    return {
        "host": "cp1",
        "distribution": "kubeadm",
        "version": "v1.34.4",
        "api": {"advertised_url": "https://10.0.0.1:6443"},
        "ready": True,
        "manifest": "/etc/kubernetes/manifests/kube-apiserver.yaml",
        "flags": flags,
        "running_flags": flags,
        "drift": [],
        "duplicates": [],
        "public_keys": [{"file": SA_PUB, "pem": pem()}],
        "signing_key": {"file": SA_KEY, "kid": kid()},
        "key_files": {SA_KEY: {"mode": 0o600, "changed": NOW - DAY}},
        "clock_offset": 0.1,
        "started": NOW - DAY,
    }


def observed() -> Json:
    """Return what was observed of a healthy cluster of one server."""
    said = {"server": "https://10.0.0.1:6443", "issuer": ISSUER, "kid": kid(), "audiences": [ISSUER], "keys": jwks()}
    accepted = {"server": "https://10.0.0.1:6443", "issuers": [DEFAULT, ISSUER], "refused": []}
    return {
        "taken": NOW,
        "issuer": ISSUER,
        "cluster": "prod",
        "documents": [documents()],
        "bucket": {
            "name": BUCKET,
            "owner": ACCOUNT,
            "policy": public(),
            "public_access_block": {"BlockPublicAcls": True, "BlockPublicPolicy": False},
            "account_public_access_block": {},
            "objects": {DISCOVERY_KEY: {"encryption": "AES256"}, JWKS_KEY: {}},
        },
        "providers": {"account": ACCOUNT, "providers": [{"arn": PROVIDER, "audiences": [AUDIENCE], "tags": {}}]},
        "roles": {
            "roles": [
                {
                    "arn": role_arn("prod-reports"),
                    "trust_policy": trust("apps/reports"),
                    "managed_policies": ["arn:aws:iam::aws:policy/ReadOnlyAccess"],
                    "inline_policies": {"own": {"Version": "2012-10-17", "Statement": []}},
                    "tags": {},
                }
            ],
            "unreadable": {role_arn("other"): "AccessDenied"},
        },
        "service_accounts": [
            manifest("apps", "reports", {"eks.amazonaws.com/role-arn": role_arn("prod-reports")}),
            manifest("apps", "default"),
        ],
        "namespaces": [{"metadata": {"name": "apps", "labels": {}, "annotations": {}}}],
        "pods": [pod()],
        "workloads": [manifest("apps", "reports", kind="Deployment", spec={})],
        "api_servers": {
            "hosts": {"cp1": host()},
            "controller_managers": {"cp1": {"signing_key": {"file": SA_KEY, "kid": kid()}}},
            "asked": {"said": [said], "accepted": [accepted], "version": "v1.34.4"},
            "tokens": [{"server": "cp1", "token": token(), "error": ""}],
        },
        "injection": {
            "findings": [{"link": "webhook: mode", "state": "ok", "found": "webhook, as asked for", "fix": ""}],
            "configurations": [],
            "own": "webhook",
        },
        "clock": {"offset": 0.1},
        "region": {"name": "eu-central-1", "endpoint": "https://sts.eu-central-1.amazonaws.com"},
        "rotation": {},
        "secrets": [
            manifest(
                "ops",
                "robot",
                type="kubernetes.io/service-account-token",
                data={"token": base64.b64encode(token().encode()).decode()},
            )
        ],
    }
