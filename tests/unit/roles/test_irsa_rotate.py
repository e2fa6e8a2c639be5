# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role irsa_rotate on hosts with real key files, whose processes are told in files. See tests/rotation, too."""

from __future__ import annotations

import typing as t

import pytest

from .rotating_hosts import Rotating

if t.TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.fixture
def two(tmp_path: Path) -> Rotating:
    return Rotating(tmp_path, 2)


def test_a_host_that_does_not_come_up_gets_its_key_files_back(two: Rotating) -> None:
    before = (two.directory / "cp1.pki/sa.pub").read_text()
    two.break_host("cp1")
    code, output = two.rotate(irsa_rotate_phase="accept")
    assert code == 2, output
    assert "cp1: the key files were put back, and the hosts after it were left alone" in output
    assert (two.directory / "cp1.pki/sa.pub").read_text() == before
    assert two.accepted() == {frozenset({two.kid})}


def test_nothing_is_done_while_a_host_cannot_be_reached(two: Rotating) -> None:
    (two.directory / "log").write_text("end nobody\n")
    two.lose_host("cp2", after="nobody")
    before = two.files()
    code, output = two.rotate()
    assert (code, two.files()) == (2, before), output
    assert "cp2 could not be looked at" in output


def test_check_mode_shows_the_first_step_and_takes_none(two: Rotating) -> None:
    before = two.files()
    code, output = two.rotate("--check")
    assert (code, two.files()) == (0, before), output
    assert "cp1: makes a new key" in output


@pytest.mark.parametrize(
    ("phase", "options"),
    [("status", ()), ("retire", ("--extra-vars", "phase=status"))],
    ids=["in the inventory", "given with the run"],
)
def test_the_playbook_goes_as_far_as_it_is_told(two: Rotating, phase: str, options: tuple[str, ...]) -> None:
    before = two.files()
    code, output = two.rotate_by("onprem.irsa.rotate_keys", {"irsa_rotate_phase": phase}, *options)
    assert (code, two.files()) == (0, before), output
    assert two.kid in output


def test_relying_parties_that_do_not_answer_stop_no_look(two: Rotating) -> None:
    parties = [
        {"name": "vault", "command": ["sh", "-c", "echo permission denied >&2; exit 3"]},
        {"name": "gone", "command": ["no-such-command"]},
        {"name": "partner", "url": "http://127.0.0.1:9/keys.json"},
        {"name": "pool", "command": ["echo", two.kid]},
    ]
    before = two.files()
    code, output = two.rotate(irsa_rotate_phase="status", irsa_rotate_relying_parties=parties)
    assert (code, two.files()) == (0, before), output
    assert "vault could not be asked which keys it knows: permission denied." in output
    for name in ("gone", "partner"):
        assert f"{name} could not be asked which keys it knows: " in output
    assert "pool could not be asked" not in output
