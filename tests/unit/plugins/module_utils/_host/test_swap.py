# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError, IrsaError
from ansible_collections.onprem.irsa.plugins.module_utils._flags.manifest import digest
from ansible_collections.onprem.irsa.plugins.module_utils._host.api import Api
from ansible_collections.onprem.irsa.plugins.module_utils._host.backup import Backups
from ansible_collections.onprem.irsa.plugins.module_utils._host.processes import find
from ansible_collections.onprem.irsa.plugins.module_utils._host.sandbox import Sandboxes
from ansible_collections.onprem.irsa.plugins.module_utils._host.swap import (
    Change,
    Outcome,
    apply,
    reported_outcome,
)
from ansible_collections.onprem.irsa.plugins.module_utils._host.watch import Watch
from ansible_collections.onprem.irsa.plugins.modules import control_plane_flags_host
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._host.conftest import watch_of

if TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._host.fake_kubelet import FakeKubelet

pytestmark = pytest.mark.slow

OLD = "--issuer=old"


def change(kubelet: FakeKubelet, *arguments: str, timeout: float = 20) -> Change:
    backups = Backups(kubelet.root / "backup", kubelet.manifest)
    return Change(backups, kubelet.content(*arguments), kubelet.flags(*arguments), timeout)


def running(kubelet: FakeKubelet) -> dict[str, list[str]]:
    process = find(kubelet.component)
    return process.flags if process is not None else {}


def backups(kubelet: FakeKubelet) -> list[Path]:
    return sorted((kubelet.root / "backup").iterdir())


def manifests(kubelet: FakeKubelet) -> list[Path]:
    return sorted(kubelet.manifest.parent.iterdir())


def test_a_manifest_that_changed_since_it_was_looked_at_is_left(kubelet: FakeKubelet) -> None:
    before = kubelet.manifest.read_text()
    planned = replace(change(kubelet, "--issuer=new"), planned_on=digest(before + "# of an earlier look\n"))
    with pytest.raises(IrsaError, match="Run the play again"):
        apply(planned, watch_of(kubelet))
    assert kubelet.manifest.read_text() == before


def test_a_change_is_waited_for_and_the_next_run_finds_nothing_to_do(kubelet: FakeKubelet) -> None:
    watch = watch_of(kubelet)
    outcome = apply(change(kubelet, "--issuer=new"), watch)
    [backup] = backups(kubelet)
    assert outcome == Outcome(changed=True, backup=backup)
    assert running(kubelet) == kubelet.flags("--issuer=new")
    assert watch.unavailable < 20
    assert manifests(kubelet) == [kubelet.manifest]
    assert kubelet.manifest.stat().st_mode & 0o777 == 0o600
    assert (backup.parent.stat().st_mode & 0o777, backup.stat().st_mode & 0o777) == (0o700, 0o600)
    assert backup.read_text() == kubelet.content(OLD)

    pid = kubelet.pid
    assert apply(change(kubelet, "--issuer=new"), watch_of(kubelet)) == Outcome(changed=False)
    assert (kubelet.pid, backups(kubelet)) == (pid, [backup])


def test_a_value_that_the_kubelet_alone_knows_may_be_any(kubelet: FakeKubelet) -> None:
    """The fake one knows no variables, so that the manifest has what a real one makes of it."""
    node = ("--node=cp1", "--also=x-cp1")
    wanted = replace(
        change(kubelet, *node), flags=kubelet.flags("--node=$(NODE)", "--also=x-$(NODE)"), variables=("NODE",)
    )
    assert apply(wanted, watch_of(kubelet)).failure is None
    other = replace(wanted, content=kubelet.content("--node=cp1", "--also=x-cp2"), timeout=2.0)
    outcome = apply(other, watch_of(kubelet))
    assert outcome.failure is not None
    assert "flags of the manifest" in outcome.failure.reason
    assert running(kubelet) == kubelet.flags(*node)


