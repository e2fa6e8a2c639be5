# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Key ids and documents as the real API server has them, for key files with several keys: make api-server."""

from __future__ import annotations

import base64
import json
import shutil
import ssl
import subprocess
import typing as t
import urllib.request

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._documents.jwks import jwks_document, jwks_from_pems
from ansible_collections.onprem.irsa.plugins.module_utils._host.key_pair import Paths, genpkey
from ansible_collections.onprem.irsa.plugins.module_utils._host.key_rotation import KeyFiles

from .conftest import ApiServer, api_server

if t.TYPE_CHECKING:
    from pathlib import Path

OPENSSL: t.Final = shutil.which("openssl") or "openssl"
KINDS: t.Final = (
    {"type": "RSA", "size": 2048, "curve": ""},
    {"type": "RSA", "size": 3072, "curve": ""},
    {"type": "RSA", "size": 4096, "curve": ""},
    {"type": "EC", "size": 0, "curve": "P-256"},
    {"type": "EC", "size": 0, "curve": "P-384"},
    {"type": "EC", "size": 0, "curve": "P-521"},
)


def run(command: list[str], data: str | None = None, umask: int = -1) -> tuple[int, str, str]:
    done = subprocess.run(  # noqa: S603 -- openssl
        command, input=data, capture_output=True, text=True, check=False, umask=umask
    )
    return done.returncode, done.stdout, done.stderr


def ask(server: ApiServer, path: str, body: dict[str, t.Any] | None = None) -> str:
    token = server.kubeconfig["users"][0]["user"]["token"]
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(server.url + path, data, headers)  # noqa: S310 -- loopback
    context = ssl.create_default_context(cafile=server.authority)
    with urllib.request.urlopen(request, context=context, timeout=30) as answer:  # noqa: S310 -- as above
        return str(answer.read().decode())


def key_files(directory: Path, kind: t.Mapping[str, t.Any]) -> KeyFiles:
    """Make the key files of a host whose openssl has made the key."""
    directory.mkdir(parents=True)
    status, private, complaint = run(genpkey(OPENSSL, kind))
    assert status == 0, complaint
    (directory / "sa.key").write_text(private)
    (directory / "sa.pub").write_text(run([OPENSSL, "pkey", "-pubout"], data=private)[1])
    return KeyFiles(Paths(directory / "sa.key", directory / "sa.pub"), directory / "backup", run, OPENSSL)


def test_ids_of_keys_of_all_kinds_in_one_file(tmp_path: Path) -> None:
    files = [key_files(tmp_path / str(number), kind) for number, kind in enumerate(KINDS)]
    keys = [found.look().own for found in files]
    together = tmp_path / "all.pub"
    together.write_text("".join(key.pem for key in keys))
    with api_server(tmp_path, f"--service-account-key-file={together}") as server:
        served = ask(server, "/openid/v1/jwks")
    found = json.loads(served)["keys"]
    assert [key["kid"] for key in found][1:] == [key.kid for key in keys]  # the first one is the server's own
    ours = jwks_document(jwks_from_pems([("all.pub", together.read_text())]))
    assert json.loads(ours)["keys"] == found[1:]
    assert [str(key.kind) for key in keys] == ["RSA 2048", "RSA 3072", "RSA 4096", "EC P-256", "EC P-384", "EC P-521"]


@pytest.mark.parametrize("kind", [KINDS[0], KINDS[3], KINDS[4]], ids=["RSA", "P-256", "P-384"])
def test_a_rotated_pair_signs_and_the_old_key_is_still_accepted(tmp_path: Path, kind: dict[str, t.Any]) -> None:
    files = key_files(tmp_path / "pki", KINDS[0])
    old = files.look().own
    new = files.make(files.look(), kind)
    files.write(files.look(), [old, new], old.kid)
    files.write(files.look(), [new, old], new.kid)
    flags = [
        f"--service-account-key-file={files.paths.public}",
        f"--service-account-signing-key-file={files.paths.private}",
    ]
    with api_server(tmp_path, *flags) as server:
        served = [key["kid"] for key in json.loads(ask(server, "/openid/v1/jwks"))["keys"]]
        ask(server, "/api/v1/namespaces", {"metadata": {"name": "it"}})
        ask(server, "/api/v1/namespaces/it/serviceaccounts", {"metadata": {"name": "it"}})
        spec = {"spec": {"audiences": ["elsewhere"], "expirationSeconds": 600}}
        answer = ask(server, "/api/v1/namespaces/it/serviceaccounts/it/token", spec)
    header = json.loads(answer)["status"]["token"].partition(".")[0]
    assert json.loads(base64.urlsafe_b64decode(header + "=="))["kid"] == new.kid
    assert served[1:] == [new.kid, old.kid]
    assert files.path("previous").exists()
