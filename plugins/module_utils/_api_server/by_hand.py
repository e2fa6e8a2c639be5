# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user has to set where nobody else may set the API servers' flags. PRIVATE: it may change without notice.

Pure. What is left to do follows from what the API servers answer: first all accept the issuer, then all sign with it.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.answers import (
    Asked,
    host_of,
    in_words,
    refusals,
)
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.rollout import ISSUER, JWKS_URI
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.by_hand import OTHERS, without_values
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.openshift import is_openshift, steps
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.registry import ROOMS, room_named
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import two_passes
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.signs import MANAGED
from ansible_collections.onprem.irsa.plugins.module_utils._documents.unsigned_token import NOBODY
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import Room
    from ansible_collections.onprem.irsa.plugins.module_utils._flags.arguments import Flags

Towards = t.Literal["issuer", "back"]
"""To an issuer, or back from it to one that was there before."""
Stage = t.Literal["accept", "sign", "done"]
"""What is left: both passes, the second one, or nothing."""

# How the texts of rooms begin what belongs to each pass, too.
_FIRST, _SECOND = "First pass", "Second pass"
_AFTER_FIRST: t.Final = ", once every API server runs with the first"
_BACK: t.Final = "The way back"
_Shown = t.Literal["first", "second", "both"]
UNSEEN: t.Final = "THE-ISSUER-THAT-SIGNS-NOW"
"""Stands in texts for an issuer that no host shows."""
_SEEN_BY_THE_USER: t.Final = (
    f"{UNSEEN} stands for what `kubectl get --raw /.well-known/openid-configuration` names as the issuer now."
)
_AGAIN: t.Final = "then run the same command again: it looks at every API server, and goes on"


@dataclass(frozen=True)
class ByHand:
    """What a user has to set."""

    stage: Stage
    flags: Flags
    """Of the next pass, by their names without dashes; a flag without values is to be removed. Empty when done."""
    says: str
    """What is left to do, in a sentence."""
    text: tuple[str, ...]
    """What to put where, line by line; none when done."""
    warnings: tuple[str, ...]
    """What is odd, and is left as it is."""
    report: str
    """What was seen, in a few words."""


@dataclass(frozen=True)
class Known:
    """What is known of API servers whose flags somebody else sets."""

    issuers: list[list[str]]
    """Of each API server, that which signs first; empty for one of which they are not known."""
    distribution: str
    """Empty where it is not known, or not the same everywhere."""
    version: str
    """Of Kubernetes; empty where it is not known."""


def by_hand(  # noqa: PLR0913 -- what is asked for, by name
    asked: Asked,
    issuer: str,
    *,
    towards: Towards = "issuer",
    jwks_uri: str = "",
    flags: t.Mapping[str, t.Sequence[str]] | None = None,
    distribution: str = "",
    version: str = "",
    rooms: t.Sequence[Room] = ROOMS,
) -> ByHand:
    """Return what is left for the user to do.

    issuer: the published one, to which the API servers go or from which they go back.
    jwks_uri, flags: set besides when an issuer is put first; the way back sets none and removes the former.
    distribution: the name of its room; empty where it is not known.

    Raises InputError where nobody can set the flags, and where there is no issuer to go back to.
    """
    leaving = towards == "back"
    if distribution in MANAGED and not _signs_as_wanted(asked, issuer, leaving=leaving):
        raise _managed(distribution)
    if is_openshift(distribution) or distribution in MANAGED:
        jwks_uri = ""  # who sets the flags there sets this one, too
    elsewhere = _with_other_key_set(asked, jwks_uri, leaving=leaving)
    if _signs_as_wanted(asked, issuer, leaving=leaving) and not elsewhere:
        return _done(asked, issuer, leaving=leaving)
    first = _before(asked, issuer) if leaving else issuer
    if is_openshift(distribution):
        return _by_operator(asked, first, flags or {}, leaving=leaving)
    issuers = [first, *(name for name in _known(asked) if name != first)]
    wanted = _wanted(issuers, jwks_uri, flags or {}, leaving=leaving)
    accepted = asked.sees_accepted and not asked.lacking(first)
    if _signs_as_wanted(asked, issuer, leaving=leaving):
        accepted, says = True, _says_of_key_set(asked, elsewhere, jwks_uri, leaving=leaving)
        report = f"{_signs(issuer, leaving=leaving)}; the flag --{JWKS_URI} is left to {'remove' if leaving else 'set'}"
    else:
        says = _says(asked, first, accepted=accepted, leaving=leaving)
        report = f"{first} does not sign everywhere yet; {in_words(asked)}"
    passes = two_passes(wanted) if len(issuers) > 1 else (wanted, wanted)
    shown: _Shown = "second" if accepted else "first" if asked.sees_accepted else "both"
    # A room's text leads from one issuer to another.
    text = _text(passes, wanted, distribution, version, rooms if len(issuers) > 1 else (), shown=shown)
    return ByHand(
        stage="sign" if accepted else "accept",
        flags=passes[1 if accepted else 0],
        says=says,
        text=tuple(_of_way_back(text, accepted=accepted) if leaving else text),
        warnings=tuple(refusals(asked)),
        report=report,
    )