def test_a_refused_flag_is_put_back_early_and_with_its_reason(kubelet: FakeKubelet) -> None:
    watch = watch_of(kubelet)
    began = time.monotonic()
    outcome = apply(change(kubelet, OLD, "--refused=true", timeout=60), watch)
    assert time.monotonic() - began < 30, "it waited for the time limit"
    assert (outcome.changed, outcome.put_back, outcome.put_back_failure) == (True, True, None)
    assert kubelet.manifest.read_text() == kubelet.content(OLD)
    assert running(kubelet) == kubelet.flags(OLD)
    assert (manifests(kubelet), backups(kubelet)) == ([kubelet.manifest], [])
    result = reported_outcome(outcome, watch)
    assert result["reason"] == 'it exits as soon as it starts, with "command failed" err="refused must not be given".'
    assert result["recovered"], result
    assert "ready again" in result["msg"]
    assert result["log"][-1].startswith("E0102")


@pytest.mark.parametrize("flag", ["--unready=true", "--issuer=new"])
def test_what_is_not_ready_in_time_is_put_back(kubelet: FakeKubelet, flag: str) -> None:
    kubelet.frozen = flag == "--issuer=new"
    pid = kubelet.pid
    outcome = apply(change(kubelet, flag, timeout=2), watch_of(kubelet))
    assert outcome.failure is not None
    assert outcome.put_back
    assert outcome.put_back_failure is None
    assert kubelet.manifest.read_text() == kubelet.content(OLD)
    if kubelet.frozen:
        assert "has not replaced its process" in outcome.failure.reason
        assert kubelet.pid == pid
    else:
        assert "/readyz has not answered" in outcome.failure.reason
        assert running(kubelet) == kubelet.flags(OLD)


def test_a_put_back_that_fails_too_says_so(kubelet: FakeKubelet) -> None:
    kubelet.broken = True
    watch = watch_of(kubelet)
    result = reported_outcome(apply(change(kubelet, "--issuer=new", timeout=20), watch), watch)
    assert kubelet.manifest.read_text() == kubelet.content(OLD)
    assert (result["put_back"], result["recovered"]) == (True, False)
    assert "did not come up either: it exits as soon as it starts" in result["msg"]


def test_without_a_process_before_any_with_the_flags_will_do(kubelet: FakeKubelet) -> None:
    kubelet.manifest.write_text(kubelet.content("--refused=true"))
    while running(kubelet) == kubelet.flags(OLD):
        time.sleep(0.05)
    assert apply(change(kubelet, OLD), watch_of(kubelet)).failure is None


# Runs a change in a process of its own, as a module does, and prints its outcome.
RUNNER = """
import json, sys
from pathlib import Path
from ansible_collections.onprem.irsa.plugins.module_utils._host.api import Api
from ansible_collections.onprem.irsa.plugins.module_utils._host.backup import Backups
from ansible_collections.onprem.irsa.plugins.module_utils._host.swap import Change, apply, reported_outcome
from ansible_collections.onprem.irsa.plugins.module_utils._host.watch import Watch
given = json.load(sys.stdin)
watch = Watch(given["component"], Api(given["url"]), logs=Path(given["logs"]), interval=0.05, gone=1.0)
change = Change(Backups(Path(given["backup"]), Path(given["manifest"])), given["content"], given["flags"], 20)
print("begun", flush=True)
print(json.dumps(reported_outcome(apply(change, watch), watch)))
"""


