# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users install: the archive has what they run and read, and nothing that only developers need."""

from __future__ import annotations

import subprocess
import tarfile
import typing as t
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
GALAXY: dict[str, t.Any] = yaml.safe_load((ROOT / "galaxy.yml").read_text())

# Without the tests, the lab, the tools and the fragments of the changelog. plugins/ and roles/ have nine tenths of it:
# the code of plugins/ alone, without a comment and a line of documentation, weighs 480 kB.
LIMIT = 880_000

FILES = {
    "CHANGELOG.md",
    "CODE_OF_CONDUCT.md",
    "CONTRIBUTING.md",
    "FILES.json",
    "LICENSE",
    "MANIFEST.json",
    "README.md",
    "REUSE.toml",
    "SECURITY.md",
    "requirements.yml",
}
FOLDERS = {"LICENSES", "docs", "examples", "meta", "playbooks", "plugins", "roles"}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = ["ansible-galaxy", "collection", "build", str(ROOT), "--output-path", str(folder)]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 -- our own command
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def names(archive: Path) -> set[str]:
    with tarfile.open(archive) as opened:
        return {member.name for member in opened if not member.isdir()}


def test_its_name_is_that_of_the_version(archive: Path) -> None:
    assert archive.name == "onprem-irsa-{version}.tar.gz".format_map(GALAXY)


def test_it_is_small(archive: Path) -> None:
    assert archive.stat().st_size < LIMIT


def test_it_has_what_users_need_and_nothing_else(names: set[str]) -> None:
    released = {"changelogs/changelog.yaml"}  # there once a version was released
    assert {name.split("/")[0] for name in names - released} == FILES | FOLDERS
    assert {
        "meta/runtime.yml",
        "plugins/modules/iam_roles.py",
        "playbooks/site.yml",
        "roles/irsa_iam/README.md",
    } <= names


def test_no_account_of_a_stranger_is_named() -> None:
    """Of a handle behind an author's name the documentation makes a link; write (!UNKNOWN) in its place."""
    files = [path for folder in ("plugins", "roles") for path in (ROOT / folder).rglob("*.[py]*") if path.is_file()]
    assert [str(path) for path in files if path.suffix in (".py", ".yml") and "(@" in path.read_text()] == []
