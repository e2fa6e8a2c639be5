# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole rotations by irsa_rotate, on hosts with real key files whose processes are told in files: make rotation."""

from __future__ import annotations

import base64
import json
import re
import typing as t
from pathlib import Path

import pytest
import yaml

from ansible_collections.onprem.irsa.tests.unit.plugins.some_keys import ec_key, private_pem, rsa_key
from ansible_collections.onprem.irsa.tests.unit.roles.rotating_hosts import DAY, Rotating
from ansible_collections.onprem.irsa.tests.unit.roles.rotating_world import NEXT_KILLS

AGAIN: t.Final = re.compile(r"Run again after [0-9][0-9: -]+ \(")


def probed_keys(hosts: Rotating) -> set[str]:
    """Return the ids of the keys that the blackbox exporter wants in the key set."""
    modules = yaml.safe_load((hosts.directory / "blackbox.yml").read_text())["modules"]
    (module,) = (module for url, module in modules.items() if url.endswith("/jwks"))
    every = " ".join(module["http"]["fail_if_body_not_matches_regexp"]).replace("\\-", "-")
    return {*re.findall(r'"kid"\\s\*:\\s\*"([^"]+)"', every)}


def go_on(hosts: Rotating, why: str, **variables: object) -> None:
    """Run the role as far as it gets, and require that it says why it ends there."""
    code, output = hosts.rotate(**variables)
    assert code == 0, output
    assert why in output, output


@pytest.fixture
def three(tmp_path: Path) -> Rotating:
    return Rotating(tmp_path, 3)


@pytest.fixture
def two(tmp_path: Path) -> Rotating:
    return Rotating(tmp_path, 2)


def test_a_rotation_phase_by_phase(three: Rotating) -> None:  # noqa: PLR0915 -- one after the other, as users do it
    hosts, old = three, three.kid

    def rotate(phase: str, **variables: object) -> tuple[int, str]:
        ec = {"irsa_rotate_key_type": "EC", "irsa_rotate_curve": "P-384"}
        files = {"irsa_issuer_alert_rules_file": "rules.yml", "irsa_issuer_blackbox_file": "blackbox.yml"}
        return hosts.rotate(irsa_rotate_phase=phase, **ec, **files, **variables)

    before = hosts.files()
    code, output = rotate("status")
    assert (code, old in output, hosts.files()) == (0, True, before), output

    code, output = rotate("make")
    assert code == 0, output
    assert len([*hosts.directory.glob("*.pki/sa.key.next")]) == len(hosts.hosts)
    assert {file.stat().st_mode & 0o777 for file in hosts.directory.glob("*.pki/sa.key*")} == {0o600}

    code, output = rotate("accept")
    assert (code, hosts.log()) == (0, [("kube-apiserver", name) for name in hosts.hosts]), output
    (accepted,) = hosts.accepted()
    (new,) = accepted - {old}
    assert (hosts.signers(), hosts.published()) == ({old}, {old})

    code, output = rotate("publish")
    assert (code, hosts.published(), probed_keys(hosts)) == (0, {old, new}, {old, new}), output

    code, output = rotate("switch")
    assert (code, hosts.signers()) == (0, {old}), output
    assert AGAIN.search(output), output
    hosts.pass_time(301)
    vault = {"name": "vault", "command": ["echo", old]}
    code, output = rotate("switch", irsa_rotate_relying_parties=[vault])
    assert (code, hosts.signers()) == (2, {old}), output
    assert f"vault has a copy of the key set without {new}" in output
    code, output = rotate("switch", irsa_rotate_relying_parties=[{**vault, "command": ["printf", rf"{old}\n{new}"]}])
    assert (code, hosts.signers()) == (0, {new}), output

    hosts.use(
        legacy_tokens=[{"secret": "ci/robot", "kid": old}, {"secret": "apps/own", "kid": old}],
        stale_uses={"cp1": 7.0, "cp2": 0.0},
        keepers=[{"pod": "apps/old-client", "started": 1.0}],
    )
    code, output = rotate("retire", irsa_rotate_reminted_secrets=["apps/*"])
    assert code == 0, output
    assert AGAIN.search(output), output
    assert "tokens live for up to 86400 s (pod apps/reports)" in output
    assert "ci/robot" in output  # what will be in the way is named while there is time
    assert [token["kid"] for token in hosts.world.read("use")["legacy_tokens"]] == [old, new]
    hosts.pass_time(DAY + 61)
    pool = {"name": "the pool", "manual": True, "kids": [old]}
    before = hosts.files()
    code, output = rotate("retire", irsa_rotate_relying_parties=[pool])
    assert (code, hosts.files()) == (2, before), output
    for refusal in (
        "The token in the Secret ci/robot is signed with the key",
        "It is among those that run since before: apps/old-client.",
        "the pool has a copy of the key set without",
    ):
        assert refusal in output
    assert "The token in the Secret apps/own" not in output  # it is the new key's by now

    hosts.use()
    code, output = rotate("retire")
    assert code == 0, output
    assert (hosts.signers(), hosts.accepted(), hosts.published()) == ({new}, {frozenset({new})}, {new})
    assert probed_keys(hosts) == {new}
    assert [*hosts.directory.glob("*.pki/sa.key.*")] == []
    before = hosts.files()
    code, output = rotate("retire")
    assert (code, hosts.files()) == (0, before), output
    assert "nothing is left to do" in output
    assert hosts.refused() == []