def _by_operator(asked: Asked, first: str, flags: t.Mapping[str, t.Sequence[str]], *, leaving: bool) -> ByHand:
    """Return what is left where the cluster's own operator sets the flags."""
    where = ", ".join(dict.fromkeys(host_of(said.server) for said in asked.said if said.issuer != first))
    return ByHand(
        "sign",
        {ISSUER: [first]},
        f"Not every API server signs with {first} yet ({where}). Have OpenShift's operator set it as shown, and wait "
        f"until it has restarted every API server; {_AGAIN}.",
        _operator_steps(first, flags, leaving=leaving),
        tuple(refusals(asked)),
        f"{first} does not sign everywhere yet; {in_words(asked)}",
    )


def _operator_steps(first: str, flags: t.Mapping[str, t.Sequence[str]], *, leaving: bool) -> tuple[str, ...]:
    """Return what to do on OpenShift, or raise InputError for further flags."""
    if flags and not leaving:
        raise InputError(
            f"OpenShift's own operator sets the flags of kube-apiserver, and has no place for {', '.join(flags)}, "
            "which irsa_apiserver_extra_flags names.",
            fix="Leave that out.",
        )
    return steps(first)


def by_hand_unasked(  # noqa: PLR0913 -- what is asked for, by name
    issuer: str,
    seen: t.Sequence[t.Sequence[str]],
    *,
    towards: Towards = "issuer",
    jwks_uri: str = "",
    flags: t.Mapping[str, t.Sequence[str]] | None = None,
    distribution: str = "",
    version: str = "",
    rooms: t.Sequence[Room] = ROOMS,
) -> tuple[str, ...]:
    """Return what a user would have to set in both passes, before the API servers are asked; none where it is set.

    seen: the issuers of each API server in their order, as far as its host shows them; none of one that shows none.
    The rest is as in by_hand. Raises InputError where the distribution cannot have such flags.
    """
    leaving = towards == "back"
    known = [*dict.fromkeys(name for issuers in seen for name in issuers)]
    if all(seen) and (issuer not in known if leaving else {issuers[0] for issuers in seen} == {issuer}):
        return ()
    others = [name for name in known if name != issuer] or [UNSEEN]
    issuers = [others[0], issuer, *others[1:]] if leaving else [issuer, *others]
    return _whole(issuers, jwks_uri, flags or {}, distribution, version, rooms=rooms, leaving=leaving)


def both_passes(  # noqa: PLR0913 -- what is asked for, by name
    issuer: str,
    seen: t.Sequence[t.Sequence[str]],
    *,
    retired: t.Collection[str] = (),
    jwks_uri: str = "",
    flags: t.Mapping[str, t.Sequence[str]] | None = None,
    distribution: str = "",
    version: str = "",
    rooms: t.Sequence[Room] = ROOMS,
) -> tuple[str, ...]:
    """Return what a user has to set on API servers that know nothing of an issuer yet, line by line.

    It is the same before a pass and after it, so that a difference is one in what is asked for.

    seen: the issuers of each API server, that which signs first, as far as they are known; none of one that was not
    asked, as of all where nobody was.
    retired: issuers that should no longer be accepted.
    The rest is as in by_hand. Raises InputError where nobody can set the flags.
    """
    others = [name for name in dict.fromkeys(name for issuers in seen for name in issuers) if name != issuer]
    signing = [name for issuers in seen for name in issuers[:1] if name in retired]
    if signing:
        raise InputError(
            f"{signing[0]} still signs, and is one of the retired issuers: tokens in use would be refused.",
            fix="Remove it from irsa_apiserver_retired_issuers until a day after it has signed last.",
        )
    if distribution in MANAGED and {name for issuers in seen for name in issuers[:1]} != {issuer}:
        raise _managed(distribution)
    is_seen = bool(seen) and all(seen)
    if is_seen and not others and not flags:
        return (f"Nothing is left to set: every API server signs with {issuer}, and accepts no other issuer.",)
    kept = [name for name in others if name not in retired] or ([] if is_seen else [UNSEEN])
    return _whole([issuer, *kept], jwks_uri, flags or {}, distribution, version, rooms=rooms)


