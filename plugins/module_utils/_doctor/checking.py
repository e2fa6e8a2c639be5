# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a check of the doctor is, and what it says. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import re
import shlex
import string
import typing as t
from dataclasses import dataclass, field

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._doctor.view import View

Severity = t.Literal["broken", "warning"]
"""Whether pods lack their roles because of it (or get more than they should), or will, or may."""

# In the order of cause: what is broken in one shows in those after it. The first that is broken is the one to fix.
LINKS: t.Final[t.Mapping[str, str]] = {
    "clock": "Clocks",
    "keys": "Signing keys",
    "flags": "API-server flags",
    "dns-tls": "DNS and TLS",
    "bucket": "Bucket",
    "documents": "Documents",
    "provider": "Identity provider",
    "trust": "Roles and trust",
    "annotations": "Service accounts",
    "injection": "Injection",
    "region": "Region and STS",
    "pods": "Pods",
    "rotation": "Key rotation",
}
"""The titles of the links, by what the ids of their checks begin with."""


@dataclass(frozen=True)
class Seen:
    """One place at which a check found what it looks for."""

    where: str
    """What it is about, as people name it: a host, C(namespace/name), an ARN, a URL."""
    found: str
    """What was seen there, a sentence without its full stop."""
    values: t.Mapping[str, str] = field(default_factory=dict)
    """What is filled into fix and command."""
    severity: Severity | None = None
    """Where it is not that of the check."""
    fix: str = ""
    """What to do, where that is known better than the check knows it."""
    command: str = ""
    """A command in place of the check's, with the same names."""
    seen_from: str = ""
    """From where, of what may look another way from elsewhere: the controller, or a host; empty for everywhere."""


def seen(where: str, found: str, **values: str) -> Seen:
    """Return what was seen, with what is filled into fix and command besides C(where)."""
    return Seen(where, found, {"where": where, **values})


Look = t.Callable[["View"], t.Iterable[Seen]]


@dataclass(frozen=True)
class Check:
    """One named thing that can be wrong, and all that is known about it."""

    id: str
    """Stable: C(link.what)."""
    severity: Severity
    title: str
    cause: str
    """Why it is wrong, and whose rule that is."""
    fix: str
    """What to do, with C({names}) of what is filled in from what was seen."""
    look: Look
    command: str = ""
    """A command that fixes it, with the same names; empty where it takes more than a command."""
    guide: str = "guide_troubleshooting"
    """The page of the documentation that tells more; every check is on the page of the checks as well."""
    follows: tuple[str, ...] = ()
    """The checks, or links, of which it is a consequence where they are broken."""

    @property
    def link(self) -> str:
        """The link that it is of."""
        return self.id.partition(".")[0]

    def fixes(self, found: Seen) -> tuple[str, str]:
        """Return fix and command for what was seen; no command where a value of it is missing, or no plain word."""
        template = found.command or self.command
        values = [found.values.get(name, "") for name in _names(template)]
        is_safe = all(_is_safe(value, template) for value in values)
        command = _Quoting().vformat(template, (), found.values) if is_safe else ""
        return found.fix or string.Formatter().vformat(self.fix, (), found.values), command


_REMOTE: t.Final = "ssh "
_PLAIN: t.Final = re.compile(r"[A-Za-z0-9_./:@-]+")


def _is_safe(value: str, command: str) -> bool:
    """Tell whether a value can stand in a command: a snapshot may have been made by somebody else.

    Quotes keep a shell from reading it, but not a program from taking it for an option, nor the shell of another host.
    """
    plain = _PLAIN.fullmatch(value) is not None if command.startswith(_REMOTE) else True
    return bool(value) and plain and not value.startswith("-") and value.isprintable()


def _names(template: str) -> list[str]:
    return [name for _text, name, _form, _conversion in string.Formatter().parse(template) if name]


class _Quoting(string.Formatter):
    """Fills in values as words of a shell: what was seen is data, whatever it is."""

    def format_field(self, value: t.Any, format_spec: str) -> str:  # noqa: ANN401, ARG002 -- as the base has it
        return shlex.quote(str(value))


def check(  # noqa: PLR0913 -- a check has no fewer parts
    name: str,
    severity: Severity,
    *,
    title: str,
    cause: str,
    fix: str,
    command: str = "",
    guide: str = "guide_troubleshooting",
    follows: t.Sequence[str] = (),
) -> t.Callable[[Look], Check]:
    """Make a check of a function that yields what it found in a snapshot."""

    def made(look: Look) -> Check:
        return Check(name, severity, title, cause, fix, look, command, guide, tuple(follows))

    return made


SITE: t.Final = "ansible-playbook -i inventory.yml onprem.irsa.site"
"""The command that sets the whole chain up; it changes nothing that is as it should be."""

__all__: t.Final = ("LINKS", "SITE", "Check", "Look", "Seen", "Severity", "check", "seen")
