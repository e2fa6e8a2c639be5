# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import copy
import json
import typing as t

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.onprem.irsa.plugins.module_utils._doctor.codec import of_json, to_json
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.diagnosis import diagnose
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.observations import from_observations
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.page import as_html
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.report import as_json, as_junit, lines
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.snapshot import (
    LegacySecret,
    Minted,
    NotLooked,
    Snapshot,
)
from ansible_collections.onprem.irsa.plugins.module_utils._injection.names import PROBE_ROLE

from .some_observations import Json, encoded, kid, manifest, observed, token
from .some_snapshots import ACCOUNT, AUDIENCE, DEFAULT, ISSUER, SA_KEY, SA_PUB, role_arn

ROLE = {"eks.amazonaws.com/role-arn": role_arn("prod-reports")}


def found(seen: Json) -> set[str]:
    return {finding.check for finding in diagnose(from_observations(seen)).roots}


def changed(**parts: object) -> Json:
    return {**observed(), **parts}


def test_a_healthy_cluster_is_healthy() -> None:
    seen = from_observations(observed())
    assert diagnose(seen).findings == ()
    assert of_json(to_json(seen), source="x") == seen


def test_everything_has_its_place() -> None:
    seen = from_observations(observed())
    assert not [name for name in vars(seen) if isinstance(getattr(seen, name), NotLooked)]
    (server,) = t.cast("t.Any", seen.api_servers)
    assert server.minted == Minted(ISSUER, kid(), "RS256", (AUDIENCE,), 86400)
    assert server.accepted == (DEFAULT, ISSUER)
    assert {file.path: (file.kids, file.verifies) for file in server.host.key_files} == {
        SA_PUB: ((kid(),), True),
        SA_KEY: ((kid(),), False),
    }
    assert "etcd-servers" not in server.host.flags
    (pod,) = t.cast("t.Any", seen.pods)
    assert (pod.owner, pod.injected, pod.containers[0].token_audience) == ("Deployment/reports", True, AUDIENCE)
    assert t.cast("t.Any", seen.rotation).secrets == (LegacySecret("ops", "robot", kid()),)


@pytest.mark.parametrize("part", [name for name in observed() if isinstance(observed()[name], (dict, list))])
def test_what_is_missing_or_was_not_looked_at_is_said(part: str) -> None:
    without = {name: value for name, value in observed().items() if name != part}
    for seen in (without, changed(**{part: {"not_looked_at": "403 Forbidden"}})):
        made = from_observations(seen)
        assert isinstance(made, Snapshot)
        reason = getattr(made, part, None)
        if isinstance(reason, NotLooked):
            assert reason.reason in ("nobody looked at it", "403 Forbidden")


def in_pod(**changes: object) -> Json:
    seen = observed()
    seen["pods"][0]["spec"] = {**seen["pods"][0]["spec"], **changes}
    return seen


def bare_pod(**metadata: object) -> Json:
    seen = in_pod(containers=[{"name": "main"}], volumes=[])
    seen["pods"][0]["metadata"].update(metadata)
    return seen


def test_pods_are_seen_as_they_are() -> None:
    assert found(bare_pod()) == {"pods.missed"}
    assert found(bare_pod(labels={"eks.amazonaws.com/skip-pod-identity-webhook": ""})) == set()
    assert found({**bare_pod(), "excluded_namespaces": ["apps"]}) == set()
    assert found(bare_pod(deletionTimestamp="2026-01-01T00:00:00Z")) == set()
    assert found(in_pod(volumes=[{"name": "aws-iam-token", "emptyDir": {}}])) == {"pods.volume-taken"}
    keys = [{"name": "AWS_ACCESS_KEY_ID", "value": "x"}]
    container = observed()["pods"][0]["spec"]["containers"][0]
    with_keys = {**container, "env": [*container["env"], *keys]}
    assert found(in_pod(containers=[with_keys])) == {"pods.own-credentials"}


def test_misplaced_and_misspelt_annotations_are_seen() -> None:
    accounts = [manifest("apps", "reports")]
    roles = {"roles": [], "others": [role_arn("prod-reports")]}
    on_pod = {**bare_pod(annotations=ROLE), "service_accounts": accounts, "roles": roles}
    assert found(on_pod) == {"annotations.on-pod"}
    workloads = [manifest("apps", "reports", ROLE, kind="Deployment", spec={})]
    assert found({**bare_pod(), "service_accounts": accounts, "roles": roles, "workloads": workloads}) == {
        "annotations.on-pod"
    }
    misspelt = [manifest("apps", "reports", {"eks.amazonaws.com/role_arn": role_arn("prod-reports")})]
    assert found({**bare_pod(), "service_accounts": misspelt, "roles": roles}) == {"annotations.misspelt"}


