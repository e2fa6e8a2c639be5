# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps of the role on one host of a distribution, without Ansible in between."""

from __future__ import annotations

import copy
import functools
import json
import os
import subprocess
import sys
import typing as t
from dataclasses import asdict

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.observation import described, problems
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.plan import Plan, Wanted, plan
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.plan import Seen as PlanSeen
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.service import (
    planned_edits,
    seen_by,
    shown_lines,
    within_of,
)
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.tests.unit.roles import distribution_host
from ansible_collections.onprem.irsa.tests.unit.roles.cluster_of_files import ROOT
from ansible_collections.onprem.irsa.tests.unit.roles.distribution_host import REFUSED, FakeHost
from ansible_collections.onprem.irsa.tests.unit.roles.some_distributions import (
    DISTRIBUTIONS,
    FILE,
    NEW,
    OLD,
    RKE2,
    SECRET,
    unit,
    with_file,
)

if t.TYPE_CHECKING:
    from pathlib import Path

Json = dict[str, t.Any]

pytestmark = pytest.mark.slow

BOTH = "service-account-issuer"


@functools.cache
def _server() -> subprocess.Popen[str]:
    """Return what runs the parts of modules; it ends with this process, whose end of the pipe it reads."""
    command = [sys.executable, "-m", distribution_host.__name__, "serve"]
    path = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / ".build"), *sys.path])}
    return subprocess.Popen(  # noqa: S603 -- our own
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=path, text=True
    )


class Machine:
    """One host, on which the parts of the modules run as programs."""

    def __init__(self, directory: Path, name: str, **changes: object) -> None:
        """Take a directory, the name of a distribution, and what is other with this host."""
        self.file = directory / "cp1"
        self.file.write_text(json.dumps(copy.deepcopy({**DISTRIBUTIONS[name], **changes})))
        self.shown: list[dict[str, str]] = []
        self.host.boot()

    @property
    def host(self) -> FakeHost:
        """The host as it is now."""
        return FakeHost(self.file)

    def ask(self, what: str, asked: Json) -> Json:
        """Run a part of a module; a run that was killed has no result."""
        server = _server()
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(f"{json.dumps([what, str(self.file), asked])}\n")
        server.stdin.flush()
        result: Json = json.loads(server.stdout.readline())
        assert "crashed" not in result, "see what it wrote"
        return result

    def look(self) -> tuple[Json, Json]:
        """Return what is observed of the host, and what the host's part alone returns."""
        asked = {"component": "kube-apiserver", "kubeadm": None}
        raw = self.ask("info", asked)
        within = within_of(raw)
        raw = self.ask("info", {**asked, "within": within}) if within is not None else raw
        return described(raw, now=raw["clock"]), raw

    def planned(self) -> Plan:
        """Return what the role plans for this host as the only one."""
        return plan(PlanSeen({"cp1": self.look()[0]}), Wanted(NEW, jwks_uri=f"{NEW}/openid/v1/jwks"))

    def change(self, flags: Json) -> Json:
        """Change flags as control_plane_flags does, and return what became of it."""
        observed, raw = self.look()
        seen = seen_by(raw)
        assert seen is not None
        made = planned_edits(observed, seen, flags)
        self.shown = [shown_lines(edit) for edit in made.edits]
        if made.reached:
            return {"changed": False}
        asked = {
            "component": "kube-apiserver",
            "edits": [asdict(edit) for edit in made.edits],
            "unit": made.restart.unit,
            "restart": made.forced,
            "flags": made.flags,
            "flags_before": made.flags_before,
            "whole": made.whole,
            "outcome": made.outcome,
            **made.api,
            "timeout": 60,
        }
        return self.ask("change", asked)

    def roll(self) -> None:
        """Do what the role does with a host as the only one: end what was cut off, then go to the new issuer."""
        if self.look()[0]["unconfirmed"]:
            assert "reason" not in self.change({})
        for step in self.planned().steps:
            result = self.change(dict(step.flags))
            assert "reason" not in result, result

    def kill(self, renames: int) -> None:
        """Let the next change be killed, after so many files were renamed."""
        self.file.with_name("cp1.kill").write_text(str(renames))

    def files(self) -> dict[str, str]:
        """Return the files of the host's configuration."""
        root = self.host.root
        texts = (file for place in ("etc", "var/snap") for file in (root / place).rglob("*") if file.is_file())
        return {f"/{file.relative_to(root)}": file.read_text() for file in texts}

    def issuers(self) -> list[str]:
        """Return the issuers that the API server runs with."""
        found: list[str] = self.host.state["flags"].get(BOTH, [])
        return found


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_a_host_is_described_by_its_distribution(tmp_path: Path, name: str) -> None:
    machine = Machine(tmp_path, name)
    observed, _raw = machine.look()
    assert (observed["distribution"], observed["unit"]) == (name, DISTRIBUTIONS[name]["unit"])
    assert (observed["settled"], observed["drift"], observed["refusal"]) == (True, [], [])
    assert observed["running_flags"][BOTH] == observed["flags"][BOTH] == [OLD[name]]
    assert SECRET not in json.dumps(observed)
    assert problems({"cp1": observed}) == []


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_a_host_goes_there_and_back(tmp_path: Path, name: str) -> None:
    machine = Machine(tmp_path, name)
    before = machine.files()
    machine.roll()
    assert machine.issuers() == [NEW, OLD[name]]
    after = machine.files()
    assert {path for path in after if after[path] != before.get(path)} == {FILE[name]}
    assert machine.planned().steps == ()
    backup = machine.host.root / distribution_host.BACKUP
    kept = {"cp1": {str(file): file.read_text() for file in backup.glob("kube-apiserver.unit.*")}}
    back = Wanted(NEW, towards="back", retired=[NEW], kept_manifests=kept)
    there = machine.look()[0]
    with pytest.raises(InputError, match="can't be retired while it signs"):
        raise InputError(*plan(PlanSeen({"cp1": there}), back).problems, fix="")
    for step in plan(PlanSeen({"cp1": there}), Wanted(NEW, towards="back", kept_manifests=kept)).steps:
        assert "reason" not in machine.change(dict(step.flags))
    assert machine.issuers() == [OLD[name], NEW]
    for step in plan(PlanSeen({"cp1": machine.look()[0]}), back).steps:
        assert "reason" not in machine.change(dict(step.flags))
    assert machine.issuers() == [OLD[name]]
    assert machine.planned().steps != ()


