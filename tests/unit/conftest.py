# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import functools
import typing as t

import botocore.session
import pytest


@pytest.fixture(scope="session", autouse=True)
def service_models() -> t.Iterator[None]:
    """Let all botocore sessions of a test run share one loader: reading the models anew is half of a test's time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", functools.cache(botocore.session.create_loader))
        yield
