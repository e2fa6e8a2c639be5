# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import tempfile
import typing as t

import pytest

if t.TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def client_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the client of kubernetes.core be as in a process of its own.

    It keeps what it has discovered in the directory for temporary files, and the last kubeconfig for the whole process.
    """
    from kubernetes.client import Configuration  # noqa: PLC0415 -- other tests do without, and it takes a second

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(Configuration, "_default", None)
