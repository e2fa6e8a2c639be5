# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a diagnosis says, whichever link it is of. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import typing as t

State = t.Literal["ok", "warning", "broken"]
"""Whether pods have their roles because of it, have them for now, or have them not."""


class Finding(t.NamedTuple):
    """One thing that was looked at."""

    link: str
    """The link of the chain, and where it has several what of it: C(webhook: certificate)."""
    state: State
    found: str
    fix: str = ""
    """What to do next; empty where all is well."""


__all__: t.Final = ("Finding", "State")
