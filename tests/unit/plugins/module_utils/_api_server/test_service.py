# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import typing as t

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.observation import (
    described,
    explained,
    problems,
)
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.observation import planned as planned_manifest
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.plan import Seen as PlanSeen
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.plan import Wanted, plan
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.rollout import Server
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.service import (
    EditsPlan,
    planned_edits,
    seen_by,
    shown_lines,
)
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.way_back import way_back
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import Edit
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._api_server.test_observation import observed

UNIT = "kube-apiserver.service"
FILE = f"/etc/systemd/system/{UNIT}"
OLD, NEW = "https://old.example.com", "https://new.example.com"
TEXT = f"[Service]\nExecStart=/bin/kube-apiserver --secure-port=6443 --service-account-issuer={OLD}\n"
FLAGS = {"secure-port": ["6443"], "service-account-issuer": [OLD]}
BOTH = {"service-account-issuer": [NEW, OLD]}


def host(text: str = TEXT, **changes: object) -> dict[str, t.Any]:
    """Return what the host's module returns for a host whose unit runs."""
    seen = {
        "files": {},
        "unreadable": {},
        "directories": [],
        "processes": [[["kube-apiserver"], 998, UNIT]],
        "units": {UNIT: [[FILE, text]]},
        "version": None,
    }
    there = {"distribution": "unknown", "manifests": {}, "manifest_exists": False, "other_distributions": []}
    there |= {"running_flags": FLAGS, "unit": UNIT, "changed_files": [], "seen": seen}
    return observed(**{**there, **changes})


def planned(raw: dict[str, t.Any], flags: dict[str, list[str]], **expected: dict[str, list[str]]) -> EditsPlan:
    seen = seen_by(raw)
    assert seen is not None
    return planned_edits(described(raw, now=1000.0), seen, flags, **expected)


def test_a_unit_is_described_by_its_files() -> None:
    found = described(host(), now=1000.0)
    assert (found["distribution"], found["unit"], found["manifest"]) == ("systemd", UNIT, FILE)
    assert (found["flags"], found["drift"], found["settled"], found["duplicates"]) == (FLAGS, [], True, [])
    assert "seen" not in found
    assert problems({"cp1": found}) == []


def test_a_unit_that_does_not_run_with_its_files_is_named() -> None:
    drifted = described(host(TEXT.replace("6443", "6444")), now=1000.0)
    [problem] = problems({"cp1": drifted})
    assert f"{UNIT} and its files say: secure-port is 6444 in the file and 6443" in problem
    [problem] = problems({"cp1": described(host(pid=None, running_flags={}), now=1000.0)})
    assert f"journalctl -u {UNIT}" in problem


def test_what_is_no_unit_of_ours_is_unsupported_by_its_name() -> None:
    plain = {**host()["seen"], "units": {}, "processes": []}
    plain["files"] = {"/system/state/config.yaml": "machine:\n  type: controlplane\n"}
    found = described(host(seen=plain), now=1000.0)
    assert (found["distribution"], found["other_distributions"]) == ("unknown", ["Talos"])
    assert "Talos is on this host" in problems({"cp1": found})[0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"units": {UNIT: [[FILE, ""]]}, "unreadable": {FILE: "is not UTF-8 text"}},
            f"{UNIT} runs kube-apiserver, and {FILE} is not UTF-8 text",
        ),
        ({"units": {UNIT: [[FILE, "[Service]\nExecStart=/opt/start\n"]]}}, "its command does not name it"),
    ],
)
def test_a_unit_whose_command_does_not_show_is_named(change: dict[str, t.Any], said: str) -> None:
    found = described(host(seen={**host()["seen"], **change}), now=1000.0)
    assert found["distribution"] == "unknown"
    assert said in problems({"cp1": found})[0]


def test_a_link_is_named_before_anything_is_touched() -> None:
    found = described(host(seen={**host()["seen"], "links": {FILE: "/opt/a.service"}}), now=1000.0)
    [problem] = problems({"cp1": found})
    assert f"{FILE} is a symbolic link to /opt/a.service" in problem


def test_two_units_are_refused_by_name() -> None:
    two = {**host()["seen"], "units": {UNIT: [[FILE, TEXT]], "b.service": [["/etc/systemd/system/b.service", TEXT]]}}
    two["processes"] = [[["kube-apiserver"], 0, UNIT], [["kube-apiserver"], 0, "b.service"]]
    with pytest.raises(InputError, match=f"{UNIT} and b.service run kube-apiserver"):
        described(host(seen=two), now=1000.0)


