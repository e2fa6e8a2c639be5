# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role irsa_issuer, run by ansible-playbook against the AWS on the machine; its cluster is yet to be made."""

from __future__ import annotations

import json
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

from ansible_collections.onprem.irsa.tests.unit.plugins.aws_cli import run_script
from ansible_collections.onprem.irsa.tests.unit.plugins.some_keys import ec_key, private_pem, public_pem

from .conftest import REGION, Lab

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[5]
BUCKET = "acme-prod-oidc"
ISSUER = f"https://{BUCKET}.s3.{REGION}.amazonaws.com"
DOCUMENTS = ["openid/v1/jwks", ".well-known/openid-configuration"]


class Play(t.Protocol):
    def __call__(self, entry_point: str, *arguments: str, **variables: object) -> tuple[int, str]: ...


@pytest.fixture
def play(lab: Lab, tmp_path: Path) -> Play:
    for name, text in (("sa.key", private_pem(ec_key(1))), ("sa.pub", public_pem(ec_key(1)))):
        (tmp_path / name).write_text(text)

    def run(entry_point: str, *arguments: str, **variables: object) -> tuple[int, str]:
        include = {"name": "onprem.irsa.irsa_issuer", "tasks_from": entry_point}
        playbook = tmp_path / "playbook.json"
        tasks = [{"ansible.builtin.include_role": include}]
        playbook.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
        names = {
            "irsa_cluster": "prod",
            "irsa_region": REGION,
            "irsa_issuer_bucket": BUCKET,
            "irsa_issuer_key": "generate",
            "irsa_issuer_key_directory": str(tmp_path),
            "irsa_issuer_hosts": ["cp1"],
            "ansible_connection": "local",
            "ansible_become": False,
            "ansible_python_interpreter": sys.executable,
            **variables,
        }
        command = ["ansible-playbook", "-i", "cp1,", "-e", json.dumps(names), *arguments, str(playbook)]
        done = subprocess.run(  # noqa: S603 -- our own
            command, cwd=ROOT, env=lab.environment(), capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout + done.stderr

    return run


def written(directory: Path) -> dict[str, t.Any]:
    return {
        str(path.relative_to(directory)): path.read_text() for path in sorted(directory.rglob("*")) if path.is_file()
    }


def test_everything_is_written_for_review_and_nothing_called(lab: Lab, play: Play, tmp_path: Path) -> None:
    lab.admin("/calls/reset", {})
    review = tmp_path / "review/issuer"
    code, output = play("render", irsa_render=str(tmp_path / "review"), irsa_issuer_adopt=True)
    assert code == 0, output
    files = written(review)
    assert lab.admin("/calls")["by_operation"] == {}
    assert json.loads(files[f"documents/{DOCUMENTS[1]}"])["issuer"] == ISSUER
    assert len(json.loads(files[f"documents/{DOCUMENTS[0]}"])["keys"]) == 1
    assert any("put-bucket-policy" in text for text in files.values())
    code, output = play("render", irsa_render=str(tmp_path / "review"))
    assert (code, "changed=0" in output) == (0, True), output
    assert written(review) == files


def test_what_is_written_for_review_publishes_behind_cloudfront(lab: Lab, play: Play, tmp_path: Path) -> None:
    options: dict[str, object] = {
        "irsa_issuer_publisher": "cloudfront",
        "irsa_issuer_url": "https://oidc.example.com",
        "irsa_issuer_certificate_arn": f"arn:aws:acm:us-east-1:123456789012:certificate/{'0' * 8}",
        "irsa_issuer_bucket_tags": {"team": "a"},
    }
    lab.admin("/calls/reset", {})
    for changed in (True, False):
        code, output = play("render", irsa_render=str(tmp_path / "review"), **options)
        assert (code, "changed=0" in output) == (0, not changed), output
    assert lab.admin("/calls")["writes"] == 0
    ran = run_script(tmp_path / "review/issuer/publish.sh", lab.client, tmp_path / "bin")
    assert (ran.returncode, ran.stderr) == (0, "")
    code, output = play("main", **options)
    assert (code, "changed=0" in output) == (0, True), output


def test_the_records_are_shown_before_anything_waits_for_them(lab: Lab, play: Play) -> None:
    authority = str(lab.state / "ca.pem")
    options: dict[str, object] = {
        "irsa_issuer_publisher": "cloudfront",
        "irsa_issuer_url": "https://oidc.example.com",
        "irsa_issuer_certificate_arn": f"arn:aws:acm:us-east-1:123456789012:certificate/{'0' * 8}",
    }
    code, output = play("preflight", **options, irsa_issuer_ca_path=authority)
    assert (code, "changed=0" in output, "CNAME" in output) == (0, True, False), output
    assert lab.admin("/calls")["writes"] == 0
    for changed in (True, False):
        code, output = play("main", **options, irsa_issuer_ca_path=authority)
        assert (code, "changed=0" in output) == (0, not changed), output
        shown, _task, waited = output.rpartition("Publish from the private bucket behind CloudFront")
        assert ("CNAME" in shown, "(new)" in output, "CNAME" in waited) == (True, False, False), output


def test_the_role_binding_is_written_for_review(lab: Lab, play: Play, tmp_path: Path) -> None:
    options = {"irsa_issuer_publisher": "apiserver", "irsa_issuer_url": "https://oidc.example.com"}
    for changed in (True, False):
        code, output = play("render", "--check", "--diff", irsa_render=str(tmp_path / "review"), **options)
        assert (code, "changed=0" in output) == (0, not changed), output
        code, output = play("render", irsa_render=str(tmp_path / "review"), **options)
        assert (code, "changed=0" in output) == (0, not changed), output
    files = written(tmp_path / "review/issuer")
    assert sorted(files) == ["cluster-role-binding.yml", *(f"documents/{name}" for name in sorted(DOCUMENTS))]
    assert "system:unauthenticated" in files["cluster-role-binding.yml"]
    assert lab.admin("/calls")["writes"] == 0


def test_published_read_back_and_unchanged_by_the_second_run(lab: Lab, play: Play) -> None:
    code, output = play("main")
    assert (code, "changed=0" in output) == (0, False), output
    for document in DOCUMENTS:
        assert lab.get(f"{ISSUER}/{document}")[0] == 200
    lab.admin("/calls/reset", {})
    code, output = play("main")
    assert (code, "changed=0" in output) == (0, True), output
    assert lab.admin("/calls")["writes"] == 0


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"irsa_issuer_url": "https://other-bucket.s3.eu-central-1.amazonaws.com"}, "not served from the bucket"),
        ({"irsa_issuer_publisher": "files"}, "irsa_issuer_files_directory is not set"),
        (
            {"irsa_issuer_publisher": "cloudfront", "irsa_issuer_url": "https://oidc.example.com"},
            "no certificate is given",
        ),
        (
            {"irsa_render": "/nowhere/review"},
            "irsa_render is set, with which files are written in place of acting, and this run would act.",
        ),
    ],
)
def test_what_is_refused_is_neither_written_nor_called(
    lab: Lab, play: Play, variables: dict[str, object], says: str
) -> None:
    lab.admin("/calls/reset", {})
    code, output = play("main", **variables)
    assert (code, says in output) == (2, True), output
    assert lab.admin("/calls")["writes"] == 0
    assert not Path("/nowhere").exists()


