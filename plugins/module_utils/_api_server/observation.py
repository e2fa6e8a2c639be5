# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the observation of control-plane hosts means. PRIVATE to the collection: it may change without notice.

Pure, and for the controller alone: a manifest takes a YAML library.
"""

from __future__ import annotations

import json
import re
import typing as t
from contextlib import suppress
from dataclasses import asdict, dataclass, replace

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.audiences import AUDIENCES, given, of_aws
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.rollout import ISSUER, Server
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.service import (
    SERVICES,
    EditsPlan,
    described_by_room,
)
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.registry import SHOW
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._flags.arguments import check_flags
from ansible_collections.onprem.irsa.plugins.module_utils._flags.expansion import shown
from ansible_collections.onprem.irsa.plugins.module_utils._flags.manifest import digest
from ansible_collections.onprem.irsa.plugins.module_utils._flags.probes import failing
from ansible_collections.onprem.irsa.plugins.module_utils._flags.serving import serving
from ansible_collections.onprem.irsa.plugins.module_utils._flags.static_pod_flags import annotated, parse, same_pod

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._flags.arguments import Flags
    from ansible_collections.onprem.irsa.plugins.module_utils._flags.static_pod_flags import StaticPod

# STS takes tokens whose times are up to 5 minutes off; half of that is left to AWS's own clocks and to the run.
MAX_CLOCK_OFFSET: t.Final = 150.0

# What the collection is tried on; the README promises no older one.
OLDEST_KUBERNETES: t.Final = (1, 30)

# Its value follows from the content of the files for which the component is restarted.
_RESTART_FOR = "onprem.irsa/restart-for-sha256"

# Another value each time that files with the same pod are moved away: the kubelet forgets the pod with each of them.
_MOVED_AWAY = "onprem.irsa/moved-away"

_FORERUNNER_OF = "onprem.irsa/forerunner-of"

_SUPPORTED = ("kubeadm", *SERVICES)

_SIGNER = "service-account-signing-endpoint"

_MOVE_AWAY = "Move all but the right one out of the manifests directory."

Observation = t.Mapping[str, t.Any]
"""What C(control_plane_info) returns for one host."""


def described(observed: Observation, *, now: float) -> dict[str, t.Any]:
    """Return a host module's observation with what follows from the manifest's text and from the controller's time.

    now: seconds since the epoch on the controller, at the moment of the observation.
    """
    manifests = observed["manifests"]
    flags: Flags = {}
    duplicates: list[str] = []
    if observed["manifest"] in manifests:
        path = observed["manifest"]
        flags = _parsed(manifests[path], observed).flags
        duplicates = same_pod(manifests, path)
    of_room = described_by_room(observed)
    flags = of_room.pop("flags", flags)
    drift = differing(flags, of_room.get("running_flags") or observed["running_flags"])
    return {
        **{name: value for name, value in observed.items() if name not in ("manifests", "seen")},
        "flags": flags,
        "drift": drift,
        "duplicates": duplicates,
        "obstacle": "",
        "refusal": [],
        **of_room,
        "settled": observed["ready"] and not drift,
        "clock_offset": round(observed["clock"] - now, 1),
    }


def _parsed(text: str, observed: Observation) -> StaticPod:
    """Return a manifest as the kubelet starts it, with what the process shows of values that the kubelet alone knows.

    Such a value is that of the process where one makes the manifest's flags those of the process.
    """
    component, path = observed["component"], observed["manifest"]
    pod = parse(text, component, source=path)
    values = shown(pod.flags, observed["running_flags"], pod.hidden)
    return parse(text, component, source=path, shown=values) if values else pod


def differing(flags: Flags, other: Flags) -> list[str]:
    """Return the names of the flags whose values differ, or the order of their values."""
    return sorted(name for name in {*flags, *other} if flags.get(name) != other.get(name))


@dataclass(frozen=True)
class FlagsPlan:
    """A change of flags on one host."""

    component: str
    manifest: str
    content: str
    planned_on: str
    """SHA-256 digest (hex) of the manifest that was looked at."""
    flags: Flags
    """All flags that the new process runs with; C($(NAME)) stands for the value of one of the variables."""
    variables: tuple[str, ...]
    """Variables in the flags whose values the kubelet alone knows."""
    api: dict[str, str]
    """Where the new process answers, to what, and with which client certificate."""
    before: Flags
    after: Flags
    """Of the flags that were asked for, what the manifest says and should say."""
    restart_for: tuple[str, ...]
    """The files whose content is read again by the change."""
    forerunner: str
    """The same with another annotation, that is there while the old process ends; empty where there is none."""
    move_away: tuple[str, ...]
    """Other files with the same pod, to be moved out of the manifests directory."""
    reached: bool
    """Whether nothing is left to do, not even to wait."""


def planned(
    observed: Observation,
    manifests: t.Mapping[str, str],
    flags: t.Mapping[str, object],
    *,
    expected: t.Mapping[str, object] | None = None,
    move_duplicates: bool = False,
) -> FlagsPlan:
    """Return the change that gives a host these flags; manifests are the texts that were read with the observation.

    expected: the flag values that the change was planned from; any value other than this or the new one is refused.
    move_duplicates: whether to move other files with the same pod away, where the right one of them runs.
    Where the observation has digests of files, the process must have read these contents.

    Raises InputError where there is no manifest to change, or no telling which one the kubelet runs.
    """
    path, component = observed["manifest"], observed["component"]
    unit = observed.get("unit")
    if unit and path not in manifests:
        raise InputError(
            f"{unit} of systemd runs {component}, and no flags of {component} are changed there; nothing was touched.",
            fix=f"Set them in ExecStart= by hand (`systemctl cat {unit}`), and run `systemctl daemon-reload && "
            f"systemctl restart {unit}`.",
        )
    if path not in manifests:
        raise InputError(
            f"There is no static pod {path} of {component}.", fix="Name the directory that the kubelet reads."
        )
    duplicates = observed["duplicates"]
    if duplicates and (observed["drift"] or not move_duplicates):
        raise InputError(_ambiguous(observed), fix=_MOVE_AWAY)
    pod = _parsed(manifests[path], observed)
    _refuse_unexpected(pod, check_flags(expected or {}), wanted=check_flags(flags))
    content = _content(pod, flags, observed["digests"], restart=bool(duplicates))
    after = _parsed(content, observed)
    _refuse_failing_probes(pod, after)
    as_written = parse(content, component, source=path)
    return FlagsPlan(
        component=component,
        manifest=path,
        content=content,
        planned_on=digest(pod.text),
        flags=as_written.flags,
        variables=as_written.hidden,
        api=_api(after),
        before={name: pod.flags.get(name, []) for name in flags},
        after={name: after.flags.get(name, []) for name in flags},
        restart_for=tuple(observed["digests"]) if content != pod.text else (),
        forerunner=_forerunner(replace(pod, text=content)),
        move_away=tuple(duplicates),
        reached=content == pod.text and not duplicates and observed["settled"] and not observed["unconfirmed"],
    )


def _api(pod: StaticPod) -> dict[str, str]:
    api = asdict(serving(pod.component, pod.flags))
    return {**api, **{name: pod.on_host(api[name]) for name in ("client_cert", "client_key") if api[name]}}


def _refuse_unexpected(pod: StaticPod, expected: Flags, *, wanted: Flags) -> None:
    """Refuse a flag that is neither as it was nor as it should be: that one, an equal run has set in the meantime."""
    for name, values in expected.items():
        found = pod.flags.get(name, [])
        if found not in (values, wanted.get(name, values)):
            raise InputError(
                f"{pod.source}: --{name} is {found} and was {values} when the change was planned; nothing was touched.",
                fix="Another run, or somebody by hand, has changed it. Run the play again: it plans on what is there.",
            )


def _refuse_failing_probes(before: StaticPod, after: StaticPod) -> None:
    """Refuse a change after which the component is ready, and the kubelet restarts it all the same minutes later."""
    reason = failing(after.probes, after.component, before.flags, after.flags)
    if reason:
        raise InputError(
            f"{before.source}: {reason}: the kubelet would restart {after.component} again and again, minutes after it "
            "was ready; nothing was touched.",
            fix="Leave that flag as it is, or change the probes with it, by what wrote the manifest.",
        )


def _content(pod: StaticPod, flags: t.Mapping[str, object], digests: t.Mapping[str, str], *, restart: bool) -> str:
    content = pod.with_flags(flags)
    if digests:
        content = annotated(replace(pod, text=content), _RESTART_FOR, digest(json.dumps(digests)))
    if restart:
        content = annotated(replace(pod, text=content), _MOVED_AWAY, digest(pod.text))
    return content


def _forerunner(pod: StaticPod) -> str:
    with suppress(InputError):
        return annotated(pod, _FORERUNNER_OF, digest(pod.text))
    return ""


def explained(plan: FlagsPlan | EditsPlan, host: str, result: t.Mapping[str, t.Any]) -> str:
    """Return what a failure of the host's part means: the host, the flags, the reason, and what to try next."""
    if "reason" not in result:
        return f"{host}: {result.get('msg', 'the module failed')}"
    changed = {name: values for name, values in plan.after.items() if values != plan.before[name]}
    words = [f"--{name}={value}" for name, values in changed.items() for value in values]
    words += [f"no --{name}" for name, values in changed.items() if not values]
    if not words:
        words = [
            f"the content of {' and '.join(plan.restart_for)}"
            if plan.restart_for
            else f"the {'unit' if isinstance(plan, EditsPlan) else 'manifest'} that is there"
        ]
    asked = f"with {' '.join(words)}"
    return f"{host}, {asked}: {result['msg']} {_next(plan, host, result)}"


