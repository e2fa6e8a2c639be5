# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import grp
import json
import os
import stat
import typing as t

import pytest
from ansible.module_utils.testing import patch_module_args
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from ansible_collections.onprem.irsa.plugins.module_utils._documents.pem import kid_from_public_pem
from ansible_collections.onprem.irsa.plugins.module_utils._host import key_pair
from ansible_collections.onprem.irsa.plugins.modules import sa_keypair
from ansible_collections.onprem.irsa.tests.unit.plugins.some_keys import ec_key, private_pem, public_pem, rsa_key

if t.TYPE_CHECKING:
    from pathlib import Path

Result = dict[str, t.Any]
Run = t.Callable[..., Result]


class Pair(t.NamedTuple):
    private: Path
    public: Path

    def modes(self) -> list[int]:
        return [stat.S_IMODE(path.stat().st_mode) for path in self]

    def contents(self) -> dict[str, str]:
        return {path.name: path.read_text() for path in sorted(self.private.parent.iterdir())}


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    """A pair in a directory that does not exist yet."""
    return Pair(tmp_path / "pki" / "sa.key", tmp_path / "pki" / "sa.pub")


@pytest.fixture
def run(pair: Pair, capfd: pytest.CaptureFixture[str]) -> Run:
    def module(*, check: bool = False, **options: object) -> Result:
        arguments = {"private_key_path": str(pair.private), "public_key_path": str(pair.public), **options}
        with patch_module_args({**arguments, "_ansible_check_mode": check}), pytest.raises(SystemExit):
            sa_keypair.main()
        printed = capfd.readouterr()
        # No byte of a private key leaves the module, whatever it does.
        for secret in private_lines(pair):
            assert secret not in printed.out + printed.err
        result: Result = json.loads(printed.out)
        return result

    return module


def private_lines(pair: Pair) -> list[str]:
    return pair.private.read_text().splitlines()[1:-1] if pair.private.exists() else []


def put(pair: Pair, *, private: str | None = None, public: str | None = None) -> None:
    pair.private.parent.mkdir(exist_ok=True)
    for path, text in zip(pair, (private, public)):
        if text is not None:
            path.write_text(text)


@pytest.mark.parametrize(
    ("options", "kind", "bits"),
    [
        ({}, rsa.RSAPublicKey, 2048),
        ({"type": "RSA", "size": 3072}, rsa.RSAPublicKey, 3072),
        ({"type": "EC"}, ec.EllipticCurvePublicKey, 256),
        ({"type": "EC", "curve": "P-384"}, ec.EllipticCurvePublicKey, 384),
        ({"type": "EC", "curve": "P-521"}, ec.EllipticCurvePublicKey, 521),
    ],
)
def test_makes_a_pair_once(
    run: Run, pair: Pair, options: dict[str, t.Any], kind: type[rsa.RSAPublicKey | ec.EllipticCurvePublicKey], bits: int
) -> None:
    check = run(check=True, **options)
    assert (check["changed"], "kid" in check, pair.private.parent.exists()) == (True, False, False)

    done = run(**options)
    assert (done["changed"], done["diff"]) == (True, check["diff"])
    public = load_pem_public_key(pair.public.read_bytes())
    assert isinstance(public, kind)
    assert public.key_size == bits
    private = load_pem_private_key(pair.private.read_bytes(), None)
    assert isinstance(private, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey))
    assert public_pem(private) == pair.public.read_text() == done["public_key"]
    assert done["kid"] == kid_from_public_pem(done["public_key"], source="a test")
    assert pair.modes() == [0o600, 0o644]

    files = pair.contents()
    assert list(files) == ["sa.key", "sa.pub"]
    for check_mode in (True, False):
        again = run(check=check_mode, **options)
        assert (again["changed"], again["kid"]) == (False, done["kid"])
    assert pair.contents() == files


def test_an_existing_pair_of_any_kind_is_kept(run: Run, pair: Pair) -> None:
    put(pair, private=private_pem(rsa_key(), PrivateFormat.TraditionalOpenSSL), public=public_pem(rsa_key()))
    files = pair.contents()
    result = run(type="EC")
    assert (result["changed"], result["public_key"], pair.contents()) == (False, public_pem(rsa_key()), files)


def test_further_public_keys_beside_the_own_one_are_kept(run: Run, pair: Pair) -> None:
    put(pair, private=private_pem(ec_key(1)), public=public_pem(ec_key(2)) + public_pem(ec_key(1)))
    assert run()["changed"] is False


