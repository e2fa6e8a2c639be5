# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._injection.findings import findings

DOCUMENTATION = r"""
name: injection_findings
short_description: How the injection of pods stands in a cluster
version_added: 1.0.0
author: The onprem.irsa authors (@onprem)
description:
  - Says what injects pods and whether that was asked for, how many of the webhook's pods are ready, how long its
    certificate and its authority are valid and whether API servers trust them, whether a pod was injected now, and how
    many run without their role.
  - Made for the roles of this collection, and may change with them in any release.
positional: seen
options:
  _input:
    description: The options of the role P(onprem.irsa.irsa_webhook#role), without the prefix C(irsa_webhook_).
    type: dict
    required: true
  seen:
    description:
      - C(webhooks), those of the role's C(MutatingWebhookConfiguration), C(foreign) as
        P(onprem.irsa.foreign_webhooks#filter) and C(missed) as P(onprem.irsa.missed_pods#filter) return it.
      - C(policy), whether the role's policy is bound, C(policy_data), the data of its C(ConfigMap), and
        C(service_accounts), those of the cluster.
      - C(deployment), the webhook's, C(other_namespaces) that the role has made, C(secret), the name of the Secret that
        its pods serve, C(certificate), the C(tls.crt) of that or none where it may not be read, C(host), the name by
        which API servers call the webhook, and C(now), the time in UTC.
      - C(probes), what M(kubernetes.core.k8s) returned for a pod that was tried at each API server, and C(unasked), the
        URLs of API servers that the controller does not reach.
      - What nobody has looked at is empty. No private key is needed.
    type: dict
    required: true
notes:
  - Needs Python's C(cryptography) on the controller.
seealso:
  - plugin: onprem.irsa.webhook_problems
    plugin_type: filter
  - plugin: onprem.irsa.webhook_certificates
    plugin_type: filter
  - module: onprem.irsa.verify
"""

EXAMPLES = r"""
- name: Say how it stands
  ansible.builtin.debug:
    msg: "{{ options | onprem.irsa.injection_findings(seen)
      | onprem.irsa.report_table(['link', 'state', 'found', 'fix']) }}"
"""

RETURN = r"""
_value:
  description: What was found.
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


def _filter(given: t.Mapping[str, t.Any], seen: t.Mapping[str, t.Any]) -> list[dict[str, str]]:
    return [finding._asdict() for finding in findings(given, seen)]


class FilterModule:
    """Filters of this file, as Ansible looks them up."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"injection_findings": _filter}
