# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What takes root on a control-plane host. PRIVATE to the collection: it may change without notice.

Runs on managed hosts with the standard library alone.
"""

from __future__ import annotations

import os
import typing as t
from contextlib import contextmanager

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError


@contextmanager
def needing_root() -> t.Iterator[None]:
    """Raise InputError where the body was refused a file because it does not run as root."""
    try:
        yield
    except PermissionError as error:
        if os.geteuid() == 0:
            raise
        raise InputError(
            f"{error.filename}: {error.strerror}: the task does not run as root.", fix="Run it with become: true."
        ) from error


__all__: t.Final = ("needing_root",)
