# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files for review of IAM: written without hosts, cluster or AWS."""

from __future__ import annotations

import json
import sys
import typing as t

import pytest

if t.TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.onprem.irsa.tests.unit.playbooks.conftest import Play

pytestmark = pytest.mark.slow

ACCOUNT = {"irsa_iam_account": "123456789012"}


def test_the_link_alone_is_written_and_nothing_is_asked(play: Play, tmp_path: Path) -> None:
    review = tmp_path / "review"
    here = f"ansible_python_interpreter={sys.executable}"  # a host would be asked by ssh
    run = play("--tags", "iam", "-e", here, environment={}, irsa_iam_render=str(review), **ACCOUNT)
    assert (run.code, run.asked) == (0, False), run.output
    assert (review / "publish.sh").is_file()
    listed = json.loads((review / "service-accounts.json").read_text())
    assert [each["kind"] for each in listed["items"]] == ["Namespace", "ServiceAccount"]


def test_the_account_has_to_be_given(play: Play, tmp_path: Path) -> None:
    run = play("--tags", "iam", irsa_iam_render=str(tmp_path / "review"))
    assert (run.code, run.asked) == (2, False), run.output
    assert "irsa_iam_render needs the account's id, 12 digits" in run.message