# What a run is cut off at, in the order in which it comes there.
BORDERS: t.Final = (
    "before make cp1",
    "after make cp1",
    "after ask cp2",
    "before open cp2",
    "after open cp2",
    "after write cp1",
    "within restart kube-apiserver cp1",
    "after restart kube-apiserver cp2",
    "before publish",
    "after publish",
    "after write cp1",
    "within restart kube-apiserver cp1",
    "within restart kube-controller-manager cp1",
    "after write cp2",
    "after restart kube-controller-manager cp2",
    "after publish",
    "after write cp1",
    "after restart kube-apiserver cp1",
    "within restart kube-apiserver cp2",
    "after forget cp1",
)


def test_the_same_command_arrives_wherever_it_was_killed(two: Rotating) -> None:
    kills = two.directory / "kills"
    kills.write_text("".join(f"{moment}\n" for moment in BORDERS))
    codes = []
    for number in range(len(BORDERS) + 8):
        before = kills.read_text().splitlines()
        code, output = two.rotate()
        codes.append(code)
        assert code in (0, -9), output
        if "nothing is left to do" in output:
            break
        after, host = kills.read_text().splitlines(), f"cp{number // 2 % 2 + 1}"
        for moment in {*before}:
            if before.count(moment) > after.count(moment) and moment.startswith("within restart"):
                _within, _restart, component, killed = moment.split()
                two.crash(killed, component)  # the kubelet does what the manifest says by then
        # What has crashed has read the files, and is not restarted again.
        if number % 2 and not any("restart" in moment and moment.endswith(host) for moment in after[:NEXT_KILLS]):
            two.crash(host)
        if AGAIN.search(output):
            two.pass_time(301 if "(Cache-Control)" in output else DAY + 61)
    assert codes.count(-9) == len(BORDERS), kills.read_text()
    (new,) = two.signers()
    assert new != two.kid
    assert (two.accepted(), two.published()) == ({frozenset({new})}, {new})
    assert [*two.directory.glob("*.pki/sa.key.*")] == []
    assert two.refused() == []


def test_a_run_that_waits_and_the_way_back(two: Rotating) -> None:
    go_on(two, "(Cache-Control)")
    two.end_soon(20)
    code, output = two.rotate(irsa_rotate_wait=True, irsa_rotate_phase="switch")
    assert code == 0, output
    assert "Wait until the time has passed; Run again after" in output
    (new,) = two.signers()
    assert new != two.kid

    code, output = two.rotate(irsa_rotate_signing_kid=two.kid, irsa_rotate_phase="switch")
    assert (code, two.signers()) == (0, {two.kid}), output
    two.pass_time(DAY + 61)
    go_on(two, "nothing is left to do", irsa_rotate_signing_kid=two.kid)
    assert (two.accepted(), two.published()) == ({frozenset({two.kid})}, {two.kid})
    assert two.refused() == []


def test_a_web_server_that_does_not_tell_since_when(two: Rotating) -> None:
    """The time for which caches are waited for begins where the run has published the key, and not where it began."""
    (two.directory / "untold").touch()
    code, output = two.rotate("-v", irsa_rotate_phase="switch")
    assert (code, len(two.published()), two.signers()) == (0, 2, {two.kid}), output
    assert "nobody tells since when it is as it is now" in output
    seen = [float(since) for since in re.findall(r'"since": ([0-9.]+)', output)]
    assert seen[-1] >= two.world.read("published")["since"] > seen[0]


def test_a_leaked_key(two: Rotating) -> None:
    before = two.files()
    leaked = {"irsa_rotate_leaked_kid": two.kid}
    code, output = two.rotate(**leaked)
    assert (code, two.files()) == (2, before), output
    assert f"Every token that {two.kid} has signed is refused at once" in output
    assert "set irsa_rotate_emergency: true" in output

    keep_everything(two)
    secrets = two.secrets()
    code, output = two.rotate("-vvv", "--diff", **leaked, irsa_rotate_emergency=True)
    assert code == 0, output
    (new,) = two.signers()
    assert (two.accepted(), two.published()) == ({frozenset({new})}, {new})
    assert [*two.directory.glob("*.pki/sa.key.*")] == []
    assert {line.partition(": ")[2].partition(" ")[0] for line in two.refused()} >= {two.kid}
    assert told_anywhere(two, secrets | two.secrets(), output) == []

    before = two.files()
    code, output = two.rotate(**leaked, irsa_rotate_emergency=True, irsa_rotate_alert_rules_file="rules.yml")
    assert (code, two.files()) == (0, before), output
    (group,) = yaml.safe_load((two.directory / "rules.yml").read_text())["groups"]
    assert {rule["labels"]["kid"] for rule in group["rules"] if rule.get("record") == "onprem_irsa_key_signs"} == {new}
    assert f"nothing is left to do, as {two.kid} is nowhere any longer" in output


