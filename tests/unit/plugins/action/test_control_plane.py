# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import time
import typing as t
from unittest import mock

import pytest
from ansible.errors import AnsibleActionFail

from ansible_collections.onprem.irsa.plugins.action import control_plane_flags, control_plane_info
from ansible_collections.onprem.irsa.plugins.module_utils._flags.manifest import digest
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._api_server.test_observation import (
    FLAGS,
    PATH,
    observed,
)
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._api_server.test_service import FILE as UNIT_FILE
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._api_server.test_service import OLD as UNIT_OLD
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._api_server.test_service import host as unit_host
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._flags.test_static_pod_flags import (
    KUBEADM,
    NEW,
    OLD,
)

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.plugin_utils._control_plane import ControlPlaneAction

Result = dict[str, t.Any]
ISSUER_OF_UNIT = {"service-account-issuer": [NEW, UNIT_OLD]}
ISSUERS = {"service-account-issuer": [NEW, OLD]}


class Host:
    """A host whose modules answer with prepared results, one after the other, and that keeps what it was told."""

    def __init__(self, *results: Result) -> None:
        self.results = list(results)
        self.told: list[tuple[str, Result]] = []

    def run(self, action: type[ControlPlaneAction], **arguments: object) -> Result:
        """Run an action against this host."""
        task = mock.Mock(args=arguments, delegate_to="cp2", async_val=0, check_mode=False)
        plugin = action(task, mock.Mock(), mock.Mock(), mock.Mock(), mock.Mock(), mock.Mock())
        with mock.patch.object(plugin, "_execute_module", self._execute_module):
            return plugin.run(task_vars={"inventory_hostname": "cp1"})

    def _execute_module(self, module_name: str, module_args: Result, task_vars: Result) -> Result:
        assert task_vars == {"inventory_hostname": "cp1"}
        self.told.append((module_name, module_args))
        return self.results.pop(0)


def healthy(**changes: object) -> Result:
    return observed(clock=time.time(), changed=False, **changes)


def test_info_adds_what_the_manifest_says() -> None:
    host = Host(healthy())
    result = host.run(control_plane_info.ActionModule)
    assert (result["flags"], result["settled"], result["changed"]) == (FLAGS, True, False)
    assert abs(result["clock_offset"]) < 10
    assert "manifests" not in result
    assert (result["host"], time.time() - result["seen_at"] < 10) == ("cp2", True)
    [(module, arguments)] = host.told
    assert module == "onprem.irsa.control_plane_info"
    assert arguments["manifests_directory"] == "/etc/kubernetes/manifests"


def test_info_waits_until_it_is_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_plane_info, "INTERVAL", 0)
    host = Host(healthy(ready=False), healthy(running_flags={}), healthy())
    assert host.run(control_plane_info.ActionModule, settle_timeout=60)["settled"]
    assert host.results == []


def test_info_does_not_wait_for_what_it_does_not_know() -> None:
    host = Host(healthy(distribution="unknown", manifests={}, running_flags={}, ready=False))
    assert not host.run(control_plane_info.ActionModule, settle_timeout=60)["settled"]


def test_info_returns_the_last_observation_after_the_wait() -> None:
    assert not Host(healthy(ready=False)).run(control_plane_info.ActionModule)["settled"]


def test_info_passes_a_failure_of_the_host_on() -> None:
    result = Host({"failed": True, "msg": "no openssl"}).run(control_plane_info.ActionModule)
    assert result == {"failed": True, "msg": "no openssl"}


def test_info_looks_at_kubeadm_where_it_is_asked_to() -> None:
    host = Host(healthy(kubeadm={"version": "v1.34.4"}))
    result = host.run(control_plane_info.ActionModule, kubeadm={"patches_directory": "/patches"})
    assert result["kubeadm"] == {"version": "v1.34.4", "host": "cp2"}
    assert host.told[0][1]["kubeadm"]["patches_directory"] == "/patches"


def test_info_fails_for_a_manifest_that_it_cannot_read() -> None:
    result = Host(healthy(manifests={PATH: "kind: ["})).run(control_plane_info.ActionModule)
    assert result["failed"]
    assert PATH in result["msg"]


def test_flags_take_two_round_trips() -> None:
    applied = {"changed": True, "backup": "/b", "unavailable_seconds": 9.5, "put_back": False}
    host = Host(healthy(), applied)
    result = host.run(control_plane_flags.ActionModule, flags=ISSUERS, timeout=99, stale_sandbox_seconds=60)
    assert result == {**applied, "before": {"service-account-issuer": [OLD]}, "after": ISSUERS}
    assert host.told[0][1]["change_timeout"] >= 2 * 99
    module, arguments = host.told[1]
    assert module == "onprem.irsa.control_plane_flags_host"
    assert [line for line in arguments["forerunner"].splitlines() if line not in arguments["content"].splitlines()] == [
        f'    onprem.irsa/forerunner-of: "{digest(arguments["content"])}"'
    ]
    assert arguments == {
        "path": PATH,
        "content": KUBEADM.replace(f"={OLD}", f"={NEW}\n    - --service-account-issuer={OLD}"),
        "planned_on": digest(KUBEADM),
        "forerunner": mock.ANY,
        "move_away": [],
        "component": "kube-apiserver",
        "flags": {**FLAGS, **ISSUERS},
        "url": "https://10.0.0.1:6443",
        "client_cert": "",
        "client_key": "",
        "health": "/readyz",
        "timeout": 99,
        "stale_sandbox_seconds": 60,
        "backup_directory": "/var/lib/onprem-irsa/backup",
    }


