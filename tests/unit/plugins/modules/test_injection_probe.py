# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import typing as t
from contextlib import ExitStack

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.onprem.irsa.plugins.module_utils._injection.names import NAME, PROBE, PROBE_LABEL, PROBE_ROLE
from ansible_collections.onprem.irsa.plugins.module_utils._injection.pod import Account, inject
from ansible_collections.onprem.irsa.plugins.modules import injection_probe

from ..fake_api_server import TOKEN, FakeApi, Refused, kubeconfig, served
from ..relying_party_servers import certificate
from ..some_injection import HOOK, NAMESPACE, own

if t.TYPE_CHECKING:
    from pathlib import Path

Json = dict[str, t.Any]
Admit = t.Callable[[Json], Json]


@pytest.fixture(autouse=True)
def quick(client_of_its_own: None, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001 -- asked for
    monkeypatch.setattr(injection_probe, "_PAUSE", 0.01)


def injecting(role: str = PROBE_ROLE, audience: str = "sts.amazonaws.com", region: str = "eu-central-1") -> Admit:
    account = Account(role, audience, regional_sts=True, expiration=86400)
    return lambda pod: {**pod, "spec": inject(pod["spec"], {}, account, region)}


def ignoring(pod: Json) -> Json:
    return pod


def refusing(message: str, code: int = 403) -> Admit:
    def admit(_pod: Json) -> Json:
        raise Refused(code, "Forbidden", message)

    return admit


def in_turn(*admits: Admit) -> Admit:
    """Return what answers one after the other, and then as the last one."""
    left = list(admits)

    def admit(pod: Json) -> Json:
        return (left.pop(0) if len(left) > 1 else left[0])(pod)

    return admit


UNREACHED = refusing(f'failed calling webhook "probe.{HOOK}": dial tcp 10.0.0.9:443: connect: connection refused', 500)


def api(admit: Admit = ignoring) -> FakeApi:
    default = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}}
    return FakeApi(admit=admit).put(NAMESPACE, own("ServiceAccount", PROBE, "probe"), default)


def listed(*urls: str) -> list[Json]:
    """Return the EndpointSlices of API servers at these URLs."""
    return [
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": f"kubernetes-{number}",
                "namespace": "default",
                "labels": {"kubernetes.io/service-name": "kubernetes"},
            },
            "ports": [{"name": "https", "port": int(url.rpartition(":")[2])}],
            "endpoints": [{"addresses": ["localhost"], "conditions": {"ready": True}}],
        }
        for number, url in enumerate(urls)
    ]


def run_at(config: Json, capsys: pytest.CaptureFixture[str], **options: object) -> Json:
    asked = {
        "purpose": "webhook",
        "namespace": NAME,
        "image": "registry.example.com/webhook:v1",
        "role_arn": PROBE_ROLE,
        "audience": "sts.amazonaws.com",
        "region": "eu-central-1",
        "timeout": 0,
    }
    with patch_module_args({"kubeconfig": config, **asked, **options}), pytest.raises(SystemExit):
        injection_probe.main()
    text = capsys.readouterr().out
    assert TOKEN not in text
    result: Json = json.loads(text)
    return result


def run(one: FakeApi, capsys: pytest.CaptureFixture[str], **options: object) -> Json:
    with served(one) as url:
        result = run_at(kubeconfig(url), capsys, **options)
    assert one.changes() == []
    return result


OTHER_ROLE = f"{PROBE_ROLE}-of-before"


@pytest.mark.parametrize(
    ("purpose", "admit", "in_force"),
    [
        ("webhook", injecting(), True),
        # A policy that is still evaluated comes first, with another role.
        ("webhook", injecting(OTHER_ROLE, "other"), False),
        ("policy", injecting(), True),
        ("policy", injecting(audience="other"), False),
        ("settings", injecting(), True),
    ],
)
@pytest.mark.parametrize("check", [False, True])
def test_a_pod_that_is_injected(
    capsys: pytest.CaptureFixture[str], purpose: str, admit: Admit, in_force: bool, check: bool
) -> None:
    result = run(api(admit), capsys, purpose=purpose, _ansible_check_mode=check)
    assert (result["changed"], result["in_force"], result["unasked"]) == (False, in_force, [])
    assert result["waited"] is False
    assert len(result["servers"]) == 1


@pytest.mark.parametrize(
    ("purpose", "before"),
    [
        ("webhook", ignoring),
        ("webhook", UNREACHED),
        ("policy", ignoring),
        ("policy", injecting(OTHER_ROLE)),
        ("settings", injecting(audience="other")),
        ("settings", injecting(region="us-west-2")),
        ("settings", injecting(OTHER_ROLE)),
        ("settings", ignoring),
    ],
)
def test_what_is_not_in_force_yet_is_waited_for(
    capsys: pytest.CaptureFixture[str], purpose: str, before: Admit
) -> None:
    one = api(in_turn(before, before, injecting()))
    result = run(one, capsys, purpose=purpose, timeout=60)
    assert (result["in_force"], result["waited"]) == (True, True)
    assert len([asked for asked in one.asked if asked.path.endswith("/pods")]) == 3


