# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the checks say of a snapshot, and which of it is the cause. PRIVATE: it may change without notice."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, replace

from ansible_collections.onprem.irsa.plugins.module_utils._doctor.redaction import without_secrets
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.registry import BY_ID, CHECKS, LINKS, ORDER
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.snapshot import (
    LEGACY_NOT_ASKED,
    ApiServer,
    NotLooked,
    Snapshot,
)
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.view import View, looked

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._doctor.checking import Check, Seen, Severity

State = t.Literal["ok", "warning", "broken", "unseen"]
"""Of a link: C(unseen) where nobody has looked at any of it."""


@dataclass(frozen=True)
class Diagnosed:
    """One thing that is wrong at one place."""

    check: str
    """The id of the check."""
    severity: Severity
    title: str
    where: str
    found: str
    cause: str
    fix: str
    command: str
    """A command that fixes it; empty where it takes more than a command."""
    guide: str
    """The page of the documentation that tells more."""
    follows: str = ""
    """The id of the check of which it is a consequence; empty where it is none."""

    @property
    def link(self) -> str:
        """The link that it is of."""
        return _link(self.check)


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong with a chain."""

    issuer: str
    cluster: str
    taken: float
    """When the snapshot was taken, in seconds since the epoch."""
    findings: tuple[Diagnosed, ...]
    """In the order of the chain."""
    unseen: t.Mapping[str, str]
    """Why nobody has looked at it, by the name of a part of the snapshot, or of a part of one."""
    unseen_links: tuple[str, ...] = ()
    """The links of which nothing was looked at."""
    provider_arn: str = ""
    """ARN of the issuer's identity provider; empty where there is none, or nobody has looked."""
    role_arns: tuple[str, ...] = ()
    """The roles that service accounts name; sorted."""

    @property
    def name(self) -> str:
        """The name of what was looked at, for people."""
        return self.cluster or self.issuer or "a cluster without a name"

    @property
    def roots(self) -> tuple[Diagnosed, ...]:
        """What is no consequence of something else."""
        return tuple(finding for finding in self.findings if not finding.follows)

    @property
    def first(self) -> Diagnosed | None:
        """The first in the order of the chain that is broken, and no consequence of something else."""
        return next((finding for finding in self.roots if finding.severity == "broken"), None)

    @property
    def worst_first(self) -> tuple[Diagnosed, ...]:
        """What is broken before what may be, and causes before consequences; else in the order of the chain."""
        return tuple(sorted(self.findings, key=lambda each: (each.severity != "broken", bool(each.follows))))

    def state(self, link: str) -> State:
        """Return how a link stands."""
        severities = {finding.severity for finding in self.findings if finding.link == link}
        if severities:
            return "broken" if "broken" in severities else "warning"
        return "unseen" if link in self.unseen_links else "ok"


# The parts of a snapshot that the checks of a link go by: one that is looked at is enough to say something.
_PARTS: t.Final[t.Mapping[str, tuple[str, ...]]] = {
    "clock": ("clock", "hosts"),
    "keys": ("hosts", "tokens", "key_sets"),
    "flags": ("hosts", "tokens", "accepted_issuers"),
    "dns-tls": ("documents",),
    "bucket": ("bucket",),
    "documents": ("documents",),
    "provider": ("providers",),
    "trust": ("roles",),
    "annotations": ("service_accounts",),
    "injection": ("injection",),
    "region": ("region",),
    "pods": ("pods",),
    "rotation": ("rotation",),
}


def diagnose(snapshot: Snapshot, checks: t.Iterable[Check] = CHECKS) -> Diagnosis:
    """Say what is wrong in a snapshot, in the order of the chain, and what follows from what."""
    view = View(snapshot)
    found = [_diagnosed(check, place) for check in checks for place in _together(check.look(view), view)]
    unseen, causes = _unseen(snapshot), _causes(found)
    return Diagnosis(
        issuer=_line(snapshot.issuer),
        cluster=_line(snapshot.cluster),
        taken=snapshot.taken,
        findings=tuple(replace(each, follows=causes[each.check]) for each in sorted(found, key=_place)),
        unseen=unseen,
        unseen_links=tuple(link for link in LINKS if _nobody_looked(link, unseen)),
        provider_arn=view.provider.arn if view.provider else "",
        role_arns=tuple(sorted(view.naming)),
    )


def _together(seen: t.Iterable[Seen], view: View) -> list[Seen]:
    """Return what was seen alike from several places as one thing, which says from where."""
    groups: dict[tuple[str, str], list[Seen]] = {}
    for each in seen:
        groups.setdefault((each.where, each.found), []).append(each)
    places = {probe.seen_from for probe in looked(view.snapshot.documents) or ()}
    return [replace(group[0], found=f"{found}{_from(group, places)}") for (_where, found), group in groups.items()]


