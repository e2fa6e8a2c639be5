# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t
from contextlib import nullcontext
from pathlib import Path

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.observation import (
    OLDEST_KUBERNETES,
    described,
    differing,
    explained,
    planned,
    problems,
    servers,
    warnings,
)
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._flags.test_static_pod_flags import (
    KUBEADM,
    NEW,
    OLD,
)

PATH = "/etc/kubernetes/manifests/kube-apiserver.yaml"
FLAGS = {
    "advertise-address": ["10.0.0.1"],
    "service-account-issuer": [OLD],
    "service-account-key-file": ["/etc/kubernetes/pki/sa.pub"],
    "tls-cert-file": ["/etc/kubernetes/pki/apiserver.crt"],
}


def observed(**changes: object) -> dict[str, t.Any]:
    """Return what the host's module returns for a healthy host, with changes."""
    return {
        "component": "kube-apiserver",
        "distribution": "kubeadm",
        "version": "v1.34.4",
        "manifest": PATH,
        "manifests": {PATH: KUBEADM},
        "unconfirmed": False,
        "pid": 7,
        "running_flags": FLAGS,
        "api": {
            "url": "https://10.0.0.1:6443",
            "advertised_url": "https://10.0.0.1:6443",
            "client_cert": "",
            "client_key": "",
            "health": "/readyz",
        },
        "ready": True,
        "public_keys": [{"file": "/etc/kubernetes/pki/sa.pub", "pem": ""}],
        "kids": ["one"],
        "loaded_kids": changes.get("kids", ["one"]),
        "signing_key": {"file": "/etc/kubernetes/pki/sa.key", "kid": "one"},
        "stale_key_files": [],
        "digests": {},
        "clock": 1000.0,
        **changes,
    }


def seen(**changes: object) -> dict[str, t.Any]:
    return described(observed(**changes), now=1000.0)


def test_a_healthy_host() -> None:
    host = seen()
    assert host["flags"] == FLAGS
    assert (host["drift"], host["duplicates"], host["settled"], host["clock_offset"]) == ([], [], True, 0.0)
    assert "manifests" not in host
    assert problems({"cp1": host}) == []
    assert [(server.host, server.issuers) for server in servers({"cp1": host})] == [("cp1", [OLD])]


@pytest.mark.parametrize("version", ["v1.30.0", "v1.34.4-rc.1", "v1.100.0", "v2.0.0+k3s1", None])
def test_a_release_that_is_supported_or_unknown(version: str | None) -> None:
    assert problems({"cp1": seen(version=version)}) == []


def test_the_oldest_release_is_the_one_that_is_promised() -> None:
    readme = (Path(__file__).parents[5] / "README.md").read_text()
    assert f"Kubernetes {'.'.join(map(str, OLDEST_KUBERNETES))} or newer" in readme


def test_a_host_without_a_manifest_has_no_configured_flags() -> None:
    assert seen(manifests={}, running_flags={}, distribution="unknown")["flags"] == {}


@pytest.mark.parametrize(
    ("one", "other", "names"),
    [
        ({"a": ["1", "2"]}, {"a": ["1", "2"]}, []),
        ({"a": ["1", "2"]}, {"a": ["2", "1"]}, ["a"]),
        ({"b": ["1"]}, {"a": ["1"]}, ["a", "b"]),
    ],
)
def test_flags_differ_in_value_order_or_presence(
    one: dict[str, list[str]], other: dict[str, list[str]], names: list[str]
) -> None:
    assert differing(one, other) == names


