# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The archive as Galaxy, ansible-builder and users take it: with the oldest Ansible that it supports, and the newest.

`make package` runs it. The newest Ansible is what the package index has that day, on the newest Python here.
"""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
import typing as t
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
UV = os.environ.get("UV", "uv")
CACHE = Path(os.environ.get("PACKAGE_CACHE", ROOT / ".cache"))
JUDGES = Path(os.environ.get("PACKAGE_JUDGES", "/usr/bin"))  # the programs of requirements-package.txt
NEEDED = ROOT / "meta/ee-requirements.txt"
OLDEST = ["--resolution", "lowest-direct", "ansible>=12", "ansible-core>=2.19.0", "--requirement", str(NEEDED)]
NEWEST = ["--upgrade", "ansible", "--requirement", str(NEEDED)]
REFUSED = 2  # exit code of ansible-playbook
PLAYBOOKS = sorted(path.stem for path in (ROOT / "playbooks").glob("*.yml"))
SLIP = ["-e", "irsa_cluster=prod", "-e", "irsa_issuer_bucket=acme-prod-oidc", "-e", "irsa_region=eu-centrall-1"]

# What Galaxy itself asks for and can be asked here; ansible-test and ansible-lint are targets of their own.
IMPORTER = """\
[galaxy-importer]
CHECK_CHANGELOG = True
CHECK_REQUIRED_TAGS = True
LOG_LEVEL_MAIN = INFO
RUN_ANSIBLE_DOC = True
RUN_ANSIBLE_LINT = False
RUN_ANSIBLE_TEST = False
"""


def run(*command: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run without what a checkout sets for Ansible."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "AWS_", "PYTHON"))}
    options: dict[str, t.Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.run(command, cwd=folder, env={**kept, **variables}, check=False, **options)  # noqa: S603 -- ours


def done(finished: subprocess.CompletedProcess[str]) -> str:
    assert finished.returncode == 0, finished.stdout
    return finished.stdout


@dataclass(frozen=True)
class User:
    """Somebody with an environment of Python and the archive installed in it, and nothing else."""

    programs: Path
    folder: Path

    def types(self, program: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        path = f"{self.programs}:{os.environ['PATH']}"
        collections = {"ANSIBLE_COLLECTIONS_PATH": str(self.folder / "collections"), "HOME": str(self.folder)}
        return run(str(self.programs / program), *arguments, folder=self.folder, PATH=path, **collections, **variables)


def works(python: str) -> bool:
    try:
        return subprocess.run([python, "-c", ""], check=False, capture_output=True).returncode == 0  # noqa: S603
    except OSError:
        return False


def a_python(*minors: int) -> str:
    """Return the first of these minor versions of Python 3 that runs here; a version manager's shim may not."""
    folders = [*map(Path, os.environ["PATH"].split(":")), *Path.home().glob(".pyenv/versions/*/bin")]
    found = (str(folder / f"python3.{minor}") for minor in minors for folder in folders)
    return next(filter(works, found))


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    done(run("ansible-galaxy", "collection", "build", str(ROOT), "--output-path", str(folder), folder=folder))
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="session", params=["oldest", "newest"])
def user(request: pytest.FixtureRequest, archive: Path, tmp_path_factory: pytest.TempPathFactory) -> User:
    minors, wanted = {"oldest": ((11, 12, 13), OLDEST), "newest": ((15, 14, 13, 12, 11), NEWEST)}[request.param]
    environment = CACHE / f"package-{request.param}"
    folder = tmp_path_factory.mktemp(request.param)
    python = a_python(*minors)
    done(run(UV, "venv", "--quiet", "--allow-existing", "--python", python, str(environment), folder=folder))
    done(run(UV, "pip", "install", "--quiet", "--python", str(environment), *wanted, folder=folder))
    installed = User(environment / "bin", folder)
    # Offline: what the archive depends on is in the package ansible, or the installation fails.
    done(installed.types("ansible-galaxy", "collection", "install", "--offline", "-p", "collections", str(archive)))
    return installed


def plugins(kind: str) -> list[str]:
    names = [path.stem for path in (ROOT / "plugins" / kind).glob("*.py")]
    return sorted(f"onprem.irsa.{name}" for name in names if name != "__init__")


@pytest.mark.parametrize(("kind", "folder"), [("module", "modules"), ("filter", "filter")])
def test_every_plugin_is_documented(user: User, kind: str, folder: str) -> None:
    wanted = plugins(folder)
    shown = user.types("ansible-doc", "--type", kind, "--json", *wanted, ANSIBLE_LOCALHOST_WARNING="false")
    text = done(shown)
    described = json.loads(text[text.index("{") :])
    assert sorted(described) == wanted


