# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How kubeadm keeps flags of the API server. PRIVATE to the collection: it may change without notice.

Pure. C(kubeadm upgrade) and C(kubeadm join) write a manifest again, from the ClusterConfiguration in the cluster and
from patch files on the node (kubeadm, "Customizing components with the kubeadm API"). C(extraArgs) replace every value
that kubeadm itself gives a flag. As a map (v1beta3) they hold one value; as a list (v1beta4) several, which older
releases sort by value (kubernetes issue 135400), so that another issuer may come first and sign. A JSON patch of the
command keeps its order everywhere, but has to be on every node, and is used only when C(--patches) or the
C(patches.directory) of a configuration names its directory.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.rollout import ISSUER, JWKS_URI
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.kubeadm_order import (
    Operation,
    command_patch,
    keeps_order,
    sorting_after,
)
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._flags.expansion import protected

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._api_server.cluster_configuration import (
        ClusterConfiguration,
    )
    from ansible_collections.onprem.irsa.plugins.module_utils._flags.arguments import Flags


@dataclass(frozen=True)
class Kept:
    """What makes kubeadm write certain flags into every manifest of the API server."""

    configuration: str
    """The text of the ClusterConfiguration as it should be."""
    patch: tuple[Operation, ...]
    """The JSON patch of the manifest that every node needs in addition; mostly none."""
    avoid: str = ""
    """The first releases of the next minor one, which would write the values in another order; mostly none."""


def kept(configuration: ClusterConfiguration, flags: Flags, versions: t.Collection[str]) -> Kept:
    """Return what makes kubeadm give the API server these flags; others stay as they are.

    flags: values by name, in their order; an empty list stands for a flag that nobody sets.
    versions: of every kubeadm that may write a manifest, and of the API servers; one that sorts decides.
    """
    if not versions:
        raise InputError("No API server tells its version.", fix="Check that it answers at /version.")
    flags = _as_written(flags)
    in_order = [keeps_order(version) for version in versions]
    if configuration.holds_repeated_flags and all(in_order):
        sorted_already = all(values == sorted(values) for values in flags.values())
        avoid = dict.fromkeys(filter(None, map(sorting_after, versions)))
        return Kept(configuration.with_extra_args(flags), (), "" if sorted_already else ", ".join(avoid))
    own = {name: [_own_value(configuration, name, values)] if values else [] for name, values in flags.items()}
    default = configuration.default_issuer
    written = {name: [] if (name, values) == (ISSUER, [default]) else values for name, values in own.items()}
    return Kept(configuration.with_extra_args(written), tuple(command_patch(flags, own)))


def _as_written(flags: Flags) -> Flags:
    """Return flags as a manifest has to say them: the kubelet replaces C($(NAME)) in it, and kubeadm does not."""
    return {name: [protected(value) for value in values] for name, values in flags.items()}


def _own_value(configuration: ClusterConfiguration, name: str, values: t.Sequence[str]) -> str:
    """Return which of a flag's values kubeadm should write: what it writes now, or else the last."""
    default = configuration.default_issuer if name == ISSUER else ""
    now = configuration.extra_args.get(name) or [default]
    return now[0] if now[0] in values else values[-1]


def patched(configuration: ClusterConfiguration, flags: Flags, written: Flags | None = None) -> Kept:
    """Return a patch that gives the API server these flags where kubespray writes the configuration.

    written: the C(extraArgs) that it will write, with one value for a flag; None where that is not known, which
    stands for none of the issuer's. What the configuration in the cluster says of these flags is not asked: it may have
    been stored by this collection, and becomes what the tool will write.

    Raises InputError for a flag that nobody should set and that kubespray writes.
    """
    flags = _as_written(flags)
    theirs = {name: values[:1] for name, values in (written or {}).items() if name in flags}
    for name, values in flags.items():
        if not values and name in theirs:
            raise InputError(
                f"kubespray writes --{name}={theirs[name][0]}, which no API server should have.",
                fix="Remove it from kube_kubeadm_apiserver_extra_args and the like in kubespray's variables.",
            )
    own = {name: theirs.get(name, [configuration.default_issuer] if name == ISSUER else []) for name in flags}
    known = flags if written is not None else [name for name in flags if name in (ISSUER, JWKS_URI)]
    told = configuration.with_extra_args({name: theirs.get(name, []) for name in known})
    return Kept(told, tuple(command_patch(flags, own)))


__all__: t.Final = ("Kept", "Operation", "command_patch", "keeps_order", "kept", "patched")
