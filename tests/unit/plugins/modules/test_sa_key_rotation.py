# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules sa_key_rotation and sa_key_transport, as Ansible calls them."""

from __future__ import annotations

import json
import stat
import typing as t

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.onprem.irsa.plugins.modules import sa_key_rotation, sa_key_transport
from ansible_collections.onprem.irsa.tests.unit.plugins.some_keys import ec_key, private_pem, public_pem

if t.TYPE_CHECKING:
    from pathlib import Path

Result = dict[str, t.Any]
Call = t.Callable[..., Result]


class Host:
    """A control-plane host's key files, and the modules that act on them."""

    def __init__(self, directory: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.directory, self._capfd = directory, capfd
        directory.mkdir(parents=True)
        (directory / "sa.key").write_text(private_pem(ec_key(1)))
        (directory / "sa.key").chmod(0o600)
        (directory / "sa.pub").write_text(public_pem(ec_key(1)))

    def _call(self, module: t.Any, arguments: Result, *, check: bool) -> Result:  # noqa: ANN401 -- a module
        paths = {"private_key_path": f"{self.directory}/sa.key", "public_key_path": f"{self.directory}/sa.pub"}
        secrets = self.secrets()
        with patch_module_args({**paths, **arguments, "_ansible_check_mode": check}), pytest.raises(SystemExit):
            module.main()
        printed = self._capfd.readouterr()
        for secret in secrets | self.secrets():  # no line of a private key leaves the module, whatever it does
            assert secret not in printed.out + printed.err
        result: Result = json.loads(printed.out)
        return result

    def secrets(self) -> set[str]:
        return {line for path in self.directory.glob("sa.key*") for line in path.read_text().splitlines()[1:-1]}

    def rotate(self, step: str = "look", *, check: bool = False, **arguments: object) -> Result:
        directory = str(self.directory / "backup")
        return self._call(sa_key_rotation, {"step": step, "backup_directory": directory, **arguments}, check=check)

    def carry(self, step: str, *, check: bool = False, **arguments: object) -> Result:
        directory = str(self.directory / "transport")
        return self._call(sa_key_transport, {"step": step, "directory": directory, **arguments}, check=check)

    def contents(self) -> dict[str, str]:
        return {str(path): path.read_text() for path in self.directory.rglob("*") if path.is_file()}


@pytest.fixture
def host(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Host:
    return Host(tmp_path / "pki", capfd)


def four_times(host: Host, step: str, **arguments: t.Any) -> Result:  # noqa: ANN401 -- options of the module
    """Take a step: check, apply, check, apply."""
    before = host.contents()
    foreseen = host.rotate(step, check=True, **arguments)
    assert host.contents() == before
    done = host.rotate(step, **arguments)
    assert (done["changed"], foreseen["changed"]) == (True, True)
    for check in (True, False):
        assert not host.rotate(step, check=check, **arguments)["changed"]
    if step != "make":  # nobody knows the id of a new key before
        assert foreseen["diff"] == done["diff"]
    return done


@pytest.mark.slow
def test_a_rotation_on_one_host(host: Host) -> None:
    made = four_times(host, "make", type="EC")
    old, new = made["private"]["own"], made["private"]["next"]
    assert new["kind"] == "EC P-256"
    assert stat.S_IMODE((host.directory / "sa.key.next").stat().st_mode) == 0o600

    four_times(host, "write", public_keys=[old["pem"], new["pem"]])
    seen = four_times(host, "write", public_keys=[new["pem"], old["pem"]], signing_kid=new["kid"])
    assert [seen["private"]["own"]["kid"], seen["private"]["previous"]["kid"]] == [new["kid"], old["kid"]]
    four_times(host, "lay")
    four_times(host, "aside")
    seen = four_times(host, "write", public_keys=[new["pem"]])
    assert [key["kid"] for key in seen["public"]] == [new["kid"]]
    seen = four_times(host, "forget", kids=[old["kid"], new["kid"]])
    assert list(seen["private"]) == ["own"]


@pytest.mark.slow
def test_a_key_is_carried_to_another_host(host: Host, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    receiver = Host(tmp_path / "cp2", capfd)
    new = host.rotate("make", type="EC")["private"]["next"]
    before = receiver.contents()
    assert receiver.carry("open", check=True, kid=new["kid"], sealed="x", digest="x")["changed"]
    assert receiver.contents() == before
    asked = receiver.carry("ask", kid=new["kid"])
    sent = host.carry("seal", kid=new["kid"], certificate=asked["certificate"])

    wrong = receiver.carry("open", kid="other", sealed=sent["sealed"], digest=sent["digest"])
    assert "other was asked for. Nothing was written" in wrong["msg"]
    assert "sa.key.next" not in str(receiver.contents().keys())

    done = receiver.carry("open", kid=new["kid"], sealed=sent["sealed"], digest=sent["digest"])
    assert done["changed"]
    assert (receiver.directory / "sa.key.next").read_text() == (host.directory / "sa.key.next").read_text()
    assert stat.S_IMODE((receiver.directory / "sa.key.next").stat().st_mode) == 0o600
    assert not (receiver.directory / "transport").exists()
    assert not receiver.carry("open", kid=new["kid"], sealed=sent["sealed"], digest=sent["digest"])["changed"]


@pytest.mark.parametrize(
    ("step", "arguments", "says"),
    [
        ("write", {"public_keys": [public_pem(ec_key(2))]}, "can't sign without being accepted"),
        ("write", {"public_keys": ["no key"]}, "public_keys: holds no whole PEM block"),
        ("lay", {}, "no key signed before"),
    ],
)
def test_what_is_refused(host: Host, step: str, arguments: Result, says: str) -> None:
    before = host.contents()
    assert says in host.rotate(step, **arguments)["msg"]
    assert host.contents() == before


def test_a_key_that_the_host_has_not_is_not_sealed(host: Host) -> None:
    assert "neither it nor those next to it are the key gone" in host.carry("seal", kid="gone", certificate="x")["msg"]
