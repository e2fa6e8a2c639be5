# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import shutil
import stat
import subprocess
import typing as t

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError, IrsaError
from ansible_collections.onprem.irsa.plugins.module_utils._host.key_pair import Paths
from ansible_collections.onprem.irsa.plugins.module_utils._host.key_rotation import KeyFiles, Seen, private_mode
from ansible_collections.onprem.irsa.plugins.module_utils._host.key_transport import Sealed, Transport
from ansible_collections.onprem.irsa.tests.unit.plugins.some_keys import ec_key, private_pem, public_pem, rsa_key

if t.TYPE_CHECKING:
    from pathlib import Path

OPENSSL: t.Final = shutil.which("openssl") or "openssl"


def run(command: list[str], data: str | None = None, umask: int = -1) -> tuple[int, str, str]:
    """Run a command as AnsibleModule.run_command does."""
    done = subprocess.run(  # noqa: S603 -- openssl
        command, input=data, capture_output=True, text=True, errors="surrogateescape", check=False, umask=umask
    )
    return done.returncode, done.stdout, done.stderr


def key_files(directory: Path, own: str, *public: str) -> KeyFiles:
    directory.mkdir(exist_ok=True)
    private, accepted = directory / "sa.key", directory / "sa.pub"
    private.write_text(own)
    private.chmod(0o600)
    accepted.write_text("".join(public))
    return KeyFiles(Paths(private, accepted), directory / "backup", run, OPENSSL)


def contents(directory: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file()}


@pytest.fixture
def files(tmp_path: Path) -> KeyFiles:
    return key_files(tmp_path / "pki", private_pem(ec_key(1)), public_pem(ec_key(1)))


WANTED = {"type": "EC", "curve": "P-256", "size": 0}


def rotated(files: KeyFiles) -> Seen:
    """Make a key, accept it and sign with it."""
    made = files.make(files.look(), WANTED)
    files.write(files.look(), [*files.look().public, made], files.look().own.kid)
    files.write(files.look(), [made, *files.look().public[:1]], made.kid)
    return files.look()


def test_a_new_key_comes_in_step_by_step(files: KeyFiles) -> None:
    old = files.look().own
    made = files.make(files.look(), WANTED)
    assert files.make(files.look(), WANTED) == made
    assert stat.S_IMODE(files.path("next").stat().st_mode) == 0o600

    assert files.write(files.look(), [old, made], old.kid)
    assert not files.write(files.look(), [old, made], old.kid)
    seen = files.look()
    assert ([key.kid for key in seen.public], seen.own.kid) == ([old.kid, made.kid], old.kid)

    assert files.write(files.look(), [made, old], made.kid)
    seen = files.look()
    assert (seen.own.kid, seen.next, seen.previous and seen.previous.kid) == (made.kid, None, old.kid)
    assert [key.kid for key in seen.public] == [made.kid, old.kid]

    assert files.write(files.look(), [made], made.kid)
    assert files.forget(files.look(), [old.kid, made.kid]) == ["previous"]
    seen = files.look()
    assert (seen.own.kid, [*seen.private]) == (made.kid, ["own"])
    assert stat.S_IMODE(files.paths.private.stat().st_mode) == 0o600


OWNER: t.Final = 1000


@pytest.mark.parametrize(
    ("before", "group", "users", "after"),
    [
        (0o600, 0, {0}, 0o600),
        (0o644, 0, {0}, 0o600),
        (0o644, 0, set(), 0o600),
        (0o644, 0, {OWNER}, 0o600),
        (0o644, 0, {0, 998}, 0o644),
        (0o640, 0, {998}, 0o640),
        (0o4777, 0, {998}, 0o644),
        (0o644, 1234, {0}, 0o640),
        (0o660, 1234, {0}, 0o640),
        (0o604, 1234, {0}, 0o600),
        (0o400, 0, {0}, 0o400),
        (0o4777, 0, {0}, 0o600),
        (0o000, 0, {0}, 0o600),
        (0o000, 0, {998}, 0o600),
    ],
)
def test_the_mode_of_a_new_private_key(before: int, group: int, users: set[int], after: int) -> None:
    there = os.stat_result((before, 0, 0, 1, OWNER, group, 0, 0, 0, 0))
    assert private_mode(there, users) == after


