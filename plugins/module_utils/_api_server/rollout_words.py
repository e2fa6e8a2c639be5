# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rollout for people to read before it begins. PRIVATE to the collection: it may change without notice.

Pure.
"""

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.rollout import ISSUER, Server, Step, applied


def in_words(servers: t.Iterable[Server], steps: t.Iterable[Step]) -> list[str]:
    """Return a sentence for each step: the host, and what its server does from then on."""
    now = {server.host: server for server in servers}
    said = []
    for step in steps:
        before = now[step.host]
        after = now[step.host] = applied(before, [step])
        said.append(f"{step.host}: {'; '.join(_differences(before, after, step))}")
    return said


def _differences(before: Server, after: Server, step: Step) -> t.Iterator[str]:
    if ISSUER in step.flags:
        yield from _moves(before.issuers, after.issuers, (before.issuers[:1], after.issuers[:1]), "")
    if (before.kids, before.signing_kid) != (after.kids, after.signing_kid):
        signing = [before.signing_kid], [after.signing_kid]
        yield from _moves([*before.kids], [*after.kids], signing, "the key ")
    yield from _audiences(before, after)
    others = {name: values for name, values in step.flags.items() if name != ISSUER}
    for name, values in others.items():
        was = _joined([value for value in before.flags.get(name, []) if value not in values])
        yield from (f"runs with --{name}={value}{f' in place of {was}' if was else ''}" for value in values)
        if not values:
            yield f"runs without --{name}{f', which was {was}' if was else ''}"


def _moves(
    before: t.Sequence[str], after: t.Sequence[str], signing: tuple[t.Sequence[str], t.Sequence[str]], what: str
) -> t.Iterator[str]:
    """Yield what happens to issuers, or to keys: which are accepted, which signs."""
    come = [f"{what}{name}" for name in after if name not in before]
    stay = [f"{what}{name}" for name in after if name in before]
    gone = [f"{what}{name}" for name in before if name not in after]
    signs = "".join(f"{what}{name}" for name in signing[1])
    if come:
        yield f"accepts {_joined(come)}{f' in addition to {_joined(stay)}' if stay else ''}"
    if gone:
        yield f"no longer accepts {_joined(gone)}"
    if signing[0] == signing[1]:
        yield f"still signs with {signs}"
    else:
        kept = [name for name in stay if name != signs]
        yield f"signs with {signs}{f', and still accepts {_joined(kept)}' if kept and not come else ''}"


def _audiences(before: Server, after: Server) -> t.Iterator[str]:
    """Yield what retiring means for tokens in use, in addition to what the issuers and the flags say."""
    issuers = [issuer for issuer in before.issuers if issuer not in after.issuers]
    if issuers:
        yield (
            f"refuses every token of {_joined(issuers)}, also those of up to a year that programs have not read again: "
            "serviceaccount_stale_tokens_total counts their uses"
        )
    kept = [issuer for issuer in issuers if issuer in before.audiences and issuer in after.audiences]
    if kept:
        yield f"still accepts tokens for the audience {_joined(kept)}"
    gone = [audience for audience in before.audiences if audience not in after.audiences]
    if gone:
        yield f"no longer accepts tokens for the audience {_joined(gone)}"


def _joined(words: t.Sequence[str]) -> str:
    return " and ".join(words)


__all__: t.Final = ("in_words",)
