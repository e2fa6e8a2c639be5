# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""kubespray, which calls kubeadm with a configuration of its own. PRIVATE to the collection.

Each run writes kubeadm's configuration and patches from kubespray's variables, and with them the manifests. A variable
for extra arguments is a map, with one value for a flag; C(kubeadm_patches) keeps a second issuer (kubespray,
roles/kubernetes/control-plane and roles/kubernetes/kubeadm_common). Pure, and for the controller alone.
"""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass

from ansible_collections.onprem.irsa.plugins.module_utils._distributions.by_hand import block
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.kubeadm import KUBEADM, Kubeadm, patch_for
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import Flags, Marks, Seen, Upkeep

_CERTIFICATES = "/etc/kubernetes/ssl"


@dataclass(frozen=True)
class Kubespray(Kubeadm):
    """A cluster that kubespray has made."""

    name: str = "kubespray"
    special_form_of: str = KUBEADM.name

    @property
    def marks(self) -> Marks:
        """What the host's part looks for."""
        return Marks((_CERTIFICATES,), super().marks.globs, (), super().marks.programs)

    def detect(self, seen: Seen) -> bool:
        """Return whether kubeadm wrote the manifest for certificates where kubespray keeps them."""
        return super().detect(seen) and f"={_CERTIFICATES}/" in seen.files.get(self.manifest, "")

    def upkeep(self, version: str | None) -> Upkeep:
        """Return what kubespray writes again."""
        return Upkeep(
            undone_by="Every run of kubespray writes the manifest again, and kubeadm's configuration, from its own "
            "variables.",
            put_instead="kubeadm_patches in kubespray's group variables; the role irsa_apiserver writes it where "
            "irsa_apiserver_kept_by is kubespray.",
        )

    def kept_by_hand(self, wanted: Flags, version: str | None) -> str:
        """Return the variable that makes kubespray write the same."""
        own, operations = patch_for(wanted)
        lines = "".join(f"  - {json.dumps(operation)}\n" for operation in operations)
        variable = f"kubeadm_patches:\n- target: kube-apiserver\n  type: json\n  patch:\n{lines}"
        return (
            "Before kubespray runs again, which writes the manifests again from its variables, add this to its group "
            f"variables (inventory/CLUSTER/group_vars/k8s_cluster):\n\n{block(variable)}\n\n"
            f"kubeadm itself writes {own}; kube_kubeadm_apiserver_extra_args must not have another value of these "
            "flags: an issuer that is given twice keeps the API server from starting."
        )


KUBESPRAY: t.Final = Kubespray()

__all__: t.Final = ("KUBESPRAY", "Kubespray")