def test_a_private_key_that_everybody_reads_is_not_taken_for_an_example(files: KeyFiles) -> None:
    files.paths.private.chmod(0o644)
    there = files.paths.private.stat()
    rotated(files)
    after = files.paths.private.stat()
    assert stat.S_IMODE(after.st_mode) == (0o640 if there.st_gid else 0o600)
    assert (after.st_uid, after.st_gid) == (there.st_uid, there.st_gid)
    assert stat.S_IMODE(files.path("previous").stat().st_mode) == 0o600
    files.lay_again(files.look())
    assert stat.S_IMODE(files.path("next").stat().st_mode) == 0o600


def test_the_attributes_of_the_key_files_stay(files: KeyFiles) -> None:
    """Such as an SELinux label, or an ACL with which an API server that is not root reads them."""
    try:
        for path in files.paths:
            os.setxattr(path, "user.kept", path.name.encode())
    except OSError:
        pytest.skip("this file system has no extended attributes")
    rotated(files)
    assert [os.getxattr(path, "user.kept") for path in files.paths] == [b"sa.key", b"sa.pub"]
    assert os.listxattr(files.path("previous")) == []


def test_the_way_back(files: KeyFiles) -> None:
    seen = rotated(files)
    new, old = seen.public
    files.lay_again(seen)
    files.write(files.look(), [old, new], old.kid)
    seen = files.look()
    assert (seen.own.kid, seen.previous and seen.previous.kid, seen.next) == (old.kid, new.kid, None)


def test_a_key_keeps_its_age_whatever_its_file_is_called(files: KeyFiles) -> None:
    os.utime(files.paths.private, (1000, 1000))
    seen = rotated(files)
    assert seen.previous is not None
    assert seen.previous.made == 1000
    files.lay_again(seen)
    files.write(files.look(), [*reversed(seen.public)], seen.previous.kid)
    assert files.look().own.made == 1000


def test_the_public_file_keeps_its_time_where_only_the_order_changes(files: KeyFiles) -> None:
    made = files.make(files.look(), WANTED)
    own = files.look().own
    files.write(files.look(), [own, made], own.kid)
    os.utime(files.paths.public, (1000, 1000))
    files.write(files.look(), [made, own], own.kid)
    assert files.paths.public.stat().st_mtime == 1000
    files.write(files.look(), [own], own.kid)
    assert files.paths.public.stat().st_mtime > 1000


def test_a_leaked_key_is_accepted_until_another_one_signs(files: KeyFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    old = files.look().own
    made = files.make(files.look(), WANTED)
    accepted: list[list[str]] = []
    monkeypatch.setattr(
        KeyFiles, "_write_private", lambda self, *_a: accepted.append([key.kid for key in self.look().public])
    )
    files.write(files.look(), [made], made.kid)
    assert accepted == [[made.kid, old.kid]]
    assert [key.kid for key in files.look().public] == [made.kid]


def test_what_was_replaced_is_kept(files: KeyFiles) -> None:
    before = files.paths.public.read_text()
    rotated(files)
    kept = [path for path in files.backup_directory.iterdir() if path.read_text() == before]
    assert kept
    assert stat.S_IMODE(kept[0].stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda files, seen: files.write(seen, seen.public, "gone"), "can't sign without being accepted"),
        (
            lambda files, seen: files.write(seen, files.public_keys([public_pem(ec_key(9))], source="x"), "gone"),
            "can't sign without",
        ),
        (lambda files, seen: files.lay_again(seen), "no key signed before"),
        (
            lambda files, seen: files.write(
                seen, files.public_keys([public_pem(ec_key(9))], source="x"), _kid(files, public_pem(ec_key(9)))
            ),
            "is not there",
        ),
    ],
)
def test_what_cannot_be_is_refused(files: KeyFiles, change: t.Callable[[KeyFiles, Seen], object], says: str) -> None:
    before = contents(files.paths.private.parent)
    with pytest.raises(InputError, match=says):
        change(files, files.look())
    assert contents(files.paths.private.parent) == before