NOTHING: dict[str, t.Any] = {"pid": None, "running_flags": {}, "ready": False, "kids": [], "signing_key": None}
WAY_OUT: t.Final = ("Set irsa_apiserver_flags: show, ", "irsa_issuer_keys: api, ", "irsa_kubeconfig_path ")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param(
            {"manifests": {}, "distribution": "unknown", **NOTHING},
            ["cp1: this collection does not set the flags", f"{PATH} is not a manifest that kubeadm wrote", *WAY_OUT],
            id="unknown distribution",
        ),
        pytest.param(
            {"manifests": {}, "distribution": "unknown", "manifest_exists": False, **NOTHING},
            ["cp1: this collection", f"{PATH} does not exist", "K3s, RKE2", *WAY_OUT, "in the inventory"],
            id="no manifest",
        ),
        pytest.param(
            {"distribution": "unknown", "manifest_exists": False, "other_distributions": ["RKE2"], **NOTHING},
            ["cp1: this collection", "flags of its API server: RKE2 is on this host", *WAY_OUT],
            id="another distribution",
        ),
        pytest.param(
            {"manifest_link": "/srv/kube-apiserver.yaml"},
            [f"cp1: {PATH} is a symbolic link to /srv/kube-apiserver.yaml", "Put the file itself there"],
            id="symbolic link",
        ),
        pytest.param(
            {"manifests": {PATH: KUBEADM, f"{PATH}.bak": KUBEADM}},
            ["cp1: The files", f"{PATH}, {PATH}.bak hold the same pod", "Move all but the right one out"],
            id="duplicates",
        ),
        pytest.param(
            {"version": "v1.29.15"}, ["cp1: its Kubernetes is v1.29.15, and 1.30 is the oldest"], id="release"
        ),
        pytest.param({"clock": 1200.4}, ["cp1: its clock is +200 s off the controller's", "NTP"], id="clock ahead"),
        pytest.param({"clock": 700.0}, ["cp1: its clock is -300 s off the controller's"], id="clock behind"),
        pytest.param(NOTHING, ["cp1: no kube-apiserver runs", "journalctl -u kubelet"], id="no process"),
        pytest.param(
            {"running_flags": {**FLAGS, "service-account-issuer": [NEW, OLD], "v": ["2"]}},
            [
                f"cp1: kube-apiserver does not run with what {PATH} says",
                f"service-account-issuer is {OLD} in the file and {NEW}, {OLD} in the process",
                "v is absent in the file and 2 in the process",
            ],
            id="drift",
        ),
        pytest.param(
            {"ready": False}, ["cp1: kube-apiserver is not ready", "curl -k https://10.0.0.1:6443/readyz"], id="unready"
        ),
        pytest.param(
            {"kids": ["two"]},
            ["cp1: signs with the key one in /etc/kubernetes/pki/sa.key, but accepts only two"],
            id="signing key not accepted",
        ),
    ],
)
def test_each_problem_names_the_host_the_value_and_the_fix(changes: dict[str, t.Any], words: list[str]) -> None:
    [problem] = problems({"cp1": seen(**changes)})
    assert all(word in problem for word in words), problem


SIGNER = {"service-account-signing-endpoint": ["/run/signer.sock"]}


@pytest.mark.parametrize("changes", [{}, {"loaded_kids": ["external"]}, {"loaded_kids": []}])
def test_an_external_signer_is_refused_by_its_name(changes: dict[str, t.Any]) -> None:
    flags = {"advertise-address": ["10.0.0.1"], "service-account-issuer": [OLD], **SIGNER}
    manifest = KUBEADM.replace(
        "--service-account-key-file=/etc/kubernetes/pki/sa.pub", "--service-account-signing-endpoint=/run/signer.sock"
    )
    host = seen(running_flags=flags, manifests={PATH: manifest}, kids=[], signing_key=None, public_keys=[], **changes)
    found = [problem for problem in problems({"cp1": host, "cp2": host}) if "does not run with" not in problem]
    assert [problem.partition(":")[0] for problem in found] == ["cp1", "cp2"]
    assert all(
        "an external signer signs its tokens (--service-account-signing-endpoint=/run" in problem for problem in found
    )


def test_a_link_is_no_problem_for_those_who_only_read() -> None:
    assert problems({"cp1": seen(manifest_link="/srv/kube-apiserver.yaml")}, links_allowed=True) == []


def test_duplicates_are_allowed_where_the_right_one_runs() -> None:
    manifests = {PATH: KUBEADM, f"{PATH}.bak": KUBEADM}
    assert problems({"cp1": seen(manifests=manifests)}, duplicates_allowed=True) == []
    drifted = {"cp1": seen(manifests=manifests, running_flags={**FLAGS, "v": ["2"]})}
    [problem] = problems(drifted, duplicates_allowed=True)
    assert "v is absent in the file and 2 in the process" in problem


def test_duplicates_are_moved_away_each_time_with_a_new_process() -> None:
    manifests = {PATH: KUBEADM, f"{PATH}.bak": KUBEADM}
    plan = planned(seen(manifests=manifests), manifests, {}, move_duplicates=True)
    assert (plan.move_away, plan.reached, plan.flags) == ((f"{PATH}.bak",), False, FLAGS)
    later = {**manifests, PATH: plan.content}
    assert planned(seen(manifests=later), later, {}, move_duplicates=True).content not in (KUBEADM, plan.content)
    drifted = seen(manifests=manifests, running_flags={})
    with pytest.raises(InputError, match="hold the same pod"):
        planned(drifted, manifests, {}, move_duplicates=True)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"service-account-issuer": [f"{NEW},{OLD}"]}, ["is one issuer", "irsa_apiserver_retired_issuers"]),
        ({"api-audiences": ["a,sts.amazonaws.com"]}, ["sts.amazonaws.com in it", "left alone"]),
        (
            {"api-audiences": ["a", "sts.amazonaws.com"]},
            ["sts.amazonaws.com in it", "irsa_apiserver_retired_audiences"],
        ),
        ({"api-audiences": ["sts.eu-west-1.amazonaws.com"]}, ["sts.eu-west-1.amazonaws.com in it"]),
    ],
)
def test_what_is_odd_is_told(flags: dict[str, list[str]], words: list[str]) -> None:
    [warning] = warnings({"cp1": seen(running_flags={**FLAGS, **flags})})
    assert all(word in warning for word in ["cp1: ", *words])


