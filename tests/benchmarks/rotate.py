# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Another signing key, and another issuer, on three control-plane nodes under load: by hand, and by our playbooks.

By hand is what many do: replace sa.key and sa.pub on each node, and restart. Then the files are put back,
onprem.irsa.rotate_keys rotates twice, from RSA to RSA and from there to EC, and onprem.irsa.migrate_issuer moves twice,
from the bucket to a path in it and from there to a domain behind CloudFront. C(--rows=hand,rsa,ec,path,domain) names
some of these.

No wait is left out; they are short because of what the cluster is made to have: tokens live for ten minutes, the least
that API servers make, those of the cluster's own pods and of the pods that the webhook injects, too, and caches keep
the key set for seconds. A rotation or a move takes twenty minutes, of which eleven are waiting.

The last line is a JSON object; null for what was not measured:

    guide_refused  uses of tokens that API servers refused while keys were replaced by hand
    ours_refused   the same, over the rotations and moves
    sts_refused    exchanges that STS refused over them
    uses           uses and exchanges over them
    rotate_s       seconds of the first rotation, with its waits
    migrate_s      seconds of the first move, with its waits
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
import typing as t
from pathlib import Path

from ansible_collections.onprem.irsa.plugins.module_utils._in_use.state import LEEWAY
from ansible_collections.onprem.irsa.plugins.module_utils._in_use.tokens import lifetimes
from ansible_collections.onprem.irsa.plugins.module_utils._injection.probe import is_probe
from ansible_collections.onprem.irsa.tests.benchmarks.load import Counts, Load, Target, part
from ansible_collections.onprem.irsa.tests.benchmarks.roll import (
    ACCOUNT,
    ISSUER,
    MANIFEST,
    NODES,
    SECONDS_A_NODE,
    annotated,
    bare_restart,
    load,
    on,
    process,
    said,
)

if t.TYPE_CHECKING:
    import urllib3

Json = dict[str, t.Any]

KEYS: t.Final = "/etc/kubernetes/pki"
KUBECTL: t.Final = ("kubectl", "--kubeconfig=/etc/kubernetes/admin.conf")
AUDIENCE: t.Final = "sts.amazonaws.com"
TOKEN_SECONDS: t.Final = 600  # TokenRequest takes no less
MAX_AGE: t.Final = 5  # seconds; of the published key set
PODS: t.Final = 3
# Of the pods of a Deployment that the webhook has given a role, as the kubelet keeps them on a node.
HELD: t.Final = "/var/lib/kubelet/pods/*/volumes/kubernetes.io~projected/aws-iam-token/token"
LONGEST: t.Final = 3600  # seconds of one rotation
LOOK: t.Final = 15.0  # seconds between two looks at what pods hold
PAUSE: t.Final = 2.0  # seconds between two rounds of the load
SPARE: t.Final = 20.0  # seconds before its end from which a token is left alone
ROWS: t.Final = {
    "hand": "by hand",
    "rsa": "rotate_keys to RSA",
    "ec": "rotate_keys to EC",
    "path": "migrate to a path",
    "domain": "migrate to a domain",
}
ISSUERS: t.Final[dict[str, Json]] = {
    "bucket": {"irsa_issuer_url": ISSUER, "irsa_issuer_bucket": "onprem-irsa-lab"},
    "path": {"irsa_issuer_url": f"{ISSUER}/second", "irsa_issuer_bucket": "onprem-irsa-lab"},
    "domain": {
        "irsa_issuer_url": "https://oidc.example.com",
        "irsa_issuer_publisher": "cloudfront",
        "irsa_issuer_bucket": "onprem-irsa-lab-private",
        "irsa_issuer_certificate_arn": f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/12345678",
    },
}