def _kid(files: KeyFiles, public: str) -> str:
    return files.public_keys([public], source="x")[0].kid


def test_a_link_is_not_replaced(files: KeyFiles) -> None:
    files.paths.public.rename(files.paths.public.with_name("real"))
    files.paths.public.symlink_to("real")
    with pytest.raises(InputError, match="is a symbolic link to real"), files.locked():
        pass


def test_a_killed_run_leaves_no_draft_of_a_private_key(files: KeyFiles) -> None:
    draft = files.paths.private.with_name(".sa.key.next.onprem-irsa")
    draft.write_text("half a key")
    with files.locked():
        assert not draft.exists()


# Bad key files, each with what a good one has around it.
PKCS8, TRADITIONAL = PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL
OTHER_PRIVATE: dict[str, t.Callable[[], t.Any]] = {
    "an Ed25519 key": ed25519.Ed25519PrivateKey.generate,
    "an Ed448 key": ed448.Ed448PrivateKey.generate,
    "an X25519 key": x25519.X25519PrivateKey.generate,
    "a key on secp256k1": lambda: ec.generate_private_key(ec.SECP256K1()),
    "a key on brainpoolP256r1": lambda: ec.generate_private_key(ec.BrainpoolP256R1()),
    "a key on P-224": lambda: ec.generate_private_key(ec.SECP224R1()),
    "an RSA key of 1024 bits": lambda: rsa.generate_private_key(65537, 1024),  # noqa: S505 -- to be refused
}


def bad_private() -> t.Iterator[tuple[str, str]]:
    for name, make in OTHER_PRIVATE.items():
        key = make()
        yield name, key.private_bytes(Encoding.PEM, PKCS8, NoEncryption()).decode()
    good = private_pem(ec_key(1))
    yield "nothing", ""
    yield "a line end", "\n"
    yield "zeros", "\0" * 300
    yield "DER", ec_key(1).private_bytes(Encoding.DER, PKCS8, NoEncryption()).decode("latin-1")
    yield "a public key", public_pem(ec_key(1))
    yield "two private keys", good + private_pem(ec_key(2))
    yield "an encrypted key", ec_key(1).private_bytes(Encoding.PEM, PKCS8, BestAvailableEncryption(b"x")).decode()
    yield (
        "an encrypted key of old",
        ec_key(1).private_bytes(Encoding.PEM, TRADITIONAL, BestAvailableEncryption(b"x")).decode(),
    )
    yield "an OpenSSH key", ec_key(1).private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    yield "another label", good.replace("PRIVATE KEY", "DSA PRIVATE KEY")
    yield "no end", good.replace("-----END", "-----END OF")
    yield "an HTML page", f"<html><pre>{good.replace('-----', '--')}</pre></html>"
    for form in (PKCS8, TRADITIONAL):
        text = private_pem(ec_key(1), form)
        yield from _damaged(text, "EC")
    yield from _damaged(private_pem(rsa_key()), "RSA")


def bad_public() -> t.Iterator[tuple[str, str]]:
    good = public_pem(ec_key(1))
    for name, make in OTHER_PRIVATE.items():
        other = make().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        yield f"{name} besides the good one", good + other
        yield name, other
    point = ec_key(2).public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    assert point
    yield "nothing", ""
    yield "the key of another pair", public_pem(ec_key(2))
    yield "a private key", private_pem(ec_key(1))
    yield "a private key besides", good + private_pem(ec_key(1))
    yield "an RSA PUBLIC KEY", good + _pkcs1(rsa_key())
    for name, text in _damaged(good, "public"):
        yield name, text
        yield f"{name}, besides the good one", good + text
    compressed = run([OPENSSL, "ec", "-pubin", "-conv_form", "compressed", "-pubout"], data=public_pem(ec_key(2)))[1]
    assert "BEGIN PUBLIC KEY" in compressed
    yield "a compressed point", good + compressed


def _pkcs1(key: rsa.RSAPrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1).decode()