def _whole(  # noqa: PLR0913 -- what it is put together from
    issuers: list[str],
    jwks_uri: str,
    flags: t.Mapping[str, t.Sequence[str]],
    distribution: str,
    version: str,
    *,
    rooms: t.Sequence[Room],
    leaving: bool = False,
) -> tuple[str, ...]:
    """Return what to set in both passes."""
    if is_openshift(distribution):
        unseen = [_SEEN_BY_THE_USER] if UNSEEN in issuers[0] else []
        return (*unseen, *_operator_steps(issuers[0], flags, leaving=leaving))
    wanted = _wanted(issuers, jwks_uri, flags, leaving=leaving)
    several = len(issuers) > 1
    passes = two_passes(wanted) if several else (wanted, wanted)
    text = _text(passes, wanted, distribution, version, rooms if several else (), shown="both")
    shown = _of_way_back(text, accepted=False) if leaving else text
    return (*([_SEEN_BY_THE_USER] if UNSEEN in issuers else []), *shown)


def _managed(distribution: str) -> InputError:
    return InputError(
        f"This cluster is {distribution}: the provider runs its API servers and sets their flags, and it has an "
        "issuer and a way to give pods roles of its own.",
        fix="Use that, or run this collection on a cluster whose API servers are yours.",
    )


def _wanted(issuers: list[str], jwks_uri: str, flags: t.Mapping[str, t.Sequence[str]], *, leaving: bool) -> Flags:
    further = {} if leaving else {name: [*values] for name, values in flags.items()}
    return {ISSUER: issuers, JWKS_URI: [jwks_uri] if jwks_uri and not leaving else [], **further}


def known_of_servers(
    asked: Asked, shown: t.Mapping[str, str], observed: t.Sequence[t.Mapping[str, t.Any]], *, named: str = ""
) -> Known:
    """Return what both_passes() goes by, of API servers that were asked, of hosts that were looked at, or of neither.

    shown: the distribution and the version that API servers answer with; empty without an answer.
    observed: what C(control_plane_info) returns for each host.
    named: the distribution that the user names, which counts before what is shown.
    """
    among = _known(asked)
    answered = [[said.issuer, *(name for name in among if name != said.issuer)] for said in asked.said]
    distributions = {name for name in (shown["distribution"], *map(_distribution, observed)) if name}
    versions = (shown["version"], *(host["version"] for host in observed))
    return Known(
        issuers=[*answered, *(host["running_flags"].get(ISSUER, []) for host in observed)],
        distribution=named or (distributions.pop() if len(distributions) == 1 else ""),
        version=next(filter(None, versions), ""),
    )


def _distribution(host: t.Mapping[str, t.Any]) -> str:
    """Return the distribution that a host shows; empty where it is none that is known, or not certain."""
    if host["distribution"] != "unknown":
        return str(host["distribution"])
    others = host["other_distributions"]
    return str(others[0]) if len(others) == 1 else ""


def _known(asked: Asked) -> list[str]:
    """Return the issuers that sign, and the others that every API server accepts as far as that is seen."""
    every = (
        {issuer for found in asked.accepted for issuer in found.issuers} - {NOBODY} if asked.sees_accepted else set()
    )
    return [*dict.fromkeys([*asked.signing, *sorted(every)])]


def _before(asked: Asked, issuer: str) -> str:
    """Return the issuer to go back to: one that still signs, or else one that is accepted."""
    others = [name for name in _known(asked) if name != issuer]
    if not others:
        raise InputError(
            f"The API servers sign with {issuer}, and none shows another issuer that it accepts, so there is none to "
            "go back to.",
            fix="Put another issuer in front of it yourself, in the two passes that the guide describes, and run this "
            "again; or leave the API servers out with --skip-tags apiserver.",
        )
    return others[0]


def _signs_as_wanted(asked: Asked, issuer: str, *, leaving: bool) -> bool:
    return issuer not in asked.signing if leaving else asked.signing == (issuer,)


def _signs(issuer: str, *, leaving: bool) -> str:
    return f"{issuer} signs nowhere" if leaving else f"{issuer} signs"


def _with_other_key_set(asked: Asked, jwks_uri: str, *, leaving: bool) -> tuple[str, ...]:
    """Return the API servers whose discovery document shows that --service-account-jwks-uri is left to set or remove.

    One that serves none shows nothing.
    """
    shown = [said for said in asked.said if jwks_uri and said.jwks_uri and (said.jwks_uri == jwks_uri) is leaving]
    return tuple(dict.fromkeys(host_of(said.server) for said in shown))


def _says_of_key_set(asked: Asked, elsewhere: t.Iterable[str], jwks_uri: str, *, leaving: bool) -> str:
    where = ", ".join(elsewhere)
    if leaving:
        return (
            f"The discovery document of {where} still names the key set {jwks_uri}, which is going to be removed. "
            f"Remove --{JWKS_URI} from each API server, one after the other; {_AGAIN}."
        )
    return (
        f"Every API server signs with {', '.join(asked.signing)}, and the second pass is not complete: the discovery "
        f"document of {where} does not name the key set {jwks_uri}. Set --{JWKS_URI}={jwks_uri} there; {_AGAIN}."
    )


