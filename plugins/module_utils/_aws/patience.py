# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long to wait for IAM to see its own changes. PRIVATE to the collection: it may change without notice.

Source: IAM User Guide, "Changes that I make are not always immediately visible": a change takes seconds to be known
everywhere, so that a provider, role or policy just made may be unknown to the next call.
"""

from __future__ import annotations

import threading
import typing as t
from dataclasses import dataclass, field

from ansible_collections.onprem.irsa.plugins.module_utils._progress import Wait

_PAUSES = (1, 1, 2, 3, 4, 4, 5)  # 20 seconds for each call

# By these codes, some with these words, IAM refuses what it may take a moment later. They may be lasting as well.
_PASSING = {
    "ConcurrentModification": "",
    "DeleteConflict": "detach all policies",
    "EntityAlreadyExists": "",
    "MalformedPolicyDocument": "invalid principal",
    "NoSuchEntity": "",
}


def may_pass(code: str, problem: str) -> bool:
    """Tell whether an error may go away by waiting, by AWS's code and text."""
    return code in _PASSING and _PASSING[code] in problem.lower()


@dataclass
class Patience:
    """The waiting that one run can afford: so many roles with the same lasting error do not add up to hours."""

    seconds: float = 160
    """Of all threads together."""
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def pauses(self) -> t.Iterator[bool]:
        """Wait a little longer at each step, and yield True after it; end when the patience does."""
        wait = Wait("IAM to spread what was changed", sum(_PAUSES))
        for pause in _PAUSES:
            with self._lock:
                if self.seconds < pause:
                    return
                self.seconds -= pause
            wait.pause(pause)
            yield True


__all__: t.Final = ("Patience", "may_pass")
