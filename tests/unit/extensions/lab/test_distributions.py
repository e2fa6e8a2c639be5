# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What make molecule-distributions says of programs that are not given, or are none; nothing is run for that."""

from __future__ import annotations

import os
import subprocess
import typing as t
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[4] / "extensions/lab/distributions"
NAMES = {"LAB_K3S": "K3s", "LAB_RKE2": "RKE2", "LAB_K0S": "k0s", "LAB_MICROK8S": "MicroK8s"}


@pytest.fixture
def run(tmp_path: Path) -> t.Callable[..., tuple[int, str, str]]:
    """Return what runs the program where no lab can be brought up."""
    for name in ("ansible-playbook", "podman"):
        (tmp_path / name).write_text("#!/bin/sh\necho 'a lab was brought up' >&2\nexit 1\n")
        (tmp_path / name).chmod(0o755)

    def running(**variables: str) -> tuple[int, str, str]:
        names = {name: value for name, value in os.environ.items() if name not in NAMES}
        names |= {"PATH": f"{tmp_path}:{os.environ['PATH']}", **variables}
        done = subprocess.run([PROGRAM], env=names, capture_output=True, text=True, check=False)  # noqa: S603 -- our own
        return done.returncode, done.stdout, done.stderr

    return running


def test_what_is_not_given_is_said(run: t.Callable[..., tuple[int, str, str]]) -> None:
    code, output, errors = run()
    assert (code, errors) == (0, "")
    for variable, name in NAMES.items():
        assert f"{name}: not run: no binary given ({variable}=/path/" in output
        assert "make molecule-distributions)" in output


@pytest.mark.parametrize("variable", NAMES)
@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "there is no such file"), (b"", "is empty"), (b"#!/bin/sh\n", "is no ")],
    ids=["not there", "empty", "something else"],
)
def test_a_wrong_path_is_named_before_anything_is_run(
    run: t.Callable[..., tuple[int, str, str]], tmp_path: Path, variable: str, content: bytes | None, said: str
) -> None:
    path = tmp_path / "program"
    if content is not None:
        path.write_bytes(content)
    good = tmp_path / "good"
    good.write_bytes(b"\x7fELF")
    code, output, errors = run(**{"LAB_K0S": str(good), variable: str(path)})
    assert (code, output) == (1, "")
    assert f"{variable}={path}: " in errors
    assert said in errors
    assert errors.endswith("Nothing was run.\n")
    assert "a lab was brought up" not in errors