def _next(plan: FlagsPlan | EditsPlan, host: str, result: t.Mapping[str, t.Any]) -> str:
    if result["recovered"]:
        return (
            f"It gave no answer for {result['unavailable_seconds']:.0f} s. Correct the flags, see what the play would "
            "change with `ansible-playbook --check --diff`, and run it again."
        )
    if isinstance(plan, EditsPlan):
        return (
            f"On {host}, `systemctl status {plan.restart.unit}` says where it stands, and `journalctl -u "
            f"{plan.restart.unit} -n 50` why it ended. Correct {plan.manifest} there; what it said earlier is in the "
            "backup directory."
        )
    return (
        f"On {host}, `journalctl -u kubelet -n 50` says what the kubelet does, `crictl ps -a --name {plan.component}` "
        f"lists the attempts, and `crictl logs ID` shows why one ended. Correct {plan.manifest} there; its earlier "
        "versions are in the backup directory."
    )


def problems(
    hosts: t.Mapping[str, Observation],
    *,
    duplicates_allowed: bool = False,
    links_allowed: bool = False,
    keys_change: bool = False,
) -> list[str]:
    """Return why the control plane must not be changed as it is: one sentence and its fix for each problem.

    duplicates_allowed: whether several files may hold the same pod, as long as the right one of them runs.
    links_allowed: whether a manifest may be a symbolic link, as where it is only read.
    keys_change: whether keys may differ between hosts, and between files and processes, as while they are rotated.
    A host with a change that was cut off and not seen running yet is judged later: that change is ended first.
    """
    settled = {host: observed for host, observed in hosts.items() if not observed["unconfirmed"]}
    found = [problem for host, observed in hosts.items() for problem in _of_host(host, observed)]
    if not duplicates_allowed:
        found += [
            f"{host}: {_ambiguous(observed)} {_MOVE_AWAY}" for host, observed in hosts.items() if observed["duplicates"]
        ]
    if not links_allowed:
        found += [_linked(host, observed) for host, observed in hosts.items() if observed.get("manifest_link")]
    found += [problem for host, observed in settled.items() for problem in _of_process(host, observed)]
    accepting = {host: observed for host, observed in settled.items() if _accepts_tokens(observed)}
    return [*found, *_of_signers(accepting), *([] if keys_change else _of_keys(accepting))]


