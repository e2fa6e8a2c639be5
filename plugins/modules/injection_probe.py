#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: injection_probe
short_description: Wait until each API server would have a pod injected (internal)
version_added: 1.0.0
author:
  - The onprem.irsa authors (!UNKNOWN)
description:
  - Has each API server of the cluster try a pod of the role's probe, without storing it, until what injects pods has
    given it what it should have, and says why where that does not happen in time.
  - Where the controller reaches no API server by itself, the one that the kubeconfig names is asked.
  - Changes nothing. A dry run asks what injects pods, so that the module does the same in check mode.
  - Made for the role P(onprem.irsa.irsa_webhook#role), and may change with it in any release.
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - onprem.irsa._attributes
  - onprem.irsa._attributes.k8s
  - onprem.irsa._attributes.info_module
options:
  purpose:
    description:
      - What has to inject the pod. V(webhook) takes any token, of the role's own webhook for the probe. V(policy) takes
        the O(role_arn). V(settings) takes O(role_arn), O(audience) and O(region), whatever injects it.
    type: str
    choices: [webhook, policy, settings]
    required: true
  namespace:
    description: The namespace of the probe's service account, and of the webhook's pods.
    type: str
    required: true
  image:
    description: The image of the pod, which is not pulled.
    type: str
    required: true
  marked:
    description:
      - Whether the pod has the label of the probe, for which the role's webhook is called that refuses it when it is
        not reached.
    type: bool
    default: true
  role_arn:
    description: The role of the probe's service account.
    type: str
    required: true
  audience:
    description: The audience of tokens.
    type: str
    required: true
  region:
    description: The AWS region; empty for none.
    type: str
    default: ""
  port:
    description: The port of the webhook's pods, for the fix.
    type: int
    default: 8443
  called:
    description: Whether API servers call, or evaluate, what was there before, for the message.
    type: bool
    default: false
  timeout:
    description: How many seconds to wait at most for each API server.
    type: int
    default: 120
requirements:
  - kubernetes >= 24.2
seealso:
  - module: onprem.irsa.injection_info
"""

EXAMPLES = r"""
- name: Wait until each API server reaches the webhook
  onprem.irsa.injection_probe:
    purpose: webhook
    namespace: pod-identity-webhook
    image: amazon/amazon-eks-pod-identity-webhook:v0.6.17
    role_arn: arn:aws:iam::000000000000:role/probe
    audience: sts.amazonaws.com
"""

RETURN = r"""
servers:
  description: The URLs of the API servers that were asked; an empty one for that of a kubeconfig which is a file.
  returned: success
  type: list
  elements: str
  sample: ["https://10.0.0.11:6443"]
unasked:
  description: The URLs of those that the controller does not reach, so that nothing is known of pods made there.
  returned: success
  type: list
  elements: str
in_force:
  description: Whether the pods have the role, the audience and the region that were asked for, and nothing of before.
  returned: success
  type: bool
waited:
  description: Whether an API server was asked again, because at first a pod lacked what is wanted.
  returned: success
  type: bool
"""

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.endpoints import SLICES_LABEL, SLICES_PATH, urls
from ansible_collections.onprem.irsa.plugins.module_utils._errors import reported
from ansible_collections.onprem.irsa.plugins.module_utils._injection.probe import (
    Server,
    Tried,
    Wanted,
    failure,
    policy_problem,
    probe_pod,
    reachable,
    settings_problem,
    try_pod,
    webhook_problem,
)
from ansible_collections.onprem.irsa.plugins.module_utils._kube.api import Api, ShownModule, k8s_module
from ansible_collections.onprem.irsa.plugins.module_utils._progress import Wait

_PAUSE = 2.0  # seconds between two trials
ARGUMENT_SPEC: dict[str, t.Any] = {
    "purpose": {"type": "str", "choices": ["webhook", "policy", "settings"], "required": True},
    "namespace": {"type": "str", "required": True},
    "image": {"type": "str", "required": True},
    "marked": {"type": "bool", "default": True},
    "role_arn": {"type": "str", "required": True},
    "audience": {"type": "str", "required": True},
    "region": {"type": "str", "default": ""},
    "port": {"type": "int", "default": 8443},
    "called": {"type": "bool", "default": False},
    "timeout": {"type": "int", "default": 120},
}


def main() -> None:
    module = k8s_module(ARGUMENT_SPEC, ShownModule)
    asked = module.params
    settings = Wanted(asked["role_arn"], asked["audience"], asked["region"])
    wanted = {"webhook": Wanted(), "policy": Wanted(asked["role_arn"]), "settings": settings}[asked["purpose"]]
    with reported(module):
        api = Api(module)
        servers, unasked = reachable(api, urls(api.items(SLICES_PATH, labels=SLICES_LABEL)))
        pod = probe_pod(asked["namespace"], asked["image"], is_marked=asked["marked"])
        trials = [_wait(server, pod, wanted, asked["timeout"]) for server in servers]
        tried = [trial for trial, _waited in trials]
        failed = [trial for trial in tried if not wanted.suffices(trial)]
    if failed:
        module.fail_json(
            msg=_problem(asked, failed, settings), servers=[trial.server for trial in tried], unasked=unasked
        )
    module.exit_json(
        changed=False,
        servers=[trial.server for trial in tried],
        unasked=unasked,
        in_force=all(map(settings.suffices, tried)),
        waited=any(waited for _trial, waited in trials),
    )


def _wait(server: Server, pod: dict[str, t.Any], wanted: Wanted, seconds: float) -> tuple[Tried, bool]:
    """Have an API server try a pod until it has what is wanted, for so many seconds at most.

    Returns the last trial, and whether it was not the first.
    """
    wait, waited = Wait(f"the API server {server.server} to inject a pod that is tried", seconds), False
    while True:
        tried = try_pod(server, pod)
        if wanted.suffices(tried) or wait.left < _PAUSE:
            return tried, waited
        waited = True
        wait.pause(_PAUSE)


def _problem(asked: dict[str, t.Any], failed: list[Tried], settings: Wanted) -> str:
    if asked["purpose"] == "settings":
        return settings_problem(failed, settings)
    why = failure(failed, port=asked["port"], namespace=asked["namespace"])
    if asked["purpose"] == "policy":
        return policy_problem(why, namespace=asked["namespace"], stands=asked["called"])
    return webhook_problem(why, namespace=asked["namespace"], called=asked["called"])


if __name__ == "__main__":
    main()