class Rotation(Load):
    """Uses of each key and issuer the last token, for as long as it lives, and the oldest one that lives.

    The kubelet gives pods a new one long before the old one ends, and a program may use the old one up to its end.
    What pods hold at the moment is exchanged besides.
    """

    def _kept(self, before: t.Mapping[str, str], token: str) -> dict[str, str]:
        """Return which tokens are used from now on; those that are about to end are not."""
        maker = f"{part(token, 0)['kid']} of {part(token, 1)['iss']}"
        return {"oldest": token, **_living(before), "newest": token, f"last of {maker}": token}

    def _use(self, target: Target, pool: urllib3.PoolManager) -> None:
        """Use every token that does not end meanwhile: an API server that restarts gives no other one for long."""
        self._tokens = {name: _living(tokens) for name, tokens in self._tokens.items()}
        super()._use(target, pool)

    def _exchange(self) -> None:
        """Show STS, all the time, the tokens that pods hold."""
        sts, pool = self._sts(), self._pool(admin=True)
        held: dict[str, dict[str, str]] = {target.name: {} for target in self.targets}
        end, looked, of_pods = time.monotonic() + self.max_seconds, 0.0, dict[str, str]()
        while not self._stop.wait(self.pause) and time.monotonic() < end:
            for target in self.targets:
                token = self._mint(target, pool, [AUDIENCE])
                if token is not None:
                    held[target.name] = self._kept(held[target.name], token)
            if time.monotonic() > looked + LOOK:  # it takes the machine a process on each node
                looked, of_pods = time.monotonic(), {token: token for token in held_by_pods()}
            for tokens in (*held.values(), of_pods):
                for each in {*_living(tokens).values()}:
                    self._offer(sts, each)

    def algorithms(self) -> set[str]:
        """Return the algorithms of the newest token of each target."""
        return {str(part(tokens["newest"], 0)["alg"]) for tokens in self._tokens.values()}

    def issuers(self) -> set[str]:
        """Return the issuers of the newest token of each target."""
        return {str(part(tokens["newest"], 1)["iss"]) for tokens in self._tokens.values()}


def _living(tokens: t.Mapping[str, str]) -> dict[str, str]:
    """Return the tokens that are not about to end."""
    return {what: token for what, token in tokens.items() if part(token, 1)["exp"] > time.time() + SPARE}


def held_by_pods() -> list[str]:
    """Return the tokens that the kubelets have put into pods for AWS."""
    script = f"for file in {HELD}; do cat $file 2>/dev/null && echo; done; true"
    printed = [
        subprocess.run(  # noqa: S603 -- our own command; a node that is busy is asked again the next time
            ["podman", "exec", node, "sh", "-c", script],  # noqa: S607 -- the one of the machine
            check=False,
            capture_output=True,
            text=True,
        ).stdout
        for node in NODES
    ]
    return [line for text in printed for line in text.splitlines() if line.count(".") == 2]


def restart_controller(node: str) -> None:
    """Have the kubelet restart a node's controller manager."""
    manifest = MANIFEST.replace("kube-apiserver", "kube-controller-manager")
    draft = manifest.replace("kube-controller", ".kube-controller")
    name = "kube-controller-manager"[:15]  # as long as the kernel keeps it
    before, text = process(node, name), annotated(with_annotations(on(node, "cat", manifest)))
    on(node, "sh", "-c", f"cat > {draft} && mv {draft} {manifest}", stdin=text)
    end = time.monotonic() + SECONDS_A_NODE
    while process(node, name) in ("", before):
        if time.monotonic() > end:
            sys.exit(f"{node}: its controller manager did not come back within {SECONDS_A_NODE} s.")
        time.sleep(0.25)


def with_annotations(text: str) -> str:
    """Return a manifest that has annotations: kubeadm gives that of the controller manager none."""
    if re.search(r"^ +annotations:\n", text, flags=re.M):
        return text
    return re.sub(r"^metadata:\n", "metadata:\n  annotations:\n    example.com/bench: rotate\n", text, flags=re.M)


def restart(number: int) -> None:
    """Restart what reads the key files of a node."""
    bare_restart(number, annotated, MANIFEST)
    restart_controller(NODES[number - 1])