def test_variables_that_the_kubelet_alone_knows_are_named_to_the_host() -> None:
    text = KUBEADM.replace("=10.0.0.1", "=$(IP)").replace(
        "    name: kube-apiserver\n",
        "    name: kube-apiserver\n    env: [{name: IP, valueFrom: {fieldRef: {fieldPath: status.hostIP}}}]\n",
    )
    host = Host(healthy(manifests={PATH: text}), {"changed": True})
    assert host.run(control_plane_flags.ActionModule, flags=ISSUERS)["changed"]
    change = host.told[1][1]
    assert (change["variables"], change["flags"]["advertise-address"]) == (["IP"], ["$(IP)"])
    assert change["url"] == "https://10.0.0.1:6443"


def test_what_another_one_has_changed_meanwhile_is_left_alone() -> None:
    host = Host(healthy())
    result = host.run(control_plane_flags.ActionModule, flags=ISSUERS, expected={"service-account-issuer": [NEW]})
    assert (result["failed"], len(host.told)) == (True, 1)
    assert "cp2" in result["msg"]


def test_files_are_digested_on_the_host() -> None:
    host = Host(healthy(digests={"/sa.pub": "d1"}), {"changed": True})
    assert host.run(control_plane_flags.ActionModule, flags={}, restart_for=["/sa.pub"])["changed"]
    assert host.told[0][1]["files"] == ["/sa.pub"]
    assert "onprem.irsa/restart-for-sha256" in host.told[1][1]["content"]


def test_units_take_the_same_two_round_trips_with_edits() -> None:
    there = {**unit_host(), "clock": time.time(), "changed": False}
    host = Host(there, {"changed": True, "backup": "/b", "unavailable_seconds": 2.0, "put_back": False})
    result = host.run(control_plane_flags.ActionModule, flags=ISSUER_OF_UNIT, timeout=99)
    assert (result["changed"], result["after"], result["removed_sandboxes"]) == (True, ISSUER_OF_UNIT, [])
    assert [shown["after_header"] for shown in result["diff"]] == [UNIT_FILE]
    module, arguments = host.told[1]
    assert module == "onprem.irsa.control_plane_edits_host"
    [edit] = arguments.pop("edits")
    assert (edit["path"], NEW in edit["after"], edit["mode"]) == (UNIT_FILE, True, None)
    assert arguments == {
        "unit": "kube-apiserver.service",
        "restart": False,
        "flags": {"secure-port": ["6443"], **ISSUER_OF_UNIT},
        "flags_before": {"secure-port": ["6443"], "service-account-issuer": [UNIT_OLD]},
        "url": "https://127.0.0.1:6443",
        "client_cert": "",
        "client_key": "",
        "health": "/readyz",
        "component": "kube-apiserver",
        "timeout": 99,
        "backup_directory": "/var/lib/onprem-irsa/backup",
    }


def test_a_unit_that_is_as_it_should_be_takes_one() -> None:
    host = Host({**unit_host(), "clock": time.time(), "changed": False})
    assert not host.run(control_plane_flags.ActionModule, flags={"service-account-issuer": [UNIT_OLD]})["changed"]


def test_the_unit_of_a_controller_manager_is_restarted_for_its_files_and_no_more() -> None:
    flags = {"secure-port": ["10257"], "service-account-private-key-file": ["/etc/kubernetes/pki/sa.key"]}
    key = flags["service-account-private-key-file"]
    manager = {
        "component": "kube-controller-manager",
        "distribution": "unknown",
        "manifest": "/etc/kubernetes/manifests/kube-controller-manager.yaml",
        "manifests": {},
        "running_flags": flags,
        "unit": "kube-controller-manager.service",
        "changed_files": key,
    }
    host = Host(healthy(**manager), {"changed": True, "backup": None, "unavailable_seconds": 2.0, "put_back": False})
    asked = {"component": "kube-controller-manager", "restart_for": key}
    assert host.run(control_plane_flags.ActionModule, flags={}, **asked)["changed"]
    module, arguments = host.told[1]
    assert module == "onprem.irsa.control_plane_edits_host"
    assert (arguments["unit"], arguments["restart"], arguments["edits"]) == (manager["unit"], True, [])
    assert arguments["flags"] == arguments["flags_before"] == flags
    assert arguments["url"].endswith(":10257")

    host = Host(healthy(**{**manager, "changed_files": []}))
    assert not host.run(control_plane_flags.ActionModule, flags={}, **asked)["changed"]
    refused = Host(healthy(**manager)).run(control_plane_flags.ActionModule, flags={"v": ["2"]}, **asked)
    assert "no flags of kube-controller-manager are changed there" in refused["msg"]


