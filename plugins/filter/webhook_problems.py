# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._injection.problems import input_problems, problems

DOCUMENTATION = r"""
name: webhook_problems
short_description: Why pods cannot be injected as asked for
version_added: 1.0.0
author: The onprem.irsa authors (@onprem)
description:
  - Returns a sentence for everything that is wrong with the options of the role P(onprem.irsa.irsa_webhook#role), each
    with the value, the rule and the fix; or, with O(seen), for everything in a cluster that is in their way.
  - Made for the roles of this collection, and may change with them in any release.
positional: seen
options:
  _input:
    description: The options of the role, without the prefix C(irsa_webhook_).
    type: dict
    required: true
  seen:
    description:
      - What the cluster has; C(foreign) as P(onprem.irsa.foreign_webhooks#filter) returns it, C(namespace_owner), the
        label C(app.kubernetes.io/managed-by) of the namespace (V(null) where there is none), C(other_namespaces) that
        the role has made, C(nodes), how many there are, C(pull_secret_type), the type of the given Secret (empty where
        it is not there), C(priority_class_exists), V(false) where the cluster lacks the class that is asked for,
        C(apis) of M(kubernetes.core.k8s_cluster_info), C(minor), the release such as V(1.34), C(rules), the C(status)
        of a C(SelfSubjectRulesReview), and C(makes) and C(takes_away), manifests of which C(apiVersion) and C(kind)
        count.
    type: dict
seealso:
  - plugin: onprem.irsa.foreign_webhooks
    plugin_type: filter
  - plugin: onprem.irsa.injection_findings
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Refuse what cannot be run
  vars:
    problems: "{{ options | onprem.irsa.webhook_problems + options | onprem.irsa.webhook_problems(seen) }}"
  ansible.builtin.assert:
    that: problems | length == 0
    fail_msg: "{{ problems | join('\n') }}"
"""

RETURN = r"""
_value:
  description: The problems; an empty list when there are none.
  type: list
  elements: str
"""


def _filter(given: t.Mapping[str, t.Any], seen: t.Mapping[str, t.Any] | None = None) -> list[str]:
    return [*input_problems(given)] if seen is None else problems(given, seen)


class FilterModule:
    """Filters of this file, as Ansible looks them up."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"webhook_problems": _filter}
