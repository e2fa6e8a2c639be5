# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How kubeadm keeps flags of the API server. PRIVATE to the collection: it may change without notice.

Pure. C(kubeadm upgrade) and C(kubeadm join) write a manifest anew, from the ClusterConfiguration in the cluster and
from patch files on the node (kubeadm, "Customizing components with the kubeadm API"). C(extraArgs) replace every value
that kubeadm itself gives a flag. As a map (v1beta3) they hold one value; as a list (v1beta4) several, which older
releases sort by value (kubernetes issue 135400), so that another issuer may come first and sign. A JSON patch of the
command keeps its order everywhere, but has to be on every node, and is used only when C(--patches) names its directory.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._rollout import ISSUER

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._flags.arguments import Flags

Configuration = t.Mapping[str, t.Any]
"""A ClusterConfiguration."""

Operation = dict[str, str]
"""An operation of a JSON patch (RFC 6902)."""

_MAP_VERSIONS = ("kubeadm.k8s.io/v1beta2", "kubeadm.k8s.io/v1beta3")
_LIST_VERSIONS = ("kubeadm.k8s.io/v1beta4",)

# The first patch release of each minor one that was seen to keep the order.
_KEEPS_ORDER = {(1, 32): 13, (1, 33): 13, (1, 34): 4, (1, 35): 4}
_KEEPS_ORDER_FROM = (1, 36)

_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+).*")
_DNS_DOMAIN = "cluster.local"


@dataclass(frozen=True)
class Kept:
    """What makes kubeadm write certain flags into every manifest of the API server."""

    configuration: dict[str, t.Any]
    """The ClusterConfiguration as it is to be."""
    patch: tuple[Operation, ...]
    """The JSON patch of the manifest that every node needs beside it; mostly none."""
    avoid: str = ""
    """The first releases of the next minor one, which would write the values in another order; mostly none."""


def keeps_order(version: str) -> bool:
    """Return whether this release of kubeadm keeps the order of repeated flags in C(extraArgs)."""
    major, minor, patch = _numbers(version)
    first = _KEEPS_ORDER.get((major, minor))
    return (major, minor) >= _KEEPS_ORDER_FROM if first is None else patch >= first


def _numbers(version: str) -> tuple[int, int, int]:
    match = _VERSION.fullmatch(version)
    if match is None:
        raise InputError(f"{version!r} is no version of Kubernetes.", fix="Write it like v1.34.4.")
    major, minor, patch = (int(number) for number in match.groups())
    return major, minor, patch


def _sorting_after(version: str) -> str:
    """Return the releases of the next minor one that sort repeated flags; kubeadm upgrades to no later one at once."""
    major, minor, _patch = _numbers(version)
    first = _KEEPS_ORDER.get((major, minor + 1))
    return "" if first is None else f"{major}.{minor + 1}.0 to {major}.{minor + 1}.{first - 1}"


def kept(configuration: Configuration, flags: Flags, version: str) -> Kept:
    """Return what makes kubeadm of this version give the API server these flags; others stay as they are.

    flags: values by name, in their order; an empty list stands for a flag that nobody sets.
    """
    if configuration.get("apiVersion") in _LIST_VERSIONS and keeps_order(version):
        in_order = all(values == sorted(values) for values in flags.values())
        return Kept(_with_extra_args(configuration, flags), (), "" if in_order else _sorting_after(version))
    if configuration.get("apiVersion") not in _LIST_VERSIONS + _MAP_VERSIONS:
        raise InputError(
            f"The ClusterConfiguration has the unknown apiVersion {configuration.get('apiVersion')!r}.",
            fix="Bring it up to date with `kubeadm config migrate`.",
        )
    own = {name: [_own_value(configuration, name, values)] if values else [] for name, values in flags.items()}
    written = {name: values for name, values in own.items() if values != [_default_issuer(configuration, name)]}
    left_to_kubeadm: Flags = {name: [] for name in own if name not in written}
    return Kept(_with_extra_args(configuration, {**left_to_kubeadm, **written}), tuple(command_patch(flags, own)))


def patched(configuration: Configuration, flags: Flags) -> Kept:
    """Return a patch that gives the API server these flags with a configuration that stays as it is.

    For those who write the configuration themselves, as kubespray does, in which a flag has one value.
    """
    now = {ISSUER: [default_issuer(configuration)], **extra_args(configuration)}
    own = {name: now.get(name, [])[:1] for name in flags}
    return Kept(dict(configuration), tuple(command_patch(flags, own)))


def command_patch(flags: Flags, own: Flags) -> list[Operation]:
    """Return the JSON patch that adds to the command what is not kubeadm's own value, in the order of the values.

    Of issuers the first signs, of most other flags the last counts: those come first, and these last.
    """
    first: list[Operation] = []
    last: list[Operation] = []
    for name, values in flags.items():
        added = [value for value in values if [value] != own[name]]
        place = values.index(own[name][0]) if own[name] and own[name][0] in values else len(values) * (name == ISSUER)
        first += [_added(name, value, "1") for value in reversed(added[:place])]
        last += [_added(name, value, "-") for value in added[place:]]
    return first + last


def default_issuer(configuration: Configuration) -> str:
    """Return the issuer that kubeadm sets by itself (kubeadm, app/phases/controlplane/manifests.go)."""
    domain = (configuration.get("networking") or {}).get("dnsDomain") or _DNS_DOMAIN
    return f"https://kubernetes.default.svc.{domain}"


def extra_args(configuration: Configuration) -> Flags:
    """Return the C(extraArgs) of the API server, whichever form they have."""
    given = (configuration.get("apiServer") or {}).get("extraArgs") or {}
    if isinstance(given, t.Mapping):
        return {name: [str(value)] for name, value in given.items()}
    flags: Flags = {}
    for argument in given:
        flags.setdefault(argument["name"], []).append(str(argument["value"]))
    return flags


def _own_value(configuration: Configuration, name: str, values: t.Sequence[str]) -> str:
    """Return which of a flag's values kubeadm is to write: what it writes now, or else the last."""
    now = extra_args(configuration).get(name) or [_default_issuer(configuration, name)]
    return now[0] if now[0] in values else values[-1]


def _default_issuer(configuration: Configuration, name: str) -> str:
    return default_issuer(configuration) if name == ISSUER else ""


def _with_extra_args(configuration: Configuration, flags: Flags) -> dict[str, t.Any]:
    now = extra_args(configuration)
    if all(now.get(name, []) == values for name, values in flags.items()):
        return dict(configuration)
    after = {**{name: values for name, values in now.items() if name not in flags}, **flags}
    pairs = [(name, value) for name, values in after.items() for value in values]
    arguments: t.Any = dict(pairs)
    if configuration["apiVersion"] in _LIST_VERSIONS:
        arguments = [{"name": name, "value": value} for name, value in pairs]
    return {**configuration, "apiServer": {**(configuration.get("apiServer") or {}), "extraArgs": arguments}}


def _added(name: str, value: str, place: str) -> Operation:
    return {"op": "add", "path": f"/spec/containers/0/command/{place}", "value": f"--{name}={value}"}


__all__: t.Final = (
    "Configuration",
    "Kept",
    "Operation",
    "command_patch",
    "default_issuer",
    "extra_args",
    "keeps_order",
    "kept",
    "patched",
)