def test_keys_that_differ_between_hosts() -> None:
    other = seen(kids=["two"], signing_key={"file": "/etc/kubernetes/pki/sa.key", "kid": "two"})
    [problem] = problems({"cp1": seen(), "cp2": other, "cp3": seen()})
    assert "cp1, cp3: one; cp2: two" in problem


def test_the_order_of_keys_does_not_matter() -> None:
    assert problems({"cp1": seen(kids=["one", "two"]), "cp2": seen(kids=["two", "one"])}) == []


def test_key_files_that_the_process_has_not_read_are_not_rolled_out_by_the_way() -> None:
    replaced = seen(kids=["two"], loaded_kids=["one"], signing_key={"file": "/etc/kubernetes/pki/sa.key", "kid": "two"})
    [problem] = problems({"cp1": replaced})
    assert "cp1: accepts tokens by one, the keys" in problem
    assert "now hold two" in problem
    assert problems({"cp1": seen(loaded_kids=None)}) == []  # it does not tell
    assert problems({"cp1": seen(kids=[], loaded_kids=["external"], signing_key=None)}) == []  # of an external signer


def test_only_what_is_not_certain_is_warned_of() -> None:
    public, private = "/etc/kubernetes/pki/sa.pub", "/etc/kubernetes/pki/sa.key"
    stale = [public, private]
    [warning] = warnings({"cp1": seen(stale_key_files=stale)})
    assert warning.startswith(f"cp1: {private} was written, or got")
    [warning] = warnings({"cp1": seen(stale_key_files=stale, loaded_kids=None)})
    assert warning.startswith(f"cp1: {public}, {private} was written, or got")
    assert warnings({"cp1": seen(stale_key_files=[public])}) == []


def test_a_host_with_a_change_that_was_cut_off_is_judged_by_the_rest_alone() -> None:
    assert problems({"cp1": seen(unconfirmed=True, **NOTHING), "cp2": seen()}) == []
    assert len(problems({"cp1": seen(unconfirmed=True, clock=0.0, **NOTHING)})) == 1


def test_the_plan_of_a_change() -> None:
    plan = planned(seen(), {PATH: KUBEADM}, {"service-account-issuer": [NEW, OLD], "absent": []})
    assert plan.before == {"service-account-issuer": [OLD], "absent": []}
    assert plan.after == {"service-account-issuer": [NEW, OLD], "absent": []}
    assert plan.flags == {**FLAGS, "service-account-issuer": [NEW, OLD]}
    assert plan.api["url"] == "https://10.0.0.1:6443"
    assert not plan.reached


@pytest.mark.parametrize(
    ("changes", "reached"),
    [({}, True), ({"ready": False}, False), ({"unconfirmed": True}, False), ({"running_flags": {}}, False)],
)
def test_nothing_is_left_to_do_only_when_the_process_shows_it(changes: dict[str, t.Any], reached: bool) -> None:
    plan = planned(seen(**changes), {PATH: KUBEADM}, {"service-account-issuer": [OLD]})
    assert (plan.content, plan.reached) == (KUBEADM, reached)


