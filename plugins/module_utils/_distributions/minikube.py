# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""minikube, which calls kubeadm inside of its node. PRIVATE to the collection: it may change without notice.

C(--extra-config) is a map to kubeadm's C(extraArgs), so that a flag has one value (minikube,
pkg/minikube/bootstrapper/bsutil/extraconfig.go), and every start writes the manifests again from it. So two issuers
hold until the next start. Pure, and for the controller alone.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.onprem.irsa.plugins.module_utils._distributions.by_hand import block
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.kubeadm import KUBEADM, Kubeadm
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import (
    ISSUER,
    Flags,
    Marks,
    Seen,
    Upkeep,
)

_DATA = "/var/lib/minikube"


@dataclass(frozen=True)
class Minikube(Kubeadm):
    """The node of a minikube, which is a machine or a container of its own."""

    name: str = "minikube"
    special_form_of: str = KUBEADM.name

    @property
    def marks(self) -> Marks:
        """What the host's part looks for."""
        return Marks((_DATA,), super().marks.globs, (), super().marks.programs)

    def detect(self, seen: Seen) -> bool:
        """Return whether kubeadm wrote the manifest for certificates where minikube keeps them."""
        return super().detect(seen) and f"={_DATA}/certs/" in seen.files.get(self.manifest, "")

    def upkeep(self, version: str | None) -> Upkeep:
        """Return what a start of minikube writes again."""
        return Upkeep(
            undone_by="Every `minikube start` writes the manifest again, with one value for each flag.",
            put_instead=f"`minikube start --extra-config=apiserver.{ISSUER}=URL` for the issuer that signs; run the "
            "play again after each start for the others.",
        )

    @property
    def kubectl(self) -> str:
        """How the node's API server is asked, from outside of the node."""
        return "minikube kubectl --"

    def about(self) -> str:
        """Return where the flags are, and how a change comes into force."""
        return f"{super().about()} With minikube, all of this is inside of its node: `minikube ssh`, then `sudo`."

    def kept_by_hand(self, wanted: Flags, version: str | None) -> str:
        """Return what a start of minikube can keep."""
        options = [f"--extra-config=apiserver.{name}={value}" for name, value in single(wanted).items()]
        joined = " \\\n  ".join(["minikube start", *options])
        return (
            "The next `minikube start` writes the manifest again. It holds one value for each flag, so that the issuer "
            "that signs stays, and tokens of the others are refused until pods have new ones, or until these lines "
            f"are in the manifest again:\n\n{block(joined)}"
        )


def single(flags: Flags) -> dict[str, str]:
    """Return what C(--extra-config) can hold of flags: of issuers the first, which signs, of others what counts."""
    return {name: values[0 if name == ISSUER else -1] for name, values in flags.items() if values}


MINIKUBE: t.Final = Minikube()

__all__: t.Final = ("MINIKUBE", "Minikube", "single")