MANAGER = KUBEADM.replace("kube-apiserver", "kube-controller-manager").replace("--advertise", "--bind")
MANAGER_PATH = "/etc/kubernetes/manifests/kube-controller-manager.yaml"


def test_a_controller_manager_takes_the_same_two_round_trips() -> None:
    flags = {"bind-address": ["10.0.0.1"], **{name: value for name, value in FLAGS.items() if "advertise" not in name}}
    there = healthy(
        component="kube-controller-manager",
        manifest=MANAGER_PATH,
        manifests={MANAGER_PATH: MANAGER},
        running_flags=flags,
    )
    host = Host(there, {"changed": True})
    result = host.run(control_plane_flags.ActionModule, component="kube-controller-manager", flags={"v": ["2"]})
    assert (result["changed"], result["before"], result["after"]) == (True, {"v": []}, {"v": ["2"]})
    [(_module, look), (_module, change)] = host.told
    assert look["component"] == change["component"] == "kube-controller-manager"
    assert (change["path"], change["url"], change["health"]) == (MANAGER_PATH, "https://10.0.0.1:10257", "/healthz")
    assert change["flags"] == {**flags, "v": ["2"]}


def test_flags_that_are_there_take_one() -> None:
    result = Host(healthy()).run(control_plane_flags.ActionModule, flags={"service-account-issuer": [OLD]})
    assert not result["changed"]
    assert result["before"] == result["after"] == {"service-account-issuer": [OLD]}


@pytest.mark.parametrize("changes", [{"unconfirmed": True}, {"ready": False}, {"running_flags": {}}])
def test_a_change_that_was_cut_off_is_waited_for(changes: Result) -> None:
    host = Host(healthy(**changes), {"changed": False})
    assert not host.run(control_plane_flags.ActionModule, flags={})["changed"]
    assert host.told[1][1]["content"] == KUBEADM


def test_a_failure_on_the_host_is_explained() -> None:
    failed = {"failed": True, "msg": "Bad.", "reason": "bad", "recovered": True, "unavailable_seconds": 1.0}
    result = Host(healthy(), failed).run(control_plane_flags.ActionModule, flags=ISSUERS)
    assert result["failed"]
    assert result["msg"].startswith(f"cp2, with --service-account-issuer={NEW} ")
    assert result["before"] == {"service-account-issuer": [OLD]}


def test_bad_flags_are_refused_before_anything_is_touched() -> None:
    host = Host(healthy())
    result = host.run(control_plane_flags.ActionModule, flags={"v": "2"})
    assert result["failed"]
    assert result["msg"].startswith("cp2: The flag v must have a list of values")
    assert len(host.told) == 1


@pytest.mark.parametrize(
    ("action", "arguments"),
    [
        (control_plane_flags.ActionModule, {"flags": {}, "timeout": 0}),
        (control_plane_flags.ActionModule, {"flags": {}, "stale_sandbox_seconds": -1}),
        (control_plane_info.ActionModule, {"settle_timeout": -1}),
    ],
)
def test_numbers_that_make_no_sense_are_refused_before_the_host_is_asked(
    action: type[ControlPlaneAction], arguments: Result
) -> None:
    host = Host()
    result = host.run(action, **arguments)
    assert (result["failed"], host.told) == (True, [])
    assert "or more" in result["msg"]


@pytest.mark.parametrize(
    ("stderr", "version", "words"),
    [
        (
            "SyntaxError: future feature annotations is not defined",
            "Python 3.6.15\n",
            "/usr/bin/python3 on this host is",
        ),
        ("sudo: a password is required", "Python 3.11.2\n", "no json"),
        ("sudo: a password is required", "", "no json"),
        ("", "Python 3.6.15\n", "no json"),
    ],
)
def test_a_python_that_cannot_read_the_module_is_named(stderr: str, version: str, words: str) -> None:
    """As Ansible returns it for a module that gave no result."""
    failed = {"failed": True, "msg": "no json", "module_stderr": stderr}
    told = mock.Mock(return_value={"rc": 0, "stdout": version, "stderr": ""})
    plugin = control_plane_info.ActionModule(*[mock.Mock(args={}, async_val=0) for _argument in range(6)])
    plugin._used_interpreter = "#!/usr/bin/python3"
    with (
        mock.patch("ansible.plugins.action.ActionBase._low_level_execute_command", told),
        mock.patch.object(plugin, "_execute_module", return_value=failed),
    ):
        result = plugin.run(task_vars={})
    assert words in result["msg"]


def test_an_observation_that_fails_ends_it() -> None:
    assert Host({"failed": True, "msg": "x"}).run(control_plane_flags.ActionModule, flags={}) == {
        "failed": True,
        "msg": "x",
    }


def test_unknown_options_are_refused() -> None:
    with pytest.raises(AnsibleActionFail, match="Unsupported parameters"):
        Host().run(control_plane_flags.ActionModule, flags={}, flag="x")