def test_a_pod_of_default_is_seen_that_is_meant_for_another() -> None:
    assert found(in_pod(serviceAccountName="default", containers=[{"name": "main"}], volumes=[])) == {
        "pods.default-account"
    }


def test_a_policy_gives_roles_without_annotations() -> None:
    data = {"audience": AUDIENCE, "apps.reports": role_arn("prod-reports")}
    seen = changed(service_accounts=[manifest("apps", "reports")], policy_data=data)
    assert found(seen) == set()
    assert found({**seen, "policy_data": {**data, "apps.reports_audience": "other"}}) >= {"annotations.audience"}


def served(**changes: object) -> Json:
    seen = observed()
    for name in ("discovery", "jwks"):
        seen["documents"][0][name].update(changes)
    return seen


def test_documents_are_read_as_they_are() -> None:
    assert found(served(body="<!DOCTYPE html><html></html>")) == {"documents.not-json"}
    assert found(served(body="")) == {"documents.not-json"}
    assert found(served(body="[]")) == {"documents.not-json"}
    assert found(served(status=0, unreached="refused", tls=None)) == {"dns-tls.unreached"}
    kms = "<Error><Code>InvalidArgument</Code><Message>Requests specifying AWS KMS managed keys</Message></Error>"
    assert found(served(status=400, body=kms)) == {"documents.unreadable-object"}
    seen = observed()
    seen["documents"][0]["discovery"]["body"] = "\ufeff" + seen["documents"][0]["discovery"]["body"]
    assert found(seen) == {"documents.byte-order-mark"}


def with_keys(*keys: object) -> Json:
    seen = observed()
    seen["documents"][0]["jwks"]["body"] = json.dumps({"keys": [*keys]})
    return seen


def test_keys_are_read_as_they_are() -> None:
    (own,) = json.loads(observed()["documents"][0]["jwks"]["body"])["keys"]
    padded = "AA" + own["n"]
    assert found(with_keys(own)) == set()
    assert found(with_keys({**own, "n": padded})) == {"documents.key-encoding"}
    assert found(with_keys(own, {**own, "kid": ""})) == {"documents.kid-empty"}
    assert found(with_keys({**own, "kid": ""})) == {"documents.kid-empty"}
    assert found(with_keys({**own, "d": "secret"})) == {"documents.key-private"}
    assert found(with_keys(own, "no key")) >= {"documents.kid-empty"}
    assert found(with_keys()) == {"documents.key-missing"}


def foreign(**changes: object) -> Json:
    service = {"service": {"namespace": "irsa", "name": "pod-identity-webhook"}, "caBundle": "eA=="}
    hook = {"name": "pod-identity-webhook.amazonaws.com", "clientConfig": service, "failurePolicy": "Ignore", **changes}
    place = {"namespace": "irsa", "name": "pod-identity-webhook"}
    labels = {"kubernetes.io/service-name": "pod-identity-webhook"}
    slices = {"metadata": {**place, "labels": labels}, "endpoints": [{"conditions": {"ready": True}}] * 2}
    return {
        "configurations": [{"metadata": {"name": "pod-identity-webhook"}, "webhooks": [hook]}],
        "services": [{"metadata": place}],
        "endpoint_slices": [slices],
    }


def test_webhooks_of_others_are_seen_as_they_are() -> None:
    assert found(changed(injection=foreign())) == set()
    assert found(changed(injection={**foreign(), "services": []})) == {"injection.service-missing"}
    assert found(changed(injection={**foreign(), "endpoint_slices": []})) == {"injection.no-endpoints"}
    (slices,) = foreign()["endpoint_slices"]
    one = {**slices, "endpoints": slices["endpoints"][:1]}
    assert found(changed(injection={**foreign(), "endpoint_slices": [one]})) == {"injection.one-pod"}
    assert found(changed(injection={"configurations": []})) == {"injection.nothing"}
    wanted = {"matchExpressions": [{"key": "irsa", "operator": "Exists"}]}
    assert found(changed(injection=foreign(namespaceSelector=wanted))) == {"injection.namespace-left-out"}
    without = {"service": {"namespace": "irsa", "name": "pod-identity-webhook"}}
    assert found(changed(injection=foreign(clientConfig=without))) == {"injection.no-bundle"}


