# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""All checks of the doctor, in the order of the chain. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._doctor.checking import LINKS, Check
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.checks import (
    annotations as service_accounts,
)
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.checks import (
    api_server_flags,
    bucket,
    clock,
    dns_tls,
    documents,
    injection,
    keys,
    pods,
    provider,
    region,
    rotation,
    trust,
)

if t.TYPE_CHECKING:
    from types import ModuleType

_MODULES: t.Final = (
    *(clock, keys, api_server_flags, dns_tls, bucket, documents, provider),
    *(trust, service_accounts, injection, region, pods, rotation),
)


def _of(module: ModuleType) -> list[Check]:
    return [value for value in vars(module).values() if isinstance(value, Check)]


CHECKS: t.Final[tuple[Check, ...]] = tuple(check for module in _MODULES for check in _of(module))
"""In the order of the links, and within a link in that in which a reader would look."""
BY_ID: t.Final[t.Mapping[str, Check]] = {check.id: check for check in CHECKS}
ORDER: t.Final[t.Mapping[str, int]] = {check.id: number for number, check in enumerate(CHECKS)}

__all__: t.Final = ("BY_ID", "CHECKS", "LINKS", "ORDER")
