# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
from dataclasses import asdict

from ansible.errors import AnsibleFilterError

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.observation import servers
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.rollout import goal, rollout
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.rollout_words import in_words
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError

DOCUMENTATION = r"""
name: rollout_steps
short_description: The restarts that bring a new issuer or key to every API server with no token refused
version_added: 1.0.0
author: The onprem.irsa authors (@onprem)
description:
  - Returns the restarts in their order, one server at a time. Every server accepts the issuer, and the key, before any
    signs with it, so that the tokens of each are accepted by all at every moment.
  - What is left to do follows from the observation alone. A rollout that was cut off is planned again from what is
    there.
  - Issuers and keys that are there stay accepted behind those that sign, unless they are retired.
positional: issuer
extends_documentation_fragment:
  - onprem.irsa._control_plane.observed
options:
  issuer:
    description: The issuer that is to sign.
    type: str
    required: true
  jwks_uri:
    description:
      - The URL of the published key set, set as C(--service-account-jwks-uri) when the issuer is put first.
      - Without it, that flag is removed.
    type: str
    default: ""
  flags:
    description:
      - Further flags, set in the first restart of each server, as in O(onprem.irsa.control_plane_flags#module:flags).
      - C(api-audiences) has to have every audience in force, and none of tokens for AWS. Flags by which the kubelet's
        probes or clients reach the API server are refused.
    type: dict
    default: {}
  retired:
    description:
      - Issuers that should no longer be accepted.
      - One with which a server still signs is refused. Name it in a later run, when the tokens of it have expired.
    type: list
    elements: str
    default: []
  retired_audiences:
    description:
      - Audiences that should no longer be accepted, in tokens of any issuer.
      - A retired issuer stays an audience otherwise, by C(--api-audiences) where it was one without the flag.
      - The last one that tokens in use have is refused. Name it in a later run, when they have expired.
    type: list
    elements: str
    default: []
  signing_kid:
    description:
      - The id of the key that is to sign.
      - Without it, keys stay as they are.
    type: str
    default: ""
  retired_kids:
    description:
      - The ids of keys that should no longer be accepted and published, once no server signs with them.
      - Name them in a later run, when the tokens that they signed have expired.
    type: list
    elements: str
    default: []
seealso:
  - module: onprem.irsa.control_plane_flags
"""

EXAMPLES = r"""
- name: Observe the control plane
  onprem.irsa.control_plane_info:
  loop: "{{ groups['kube_control_plane'] }}"
  delegate_to: "{{ item }}"
  become: true
  register: observed

- name: Show which restarts a new issuer takes
  ansible.builtin.debug:
    msg: "{{ observed.results | onprem.irsa.rollout_steps('https://acme-prod-oidc.s3.eu-central-1.amazonaws.com') }}"
"""

RETURN = r"""
_value:
  description: The steps; an empty list when nothing is left to do.
  type: list
  elements: dict
  contains:
    host:
      description: The host whose API server restarts.
      type: str
      sample: cp1
    phase:
      description:
        - What for.
        - V(accept), so that it accepts the issuers of the others and the new one; V(switch), so that it signs with the
          new one; V(retire), so that it no longer accepts a retired one; V(set), for other flags alone.
      type: str
      sample: accept
    says:
      description: The step in words.
      type: str
      sample: "cp1: accepts https://new in addition to https://old; still signs with https://old"
    kids:
      description: The ids of the keys that the server accepts after the step, in files that you write before it.
      type: list
      elements: str
      sample: [Me5VC6i4_4mymFj7T5rcUftFjYX70YoCfSnZB6-nBY4]
    signing_kid:
      description: The id of the key that signs after the step; empty for an external signer.
      type: str
      sample: Me5VC6i4_4mymFj7T5rcUftFjYX70YoCfSnZB6-nBY4
    published:
      description:
        - The ids of the keys that the issuer's documents hold before the step, no more and no fewer.
        - Wait out their C(Cache-Control) before a key signs that was not in them.
      type: list
      elements: str
      sample: [Me5VC6i4_4mymFj7T5rcUftFjYX70YoCfSnZB6-nBY4]
    flags:
      description: The flags to set with M(onprem.irsa.control_plane_flags).
      type: dict
    before:
      description: What they are as the step is planned, for O(onprem.irsa.control_plane_flags#module:expected).
      type: dict
"""


def _filter(  # noqa: PLR0913 -- the options
    results: t.Iterable[t.Mapping[str, t.Any]],
    issuer: str,
    jwks_uri: str = "",
    flags: t.Mapping[str, object] | None = None,
    retired: t.Sequence[str] = (),
    *,
    signing_kid: str = "",
    retired_kids: t.Sequence[str] = (),
    retired_audiences: t.Sequence[str] = (),
) -> list[dict[str, t.Any]]:
    try:
        aim = goal(
            issuer,
            jwks_uri=jwks_uri,
            flags=flags,
            retired=retired,
            signing_kid=signing_kid,
            retired_kids=retired_kids,
            retired_audiences=retired_audiences,
        )
        observed = servers({result["item"]: result for result in results})
        steps = rollout(observed, aim)
    except InputError as error:
        raise AnsibleFilterError(str(error)) from None
    return [
        {**asdict(step), "kids": [*step.kids], "published": [*step.published], "says": says}
        for step, says in zip(steps, in_words(observed, steps))
    ]


class FilterModule:
    """Filters of this file, as Ansible looks them up."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"rollout_steps": _filter}