def test_a_missing_file_with_variables_is_refused_before_the_unit_is_restarted_without_it() -> None:
    text = TEXT.replace("[Service]", "[Service]\nEnvironmentFile=/etc/kube/*.env")
    with pytest.raises(InputError, match="systemd would not start"):
        described(host(text), now=1000.0)
    there = {**host(text)["seen"], "files": {"/etc/kube/a.env": ""}}
    assert described(host(text, seen=there), now=1000.0)["settled"]
    assert described(host(text.replace("=/etc/kube", "=-/etc/kube")), now=1000.0)["settled"]


def test_a_unit_of_the_controller_manager_is_refused_by_name() -> None:
    manager = host(component="kube-controller-manager", seen=None, unit="kcm.service")
    found = described(manager, now=1000.0)
    assert (found["distribution"], found["unit"]) == ("unknown", "kcm.service")
    with pytest.raises(InputError, match=r"kcm\.service of systemd runs kube-controller-manager"):
        planned_manifest(found, {}, {"v": ["2"]})


def test_a_wrapper_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="by /bin/sh"):
        described(host("[Service]\nExecStart=/bin/sh -c kube-apiserver\n"), now=1000.0)


def test_a_change_is_planned_as_edits_and_a_restart() -> None:
    change = planned(host(), BOTH)
    assert [edit.path for edit in change.edits] == [FILE]
    assert (change.flags, change.flags_before, change.reached) == ({**FLAGS, **BOTH}, FLAGS, False)
    assert (change.before, change.after) == ({"service-account-issuer": [OLD]}, BOTH)
    assert change.api["url"] == "https://127.0.0.1:6443"
    assert planned(host(), {"service-account-issuer": [OLD]}).reached


def test_only_the_lines_that_change_are_shown() -> None:
    edit = Edit("/e", "TOKEN=secret\nA=1\nKEY=secret\n", "TOKEN=secret\nA=2\nKEY=secret\n")
    assert shown_lines(edit) == {"before": "A=1\n", "after": "A=2\n", "before_header": "/e", "after_header": "/e"}
    assert shown_lines(Edit("/e", None, "A=1\n"))["before_header"] == "/e (not there)"
    cut = shown_lines(Edit("/e", "A: 1\ntoken: secret", "A: 1\ntoken: secret\nB: 2\n"))
    assert (cut["before"], cut["after"]) == ("", "B: 2\n")
    flow = shown_lines(Edit("/e", "{token: secret, a: [1]}\n", '{"token": secret, a: [1, 2]}\n'))
    assert "secret," not in flow["before"] + flow["after"]
    assert shown_lines(Edit("/e", "a ${X}\n", "b ${X}\n"))["after"] == "b ${X}\n"


def test_a_change_that_was_cut_off_is_ended_without_edits() -> None:
    change = planned(host(unconfirmed=True), {})
    assert (change.edits, change.reached) == ((), False)


def test_a_file_that_was_changed_after_the_start_restarts_the_unit() -> None:
    change = planned(host(changed_files=["/sa.pub"]), {})
    assert (change.edits, change.forced, change.reached) == ((), True, False)
    assert change.restart_for == ("/sa.pub",)


def test_what_another_run_has_set_is_not_lost() -> None:
    with pytest.raises(InputError, match="when the change was planned"):
        planned(host(), BOTH, expected={"service-account-issuer": [NEW]})
    assert planned(host(), BOTH, expected={"service-account-issuer": [OLD]}).edits


@pytest.mark.parametrize("recovered", [True, False])
def test_a_failure_names_what_to_look_at(recovered: bool) -> None:
    result = {"reason": "bad", "msg": "Bad.", "recovered": recovered, "unavailable_seconds": 3.0}
    words = explained(planned(host(), BOTH), "cp1", result)
    assert words.startswith(f"cp1, with --service-account-issuer={NEW} ")
    assert recovered or f"journalctl -u {UNIT} -n 50" in words
    assert "the unit that is there" in explained(planned(host(unconfirmed=True), {}), "cp1", result)


def test_the_roll_needs_no_keeper_and_says_who_writes_the_units() -> None:
    hosts = {name: described(host(), now=1000.0) for name in ("cp1", "cp2")}
    after = plan(PlanSeen(hosts), Wanted(NEW))
    assert [step.phase for step in after.steps] == ["accept", "accept", "switch", "switch"]
    assert after.in_units.startswith(f"in {UNIT} on cp1, cp2. Nothing of Kubernetes writes the unit again")
    assert plan(PlanSeen({**hosts, "cp3": described(observed(), now=1000.0)})).in_units == ""


