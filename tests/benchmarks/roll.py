# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Enabling an issuer on three control-plane nodes under load: by the usual guide's procedure, and by onprem.irsa.site.

The guide replaces the issuer's flag, node by node. Both run on one cluster, one after the other, with the same load.
With C(--units) first, the API servers are systemd units (extensions/lab/units.yml), and the guide restarts each.
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
import tempfile
import time
import typing as t
from contextlib import suppress
from pathlib import Path

import urllib3
import yaml

from ansible_collections.onprem.irsa.tests.benchmarks.load import Counts, Load, Target

NODES: t.Final = ("irsa-lab-cp1", "irsa-lab-cp2", "irsa-lab-cp3")
MANIFEST: t.Final = "/etc/kubernetes/manifests/kube-apiserver.yaml"
VARIABLES: t.Final = "/etc/kubernetes/kube-apiserver.env"
RESTART: t.Final = ("systemctl", "restart", "kube-apiserver.service")
BACKUPS: t.Final = "/var/lib/onprem-irsa/backup"
PREFIX, BALANCER = "198.18.19", "198.18.18.1"
ACCOUNT, REGION = "123456789012", "eu-central-1"
ISSUER: t.Final = f"https://onprem-irsa-lab.s3.{REGION}.amazonaws.com"
GUIDE_ISSUER: t.Final = f"https://s3.{REGION}.amazonaws.com/oidc-guide"
SECONDS_A_NODE: t.Final = 180
ANYBODY: t.Final = urllib3.PoolManager(cert_reqs="CERT_NONE", retries=False, timeout=2.0)

urllib3.disable_warnings()  # the lab's API servers are asked by their addresses, and nothing secret is told them


def said(*command: str, stdin: str | None = None) -> str:
    """Return what a command prints; a failure ends the benchmark with its words."""
    done = subprocess.run(command, check=False, capture_output=True, text=True, input=stdin)  # noqa: S603 -- our own commands
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-4000:]}{done.stderr[-2000:]}")
    return done.stdout


def on(node: str, *command: str, stdin: str | None = None) -> str:
    """Return what a command prints on a node."""
    return said("podman", "exec", "--interactive", node, *command, stdin=stdin)


def ready(number: int) -> bool:
    """Return whether the API server of a node says so."""
    with suppress(urllib3.exceptions.HTTPError):
        url = f"https://{PREFIX}.1{number}:6443/readyz"
        return ANYBODY.request("GET", url).status == 200
    return False


