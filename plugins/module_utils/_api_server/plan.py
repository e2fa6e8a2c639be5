# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What to do with the API servers of a cluster, by what was observed. PRIVATE to the collection: it may change.

Pure, and for the controller alone. What is a problem comes in the order in which it can be known: what the hosts show,
then what the goal asks of them, then what the cluster says of itself and what writes the manifests. The first that does
not hold hides those after it, which would be judged by wrong facts.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, replace

from ansible_collections.onprem.irsa.plugins.module_utils._api_server import kubeadm_sources, observation
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.by_hand import by_hand_unasked
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.endpoints import listed, unlisted
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.rollout import (
    ISSUER,
    JWKS_URI,
    Goal,
    Server,
    Step,
    goal,
    reached,
    rollout,
)
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.rollout_words import in_words
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.service import in_units
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.way_back import way_back
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._flags.arguments import check_flags

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._api_server.kubeadm import Operation
    from ansible_collections.onprem.irsa.plugins.module_utils._api_server.kubeadm_sources import Keeper, Sources
    from ansible_collections.onprem.irsa.plugins.module_utils._api_server.observation import Observation

Towards = t.Literal["issuer", "accept", "back", "running", "look"]
"""To an issuer; only as far that all accept it; back from it to the one before; nowhere, so that what runs now is kept
with some flags; or only looked at, where the issuer is for somebody else to set.
"""

Slice = t.Mapping[str, t.Any]
"""An EndpointSlice."""


@dataclass(frozen=True)
class Wanted:
    """What a user asks of the API servers."""

    issuer: str
    """The published issuer, to which they go or from which they go back."""
    towards: Towards = "issuer"
    jwks_uri: str = ""
    """Of the published key set; the way back has its own."""
    flags: t.Mapping[str, object] = field(default_factory=dict)
    """Further flags; the way back sets none."""
    retired: t.Sequence[str] = ()
    retired_audiences: t.Sequence[str] = ()
    signing_kid: str = ""
    retired_kids: t.Sequence[str] = ()
    kept_manifests: t.Mapping[str, t.Mapping[str, str]] = field(default_factory=dict)
    """Per host, the manifests that it has kept, by their paths; for the way back alone."""


@dataclass(frozen=True)
class Writer:
    """What writes the manifests again at upgrades and joins."""

    keeper: Keeper
    sources: Sources
    file: str = ""
    """The file on the controller with variables for kubespray."""
    told: str = ""
    """Its text as it is now; empty where there is none."""


@dataclass(frozen=True)
class Seen:
    """What was observed of a cluster."""

    hosts: t.Mapping[str, Observation]
    """The control-plane hosts, in the order in which they are changed."""
    slices: t.Sequence[Slice] | None = None
    """The EndpointSlices of C(default/kubernetes); None where the cluster was not asked."""
    writer: Writer | None = None
    """None where nothing should keep the flags, or nobody looked."""


@dataclass(frozen=True)
class Upkeep:
    """What makes the keeper write the flags into every manifest of the API server."""

    configuration: str
    """The ClusterConfiguration as it should be."""
    changes_configuration: bool
    patch: tuple[Operation, ...]
    unpatched: tuple[str, ...]
    """The hosts on which the patch is not yet as it should be."""
    outdated: tuple[tuple[str, str], ...]
    """Host and path of each patch that should be removed."""
    report: str
    """What is kept where, in words."""

    @property
    def changed(self) -> bool:
        """Whether anything of it is left to do, but for the file with variables for kubespray."""
        return self.changes_configuration or bool(self.unpatched or self.outdated)


@dataclass(frozen=True)
class Plan:
    """What is left to do, or why nothing can be done."""

    problems: tuple[str, ...]
    """Why the API servers must not be changed so: a sentence and its fix for each. The rest is of use without any."""
    by_hand: tuple[str, ...] = ()
    """What a user would have to set on hosts whose flags the collection does not set, line by line."""
    warnings: tuple[str, ...] = ()
    """What is odd, and is left as it is."""
    unconfirmed: tuple[str, ...] = ()
    """The hosts with a change that was cut off."""
    untidy: tuple[str, ...] = ()
    """Those, and the hosts with several files of the pod."""
    issuer: str = ""
    """The one that signs in the end; empty where the way back leads to none."""
    applies: bool = False
    """Whether the goal concerns the API servers at all: to go back from an issuer that none knows does not."""
    steps: tuple[Step, ...] = ()
    says: tuple[str, ...] = ()
    """Each step in words."""
    notes: tuple[str, ...] = ()
    """What can't be put back on the way back."""
    listed: t.Mapping[str, str] = field(default_factory=dict)
    """The URL of each host's API server that the cluster lists as ready."""
    upkeep: Upkeep | None = None
    """None where nothing keeps the flags."""
    in_units: str = ""
    """Where the flags stand that no tool of Kubernetes writes again, in words; empty where kubeadm writes manifests."""


