# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kills ansible-playbook at moments spread over a roll of both passes on three nodes; the next run has to do the rest.

Each roll brings another issuer, so that each accepts and switches on every server. Prints a row for each kill.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
import typing as t
from pathlib import Path

import boto3
from botocore.exceptions import ClientError

from ansible_collections.onprem.irsa.plugins.module_utils._documents.discovery import discovery_document
from ansible_collections.onprem.irsa.plugins.module_utils._documents.jwks import jwks_document, jwks_from_pems
from ansible_collections.onprem.irsa.plugins.module_utils._documents.paths import DISCOVERY_PATH, JWKS_PATH
from ansible_collections.onprem.irsa.tests.benchmarks.roll import MANIFEST, NODES, REGION, on, ready

BUCKET: t.Final = "onprem-irsa-kills"
PLAYBOOK: t.Final = Path(__file__).with_name("roll.yml")
RUN_SECONDS: t.Final = 600
# The role's time limit, and the 30 seconds of grace that the kubelet gives the process that is put back.
PUT_BACK_SECONDS: t.Final = 150


class Outage(threading.Thread):
    """Asks each API server twice a second; remembers the longest time for which one did not say that it is ready."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.longest = 0.0
        self.over = threading.Event()

    def run(self) -> None:
        last = dict.fromkeys(range(1, len(NODES) + 1), time.monotonic())
        while not self.over.wait(0.5):
            for number in last:
                if ready(number):
                    last[number] = time.monotonic()
                self.longest = max(self.longest, time.monotonic() - last[number])


def issuer_of(number: int) -> str:
    """Return the issuer of a roll."""
    return f"https://{BUCKET}.s3.{REGION}.amazonaws.com/{number:02}"


def publish(numbers: t.Iterable[int]) -> None:
    """Publish the documents of the issuers, with the key of the cluster."""
    s3 = boto3.client("s3", region_name=REGION)
    try:
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    except ClientError as error:
        if error.response["Error"]["Code"] != "BucketAlreadyOwnedByYou":
            raise
    s3.delete_public_access_block(Bucket=BUCKET)
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/*"}
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    keys = jwks_from_pems([("sa.pub", on(NODES[0], "cat", "/etc/kubernetes/pki/sa.pub"))])
    for number in numbers:
        issuer = issuer_of(number)
        discovery = discovery_document(issuer, issuer + JWKS_PATH, [key["alg"] for key in keys])
        for path, content in ((JWKS_PATH, jwks_document(keys)), (DISCOVERY_PATH, discovery)):
            name = f"{number:02}{path}"
            s3.put_object(Bucket=BUCKET, Key=name, Body=content.encode(), ContentType="application/json")


def started(inventory: str, number: int) -> subprocess.Popen[str]:
    """Start the roll of an issuer in a process group of its own."""
    command = ["ansible-playbook", f"--inventory={inventory}", str(PLAYBOOK)]
    variables = {"irsa_apiserver_issuer_url": issuer_of(number), "irsa_apiserver_timeout": 120}
    return subprocess.Popen(  # noqa: S603 -- our own playbook
        [*command, f"--extra-vars={json.dumps(variables)}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def finished(play: subprocess.Popen[str]) -> None:
    """Wait for a run; one that fails ends this, with its words."""
    output, _none = play.communicate(timeout=RUN_SECONDS)
    if play.returncode:
        sys.exit(f"The run after a kill ended with {play.returncode}:\n{output[-4000:]}")


def signing() -> set[str]:
    """Return the issuers that the processes on the hosts sign with."""
    lines = [on(node, "grep", "--max-count=1", "service-account-issuer=", MANIFEST) for node in NODES]
    return {line.strip().partition("=")[2] for line in lines}


def killed_at(inventory: str, number: int, moment: float) -> str:
    """Kill one roll after so many seconds, run it again to its end, and return a row about it."""
    outage = Outage()
    outage.start()
    play = started(inventory, number)
    time.sleep(moment)
    was_running = play.poll() is None
    if was_running:
        os.killpg(play.pid, signal.SIGKILL)
    output, _none = play.communicate()
    tasks = [line.partition("[")[2].rpartition("]")[0] for line in output.splitlines() if line.startswith("TASK [")]
    began = time.monotonic()
    finished(started(inventory, number))
    seconds = time.monotonic() - began
    time.sleep(2)
    outage.over.set()
    outage.join()
    if signing() != {issuer_of(number)}:
        sys.exit(f"After the run, the API servers sign with {signing()} in place of {issuer_of(number)}.")
    if outage.longest > PUT_BACK_SECONDS:
        sys.exit(f"An API server gave no answer for {outage.longest:.0f} s, more than {PUT_BACK_SECONDS} s.")
    where = tasks[-1].rpartition(" : ")[2] if was_running and tasks else "it was over"
    return f"{number:>4}{moment:>9.1f}{seconds:>13.0f}{outage.longest:>13.1f}  {where[:100]}"


def main() -> None:
    """Measure one whole roll, then kill at moments spread over that time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("inventory")
    parser.add_argument("--kills", type=int, default=20, help="over how many moments a roll's time is spread")
    parser.add_argument("--first", type=int, default=1, help="the first of them to kill at")
    parser.add_argument("--last", type=int, help="the last of them to kill at; all by default")
    given = parser.parse_args()
    numbers = range(given.first, (given.last or given.kills) + 1)
    whole = given.kills + given.first  # the number of an issuer that no other roll has
    publish([*numbers, whole])
    began = time.monotonic()
    finished(started(given.inventory, whole))
    seconds = time.monotonic() - began
    print(f"A whole roll takes {seconds:.0f} s.\n", flush=True)
    print(f"{'kill':>4}{'after s':>9}{'next run s':>13}{'longest down':>13}  in the task", flush=True)
    for number in numbers:
        print(killed_at(given.inventory, number, seconds * (number - 0.5) / given.kills), flush=True)
    print(json.dumps({"kills": len(numbers), "converged": len(numbers), "whole_roll_s": round(seconds, 1)}))


if __name__ == "__main__":
    main()
