# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What modules would have observed of clusters as guides, ccoctl and the community's chart leave them.

Each begins with a healthy cluster and has the steps of its source in their order. The sources:

    self_hosted  aws/amazon-eks-pod-identity-webhook: SELF_HOSTED_SETUP.md, deploy/mutatingwebhook.yaml,
                 deploy/deployment-base.yaml
    k0s          "Providing access to AWS resources from Kubernetes using OIDC"
    kind         "Eliminate Static AWS Credentials On-Prem with the EKS Pod Identity Webhook", and the Makefile,
                 policies/ and manifests/ of ryan-haynes/eks-pod-identity-webhook-tutorial
    minikube     "Binding AWS IAM roles to Kubernetes Service Account for on-prem clusters"
    ccoctl       openshift/cloud-credential-operator: pkg/cmd/provisioning/aws/create_identity_provider.go and
                 create-iam-roles.go
    chart        jkroepke/helm-charts: charts/amazon-eks-pod-identity-webhook, values.yaml and templates/
"""

from __future__ import annotations

import json
import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._injection.pod import Account, inject

from .some_observations import Json, fetched, jwks, kid, manifest, observed, token
from .some_snapshots import ACCOUNT, AUDIENCE, DEFAULT, NOW, role_arn

OCTETS: t.Final = "binary/octet-stream"
"""As S3 has what nobody gave a content type."""
DISCOVERY: t.Final = ".well-known/openid-configuration"


def _published(seen: Json, issuer: str, key: str, *, named: str = "", kind: str = OCTETS) -> None:
    """Publish both documents: KEY is that of the key set, NAMED the issuer in the discovery document."""
    uri = f"{issuer}/{key}"
    discovery = {
        "issuer": named or issuer,
        "jwks_uri": uri,
        "authorization_endpoint": "urn:kubernetes:programmatic_authorization",
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "claims_supported": ["sub", "iss"],
    }
    seen["issuer"] = issuer
    seen["documents"] = [
        {
            "seen_from": "controller",
            "discovery": fetched(f"{issuer}/{DISCOVERY}", json.dumps(discovery), kind),
            "jwks": fetched(uri, json.dumps({"keys": jwks()}), kind),
        }
    ]


def _in_bucket(seen: Json, name: str, *keys: str, policy: Json | None = None, **blocks: bool) -> None:
    seen["bucket"] = {
        "name": name,
        "owner": ACCOUNT,
        "policy": policy,
        "public_access_block": blocks,
        "account_public_access_block": {},
        "objects": {key: {"encryption": "AES256"} for key in keys},
    }


def _everything(name: str, sid: str) -> Json:
    """Return the policy by which everybody reads every object."""
    statement = {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{name}/*",
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def _provider(seen: Json, *audiences: str, thumbprint: str = "9e99a48a9960b14926bb7f3b02e22da2b0ab7280") -> str:
    arn = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{seen['issuer'].removeprefix('https://')}"
    own = {"arn": arn, "audiences": [*audiences], "thumbprints": [thumbprint], "tags": {}}
    seen["providers"] = {"account": ACCOUNT, "providers": [own]}
    return arn


def _role(seen: Json, name: str, provider: str, **conditions: t.Any) -> None:  # noqa: ANN401 -- a text, or several
    """Make a role that trusts tokens of the provider by these claims."""
    host = provider.partition(":oidc-provider/")[2]
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": provider},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {f"{host}:{claim}": value for claim, value in conditions.items()}},
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    seen["roles"] = {"roles": [{"arn": role_arn(name), "trust_policy": policy, "tags": {}}]}


def _signing_with(seen: Json, **flags: list[str]) -> None:
    """Let the API server run with these flags, besides those of its keys."""
    issuers = flags["service_account_issuer"]
    (host,) = seen["api_servers"]["hosts"].values()
    own = {name.replace("_", "-"): values for name, values in flags.items()}
    kept = {name: host["flags"][name] for name in host["flags"] if "key-file" in name}
    host["flags"] = host["running_flags"] = {**kept, **own}
    seen["api_servers"]["asked"] = {
        "said": [{"server": "https://10.0.0.1:6443", "issuer": issuers[0], "kid": kid(), "keys": jwks()}],
        "accepted": [{"server": "https://10.0.0.1:6443", "issuers": issuers, "refused": []}],
        "version": "v1.34.4",
    }
    seen["api_servers"]["tokens"] = [{"server": "cp1", "token": token(iss=issuers[0]), "error": ""}]


def webhook(name: str, namespace: str, *, pods: int = 1, bundle: str = "Q0E=", **hook: t.Any) -> Json:  # noqa: ANN401
    """Return what a pod-identity webhook of others looks like from the API."""
    place = {"name": name, "namespace": namespace}
    client: Json = {"service": {**place, "path": "/mutate"}, **({"caBundle": bundle} if bundle else {})}
    rule = {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}
    called = {
        "name": "pod-identity-webhook.amazonaws.com",
        "failurePolicy": "Ignore",
        "clientConfig": client,
        "rules": [rule],
        "sideEffects": "None",
        "admissionReviewVersions": ["v1beta1"],
        **hook,
    }
    labels = {"kubernetes.io/service-name": name}
    ready = [{"addresses": ["10.244.0.9"], "conditions": {"ready": True}}] * pods
    return {
        "configurations": [{"metadata": {"name": name}, "webhooks": [called]}],
        "services": [{"metadata": place}],
        "endpoint_slices": [{"metadata": {**place, "labels": labels}, "endpoints": ready}],
    }


def _annotated(seen: Json, namespace: str, name: str, role: str) -> None:
    """Annotate a service account, and let a pod of it run, which a webhook has injected."""
    account = Account(role_arn(role), AUDIENCE, True, 86400)
    spec = inject({"containers": [{"name": "aws", "image": "amazon/aws-cli:2.15.0"}]}, {}, account, "eu-central-1")
    seen["service_accounts"] = [manifest(namespace, name, {"eks.amazonaws.com/role-arn": role_arn(role)})]
    seen["pods"] = [manifest(namespace, "aws-cli", spec={**spec, "serviceAccountName": name}, status={})]


def _empty() -> Json:
    """Return a cluster that nobody has given anything of AWS."""
    lists: Json = {name: [] for name in ("service_accounts", "pods", "workloads", "secrets", "namespaces")}
    return {**observed(), **lists, "injection": {}, "roles": {"roles": []}}


def self_hosted() -> Json:
    seen, name = _empty(), "oidc-test-abcdefghijklmnop"
    issuer = f"https://s3-eu-central-1.amazonaws.com/{name}"
    _published(seen, issuer, "keys.json", kind="application/json")
    (own,) = jwks()
    seen["documents"][0]["jwks"]["body"] = json.dumps({"keys": [own, {**own, "kid": ""}]})
    _in_bucket(seen, name, DISCOVERY, "keys.json")
    _signing_with(seen, service_account_issuer=[seen["issuer"]], api_audiences=["kubernetes.svc.default"])
    provider = _provider(seen, AUDIENCE)
    _role(seen, "s3-echoer", provider, aud=AUDIENCE, sub="system:serviceaccount:default:s3-echoer")
    seen["injection"] = webhook("pod-identity-webhook", "default")
    _annotated(seen, "default", "s3-echoer", "s3-echoer")
    return seen


def k0s() -> Json:
    """Pods take their role from a ConfigMap, so that IAM alone tells of it."""
    seen, name, audience = _empty(), "xvlbzgbaicmrajwwhthctcuaxhxkqfda", "cluster.identifier.kubernetes.domain"
    issuer = f"https://{name}.s3.ap-southeast-2.amazonaws.com"
    _published(seen, issuer, "keys.json", named=f"{issuer}/")
    _in_bucket(seen, name, DISCOVERY, "keys.json")
    _signing_with(
        seen,
        service_account_issuer=[issuer],
        api_audiences=["kubernetes.svc.default"],
        service_account_jwks_uri=["https://kubernetes.default.svc/openid/v1/jwks"],
    )
    seen["audience"] = audience
    provider = _provider(seen, audience)
    _role(seen, "test-pod-sa@default", provider, sub="system:serviceaccount:default:test-pod-sa")
    projected = {"serviceAccountToken": {"path": "token", "expirationSeconds": 600, "audience": audience}}
    container = {
        "name": "test-pod",
        "image": "alpine:latest",
        "envFrom": [{"configMapRef": {"name": "test-pod-config-map"}}],
        "volumeMounts": [{"mountPath": "/var/run/secrets/k8s-aws/serviceaccount/", "name": "aws-token"}],
    }
    volumes = [{"name": "aws-token", "projected": {"sources": [projected]}}]
    spec = {"serviceAccountName": "test-pod-sa", "containers": [container], "volumes": volumes}
    seen["service_accounts"] = [manifest("default", "test-pod-sa")]
    seen["pods"] = [manifest("default", "test-pod", spec=spec, status={})]
    return seen


def kind() -> Json:
    seen, name = _empty(), "oidc.example.com"
    _published(seen, f"https://{name}", "openid/v1/jwks")
    for document in ("discovery", "jwks"):
        own = {"names": ["*.s3.us-west-2.amazonaws.com", "s3.us-west-2.amazonaws.com"], "named": False}
        seen["documents"][0][document]["tls"].update(own)
    open_to_all = dict.fromkeys(
        ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), False
    )
    policy = _everything(name, "PublicReadGetObject")
    _in_bucket(seen, name, DISCOVERY, "openid/v1/jwks", policy=policy, **open_to_all)
    _signing_with(seen, service_account_issuer=[seen["issuer"]])
    provider = _provider(seen, AUDIENCE)
    _role(seen, "oidc-kind-role", provider, sub="system:serviceaccount:default:test-sa")
    seen["injection"] = chart()
    _annotated(seen, "default", "test-sa", "oidc-kind-role")
    return seen


def kind_to_the_letter() -> Json:
    """The policy that the text of the tutorial shows names another host in its condition than in its principal."""
    seen = kind()
    (role,) = seen["roles"]["roles"]
    (statement,) = role["trust_policy"]["Statement"]
    statement["Condition"] = {"StringEquals": {"oidc-kind.anacondas.io:sub": "system:serviceaccount:default:test-sa"}}
    return seen


def minikube() -> Json:
    seen, name = _empty(), "acme-minikube"
    issuer = f"https://{name}.s3.amazonaws.com"
    _published(seen, issuer, "openid/v1/jwks")
    _in_bucket(seen, name, DISCOVERY, "openid/v1/jwks")
    _signing_with(seen, service_account_issuer=[issuer])
    seen["audience"] = "test"
    provider = _provider(seen, "test", thumbprint="1234567890" * 4)
    _role(seen, "oidc-test", provider, aud="test", sub="system:serviceaccount:default:test")
    place = "/var/run/secrets/kubernetes.io/serviceaccount"
    token_of_aws = {"serviceAccountToken": {"path": "token", "audience": "test"}}
    authority = {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}}
    container = {
        "name": "nginx",
        "image": "nginx",
        "env": [
            {"name": "AWS_ROLE_ARN", "value": role_arn("oidc-test")},
            {"name": "AWS_WEB_IDENTITY_TOKEN_FILE", "value": f"{place}/token"},
        ],
        "volumeMounts": [{"mountPath": place, "name": "kube-api-access-td7d6", "readOnly": True}],
    }
    volume = {
        "name": "kube-api-access-td7d6",
        "projected": {"defaultMode": 420, "sources": [token_of_aws, authority]},
    }
    spec = {"serviceAccountName": "test", "containers": [container], "volumes": [volume]}
    seen["service_accounts"] = [manifest("default", "test")]
    seen["pods"] = [manifest("default", "nginx", spec=spec, status={})]
    return seen


def minikube_by_the_shell() -> Json:
    """The blog calls the variable "the value of the projected service account token", and shows a token in it."""
    seen = minikube()
    (container,) = seen["pods"][0]["spec"]["containers"]
    container["env"][1]["value"] = token(aud=["test"])
    return seen


def minikube_as_served() -> Json:
    """The discovery document is uploaded as the API server serves it, which names its own address."""
    seen = minikube()
    document = seen["documents"][0]["discovery"]
    own = {**json.loads(document["body"]), "jwks_uri": "https://192.168.49.2:8443/openid/v1/jwks"}
    document["body"] = json.dumps(own)
    return seen


def ccoctl() -> Json:
    """Roles are named in Secrets; the flags are those of OpenShift's operators, on hosts that nobody looks at."""
    seen, name = _empty(), "acme-oidc"
    issuer = f"https://{name}.s3.eu-central-1.amazonaws.com"
    _published(seen, issuer, "keys.json")
    closed = {"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": False}
    policy = _everything(name, "AllowReadPublicAccess")
    _in_bucket(seen, name, DISCOVERY, "keys.json", policy=policy, **closed)
    _signing_with(seen, service_account_issuer=[issuer, DEFAULT])
    seen["api_servers"] = {name: seen["api_servers"][name] for name in ("asked",)}
    own = {"server": "https://10.0.0.1:6443", "token": token(iss=issuer), "error": ""}
    seen["api_servers"]["tokens"] = [own]
    provider = _provider(seen, "openshift", AUDIENCE)
    subjects = ["cluster-image-registry-operator", "registry"]
    names = [f"system:serviceaccount:openshift-image-registry:{subject}" for subject in subjects]
    _role(seen, "acme-openshift-image-registry-installer-cloud-credentials", provider, sub=names)
    return seen