def by_hand(home: Path) -> tuple[Counts, float]:
    """Replace the key files node by node under load, and put them back; return what was counted, and the seconds."""
    new = Path(home) / "by-hand.key"
    new.touch(mode=0o600)
    new.write_text(said("openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"))
    files = {"sa.key": new.read_text(), "sa.pub": said("openssl", "pkey", "-in", str(new), "-pubout")}
    asking = rotation_load(home)
    asking.start()
    began = time.monotonic()
    for number, node in enumerate(NODES, start=1):
        for name, text in files.items():
            on(node, "cp", "--preserve=all", f"{KEYS}/{name}", f"{KEYS}/{name}.bench")
            on(node, "sh", "-c", f"cat > {KEYS}/{name}", stdin=text)
        restart(number)
    seconds = time.monotonic() - began
    time.sleep(5)
    counts = asking.stop()
    for number, node in enumerate(NODES, start=1):
        for name in files:
            on(node, "mv", f"{KEYS}/{name}.bench", f"{KEYS}/{name}")
        restart(number)
    renew_pods()
    return counts, seconds


def rotated(home: Path, playbook: t.Sequence[str], kind: str) -> tuple[Counts, float]:
    """Rotate under load to a key of another KIND; return what was counted, and the seconds.

    In two runs: the first replaces a key of any age, and the second leaves the new one where it is.
    """
    wanted = [
        f"--extra-vars=irsa_rotate_key_type={kind} irsa_rotate_token_lifetime={TOKEN_SECONDS}",
        f"--extra-vars=irsa_issuer_max_age={MAX_AGE} irsa_rotate_wait=true irsa_rotate_pause=2",
    ]
    asking, began = rotation_load(home), time.monotonic()
    asking.start()
    print(said(*playbook, *wanted, "--extra-vars=phase=switch irsa_rotate_min_age=0")[-3000:], file=sys.stderr)
    print(said(*playbook, *wanted)[-3000:], file=sys.stderr)
    seconds = time.monotonic() - began
    time.sleep(5 * PAUSE)
    counts = asking.stop()
    algorithms = t.cast("Rotation", asking).algorithms()
    if algorithms != {{"RSA": "RS256", "EC": "ES256"}[kind]}:
        sys.exit(f"After a rotation to a key of the kind {kind}, tokens are signed with {algorithms}.")
    return counts, seconds


def moved(home: Path, play: t.Sequence[str], former: str, new: str) -> tuple[Counts, float]:
    """Move under load from one of ISSUERS to another; return what was counted, and the seconds.

    In two runs, of which the second is told for how long tokens are in use: no object shows those of the load.
    """
    file, issuer = home / "move.json", ISSUERS[new]["irsa_issuer_url"]
    # Variables of a play, as those of an inventory: with --extra-vars they would count for both issuers.
    variables = {**ISSUERS[new], "irsa_migrate_from": ISSUERS[former], "irsa_issuer_max_age": MAX_AGE}
    file.write_text(json.dumps([{"import_playbook": "onprem.irsa.migrate_issuer", "vars": variables}]))
    playbook = [*play, str(file), "--extra-vars=irsa_migrate_wait=true irsa_apiserver_pause=2"]
    asking, began = rotation_load(home), time.monotonic()
    asking.start()
    print(said(*playbook, "--extra-vars=phase=switch")[-3000:], file=sys.stderr)
    ended = said(*playbook, f"--extra-vars=irsa_migrate_settle={TOKEN_SECONDS + LEEWAY:.0f}")
    print(ended[-3000:], file=sys.stderr)
    seconds = time.monotonic() - began
    time.sleep(5 * PAUSE)
    counts = asking.stop()
    issuers = t.cast("Rotation", asking).issuers()
    if issuers != {issuer} or f"{issuer} signs, and nothing is left of" not in ended:
        sys.exit(f"After a move to {issuer}, tokens are of {', '.join(issuers)}:\n{ended[-4000:]}")
    return counts, seconds