@pytest.mark.parametrize(
    ("operator", "values", "labels", "is_chosen"),
    [
        ("In", ["a"], {"k": "a"}, True),
        ("In", ["a"], {"k": "b"}, False),
        ("In", ["a"], {}, False),
        ("NotIn", ["a"], {"k": "a"}, False),
        ("NotIn", ["a"], {}, True),
        ("Exists", None, {"k": ""}, True),
        ("DoesNotExist", None, {"k": ""}, False),
        ("DoesNotExist", None, {}, True),
    ],
)
def test_a_selector_chooses_as_kubernetes_does(
    operator: str, values: list[str] | None, labels: dict[str, str], *, is_chosen: bool
) -> None:
    selector = {"matchExpressions": [{"key": "k", "operator": operator, "values": values}]}
    namespaces = [{"metadata": {"name": "apps", "labels": labels, "annotations": {}}}]
    seen = changed(injection=foreign(namespaceSelector=selector), namespaces=namespaces)
    assert (found(seen) == set()) == is_chosen


def test_servers_without_hosts_are_named_by_their_urls() -> None:
    seen = observed()
    del seen["api_servers"]["hosts"], seen["api_servers"]["controller_managers"]
    seen["api_servers"]["tokens"] = [{"server": "https://10.0.0.1:6443", "token": token(iss=DEFAULT), "error": ""}]
    (finding,) = diagnose(from_observations(seen)).roots
    assert (finding.check, finding.where) == ("flags.not-signing", "https://10.0.0.1:6443")


def behind_one_name(*tokens: str) -> Json:
    """Return what is seen of API servers behind a load balancer that gives these tokens, one after the other."""
    seen = observed()
    url = "https://api.example.com:6443"
    (said,), (accepted,) = seen["api_servers"]["asked"]["said"], seen["api_servers"]["asked"]["accepted"]
    unreached = {"https://10.0.0.1:6443": "no route", "https://10.0.0.2:6443": "no route."}
    seen["api_servers"] = {
        "asked": {
            "said": [{**said, "server": url} for _token in tokens],
            "accepted": [{**accepted, "server": url}],
            "balanced": url,
            "unreached": unreached,
        },
        "tokens": [{"server": url, "token": each, "error": ""} for each in tokens],
    }
    return seen


def test_each_server_behind_one_name_counts() -> None:
    """A load balancer leads to them one after the other: the first answer may be the only good one."""
    assert found(behind_one_name(token(), token())) == set()
    (finding,) = diagnose(from_observations(behind_one_name(token(), token(iss=DEFAULT)))).roots
    assert (finding.check, finding.where) == ("flags.not-signing", "https://api.example.com:6443 (answer 2)")
    seen = behind_one_name(token())
    (accepted,) = seen["api_servers"]["asked"]["accepted"]
    seen["api_servers"]["asked"]["accepted"].append({**accepted, "issuers": [ISSUER]})
    assert found(seen) == {"flags.differ"}


def test_a_server_that_was_not_reached_is_not_passed_over() -> None:
    unseen = diagnose(from_observations(behind_one_name(token()))).unseen
    assert unseen["token of https://10.0.0.2:6443"] == "no route"
    seen = behind_one_name(token())
    del seen["api_servers"]["asked"]["unreached"]["https://10.0.0.2:6443"]
    # The name stands for the one that there is.
    assert {*diagnose(from_observations(seen)).unseen} == {"hosts", role_arn("other")}


def test_a_server_that_gives_no_token_says_why() -> None:
    seen = observed()
    seen["api_servers"]["tokens"] = [{"server": "cp1", "token": "", "error": "403"}]
    (server,) = t.cast("t.Any", from_observations(seen).api_servers)
    assert server.minted == NotLooked("403")


# --- secrets

# Whose keys are names of things, which a snapshot has.
NAMES = {
    *("hosts", "controller_managers", "undone", "unreadable", "objects", "inline_policies", "unreached", "key_files"),
    "policy_data",
}
# What decides whom a policy lets in.
DECIDES = {"Condition", "Principal"}


def with_secrets(value: object, secret: str, *, of_names: bool = False) -> object:
    """Return an observation with a field more in each of its objects, which holds the secret."""
    if isinstance(value, dict):
        kept = {
            name: part if name in DECIDES else with_secrets(part, secret, of_names=name in NAMES)
            for name, part in value.items()
        }
        return kept if of_names else {**kept, "secret": secret, "stringData": [secret]}
    if isinstance(value, list):
        return [with_secrets(part, secret) for part in value]
    return value


