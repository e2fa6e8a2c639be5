#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: api_servers_plan
short_description: Say what a user has to set on API servers whose flags nobody else sets (internal)
version_added: 1.0.0
author:
  - The onprem.irsa authors (!UNKNOWN)
description:
  - Returns what is left to do until every API server signs with an issuer, by what they answer. In a first pass all of
    them accept it, in a second one all of them sign with it. A pass that is seen in force is left out.
  - The text names flags, files and restarts in the form of the distribution, where that is known.
  - Or, with O(both_passes), returns the text of both passes, whatever is in force, for files that people review.
  - Plans by what it is given. Contacts no host, no cluster and no AWS.
  - Made for the role P(onprem.irsa.irsa_apiserver#role), and may change with it in any release.
extends_documentation_fragment:
  - onprem.irsa._attributes
  - onprem.irsa._attributes.info_module
attributes:
  action:
    description: Has an action plugin, which does all of the work on the controller, of the same name.
    support: full
options:
  answers:
    description:
      - What M(onprem.irsa.api_servers_info) has returned. Only with O(both_passes) it may be missing, where the API
        servers were not asked.
    type: dict
  observed:
    description: With O(both_passes), what M(onprem.irsa.control_plane_info) returned for each host that was looked at.
    type: list
    elements: dict
    default: []
  both_passes:
    description:
      - Whether to return RV(text) alone, as it is for API servers that know nothing of O(issuer) yet.
      - Where nobody was asked, it has a name in place of the issuer that signs now, and says what that stands for.
    type: bool
    default: false
  retired:
    description: With O(both_passes), issuers that should no longer be accepted.
    type: list
    elements: str
    default: []
  issuer:
    description: The published issuer.
    type: str
    required: true
  towards:
    description:
      - V(issuer) for API servers that should sign with it, V(back) for those that should no longer do so. These go back
        to another issuer that they show. Where they show none, that is refused.
    type: str
    choices: [issuer, back]
    default: issuer
  jwks_uri:
    description: The URL of the published key set, set as C(--service-account-jwks-uri). The way back removes that.
    type: str
    default: ""
  flags:
    description: Further flags, each with the list of its values; an empty list removes a flag. The way back sets none.
    type: dict
    default: {}
  distribution:
    description: The distribution, where the cluster does not show it; this one counts before what it shows.
    type: str
    default: ""
  version:
    description: With O(both_passes), the version of Kubernetes, which counts before what is shown.
    type: str
    default: ""
seealso:
  - module: onprem.irsa.api_servers_info
"""

EXAMPLES = r"""
- name: Say what to set
  onprem.irsa.api_servers_plan:
    answers: "{{ answers }}"
    issuer: https://acme-prod-oidc.s3.eu-central-1.amazonaws.com
"""

RETURN = r"""
stage:
  description:
    - What is left. V(accept) for both passes, V(sign) for the second one, V(done) for nothing.
  returned: without O(both_passes)
  type: str
  sample: accept
flags:
  description: The flags of the next pass, each with the list of its values; an empty list for one to remove.
  returned: without O(both_passes)
  type: dict
says:
  description: What is left to do, in a sentence; empty for nothing.
  returned: without O(both_passes)
  type: str
text:
  description: What to put where, line by line; none when nothing is left.
  returned: success
  type: list
  elements: str
warnings_of_servers:
  description: What is odd about the API servers, and is left as it is.
  returned: without O(both_passes)
  type: list
  elements: str
report:
  description: What was seen, in a few words.
  returned: without O(both_passes)
  type: str
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC: t.Final[dict[str, dict[str, t.Any]]] = {
    "answers": {"type": "dict"},
    "observed": {"type": "list", "elements": "dict", "default": []},
    "both_passes": {"type": "bool", "default": False},
    "retired": {"type": "list", "elements": "str", "default": []},
    "issuer": {"type": "str", "required": True},
    "towards": {"type": "str", "choices": ["issuer", "back"], "default": "issuer"},
    "jwks_uri": {"type": "str", "default": ""},
    "flags": {"type": "dict", "default": {}},
    "distribution": {"type": "str", "default": ""},
    "version": {"type": "str", "default": ""},
}


def main() -> t.NoReturn:
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    module.fail_json(msg="api_servers_plan plans on the controller. Call it as the task onprem.irsa.api_servers_plan.")


if __name__ == "__main__":
    main()