def rotation_load(home: Path) -> Load:
    """Return the load that all rows have."""
    return load(home, Rotation, pause=PAUSE, max_seconds=LONGEST, token_seconds=TOKEN_SECONDS)


def kubectl(*arguments: str, stdin: str | None = None) -> str:
    """Return what kubectl prints on the first node."""
    return on(NODES[0], *KUBECTL, *arguments, stdin=stdin)


def short_lived(deployment: Json) -> Json:
    """Return a patch (strategic merge) that gives the pods of a Deployment tokens which live for ten minutes.

    It is the volume that the admission of pods would add, with another lifetime.
    """
    spec = deployment["spec"]["template"]["spec"]
    mount = {"name": "short-lived", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": True}
    namespace = {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
    sources = [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": TOKEN_SECONDS}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [namespace]}},
    ]
    changed = {
        "automountServiceAccountToken": False,
        "containers": [{"name": each["name"], "volumeMounts": [mount]} for each in spec["containers"]],
        "volumes": [{"name": "short-lived", "projected": {"sources": sources}}],
    }
    return {"spec": {"template": {"spec": changed}}}


def set_up(play: t.Sequence[str]) -> None:
    """Set the cluster up, with pods that the webhook has given a role, and tokens that live for ten minutes."""
    account: Json = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"namespace": "demo", "name": "app"}}
    account["metadata"]["annotations"] = {"eks.amazonaws.com/token-expiration": str(TOKEN_SECONDS)}
    for made in ({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "demo"}}, account):
        kubectl("apply", "--filename=-", stdin=json.dumps(made))
    links = "--tags=publish,iam,apiserver,inject"
    print(
        said(*play, "onprem.irsa.site", links, f"--extra-vars=irsa_issuer_max_age={MAX_AGE}")[-3000:], file=sys.stderr
    )
    # What hosts have joined with: an older copy of the key files, which a rotation refuses to leave behind.
    kubectl("delete", "secret", "--namespace=kube-system", "kubeadm-certs", "--ignore-not-found")
    found = json.loads(kubectl("get", "deployments", "--all-namespaces", "--output=json"))["items"]
    for each in found:
        kubectl("patch", *place(each), f"--patch={json.dumps(short_lived(each))}")
    for each in found:
        kubectl("rollout", "status", *place(each), "--timeout=240s")
    kubectl("apply", "--filename=-", stdin=json.dumps(holders()))
    kubectl("rollout", "status", *place(holders()), "--timeout=240s")
    wait_for_short_lives()


def renew_pods() -> None:
    """Replace all pods, the webhook's before those that it injects: they may hold tokens of the key by hand."""
    found = json.loads(kubectl("get", "deployments", "--all-namespaces", "--output=json"))["items"]
    for each in sorted(found, key=lambda deployment: place(deployment) == place(holders())):
        kubectl("rollout", "restart", *place(each))
        kubectl("rollout", "status", *place(each), "--timeout=240s")
    wait_for_short_lives()


def place(deployment: Json) -> list[str]:
    """Return how kubectl is told of a Deployment."""
    metadata = deployment["metadata"]
    return [f"--namespace={metadata['namespace']}", f"deployment/{metadata['name']}"]