def _from(group: t.Iterable[Seen], places: set[str]) -> str:
    """Say from where something was seen; empty where it was from everywhere, and for what looks alike everywhere."""
    found = list(dict.fromkeys(each.seen_from for each in group if each.seen_from))
    return "" if not found or places == {*found} else f", seen from {', '.join(found)}"


def _place(finding: Diagnosed) -> int:
    return ORDER[finding.check]


def _diagnosed(check: Check, place: Seen) -> Diagnosed:
    fix, command = check.fixes(place)
    return Diagnosed(
        check=check.id,
        severity=place.severity or check.severity,
        title=check.title,
        where=_line(place.where),
        found=_line(place.found),
        cause=check.cause,
        fix=_line(fix),
        command=without_secrets(command),
        guide=check.guide,
    )


def _line(text: str) -> str:
    """Return a text as one line, without what a terminal would act on."""
    plain = "".join(character if character.isprintable() else " " for character in without_secrets(text))
    return " ".join(plain.split())


def _causes(found: t.Iterable[Diagnosed]) -> dict[str, str]:
    """Return the first broken check of which each one that found something is a consequence; empty for none."""
    every = list(found)
    broken = {finding.check for finding in every if finding.severity == "broken"}
    return {
        check: min(
            (other for other in broken - {check} if {other, _link(other)} & {*BY_ID[check].follows}),
            key=ORDER.__getitem__,
            default="",
        )
        for check in {finding.check for finding in every}
    }


def _link(check: str) -> str:
    return check.partition(".")[0]


def _nobody_looked(link: str, unseen: t.Container[str]) -> bool:
    servers = "api_servers" in unseen
    return all(part in unseen or (servers and part in _BY_SERVERS) for part in _PARTS[link])


_BY_SERVERS: t.Final = ("hosts", "tokens", "key_sets", "accepted_issuers")


def _unseen(snapshot: Snapshot) -> dict[str, str]:
    """Return why parts of a snapshot were not looked at, by their names."""
    names = ["api_servers", *(name for parts in _PARTS.values() for name in parts if hasattr(snapshot, name))]
    parts = {name: getattr(snapshot, name) for name in dict.fromkeys(names)}
    parts |= {"hosts": snapshot.api_servers, **_of_servers(looked(snapshot.api_servers) or ())}
    parts |= {**_of_documents(snapshot), **_of_roles(snapshot)}
    bucket, rotation = looked(snapshot.bucket), looked(snapshot.rotation)
    if bucket:
        parts["public_access_block_of_the_account"] = bucket.account_blocks
    if rotation and rotation.secrets != NotLooked(LEGACY_NOT_ASKED):
        parts["tokens_of_Secrets"] = rotation.secrets
    return {_line(name): _reason(part.reason) for name, part in parts.items() if isinstance(part, NotLooked)}


def _reason(text: str) -> str:
    """Return a reason, which may be a sentence of somebody else, as it stands behind "because"."""
    return re.sub(r"\A(?:The|There|An?|No|It|This)\b", lambda word: word[0].lower(), _line(text).rstrip("."))


# What API servers show, by the fields of C(ApiServer): what it is called of all of them, and of one.
_OF_SERVERS: t.Final = {
    "host": ("hosts", "host"),
    "minted": ("tokens", "token"),
    "served": ("key_sets", "key_set"),
    "accepted": ("accepted_issuers", "accepted_issuers"),
}


def _of_servers(servers: t.Sequence[ApiServer]) -> dict[str, object]:
    """Return what was not looked at of API servers: of all of them together where nobody looked at it of any."""
    found: dict[str, object] = {}
    for field, (of_all, of_one) in _OF_SERVERS.items():
        values = {server.name: getattr(server, field) for server in servers}
        unknown = {name: value for name, value in values.items() if isinstance(value, NotLooked)}
        if unknown and len(unknown) == len(values):
            found[of_all] = next(iter(unknown.values()))
        else:
            found |= {f"{of_one} of {name}": value for name, value in unknown.items()}
    return found


def _of_documents(snapshot: Snapshot) -> dict[str, object]:
    return {
        f"{kind} from {probe.seen_from}": part
        for probe in looked(snapshot.documents) or ()
        for kind, part in (("discovery document", probe.discovery), ("key set", probe.jwks))
    }


def _of_roles(snapshot: Snapshot) -> dict[str, object]:
    """Return the roles that could not be read; C(roles) where none could."""
    roles = looked(snapshot.roles)
    if roles is None:
        return {}
    found: dict[str, object] = {arn: NotLooked(reason) for arn, reason in roles.unreadable.items()}
    found |= {f"trust policy of {role.arn}": role.trust for role in roles.found}
    return {**found, "roles": next(iter(found.values()))} if roles.unreadable and not roles.found else found


__all__: t.Final = ("Diagnosed", "Diagnosis", "State", "diagnose")
