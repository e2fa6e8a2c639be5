# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of which there may be thousands, for people to read. PRIVATE to the collection: it may change without notice.

Pure.
"""

from __future__ import annotations

import typing as t

MOST: t.Final = 10
"""How many of the same kind are named."""


def some(names: t.Sequence[str]) -> str:
    """Return the first of many names, and how many more there are."""
    return ", ".join(names[:MOST]) + (f" and {len(names) - MOST} more" if len(names) > MOST else "")


__all__: t.Final = ("MOST", "some")