def test_the_way_back_reads_what_was_kept_of_a_unit() -> None:
    uri = "https://before.example.com/jwks"
    before = {"service-account-issuer": [OLD], "service-account-jwks-uri": [uri]}
    kept = {
        "/b/kube-apiserver.unit.20260102T000000Z": json.dumps({"flags": {"service-account-issuer": [NEW]}}),
        "/b/kube-apiserver.unit.20260101T000000Z": json.dumps({"flags": before}),
        "/b/kube-apiserver.unit.20260103T000000Z": "[]",
    }
    server = Server("cp1", {"service-account-issuer": [NEW, OLD]}, ("k",), "k")
    assert way_back([server], NEW, kept={"cp1": kept}).jwks_uri == uri


def of_rke2(config: str, **running: list[str]) -> dict[str, t.Any]:
    """Return what the host's module returns for a server of RKE2 with these flags of the process besides its issuer."""
    unit, file = "rke2-server.service", "/etc/systemd/system/rke2-server.service"
    plain = {
        **host()["seen"],
        "files": {"/etc/rancher/rke2/config.yaml": config},
        "units": {unit: [[file, "[Service]\nExecStart=/usr/local/bin/rke2 server\n"]]},
        "processes": [[["rke2 server"], 0, unit]],
    }
    flags = {"service-account-issuer": ["https://kubernetes.default.svc.cluster.local"]}
    given = {name.replace("_", "-"): values for name, values in running.items()}
    return host(seen=plain, running_flags={**flags, **given})


@pytest.mark.parametrize(
    ("running", "drift"),
    [
        (["2"], []),
        (["0", "2"], []),
        (["3"], ["v"]),
        (["2", "3"], ["v"]),
        ([], ["v"]),
    ],
)
def test_a_flag_of_a_file_has_to_be_in_force_whatever_the_distribution_puts_before_it(
    running: list[str], drift: list[str]
) -> None:
    found = described(of_rke2("kube-apiserver-arg: [v=2]\n", v=running), now=1000.0)
    assert found["drift"] == drift
    assert found["flags"].get("v") == (["2"] if drift else running)


def test_what_a_distribution_adds_to_a_list_is_its_own() -> None:
    config = "kube-apiserver-arg: ['enable-admission-plugins=NodeRestriction,PodSecurity']\n"
    plugins = "NodeRestriction,OwnerReferences,PodSecurity"
    assert described(of_rke2(config, enable_admission_plugins=[plugins]), now=1000.0)["drift"] == []
    assert described(of_rke2(config, enable_admission_plugins=["PodSecurity"]), now=1000.0)["drift"] != []


def test_flags_that_a_distribution_sets_by_itself_are_those_of_its_process() -> None:
    found = described(of_rke2("", profiling=["false"], api_audiences=["https://other,rke2"]), now=1000.0)
    assert (found["drift"], found["flags"]) == ([], found["running_flags"])
    assert found["refusal"] == []
    assert found["manifest"] == "/etc/rancher/rke2/config.yaml.d/90-onprem-irsa.yaml"
    found = described(of_rke2("", service_account_jwks_uri=["https://other/jwks"]), now=1000.0)
    assert found["drift"] == ["service-account-jwks-uri"]


def test_a_refusal_of_the_distribution_stops_before_the_first_host() -> None:
    name = "service-account-issuer"
    text = f"kube-apiserver-arg: [{name}={OLD}]\n"
    files = {
        f"/etc/rancher/rke2/config.yaml.d/{number}.yaml": f"kube-apiserver-arg+: [{name}=https://{number}]\n"
        for number in (1, 2)
    }
    raw = of_rke2(text, **{name: [OLD, "https://1", "https://2"]})
    raw["seen"]["files"].update(files)
    found = described(raw, now=1000.0)
    assert "is set in" in found["refusal"][0]
    [problem] = plan(PlanSeen({"cp1": found}), Wanted(NEW)).problems
    assert problem.startswith("cp1: The flag service-account-issuer is set in ")
    assert plan(PlanSeen({"cp1": found}), Wanted(OLD)).problems == ()


def test_what_is_in_place_of_a_missing_unit_is_refused() -> None:
    plain = {**host()["seen"], "units": {}, "processes": [], "directories": ["/var/snap/microk8s/current"]}
    plain["files"] = {"/var/snap/microk8s/current/args/kube-apiserver": f"--service-account-issuer={OLD}\n"}
    found = described(host(seen=plain, pid=None, running_flags={}), now=1000.0)
    [problem] = problems({"cp1": found})
    assert "no systemd unit snap.microk8s.daemon-kubelite.service" in problem


def test_where_the_flags_of_distributions_stand_is_said_by_their_files() -> None:
    found = described(of_rke2(""), now=1000.0)
    said = plan(PlanSeen({"cp1": found, "cp2": described(host(), now=1000.0)})).in_units
    assert said.startswith(f"in /etc/rancher/rke2/config.yaml.d/90-onprem-irsa.yaml on cp1; in {UNIT} on cp2. ")
    assert "A server that joins needs" in said
