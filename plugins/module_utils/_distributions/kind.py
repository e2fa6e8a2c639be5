# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""kind, whose nodes are containers in which kubeadm runs once. PRIVATE to the collection.

Nothing writes the manifest of a node again: kind has no upgrade, and a node that is started again keeps its files. A
new cluster comes from kind's configuration, C(kubeadmConfigPatches). Pure, and for the controller alone.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.onprem.irsa.plugins.module_utils._distributions.by_hand import block
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.kubeadm import KUBEADM, Kubeadm
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import Flags, Marks, Seen, Upkeep

_DIRECTORY = "/kind"  # of every node image (kind, images/base)


@dataclass(frozen=True)
class Kind(Kubeadm):
    """A node of kind."""

    name: str = "kind"
    special_form_of: str = KUBEADM.name

    @property
    def marks(self) -> Marks:
        """What the host's part looks for."""
        return Marks((_DIRECTORY,), super().marks.globs, (), super().marks.programs)

    def detect(self, seen: Seen) -> bool:
        """Return whether kubeadm wrote the manifest, in a node of kind."""
        return super().detect(seen) and _DIRECTORY in seen.directories

    def upkeep(self, version: str | None) -> Upkeep:
        """Return what a new cluster needs."""
        return Upkeep(
            undone_by="",
            put_instead="A new cluster needs the flags in kind's own configuration, as kubeadmConfigPatches; the "
            "module onprem.irsa.irsa_kind_config writes it.",
        )

    def about(self) -> str:
        """Return where the flags are, and how a change comes into force."""
        return (
            f"{super().about()} With kind, all of this is inside of the containers that `kind get nodes` names: "
            "`docker exec -it NODE bash`; copy the file out and in where the image has no editor "
            "(`docker cp NODE:FILE .`)."
        )

    def kept_by_hand(self, wanted: Flags, version: str | None) -> str:
        """Return what keeps the flags, which is the node itself."""
        return (
            "The nodes keep it as long as they exist. A new cluster comes from kind's configuration, which the module "
            "onprem.irsa.irsa_kind_config writes with the issuer for every version. Look at the order that comes "
            "out:\n\n"
            f"{block('docker exec NODE grep service-account-issuer ' + self.manifest)}"
        )


KIND: t.Final = Kind()

__all__: t.Final = ("KIND", "Kind")
