# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a diagnosis of a large cluster takes: onprem.irsa.doctor on a real API server with its etcd, and the lab's AWS.

5000 service accounts, each with a pod that is injected, in 50 namespaces, name 1000 roles, five each. No kubelet runs:
the pods are stored and start nowhere. The playbook runs from an inventory that has localhost alone, writes the snapshot
and the page, and has to find nothing broken.

    python tests/benchmarks/doctor.py [--accounts 5000] [--roles 1000]

The last line is a JSON object:

    seconds    from the start of ansible-playbook to its end
    cpu        seconds of a processor in all its processes, which say more on a busy machine
    peak_mib   of memory at once in all its processes, what they share counted once (PSS, five looks a second)
    api_calls  requests to the API server, by its audit log; each page of a list is one
    aws_calls  requests to AWS, with those for the documents
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
import typing as t
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT: t.Final = Path(__file__).resolve().parents[2]
SERVED: t.Final = "ansible_collections.onprem.irsa.tests"
REGION, ACCOUNT, BUCKET = "eu-central-1", "123456789012", "acme-prod-oidc"
ISSUER: t.Final = f"https://{BUCKET}.s3.{REGION}.amazonaws.com"
OLD: t.Final = "https://kubernetes.default.svc.cluster.local"
NAMESPACES: t.Final = 50
AT_ONCE: t.Final = 8
Json = dict[str, t.Any]


