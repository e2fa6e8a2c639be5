# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""README's quick start, word for word, by somebody who has nothing but Python: as far as it needs no cluster.

What is committed counts: the newcomer has a clone.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import typing as t
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REFUSED, UNREACHABLE = 2, 4  # exit codes of ansible-playbook


@dataclass(frozen=True)
class Newcomer:
    """Somebody with an empty folder, and a home folder that has a clone in it and nothing else."""

    folder: Path
    home: Path

    @property
    def checkout(self) -> Path:
        return self.home / "onprem.irsa"

    @property
    def asked(self) -> Path:
        """Written when a host is asked: none of the README's names is looked up."""
        return self.home / "asked"

    def types(self, *lines: str) -> subprocess.CompletedProcess[str]:
        """Type lines into one shell, until one fails."""
        command = ["/bin/bash", "-ec", "exec 2>&1\n" + "\n".join(lines)]
        options: dict[str, t.Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "text": True}
        return subprocess.run(command, cwd=self.folder, env=self.environment(), check=False, **options)  # noqa: S603 -- README's own

    def environment(self) -> dict[str, str]:
        """Return this one without what a developer's has; pip finds its cache and its settings."""
        ssh = self.home / "ssh"
        ssh.write_text(f"#!/bin/sh\n: >{self.asked}\nexit 255\n")
        ssh.chmod(0o700)
        developers = ("ANSIBLE_", "AWS_", "PYTHON", "VIRTUAL_ENV")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(developers)}
        return {
            "XDG_CACHE_HOME": str(Path.home() / ".cache"),
            "XDG_CONFIG_HOME": str(Path.home() / ".config"),
            **kept,
            "HOME": str(self.home),
            "PATH": os.pathsep.join(
                [*map(str, self.folder.glob("*/bin")), f"{sys.base_prefix}/bin", "/usr/bin", "/bin"]
            ),
            "ANSIBLE_SSH_EXECUTABLE": str(ssh),
            "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "secret",
        }


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=True).stdout  # noqa: S603, S607


def state(checkout: Path) -> str:
    return git("-C", str(checkout), "status", "--porcelain", "--ignored", "--untracked-files=all")


def section(name: str) -> str:
    found = re.search(rf"^## {name}\n(.*?)^## ", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def commands(text: str) -> list[str]:
    blocks = re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [line.removeprefix("$ ") for block in blocks for line in block.splitlines() if line.startswith("$ ")]


def files(text: str) -> dict[str, str]:
    """Return the content of each file that is shown below its name."""
    return dict(re.findall(r"^`(\S+)`[^\n]*:\n\n```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL))


QUICK_START = section("Quick start")
TYPED = commands(QUICK_START)
PLAYS = [line for line in TYPED if line.startswith("ansible-playbook ")]
INSTALLING = TYPED[: TYPED.index(PLAYS[0])]


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Newcomer:
    """Return somebody who has typed everything up to the first play."""
    newcomer = Newcomer(tmp_path_factory.mktemp("empty"), tmp_path_factory.mktemp("home"))
    git("clone", "--quiet", str(ROOT), str(newcomer.checkout))
    before = state(newcomer.checkout)
    done = newcomer.types(*INSTALLING)
    assert done.returncode == 0, done.stdout
    assert state(newcomer.checkout) == before, done.stdout
    for name, content in files(QUICK_START).items():
        (newcomer.folder / name).write_text(content)
    return newcomer


def test_what_is_installed_comes_from_the_clone_and_stands_outside_of_it(newcomer: Newcomer) -> None:
    where = newcomer.types("ansible-galaxy collection list onprem.irsa", "command -v ansible-playbook").stdout
    assert f"{newcomer.home}/.ansible/collections/ansible_collections\n" in where
    assert f"{newcomer.folder}/" in where.splitlines()[-1]
    installed = newcomer.home / ".ansible/collections/ansible_collections/onprem/irsa"
    assert (installed / "playbooks/site.yml").read_bytes() == (newcomer.checkout / "playbooks/site.yml").read_bytes()


@pytest.mark.parametrize("play", PLAYS)
def test_plays_come_as_far_as_the_hosts(newcomer: Newcomer, play: str) -> None:
    newcomer.asked.unlink(missing_ok=True)
    before = state(newcomer.checkout)
    done = newcomer.types(play)
    assert (done.returncode, newcomer.asked.exists()) == (UNREACHABLE, True), done.stdout
    assert state(newcomer.checkout) == before


def test_a_slip_in_the_inventory_is_refused(newcomer: Newcomer) -> None:
    good = files(QUICK_START)["inventory.yml"]
    wrong = good.replace("irsa_region: eu-central-1", "irsa_region: eu-centrall-1")
    assert wrong != good
    (newcomer.folder / "slip.yml").write_text(wrong)
    newcomer.asked.unlink(missing_ok=True)
    done = newcomer.types(PLAYS[-1].replace("inventory.yml", "slip.yml"))
    assert (done.returncode, newcomer.asked.exists()) == (REFUSED, False), done.stdout
    assert "Did you mean eu-central-1?" in done.stdout


@pytest.mark.parametrize("playbook", ["site", "verify", "doctor", "teardown"])
def test_playbooks_are_found_by_name(newcomer: Newcomer, playbook: str) -> None:
    done = newcomer.types(f"ansible-playbook --syntax-check -i inventory.yml onprem.irsa.{playbook}")
    assert done.returncode == 0, done.stdout


def test_the_section_has_what_is_tried() -> None:
    assert any("pip install" in line for line in INSTALLING)
    assert any("ansible-galaxy collection install" in line for line in INSTALLING)
    assert len(PLAYS) == 2


def test_the_workload_is_in_the_clone() -> None:
    [path] = re.findall(r"^kubectl apply -f ~/onprem\.irsa/(\S+)", "\n".join(TYPED), re.MULTILINE)
    assert git("-C", str(ROOT), "ls-files", path).split() == [path]