def warnings(hosts: t.Mapping[str, Observation]) -> list[str]:
    """Return what is odd about the control plane and is left as it is: one sentence and its fix for each."""
    return [warning for host, observed in hosts.items() for warning in _odd(host, observed)]


def _odd(host: str, observed: Observation) -> t.Iterator[str]:
    flags = observed["running_flags"]
    for issuer in flags.get(ISSUER, []):
        if "," in issuer:
            yield (
                f"{host}: --{ISSUER}={issuer} is one issuer, with a comma in its name: kube-apiserver accepts one in "
                "a flag. Tokens in use may carry it, so that it stays accepted. Name it in "
                "irsa_apiserver_retired_issuers a day later."
            )
    for audience in of_aws(given(flags.get(AUDIENCES, []))):
        yield (
            f"{host}: --{AUDIENCES} has {audience} in it, so that every token that is made for AWS is valid for the "
            "API server, too. It is left alone. Name it in irsa_apiserver_retired_audiences once no client needs it."
        )
    told = observed["loaded_kids"] is not None  # of the public keys
    certain = [key["file"] for key in observed["public_keys"]] if told else []
    stale = [file for file in observed["stale_key_files"] if file not in certain]
    if stale:
        yield (
            f"{host}: {', '.join(stale)} was written, or got another owner or mode, after {observed['component']} "
            "started, which reads key files once. Restart it if the keys in it have changed."
        )


