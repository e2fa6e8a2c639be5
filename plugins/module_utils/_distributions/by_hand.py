# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text for a person who sets the flags by hand, as rooms fill it in. PRIVATE to the collection."""

from __future__ import annotations

import typing as t
from textwrap import indent

from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import ISSUER, Flags, two_passes

_ACCEPT = "First pass: every API server accepts the tokens of {new}, and none signs them yet. {others}"
_SIGN = "Second pass: {new} signs, and {old} stays accepted. {others}"
OTHERS: t.Final = (
    f"Where an API server has another {ISSUER} besides those below, put it behind them: tokens in use may carry it."
)
"""What becomes of issuers that are not named; part of each pass."""
_BETWEEN = "Go on only when all of them have it: a token that one API server signs is used at all of them."
_CHECK = "The second pass is done when every API server says that its issuer is {new}: {ask}."
_ASK = (
    "ask each of them with `kubectl --server=https://ADDRESS:PORT get --raw /.well-known/openid-configuration`; "
    "`kubectl --namespace default get endpointslices` lists their addresses and the port"
)


def by_hand(wanted: Flags, *, about: str, steps: t.Callable[[Flags], str], ask: str = _ASK) -> str:
    """Return how to set the wanted flags by hand: accepted by all first, then signing.

    about: where the distribution keeps the flags, and how it reads them; sentences.
    steps: what to write and what to restart in a pass, from the flags that the pass sets.
    ask: how to see the issuer that each API server signs with; the end of a sentence.
    Raises InputError where the issuer that signs now is not among the wanted ones.
    """
    first, second = two_passes(wanted)
    new, old = wanted[ISSUER][0], " and ".join(wanted[ISSUER][1:])
    return (
        "\n\n".join(
            [
                about,
                _ACCEPT.format(new=new, others=OTHERS),
                steps(first),
                _BETWEEN,
                _SIGN.format(new=new, old=old, others=OTHERS),
                steps(second),
                _CHECK.format(ask=ask, new=new),
                "",
            ]
        ).rstrip("\n")
        + "\n"
    )


def without_values(flags: Flags, dashes: str = "--") -> str:
    """Return the flags that should go, as a text names them; empty where there is none."""
    *others, last = [f"{dashes}{name}" for name, values in flags.items() if not values] or [""]
    return f"{', '.join(others)} and {last}" if others else last


def block(text: str) -> str:
    """Return lines to copy, indented."""
    return indent(text.strip("\n"), "    ")


__all__: t.Final = ("OTHERS", "block", "by_hand", "without_values")
