# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files for review, applied by hand as their text says, with the real kubectl on real API servers: make api-server.

AWS is the lab's, to which the scripts' calls are handed by boto3. What a run does after it shows that nothing is left.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
import time
import typing as t
import urllib.error
from pathlib import Path

from ansible_collections.onprem.irsa.tests.unit.extensions.lab.aws.conftest import Lab, lab, server
from ansible_collections.onprem.irsa.tests.unit.plugins.aws_cli import run_script
from ansible_collections.onprem.irsa.tests.unit.plugins.some_keys import public_pem, rsa_key

from .some_servers import Servers, servers
from .test_any_cluster import NEW, POLICY, Runs

__all__ = ["lab", "server"]  # fixtures

Json = dict[str, t.Any]
_BIN: t.Final = Path(os.environ["KUBERNETES_BIN"])
_DEPLOYMENT: t.Final = "/apis/apps/v1/namespaces/pod-identity-webhook/deployments/pod-identity-webhook"
ACCOUNT: t.Final = {"irsa_iam_account": "123456789012"}


def written(directory: Path) -> dict[str, str]:
    return {str(path.relative_to(directory)): path.read_text() for path in directory.rglob("*") if path.is_file()}


def by_hand(cluster: Servers, review: Path, command: str) -> None:
    """Run a command of the text in its directory, with the kubeconfig of an administrator."""
    kubeconfig = review.parent / "kubeconfig"
    kubeconfig.write_text(json.dumps(cluster.at(0).kubeconfig))
    environment = {"PATH": f"{_BIN}:{os.environ['PATH']}", "KUBECONFIG": str(kubeconfig), "HOME": str(review.parent)}
    done = subprocess.run(  # noqa: S603 -- what we have written
        ["/bin/sh", "-euc", command], cwd=review, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def flags_of(text: str, begin: str) -> list[str]:
    """Return the flags of a pass, in their order."""
    return re.findall(r"^    (--\S+)$", text.partition(begin)[2].partition("Second pass")[0], re.MULTILINE)


def switched(cluster: Servers, review: Path) -> None:
    """Give each API server the flags of the first pass, and then of the second."""
    text = (review / "apiserver/flags.md").read_text()
    for begin in ("First pass", "Second pass"):
        flags = flags_of(text, begin)
        assert flags
        keys = [f"--service-account-{kind}-file={cluster.directory / 'sa.key'}" for kind in ("key", "signing-key")]
        for number in range(len(cluster.ports)):
            cluster.restart_with(number, [*keys, *flags])


def steps(review: Path) -> list[str]:
    """Return the commands of each step of the text; a step without any is for whoever manages the hosts."""
    text = (review / "README.md").read_text().partition("\n## Then\n")[0]
    return [
        "".join(re.findall(r"^```sh\n(.*?)^```$", step, re.MULTILINE | re.DOTALL)) for step in text.split("\n## ")[1:]
    ]


def test_applied_files_are_a_whole_chain_in_which_a_run_changes_nothing(tmp_path: Path, lab: Lab) -> None:
    (tmp_path / "cluster").mkdir()
    with servers(tmp_path / "cluster", 2, *POLICY) as cluster:
        runs, review = Runs(tmp_path, lab, cluster), tmp_path / "review"
        lab.admin("/calls/reset", {})
        code, output = runs.run("site", irsa_render=str(review), **ACCOUNT)
        assert code == 0, output
        assert lab.admin("/calls")["by_operation"] == {}
        files = written(review)
        alone = {"irsa_issuer_keys": [public_pem(rsa_key().public_key())], "irsa_kubeconfig_path": "/none"}
        alone["irsa_kubernetes_version"] = "1.34.4"
        code, output = runs.run("site", irsa_render=str(tmp_path / "alone"), **ACCOUNT, **alone)
        assert code == 0, output
        others = written(tmp_path / "alone")
        assert {*files} == {*others}
        assert [name for name, text in files.items() if others[name] != text] == ["apiserver/flags.md"]
        for number, commands in enumerate(steps(review)):
            if "publish.sh" in commands:
                done = run_script(review / commands.split()[1], lab.client, tmp_path / f"bin{number}")
                assert (done.returncode, done.stderr) == (0, "")
            elif commands:
                by_hand(cluster, review, commands)
            else:
                switched(cluster, review)
        code, output = runs.run("verify")
        assert code == 0, output
        lab.admin("/calls/reset", {})
        code, output = runs.run("site")
        assert (code, "changed=0" in output) == (0, True), output
        assert lab.admin("/calls")["writes"] == 0
        code, output = runs.run("site", irsa_render=str(review), **ACCOUNT)
        assert (code, "changed=0" in output) == (0, True), output
        assert written(review) == files
        assert f"    --service-account-issuer={NEW}\n" in files["apiserver/flags.md"]


def roll_out(cluster: Servers, ended: threading.Event) -> None:
    """Do as controllers and kubelets, of which there are none: say that the webhook's pods are ready."""
    while not ended.is_set():
        try:
            found = cluster.ask(0, "GET", _DEPLOYMENT)
            counts = dict.fromkeys(
                ("replicas", "readyReplicas", "updatedReplicas", "availableReplicas"), found["spec"]["replicas"]
            )
            found["status"] = {"observedGeneration": found["metadata"]["generation"], **counts}
            cluster.ask(0, "PUT", f"{_DEPLOYMENT}/status", found)
        except urllib.error.HTTPError as error:
            assert error.code in (404, 409), error.read()
        time.sleep(0.5)


def test_a_webhook_that_was_applied_does_not_differ_from_what_a_run_makes(tmp_path: Path, lab: Lab) -> None:
    (tmp_path / "cluster").mkdir()
    with servers(tmp_path / "cluster", 1) as cluster:
        runs, review = Runs(tmp_path, lab, cluster), tmp_path / "review"
        options: Json = {
            "irsa_webhook_mode": "webhook",
            "irsa_webhook_network_policy": True,
            "irsa_webhook_strict": True,
        }
        code, output = runs.run("site", "--tags", "inject", **options, irsa_render=str(review), **ACCOUNT)
        assert code == 0, output
        ended = threading.Event()
        thread = threading.Thread(target=roll_out, args=(cluster, ended))
        thread.start()
        try:
            by_hand(cluster, review, "sh injection/apply.sh")
            by_hand(cluster, review, "sh injection/apply.sh")  # takes no certificate's place
        finally:
            ended.set()
            thread.join()
        code, output = runs.run("site", "--tags", "inject", "--check", "--diff", **options)
        assert (code, "changed=0" in output) == (0, True), output
        assert "Compare what is there with what is asked for" in output
        code, output = runs.run(
            "site", "--tags", "inject", "--check", "--diff", **{**options, "irsa_webhook_strict": False}
        )
        assert (code, "changed=1" in output) == (0, True), output