def ccoctl_private() -> Json:
    """C(--create-private-s3-bucket): CloudFront reads the bucket by an origin access identity."""
    seen, name = ccoctl(), "acme-oidc"
    issuer = "https://d111111abcdef8.cloudfront.net"
    _published(seen, issuer, "keys.json")
    identity = "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E127EXAMPLE51Z"
    policy = _everything(name, "1")
    policy["Statement"][0]["Principal"] = {"AWS": identity}
    blocks = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    _in_bucket(seen, name, DISCOVERY, "keys.json", policy=policy, **dict.fromkeys(blocks, True))
    seen["bucket"]["behind_distribution"] = True
    provider = _provider(seen, "openshift", AUDIENCE)
    _role(seen, "acme-registry", provider, sub="system:serviceaccount:openshift-image-registry:registry")
    for said in seen["api_servers"]["asked"]["said"]:
        said["issuer"] = issuer
    seen["api_servers"]["asked"]["accepted"][0]["issuers"] = [issuer, DEFAULT]
    seen["api_servers"]["tokens"][0]["token"] = token(iss=issuer)
    return seen


def chart(**changes: t.Any) -> Json:  # noqa: ANN401 -- of webhook
    """Return what the community's chart leaves with its defaults, once cert-manager has filled in the caBundle."""
    name = "amazon-eks-pod-identity-webhook"
    without_itself = {"key": "app.kubernetes.io/name", "operator": "NotIn", "values": [name]}
    return webhook(name, name, **{"objectSelector": {"matchExpressions": [without_itself]}, **changes})


def with_chart(**changes: t.Any) -> Json:  # noqa: ANN401 -- as above
    """Return a cluster that is healthy but for the webhook, which is the chart's."""
    return {**observed(), "injection": chart(**changes)}


GUIDES: t.Final[t.Mapping[str, t.Callable[[], Json]]] = {
    "self-hosted": self_hosted,
    "k0s": k0s,
    "kind": kind,
    "minikube": minikube,
    "ccoctl": ccoctl,
    "chart": with_chart,
    "by-hand": lambda: with_chart(pods=0, bundle=""),
}
"""By the names of extensions/molecule/shared/vars/guides.yml."""

__all__: t.Final = ("GUIDES", "NOW")
