# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenShift and OKD, whose operator sets the flags. PRIVATE to the collection: it may change without notice.

No room: there is no file to change. The operator of kube-apiserver writes the flags of every API server from the
resource C(authentication.config.openshift.io/cluster), one node after the other, and trusts the issuer from before for
24 hours more (OpenShift, "Authentication and authorization", "Bound service account tokens").
"""

from __future__ import annotations

import json
import typing as t

NAME: t.Final = "OpenShift"
"""As messages and C(irsa_apiserver_distribution) name it, in capitals or not."""
_DEFAULT: t.Final = "https://kubernetes.default.svc"  # what the operator sets where the resource names none
_RESOURCE: t.Final = "authentication.config.openshift.io"


def is_openshift(name: str) -> bool:
    """Tell whether a distribution's name is this one."""
    return name.lower() == NAME.lower()


def steps(issuer: str) -> tuple[str, ...]:
    """Return what to do so that all API servers sign with an issuer, line by line."""
    patch = json.dumps({"spec": {"serviceAccountIssuer": "" if issuer == _DEFAULT else issuer}})
    return (
        f"{NAME} and OKD: their own operator sets the flags of kube-apiserver, from the resource Authentication. It "
        "undoes any change on the nodes.",
        f"  oc patch {_RESOURCE} cluster --type=merge --patch='{patch}'",
        "The operator restarts one API server after the other. It is done when this shows PROGRESSING as False again:",
        "  oc get clusteroperator kube-apiserver",
        "This is one step, not two passes. Until every API server has the issuer, those that have not refuse the new "
        "tokens, so do it at a quiet time. The issuer from before stays accepted for 24 hours: within them, restart "
        "what holds tokens of it and does not read them again.",
    )


__all__: t.Final = ("NAME", "is_openshift", "steps")