def holders() -> Json:
    """Return a Deployment whose pods do nothing but hold a token for AWS."""
    labels = {"app": "holder"}
    container = {"name": "holder", "image": "localhost/onprem-irsa/pause:1", "imagePullPolicy": "Never"}
    pod = {"serviceAccountName": "app", "automountServiceAccountToken": False, "containers": [container]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"namespace": "demo", "name": "holder"},
        "spec": {
            "replicas": PODS,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


def wait_for_short_lives() -> None:
    """Wait until no token lives longer, and every pod holds one: one that is replaced keeps its own for a minute."""
    for number in range(60):
        accounts, pods = (
            json.loads(kubectl("get", kind, "--all-namespaces", "--output=json"))["items"]
            for kind in ("serviceaccounts", "pods")
        )
        in_use = [account for account in accounts if not is_probe(account)]
        longest, held = lifetimes(in_use, pods, asked_directly=TOKEN_SECONDS)[0], held_by_pods()
        if longest.seconds <= TOKEN_SECONDS and len(held) == PODS:
            return
        if number % 20 == 19 and len(held) < PODS:  # those that no webhook has seen are made again
            kubectl("delete", "pods", "--namespace=demo", "--selector=app=holder", "--wait=false")
        time.sleep(5)
    sys.exit(
        f"Tokens live for {longest.seconds:g} s ({longest.source}) where {TOKEN_SECONDS} s are wanted, and {len(held)} "
        f"of {PODS} pods hold one for AWS."
    )


def row(name: str, counts: Counts, seconds: float) -> str:
    """Return a line of the table."""
    refused, exchanges = f"{counts.refused} ({counts.refused_balanced})", f"{counts.exchanges}"
    return (
        f"{name:22}{counts.uses:>10}{refused:>20}{counts.unavailable:>13}{exchanges:>11}"
        f"{counts.refused_exchanges:>13}{seconds:>9.0f}"
    )


def chosen(arguments: t.Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the rows to measure, and the command of a play."""
    option, *play = arguments
    rows = option.removeprefix("--rows=").split(",")
    strange = [name for name in rows if name not in ROWS]
    if option.startswith("--rows=") and not strange:
        return [name for name in ROWS if name in rows], play
    sys.exit(f"{option}: say --rows= with some of {','.join(ROWS)} first, and then the command of a play.")


def figures(rows: t.Mapping[str, tuple[Counts, float]]) -> dict[str, int | float | None]:
    """Return the last line of the benchmark; None for what was not measured."""
    guided = rows.get("hand")
    ours = [measured for name, measured in rows.items() if name != "hand"]
    rotations, moves = (
        [measured for name, measured in rows.items() if (name in ISSUERS) == is_move and name != "hand"]
        for is_move in (False, True)
    )
    return {
        "guide_refused": guided[0].refused if guided else None,
        "ours_refused": sum(counts.refused for counts, _seconds in ours) if ours else None,
        "sts_refused": sum(counts.refused_exchanges for counts, _seconds in ours) if ours else None,
        "uses": sum(counts.uses + counts.exchanges for counts, _seconds in ours) if ours else None,
        "rotate_s": round(rotations[0][1], 1) if rotations else None,
        "migrate_s": round(moves[0][1], 1) if moves else None,
    }


def main() -> None:
    """Set up, measure the way by hand, rotations and moves, and print a row for each."""
    names, play = chosen(sys.argv[1:])
    print("onprem.irsa.site, and tokens that live for ten minutes (seven minutes)", file=sys.stderr)
    set_up(play)
    rows: dict[str, tuple[Counts, float]] = {}
    signs = "bucket"
    head = (
        f"{'':22}{'uses':>10}{'refused (balanced)':>20}{'unavailable':>13}{'exchanges':>11}{'STS refused':>13}{'s':>9}"
    )
    with tempfile.TemporaryDirectory() as home:
        for name in names:
            if name == "hand":
                print("By hand: other key files, node by node, and back (ten minutes)", file=sys.stderr)
                rows[name] = by_hand(Path(home))
            elif name in ISSUERS:
                print(f"onprem.irsa.migrate_issuer to a {name} (20 minutes)", file=sys.stderr)
                rows[name] = moved(Path(home), play, signs, name)
                signs = name
            else:
                print(f"onprem.irsa.{ROWS[name]} (20 minutes)", file=sys.stderr)
                rows[name] = rotated(Path(home), [*play, "onprem.irsa.rotate_keys"], name.upper())
            print(head, row(ROWS[name], *rows[name]), sep="\n")
            for reason, count in rows[name][0].reasons.most_common(5):
                print(f"  {count} {reason}", flush=True)
    print(json.dumps(figures(rows)))


if __name__ == "__main__":
    main()