def keep_everything(hosts: Rotating) -> None:
    """Have Ansible keep what it writes, and each Python process write down what it starts and what it throws away.

    Facts, what is laid down on the controller and on hosts for a task, home and temporary folders: all is in the
    directory of the hosts.
    """
    watched = hosts.directory / "watched"
    hosts.environment |= {
        "ANSIBLE_CACHE_PLUGIN": "ansible.builtin.jsonfile",
        "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(hosts.directory / "facts"),
        "ANSIBLE_KEEP_REMOTE_FILES": "1",
        "ANSIBLE_PIPELINING": "0",
        "ANSIBLE_REMOTE_TEMP": str(hosts.directory / "kept"),
        "ANSIBLE_LOCAL_TEMP": str(hosts.directory / "local"),
        "HOME": str(hosts.directory / "home"),
        "TMPDIR": str(hosts.directory / "temporary"),
        "WATCHED": str(watched),
        "PYTHONPATH": str(Path(__file__).parent / "watching"),
    }
    for name in ("HOME", "TMPDIR", "WATCHED"):
        Path(hosts.environment[name]).mkdir()


def forms(pem: str) -> set[str]:
    """Return texts that stand wherever a private key does, however it is written: PEM, base64 of PEM or DER, or hex."""
    lines = pem.splitlines()[1:-1]
    der = base64.b64decode("".join(lines))
    # In base64, where a text begins decides on its letters.
    encoded = {base64.b64encode(f"{' ' * shift}{pem}".encode()).decode()[80:144] for shift in range(3)}
    return {*lines, "".join(lines)[32:96], der.hex()[64:128], *encoded}


def told_anywhere(hosts: Rotating, pems: set[str], output: str) -> list[str]:
    """Return where a private key stands but in key files.

    In the output; in the arguments or the environment of a process, as C(ps) shows them; in a file, also in one that
    was there for a moment.
    """
    others = [path for path in hosts.directory.rglob("*") if path.is_file() and ".pki" not in str(path)]
    assert [path for path in others if "kept" in path.parts]
    assert (hosts.directory / "arguments").read_text().count("cms") > 1  # a key was sealed and opened
    watched = "".join(path.read_text(errors="replace") for path in (hosts.directory / "watched").iterdir())
    for name in hosts.hosts:
        assert re.search(rf"^command .*python-{name}", watched, re.MULTILINE)
        assert re.search(rf"^command .*'cms', .* with .*'HOST': '[^']*/{name}'", watched, re.MULTILINE)
    assert re.search(rf"^lost {hosts.directory}/var/\S+: ", watched, re.MULTILINE)  # the pair that is thrown away
    assert len(pems) == 2
    everywhere = {**{str(path): path.read_text(errors="replace") for path in others}, "output": output}
    return [
        f"{where}: {secret}"
        for pem in pems
        for secret in forms(pem)
        for where, text in everywhere.items()
        if secret in text
    ]


def test_a_key_is_found_however_it_is_written() -> None:
    pem = private_pem(rsa_key())
    der = base64.b64decode("".join(pem.splitlines()[1:-1]))
    written = [
        pem,
        json.dumps({"key": pem}),
        repr(pem.encode()),
        base64.b64encode(pem.encode()).decode(),
        base64.b64encode(f"key={pem}".encode()).decode(),
        base64.b64encode(json.dumps([f"a{pem}"]).encode().replace(b"\\n", b"\n")).decode(),
        base64.b64encode(der).decode(),
        der.hex(),
    ]
    assert [text[:60] for text in written if not any(secret in text for secret in forms(pem))] == []
    assert not any(secret in private_pem(ec_key(1)) for secret in forms(pem))


def test_a_host_is_lost_in_the_middle(two: Rotating) -> None:
    two.lose_host("cp2", after="cp1", what="kube-apiserver")
    code, output = two.rotate(irsa_rotate_phase="publish")
    assert (code, two.log(), two.published()) == (2, [("kube-apiserver", "cp1")], {two.kid}), output
    assert "cp2 could not be looked at" in output
    assert len(two.accepted()) == 2  # cp1 accepts the new key, which nobody signs with

    del two.own["cp2"]
    code, output = two.rotate(irsa_rotate_phase="publish")
    assert (code, len(two.published()), len(two.accepted())) == (0, 2, 1), output
    assert two.refused() == []


def test_a_host_joins_in_the_middle_with_the_key_files_of_before(two: Rotating) -> None:
    code, output = two.rotate(irsa_rotate_phase="publish")
    assert code == 0, output
    before = two.files()
    two.use(slices=[{"endpoints": [{"addresses": ["10.0.0.1"]}, {"addresses": ["10.0.0.9"]}]}])
    code, output = two.rotate()
    assert (code, two.files()) == (2, before), output
    assert "The cluster has an API server at 10.0.0.9" in output

    two.use()
    two.join("cp3")
    two.pass_time(301)
    code, output = two.rotate()
    assert (code, len(two.signers()), len(two.accepted())) == (0, 1, 1), output
    assert two.kid not in two.signers()
    assert two.refused() == []