def plan(
    seen: Seen, wanted: Wanted | None = None, *, duplicates_allowed: bool = False, links_allowed: bool = False
) -> Plan:
    """Return what brings the API servers to what is wanted; without a wish, what the hosts show alone.

    duplicates_allowed, links_allowed: as for the problems of the observation.
    """
    allowed = {"duplicates_allowed": duplicates_allowed, "links_allowed": links_allowed}
    unconfirmed = [host for host, observed in seen.hosts.items() if observed["unconfirmed"]]
    duplicates = [host for host, observed in seen.hosts.items() if observed["duplicates"]]
    of_hosts = Plan(
        problems=tuple(observation.problems(seen.hosts, **allowed)),
        warnings=tuple(observation.warnings(seen.hosts)),
        unconfirmed=tuple(unconfirmed),
        untidy=tuple(dict.fromkeys([*unconfirmed, *duplicates])),
        in_units=in_units(seen.hosts),
    )
    if of_hosts.problems:
        return replace(of_hosts, by_hand=tuple(_by_hand(seen.hosts, wanted)) if wanted else ())
    if wanted is None or wanted.towards == "look":
        return of_hosts
    try:
        return _towards(of_hosts, seen, wanted)
    except InputError as error:
        return replace(of_hosts, problems=(str(error),))


def _by_hand(hosts: t.Mapping[str, Observation], wanted: Wanted) -> t.Iterator[str]:
    """Yield what the way out of an unknown distribution leads to, as far as the hosts show it."""
    unknown = {host: observed for host, observed in hosts.items() if not observation.sets_flags_of(observed)}
    if not unknown or wanted.towards == "running":
        return
    names = {name for observed in unknown.values() for name in observed.get("other_distributions", [])}
    try:
        text = by_hand_unasked(
            wanted.issuer,
            [observed["running_flags"].get(ISSUER, []) for observed in hosts.values()],
            towards="back" if wanted.towards == "back" else "issuer",
            jwks_uri=wanted.jwks_uri,
            flags=check_flags(wanted.flags),
            distribution=names.pop() if len(names) == 1 else "",
            version=next((observed["version"] for observed in unknown.values() if observed["version"]), ""),
        )
    except InputError as error:
        text = (str(error),)
    if text:
        yield f"It will ask for what follows on {', '.join(unknown)}, a pass at a time. Set nothing before it does."
        yield from text


def _towards(of_hosts: Plan, seen: Seen, wanted: Wanted) -> Plan:
    servers = observation.servers(seen.hosts)
    known = wanted.issuer in {issuer for server in servers for issuer in server.issuers}
    aim, notes = _AIMS[wanted.towards](servers, wanted)
    steps = tuple(rollout(servers, aim))
    if wanted.towards == "accept":
        steps = tuple(step for step in steps if step.phase == "accept")
    applies = known or wanted.towards != "back"
    _refuse_unlisted(seen)
    _refuse_impossible(seen.hosts, steps if applies else ())
    after = replace(
        of_hosts,
        issuer=aim.issuer,
        applies=applies,
        steps=steps if applies else (),
        says=tuple(in_words(servers, steps)) if applies else (),
        notes=notes,
        listed=listed({host: observed["running_flags"] for host, observed in seen.hosts.items()}, seen.slices or ()),
    )
    return _with_upkeep(after, seen, seen.writer, reached(servers, aim, steps)) if seen.writer and applies else after


def _to_issuer(_servers: list[Server], wanted: Wanted) -> tuple[Goal, tuple[str, ...]]:
    aim = goal(
        wanted.issuer,
        jwks_uri=wanted.jwks_uri,
        flags=wanted.flags,
        retired=wanted.retired,
        signing_kid=wanted.signing_kid,
        retired_kids=wanted.retired_kids,
        retired_audiences=wanted.retired_audiences,
    )
    return aim, ()


def _back(servers: list[Server], wanted: Wanted) -> tuple[Goal, tuple[str, ...]]:
    way = way_back(servers, wanted.issuer, retired=wanted.retired, kept=wanted.kept_manifests)
    if not way.issuer and any(wanted.issuer in server.issuers for server in servers):
        raise InputError(
            f"{wanted.issuer} is the one issuer of {_names(servers)}, so there is none to go back to.",
            fix="Run the role irsa_apiserver with irsa_apiserver_issuer_url set to the issuer that should sign.",
        )
    # With the published issuer goes the audience that it brought.
    brought = [wanted.issuer] if wanted.issuer in wanted.retired else []
    gone = [*wanted.retired_audiences, *brought]
    return goal(way.issuer, jwks_uri=way.jwks_uri, retired=wanted.retired, retired_audiences=gone), way.notes


def _as_running(servers: list[Server], wanted: Wanted) -> tuple[Goal, tuple[str, ...]]:
    signing = [server.issuers[0] if server.issuers else "none" for server in servers]
    if len({*signing}) > 1:
        raise InputError(
            f"Upgrades and joins: the API servers of {_names(servers)} sign with {', '.join(signing)}, as in the "
            "middle of a rollout, and which of them should be kept is not known.",
            fix="Run the role irsa_apiserver first.",
        )
    return goal(signing[0], jwks_uri=next(iter(servers[0].flags.get(JWKS_URI, [])), ""), flags=wanted.flags), ()