def started(kubelet: FakeKubelet, *arguments: str) -> subprocess.Popen[str]:
    """Start a change and return once its manifest stands there, which the frozen kubelet has not seen."""
    given = {
        "component": kubelet.component,
        "url": kubelet.url,
        "logs": str(kubelet.logs),
        "backup": str(kubelet.root / "backup"),
        "manifest": str(kubelet.manifest),
        "content": kubelet.content(*arguments),
        "flags": kubelet.flags(*arguments),
    }
    environment = {**os.environ, "PYTHONPATH": ".build"}
    runner = subprocess.Popen(  # noqa: S603 -- the script above
        [sys.executable, "-c", RUNNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )
    assert runner.stdin is not None
    runner.stdin.write(json.dumps(given))
    runner.stdin.close()
    while kubelet.manifest.read_text() != kubelet.content(*arguments):
        assert runner.poll() is None
        time.sleep(0.02)
    return runner


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
def test_a_lost_connection_does_not_end_what_has_begun(kubelet: FakeKubelet, number: signal.Signals) -> None:
    kubelet.frozen = True
    runner = started(kubelet, "--refused=true")
    runner.send_signal(number)
    kubelet.frozen = False
    assert runner.stdout is not None
    result = json.loads(runner.stdout.read().splitlines()[-1])
    runner.stdout.close()
    assert runner.wait() == 0
    assert result["recovered"], result
    assert running(kubelet) == kubelet.flags(OLD)


def killed(kubelet: FakeKubelet, *arguments: str) -> None:
    kubelet.frozen = True
    runner = started(kubelet, *arguments)
    runner.kill()
    runner.wait()
    assert runner.stdout is not None
    runner.stdout.close()


def test_a_killed_run_is_taken_up_by_the_next(kubelet: FakeKubelet) -> None:
    killed(kubelet, "--issuer=new")
    later = threading.Timer(0.5, lambda: setattr(kubelet, "frozen", False))
    later.start()
    outcome = apply(change(kubelet, "--issuer=new"), watch_of(kubelet))
    later.join()
    assert (outcome.changed, outcome.failure) == (False, None)
    assert running(kubelet) == kubelet.flags("--issuer=new")
    [backup] = backups(kubelet)
    assert outcome.backup == backup
    assert backup.read_text() == kubelet.content(OLD)


def test_a_killed_run_with_a_refused_flag_is_put_back_by_the_next(kubelet: FakeKubelet) -> None:
    killed(kubelet, "--refused=true")
    kubelet.frozen = False
    outcome = apply(change(kubelet, "--refused=true"), watch_of(kubelet))
    assert (outcome.put_back, outcome.put_back_failure) == (True, None)
    assert running(kubelet) == kubelet.flags(OLD)


def test_after_a_killed_run_another_change_goes_back_to_what_worked(kubelet: FakeKubelet) -> None:
    killed(kubelet, "--refused=true")
    kubelet.frozen = False
    outcome = apply(change(kubelet, "--refused=true", "--issuer=new"), watch_of(kubelet))
    assert (outcome.put_back, outcome.put_back_failure) == (True, None)
    assert kubelet.manifest.read_text() == kubelet.content(OLD)


def test_a_run_killed_before_the_rename_leaves_nothing_behind(kubelet: FakeKubelet) -> None:
    wanted = change(kubelet, "--issuer=new")
    with wanted.backups.locked(0):
        wanted.backups.keep(kubelet.content(OLD), replaced_by=kubelet.content("--issuer=other"), mark="")
    assert apply(wanted, watch_of(kubelet)).failure is None
    [backup] = backups(kubelet)
    assert backup.read_text() == kubelet.content(OLD)


def test_a_second_run_waits_for_the_first(kubelet: FakeKubelet) -> None:
    kubelet.frozen = True
    runner = started(kubelet, "--issuer=new")
    later = threading.Timer(0.5, lambda: setattr(kubelet, "frozen", False))
    later.start()
    outcome = apply(change(kubelet, "--issuer=new"), watch_of(kubelet))
    later.join()
    assert outcome == Outcome(changed=False)
    assert runner.stdout is not None
    assert json.loads(runner.stdout.read().splitlines()[-1])["changed"]
    runner.stdout.close()
    assert runner.wait() == 0
    assert kubelet.starts == 2


def test_a_broken_manifest_that_was_there_before_is_left(kubelet: FakeKubelet) -> None:
    kubelet.manifest.write_text(kubelet.content("--refused=true"))
    watch = watch_of(kubelet)
    result = reported_outcome(apply(change(kubelet, "--refused=true", timeout=20), watch), watch)
    assert (result["changed"], result["put_back"]) == (False, False)
    assert "no older one is known to work" in result["msg"]


def test_backups_never_go_where_the_kubelet_would_run_them(kubelet: FakeKubelet) -> None:
    wrong = Change(Backups(kubelet.manifest.parent, kubelet.manifest), "[]", {}, 1)
    with pytest.raises(InputError, match="must not be the manifests directory"):
        apply(wrong, watch_of(kubelet))


def test_a_manifest_that_is_not_there_is_not_made(kubelet: FakeKubelet) -> None:
    wrong = Change(Backups(kubelet.root / "backup", kubelet.root / "none.yaml"), "[]", {}, 1)
    with pytest.raises(InputError, match="there is no such manifest"):
        apply(wrong, watch_of(kubelet))


def with_annotation(kubelet: FakeKubelet) -> Change:
    """Return a change of something that is no flag: the process should be another one all the same."""
    return replace(change(kubelet, OLD), content=kubelet.content(OLD) + "\n")


def test_a_change_of_an_annotation_alone_is_a_new_process(kubelet: FakeKubelet) -> None:
    pid = kubelet.pid
    outcome = apply(with_annotation(kubelet), watch_of(kubelet))
    assert (outcome.changed, outcome.failure) == (True, None)
    assert kubelet.pid != pid
    assert apply(with_annotation(kubelet), watch_of(kubelet)) == Outcome(changed=False)


def cut_off(kubelet: FakeKubelet, wanted: Change, *, seconds_ago: float, noted: bool) -> None:
    """Leave what a run leaves that was killed after it moved the manifest in; a clock may make it any time ago."""
    kubelet.freeze()
    old = find(kubelet.component)
    assert old is not None
    with wanted.backups.locked(0):
        kept = wanted.backups.keep(kubelet.content(OLD), replaced_by=wanted.content, mark=old.mark())
    os.utime(kept, (0, time.time() - seconds_ago))
    if not noted:
        kept.with_name(f"{kept.name}.process").unlink()
    kubelet.manifest.write_text(wanted.content)


@pytest.mark.parametrize(("seconds_ago", "noted"), [(0, True), (-3600, True), (3600, True), (0, False)])
def test_an_annotation_that_was_cut_off_is_not_taken_for_running_by_the_old_process(
    kubelet: FakeKubelet, seconds_ago: float, noted: bool
) -> None:
    pid, wanted = kubelet.pid, with_annotation(kubelet)
    cut_off(kubelet, wanted, seconds_ago=seconds_ago, noted=noted)
    later = threading.Timer(0.5, lambda: setattr(kubelet, "frozen", False))
    later.start()
    outcome = apply(wanted, watch_of(kubelet))
    later.join()
    assert (outcome.changed, outcome.failure) == (False, None)
    assert outcome.backup is not None
    assert kubelet.pid != pid
    assert backups(kubelet) == [outcome.backup]


@pytest.mark.parametrize(("seconds_ago", "noted"), [(-3600, True), (3600, True), (3600, False)])
def test_a_new_process_is_known_whatever_the_clock_says(kubelet: FakeKubelet, seconds_ago: float, noted: bool) -> None:
    pid, wanted = kubelet.pid, with_annotation(kubelet)
    cut_off(kubelet, wanted, seconds_ago=seconds_ago, noted=noted)
    kubelet.frozen = False
    assert watch_of(kubelet).wait(lambda process: process.pid != pid, since=frozenset(), timeout=20) is None
    new = kubelet.pid
    outcome = apply(replace(wanted, timeout=5), watch_of(kubelet))
    assert (outcome.changed, outcome.failure, kubelet.pid) == (False, None, new)
    assert backups(kubelet) == [outcome.backup]


def crictl(kubelet: FakeKubelet, after: float) -> tuple[Sandboxes, list[list[str]]]:
    """Return what removes sandboxes, of a host whose one sandbox keeps the kubelet stuck, and the commands it gave."""
    there, said = ["old"], []

    def run(command: list[str]) -> tuple[int, str, str]:
        said.append(command[3:])
        if command[3] == "rmp":
            there.remove(command[4])
            kubelet.stuck = False
        return 0, "\n".join(there), ""

    return Sandboxes(kubelet.component, after, run, "/usr/bin/crictl"), said


def test_a_stuck_kubelet_is_freed_of_the_old_sandbox(kubelet: FakeKubelet) -> None:
    kubelet.stuck = True
    sandboxes, said = crictl(kubelet, after=1.0)
    watch = watch_of(kubelet)
    outcome = apply(replace(change(kubelet, "--issuer=new"), sandboxes=sandboxes), watch)
    assert (outcome.changed, outcome.failure) == (True, None)
    assert [command[0] for command in said] == ["pods", "pods", "stopp", "rmp"]
    assert said[0][-1] == f"^{kubelet.component}-"
    assert reported_outcome(outcome, watch, sandboxes)["removed_sandboxes"] == ["old"]


def test_a_crictl_that_reaches_no_runtime_is_named_before_anything_is_touched(kubelet: FakeKubelet) -> None:
    said = 'level=fatal msg="validate service connection: dial unix /run/containerd/containerd.sock: no such file"'
    blind = Sandboxes(kubelet.component, 1.0, lambda _command: (1, "", f"a warning\n{said}\n"), "/usr/bin/crictl")
    with pytest.raises(IrsaError, match=r"/etc/crictl\.yaml") as caught:
        apply(replace(change(kubelet, "--issuer=new"), sandboxes=blind), watch_of(kubelet))
    assert f"/usr/bin/crictl lists no pods: {said}." in str(caught.value)
    assert (manifests(kubelet), backups(kubelet)) == ([kubelet.manifest], [])
    assert kubelet.manifest.read_text() == kubelet.content(OLD)


def test_a_sandbox_that_crictl_does_not_remove_is_told(kubelet: FakeKubelet) -> None:
    kubelet.stuck = True
    sandboxes, _said = crictl(kubelet, after=0.5)
    listing = sandboxes.run
    sandboxes.run = lambda command: listing(command) if command[3] == "pods" else (1, "", "context deadline exceeded")
    watch = watch_of(kubelet)
    outcome = apply(replace(change(kubelet, "--issuer=new", timeout=3), sandboxes=sandboxes), watch)
    kubelet.stuck = False
    result = reported_outcome(outcome, watch, sandboxes)
    assert (result["removed_sandboxes"], "asked for: context deadline exceeded." in result["msg"]) == ([], True)


def test_a_kubelet_that_is_not_stuck_keeps_its_sandboxes(kubelet: FakeKubelet) -> None:
    sandboxes, said = crictl(kubelet, after=60.0)
    assert apply(replace(change(kubelet, "--issuer=new"), sandboxes=sandboxes), watch_of(kubelet)).failure is None
    sandboxes, said = crictl(kubelet, after=0.0)
    sandboxes.begin(find(kubelet.component))
    apply(change(kubelet, "--issuer=newer"), watch_of(kubelet))
    sandboxes.go_on()
    assert [command[0] for command in said] == ["pods"]


def test_a_component_is_ready_at_its_own_path(kubelet: FakeKubelet) -> None:
    """As kube-controller-manager, which has /healthz and no profile for everybody."""
    watch = Watch(kubelet.component, Api(kubelet.url, health="/healthz"), logs=kubelet.logs, interval=0.05, gone=1.0)
    flags = ("--health=/healthz", "--profiling=false")
    assert apply(change(kubelet, *flags), watch).failure is None
    assert apply(change(kubelet, *flags, "--refused=true"), watch).put_back
    assert running(kubelet) == kubelet.flags(*flags)


@pytest.mark.parametrize("health", ["/readyz", "/healthz"])
def test_check_apply_check_apply(
    kubelet: FakeKubelet, health: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = ("--issuer=new", f"--health={health}")
    component = {"type": "str", "choices": [kubelet.component], "required": True}
    monkeypatch.setitem(control_plane_flags_host.ARGUMENT_SPEC, "component", component)
    arguments = {
        "path": str(kubelet.manifest),
        "content": kubelet.content(*flags),
        "component": kubelet.component,
        "flags": kubelet.flags(*flags),
        "url": kubelet.url,
        "health": health,
        "backup_directory": str(kubelet.root / "backup"),
    }
    seen = []
    for check in (True, False, True, False):
        given = {**arguments, "_ansible_check_mode": check, "_ansible_diff": True}
        with patch_module_args(given), pytest.raises(SystemExit) as ended:
            control_plane_flags_host.main()
        result = json.loads(capsys.readouterr().out)
        assert (ended.value.code, result["diff"]["after"]) == (0, arguments["content"])
        seen.append((result["changed"], running(kubelet) == kubelet.flags(*flags)))
    assert seen == [(True, False), (True, True), (False, True), (False, True)]
    assert kubelet.starts == 2


def test_other_files_with_the_pod_are_moved_where_no_kubelet_runs_them(kubelet: FakeKubelet) -> None:
    kubelet.freeze()
    stray = kubelet.manifest.with_name(f"{kubelet.manifest.name}.bak")
    stray.write_text("stray")

    def go_on_without_it() -> None:
        while stray.exists():
            time.sleep(0.02)
        kubelet.frozen = False

    later = threading.Thread(target=go_on_without_it)
    later.start()
    watch = watch_of(kubelet)
    outcome = apply(replace(change(kubelet, "--issuer=new"), move_away=(stray,)), watch)
    later.join()
    assert outcome.failure is None
    [moved] = outcome.moved_away
    assert (moved.parent, moved.read_text()) == (kubelet.root / "backup", "stray")
    assert manifests(kubelet) == [kubelet.manifest]
    assert reported_outcome(outcome, watch)["moved_away"] == [str(moved)]


def forerun(kubelet: FakeKubelet, *arguments: str) -> Change:
    """Return a change with a forerunner that means the same."""
    wanted = change(kubelet, *arguments)
    return replace(wanted, forerunner=wanted.content + "\n")


def test_the_wanted_manifest_comes_when_the_old_process_is_gone_and_starts_at_once(kubelet: FakeKubelet) -> None:
    kubelet.retry = 30.0
    began = time.monotonic()
    outcome = apply(forerun(kubelet, "--issuer=new"), watch_of(kubelet))
    assert time.monotonic() - began < kubelet.retry / 2
    assert (outcome.changed, outcome.failure) == (True, None)
    assert kubelet.manifest.read_text() == kubelet.content("--issuer=new")
    assert backups(kubelet) == [outcome.backup]
    assert kubelet.starts == 2


def test_a_forerunner_that_runs_by_itself_stays(kubelet: FakeKubelet) -> None:
    wanted = forerun(kubelet, "--issuer=new")
    outcome = apply(wanted, watch_of(kubelet))
    assert (outcome.failure, kubelet.starts) == (None, 2)
    assert kubelet.manifest.read_text() == wanted.forerunner
    assert backups(kubelet) == [outcome.backup]
    again = replace(wanted, content=wanted.forerunner, forerunner="")
    assert apply(again, watch_of(kubelet)) == Outcome(changed=False)


def test_a_refused_flag_is_put_back_from_a_forerunner(kubelet: FakeKubelet) -> None:
    kubelet.retry = 1.0
    outcome = apply(forerun(kubelet, OLD, "--refused=true"), watch_of(kubelet))
    assert (outcome.put_back, outcome.put_back_failure) == (True, None)
    assert kubelet.manifest.read_text() == kubelet.content(OLD)
    assert backups(kubelet) == []


def test_a_manifest_that_came_in_between_is_left_as_it_is(kubelet: FakeKubelet) -> None:
    kubelet.retry, kubelet.frozen = 30.0, True
    wanted, others = forerun(kubelet, "--issuer=new"), kubelet.content("--issuer=others")

    def write_another() -> None:
        while kubelet.manifest.read_text() != wanted.forerunner:
            time.sleep(0.01)
        kubelet.manifest.write_text(others)
        kubelet.frozen = False

    somebody = threading.Thread(target=write_another)
    somebody.start()
    watch = watch_of(kubelet)
    outcome = apply(replace(wanted, timeout=8.0), watch)
    somebody.join()
    assert (outcome.failure is None, outcome.put_back) == (False, False)
    assert kubelet.manifest.read_text() == others
    assert "Somebody else changed the manifest" in reported_outcome(outcome, watch)["msg"]


def test_a_forerunner_that_a_killed_run_left_is_taken_for_the_manifest(kubelet: FakeKubelet) -> None:
    wanted = forerun(kubelet, "--issuer=new")
    kubelet.manifest.write_text(wanted.forerunner)
    outcome = apply(wanted, watch_of(kubelet))
    assert (outcome.failure, outcome.put_back) == (None, False)
    assert kubelet.manifest.read_text() == wanted.forerunner
    assert running(kubelet) == kubelet.flags("--issuer=new")
