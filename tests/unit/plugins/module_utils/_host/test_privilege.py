# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import errno
import os

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._host.privilege import needing_root


@pytest.mark.parametrize(("user", "expected"), [(1000, InputError), (0, PermissionError)])
def test_without_root_it_says_what_is_missing(
    user: int, expected: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    with pytest.raises(expected) as caught, needing_root():
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/var/lib/onprem-irsa/backup")
    assert "/var/lib/onprem-irsa/backup" in str(caught.value)
    assert ("become: true" in str(caught.value)) == (user != 0)