def _damaged(text: str, name: str) -> t.Iterator[tuple[str, str]]:
    """Yield a PEM text cut off at many places, with other characters at many, and without some of its lines."""
    start, end = text.index("-----\n") + 6, text.rindex("\n-----END")
    for at in range(len("-----BEGIN "), end, max(1, end // 30)):  # what is shorter is no PEM block, and no harm
        yield f"{name} cut off at {at}", text[:at]
    for at in range(start, end - 4, max(1, (end - start) // 40)):
        if text[at] != "\n":
            yield f"{name} with a star at {at}", f"{text[:at]}*{text[at + 1 :]}"
            other = "A" if text[at] != "A" else "B"
            if name != "public" or at > start + 36:  # or it is another curve's name, and so on
                yield f"{name} with another letter at {at}", f"{text[:at]}{other}{text[at + 1 :]}"


# By how the name of a bad file begins: the reason that it is refused for.
_OTHER_KIND, _NO_KEY = "the key is neither RSA nor ECDSA on P-256", "PEM blocks where one private key is expected"
REASONS: t.Final = {
    "sa.key": {
        **dict.fromkeys((name for name in OTHER_PRIVATE if "1024" not in name), _OTHER_KIND),
        "an RSA key of 1024 bits": "the RSA key has 1024 bits",
        **dict.fromkeys(("nothing", "a line end", "zeros", "DER", "two private keys", "no end", "an HTML"), _NO_KEY),
        "a public key": "holds a PEM block PUBLIC KEY, which is no unencrypted private key",
        "an encrypted key of old": "holds an encrypted private key",
        "an encrypted key": "holds a PEM block ENCRYPTED PRIVATE KEY, which is no unencrypted private key",
        "an OpenSSH key": "holds a PEM block OPENSSH PRIVATE KEY, which is no unencrypted private key",
        "another label": "holds a PEM block DSA PRIVATE KEY, which is no unencrypted private key",
        "EC cut off": _NO_KEY,
        "RSA cut off": _NO_KEY,
        "EC with a star": "block is not base64 inside",
        "RSA with a star": "block is not base64 inside",
    },
    "sa.pub": {
        **dict.fromkeys((name for name in OTHER_PRIVATE if "1024" not in name), _OTHER_KIND),
        "an RSA key of 1024 bits": "the RSA key has 1024 bits",
        "nothing": "holds no whole PEM block of a public key",
        "the key of another pair": "does not hold the public half of",
        "a private key": "holds a private key among the public ones",
        "an RSA PUBLIC KEY": "holds a PEM block RSA PUBLIC KEY, whose form Kubernetes has to guess",
        "public cut off": "holds a PEM block without its end",
        "public with a star": "a PUBLIC KEY block is not base64 inside",
        "public with another letter": "holds a PUBLIC KEY block that openssl does not read",
        "a compressed point": "or its point is compressed",
    },
}
# Another letter breaks one thing or another.
ANY_REASON: t.Final = (
    "is not an unencrypted private key that openssl can read",
    "the numbers of the private key do not belong together",
    "the private key is not one of RFC 5915",
)


def reasons(file: str, name: str) -> tuple[str, ...]:
    """Return the reasons one of which a bad file has to be refused for."""
    table = REASONS["sa.pub" if file == "sa.pub" else "sa.key"]
    return next(((reason,) for beginning, reason in table.items() if name.startswith(beginning)), ANY_REASON)


@pytest.mark.slow
def test_bad_key_files_are_refused_and_no_file_changes(tmp_path: Path) -> None:
    good, public = private_pem(ec_key(1)), public_pem(ec_key(1))
    tried = 0
    taken = []
    places: list[tuple[str, t.Iterable[tuple[str, str]]]] = [
        ("sa.key", bad_private()),
        ("sa.key.next", [*bad_private()][:90]),
        ("sa.pub", bad_public()),
    ]
    for file, bad in places:
        for number, (name, text) in enumerate(bad):
            directory = tmp_path / f"{file}-{number}"
            files = key_files(directory, good, public)
            (directory / file).write_bytes(text.encode("latin-1", "replace"))
            before = contents(directory)
            tried += 1
            try:
                files.look()
            except InputError as error:
                lines = [line for line in text.splitlines() if len(line) > 40 and not line.startswith("-----")]
                assert not [line for line in lines if line in str(error)]
                assert str(files.paths.private) in str(error) or str(files.paths.public) in str(error), str(error)
                assert any(reason in str(error) for reason in reasons(file, name)), (name, str(error))
            else:
                taken.append(f"{file}: {name}")
            assert contents(directory) == before
            shutil.rmtree(directory)
    assert taken == []
    assert tried >= 300


@st.composite
def damaged(draw: st.DrawFn, text: str) -> str:
    """Draw a text from which something was cut, into which something was put, or of which lines have moved."""
    at, to = sorted((draw(st.integers(0, len(text))), draw(st.integers(0, len(text)))))
    come = draw(st.text(st.sampled_from("AQz09+/=-* \r\n\0é"), max_size=8) | st.sampled_from(["-----END", text]))
    lines = text.splitlines(keepends=True)
    moved = draw(st.permutations(range(len(lines))))
    return draw(
        st.sampled_from(
            [
                text[:at] + text[to:],
                text[:at] + come + text[at:],
                text[:at] + come + text[to:],
                "".join(lines[number] for number in moved),
                text[:at] + text[at:to].swapcase() + text[to:],
            ]
        )
    )


@pytest.mark.slow
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_file_is_the_same_key_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    """Each file says what it said before, or is refused by its name; and nothing is written for that."""
    own, public = private_pem(ec_key(1)), public_pem(ec_key(1)) + public_pem(ec_key(2))
    files = key_files(tmp_path / "pki", own, public)
    files.path("next").write_text(private_pem(ec_key(3)))
    good = files.look()
    name = data.draw(st.sampled_from(["sa.key", "sa.key.next", "sa.pub"]))
    bad = files.paths.private.with_name(name)
    bad.write_bytes(data.draw(damaged(bad.read_text())).encode())
    before = contents(tmp_path)
    with files.locked():
        try:
            seen = files.look()
        except InputError as error:
            assert str(bad) in str(error)
        else:
            assert {role: key.kid for role, key in seen.private.items()} == {
                role: key.kid for role, key in good.private.items()
            }
            assert {key.kid for key in seen.public} <= {key.kid for key in good.public}
    assert contents(tmp_path) == before


# The transport.


@pytest.fixture
def ends(tmp_path: Path) -> tuple[Transport, Transport]:
    return Transport(tmp_path / "sender", run, OPENSSL), Transport(tmp_path / "receiver", run, OPENSSL)


@pytest.mark.slow
@pytest.mark.parametrize("private", [private_pem(ec_key(7, "P-384")), private_pem(rsa_key())], ids=["EC", "RSA"])
def test_what_is_sent_comes(ends: tuple[Transport, Transport], private: str) -> None:
    sender, receiver = ends
    sealed = sender.seal(private, receiver.ask())
    assert receiver.open(sealed).strip() == private.strip()
    for line in private.splitlines()[1:-1]:
        assert line not in sealed.text
    assert [*sender.directory.iterdir()] == []
    modes = {stat.S_IMODE(path.stat().st_mode) for path in receiver.directory.iterdir() if path.suffix != ".crt"}
    assert modes == {0o600}
    assert stat.S_IMODE(receiver.directory.stat().st_mode) == 0o700
    receiver.end()
    with pytest.raises(InputError, match="nothing was asked for"):
        receiver.open(sealed)


@pytest.mark.slow
def test_what_was_changed_on_the_way_is_not_taken(ends: tuple[Transport, Transport]) -> None:
    sender, receiver = ends
    sealed = sender.seal(private_pem(ec_key(7)), receiver.ask())
    body = sealed.text.index("\n") + 1
    end = sealed.text.rindex("\n-----END") - 6
    for at in range(body + 20, end, (end - body) // 12):
        other = "A" if sealed.text[at] != "A" else "B"
        changed = f"{sealed.text[:at]}{other}{sealed.text[at + 1 :]}"
        with pytest.raises(IrsaError, match=r"digests differ|cannot decrypt"):
            receiver.open(Sealed(changed, sealed.digest))
    certificate = (receiver.directory / "transport.crt").read_text()
    with pytest.raises(IrsaError, match="digests differ"):
        receiver.open(Sealed(sender.seal(private_pem(ec_key(8)), certificate).text, sealed.digest))
