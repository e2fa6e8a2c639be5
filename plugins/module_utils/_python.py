# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Python that runs the collection's code on a host. PRIVATE to the collection: it may change without notice.

Imported before everything else of the collection, and written for older releases of Python than that is: what else
is imported there ends in errors that name neither Python nor the host.
"""

from __future__ import annotations

import typing as t

OLDEST: t.Final = (3, 9)


def require_python(version: tuple[int, ...], executable: str) -> None:
    """Raise RuntimeError for a release of Python that is too old; Ansible shows its words as they are."""
    if version[:2] < OLDEST:
        raise RuntimeError(
            f"{executable} on this host is Python {'.'.join(map(str, version[:3]))}, and onprem.irsa takes "
            f"{'.'.join(map(str, OLDEST))} or newer on hosts. Install a newer one in addition, and set "
            "ansible_python_interpreter for this host to its path, as in /usr/bin/python3.9."
        )


__all__: t.Final = ("OLDEST", "require_python")
