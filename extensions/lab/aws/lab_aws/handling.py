# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a handler of an operation is given."""

from __future__ import annotations

import typing as t
from collections.abc import Callable
from dataclasses import dataclass

if t.TYPE_CHECKING:
    from .auth import Caller
    from .engine import Engine
    from .messages import Call
    from .web_identity import Fetch

from .messages import HttpResponse


@dataclass(frozen=True)
class Context:
    """An authorized call, who makes it, and what it works on."""

    call: Call
    caller: Caller
    engine: Engine
    fetch: Fetch

    @property
    def partition(self) -> str:
        """The partition that is called."""
        return self.call.endpoint.partition


Handler = Callable[[Context], HttpResponse]


def answer(context: Context) -> HttpResponse:
    """Answer a call that moto does as AWS does."""
    return context.engine.answer(context.call)
