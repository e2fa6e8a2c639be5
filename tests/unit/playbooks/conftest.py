# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of the playbooks by ansible-playbook itself, with hosts that note being asked."""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import typing as t
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
HOSTS = ["cp1.invalid", "cp2.invalid"]
KEYS = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}
VARIABLES: dict[str, object] = {
    "irsa_cluster": "prod",
    "irsa_region": "eu-central-1",
    "irsa_issuer_bucket": "acme-prod-oidc",
    "irsa_iam_roles": [{"name": "prod-reports", "service_accounts": ["apps/reports"]}],
}


@dataclass
class Run:
    """What a run of ansible-playbook came to."""

    code: int
    output: str
    asked: bool
    """Whether anything was started on a host, or a module on the controller, from where AWS is asked."""
    message: str
    """The first error's."""
    before: int
    """How many lines that are not empty stand in the standard output before it."""
    cpu: float
    """The processor time in seconds, which says how long it takes on a quiet machine."""
    files: list[Path]
    """What is left in the folder in which it ran, which was empty."""


class Play(t.Protocol):
    def __call__(
        self,
        *options: str,
        playbook: str = "site",
        group: str | None = ...,
        inventory: object = None,
        environment: t.Mapping[str, str] | None = ...,
        **variables: object,
    ) -> Run: ...


def _processor_time() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.fixture
def play(tmp_path: Path) -> Play:
    asked = tmp_path / "asked"
    witness = tmp_path / "witness"
    witness.write_text(f"#!/bin/sh\n: >{asked}\nexit 255\n")
    witness.chmod(0o700)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "AWS_"))}
    of_ansible = {"ANSIBLE_SSH_EXECUTABLE": str(witness), "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
    folder = tmp_path / "folder"
    folder.mkdir()

    def run(
        *options: str,
        playbook: str = "site",
        group: str | None = "kube_control_plane",
        inventory: object = None,
        environment: t.Mapping[str, str] | None = None,
        **variables: object,
    ) -> Run:
        asked.unlink(missing_ok=True)
        given = {name: value for name, value in {**VARIABLES, **variables}.items() if value is not None}
        file = tmp_path / "inventory.json"
        hosts = {"hosts": {name: {} for name in HOSTS}, "vars": given}
        file.write_text(json.dumps(inventory or ({group: hosts} if group else {})))
        interpreter = f"ansible_python_interpreter={witness}"
        what = playbook if "/" in playbook else f"onprem.irsa.{playbook}"
        command = ["ansible-playbook", "-i", str(file), "-e", interpreter, *options, what]
        before = _processor_time()
        done = subprocess.run(  # noqa: S603 -- our own
            command,
            cwd=folder,
            env={**inherited, **of_ansible, **(KEYS if environment is None else environment)},
            capture_output=True,
            text=True,
            check=False,
        )
        told = re.split(r"^(?:\[ERROR\]|fatal): ", done.stdout, maxsplit=1, flags=re.MULTILINE)[0]
        message = re.search(r'^fatal: .*?"msg": ("(?:[^"\\]|\\.)*")', done.stdout, re.MULTILINE)
        return Run(
            done.returncode,
            done.stdout + done.stderr,
            asked.exists(),
            message=json.loads(message[1]) if message else "",
            before=sum(1 for line in told.splitlines() if line.strip()),
            cpu=_processor_time() - before,
            files=list(folder.iterdir()),
        )

    return run