@pytest.mark.parametrize(
    ("manifests", "problem"),
    [({}, "There is no static pod"), ({PATH: KUBEADM, "/m/copy": KUBEADM}, "/m/copy hold the same pod")],
)
def test_a_change_without_a_certain_manifest_is_refused(manifests: dict[str, str], problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        planned(seen(manifests=manifests), manifests, {})


@pytest.mark.parametrize(
    ("expected", "refused"),
    [
        ({"service-account-issuer": [OLD], "absent": []}, False),
        ({}, False),
        ({"service-account-issuer": [NEW, OLD]}, True),
        ({"service-account-issuer": []}, True),
        ({"absent": ["x"]}, True),
    ],
)
def test_what_another_one_has_changed_meanwhile_is_not_overwritten(
    expected: dict[str, list[str]], refused: bool
) -> None:
    with pytest.raises(InputError, match=r"nothing was touched.*Run the play again") if refused else nullcontext():
        planned(seen(), {PATH: KUBEADM}, {"service-account-issuer": [NEW, OLD]}, expected=expected)


@pytest.mark.parametrize(
    ("issuers", "expected", "refused"),
    [
        ([NEW, OLD], {"service-account-issuer": [OLD]}, False),
        ([NEW, OLD], {"service-account-issuer": [OLD], "absent": ["x"]}, True),
        ([NEW], {"service-account-issuer": [OLD]}, True),
        ([OLD, NEW], {"service-account-issuer": [OLD]}, True),
    ],
)
def test_what_an_equal_run_has_set_meanwhile_is_no_reason_to_stop(
    issuers: list[str], expected: dict[str, list[str]], refused: bool
) -> None:
    lines = "".join(f"    - --service-account-issuer={issuer}\n" for issuer in issuers)
    text = KUBEADM.replace(f"    - --service-account-issuer={OLD}\n", lines)
    with pytest.raises(InputError, match="nothing was touched") if refused else nullcontext():
        plan = planned(
            seen(manifests={PATH: text}, running_flags={**FLAGS, "service-account-issuer": issuers}),
            {PATH: text},
            {"service-account-issuer": [NEW, OLD]},
            expected=expected,
        )
        assert plan.reached


def test_what_is_expected_is_read_as_flags_are() -> None:
    text = KUBEADM.replace(f"={OLD}", f"={OLD}\n    - --v=4")
    assert planned(seen(manifests={PATH: text}), {PATH: text}, {"v": [5]}, expected={"v": [4]}).after == {"v": ["5"]}


PROBE = "    livenessProbe: {httpGet: {host: 10.0.0.1, path: /livez, port: 6443, scheme: HTTPS}}\n"
PROBED = KUBEADM.replace("    name: kube-apiserver\n", f"{PROBE}    name: kube-apiserver\n")


@pytest.mark.parametrize(
    "flags", [{"secure-port": [7443]}, {"bind-address": ["10.1.0.1"]}, {"anonymous-auth": [False]}]
)
def test_a_change_by_which_the_kubelets_probes_fail_is_refused(flags: dict[str, list[object]]) -> None:
    with pytest.raises(InputError, match=f"{PATH}: --{next(iter(flags))} would be .*nothing was touched"):
        planned(seen(manifests={PATH: PROBED}), {PATH: PROBED}, flags)


SA_PUB = "/etc/kubernetes/pki/sa.pub"


def test_another_content_of_a_file_restarts_and_the_same_does_not() -> None:
    host = seen(digests={SA_PUB: "d1"})
    plan = planned(host, {PATH: KUBEADM}, {})
    [line] = [line for line in plan.content.splitlines() if line not in KUBEADM.splitlines()]
    assert line.startswith("    onprem.irsa/restart-for-sha256: ")
    assert (plan.reached, plan.flags, plan.restart_for) == (False, FLAGS, (SA_PUB,))
    again = planned(host, {PATH: plan.content}, {})
    assert (again.content, again.reached, again.restart_for) == (plan.content, True, ())
    other = planned(seen(digests={SA_PUB: "d2"}), {PATH: plan.content}, {})
    assert other.content not in (plan.content, KUBEADM)
    assert len(other.content.splitlines()) == len(plan.content.splitlines())
    assert planned(seen(), {PATH: plan.content}, {}).content == plan.content
    failure = {"msg": "It is bad.", "reason": "bad", "recovered": True, "unavailable_seconds": 1.0}
    assert explained(plan, "cp2", failure).startswith(f"cp2, with the content of {SA_PUB}: It is bad.")


HIDDEN = """\
    env:
    - name: HOST_IP
      valueFrom: {fieldRef: {fieldPath: status.hostIP}}
    - {name: ISSUER, value: https://kubernetes.default.svc.$(DOMAIN)}
    - {name: DOMAIN, value: unused}
    - {name: TTL, value: 2h}
"""
FILLED_IN = (
    KUBEADM.replace(
        "=10.0.0.1\n", "=$(HOST_IP)\n    - --etcd-servers=https://$(HOST_IP):2379\n    - --event-ttl=$(TTL)\n"
    )
    .replace(OLD, "https://kubernetes.default.svc.cluster.local")
    .replace("    name: kube-apiserver\n", f"    name: kube-apiserver\n{HIDDEN}")
)
RUNNING = {**FLAGS, "etcd-servers": ["https://10.0.0.1:2379"], "event-ttl": ["2h"]}


def filled_in(**flags: list[str]) -> dict[str, t.Any]:
    running = {**RUNNING, **{name.replace("_", "-"): values for name, values in flags.items()}}
    return seen(manifests={PATH: FILLED_IN}, running_flags=running)


def test_what_the_kubelet_fills_in_is_no_difference() -> None:
    assert (filled_in()["flags"], problems({"cp1": filled_in()})) == (RUNNING, [])


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"event_ttl": ["3h"]}, "event-ttl is 2h in the file and 3h in the process"),
        ({"etcd_servers": ["https://10.0.0.2:2379"]}, "etcd-servers is https://10.0.0.1:2379 in the file"),
        ({"advertise_address": ["10.0.0.1", "10.0.0.2"]}, "advertise-address is 10.0.0.1 in the file"),
    ],
)
def test_what_the_kubelet_would_not_fill_in_is_one(flags: dict[str, list[str]], words: str) -> None:
    [problem] = problems({"cp1": filled_in(**flags)})
    assert words in problem


