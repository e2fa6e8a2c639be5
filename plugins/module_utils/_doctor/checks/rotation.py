# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of a rotation of the signing key. PRIVATE: it may change."""

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._doctor.checking import Seen, check, seen
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.view import looked

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._doctor.snapshot import Rotation
    from ansible_collections.onprem.irsa.plugins.module_utils._doctor.view import View

_DAY: t.Final = 86400.0
# Tokens of pods are valid for a day, and published documents are cached for less: no phase has to last longer.
_STALLED: t.Final = 7 * _DAY
_GUIDE: t.Final = "guide_chain"
_SOME: t.Final = 5


def _rotation(view: View) -> t.Iterator[Rotation]:
    rotation = looked(view.snapshot.rotation)
    if rotation is not None:
        yield rotation


@check(
    "rotation.stalled",
    "warning",
    title="A rotation of the signing key stands still",
    cause="Nothing has to be waited for longer than a day; until it goes on, both keys are accepted.",
    fix="Go on with the rotation: run what began it again.",
    guide=_GUIDE,
)
def _stalled(view: View) -> t.Iterator[Seen]:
    for rotation in _rotation(view):
        age = view.snapshot.taken - rotation.since
        if rotation.phase and age > _STALLED:
            found = f"it is in the phase {rotation.phase} since {age / _DAY:.0f} days"
            yield seen(f"{rotation.old_kid} to {rotation.new_kid}", found)


@check(
    "rotation.legacy-secrets",
    "warning",
    title="Tokens of Secrets are signed by a key that is about to go",
    cause="The token of a Secret never ends and is not signed again by itself: when the old key goes, it is refused.",
    fix="Delete the data of these tokens, so that they are signed again, and restart what uses them: {secrets}.",
    guide=_GUIDE,
)
def _legacy_secrets(view: View) -> t.Iterator[Seen]:
    for rotation in _rotation(view):
        old = [each for each in looked(rotation.secrets) or () if rotation.phase and each.kid == rotation.old_kid]
        if old:
            names = [f"{each.namespace}/{each.name}" for each in old]
            shown = ", ".join(names[:_SOME]) + (f" and {len(names) - _SOME} more" if names[_SOME:] else "")
            yield seen(rotation.old_kid, f"it has signed the tokens of {len(old)} Secrets: {shown}", secrets=shown)


@check(
    "rotation.retired-published",
    "warning",
    title="A retired key is still published",
    cause="AWS takes its tokens as long as it is in the key set: who has the old key can still assume roles.",
    fix="Publish the key set without it: run onprem.irsa.site with irsa_issuer_retired_kids: [{where}]; behind a CDN, "
    "wait until its copy has ended.",
    guide=_GUIDE,
)
def _retired_published(view: View) -> t.Iterator[Seen]:
    for rotation in _rotation(view):
        for kid in rotation.retired:
            where = sorted({url for _place, url, keys in view.published if kid in {key.kid for key in keys}})
            if where:
                yield seen(kid, f"it is still in {', '.join(where)}")


@check(
    "rotation.retired-accepted",
    "broken",
    title="A retired key still signs or is accepted",
    cause="A key is retired because somebody else may have it: with it, tokens of every service account can be signed.",
    fix="Remove its public half from the key files of {servers}, and restart their API servers.",
    guide=_GUIDE,
)
def _retired_accepted(view: View) -> t.Iterator[Seen]:
    for rotation in _rotation(view):
        for kid in rotation.retired:
            servers = [
                server.name
                for server in view.servers
                if kid in {key.kid for key in looked(server.served) or ()} or view.signing_kids.get(server.name) == kid
            ]
            if servers:
                yield seen(kid, f"{', '.join(servers)} still has it", servers=", ".join(servers))
