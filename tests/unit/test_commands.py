# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands that users read are run by a test, which the table below names, or say C(not tested) behind them.

Those of the page of the doctor's checks are made from the checks: docs/doctor_checks.py marks them.
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
RST = [path for path in sorted((ROOT / "docs/docsite/rst").glob("*.rst")) if path.stem != "doctor_checks"]
READMES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("roles/*/README.md"))]
PAGES = [*RST, *READMES, ROOT / "examples/README.md", ROOT / "extensions/lab/README.md"]
MARK = "not tested"

PLAY = "ansible-playbook -i inventory.yml onprem.irsa."
ANNOTATE = (
    "kubectl --namespace apps annotate serviceaccount reports --overwrite "
    "eks.amazonaws.com/role-arn=arn:aws:iam::123456789012:role/"
)
QUICKSTART = ("tests/quickstart/test_readme.py", "INSTALLING", "PLAYS")
# Each command without its comment, and who runs it: a file, and what of the command stands in it. Names of inventories,
# clusters and files may be others there, and a playbook may be called by another one.
RUN: t.Final[t.Mapping[str, tuple[str, ...]]] = {
    "python3 -m venv venv && . venv/bin/activate": QUICKSTART,
    "pip install 'ansible>=12' 'boto3>=1.35.69' 'cryptography>=42' 'jwcrypto>=1.5.6' 'kubernetes>=29'": QUICKSTART,
    "ansible-galaxy collection install ~/onprem.irsa": QUICKSTART,
    f"{PLAY}site --check --diff": ("extensions/molecule/fresh_check/molecule.yml", "- check"),
    f"{PLAY}site": ("extensions/molecule/site/converge.yml", "onprem.irsa.site"),
    f"{PLAY}verify": ("extensions/molecule/any_cluster/verify.yml", "onprem.irsa.{{ item }}", "verify]"),
    f"{PLAY}doctor": ("extensions/molecule/doctor/files/live.py", "onprem.irsa.doctor"),
    f"{PLAY}teardown": ("extensions/molecule/teardown/converge.yml", "onprem.irsa.teardown"),
    f"{PLAY}rotate_keys": ("extensions/molecule/rotate/side_effect.yml", "onprem.irsa.rotate_keys"),
    f"{PLAY}rotate_keys -e phase=status": ("extensions/molecule/rotate/converge.yml", "phase: status"),
    f"{PLAY}rotate_keys -e irsa_rotate_leaked_kid=KID": (
        "tests/rotation/test_whole.py",
        '{"irsa_rotate_leaked_kid": two.kid}',
        "two.rotate(**leaked)",
    ),
    f"{PLAY}rotate_keys -e irsa_rotate_leaked_kid=KID -e irsa_rotate_emergency=true": (
        "extensions/molecule/rotate/verify.yml",
        "irsa_rotate_leaked_kid: ",
        "irsa_rotate_emergency: true",
    ),
    f"{PLAY}rotate_keys -e irsa_rotate_wait=true": (
        "extensions/molecule/rotate/converge.yml",
        "irsa_rotate_wait: true",
    ),
    f"{PLAY}rotate_keys -e irsa_rotate_min_age=0": (
        "extensions/molecule/rotate/converge.yml",
        "irsa_rotate_min_age: 0",
    ),
    "kubeadm upgrade apply v1.35.4": ("extensions/lab/upgrade.yml", "['kubeadm', 'upgrade', 'apply' if upgrade_first"),
    "kubeadm upgrade node": ("extensions/lab/upgrade.yml", "if upgrade_first else 'node'"),
    # The fault is role_has_a_path of tests/faults/chain_faults.py, and the fix what the doctor prints.
    f"{ANNOTATE}teams/prod-reports": (
        "extensions/molecule/doctor/files/live.py",
        'self.kubectl("annotate", "--overwrite"',
    ),
    f"{ANNOTATE}prod-reports": ("extensions/molecule/doctor/files/live.py", "chain.follow(commands[0])"),
    "kubectl -n kube-system rollout restart deployment,daemonset": (
        "extensions/molecule/rotate/verify.yml",
        "[kube-system deployment, kube-system daemonset,",
    ),
    "kubectl -n pod-identity-webhook rollout restart deployment": (
        "extensions/molecule/rotate/verify.yml",
        "pod-identity-webhook deployment]",
    ),
    f"{PLAY}migrate_issuer": ("extensions/molecule/migrate/side_effect.yml", "onprem.irsa.migrate_issuer"),
    f"{PLAY}migrate_issuer -e phase=status": ("extensions/molecule/migrate/converge.yml", "phase: status"),
    "kubectl --namespace pod-identity-webhook delete secret pod-identity-webhook-ca": (
        "extensions/molecule/irsa_webhook_renewal/converge.yml",
        "delete secret pod-identity-webhook-ca",
    ),
    "kind create cluster --name prod --config kind.yml": ("extensions/lab/kind.yml", "create, cluster,", "--config="),
    f"{PLAY}site -e irsa_render=review": (
        "extensions/molecule/render/tasks/write.yml",
        "onprem.irsa.site",
        "irsa_render",
    ),
    f"{PLAY}site --tags publish -e irsa_render=review": (
        "tests/unit/extensions/lab/aws/test_irsa_issuer.py",
        "irsa_render=",
    ),
    "ansible-playbook onprem.irsa.doctor -e irsa_kubeconfig_path=~/.kube/config": (
        "tests/benchmarks/doctor.py",
        "onprem.irsa.doctor",
        "irsa_kubeconfig_path",
    ),
    f"{PLAY}doctor -e irsa_doctor_snapshot=prod.json -e irsa_doctor_report=prod.html": (
        "tests/unit/roles/test_irsa_doctor.py",
        "irsa_doctor_snapshot=",
        "irsa_doctor_report=",
    ),
    f"{PLAY}doctor -e irsa_doctor_snapshot=prod.json -e irsa_doctor_fail=false": (
        "tests/unit/roles/test_irsa_doctor.py",
        "irsa_doctor_snapshot=",
        "irsa_doctor_fail=",
    ),
    "ansible-playbook onprem.irsa.doctor -e irsa_doctor_from=prod.json": (
        "tests/unit/roles/test_irsa_doctor.py",
        "irsa_doctor_from=",
    ),
    "ansible-playbook onprem.irsa.doctor -e irsa_doctor_from=prod.json -e irsa_doctor_report=report.html": (
        "tests/unit/roles/test_irsa_doctor.py",
        "irsa_doctor_from=",
        "irsa_doctor_report=",
    ),
    'ansible localhost -m onprem.irsa.cloudfront_issuer -a "bucket=acme-prod-oidc region=eu-central-1 cluster=prod"': (
        "tests/unit/plugins/modules/test_cloudfront_issuer_on_lab_aws.py",
        "def test_the_host_that_cloudfront_gives",
    ),
    "extensions/lab/scenarios irsa_issuer irsa_iam": ("Makefile", "$(SCENARIOS) fresh_check irsa_issuer irsa_iam"),
}
# What needs no cluster and no AWS is run here, as it is printed, and says this in the end.
RUN_HERE: t.Final[t.Mapping[str, str]] = {
    'ansible localhost -m onprem.irsa.irsa_kind_config -a "issuer=https://acme-prod-oidc.s3.eu-central-1.amazonaws.com'
    ' dest=kind.yml"': '"changed": true',
    'ansible localhost -m onprem.irsa.operator_policy -a "account=123456789012 region=eu-central-1 bucket='
    'acme-prod-oidc cluster=prod roles=prod-*"': '"policy": ',
    "ansible-playbook onprem.irsa.doctor -e irsa_doctor_issuer_url=https://oidc.example.com": "First broken link: DNS",
}


