#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: injection_info
short_description: Look at what injects pods in a cluster, and plan what is asked for (internal)
version_added: 1.0.0
author:
  - The onprem.irsa authors (!UNKNOWN)
description:
  - Looks once at all that the injection of pods is about, which are webhooks, policies, certificates, service accounts,
    pods, what makes them, API servers and the rights of the kubeconfig's user. Says what is in the way of what is asked
    for, what a run of the role P(onprem.irsa.irsa_webhook#role) has to do, and which pods lack their role; or, with
    O(diagnose), how the injection stands.
  - Changes nothing. With O(options.restart_missed) or O(diagnose) it has API servers try pods that are not stored.
  - Reads private keys to compare them with their certificates, and returns none.
  - Made for the role P(onprem.irsa.irsa_webhook#role), and may change with it in any release.
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - onprem.irsa._attributes
  - onprem.irsa._attributes.k8s
  - onprem.irsa._attributes.info_module
options:
  options:
    description: The options of the role P(onprem.irsa.irsa_webhook#role) of these names, without its prefix.
    type: dict
    required: true
    suboptions:
      mode:
        description: What should inject pods.
        type: str
        choices: [webhook, policy, foreign, none]
        required: true
      namespace:
        description: The namespace of the role's objects.
        type: str
        required: true
      audience:
        description: The audience of tokens where a service account names none.
        type: str
        required: true
      region:
        description: The AWS region that pods are given; empty for none.
        type: str
        default: ""
      adopt:
        description: Whether to take the place of somebody else's webhook.
        type: bool
        default: false
      excluded_namespaces:
        description: Namespaces whose pods are not injected.
        type: list
        elements: str
        default: []
      roles:
        description: The RV(onprem.irsa.iam_roles#module:roles) that M(onprem.irsa.iam_roles) returned.
        type: list
        elements: dict
        default: []
      told_of_roles:
        description: Whether O(options.roles) are all roles. Otherwise those that a policy knows stay.
        type: bool
        default: true
      strict:
        description: Whether namespaces may ask that a pod which cannot be injected is refused.
        type: bool
        default: false
      restart_missed:
        description: Whether to restart what makes pods that lack their role.
        type: bool
        default: false
      set_flags:
        description: Whether to turn on the policy's API at the API servers.
        type: bool
        default: false
      image:
        description: The webhook's image.
        type: str
        default: ""
      image_mirror:
        description: The registry that takes the place of the image's own.
        type: str
        default: ""
      pull_secret:
        description: The Secret with the registry's credentials, as C(namespace/name).
        type: str
        default: ""
      replicas:
        description: How many pods the webhook has.
        type: int
        default: 2
      priority_class:
        description: The PriorityClass of its pods.
        type: str
        default: ""
      timeout:
        description: How many seconds an API server waits for the webhook.
        type: int
        default: 5
      host_network:
        description: Whether its pods are in the network of their hosts.
        type: bool
        default: false
      port:
        description: The port of its pods.
        type: int
        default: 8443
      network_policy:
        description: Whether it has a NetworkPolicy.
        type: bool
        default: false
      metrics_service:
        description: Whether it has a Service for its metrics.
        type: bool
        default: false
      service_monitor:
        description: Whether it has a ServiceMonitor.
        type: bool
        default: false
      prometheus_rule:
        description: Whether it has a PrometheusRule.
        type: bool
        default: false
      alert_rules_path:
        description: The file of Prometheus rules on the controller; empty for none.
        type: str
        default: ""
      tls:
        description: Where its certificate comes from.
        type: str
        choices: [own, secret, cert-manager]
        default: own
      tls_secret:
        description: The Secret with a given certificate, as C(namespace/name).
        type: str
        default: ""
      certificate_days:
        description: How many days a new certificate should be valid.
        type: int
        default: 365
  try_restarts:
    description:
      - Whether to try, with O(options.restart_missed), which restarts would help. Not in check mode, where what a run
        would change is not there.
    type: bool
    default: true
  heading:
    description:
      - The first line of the message where something is in the way. The message has a sentence for each of it, with the
        value, the rule and the fix.
    type: str
    default: Pods cannot be injected as asked for.
  diagnose:
    description: Whether to return RV(findings) in place of a plan.
    type: bool
    default: false
requirements:
  - kubernetes >= 24.2
  - cryptography >= 42
seealso:
  - module: onprem.irsa.injection_probe
  - module: onprem.irsa.workload_restart
"""

EXAMPLES = r"""
- name: Say how the injection of pods stands
  onprem.irsa.injection_info:
    options: {mode: webhook, namespace: pod-identity-webhook, audience: sts.amazonaws.com}
    diagnose: true
  register: injection

- name: Show it
  ansible.builtin.debug:
    msg: "{{ injection.findings | onprem.irsa.report_table(['link', 'state', 'found', 'fix']) }}"
"""

RETURN = r"""
plan:
  description: What the role's tasks and templates go by. It holds no private key.
  returned: without O(diagnose)
  type: dict
missed:
  description: Pods that lack the role of their service account.
  returned: without O(diagnose)
  type: dict
  contains:
    pods:
      description:
        - The pods, each with C(namespace), C(name), C(service_account), C(owner) and, where it is known, C(reason).
      type: list
      elements: dict
    owners:
      description: Manifests of the workloads whose restart makes the pods again, each once.
      type: list
      elements: dict
    left:
      description: Those of the pods to which no restart gives their role, each with a C(reason).
      type: list
      elements: dict
restarts:
  description:
    - What O(onprem.irsa.workload_restart#module:workloads) takes for RV(missed.owners), a few at a time. Empty without
      O(options.restart_missed).
  returned: without O(diagnose)
  type: list
  elements: list
findings:
  description: How the injection stands.
  returned: with O(diagnose)
  type: list
  elements: dict
  contains:
    link:
      description: The link of the chain, and what of it.
      type: str
      sample: "webhook: certificate"
    state:
      description: V(ok), V(warning) where pods have their role for now, V(broken) where they have not.
      type: str
      sample: warning
    found:
      description: What was found.
      type: str
      sample: 93 days left, until 2027-01-31
    fix:
      description: What to do next; empty where all is well.
      type: str
      sample: Run onprem.irsa.site, which renews it.
"""

import typing as t
from datetime import datetime, timezone

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.endpoints import SLICES_LABEL, SLICES_PATH, urls
from ansible_collections.onprem.irsa.plugins.module_utils._errors import reported
from ansible_collections.onprem.irsa.plugins.module_utils._injection.look import Moment, diagnose, look
from ansible_collections.onprem.irsa.plugins.module_utils._injection.options import Options
from ansible_collections.onprem.irsa.plugins.module_utils._kube.api import Api, ShownModule, k8s_module

_TEXTS = ("region", "image", "image_mirror", "priority_class", "alert_rules_path")
_NAMES_OF_SECRETS = ("pull_secret", "tls_secret")
_FLAGS = (
    "adopt",
    "strict",
    "restart_missed",
    "set_flags",
    "host_network",
    "network_policy",
    "metrics_service",
    "service_monitor",
    "prometheus_rule",
)
_OPTIONS: dict[str, t.Any] = {
    "mode": {"type": "str", "choices": ["webhook", "policy", "foreign", "none"], "required": True},
    "namespace": {"type": "str", "required": True},
    "audience": {"type": "str", "required": True},
    **{name: {"type": "str", "default": ""} for name in _TEXTS},
    **{name: {"type": "str", "default": "", "no_log": False} for name in _NAMES_OF_SECRETS},
    **{name: {"type": "bool", "default": False} for name in _FLAGS},
    "excluded_namespaces": {"type": "list", "elements": "str", "default": []},
    "roles": {"type": "list", "elements": "dict", "default": []},
    "told_of_roles": {"type": "bool", "default": True},
    "replicas": {"type": "int", "default": 2},
    "timeout": {"type": "int", "default": 5},
    "port": {"type": "int", "default": 8443},
    "tls": {"type": "str", "choices": ["own", "secret", "cert-manager"], "default": "own"},
    "certificate_days": {"type": "int", "default": 365},
}
ARGUMENT_SPEC: dict[str, t.Any] = {
    "options": {"type": "dict", "required": True, "options": _OPTIONS},
    "try_restarts": {"type": "bool", "default": True},
    "heading": {"type": "str", "default": "Pods cannot be injected as asked for."},
    "diagnose": {"type": "bool", "default": False},
}


def main() -> None:
    module = k8s_module(ARGUMENT_SPEC, ShownModule)
    api, options, now = Api(module), Options.of(module.params["options"]), datetime.now(timezone.utc)
    with reported(module):
        if module.params["diagnose"]:
            found = diagnose(api, options, now, lambda: urls(api.items(SLICES_PATH, labels=SLICES_LABEL)))
            module.exit_json(changed=False, findings=found)
        at = Moment(now, module.check_mode, module.params["try_restarts"])
        seen = look(api, options, at)
    if seen.problems:
        module.fail_json(msg="\n".join([module.params["heading"], *seen.problems]))
    missed = {} if seen.missed is None else seen.missed._asdict()
    module.exit_json(changed=False, plan=seen.plan, missed=missed, restarts=seen.restarts)


if __name__ == "__main__":
    main()