def test_a_private_key_alone_gets_its_public_key_file(run: Run, pair: Pair) -> None:
    put(pair, private=private_pem(ec_key(1)))
    check = run(check=True)
    assert (check["changed"], pair.public.exists()) == (True, False)
    assert check["kid"] == kid_from_public_pem(public_pem(ec_key(1)), source="a test")
    assert run()["changed"] is True
    assert pair.public.read_text() == public_pem(ec_key(1))
    assert pair.private.read_text() == private_pem(ec_key(1))
    assert run()["changed"] is False


ENCRYPTED = ec_key(1).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")).decode()


@pytest.mark.parametrize(
    ("private", "public", "says"),
    [
        (None, public_pem(ec_key(1)), "sa.pub exists without its private key"),
        (private_pem(ec_key(1)), public_pem(ec_key(2)), "does not hold the public half"),
        (private_pem(ec_key(1)), "hello", "sa.pub: holds no whole PEM block"),
        ("hello", public_pem(ec_key(1)), "sa.key: is not an unencrypted private key"),
        ("", None, "sa.key: is not an unencrypted private key"),
        (private_pem(ec_key(1))[:-60], public_pem(ec_key(1)), "sa.key: is not an unencrypted private key"),
        (ENCRYPTED, None, "sa.key: is not an unencrypted private key"),
    ],
)
def test_what_is_no_pair_is_refused_and_left_alone(
    run: Run, pair: Pair, private: str | None, public: str | None, says: str
) -> None:
    put(pair, private=private, public=public)
    files = pair.contents()
    for check in (True, False):
        result = run(check=check)
        assert result["failed"] is True
        assert says in result["msg"]
    assert pair.contents() == files


@pytest.mark.parametrize("which", ["private", "public"])
def test_a_link_that_leads_nowhere_is_no_file_that_is_missing(run: Run, pair: Pair, which: str) -> None:
    run()
    link = getattr(pair, which)
    link.unlink()
    link.symlink_to("of-another-tool")
    result = run()
    assert (result["failed"], link.is_symlink()) == (True, True)
    assert f"{link}: is a symbolic link to of-another-tool, which does not exist" in result["msg"]


def test_a_pair_of_another_kind_still_has_a_kid(run: Run, pair: Pair) -> None:
    key = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))
    put(pair, private=key.private_bytes_raw() and private_pem(key))  # type: ignore[arg-type]
    assert len(run()["kid"]) == 43


def test_owner_and_group_are_set_on_both(run: Run, pair: Pair) -> None:
    run()
    group = grp.getgrgid(os.getgid()).gr_name
    assert run(group=group)["changed"] is False
    if os.getuid() == 0:
        other = next(entry.gr_name for entry in grp.getgrall() if entry.gr_gid != os.getgid())
        assert run(group=other, check=True)["changed"] is True
        assert run(group=other)["changed"] is True
        assert [path.group() for path in pair] == [other, other]
        assert run(group=other)["changed"] is False


class KilledError(BaseException):
    """Ends a run at once, as SIGKILL does: nothing is caught or tidied up."""


@pytest.mark.parametrize("moment", range(15))
def test_a_run_killed_at_any_moment_leaves_what_the_next_one_completes(
    run: Run, pair: Pair, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    made: list[str] = []

    def counted(name: str) -> t.Callable[..., t.Any]:
        real = getattr(os, name)

        def call(*arguments: t.Any, **options: t.Any) -> t.Any:  # noqa: ANN401 -- passed on
            made.append(name)
            if len(made) == moment + 1:
                raise KilledError
            return real(*arguments, **options)

        return call

    killed = False
    with monkeypatch.context() as patch:
        for name in ("open", "fchmod", "fsync", "link", "unlink"):
            patch.setattr(os, name, counted(name))
        try:
            run(type="EC")
        except KilledError:
            killed = True
    assert killed == (moment < len(made))
    for path in pair.private.parent.glob("*sa.key*"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not (pair.public.exists() and not pair.private.exists())
    before = pair.private.read_text() if pair.private.exists() else None
    run(type="EC")
    assert run()["changed"] is False
    assert before in (None, pair.private.read_text())
    assert sorted(path.name for path in pair.private.parent.iterdir()) == ["sa.key", "sa.pub"]


def test_never_replaces_a_file_that_appeared_meanwhile(pair: Pair) -> None:
    put(pair, private="somebody else's")
    with pytest.raises(FileExistsError):
        key_pair.place(pair.private, "ours", key_pair.PRIVATE_MODE)
    assert pair.contents() == {"sa.key": "somebody else's"}


def test_a_failing_openssl_is_reported(run: Run, pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_pair, "genpkey", lambda openssl, _wanted: [openssl, "genpkey", "-algorithm", "NONSENSE"])
    result = run()
    assert result["failed"] is True
    assert "openssl made no key" in result["msg"]
    assert not pair.private.exists()