@pytest.mark.parametrize("name", DISTRIBUTIONS)
@pytest.mark.parametrize("renames", range(4))
def test_a_run_that_is_killed_at_any_file_is_ended_by_the_next(tmp_path: Path, name: str, renames: int) -> None:
    machine = Machine(tmp_path, name)
    before = machine.files()
    machine.kill(renames)
    [step] = machine.planned().steps
    killed = machine.change(dict(step.flags)) == {}
    assert killed == (renames < 2 + (FILE[name] in before))
    machine.file.with_name("cp1.kill").unlink(missing_ok=True)
    machine.roll()
    assert machine.issuers() == [NEW, OLD[name]]
    assert machine.host.flags()[BOTH] == [NEW, OLD[name]]
    assert [path for path in machine.files() if path.endswith("-back")] == []
    assert machine.planned().steps == ()


@pytest.mark.parametrize("renames", range(2, 5))
def test_a_run_that_is_killed_between_two_files_is_taken_back_or_ended(tmp_path: Path, renames: int) -> None:
    """The flag with another value stands in the main file, and what is new comes into the drop-in."""
    text = "kube-apiserver-arg:\n- service-account-jwks-uri=https://old.example.com/jwks\n"
    machine = Machine(tmp_path, "RKE2", files=with_file("RKE2", "/etc/rancher/rke2/config.yaml", text))
    machine.kill(renames)
    [step] = machine.planned().steps
    result = machine.change(dict(step.flags))
    assert (result == {}) == (renames < 4)
    machine.roll()
    assert machine.issuers() == machine.host.flags()[BOTH] == [NEW, OLD["RKE2"]]


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_a_flag_that_is_refused_is_put_back_with_its_reason(tmp_path: Path, name: str) -> None:
    machine = Machine(tmp_path, name)
    before = machine.files()
    result = machine.change({REFUSED: ["/no.yaml"], BOTH: [NEW, OLD[name]]})
    assert (result["put_back"], result["recovered"]) == (True, True), result
    assert result["reason"].startswith("it exits as soon as it starts, with "), result
    assert name in ("K3s", "MicroK8s") or "no such file or directory" in result["reason"]
    assert (machine.files(), machine.issuers()) == (before, [OLD[name]])
    assert machine.look()[0]["settled"]
    assert not machine.look()[0]["unconfirmed"]


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_what_somebody_has_written_meanwhile_stays(tmp_path: Path, name: str) -> None:
    machine = Machine(tmp_path, name)
    observed, raw = machine.look()
    seen = seen_by(raw)
    assert seen is not None
    made = planned_edits(observed, seen, {BOTH: [NEW, OLD[name]]})
    file = machine.host.root / FILE[name][1:]
    file.parent.mkdir(exist_ok=True)
    file.write_text("# by hand\n")
    asked = {"component": "kube-apiserver", "unit": made.restart.unit, "restart": False, "timeout": 60, **made.api}
    asked |= {
        "edits": [asdict(edit) for edit in made.edits],
        "flags": made.flags,
        "whole": made.whole,
        "outcome": made.outcome,
    }
    result = machine.ask("change", {**asked, "flags_before": made.flags_before})
    assert "somebody else changed it" in result["msg"]
    assert file.read_text() == "# by hand\n"


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_a_service_that_was_not_restarted_since_a_change_by_hand_is_named(tmp_path: Path, name: str) -> None:
    machine = Machine(tmp_path, name)
    machine.roll()
    file = machine.host.root / FILE[name][1:]
    file.write_text(file.read_text().replace(NEW, "https://other.example.com"))
    observed, _raw = machine.look()
    assert (observed["drift"], observed["settled"]) == ([BOTH, "service-account-jwks-uri"], False)
    [problem] = problems({"cp1": observed})
    assert DISTRIBUTIONS[name]["unit"] in problem


