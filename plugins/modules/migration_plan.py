#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: migration_plan
short_description: Plan the next step from one issuer to another (internal)
version_added: 1.0.0
author:
  - The onprem.irsa authors (!UNKNOWN)
description:
  - Says what to do next so that API servers sign with another issuer, no token is refused meanwhile, and nothing of the
    former issuer is left in the end. Everything follows from what was observed.
  - What stops a move is returned, so that it can be shown with the state.
  - Made for the roles of this collection, and may change with them in any release.
extends_documentation_fragment:
  - onprem.irsa._attributes
  - onprem.irsa._attributes.info_module
  - onprem.irsa._attributes.on_controller
options:
  from_issuer:
    description: The issuer that should go.
    type: str
    required: true
  to_issuer:
    description: The issuer that should sign.
    type: str
    required: true
  servers:
    description: What M(onprem.irsa.control_plane_info) returned for each control-plane host.
    type: list
    elements: dict
    required: true
  published_from:
    description: What M(onprem.irsa.issuer_info) returned for O(from_issuer).
    type: dict
    required: true
  published_to:
    description: What M(onprem.irsa.issuer_info) returned for O(to_issuer).
    type: dict
    required: true
  trust:
    description: What M(onprem.irsa.iam_issuer_trust) returned.
    type: dict
    required: true
  use:
    description: What M(onprem.irsa.signing_use_info) returned, with O(from_issuer) as the audience.
    type: dict
    required: true
  listed_roles:
    description: The names of the roles that the inventory has. All others count as somebody else's.
    type: list
    elements: str
    default: []
  trust_is_complete:
    description: Whether the provider of O(to_issuer) and the roles of the inventory are as asked for.
    type: bool
    required: true
  documents_left:
    description:
      - Whether something of the documents of O(from_issuer) is left to remove, though nobody can fetch it.
      - When not given, the result says in RV(unsure) whether that has to be looked at.
    type: bool
  other_roles:
    description:
      - What to do about roles that are not among O(listed_roles). V(hold), no API server signs with O(to_issuer) while
        one of them would refuse its tokens. V(leave), nothing. V(change), their trust policies are changed, too.
    type: str
    choices: [hold, leave, change]
    default: hold
  trust_policy_limit:
    description:
      - How many characters a trust policy may have, as O(onprem.irsa.iam_roles#module:trust_policy_limit). Where
        O(other_roles=change) would make one longer, no step is planned.
    type: int
    default: 2048
  settle:
    description:
      - Seconds after which no token of O(from_issuer) is in use once no API server signs with it.
      - When not given, the longest lifetime in RV(onprem.irsa.signing_use_info#module:lifetimes).
    type: int
  phase:
    description: How far to go. With V(status), no step is returned.
    type: str
    choices:
      - status
      - publish
      - trust
      - accept
      - switch
      - retire_trust
      - retire_provider
      - retire_issuer
      - retire_documents
    default: retire_documents
  seen:
    description:
      - RV(seen) of the plan before in this run, so that it is known since when this run sees the keys that are
        published. Nothing for the first one.
    type: dict
  trusted_since:
    description: Since when this run sees O(trust_is_complete), in seconds since the epoch. By default now.
    type: float
seealso:
  - module: onprem.irsa.control_plane_plan
  - module: onprem.irsa.iam_issuer_trust
  - module: onprem.irsa.signing_use_info
"""

EXAMPLES = r"""
- name: Plan the next step
  onprem.irsa.migration_plan:
    from_issuer: https://acme-prod-oidc.s3.eu-central-1.amazonaws.com
    to_issuer: https://oidc.example.com
    servers: "{{ looked.results }}"
    published_from: "{{ published.results[0] }}"
    published_to: "{{ published.results[1] }}"
    trust: "{{ trust }}"
    trust_is_complete: "{{ provider.reached }}"
    use: "{{ use }}"
  register: migration
"""

RETURN = r"""
step:
  description: What to do next, within O(phase). V(null) where nothing is.
  returned: success
  type: dict
  contains:
    action:
      description: One of the phases.
      type: str
      returned: success
      sample: switch
    issuer:
      description: The issuer whose part it is.
      type: str
      returned: success
      sample: https://oidc.example.com
    roles:
      description: The roles that are not among O(listed_roles) and are changed, too.
      type: list
      elements: str
      returned: success
    says:
      description: What it does, in words.
      type: str
      returned: success
    way_back:
      description: How to go back after it, in words.
      type: str
      returned: success
next:
  description: What comes next in words, also beyond O(phase); empty where nothing does.
  returned: success
  type: str
  sample: lets every API server accept https://oidc.example.com
wait_until:
  description: Until when to wait before that, in seconds since the epoch. V(null) for no wait.
  returned: success
  type: float
  sample: 1767225600.0
wait_seconds:
  description: For how long to wait before the next step, within O(phase); 0 for no wait.
  returned: success
  type: int
  sample: 290
run_again:
  description: When to run again, and why not now; empty where nothing has to pass.
  returned: success
  type: str
  sample: "Run again after 14:05 (5 min): caches may keep the key set for 300 s (Cache-Control)."
problems:
  description: Why it cannot go on, a sentence and its fix each.
  returned: success
  type: list
  elements: str
concerns:
  description:
    - What would stop it if the time to wait had passed, or if more than O(phase) were asked for; a sentence and its fix
      each.
  returned: success
  type: list
  elements: str
finished:
  description: Whether nothing of O(from_issuer) is left.
  returned: success
  type: bool
unsure:
  description: Whether all is finished but for what O(documents_left) says.
  returned: success
  type: bool
issuers:
  description: A row for each issuer, for people to read.
  returned: success
  type: list
  elements: dict
other_roles:
  description: The names of the roles that trust O(from_issuer) and are not among O(listed_roles).
  returned: success
  type: list
  elements: str
  sample: [team-exports]
seen:
  description:
    - Which keys are published, of each issuer that was fetched, and since when this run sees them so, in seconds since
      the epoch; for O(seen) of the next plan.
  returned: success
  type: dict
  sample: {kids: [[Me5VC6i4_4mymFj7T5rcUftFjYX70YoCfSnZB6-nBY4]], since: 1780000000.0}
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.onprem.irsa.plugins.module_utils._iam.roles import TRUST_POLICY_LIMIT

_DICT: t.Final[dict[str, t.Any]] = {"type": "dict", "required": True}
_PHASES: t.Final = (
    "status",
    "publish",
    "trust",
    "accept",
    "switch",
    "retire_trust",
    "retire_provider",
    "retire_issuer",
    "retire_documents",
)

ARGUMENT_SPEC: t.Final[dict[str, dict[str, t.Any]]] = {
    "from_issuer": {"type": "str", "required": True},
    "to_issuer": {"type": "str", "required": True},
    "servers": {"type": "list", "elements": "dict", "required": True},
    "published_from": _DICT,
    "published_to": _DICT,
    "trust": _DICT,
    "use": _DICT,
    "listed_roles": {"type": "list", "elements": "str", "default": []},
    "trust_is_complete": {"type": "bool", "required": True},
    "documents_left": {"type": "bool"},
    "other_roles": {"type": "str", "choices": ["hold", "leave", "change"], "default": "hold"},
    "trust_policy_limit": {"type": "int", "default": TRUST_POLICY_LIMIT},
    "settle": {"type": "int"},
    "phase": {"type": "str", "choices": [*_PHASES], "default": "retire_documents"},
    "seen": {"type": "dict"},
    "trusted_since": {"type": "float"},
}


def main() -> t.NoReturn:
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    module.fail_json(msg="migration_plan plans on the controller. Call it as the task onprem.irsa.migration_plan.")


if __name__ == "__main__":
    main()
