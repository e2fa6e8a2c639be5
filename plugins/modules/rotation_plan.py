#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rotation_plan
short_description: Plan the next step of a rotation of the signing key, by what is observed (internal)
version_added: 1.0.0
author:
  - The onprem.irsa authors (!UNKNOWN)
description:
  - Returns the next step on the way to another signing key, or until when to wait, and shows which keys and issuers the
    cluster has. Look again before the step after it is planned; nothing is remembered in between, so that a run that
    was cut off goes on from what is there.
  - The order of the steps keeps every token valid, at every API server and at everybody who fetches the published keys.
    A key lies ready on all hosts, is accepted by all, and is published for as long as caches may keep what was there
    before, and then it signs; the one before it goes once its last token has ended.
  - Plans by what it is given. Contacts no host, no cluster and no AWS.
  - Made for the roles of this collection, and may change with them in any release.
extends_documentation_fragment:
  - onprem.irsa._attributes
  - onprem.irsa._attributes.info_module
  - onprem.irsa._attributes.on_controller
options:
  servers:
    description: What M(onprem.irsa.control_plane_info) returned of C(kube-apiserver) for each host.
    type: list
    elements: dict
    required: true
  controllers:
    description: What it returned of C(kube-controller-manager) for each host.
    type: list
    elements: dict
    required: true
  files:
    description:
      - The results of a task that runs M(onprem.irsa.sa_key_rotation) in a loop over the hosts.
      - Without any, the hosts alone are judged, and nothing is planned.
    type: list
    elements: dict
    default: []
  published:
    description: The results of a task that runs M(onprem.irsa.issuer_info) in a loop over issuers.
    type: list
    elements: dict
    default: []
  published_by_api_servers:
    description: The issuer that the API servers publish themselves; empty for none.
    type: str
    default: ""
  use:
    description: What M(onprem.irsa.signing_use_info) returned.
    type: dict
    default: {}
  relying_parties:
    description:
      - Who verifies tokens, as the role P(onprem.irsa.irsa_rotate#role) has them.
    type: list
    elements: dict
    default: []
  fetched_copies:
    description:
      - The results of a task that runs M(ansible.builtin.uri) for those that have a C(url), in a loop.
      - A party was not asked where its item has failed, or tells of anything else than success.
    type: list
    elements: dict
    default: []
  asked_copies:
    description:
      - The results of a task that runs M(ansible.builtin.command) for those that have a C(command), in a loop.
      - A party was not asked where its item has failed, or tells of anything else than success.
    type: list
    elements: dict
    default: []
  unreachable:
    description: Control-plane hosts that could not be looked at.
    type: list
    elements: str
    default: []
  phase:
    description:
      - How far to go. V(status) plans no step.
    type: str
    choices: [status, make, accept, publish, switch, retire]
    default: retire
  signing_kid:
    description: The id of the key that should sign; empty for the one that lies ready, or a new one.
    type: str
    default: ""
  leaked_kid:
    description: The id of a key that somebody else has. It goes at once, and with it every token that it has signed.
    type: str
    default: ""
  emergency:
    description: Whether tokens that O(leaked_kid) has signed may be refused. Without it no step is planned for it.
    type: bool
    default: false
  reminted_secrets:
    description:
      - Secrets whose token is made again where a key that goes has signed it, as C(NAMESPACE/NAME) with C(*) and C(?).
    type: list
    elements: str
    default: []
  type:
    description: The kind of a new key.
    type: str
    choices: [RSA, EC]
    default: RSA
  min_age:
    description:
      - Seconds; a key that signs is not replaced while it is younger, or while the files with the public keys are, so
        that the same command may run again.
    type: int
    default: 0
  seen:
    description:
      - RV(seen) of the plan before in this run, so that it is known since when this run sees the keys that are
        published. Nothing for the first one.
    type: dict
"""

EXAMPLES = r"""
- name: Plan the next step
  onprem.irsa.rotation_plan:
    servers: "{{ servers }}"
    controllers: "{{ controllers }}"
    files: "{{ files }}"
    published: "{{ published }}"
    use: "{{ use }}"
  register: plan
"""

RETURN = r"""
problems:
  description: Why it cannot go on; a sentence and its fix each.
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
step:
  description: The next step; V(null) where there is none, or none is taken.
  returned: success
  type: dict
  contains:
    action:
      description:
        - What to do. V(make), V(lay), V(aside) and V(forget) are steps of M(onprem.irsa.sa_key_rotation).
        - V(carry), bring the private key from C(source) to C(host).
        - V(accept), V(switch), V(drop), write the key files and restart what reads them.
        - V(publish), V(withdraw), publish C(documents).
        - V(remint), have M(onprem.irsa.token_secrets) make the tokens of C(secrets) again.
      type: str
      returned: success
      sample: accept
    host:
      description: Where to do it; empty for what is published.
      type: str
      returned: success
      sample: cp1
    restarts:
      description: The components that have to be restarted after the files are written.
      type: list
      elements: str
      returned: success
      sample: [kube-apiserver]
    least_max_age:
      description:
        - Of V(publish), the C(max-age) in seconds that the key set needs at least, which is the time for which caches
          may keep the version that is there, an hour where that does not say it; V(0) of other steps, and where nothing
          is published.
      type: int
      returned: success
      sample: 300
    says:
      description: The step in words.
      type: str
      returned: success
      sample: "cp1: accepts tokens by Me5VC6i4_4mymFj7T5rcUftFjYX70YoCfSnZB6-nBY4"
next:
  description: The next step in words, also where it is beyond O(phase); empty for none.
  returned: success
  type: str
wait_until:
  description: Until when to wait, in seconds since the epoch; V(null) for no wait.
  returned: success
  type: float
wait_seconds:
  description: How long that is from now, rounded up; V(0) where what comes after it is beyond O(phase).
  returned: success
  type: int
run_again:
  description: When to run again, and why not now; empty for no wait.
  returned: success
  type: str
  sample: "Run again after 14:05 (5 min): caches may keep the key set of https://… for 300 s (Cache-Control)."
finished:
  description: Whether nothing is left to do.
  returned: success
  type: bool
target:
  description: The id of the key that should sign; empty for one that is not made yet.
  returned: success
  type: str
retired:
  description: The ids of the keys that go in the end.
  returned: success
  type: list
  elements: str
breaks:
  description: What an emergency breaks.
  returned: success
  type: str
gauges:
  description: What alert rules of P(onprem.irsa.irsa_rotate#role) go by; the name, the labels and the value of each.
  returned: success
  type: list
  elements: dict
keys:
  description: A row for each key.
  returned: success
  type: list
  elements: dict
issuers:
  description: A row for each issuer.
  returned: success
  type: list
  elements: dict
seen:
  description:
    - Which keys are published, of each issuer that was fetched, and since when this run sees them so, in seconds since
      the epoch; for O(seen) of the next plan.
  returned: success; V(null) where hosts are judged alone
  type: dict
  sample: {kids: [[Me5VC6i4_4mymFj7T5rcUftFjYX70YoCfSnZB6-nBY4]], since: 1780000000.0}
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

_DICTS: t.Final[dict[str, t.Any]] = {"type": "list", "elements": "dict"}

ARGUMENT_SPEC: t.Final[dict[str, dict[str, t.Any]]] = {
    "servers": {**_DICTS, "required": True},
    "controllers": {**_DICTS, "required": True},
    "files": {**_DICTS, "default": []},
    "published": {**_DICTS, "default": []},
    "published_by_api_servers": {"type": "str", "default": ""},
    "use": {"type": "dict", "default": {}},
    "relying_parties": {**_DICTS, "default": []},
    "fetched_copies": {**_DICTS, "default": []},
    "asked_copies": {**_DICTS, "default": []},
    "unreachable": {"type": "list", "elements": "str", "default": []},
    "phase": {
        "type": "str",
        "choices": ["status", "make", "accept", "publish", "switch", "retire"],
        "default": "retire",
    },
    "signing_kid": {"type": "str", "default": ""},
    "leaked_kid": {"type": "str", "default": ""},
    "emergency": {"type": "bool", "default": False},
    "reminted_secrets": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "type": {"type": "str", "choices": ["RSA", "EC"], "default": "RSA"},
    "min_age": {"type": "int", "default": 0},
    "seen": {"type": "dict"},
}


def main() -> t.NoReturn:
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    module.fail_json(msg="rotation_plan plans on the controller. Call it as the task onprem.irsa.rotation_plan.")


if __name__ == "__main__":
    main()