def test_every_role_is_documented(user: User) -> None:
    roles = sorted(f"onprem.irsa.{path.name}" for path in (ROOT / "roles").iterdir())
    text = done(user.types("ansible-doc", "--type", "role", "--json", *roles))
    assert sorted(json.loads(text[text.index("{") :])) == roles


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_every_playbook_is_found_and_parsed(user: User, playbook: str) -> None:
    done(user.types("ansible-playbook", "-i", "kube_control_plane,", "--syntax-check", f"onprem.irsa.{playbook}"))


def test_a_slip_in_a_variable_is_refused(user: User) -> None:
    """What runs on the controller runs with this Ansible and these libraries."""
    (user.folder / "hosts.yml").write_text("kube_control_plane: {hosts: {cp1.example.com: }}\n")
    found = user.types("ansible-playbook", "-i", "hosts.yml", *SLIP, "onprem.irsa.site")
    assert found.returncode == REFUSED, found.stdout
    assert "Did you mean eu-central-1?" in found.stdout


@pytest.mark.skipif("IRSA_INVENTORY" not in os.environ, reason="for a cluster of the lab: make package-lab")
def test_site_from_the_archive_on_the_lab(user: User) -> None:
    """A cluster that is set up is as the archive would have it, by either Ansible.

    The lab says in the environment where its AWS is and who may use it.
    """
    kept = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    inventory = os.environ["IRSA_INVENTORY"]
    said = done(user.types("ansible-playbook", "-i", inventory, "--check", "onprem.irsa.site", **kept))
    recap = said.partition("PLAY RECAP")[2].splitlines()
    assert [line for line in recap if "ok=" in line]
    assert [line for line in recap if "ok=" in line and "changed=0" not in line] == [], said


def test_galaxys_importer_takes_it(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "settings").write_text(IMPORTER)
    settings = {"GALAXY_IMPORTER_CONFIG": str(tmp_path / "settings"), "HOME": str(tmp_path)}
    importer = run(str(JUDGES / "python"), "-m", "galaxy_importer.main", str(archive), folder=tmp_path, **settings)
    said = done(importer)
    assert "completed successfully" in said
    assert not [line for line in said.splitlines() if line.startswith(("ERROR", "WARNING"))], said


def test_ansible_builder_takes_what_it_depends_on(archive: Path, tmp_path: Path) -> None:
    """The definition in examples/ becomes a build context, and what the collection says is found in it."""
    environments = ROOT / "examples/execution-environment"
    create = ["create", "--file", str(environments / "execution-environment.yml"), "--context", str(tmp_path / "made")]
    done(run(str(JUDGES / "ansible-builder"), *create, folder=environments))
    asked = yaml.safe_load((tmp_path / "made/_build/requirements.yml").read_text())
    assert [entry["name"] for entry in asked["collections"]] == ["onprem.irsa"]
    home = tmp_path / "ansible_collections/onprem/irsa"
    with tarfile.open(archive) as opened:
        opened.extractall(home, filter="data")
    found = yaml.safe_load(done(run(str(JUDGES / "ansible-builder"), "introspect", str(tmp_path), folder=tmp_path)))
    assert [line.split()[0] for line in found["python"]] == NEEDED.read_text().split()


def test_a_release_is_prepared_from_what_is_committed(tmp_path: Path) -> None:
    done(run("git", "clone", "--quiet", str(ROOT), "clone", folder=tmp_path))
    clone = tmp_path / "clone"
    version = yaml.safe_load((clone / "galaxy.yml").read_text())["version"]
    said = done(run(".ci/release", folder=clone))
    assert f"ansible-galaxy collection publish .build/release/onprem-irsa-{version}.tar.gz" in said
    assert done(run("git", "status", "--porcelain", folder=clone)) == ""
    with tarfile.open(clone / f".build/release/onprem-irsa-{version}.tar.gz") as opened:
        names = {member.name for member in opened}
    assert "changelogs/changelog.yaml" in names
    assert not [name for name in names if name.startswith("changelogs/fragments/")]
    done(run("git", "apply", "--index", f".build/release/{version}.patch", folder=clone))
    assert f'<a id="v{version.replace(".", "-")}"></a>' in (clone / "CHANGELOG.md").read_text()
    refused = run(".ci/release", folder=clone)
    assert refused.returncode == 1
    assert "not committed" in refused.stdout