def test_a_plan_leaves_to_the_kubelet_what_it_alone_knows() -> None:
    plan = planned(filled_in(), {PATH: FILLED_IN}, {"service-account-issuer": [NEW, OLD], "event-ttl": ["2h"]})
    assert plan.variables == ("HOST_IP",)
    assert plan.flags["etcd-servers"] == ["https://$(HOST_IP):2379"]
    assert plan.api["url"] == "https://10.0.0.1:6443"
    assert (plan.before["event-ttl"], plan.after["event-ttl"]) == (["2h"], ["2h"])
    assert "--event-ttl=$(TTL)" in plan.content
    nothing_runs = seen(manifests={PATH: FILLED_IN}, **NOTHING)
    assert planned(nothing_runs, {PATH: FILLED_IN}, {}).api["url"] == "https://127.0.0.1:6443"


def test_what_is_expected_is_compared_with_what_the_kubelet_makes_of_it() -> None:
    text = KUBEADM.replace(f"issuer={OLD}", "issuer=$(ISSUER)").replace(
        "    name: kube-apiserver\n", f"    name: kube-apiserver\n    env: [{{name: ISSUER, value: '{OLD}'}}]\n"
    )
    wanted, expected = {"service-account-issuer": [NEW, OLD]}, {"service-account-issuer": [OLD]}
    plan = planned(seen(manifests={PATH: text}), {PATH: text}, wanted, expected=expected)
    assert plan.content == text.replace(
        "    - --service-account-issuer", f"    - --service-account-issuer={NEW}\n    - --service-account-issuer", 1
    )
    assert (plan.flags["service-account-issuer"], plan.variables) == ([NEW, OLD], ())


def test_the_client_certificate_is_that_of_the_host() -> None:
    text = KUBEADM.replace(
        "    name: kube-apiserver\n", "    name: kube-apiserver\n    volumeMounts: [{name: pki, mountPath: /pki}]\n"
    ).replace("  hostNetwork", "  volumes: [{name: pki, hostPath: {path: /etc/kubernetes/ssl}}]\n  hostNetwork")
    flags = {"kubelet-client-certificate": ["/pki/client.crt"], "kubelet-client-key": ["/elsewhere/client.key"]}
    plan = planned(seen(manifests={PATH: text}), {PATH: text}, flags)
    assert (plan.api["client_cert"], plan.api["client_key"]) == (
        "/etc/kubernetes/ssl/client.crt",
        "/elsewhere/client.key",
    )


def test_a_controller_manager_accepts_no_tokens_and_is_not_judged_by_its_keys() -> None:
    manager = seen(component="kube-controller-manager", kids=[], running_flags={}, manifests={})
    assert problems({"cp1": manager, "cp2": {**manager, "signing_key": {"file": "/f", "kid": "two"}}}) == []


def test_a_failure_names_flags_host_reason_and_what_to_try() -> None:
    plan = planned(seen(), {PATH: KUBEADM}, {"v": ["99"], "tls-cert-file": [], "service-account-issuer": [OLD]})
    failure = {"msg": "It is bad.", "reason": "bad", "recovered": True, "unavailable_seconds": 14.2}
    message = explained(plan, "cp2", failure)
    assert message.startswith("cp2, with --v=99 no --tls-cert-file: It is bad. It gave no answer for 14 s.")
    assert "`ansible-playbook --check --diff`" in message
    message = explained(plan, "cp2", {**failure, "recovered": False})
    assert "On cp2, `journalctl -u kubelet" in message
    assert PATH in message
    assert explained(plan, "cp2", {"msg": "no space left"}) == "cp2: no space left"