def test_files_that_nobody_serves_yet_stop_the_play_at_the_comparison(lab: Lab, play: Play, tmp_path: Path) -> None:
    served = tmp_path / "served"
    variables: dict[str, object] = {
        "irsa_issuer_publisher": "files",
        "irsa_issuer_url": "https://oidc.example.com",
        "irsa_issuer_files_directory": str(served),
        "irsa_issuer_files_timeout": 0,
    }
    code, output = play("main", **variables)
    assert (code, "https://oidc.example.com/.well-known/openid-configuration" in output) == (2, True), output
    assert sorted(written(served)) == sorted(DOCUMENTS)
    assert json.loads(written(served)[DOCUMENTS[1]])["jwks_uri"] == "https://oidc.example.com/openid/v1/jwks"
    assert lab.admin("/calls")["writes"] == 0


def test_keys_on_disk_and_documents_that_cannot_be_fetched_are_not_written_over(
    lab: Lab, play: Play, tmp_path: Path
) -> None:
    served = tmp_path / "served"
    variables: dict[str, object] = {
        "irsa_issuer_publisher": "files",
        "irsa_issuer_url": "https://oidc.example.com",
        "irsa_issuer_files_directory": str(served),
        "irsa_issuer_files_timeout": 0,
    }
    location = {"LocationConstraint": REGION}
    lab.client("s3").create_bucket(Bucket="oidc.example.com", CreateBucketConfiguration=location)
    lab.admin("/faults", {"rules": [{"operation": "s3:GetObject", "kind": "500", "first": 1000}]})
    code, output = play("preflight", **variables)
    assert (code, "Whether keys are published cannot be seen" in output) == (2, True), output
    assert not served.exists()
    lab.admin("/faults", {"rules": []})
    (served / ".well-known").mkdir(parents=True)
    discovery = served / DOCUMENTS[1]
    other = "https://oidc.example.com/keys.json"
    for text, says in (
        (json.dumps({"issuer": "https://oidc.example.com", "jwks_uri": other}), f"Set irsa_issuer_jwks_uri to {other}"),
        (json.dumps({"issuer": "https://b.example.com"}), "another issuer, 'https://b.example.com'"),
        ('{"issuer": "https', "cannot be read"),
    ):
        discovery.write_text(text)
        code, output = play("main", **variables)
        assert (code, says in output, discovery.read_text()) == (2, True, text), output


@pytest.mark.parametrize("option", ["irsa_issuer_max_age", "irsa_issuer_files_timeout"])
def test_negative_times_are_refused_by_the_variables_alone(play: Play, option: str) -> None:
    code, output = play("input", **{option: -5})
    assert (code, f"{option} is -5" in output) == (2, True), output
