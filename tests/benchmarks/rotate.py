# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rotating the signing key on three control-plane nodes under load: by hand, and by onprem.irsa.rotate_keys.

By hand is what many do: replace sa.key and sa.pub on each node, and restart. Then the files are put back, and the
playbook rotates twice, from RSA to RSA and from there to EC. Each rotation waits for an hour, as long as tokens of the
cluster's own pods live: waits are as short as the configuration makes them, and none is left out.

The last line is a JSON object:

    guide_refused  uses of tokens that API servers refused while keys were replaced by hand
    ours_refused   the same, over both rotations
    sts_refused    exchanges that STS refused over both rotations
    uses           uses and exchanges over both rotations
    rotate_s       seconds of the first rotation, with its waits
    migrate_s      null: moving to another issuer is not measured here
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
import time
import typing as t
from pathlib import Path

from ansible_collections.onprem.irsa.tests.benchmarks.load import Counts, Load, part
from ansible_collections.onprem.irsa.tests.benchmarks.roll import (
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

KEYS: t.Final = "/etc/kubernetes/pki"
KUBECTL: t.Final = ("kubectl", "--kubeconfig=/etc/kubernetes/admin.conf")
AUDIENCE: t.Final = "sts.amazonaws.com"
MAX_AGE: t.Final = 30  # seconds; of the published key set
LONGEST: t.Final = 3 * 3600  # seconds of one rotation
PAUSE: t.Final = 2.0  # seconds between two rounds of the load, which goes on for hours
SPARE: t.Final = 20.0  # seconds before its end from which a token is left alone


class Rotation(Load):
    """Uses of each key the last token, for as long as it lives, and the oldest one that lives.

    Pods hold such tokens: the kubelet gives them a new one long before the old one ends, and a program may use the old
    one up to its end.
    """

    def _kept(self, before: t.Mapping[str, str], token: str) -> dict[str, str]:
        """Return which tokens are used from now on; those that are about to end are not."""
        living = {what: held for what, held in before.items() if part(held, 1)["exp"] > time.time() + SPARE}
        return {"oldest": token, **living, "newest": token, f"last of {part(token, 0)['kid']}": token}

    def _exchange(self) -> None:
        """Show STS, all the time, the tokens that pods hold."""
        sts, pool = self._sts(), self._pool(admin=True)
        held: dict[str, dict[str, str]] = {target.name: {} for target in self.targets}
        end = time.monotonic() + self.max_seconds
        while not self._stop.wait(self.pause) and time.monotonic() < end:
            for target in self.targets:
                token = self._mint(target, pool, [AUDIENCE])
                if token is not None:
                    held[target.name] = self._kept(held[target.name], token)
                for each in {*held[target.name].values()}:
                    self._offer(sts, each)

    def algorithms(self) -> set[str]:
        """Return the algorithms of the newest token of each target."""
        return {str(part(tokens["newest"], 0)["alg"]) for tokens in self._tokens.values()}


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
    asking = load(home, Rotation, pause=PAUSE, max_seconds=LONGEST)
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
    return counts, seconds


def rotated(home: Path, playbook: t.Sequence[str], kind: str) -> tuple[Counts, float]:
    """Rotate under load to a key of another KIND; return what was counted, and the seconds.

    In two runs: the first replaces a key of any age, and the second leaves the new one where it is.
    """
    wanted = [f"--extra-vars=irsa_rotate_key_type={kind}", "--extra-vars=irsa_rotate_wait=true"]
    asking, began = load(home, Rotation, pause=PAUSE, max_seconds=LONGEST), time.monotonic()
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


def row(name: str, counts: Counts, seconds: float) -> str:
    """Return a line of the table."""
    refused, exchanges = f"{counts.refused} ({counts.refused_balanced})", f"{counts.exchanges}"
    return (
        f"{name:22}{counts.uses:>10}{refused:>20}{counts.unavailable:>13}{exchanges:>11}"
        f"{counts.refused_exchanges:>13}{seconds:>9.0f}"
    )


def main() -> None:
    """Set up, measure the way by hand and two rotations, and print a row for each."""
    play, short = sys.argv[1:], f"--extra-vars=irsa_issuer_max_age={MAX_AGE}"
    print("onprem.irsa.site (four minutes)", file=sys.stderr)
    print(said(*play, "onprem.irsa.site", short)[-3000:], file=sys.stderr)
    # What hosts have joined with: an older copy of the key files, which a rotation refuses to leave behind.
    on(NODES[0], *KUBECTL, "delete", "secret", "--namespace=kube-system", "kubeadm-certs", "--ignore-not-found")
    rows: list[tuple[str, Counts, float]] = []
    with tempfile.TemporaryDirectory() as home:
        print("By hand: other key files, node by node, and back (ten minutes)", file=sys.stderr)
        rows.append(("by hand", *by_hand(Path(home))))
        for kind in ("RSA", "EC"):
            print(f"onprem.irsa.rotate_keys to {kind} (70 minutes)", file=sys.stderr)
            rows.append(
                (f"rotate_keys to {kind}", *rotated(Path(home), [*play, "onprem.irsa.rotate_keys", short], kind))
            )
    print(
        f"{'':22}{'uses':>10}{'refused (balanced)':>20}{'unavailable':>13}{'exchanges':>11}{'STS refused':>13}{'s':>9}"
    )
    for each in rows:
        print(row(*each))
        for reason, count in each[1].reasons.most_common(5):
            print(f"  {count} {reason}")
    (_hand, guided, _seconds), *ours = rows
    figures = {
        "guide_refused": guided.refused,
        "ours_refused": sum(counts.refused for _name, counts, _seconds in ours),
        "sts_refused": sum(counts.refused_exchanges for _name, counts, _seconds in ours),
        "uses": sum(counts.uses + counts.exchanges for _name, counts, _seconds in ours),
        "rotate_s": round(ours[0][2], 1),
        "migrate_s": None,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
