# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files for review of the whole: written by the controller alone, without hosts, cluster or AWS."""

from __future__ import annotations

import sys
import typing as t

import pytest
import yaml

from ansible_collections.onprem.irsa.tests.unit.playbooks.conftest import VARIABLES
from ansible_collections.onprem.irsa.tests.unit.plugins.some_keys import ec_key, private_pem, public_pem

if t.TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.onprem.irsa.tests.unit.playbooks.conftest import Play

pytestmark = pytest.mark.slow

GIVEN: dict[str, t.Any] = {
    "irsa_iam_account": "123456789012",
    "irsa_issuer_keys": [public_pem(ec_key(1))],
}
HERE = f"ansible_python_interpreter={sys.executable}"  # a host would be asked by ssh
LOCALHOST = {"all": {"hosts": {"localhost": {"ansible_connection": "local"}}}}


def written(directory: Path) -> dict[str, str]:
    return {str(path.relative_to(directory)): path.read_text() for path in directory.rglob("*") if path.is_file()}


def unchanged(output: str) -> bool:
    return " changed=0 " in output and not any(f" changed={number}" in output for number in range(1, 10))


@pytest.mark.parametrize("options", [{}, {"irsa_apiserver_flags": "manage"}], ids=["default", "managed flags"])
@pytest.mark.parametrize("group", ["kube_control_plane", None], ids=["with hosts", "without hosts"])
def test_everything_is_written_and_nobody_asked(
    play: Play, tmp_path: Path, group: str | None, options: dict[str, t.Any]
) -> None:
    review = tmp_path / "review"
    of_localhost = {**LOCALHOST["all"], "vars": {**VARIABLES, **GIVEN, **options, "irsa_render": str(review)}}
    inventory = None if group else {"all": of_localhost}

    def run(*arguments: str) -> t.Any:  # noqa: ANN401 -- a Run
        given = {**GIVEN, **options, "irsa_render": str(review)}
        done = play("-e", HERE, *arguments, environment={}, inventory=inventory, **given)
        assert (done.code, done.asked, done.files) == (0, False, []), done.output
        return done

    assert "+## 1. Publish the documents" in run("--check", "--diff").output
    assert not review.exists()
    assert not unchanged(run().output)
    files = written(review)
    assert {name.partition("/")[0] for name in files} == {"issuer", "iam", "injection", "apiserver", "README.md"}
    steps = [
        "sh issuer/publish.sh",
        "sh iam/publish.sh",
        "apiserver/flags.md",
        "namespaces.yml",
        "sh injection/apply.sh",
    ]
    assert sorted(steps, key=files["README.md"].index) == steps
    assert [name for name, text in files.items() if "PRIVATE KEY-----" in text] == []
    kinds = [
        each["kind"] for name in sorted(files) if name.endswith(".yml") for each in yaml.safe_load_all(files[name])
    ]
    assert (kinds[0], kinds[-1]) == ("Namespace", "ServiceAccount")
    for arguments in ([], ["--check"]):
        assert unchanged(run(*arguments).output)
        assert written(review) == files


@pytest.mark.parametrize(
    ("tags", "account", "names"),
    [
        ("publish", None, {"issuer"}),
        ("apiserver", None, {"apiserver"}),
        ("publish,apiserver", None, {"issuer", "apiserver"}),
        ("iam", "123456789012", {"iam", "injection"}),
        ("inject", "123456789012", {"iam", "injection"}),
    ],
)
def test_links_alone_are_written(play: Play, tmp_path: Path, tags: str, account: str | None, names: set[str]) -> None:
    given = {**GIVEN, "irsa_iam_account": account, "irsa_render": str(tmp_path / "review")}
    run = play("-e", HERE, "--tags", tags, environment={}, **given)
    assert (run.code, run.asked) == (0, False), run.output
    assert {path.name for path in (tmp_path / "review").iterdir()} == names


def test_a_relative_directory_is_the_users(play: Play, tmp_path: Path) -> None:
    run = play("-e", HERE, "-e", "irsa_render=review", "--tags", "publish", environment={}, **GIVEN)
    assert run.code == 0, run.output
    assert (tmp_path / "folder/review/issuer/publish.sh").is_file()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"irsa_iam_account": None}, "irsa_iam_account is '', and irsa_render needs the account's id, 12 digits"),
        ({"irsa_render": ""}, "irsa_render is empty."),
        ({"irsa_render": ["a"]}, 'irsa_render is ["a"]. It must be text.'),
        ({"irsa_webhook_mode": "policy"}, "irsa_kubernetes_version is not set"),
        ({"irsa_issuer_keys": "api"}, "irsa_kubeconfig_path is not set"),
        ({"irsa_issuer_keys": [private_pem(ec_key(1))]}, "private"),
        ({"irsa_iam_roles": [{"name": "a b", "service_accounts": ["apps/a"]}]}, "'a b' must be 1 to 64"),
    ],
)
def test_what_is_wrong_is_refused_before_the_first_file(
    play: Play, tmp_path: Path, given: dict[str, object], says: str
) -> None:
    variables = {**VARIABLES, **GIVEN, "irsa_render": str(tmp_path / "review"), **given}
    inventory = {
        "all": {**LOCALHOST["all"], "vars": {name: value for name, value in variables.items() if value is not None}}
    }
    run = play("-e", HERE, environment={}, inventory=inventory)
    assert (run.code, says in run.message) == (2, True), run.output
    assert not (tmp_path / "review").exists()


@pytest.mark.parametrize("playbook", ["rotate_keys", "migrate_issuer", "teardown"])
def test_what_changes_the_cluster_refuses_to_write_files(play: Play, playbook: str) -> None:
    run = play(playbook=playbook, irsa_render="review")
    assert (run.code, run.asked, run.files) == (2, False, []), run.output
    assert "irsa_render is set, with which files are written in place of acting, and this run would act." in run.message


@pytest.mark.parametrize("playbook", ["verify", "doctor"])
def test_what_changes_nothing_goes_on(play: Play, playbook: str) -> None:
    run = play(playbook=playbook, irsa_render="review")
    assert run.asked, run.output
    assert run.files == []