def main() -> int:
    """Set up, measure one run, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=5000)
    parser.add_argument("--roles", type=int, default=1000)
    size = parser.parse_args()
    sys.path.insert(0, str(ROOT / ".build"))
    aws, some = (
        importlib.import_module(f"{SERVED}.{name}")
        for name in ("unit.extensions.lab.aws.conftest", "api_server.some_servers")
    )
    with tempfile.TemporaryDirectory(prefix="doctor-") as name:
        directory = Path(name)
        (directory / "aws").mkdir()
        log, flags = audited(directory)
        with (
            aws.started(directory / "aws") as lab,
            some.servers(directory, 1, *flags) as cluster,
            pytest.MonkeyPatch.context() as patch,
        ):
            aws.lead(lab, patch)
            cluster.restart(0, [ISSUER, OLD], f"--service-account-jwks-uri={ISSUER}/openid/v1/jwks")
            began = time.monotonic()
            publish(lab, cluster)
            fill_aws(lab, size)
            fill_cluster(cluster, size)
            print(f"Set up in {time.monotonic() - began:.0f} s.", flush=True)
            inventory(directory, lab, cluster)
            lab.admin("/calls/reset", {})
            found = measured(directory, lab, log)
    print(json.dumps(found))
    return 0


def audited(directory: Path) -> tuple[Path, list[str]]:
    """Return where the API server logs its requests, and the flags by which it does."""
    policy, log = directory / "audit.json", directory / "audit.log"
    rules = [{"level": "Metadata", "omitStages": ["RequestReceived"]}]
    policy.write_text(json.dumps({"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": rules}))
    return log, [f"--audit-policy-file={policy}", f"--audit-log-path={log}"]


def publish(lab: t.Any, cluster: t.Any) -> None:  # noqa: ANN401 -- of modules that are found at run time
    """Publish the documents that the API server serves, and make the provider."""
    s3, iam = lab.client("s3"), lab.client("iam")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.delete_public_access_block(Bucket=BUCKET)
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/*"}
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    documents = {
        ".well-known/openid-configuration": cluster.ask(0, "GET", "/.well-known/openid-configuration"),
        "openid/v1/jwks": cluster.ask(0, "GET", "/openid/v1/jwks"),
    }
    for key, document in documents.items():
        s3.put_object(Bucket=BUCKET, Key=key, Body=json.dumps(document).encode(), ContentType="application/json")
    iam.create_open_id_connect_provider(Url=ISSUER, ClientIDList=["sts.amazonaws.com"])


def namespace(number: int) -> str:
    """Return the namespace of a service account."""
    return f"team-{number % NAMESPACES}"


def arn(number: int, roles: int) -> str:
    """Return the role of a service account."""
    return f"arn:aws:iam::{ACCOUNT}:role/role-{number % roles}"


def fill_aws(lab: t.Any, size: argparse.Namespace) -> None:  # noqa: ANN401 -- as above
    """Make the roles, each of which trusts the service accounts that name it."""
    iam, host = lab.client("iam"), ISSUER.removeprefix("https://")
    for role in range(size.roles):
        subjects = [
            f"system:serviceaccount:{namespace(number)}:app-{number}"
            for number in range(role, size.accounts, size.roles)
        ]
        condition = {"StringEquals": {f"{host}:aud": "sts.amazonaws.com", f"{host}:sub": subjects}}
        statement = {
            "Effect": "Allow",
            "Principal": {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{host}"},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": condition,
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.create_role(RoleName=f"role-{role}", AssumeRolePolicyDocument=policy)


def fill_cluster(cluster: t.Any, size: argparse.Namespace) -> None:  # noqa: ANN401 -- as above
    """Make namespaces, service accounts and pods, and what stands for a webhook of somebody else."""
    live = importlib.import_module(f"{SERVED}.api_server.live_chain")
    pods = importlib.import_module("ansible_collections.onprem.irsa.plugins.module_utils._injection.pod")
    for number in range(NAMESPACES):
        cluster.ask(0, "POST", "/api/v1/namespaces", {"metadata": {"name": namespace(number)}})

    def make(number: int) -> None:
        space, name, role = f"/api/v1/namespaces/{namespace(number)}", f"app-{number}", arn(number, size.roles)
        annotations = {"eks.amazonaws.com/role-arn": role}
        account = {"metadata": {"name": name, "annotations": annotations}}
        cluster.ask(0, "POST", f"{space}/serviceaccounts", account)
        spec = {"containers": [{"name": "main", "image": "app:1", "env": [{"name": "MODE", "value": "fast"}]}]}
        given = pods.inject(spec, {}, pods.Account(role, "sts.amazonaws.com", True, 86400), REGION)
        body = {"metadata": {"name": name, "labels": {"app": name}}, "spec": {**given, "serviceAccountName": name}}
        cluster.ask(0, "POST", f"{space}/pods", body)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(make, range(size.accounts)))
    live.store_webhook(cluster, "pod-identity-webhook")


def inventory(directory: Path, lab: t.Any, cluster: t.Any) -> None:  # noqa: ANN401 -- as above
    """Write an inventory that has only localhost, and the kubeconfig."""
    (directory / "kubeconfig").write_text(json.dumps(cluster.at(0).kubeconfig))
    known = {
        "irsa_kubeconfig_path": "kubeconfig",
        "irsa_region": REGION,
        "irsa_issuer_bucket": BUCKET,
        "irsa_issuer_ca_path": str(lab.state / "ca.pem"),
        "irsa_doctor_snapshot": "snapshot.json",
        "irsa_doctor_report": "report.html",
    }
    (directory / "inventory.json").write_text(json.dumps({"all": {"hosts": {"localhost": {}}, "vars": known}}))


def measured(directory: Path, lab: t.Any, log: Path) -> Json:  # noqa: ANN401 -- as above
    """Run the doctor once."""
    command = ["ansible-playbook", "-i", "inventory.json", "onprem.irsa.doctor"]
    names = {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".build")}
    before, earlier = log.stat().st_size, resource.getrusage(resource.RUSAGE_CHILDREN)
    before_cpu = earlier.ru_utime + earlier.ru_stime
    began = time.monotonic()
    process = subprocess.Popen(  # noqa: S603 -- our own
        command, cwd=directory, env={**lab.environment(), **names}, stdout=subprocess.PIPE, text=True
    )
    memory: list[float] = []
    done = threading.Event()
    watch = threading.Thread(target=_watch, args=(process.pid, memory, done))
    watch.start()
    output, _errors = process.communicate()
    seconds, used = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    done.set()
    watch.join()
    if process.returncode:
        sys.exit(output)
    told = next(line.strip() for line in output.splitlines() if BUCKET in line or "UTC:" in line)
    print(told, flush=True)
    calls = lab.admin("/calls")
    with log.open() as lines:
        lines.seek(before)
        requests = sum('"administrator"' in line for line in lines)
    return {
        "seconds": round(seconds, 1),
        "cpu": round(used.ru_utime + used.ru_stime - before_cpu, 1),
        "peak_mib": round(max(memory)),
        "api_calls": requests,
        "aws_calls": calls["reads"] + calls["writes"],
    }


def _watch(pid: int, memory: list[float], done: threading.Event) -> None:
    """Note how much memory a process and its descendants have together."""
    while not done.wait(0.2):
        memory.append(sum(map(_pss, _tree(pid))))


def _tree(pid: int) -> list[int]:
    parents: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents.setdefault(int(fields[1]), []).append(int(path.parent.name))
    found, left = [], [pid]
    while left:
        found.append(left.pop())
        left += parents.get(found[-1], [])
    return found


def _pss(pid: int) -> float:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")) / 1024


if __name__ == "__main__":
    os.environ.setdefault("KUBERNETES_BIN", str(Path.home() / ".cache/onprem-irsa/lab/bin/links"))
    sys.exit(main())
