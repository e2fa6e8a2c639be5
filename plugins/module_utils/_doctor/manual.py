# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of the documentation with every check, made from the checks. PRIVATE: it may change without notice."""

from __future__ import annotations

import re
import string
import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._doctor.registry import CHECKS, LINKS

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._doctor.checking import Check

_REF: t.Final = "ansible_collections.onprem.irsa.docsite"
_HEAD: t.Final = f"""..
  SPDX-FileCopyrightText: the onprem.irsa authors
  SPDX-License-Identifier: GPL-3.0-or-later

  Made by docs/doctor_checks.py from the checks themselves: change those, and run it again.

.. _{_REF}.doctor_checks:

What the doctor checks
======================

The doctor goes through the chain in the order of cause: what is broken in one link shows in those after it. It names
each thing that is wrong by an id that stays the same, and tells what follows from something else. *Broken* means that
pods lack their roles because of it, or that others get them; a *warning* is what will break, or may.

Words in capitals stand for what the doctor fills in from what it has seen. A check says nothing where nobody could
look; the report names what was not looked at, and why. Where *not tested* stands behind a command, no test puts that
fault into a cluster and follows the command: ``make doctor-live`` and ``make molecule-doctor`` do so with the others.
"""


def manual(tried: t.Collection[str]) -> str:
    """Return the page as reStructuredText; tests follow the commands of the checks TRIED, by their ids."""
    parts = [_HEAD, f"There are {len(CHECKS)} checks.\n"]
    for link, title in LINKS.items():
        parts += [_heading(title, "-"), *(_section(check, check.id in tried) for check in CHECKS if check.link == link)]
    return "\n".join(parts)


def _heading(text: str, line: str) -> str:
    return f"{text}\n{line * len(text)}\n"


def _section(check: Check, is_tried: bool) -> str:
    mark = "" if is_tried else "   # not tested"
    follows = ", ".join(LINKS.get(name, f"``{name}``") for name in check.follows)
    parts = [
        _heading(check.id, "~"),
        f"**{_text(check.title)}** ({check.severity})\n",
        f"{_text(check.cause)}\n",
        f"*Fix:* {_text(_named(check.fix))}\n",
        f".. code-block:: console\n\n   $ {_named(check.command)}{mark}\n" if check.command else "",
        f"It may follow from: {follows}.\n" if follows else "",
        f"See :ref:`{_REF}.{check.guide}`.\n",
    ]
    return "\n".join(filter(None, parts))


def _named(template: str) -> str:
    """Return a template with the names of what is filled in as words in capitals."""
    parts = string.Formatter().parse(template)
    return "".join(f"{text}{name.upper() if name else ''}" for text, name, _form, _conversion in parts)


def _text(text: str) -> str:
    """Return a text in reStructuredText: what is in backquotes is code, and stars stand for themselves."""
    parts = re.split(r"`([^`]*)`", text)
    return "".join(f"``{part}``" if number % 2 else _escaped(part) for number, part in enumerate(parts))


def _escaped(text: str) -> str:
    return re.sub(r"([\\*|])", r"\\\1", text)


__all__: t.Final = ("manual",)
