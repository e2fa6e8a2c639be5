# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import json
import subprocess
import typing as t
from unittest import mock

from ansible_collections.onprem.irsa.plugins.action.control_plane_plan import ActionModule
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._api_server.test_plan import (
    CONFIGURATION,
    PATCH,
    SLICES,
    UNKNOWN,
    observed,
)
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._api_server.test_way_back import OWN, manifest
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._flags.test_static_pod_flags import NEW, OLD

Result = dict[str, t.Any]


def seen(*issuers: str, **changes: object) -> list[Result]:
    return [{"host": host, **observed(*issuers, **changes)} for host in ("cp1", "cp2")]


def planned(*, checking: bool = False, **arguments: object) -> Result:
    task = mock.Mock(args=arguments, async_val=0, check_mode=checking)
    return ActionModule(task, *[mock.Mock() for _number in range(5)]).run(task_vars={})


def test_a_plan_as_tasks_get_it() -> None:
    result = planned(observed=seen(OLD), issuer=NEW, endpoints=SLICES)
    assert not result["failed"]
    assert result["steps"][0] == {
        "host": "cp1",
        "phase": "accept",
        "flags": {"service-account-issuer": [OLD, NEW]},
        "kids": ["one"],
        "signing_kid": "one",
        "published": ["one"],
        "before": {"service-account-issuer": [OLD]},
        "says": f"cp1: accepts {NEW} in addition to {OLD}; still signs with {OLD}",
    }
    assert result["says"] == [step["says"] for step in result["steps"]]
    assert result["listed"] == dict.fromkeys(["cp1", "cp2"], "https://10.0.0.1:6443")
    assert (result["upkeep"], result["changed"], result["issuer"]) == (None, False, NEW)


def test_problems_fail_the_task_and_are_all_told() -> None:
    result = planned(observed=seen(OLD, clock=2000.0), issuer=NEW)
    assert result["failed"]
    assert [line[:3] for line in result["msg"].splitlines()] == ["cp1", "cp2"]
    assert "steps" not in result  # they would be printed with the message


def test_what_to_set_by_hand_follows_the_problems() -> None:
    for towards in ("issuer", "look"):
        result = planned(observed=seen(OLD, **UNKNOWN, other_distributions=["K3s"]), issuer=NEW, towards=towards)
        lines = result["msg"].splitlines()
        assert [line[:3] for line in lines[:2]] == ["cp1", "cp2"]
        assert lines[2].startswith("It will ask for what follows on cp1, cp2")
        assert "Second pass" in result["msg"]
    assert planned(observed=seen(OLD), issuer=NEW, towards="look")["report"] == ""


def test_hosts_are_judged_without_an_issuer() -> None:
    result = planned(observed=seen(OLD, stale_key_files=["/sa.pub"]))
    assert (result["failed"], len(result["says"]), result["report"]) == (False, 2, "")


def test_in_check_mode_the_report_says_what_would_be() -> None:
    assert planned(observed=seen(OLD), issuer=NEW, checking=True)["report"].startswith(f"{NEW} would sign on cp1, cp2")
    done = planned(observed=seen(NEW, OLD), issuer=NEW, restarted=[7.5])["report"]
    assert done.endswith("longest time without an answer: 7.5 s")


def test_keys_are_rolled_out_too() -> None:
    steps = planned(observed=seen(OLD), issuer=OLD, signing_kid="two", retired_kids=["one"])["steps"]
    assert (steps[0]["kids"], steps[-1]["kids"], steps[-1]["signing_kid"]) == (["one", "two"], ["two"], "two")


def test_the_way_back_reads_what_the_hosts_have_kept() -> None:
    content = base64.b64encode(manifest(OLD, uri=OWN).encode()).decode()
    kept = [
        {"item": [{"item": host}, {"path": "/var/lib/x/kube-apiserver.yaml.2"}], "content": content}
        for host in ("cp1", "cp2")
    ]
    result = planned(observed=seen(NEW, OLD), issuer=NEW, towards="back", kept_manifests=kept)
    assert result["issuer"] == OLD
    assert result["steps"][-1]["flags"]["service-account-jwks-uri"] == [OWN]


KEEPER: Result = {"name": "kubeadm", "configuration": CONFIGURATION, "patch_file": PATCH}


FOUND: Result = {"version": "v1.34.3", "configuration": None, "patches": {}, "obstacle": ""}
HOSTS: list[Result] = [{"host": host, **FOUND} for host in ("cp1", "cp2")]


def test_what_keeps_the_flags() -> None:
    upkeep = planned(observed=seen(OLD), issuer=NEW, keeper={**KEEPER, "hosts": HOSTS})["upkeep"]
    assert (upkeep["changed"], upkeep["unpatched"], upkeep["outdated"]) == (True, ["cp1", "cp2"], [])
    assert [operation["op"] for operation in upkeep["patch"]] == ["add"]
    stored = [{**host, "version": "v1.34.4", "patches": {PATCH: "[]"}} for host in HOSTS]
    upkeep = planned(observed=seen(OLD), issuer=NEW, keeper={**KEEPER, "hosts": stored})["upkeep"]
    assert upkeep["outdated"] == [{"host": host, "path": PATCH} for host in ("cp1", "cp2")]


def test_in_a_task() -> None:
    """Ansible hands actions strings of its own kind, which PyYAML does not write."""
    keeper = {**KEEPER, "configuration": "{{ text }}", "hosts": [{**host, "version": "v1.34.4"} for host in HOSTS]}
    arguments = {"observed": "{{ seen }}", "issuer": "{{ issuer }}", "keeper": keeper}
    variables = {"seen": seen(OLD), "issuer": NEW, "text": CONFIGURATION}
    command = ["ansible", "localhost", "-e", json.dumps(variables), "-m", "onprem.irsa.control_plane_plan"]
    command += ["-a", json.dumps(arguments)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 -- this environment's
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"value: {NEW}" in done.stdout