def _done(asked: Asked, issuer: str, *, leaving: bool) -> ByHand:
    report = f"{_signs(issuer, leaving=leaving)}; {in_words(asked)}"
    return ByHand("done", {}, "", (), tuple(refusals(asked)), report)


def _says(asked: Asked, first: str, *, accepted: bool, leaving: bool) -> str:
    if accepted:
        left = [said.server for said in asked.said if said.issuer != first]
        where = ", ".join(dict.fromkeys(map(host_of, left)))
        if leaving:
            return (
                f"Every API server accepts {first}, to which the way back leads, and not every one signs with it "
                f"({where}). Set the flags of the way back on each API server, one after the other; {_AGAIN}."
            )
        return (
            f"Every API server accepts {first}, and not every one signs with it yet ({where}): the first pass is in "
            f"force. Set the flags of the second pass on each API server, one after the other; {_AGAIN}."
        )
    if not asked.sees_accepted:
        return (
            f"The API servers sign with {', '.join(asked.signing)}, and do not show whether they accept {first}. Set "
            f"the flags of the first pass on every API server, one after the other, after them those of the second; "
            f"{_AGAIN}."
        )
    where = ", ".join(map(host_of, asked.lacking(first)))
    early = [host_of(said.server) for said in asked.said if said.issuer == first]
    hurry = f" {', '.join(dict.fromkeys(early))} signs with it already, so do this now." if early else ""
    goal = f"{first}, to which the way back leads," if leaving else first
    return (
        f"Not every API server accepts {goal} yet ({where}).{hurry} Set the flags of the first pass on each API "
        f"server, one after the other; {_AGAIN}."
    )


def _text(  # noqa: PLR0913 -- what it is put together from
    passes: tuple[Flags, Flags],
    wanted: Flags,
    distribution: str,
    version: str,
    rooms: t.Sequence[Room],
    *,
    shown: _Shown,
) -> t.Iterator[str]:
    """Yield what to put where, of the passes that are shown: what is not to be done now would be done now."""
    if distribution.lower() in {room.name.lower() for room in rooms}:
        text = room_named(distribution, rooms).show(wanted, version or None)
    else:
        text = "\n".join(_unplaced(passes, distribution, rooms))
    around, first, rest = text.partition(_FIRST)
    of_first, second, of_second = rest.partition(_SECOND)
    parts = {"first": around + first + of_first, "second": around + second + of_second, "both": text}
    yield from parts[shown if first and second else "both"].rstrip("\n").splitlines()
    if shown == "first":
        yield ""
        yield (
            "Then run the same command again. It asks every API server, names those that do not accept "
            f"{wanted[ISSUER][0]} yet, and shows the second pass once all of them do."
        )


def _of_way_back(text: t.Iterable[str], *, accepted: bool) -> t.Iterator[str]:
    """Yield a text with its passes named as those of the way back; of one alone, nobody needs to know the number."""
    for line in text:
        if accepted:
            yield (
                line.replace(_SECOND + _AFTER_FIRST, _BACK).replace(_SECOND, _BACK).replace("The second pass", _BACK)
            )
        else:
            yield line.replace(_FIRST, f"{_BACK}, first pass").replace(_SECOND, f"{_BACK}, second pass")


def _unplaced(passes: tuple[Flags, Flags], distribution: str, rooms: t.Sequence[Room]) -> t.Iterator[str]:
    """Yield the flags as kube-apiserver takes them, for a distribution whose files are not known."""
    names = ", ".join(room.name for room in rooms)
    yield (
        f"Put the flags where {distribution or 'your distribution'} keeps those of kube-apiserver, in this order and "
        "in place of all of the same names, and restart each API server."
    )
    if not distribution and names:
        yield f"For {names}, irsa_apiserver_distribution has the place named, too."
    first, second = passes
    yield ""
    yield f"{_FIRST}, on every API server before the second pass begins. {OTHERS}"
    yield from _lines(first)
    yield ""
    yield f"{_SECOND}{_AFTER_FIRST}. {OTHERS}"
    yield from _lines(second)


def _lines(flags: Flags) -> t.Iterator[str]:
    gone = without_values(flags)
    if gone:
        yield f"Remove {gone}."
    yield ""
    for name, values in flags.items():
        yield from (f"    --{name}={value}" for value in values)


__all__: t.Final = (
    "UNSEEN",
    "ByHand",
    "Known",
    "Stage",
    "Towards",
    "both_passes",
    "by_hand",
    "by_hand_unasked",
    "known_of_servers",
)