def process(node: str, name: str = "kube-apiserver") -> str:
    """Return the id of a node's newest process by its name, of 15 letters at most; empty while none runs."""
    done = subprocess.run(  # noqa: S603 -- as above
        ["podman", "exec", node, "pgrep", "--newest", "--exact", name],  # noqa: S607
        check=False,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def bare_restart(number: int, change: t.Callable[[str], str], file: str) -> float:
    """Change the file with a node's flags by rename, as an editor does, and restart; return the seconds.

    A manifest is left to the kubelet.
    """
    node = NODES[number - 1]
    before, text = process(node), change(on(node, "cat", file))
    began = time.monotonic()
    draft = file.replace("kube-apiserver", ".kube-apiserver")
    on(node, "sh", "-c", f"cat > {draft} && chmod --reference={file} {draft} && mv {draft} {file}", stdin=text)
    if file == VARIABLES:
        on(node, *RESTART)
    while process(node) in ("", before) or not ready(number):
        if time.monotonic() - began > SECONDS_A_NODE:
            sys.exit(f"{node}: its API server did not come back within {SECONDS_A_NODE} s.")
        time.sleep(0.25)
    return time.monotonic() - began


def annotated(text: str) -> str:
    """Return a manifest that means the same and makes the kubelet restart the pod."""
    plain = re.sub(r"^ +example\.com/roll: .*\n", "", text, flags=re.M)
    return re.sub(r"^( +)annotations:\n", rf"\g<0>\1  example.com/roll: '{time.time()}'\n", plain, count=1, flags=re.M)


def with_issuer(issuer: str) -> t.Callable[[str], str]:
    """Return the guide's edit: another value for the one flag."""
    return lambda text: re.sub(r"--service-account-issuer=[^\s\"]+", f"--service-account-issuer={issuer}", text)


def load(home: Path, kind: type[Load] = Load, **more: float) -> Load:
    """Return a load on the three API servers and the load balancer, with an administrator's certificate.

    MORE has other fields of its KIND.
    """
    admin = yaml.safe_load(on(NODES[0], "cat", "/etc/kubernetes/admin.conf"))["users"][0]["user"]
    files = {name: home / name for name in ("client-certificate-data", "client-key-data")}
    for name, file in files.items():
        file.touch(mode=0o600)
        file.write_bytes(base64.b64decode(admin[name]))
    targets = [Target(f"cp{number}", f"https://{PREFIX}.1{number}:6443") for number in (1, 2, 3)]
    return kind(
        targets=[*targets, Target("balancer", f"https://{BALANCER}:6443", balanced=True)],
        certificate=str(files["client-certificate-data"]),
        key=str(files["client-key-data"]),
        service_account=("demo", "app"),
        role_arn=f"arn:aws:iam::{ACCOUNT}:role/lab-demo",
        region=REGION,
        issuer=ISSUER,
        **t.cast("t.Any", more),
    )


def roll_seconds(since: float) -> float:
    """Return the seconds from a host's first change to the last API server's answer, by the hosts' own files.

    What is replaced is written right before the change, and gets its last name when the new one was seen running.
    """
    times = [
        float(word)
        for node in NODES
        for word in on(node, "find", BACKUPS, "-name", "kube-apiserver.*", "-printf", "%T@ %C@\n").split()
    ]
    ours = [moment for moment in times if moment >= since]
    return max(ours) - min(ours)


def row(name: str, counts: Counts, seconds: float) -> str:
    """Return a line of the table."""
    refused = f"{counts.refused} ({counts.refused_balanced})"
    latency = f"{counts.percentile(0.5):.0f}/{counts.percentile(0.99):.0f}"
    exchanges = f"{counts.exchanges}/{counts.refused_exchanges}"
    return (
        f"{name:18}{counts.uses:>8}{refused:>18}{counts.unavailable:>13}{counts.failed_after_retry:>18}"
        f"{latency:>14}{exchanges:>16}{seconds:>9.0f}"
    )


def guide(home: Path, file: str) -> tuple[Counts, float]:
    """Replace the issuer node by node under load; return what was counted, and the seconds."""
    asking = load(home)
    asking.start()
    seconds = sum(bare_restart(number, with_issuer(GUIDE_ISSUER), file) for number in (1, 2, 3))
    time.sleep(5)
    return asking.stop(), seconds


def ours(home: Path, site: t.Sequence[str]) -> tuple[Counts, float]:
    """Run the site under load; return what was counted, and the seconds of the roll."""
    asking, began = load(home), time.time()
    asking.start()
    print(said(*site)[-3000:], file=sys.stderr)
    time.sleep(5)
    return asking.stop(), roll_seconds(began)


def main() -> None:
    """Measure a bare restart, the guide and the site, and print a row for each of the latter."""
    units = sys.argv[1:2] == ["--units"]
    site, file = sys.argv[2 if units else 1 :], VARIABLES if units else MANIFEST
    kubectl = ("kubectl", "--kubeconfig=/etc/kubernetes/admin.conf")
    on(
        NODES[0],
        *kubectl,
        "apply",
        "--filename=-",
        stdin='{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "demo"}}',
    )
    on(
        NODES[0],
        *kubectl,
        "apply",
        "--namespace=demo",
        "--filename=-",
        stdin='{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "app"}}',
    )
    default = re.findall(r"--service-account-issuer=([^\s\"]+)", on(NODES[0], "cat", file))
    if len(default) != 1 or default[0] in (ISSUER, GUIDE_ISSUER):
        sys.exit(
            f"The benchmark begins on a cluster with its first issuer alone, and not with {default}: make lab-down."
        )
    print("A bare restart (a minute)", file=sys.stderr)
    bare = bare_restart(1, str if units else annotated, file)
    with tempfile.TemporaryDirectory() as home:
        print("The guide: another issuer, node by node (three minutes)", file=sys.stderr)
        guided, guide_s = guide(Path(home), file)
        print("Back to the first issuer (three minutes)", file=sys.stderr)
        for number in (1, 2, 3):
            bare_restart(number, with_issuer(default[0]), file)
        print("onprem.irsa.site (four minutes)", file=sys.stderr)
        rolled, roll_s = ours(Path(home), site)
    print(
        f"{'':18}{'uses':>8}{'refused (balanced)':>18}{'unavailable':>13}{'lb failed twice':>18}"
        f"{'ms p50/p99':>14}{'STS/refused':>16}{'roll s':>9}"
    )
    print(row("the guide", guided, guide_s))
    print(row("onprem.irsa.site", rolled, roll_s))
    for reason, count in rolled.reasons.most_common(10):
        print(f"  {count} {reason}")
    figures = {
        "guide_refused": guided.refused,
        "ours_refused": rolled.refused + rolled.refused_exchanges,
        "uses": rolled.uses,
        "lb_failed_after_retry": rolled.failed_after_retry,
        "bare_restart_s": round(bare, 1),
        "roll_s": round(roll_s, 1),
        "roll_ratio": round(roll_s / (2 * len(NODES) * bare), 3),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