def test_only_lines_that_change_are_shown(tmp_path: Path) -> None:
    text = f"token: {SECRET}\nkube-apiserver-arg:\n- service-account-issuer={OLD['RKE2']}\nagent-token: {SECRET}\n"
    machine = Machine(tmp_path, "RKE2", files=with_file("RKE2", "/etc/rancher/rke2/config.yaml", text))
    result = machine.change({BOTH: [NEW, OLD["RKE2"]]})
    assert [shown["after"] for shown in machine.shown] != [""]
    assert SECRET not in json.dumps([machine.shown, result])


THREE = {
    f"/etc/rancher/rke2/config.yaml.d/{number}.yaml": (
        f"kube-apiserver-arg+:\n- service-account-issuer=https://{number}.example.com\n"
    )
    for number in (1, 2, 3)
}


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        (
            "RKE2",
            {"files": with_file("RKE2", "/etc/systemd/system/k0scontroller.service", unit("/bin/k0s controller"))},
            "It has RKE2 and k0s, and which of them runs",
        ),
        ("RKE2", {"files": {**RKE2["files"], **THREE}}, "config.yaml.d/3.yaml:2 (https://3.example.com)"),
        ("k0s", {"version": "v1.33.4+k0s"}, "v1.34.1+k0s is the first that can hold several"),
    ],
    ids=["two distributions", "a flag in three files", "a version with one issuer"],
)
def test_what_cannot_be_is_refused_by_name_before_anything_is_touched(
    tmp_path: Path, name: str, changes: Json, said: str
) -> None:
    machine = Machine(tmp_path, name, **changes)
    [problem] = machine.planned().problems
    assert said in problem
    assert "cp1: " in problem


@pytest.mark.parametrize(
    ("name", "path", "text"),
    [
        ("RKE2", "/etc/rancher/rke2/config.yaml", f"token: {SECRET}\n- no\n"),
        ("k0s", "/etc/k0s/k0s.yaml", "spec: [\n"),
    ],
)
def test_a_file_that_does_not_parse_is_named(tmp_path: Path, name: str, path: str, text: str) -> None:
    machine = Machine(tmp_path, name)
    (machine.host.root / path[1:]).write_text(text)
    with pytest.raises(InputError, match=path) as caught:
        machine.look()
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_a_server_whose_tokens_another_one_refuses_is_put_back(tmp_path: Path, name: str) -> None:
    machine = Machine(tmp_path, name)
    host = machine.host
    host.state["refusing"] = {"https://10.0.0.2:6443": [NEW]}
    host.save()
    before = machine.files()
    result = machine.change({BOTH: [NEW, OLD[name]]})
    assert "https://10.0.0.2:6443 refuses a token that it has just signed" in result["reason"]
    assert (result["recovered"], machine.files(), machine.issuers()) == (True, before, [OLD[name]])


def test_what_is_not_seen_of_k3s_is_said(tmp_path: Path) -> None:
    machine = Machine(tmp_path, "K3s")
    observed, raw = machine.look()
    assert observed["running_flags"]["v"] == ["2"]
    assert observed["running_flags"]["api-audiences"] == [f"{OLD['K3s']},k3s"]
    assert "service-account-jwks-uri" not in observed["running_flags"]
    [problem] = problems({"cp1": described({**raw, "outcome": None}, now=raw["clock"])})
    assert "it signs no token for the client certificate /var/lib/rancher/k3s/server/tls/client-admin.crt" in problem
    [problem] = problems({"cp1": described({**raw, "outcome": None, "ready": False}, now=raw["clock"])})
    assert "is not ready" in problem
    gone = {**raw, "outcome": None, "ready": False, "pid": None}
    [problem] = problems({"cp1": described(gone, now=raw["clock"])})
    assert "journalctl -u k3s.service" in problem