def sets_flags_of(observed: Observation) -> bool:
    """Tell whether the collection sets the flags of a host's distribution."""
    return observed["distribution"] in _SUPPORTED


def servers(hosts: t.Mapping[str, Observation]) -> list[Server]:
    """Return what the rollout is planned from, in plain lists: those of Ansible's templates can't be copied."""
    return [
        Server(
            host,
            {name: list(values) for name, values in observed["running_flags"].items()},
            tuple(observed["kids"]),
            (observed["signing_key"] or {"kid": ""})["kid"],
        )
        for host, observed in hosts.items()
    ]


def _accepts_tokens(observed: Observation) -> bool:
    return observed["pid"] is not None and observed["component"] == "kube-apiserver"


def _ambiguous(observed: Observation) -> str:
    files = ", ".join([observed["manifest"], *observed["duplicates"]])
    return f"The files {files} hold the same pod, and the kubelet runs any one of them."


def _of_host(host: str, observed: Observation) -> t.Iterator[str]:
    if not sets_flags_of(observed):
        yield f"{host}: {observed.get('obstacle') or _unsupported(observed)}"
    release = re.match(r"v([0-9]+)\.([0-9]+)", observed["version"] or "")
    if release is not None and tuple(map(int, release.groups())) < OLDEST_KUBERNETES:
        yield (
            f"{host}: its Kubernetes is {observed['version']}, and {'.'.join(map(str, OLDEST_KUBERNETES))} is the "
            "oldest that is supported. Upgrade the cluster first."
        )
    if abs(observed["clock_offset"]) > MAX_CLOCK_OFFSET:
        yield (
            f"{host}: its clock is {observed['clock_offset']:+.0f} s off the controller's, and at most "
            f"{MAX_CLOCK_OFFSET:.0f} s are allowed: STS refuses tokens from another time. Set up NTP on both."
        )


def _linked(host: str, observed: Observation) -> str:
    return (
        f"{host}: {observed['manifest']} is a symbolic link to {observed['manifest_link']}: a change would put a file "
        "in its place, and what keeps the other file would undo it. Put the file itself there."
    )


def _unsupported(observed: Observation) -> str:
    """Return why the flags of the host's API server are not set, and the way out."""
    manifest, others = observed["manifest"], observed.get("other_distributions", [])
    not_set = "this collection does not set the flags of its API server"
    if others:
        return f"{not_set}: {' and '.join(others)} is on this host, and no {manifest} that kubeadm wrote. {SHOW}"
    if observed.get("manifest_exists", True):
        return f"{not_set}: {manifest} is not a manifest that kubeadm wrote. {SHOW}"
    return (
        f"{not_set}: {manifest} does not exist, so that kubeadm has made no control plane here, and no unit of K3s, "
        f"RKE2, k0s or MicroK8s, nor one of kube-apiserver, is there. {SHOW} If no API server runs on this host, "
        "remove it from the control-plane group in the inventory."
    )


