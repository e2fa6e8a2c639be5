# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module of a small collection, run by ansible-playbook in a process of its own and in that of its task."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
MODULE = """
from __future__ import annotations
import atexit, os, sys, tempfile
from pathlib import Path
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.onprem.irsa.plugins.module_utils import _progress

kept = []

def main():
    module = AnsibleModule(
        argument_spec={
            "fails": {"type": "str"},
            "breaks": {"type": "bool", "default": False},
            "secret": {"type": "str", "no_log": True},
            "waits": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    if not kept:  # as a library keeps a client for further calls
        kept.append(Path(tempfile.mkdtemp()) / "key")
        kept[0].touch()
        atexit.register(kept[0].unlink)
    left = kept[0]
    left.read_bytes()
    if module.params["breaks"]:
        raise LookupError("no such thing")
    if module.params["fails"]:
        module.fail_json(msg=module.params["fails"], hint="again", left=str(left))
    if module.params["waits"]:
        minutes = iter(range(0, 10**9, 60))
        _progress.Wait("the pod", 600, clock=lambda: next(minutes)).pause(0.01)
    module.warn("beware")
    module.exit_json(
        changed=not module.check_mode, diff={"before": "a", "after": "b"}, left=str(left), program=sys.argv[0],
        cwd=os.getcwd(),
        told=os.environ.get("TOLD", ""), path=os.environ.get("PATH"),
        echo=f"the secret is {module.params['secret']}", module=module._name,
    )

if __name__ == "__main__":
    main()
"""
ACTION = """
from __future__ import annotations
from ansible_collections.onprem.irsa.plugins.plugin_utils._in_process import InProcessAction
from ansible_collections.example.small.plugins.modules.told import main

class ActionModule(InProcessAction):
    main = staticmethod(main)
"""
KEPT = ("changed", "cwd", "diff", "echo", "failed", "hint", "invocation", "module", "msg", "path", "told")

Result = dict[str, t.Any]


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the path of collections with the small one."""
    home = tmp_path_factory.mktemp("collections")
    small = home / "ansible_collections/example/small/plugins"
    for kind, text in (("modules", MODULE), ("action", ACTION)):
        (small / kind).mkdir(parents=True)
        (small / kind / "told.py").write_text(text)
    return home


def played(collection: Path, directory: Path, task: Result, **variables: str) -> tuple[Result, str]:
    """Run a task on the controller, and return its result and what ansible-playbook printed."""
    to = directory / "result.json"
    play = {
        "hosts": "localhost",
        "gather_facts": False,
        "tasks": [
            {"ignore_errors": True, "register": "told", **task},
            {"ansible.builtin.copy": {"content": "{{ told | to_json }}", "dest": str(to)}, "check_mode": False},
        ],
    }
    (directory / "play.yml").write_text(json.dumps([play]))
    command = ["ansible-playbook", "-vvv", "-i", "localhost,", "-c", "local", "-e", json.dumps(variables)]
    done = subprocess.run(  # noqa: S603 -- our own play
        [*command, str(directory / "play.yml")],
        cwd=collection,
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": f"{collection}:{ROOT / '.build'}"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    result: Result = json.loads(to.read_text())
    return result, done.stdout + done.stderr


@pytest.fixture
def elsewhere(tmp_path: Path) -> str:
    """Return the same Python by another name, for which a process is started."""
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o700)
    return str(python)


@pytest.mark.parametrize(
    "task",
    [
        {"example.small.told": {"secret": "hush"}},
        {"example.small.told": {"secret": "hush"}, "check_mode": True, "diff": True},
        {"example.small.told": {}, "environment": {"TOLD": "by the task"}},
        {"example.small.told": {"fails": "It is broken."}},
        {"example.small.told": {"unknown": 1}},
    ],
    ids=["plain", "check", "environment", "failure", "refused"],
)
def test_the_result_is_that_of_a_process_of_its_own(
    collection: Path, tmp_path: Path, elsewhere: str, task: Result
) -> None:
    here, words_here = played(collection, tmp_path, task, ansible_python_interpreter=sys.executable)
    there, words_there = played(collection, tmp_path, task, ansible_python_interpreter=elsewhere)
    assert {name: here.get(name) for name in KEPT} == {name: there.get(name) for name in KEPT}
    assert here.get("failed", False) == ("fails" in str(task) or "unknown" in str(task))
    assert ("beware" in words_here) == ("beware" in words_there) == (not here.get("failed"))
    assert "hush" not in json.dumps(here) + words_here
    for result in (here, there):
        assert "left" not in result or not Path(result["left"]).exists()


def test_a_wait_is_shown_while_the_module_runs_here(collection: Path, tmp_path: Path) -> None:
    task: Result = {"name": "Look", "example.small.told": {"waits": True}}
    _result, words = played(collection, tmp_path, task, ansible_python_interpreter=sys.executable)
    assert "  Look: waits for the pod, 120 s so far, 10 min at most\n" in words
    assert words.index("waits for the pod") < words.index(": [localhost]")


def test_attempts_are_shown_as_a_wait(collection: Path, tmp_path: Path) -> None:
    task: Result = {
        "name": "Look",
        "example.small.told": {},
        "until": "told.attempts | default(1) > 6",
        "retries": 6,
        "delay": 2,
    }
    _result, words = played(collection, tmp_path, task, ansible_python_interpreter=sys.executable)
    assert re.search(r"^  Look: 1\d s so far, 12 s at most$", words, flags=re.MULTILINE)


def test_no_process_is_started(collection: Path, tmp_path: Path) -> None:
    task: Result = {"example.small.told": {}}
    result, words = played(collection, tmp_path, task, ansible_python_interpreter=sys.executable)
    assert Path(result["program"]).name == "ansible-playbook"
    assert f"Running module file {collection}/ansible_collections/example/small/plugins/modules/told.py" in words


@pytest.mark.parametrize("keywords", [{"async": 20, "poll": 1}, {"become": True}], ids=["async", "become"])
def test_a_process_is_started_where_the_task_asks_for_more(collection: Path, tmp_path: Path, keywords: Result) -> None:
    sudo = tmp_path / "sudo"
    sudo.write_text('#!/bin/sh\nwhile [ "$1" != /bin/sh ]; do shift; done\nexec "$@"\n')
    sudo.chmod(0o700)
    result, _words = played(
        collection,
        tmp_path,
        {"example.small.told": {}, **keywords},
        ansible_python_interpreter=sys.executable,
        ansible_become_exe=str(sudo),
    )
    assert Path(result["program"]).name != "ansible-playbook"


def test_what_a_library_keeps_is_there_for_each_item_and_gone_at_the_end(collection: Path, tmp_path: Path) -> None:
    task: Result = {"example.small.told": {}, "loop": [1, 2]}
    result, _words = played(collection, tmp_path, task, ansible_python_interpreter=sys.executable)
    first, second = result["results"]
    assert not (first["failed"] or second["failed"])
    assert first["left"] == second["left"]
    assert not Path(first["left"]).exists()


def test_a_crash_fails_the_task_with_its_reason(collection: Path, tmp_path: Path) -> None:
    result, _words = played(
        collection, tmp_path, {"example.small.told": {"breaks": True}}, ansible_python_interpreter=sys.executable
    )
    assert result["failed"]
    assert "no such thing" in result["msg"]