@pytest.mark.parametrize(
    ("options", "admit", "says"),
    [
        ({}, ignoring, ["leaves a pod without its role", "do not call it for pods yet"]),
        ({}, UNREACHED, ["API servers do not reach the webhook", "nothing listens", "TCP port 8443"]),
        ({"port": 9443, "called": True}, UNREACHED, ["still call the webhook as before", "TCP port 9443"]),
        ({}, refusing("no such quota"), ["is refused: ", "no such quota", f"may create pods in {NAME}"]),
        ({"purpose": "policy"}, injecting(OTHER_ROLE), ["The policy is removed again", "did not inject a pod"]),
        ({"purpose": "policy", "called": True}, ignoring, ["The policy stays"]),
        ({"purpose": "policy"}, refusing("no such quota"), ["is refused: ", "no such quota"]),
        (
            {"purpose": "settings", "audience": "mine"},
            injecting(),
            ["do not get the audience mine and the region eu-central-1 at ", "kubectl get mutatingwebhookconfigura"],
        ),
    ],
)
def test_what_does_not_come_into_force_is_said_with_its_fix(
    capsys: pytest.CaptureFixture[str], options: Json, admit: Admit, says: list[str]
) -> None:
    result = run(api(admit), capsys, **options)
    assert result["failed"] is True
    assert [words for words in says if words not in result["msg"]] == []
    assert (len(result["servers"]), result["unasked"]) == (1, [])


def test_a_probe_whose_service_account_is_gone(capsys: pytest.CaptureFixture[str]) -> None:
    assert "serviceaccount 'pod-identity-probe' not found" in run(FakeApi().put(NAMESPACE), capsys)["msg"]


@pytest.mark.parametrize(("marked", "labels"), [(True, {PROBE_LABEL: "true"}), (False, {})])
def test_what_is_tried(capsys: pytest.CaptureFixture[str], marked: bool, labels: Json) -> None:
    one = api(injecting())
    run(one, capsys, marked=marked)
    (asked,) = (asked for asked in one.asked if asked.path == f"/api/v1/namespaces/{NAME}/pods")
    assert asked.query == {"dryRun": "All"}
    assert asked.body is not None
    assert asked.body["metadata"].get("labels", {}) == labels
    assert asked.body["spec"]["containers"][0]["image"] == "registry.example.com/webhook:v1"


class Servers(t.NamedTuple):
    """API servers of one cluster."""

    first: FakeApi
    config: Json
    urls: list[str]


@pytest.fixture
def two(tmp_path: Path) -> t.Iterator[t.Callable[[Admit, Admit], Servers]]:
    with ExitStack() as stack:

        def serve(*admits: Admit) -> Servers:
            context, public = certificate(tmp_path)
            apis = [api(admit) for admit in admits]
            urls = [stack.enter_context(served(api, context)) for api in apis]
            apis[0].put(*listed(*urls))
            return Servers(apis[0], kubeconfig(urls[0], str(public)), urls)

        yield serve


def test_each_api_server_is_waited_for(
    two: t.Callable[[Admit, Admit], Servers], capsys: pytest.CaptureFixture[str]
) -> None:
    servers = two(in_turn(ignoring, injecting()), in_turn(ignoring, ignoring, injecting()))
    result = run_at(servers.config, capsys, timeout=60)
    assert (result["servers"], result["unasked"], result["in_force"]) == (sorted(servers.urls), [], True)


def test_the_api_server_that_does_not_inject_is_named(
    two: t.Callable[[Admit, Admit], Servers], capsys: pytest.CaptureFixture[str]
) -> None:
    servers = two(injecting(), ignoring)
    result = run_at(servers.config, capsys)
    assert f"at {servers.urls[1]} it was admitted without its role" in result["msg"]
    assert f"at {servers.urls[0]} " not in result["msg"]
    assert result["servers"] == sorted(servers.urls)


def test_settings_are_in_force_where_each_api_server_has_them(
    two: t.Callable[[Admit, Admit], Servers], capsys: pytest.CaptureFixture[str]
) -> None:
    servers = two(injecting(), injecting(audience="other"))
    assert run_at(servers.config, capsys)["in_force"] is False
    assert servers.urls[1] in run_at(servers.config, capsys, purpose="settings")["msg"]


def test_an_api_server_that_the_controller_does_not_reach_is_named(
    two: t.Callable[[Admit, Admit], Servers], capsys: pytest.CaptureFixture[str]
) -> None:
    servers = two(injecting(), injecting())
    servers.first.put(*listed(servers.urls[0], "https://localhost:1"))
    result = run_at(servers.config, capsys)
    assert (result["servers"], result["unasked"]) == ([servers.urls[0]], ["https://localhost:1"])


def test_where_none_is_reached_by_itself_that_of_the_kubeconfig_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    one = api(injecting()).put(*listed("https://localhost:1", "https://localhost:2"))
    with served(one) as url:
        result = run_at(kubeconfig(url), capsys)
    assert (result["servers"], result["in_force"]) == ([url], True)
    assert result["unasked"] == ["https://localhost:1", "https://localhost:2"]


def test_who_may_not_list_api_servers_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    one = api(injecting())
    one.forbidden.add(("GET", "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"))
    assert "403: endpointslices is forbidden" in run(one, capsys)["msg"]