def _of_process(host: str, observed: Observation) -> t.Iterator[str]:
    component, manifest = observed["component"], observed["manifest"]
    if not sets_flags_of(observed):
        return
    unit = observed.get("unit") if observed["distribution"] in SERVICES else ""
    if unit and observed["pid"] is None:
        yield f"{host}: no {component} runs. See `systemctl status {unit}` and `journalctl -u {unit}` there."
    elif unit and observed["drift"]:
        yield (
            f"{host}: {component} does not run with what {unit} and its files say: {_drift(observed)}. Correct them, "
            f"and run `systemctl daemon-reload && systemctl restart {unit}` there."
        )
    elif observed["pid"] is None:
        yield f"{host}: no {component} runs. See `journalctl -u kubelet` and `crictl ps -a --name {component}` there."
    elif observed["drift"]:
        yield (
            f"{host}: {component} does not run with what {manifest} says: {_drift(observed)}. Correct the manifest "
            "and wait until the kubelet has restarted it."
        )
    elif not observed["ready"]:
        yield f"{host}: {component} is not ready. See `curl -k {_health_url(observed)}?verbose` there."


def _health_url(observed: Observation) -> str:
    return f"{observed['api']['url']}{observed['api']['health']}"


def _drift(observed: Observation) -> str:
    configured, running = observed["flags"], observed["running_flags"]
    return "; ".join(
        f"{name} is {', '.join(configured.get(name, ['absent']))} in the file and "
        f"{', '.join(running.get(name, ['absent']))} in the process"
        for name in observed["drift"]
    )


def _of_signers(hosts: t.Mapping[str, Observation]) -> list[str]:
    return [
        f"{host}: an external signer signs its tokens (--{_SIGNER}={endpoint}), whose keys are in no file, so that "
        "they can be neither compared with those of other hosts nor published. Sign with a key file "
        "(--service-account-signing-key-file and --service-account-key-file)."
        for host, observed in hosts.items()
        for endpoint in observed["running_flags"].get(_SIGNER, [])[-1:]
        if endpoint
    ]


def _of_keys(hosts: t.Mapping[str, Observation]) -> list[str]:
    found = [
        f"{host}: signs with the key {key['kid']} in {key['file']}, but accepts only "
        f"{', '.join(observed['kids']) or 'none'}. Add its public half to a file that --service-account-key-file names."
        for host, observed in hosts.items()
        for key in [observed["signing_key"]]
        if key is not None and key["kid"] not in observed["kids"]
    ]
    found += [
        f"{host}: accepts tokens by {', '.join(loaded)}, the keys that it read when it started, but its key files now "
        f"hold {', '.join(observed['kids'])}: a restart would change the keys, and refuse tokens in use. Put the "
        "files back; or restart kube-apiserver there first, once the others accept these keys, too "
        "(onprem.irsa.control_plane_flags with restart_for does)."
        for host, observed in hosts.items()
        for loaded in [observed["loaded_kids"]]
        if loaded is not None and observed["kids"] and {*loaded} != {*observed["kids"]}
    ]
    by_kids: dict[tuple[str, ...], list[str]] = {}
    for host, observed in hosts.items():
        by_kids.setdefault(tuple(sorted(observed["kids"])), []).append(host)
    if len(by_kids) > 1:
        sides = "; ".join(f"{', '.join(names)}: {', '.join(kids) or 'none'}" for kids, names in by_kids.items())
        found.append(
            f"The API servers accept different keys, so that some refuse the tokens of others: {sides}. Copy the files "
            "that --service-account-key-file and --service-account-signing-key-file name from one host to the others, "
            "and restart kube-apiserver there."
        )
    return found


__all__: t.Final = (
    "MAX_CLOCK_OFFSET",
    "OLDEST_KUBERNETES",
    "FlagsPlan",
    "Observation",
    "described",
    "differing",
    "explained",
    "planned",
    "problems",
    "servers",
    "sets_flags_of",
    "warnings",
)
