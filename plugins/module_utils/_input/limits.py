# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Within which limits numbers of options make sense. PRIVATE to the collection: it may change without notice.

Pure. Runs on managed hosts and on the controller: standard library alone.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError


@dataclass(frozen=True)
class Limit:
    """The least that a number may be, and why."""

    least: int
    why: str
    default: int
    or_zero: bool = False
    """Whether 0 is taken, too, and turns the thing off."""


# A restart takes 10 seconds, and 45 where the kubelet alone ends the old process: with less, each change is put back.
_OF_RESTART = Limit(60, "a restart takes up to 45 s, and every change would be put back", 300)
# The kubelet gives the old process 30 seconds to end (terminationGracePeriodSeconds of a pod that names none).
_OF_SANDBOX = Limit(
    31,
    "the kubelet gives the old process 30 s to end, and its sandbox would be removed while it serves",
    0,
    or_zero=True,
)
_OF_LOOK = Limit(0, "0 is to look at once", 0)

ROLES: t.Final[t.Mapping[str, Limit]] = {
    "irsa_apiserver_timeout": _OF_RESTART,
    "irsa_apiserver_stale_sandbox_seconds": _OF_SANDBOX,
    "irsa_apiserver_pause": Limit(0, "0 is for no pause", 5),
    "irsa_rotate_timeout": _OF_RESTART,
    "irsa_rotate_pause": Limit(0, "0 is for no pause", 5),
    "irsa_rotate_min_age": Limit(0, "0 is to replace any key", 86400),
    "irsa_rotate_token_lifetime": Limit(600, "kube-apiserver makes no token for less (TokenRequest)", 3600),
    "irsa_rotate_max_age_days": Limit(1, "a rule would tell of every key", 365),
    "irsa_issuer_files_timeout": Limit(0, "the documents are read once at least", 5),
    "irsa_issuer_max_age": Limit(0, "it is the max-age of Cache-Control (RFC 9111, section 1.2.2)", 300),
}
"""Of variables of roles."""

MODULES: t.Final[t.Mapping[str, Limit]] = {
    "timeout": Limit(1, "every change would be put back", 300),
    "stale_sandbox_seconds": Limit(0, "0 is for never", 0),
    "settle_timeout": _OF_LOOK,
    "change_timeout": _OF_LOOK,
}
"""Of options of the modules that look at a control-plane host or change it; all of them in seconds."""


def number_problems(values: t.Mapping[str, object]) -> list[str]:
    """Say which numbers are out of their limits; VALUES are variables by their names, and others are ignored."""
    errors = [_error(name, values.get(name), limit) for name, limit in ROLES.items()]
    return [str(error) for error in errors if error is not None]


def require_numbers(values: t.Mapping[str, object]) -> None:
    """Raise InputError for the first option of a module that is out of its limits."""
    for name, limit in MODULES.items():
        error = _error(name, values.get(name), limit)
        if error is not None:
            raise error


def _error(name: str, value: object, limit: Limit) -> InputError | None:
    try:
        number = int(str(value))  # with -e, Ansible hands numbers on as text
    except ValueError:  # nothing that is a number; the argument spec says so
        return None
    if number >= limit.least or (limit.or_zero and number == 0):
        return None
    zero = "0, or " if limit.or_zero else ""
    return InputError(
        f"{name} is {number}. It must be {zero}{limit.least} or more: {limit.why}.",
        fix=f"The default is {limit.default}.",
    )


__all__: t.Final = ("MODULES", "ROLES", "Limit", "number_problems", "require_numbers")
