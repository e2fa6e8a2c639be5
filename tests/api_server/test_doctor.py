# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The doctor on real API servers, and on the lab's AWS, which fetches the documents and verifies: make doctor-live."""

from __future__ import annotations

import shutil
import typing as t

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._doctor.checking import SITE
from ansible_collections.onprem.irsa.tests.unit.extensions.lab.aws.conftest import lead, server

from .live_chain import Chain, chain
from .live_faults import FAULTS

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.tests.faults.chain_faults import Fault
    from ansible_collections.onprem.irsa.tests.unit.extensions.lab.aws.conftest import Lab

__all__ = ["server"]  # a fixture

pytestmark = pytest.mark.live_faults
Json = dict[str, t.Any]


@pytest.fixture(scope="module")
def running(server: Lab, tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Chain]:
    """A healthy chain, which each test leaves as it found it."""
    server.admin("/reset", {})
    with pytest.MonkeyPatch.context() as patch:
        lead(server, patch)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_CA_BUNDLE", "SSL_CERT_FILE"):
            patch.setenv(name, server.environment()[name])
        with chain(tmp_path_factory.mktemp("chain"), server) as found:
            yield found


def roots(said: Json) -> set[str]:
    return {finding["check"] for finding in said["diagnosis"]["findings"] if not finding["follows"]}


def test_a_healthy_chain_is_healthy(running: Chain) -> None:
    said = running.diagnose()
    assert roots(said) == set(), said["lines"]
    assert set(said["diagnosis"]["not_looked_at"]) == {"hosts"}


def can_follow(check: str, command: str) -> bool:
    """Tell whether a fix is a command that helps here: site sets no flags, and leaves somebody else's webhook alone."""
    own = ("bucket", "documents", "provider", "trust")
    is_ours = command != SITE or check.partition(".")[0] in own
    return bool(command) and is_ours and shutil.which(command.split(maxsplit=1)[0]) is not None


@pytest.mark.parametrize(("check", "put"), FAULTS, ids=lambda value: getattr(value, "__name__", ""))
def test_each_fault_is_named_and_healed_by_its_fix(running: Chain, check: str, put: Fault[Chain]) -> None:
    fault = put(running)
    next(fault)
    try:
        said = running.diagnose()
    except BaseException:
        next(fault, None)
        raise
    command = next((each["command"] for each in said["diagnosis"]["findings"] if each["check"] == check), "")
    is_healed = False
    try:
        assert roots(said) == {check}, said["lines"]
        assert said["lines"][-1].startswith("First broken link") == said["broken"]
        if can_follow(check, command):
            running.follow(command)
            is_healed = True
    finally:
        if is_healed:
            t.cast("t.Any", fault).close()
        else:
            next(fault, None)
    assert roots(running.diagnose()) == set()
