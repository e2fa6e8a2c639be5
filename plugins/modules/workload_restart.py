#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: workload_restart
short_description: Restart workloads as kubectl does, and wait for their pods (internal)
version_added: 1.0.0
author:
  - The onprem.irsa authors (!UNKNOWN)
description:
  - Restarts Deployments, StatefulSets and DaemonSets by an annotation in their template, as C(kubectl rollout restart)
    does, and waits until every pod is of the new template and available.
  - With O(restart=false) it waits alone.
  - Made for the role P(onprem.irsa.irsa_webhook#role), and may change with it in any release.
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - onprem.irsa._attributes
  - onprem.irsa._attributes.k8s
options:
  workloads:
    description: The workloads of C(apps/v1).
    type: list
    elements: dict
    required: true
    suboptions:
      kind:
        description: The kind.
        type: str
        choices: [DaemonSet, Deployment, StatefulSet]
        required: true
      namespace:
        description: The namespace.
        type: str
        required: true
      name:
        description: The name.
        type: str
        required: true
  restart:
    description: Whether to restart them.
    type: bool
    default: true
  ended:
    description:
      - Whether to wait also until no pod of a former template answers any longer. A pod that ends may answer until
        then, and who has called it keeps the connection.
    type: bool
    default: false
  timeout:
    description: How many seconds to wait at most for each of them, and as many for the end of pods, but 120 at most.
    type: int
    default: 300
  hint:
    description: What to say besides, where pods do not come up.
    type: str
    default: ""
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: partial
    details:
      - A restart makes new pods each time.
requirements:
  - kubernetes >= 24.2
seealso:
  - module: onprem.irsa.injection_info
"""

EXAMPLES = r"""
- name: Restart a Deployment, and wait until its pods are new
  onprem.irsa.workload_restart:
    workloads: [{kind: Deployment, namespace: apps, name: reports}]
"""

RETURN = r"""
restarted:
  description: What was restarted, or would be in check mode, as C(kind/name).
  returned: always
  type: list
  elements: str
  sample: [Deployment/reports]
causes:
  description: What pods wait for, in the words of kubelet and scheduler.
  returned: when they do not come up
  type: list
  elements: str
"""

import typing as t
from datetime import datetime, timezone

from ansible_collections.onprem.irsa.plugins.module_utils._errors import IrsaError, reported
from ansible_collections.onprem.irsa.plugins.module_utils._injection.workloads import (
    RESTARTABLE_KINDS,
    RESTARTABLE_VERSION,
    is_rolled_out,
    not_ended,
    not_rolled_out,
    superseded,
    waited_for,
)
from ansible_collections.onprem.irsa.plugins.module_utils._kube.api import Api, k8s_module
from ansible_collections.onprem.irsa.plugins.module_utils._progress import Wait

_PAUSE = 2.0  # seconds between two looks
_LONGEST_END = 120  # seconds
_WORKLOAD: dict[str, t.Any] = {
    "kind": {"type": "str", "choices": list(RESTARTABLE_KINDS), "required": True},
    "namespace": {"type": "str", "required": True},
    "name": {"type": "str", "required": True},
}
ARGUMENT_SPEC: dict[str, t.Any] = {
    "workloads": {"type": "list", "elements": "dict", "required": True, "options": _WORKLOAD},
    "restart": {"type": "bool", "default": True},
    "ended": {"type": "bool", "default": False},
    "timeout": {"type": "int", "default": 300},
    "hint": {"type": "str", "default": ""},
}
Json = dict[str, t.Any]


def main() -> None:
    module = k8s_module(ARGUMENT_SPEC)
    asked, api = module.params, Api(module)
    restarted: list[str] = []
    with reported(module):
        try:
            for workload in asked["workloads"] if asked["restart"] else ():
                api.merge(_path(workload), _restart(), dry_run=module.check_mode)
                restarted.append(f"{workload['kind']}/{workload['name']}")
            for workload in [] if module.check_mode else asked["workloads"]:
                _wait(api, workload, asked["timeout"], asked["hint"])
                if asked["ended"]:
                    _wait_for_end(api, workload, min(asked["timeout"], _LONGEST_END))
        except IrsaError as error:
            error.add("", {**error.result, "changed": bool(restarted), "restarted": restarted})
            raise
    module.exit_json(changed=bool(restarted), restarted=restarted)


def _path(workload: Json) -> str:
    return (
        f"/apis/{RESTARTABLE_VERSION}/namespaces/{workload['namespace']}/{workload['kind'].lower()}s/{workload['name']}"
    )


def _restart() -> Json:
    now = datetime.now(timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")
    return {"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": now}}}}}


def _wait(api: Api, workload: Json, seconds: int, hint: str) -> None:
    """Wait until every pod of a workload is of its template, and available; raises IrsaError when it is not in time."""
    kind, namespace, name = workload["kind"], workload["namespace"], workload["name"]
    wait = Wait(f"the pods of {kind} {namespace}/{name}", seconds)
    while not is_rolled_out({**(api.get(_path(workload)) or _ABSENT), "kind": kind}):
        if wait.is_over:
            causes = waited_for(_pods(api, workload))
            error = not_rolled_out(kind, namespace, name, causes=causes, seconds=seconds)
            error.add(hint, error.result)
            raise error
        wait.pause(_PAUSE)


_ABSENT: Json = {"metadata": {"generation": 1}, "spec": {}, "status": {}}


def _wait_for_end(api: Api, workload: Json, seconds: int) -> None:
    """Wait until no pod of a template before is left; raises IrsaError when one stays."""
    wait = Wait(f"the end of the former pods of {workload['kind']} {workload['namespace']}/{workload['name']}", seconds)
    while superseded(pods := _pods(api, workload)):
        if wait.is_over:
            raise not_ended(workload["namespace"], pods, seconds=seconds)
        wait.pause(_PAUSE)


def _pods(api: Api, workload: Json) -> list[Json]:
    """Return the pods that the selector of a workload takes."""
    selector = ((api.get(_path(workload)) or {}).get("spec") or {}).get("selector") or {}
    labels = ",".join(f"{name}={value}" for name, value in (selector.get("matchLabels") or {}).items())
    return api.items(f"/api/v1/namespaces/{workload['namespace']}/pods", labels=labels) if labels else []


if __name__ == "__main__":
    main()
