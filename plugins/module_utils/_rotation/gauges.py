# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What alert rules go by. PRIVATE to the collection: it may change without notice.

Pure. The numbers stand in the rules themselves, so that no exporter is needed: each run, also one that only shows the
keys, writes them again.
"""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._rotation.state import State

Gauge = dict[str, t.Any]

LOOKED: t.Final = "onprem_irsa_keys_looked_seconds"
MADE: t.Final = "onprem_irsa_key_made_seconds"
SIGNS: t.Final = "onprem_irsa_key_signs"
PUBLISHED: t.Final = "onprem_irsa_key_published_seconds"


def gauges(state: State) -> list[Gauge]:
    """Return the name, the labels and the value of each; times are whole seconds since the epoch."""
    signing = {kid for server in state.servers for kid in (server.running.signer, server.written.signer) if kid}
    started = max((server.since for server in state.servers), default=0.0)
    published = {
        (kid, publication.issuer): started if publication.by_api_servers else publication.since
        for publication in state.publications
        for kid in publication.kids
    }
    return [
        _gauge(LOOKED, state.now),
        *(_gauge(MADE, made, kid=kid) for kid, made in sorted(state.made.items())),
        *(_gauge(SIGNS, 1, kid=kid) for kid in sorted(signing)),
        *(_gauge(PUBLISHED, since, kid=kid, issuer=issuer) for (kid, issuer), since in sorted(published.items())),
    ]


def _gauge(name: str, value: float, **labels: str) -> Gauge:
    return {"name": name, "labels": labels, "value": int(value)}


__all__: t.Final = ("LOOKED", "MADE", "PUBLISHED", "SIGNS", "Gauge", "gauges")