_AIMS: t.Final[dict[Towards, t.Callable[[list[Server], Wanted], tuple[Goal, tuple[str, ...]]]]] = {
    "issuer": _to_issuer,
    "accept": _to_issuer,
    "back": _back,
    "running": _as_running,
}


def _refuse_unlisted(seen: Seen) -> None:
    """Refuse API servers that the cluster has by its own account, and that are on none of the hosts."""
    strange = unlisted([observed["running_flags"] for observed in seen.hosts.values()], seen.slices or ())
    if strange:
        raise InputError(
            f"The cluster has an API server at {', '.join(strange)} (EndpointSlices of default/kubernetes), which is "
            f"the --advertise-address of none of {', '.join(seen.hosts)}. A token that one API server signs is used at "
            "all of them, so they change together.",
            fix="Add its host to the group of the control plane in the inventory; or if that server is gone, run again "
            "in a minute, when its lease has ended.",
        )


def _refuse_impossible(hosts: t.Mapping[str, Observation], steps: t.Iterable[Step]) -> None:
    """Refuse a change of issuers before the first host gets it, where a host's distribution cannot hold it."""
    for step in steps:
        refusal = hosts[step.host].get("refusal")
        if refusal and ISSUER in step.flags:
            problem, fix = refusal
            raise InputError(f"{step.host}: {problem}", fix=fix)


def _with_upkeep(after: Plan, seen: Seen, writer: Writer, flags: t.Mapping[str, list[str]]) -> Plan:
    unseen = [host for host in seen.hosts if host not in writer.sources.hosts]
    if unseen:
        raise InputError(
            f"Upgrades and joins: what kubeadm writes the manifest from on {', '.join(unseen)} is not known.",
            fix="Look at those hosts with onprem.irsa.control_plane_info and its option kubeadm, and pass what it "
            "returns of kubeadm on each host in keeper.hosts.",
        )
    if not writer.sources.configuration:
        raise InputError(
            "The cluster has no ConfigMap kube-system/kubeadm-config with a ClusterConfiguration, which keeps the "
            "flags at upgrades.",
            fix="Make it with `kubeadm init phase upload-config kubeadm`, or set irsa_apiserver_kept_by to none, and "
            "run it again.",
        )
    wanted, versions = dict(flags), [observed["version"] for observed in seen.hosts.values()]
    found = kubeadm_sources.problems(writer.sources, wanted, versions, writer.keeper, told=writer.told)
    if found:
        return replace(after, problems=tuple(found))
    kept = kubeadm_sources.keeping(writer.sources, wanted, versions, writer.keeper)
    on_hosts = bool(kept.patch) and writer.keeper == "kubeadm"
    upkeep = Upkeep(
        configuration=kept.configuration,
        changes_configuration=kept.configuration != writer.sources.configuration,
        patch=kept.patch,
        unpatched=tuple(kubeadm_sources.unpatched(writer.sources, kept.patch)) if on_hosts else (),
        outdated=tuple(kubeadm_sources.outdated(writer.sources, keeps_patch=on_hosts)),
        report=_told(writer, kept.avoid, on_hosts=on_hosts),
    )
    return replace(after, upkeep=upkeep)


def _told(writer: Writer, avoid: str, *, on_hosts: bool) -> str:
    if writer.keeper == "kubespray":
        return f"kept by kubespray once it has the variables in {writer.file}"
    patches = f" and in {writer.sources.patches_directory}" if on_hosts else ""
    warning = f"; skip {avoid}, with which another issuer would sign" if avoid else ""
    return f"kept in kubeadm-config{patches}{warning}"


def report(after: Plan, wanted: Wanted, hosts: t.Iterable[str], *, restarted: t.Sequence[float], checking: bool) -> str:
    """Return in a line what was done, or would be.

    restarted: for each restart that was done, the seconds without an answer.
    checking: whether nothing is done, as in check mode.
    """
    if not after.applies:
        return f"no API server knows {wanted.issuer}"
    said = ("would be accepted", "is accepted") if wanted.towards == "accept" else ("would sign", "signs")
    signs = said[0] if checking and after.steps else said[1]
    count = len(restarted) + len(after.steps)
    longest = max(restarted, default=0)
    times = f"; restarts: {count}" if count else ", as before"
    silence = f"; longest time without an answer: {longest} s" if longest > 0 else ""
    return f"{after.issuer} {signs} on {', '.join(hosts)}{times}{silence}"


def _names(servers: t.Iterable[Server]) -> str:
    return ", ".join(server.host for server in servers)


__all__: t.Final = ("Plan", "Seen", "Towards", "Upkeep", "Wanted", "Writer", "plan", "report")