@dataclass(frozen=True)
class Command:
    """A line of a block for a shell, with its comment."""

    page: str
    text: str
    comment: str

    def __str__(self) -> str:
        return f"{self.page}: {self.text}"


def blocks(path: Path) -> list[str]:
    text = path.read_text()
    if path.suffix == ".md":
        return re.findall(r"^```(?:console|bash|sh|shell)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    pattern = r"^( *)\.\. code-block:: (?:console|bash|sh|shell)\n\n((?:\1 +.*\n|\n)+)"
    return [found[2] for found in re.finditer(pattern, f"{text}\n", re.MULTILINE)]


def commands(path: Path) -> t.Iterator[Command]:
    """Yield the lines behind a prompt; one that ends in a backslash goes on in the next."""
    for block in blocks(path):
        for line in re.sub(r"\\\n\s*", "", block).splitlines():
            found = re.match(r"\s*[$#] (.*?)(?:\s+# (.*))?$", line)
            if found and not found[1].startswith("# "):
                yield Command(str(path.relative_to(ROOT)), found[1].strip(), found[2] or "")
            else:
                assert found or not line.strip(), f"{path.relative_to(ROOT)}: {line!r} has no prompt"


COMMANDS = [command for path in PAGES for command in commands(path)]


def target(command: Command) -> str:
    """Return the target of the Makefile, which judges itself; empty for other commands."""
    words = command.text.split()
    return words[1] if words[0] == "make" else ""


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_a_command_is_run_by_a_test_or_says_that_it_is_not(command: Command) -> None:
    if target(command):
        assert re.search(rf"^{target(command)}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
    else:
        is_run = command.text in RUN or command.text in RUN_HERE
        assert is_run != (MARK in command.comment), (
            f"name who runs it in {Path(__file__).name}, or write {MARK!r} behind it"
        )


def test_the_tables_have_no_command_that_is_gone() -> None:
    assert ({*RUN} | {*RUN_HERE}) - {command.text for command in COMMANDS} == set()


@pytest.mark.parametrize("command", RUN)
def test_who_runs_it_is_there(command: str) -> None:
    path, *parts = RUN[command]
    text = (ROOT / path).read_text()
    assert [part for part in parts if part not in text] == []


@pytest.mark.slow
@pytest.mark.parametrize("command", RUN_HERE)
def test_it_runs_as_it_is_printed(tmp_path: Path, command: str) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "AWS_", "KUBE"))}
    own = {"ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".build"), "ANSIBLE_NOCOLOR": "1", "HOME": str(tmp_path)}
    path = os.pathsep.join([str(Path(sys.executable).parent), kept["PATH"]])
    run = subprocess.run(  # noqa: S603 -- the documentation's own; nobody has the name in its place
        ["/bin/sh", "-c", command.replace("oidc.example.com", "oidc.invalid")],
        cwd=tmp_path,
        env={**kept, **own, "PATH": path, "AWS_EC2_METADATA_DISABLED": "true"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert RUN_HERE[command] in run.stdout, run.stdout + run.stderr