def planted(secret: str) -> Json:
    """Return an observation with the secret in every place in which a cluster can have one."""
    seen = t.cast("Json", with_secrets(copy.deepcopy(observed()), secret))
    secret64 = base64.b64encode(secret.encode()).decode()
    for item in [*seen["pods"], *seen["service_accounts"], *seen["namespaces"], *seen["workloads"]]:
        item["metadata"]["annotations"].update(
            {"kubectl.kubernetes.io/last-applied-configuration": secret, "vault/token": secret}
        )
        item["metadata"].setdefault("labels", {})["secret"] = secret
    for container in seen["pods"][0]["spec"]["containers"]:
        names = ("DB_PASSWORD", "AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN", "AWS_REGION")
        container["env"] += [{"name": name, "value": secret} for name in names]
        container["args"] = [secret]
        container["command"] = ["sh", "-c", secret]
    seen["secrets"] += [
        manifest("apps", "db", type="Opaque", data={"password": secret64, "token": secret64}),
        manifest("apps", "t", type="kubernetes.io/service-account-token", data={"token": secret64, "x": secret64}),
    ]
    server = seen["api_servers"]["hosts"]["cp1"]
    server["running_flags"].update({"token-auth-file": [secret], "etcd-password": [secret]})
    server["public_keys"][0]["pem"] += f"-----BEGIN RSA PRIVATE KEY-----\n{secret}\n-----END RSA PRIVATE KEY-----\n"
    seen["api_servers"]["tokens"][0]["token"] = token(**{"kubernetes.io": secret, "secret": secret})
    document = seen["documents"][0]
    document["discovery"]["headers"].update({"set-cookie": secret, "authorization": secret})
    body = json.loads(document["jwks"]["body"])
    body["keys"][0].update(d=secret, p=secret)
    body["keys"].append({"kty": "oct", "kid": "symmetric", "k": secret})
    document["jwks"]["body"] = json.dumps({**body, "secret": secret})
    external = {"StringEquals": {"sts:ExternalId": secret}}
    seen["roles"]["roles"][0]["trust_policy"]["Statement"].append(
        {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole", "Condition": external}
    )
    seen["roles"]["roles"][0]["inline_policies"]["own"]["Statement"] = [{"Resource": secret}]
    seen["roles"]["roles"][0]["tags"]["password"] = secret
    seen["injection"]["configurations"] = [
        {
            "metadata": {"name": "pod-identity-webhook"},
            "webhooks": [
                {
                    "name": "pod-identity-webhook.amazonaws.com",
                    "clientConfig": {"url": f"https://user:{secret}@example.com/mutate?token={secret}"},
                }
            ],
        }
    ]
    return seen


SECRETS = st.from_regex(r"[A-Za-z0-9+/]{24,40}", fullmatch=True)


@settings(max_examples=25, deadline=None)
@given(SECRETS)
def test_no_secret_is_in_a_snapshot_nor_in_a_report(secret: str) -> None:
    seen = from_observations(planted(secret))
    diagnosis = diagnose(seen)
    texts = (to_json(seen), "\n".join(lines(diagnosis)), as_json(diagnosis), as_junit(diagnosis), as_html(diagnosis))
    hidden = (secret, base64.b64encode(secret.encode()).decode(), token())
    for text in texts:
        assert not [each for each in hidden if each in text]


@settings(max_examples=25, deadline=None)
@given(SECRETS)
def test_what_others_say_is_cleaned(secret: str) -> None:
    jwt = f"{encoded({'alg': 'RS256', 'secret': secret})}.{encoded({'sub': secret})}.{secret.replace('/', '_')}"
    said = (
        f"GET https://robot:{secret}@example.com/x?X-Amz-Signature={secret} failed; Authorization: Bearer {secret}; "
        f"password={secret} token: {jwt}\n-----BEGIN PRIVATE KEY-----\n{secret}\n-----END PRIVATE KEY-----"
    )
    finding = {"link": "webhook: mode", "state": "broken", "found": said, "fix": said}
    seen = changed(
        injection={"findings": [finding]},
        pods={"not_looked_at": said},
        issuer=f"https://u:{secret}@example.com",
        region={"name": "eu-central-1", "endpoint": "e", "unreached": {"cp1": said}},
    )
    made = from_observations(seen)
    diagnosis = diagnose(made)
    for text in (to_json(made), "\n".join(lines(diagnosis)), as_json(diagnosis), as_html(diagnosis)):
        assert secret not in text
        assert jwt not in text


def test_the_account_of_pods_that_are_tried_is_nobodys() -> None:
    probe = manifest("pod-identity-webhook", "pod-identity-probe", {"eks.amazonaws.com/role-arn": PROBE_ROLE})
    assert found(changed(service_accounts=[*observed()["service_accounts"], probe])) == set()
