# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One look at the injection of a cluster, and all that follows from it. PRIVATE: it may change without notice."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, replace

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._injection.findings import Trials, findings
from ansible_collections.onprem.irsa.plugins.module_utils._injection.image import image
from ansible_collections.onprem.irsa.plugins.module_utils._injection.missed import Trial, missed, search
from ansible_collections.onprem.irsa.plugins.module_utils._injection.names import PROBE
from ansible_collections.onprem.irsa.plugins.module_utils._injection.observation import (
    begin,
    complete,
    look_at_running,
)
from ansible_collections.onprem.irsa.plugins.module_utils._injection.permissions import missing_permissions
from ansible_collections.onprem.irsa.plugins.module_utils._injection.plan import plan
from ansible_collections.onprem.irsa.plugins.module_utils._injection.probe import probe_pod, reachable, try_pod
from ansible_collections.onprem.irsa.plugins.module_utils._injection.problems import problems, resource_problems
from ansible_collections.onprem.irsa.plugins.module_utils._injection.workloads import workload_key, workload_pod

if t.TYPE_CHECKING:
    from datetime import datetime

    from ansible_collections.onprem.irsa.plugins.module_utils._injection.missed import Missed, Search
    from ansible_collections.onprem.irsa.plugins.module_utils._injection.observation import Observation
    from ansible_collections.onprem.irsa.plugins.module_utils._injection.options import Options
    from ansible_collections.onprem.irsa.plugins.module_utils._injection.probe import Server

Json = dict[str, t.Any]

_AT_ONCE: t.Final = 3  # restarts, so that a cluster goes on working


@dataclass(frozen=True)
class Look:
    """What a run has to know."""

    problems: list[str]
    plan: Json
    """Empty where there are problems."""
    missed: Missed | None
    """None in a mode that injects nothing, and where there are problems."""
    restarts: list[list[Json]] = field(default_factory=list)
    """What to restart at once, one after the other: C(kind), C(namespace) and C(name)."""


@dataclass(frozen=True)
class Moment:
    """When in a run it is looked."""

    now: datetime
    checks: bool = False
    """Whether the run changes nothing."""
    tries_restarts: bool = True
    """Whether to try which restarts would help."""


def look(read: Server, options: Options, at: Moment) -> Look:
    """Look at a cluster, and plan."""
    seen = begin(read, options, at.now)
    found = [*problems(options, seen), *missing_permissions(options, seen)]
    if found:
        return Look(found, {}, None)
    seen = complete(read, options, seen)
    if options.mode != "none":
        seen = look_at_running(read, seen, workloads=options.restart_missed)
    try:
        planned = plan(options, seen, checks=at.checks)
    except InputError as error:
        return Look([str(error)], {}, None)
    found = [*resource_problems(options, seen), *_certificate_problems(options, planned)]
    if found:
        return Look(found, {}, None)
    policy_data = (planned.get("policy") or {}).get("data") or {}
    lacking = None if options.mode == "none" else _missed(read, options, seen, policy_data, tries=at.tries_restarts)
    owners = lacking.owners if lacking is not None and options.restart_missed else []
    return Look([], planned, lacking, _batches(owners))


def _batches(owners: t.Sequence[Json]) -> list[list[Json]]:
    named = [{"kind": owner["kind"], **owner["metadata"]} for owner in owners]
    return [named[start : start + _AT_ONCE] for start in range(0, len(named), _AT_ONCE)]


def _certificate_problems(options: Options, planned: Json) -> list[str]:
    """Return what is wrong with the certificate, but for cert-manager's, which may be about to issue another."""
    problem = (planned.get("certificate") or {}).get("problem")
    is_final = options.tls != "cert-manager" or planned.get("certificate_is_issued")
    return [problem] if problem and is_final else []


def _missed(
    read: Server, options: Options, seen: Observation, policy_data: t.Mapping[str, str], *, tries: bool
) -> Missed:
    """Find pods without their role, and where their restart is asked for, try whether that would help."""
    by = search(options, seen, policy_data)
    found = missed(seen.running, by)
    if not (tries and options.restart_missed and found.owners):
        return found
    return missed(seen.running, by, _trials(read, seen, {workload_key(owner) for owner in found.owners}))


def _trials(read: Server, seen: Observation, owners: t.Container[tuple[str, str, str]]) -> list[Trial]:
    concerned = [workload for workload in seen.running.workloads if workload_key(workload) in owners]
    return [Trial(workload, try_pod(read, workload_pod(workload, PROBE))) for workload in concerned]


def diagnose(read: Server, options: Options, now: datetime, urls: t.Callable[[], t.Sequence[str]]) -> list[Json]:
    """Look at a cluster, try a pod at each API server of URLS, and say how the injection stands."""
    seen = complete(read, options, begin(read, options, now), all_of_it=False)
    seen = look_at_running(read, seen, workloads=True) if options.mode != "none" else seen
    trials = Trials()
    if seen.has_probe:
        servers, unasked = reachable(read, urls())
        pod = probe_pod(options.namespace, image(options.image, options.image_mirror).reference, is_marked=True)
        trials = Trials([try_pod(server, pod) for server in servers], unasked)
    if options.mode != "none":
        trials = replace(trials, missed=missed(seen.running, _search_now(options, seen)))
    return [finding._asdict() for finding in findings(options, seen, trials)]


def _search_now(options: Options, seen: Observation) -> Search:
    """Return how to find missed pods by what the policy reads now, not by what a run would write."""
    return search(options, seen, seen.parameters)


__all__: t.Final = ("Look", "Moment", "diagnose", "look")
