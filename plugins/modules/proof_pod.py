#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: proof_pod
short_description: Try a pod, and run it until it has printed who it is (internal)
version_added: 1.0.0
author:
  - The onprem.irsa authors (!UNKNOWN)
description:
  - Has the API server try a pod without storing it, which shows what injects pods. With O(run) makes the pod, waits
    until it has ended, reads what it printed and removes it again, also one that an interrupted run has left.
  - What goes wrong with the pod is no failure of the module; the result says it.
  - Made for the role P(onprem.irsa.irsa_verify#role), and may change with it in any release.
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - onprem.irsa._attributes
  - onprem.irsa._attributes.k8s
options:
  definition:
    description: The manifest of the pod, with a name and a namespace.
    type: dict
    required: true
  run:
    description: Whether to run it. In check mode it is tried alone.
    type: bool
    default: false
  timeout:
    description: How many seconds to wait at most for its end.
    type: int
    default: 120
attributes:
  check_mode:
    support: full
  diff_mode:
    support: N/A
    details:
      - What it makes is gone when it ends.
  idempotent:
    support: N/A
    details:
      - A pod is run each time.
requirements:
  - kubernetes >= 24.2
seealso:
  - module: onprem.irsa.verify
"""

EXAMPLES = r"""
- name: Run a pod that prints who it is
  onprem.irsa.proof_pod:
    definition: "{{ pod }}"
    run: true
  register: proof
"""

RETURN = r"""
admitted_pod:
  description: The pod as the API server would store it, as O(onprem.irsa.verify#module:admitted_pod) takes it.
  returned: success
  type: dict
finished_pod:
  description: The pod at its end with its log, as O(onprem.irsa.verify#module:finished_pod) takes it.
  returned: with O(run), and not in check mode
  type: dict
"""

import typing as t
from contextlib import suppress

from ansible_collections.onprem.irsa.plugins.module_utils._errors import ApiError
from ansible_collections.onprem.irsa.plugins.module_utils._kube.api import Api, k8s_module
from ansible_collections.onprem.irsa.plugins.module_utils._progress import Wait

_PAUSE = 0.5  # seconds between two looks
_LEFTOVER_SECONDS = 60
_ENDED = ("Succeeded", "Failed")
# What a kubelet says of a container that will not start.
_HOPELESS = (
    "CreateContainerConfigError",
    "ErrImageNeverPull",
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
)
ARGUMENT_SPEC: dict[str, t.Any] = {
    "definition": {"type": "dict", "required": True},
    "run": {"type": "bool", "default": False},
    "timeout": {"type": "int", "default": 120},
}
Json = dict[str, t.Any]


def main() -> None:
    module = k8s_module(ARGUMENT_SPEC)
    api, pod = Api(module), module.params["definition"]
    result: Json = {"admitted_pod": _tried(api, pod)}
    if module.params["run"] and not module.check_mode:
        result["finished_pod"] = _run(api, pod, module.params["timeout"])
    module.exit_json(changed=False, **result)


def _pods(pod: Json) -> str:
    return f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods"


def _tried(api: Api, pod: Json) -> Json:
    """Return the pod as it would be stored: under another name, because one of an interrupted run may be there."""
    metadata = {**pod["metadata"], "generateName": f"{pod['metadata']['name']}-"}
    del metadata["name"]
    try:
        return {"pod": api.create(_pods(pod), {**pod, "metadata": metadata}, dry_run=True), "error": ""}
    except ApiError as error:
        return {"pod": {}, "error": str(error)}


def _run(api: Api, pod: Json, seconds: int) -> Json:
    """Run the pod to its end; return it with its log, or why there is none."""
    path = f"{_pods(pod)}/{pod['metadata']['name']}"
    try:
        _remove(api, path)
        api.create(_pods(pod), pod)
        ended = _end(api, path, seconds)
        if ended is None:
            return {"pod": {}, "log": "", "error": f"it had not ended after {seconds} seconds"}
        log = api.text(f"{path}/log") if ended["status"].get("phase") in _ENDED else ""
    except ApiError as error:
        return {"pod": {}, "log": "", "error": str(error)}
    else:
        return {"pod": ended, "log": log, "error": ""}
    finally:
        with suppress(ApiError):  # the next run removes it
            _remove(api, path)


def _remove(api: Api, path: str) -> None:
    """Remove the pod, and wait until it is gone."""
    wait = Wait("the end of the proof's pod", _LEFTOVER_SECONDS)
    api.delete(path)
    while api.get(path) is not None and wait.left:
        wait.pause(_PAUSE)


def _end(api: Api, path: str, seconds: int) -> Json | None:
    """Return the pod when it has ended or will never start; None where that takes longer."""
    wait = Wait(f"the pod of {path}", seconds)
    while wait.left:
        pod = api.get(path) or {}
        status = pod.get("status") or {}
        states = [container.get("state") or {} for container in status.get("containerStatuses") or []]
        reasons = {(state.get("waiting") or {}).get("reason") for state in states}
        if status.get("phase") in _ENDED or reasons & set(_HOPELESS):
            return pod
        wait.pause(_PAUSE)
    return None


if __name__ == "__main__":
    main()
