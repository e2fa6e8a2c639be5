# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import json
import typing as t
from unittest import mock

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import PromptVaultSecret, VaultLib

from ansible_collections.onprem.irsa.plugins.action.kubeconfig_info import ActionModule

if t.TYPE_CHECKING:
    from pathlib import Path

Result = dict[str, t.Any]
ADMIN = "/etc/kubernetes/admin.conf"
UNUSABLE = "cannot be read as a kubeconfig: it cannot be read"


def text(server: str = "https://192.0.2.1:6443") -> str:
    return json.dumps(
        {
            "current-context": "it",
            "users": [{"name": "me", "user": {"token": "t", "client-key": "key.pem"}}],
            "clusters": [{"name": "prod", "cluster": {"server": server}}],
            "contexts": [{"name": "it", "context": {"user": "me", "cluster": "prod"}}],
        }
    )


def run(path: str = "", loader: DataLoader | None = None, answers: Result | None = None) -> Result:
    """Run the action for the host cp1, whose modules give these answers, by the modules' names."""
    task = mock.Mock(args={"path": path, "admin_path": ADMIN}, async_val=0, delegate_to="cp1")
    action = ActionModule(task, mock.Mock(), mock.Mock(), loader or DataLoader(), mock.Mock(), mock.Mock())

    def execute_module(name: str, *, module_args: Result, task_vars: Result) -> Result:
        assert ADMIN in module_args.values()
        assert task_vars == {"inventory_hostname": "w1"}
        return t.cast("Result", (answers or {})[name.rpartition(".")[2]])

    action._execute_module = mock.Mock(side_effect=execute_module)  # type: ignore[method-assign]
    result: Result = action.run(task_vars={"inventory_hostname": "w1"})
    return result


def slurped(content: str) -> Result:
    return {"content": base64.b64encode(content.encode()).decode()}


def test_what_is_read_on_the_host_is_hidden() -> None:
    result = run(answers={"slurp": slurped(text())})
    assert result["kubeconfig"]["users"][0]["user"] == {"token": "t", "client-key": "key.pem"}
    assert result["_ansible_no_log"] is True


def test_files_of_the_controller_are_where_the_kubeconfig_is(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(text("https://127.0.0.1:6443"))  # which may be a tunnel
    result = run(str(path))
    assert result["kubeconfig"]["users"][0]["user"]["client-key"] == str(tmp_path.resolve() / "key.pem")
    assert result["_ansible_no_log"] is True


def test_a_kubeconfig_may_be_encrypted(tmp_path: Path) -> None:
    path, loader = tmp_path / "config", DataLoader()
    secret = PromptVaultSecret(b"secret")
    path.write_bytes(VaultLib([("default", secret)]).encrypt(text(), secret))
    loader.set_vault_secrets([("default", secret)])
    assert run(str(path), loader)["kubeconfig"]["clusters"][0]["cluster"] == {"server": "https://192.0.2.1:6443"}
    assert run(str(path))["msg"].startswith(f"{path} on the controller {UNUSABLE}")


def test_a_file_that_is_not_on_the_controller_is_told() -> None:
    assert run("/none")["msg"].startswith("irsa_kubeconfig_path names the file /none, which does not exist")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "is empty, so it is not a kubeconfig. Write there what `kubectl config view"),
        ("{}", "is empty, so it"),
        ("secret-text", "is not a mapping that names clusters, so it is not a kubeconfig"),
        ("- secret-text", "is not a mapping that names clusters"),
        ("a: 2026-02-30", "holds characters or values that YAML does not have"),
        ("a: 1\n{secret-text", "is not YAML in line 2, column 1"),
        ("a: 1\nb: secret-text: c", "is not YAML in line 2, column 15: mapping values are not allowed here."),
        ("a: 1\nb: *secret-text", "is not YAML in line 2, column 4."),
        ('{"clusters": [1]}', "names no current-context. It has no contexts. Name another kubeconfig."),
        (text().replace('"it"', '"ti"', 1), "has the current-context ti, which is none of its contexts. It has it."),
        ("\x00", "holds characters or values"),
    ],
)
def test_what_is_no_kubeconfig_is_told_and_not_shown(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "config"
    path.write_text(content)
    for result, where in (
        (run(answers={"slurp": slurped(content)}), f"{ADMIN} on cp1"),
        (run(str(path)), f"{path} on the contr"),
    ):
        assert (result["failed"], "secret-text" in json.dumps(result)) == (True, False)
        assert result["msg"].startswith(where)
        assert says in result["msg"]


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ({"slurp": slurped(text("https://localhost:6443"))}, f"{ADMIN} on cp1 names the API server https://localhost"),
        ({"slurp": {"failed": True}, "stat": {"stat": {"exists": False}}}, f"cp1 has no {ADMIN}, which kubeadm writes"),
        ({"slurp": {"failed": True}, "stat": {"stat": {"exists": True}}}, f"{ADMIN} on cp1 {UNUSABLE}"),
        ({"slurp": {"failed": True}, "stat": {"failed": True, "msg": "no Python"}}, "no Python"),
    ],
)
def test_why_there_is_none_on_the_host(answers: dict[str, Result], says: str) -> None:
    result = run(answers=answers)
    assert result["failed"]
    assert result["msg"].startswith(says)
    assert "_ansible_no_log" not in result
