#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: talos_flags
short_description: Set flags of kube-apiserver on a Talos node with talosctl (internal)
version_added: 1.0.0
author:
  - The onprem.irsa authors (!UNKNOWN)
description:
  - Reads the machine configuration of one control-plane node with C(talosctl), changes the flags of its API server in
    it and nothing else, and gives it back without a reboot. Runs on the controller; a node has no shell.
  - The node first tries the configuration (C(--mode=try)). Once its API server signs with the first issuer, accepts the
    others, and all other API servers accept its tokens, the configuration is kept. If not, the old one is put back.
    Where the controller is gone by then, the node goes back by itself.
  - Refuses Talos before 1.13, whose API server has one issuer, and a node with a configuration that is staged or tried.
  - The configuration has the cluster's secrets. It is in no result, and is written to no file.
  - Made for the role P(onprem.irsa.irsa_apiserver#role), and may change with it in any release.
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - onprem.irsa._attributes
  - onprem.irsa._attributes.k8s
attributes:
  check_mode:
    support: full
    details:
      - The node checks the configuration (C(--dry-run)).
  diff_mode:
    support: full
    details:
      - Shows the lines of the machine configuration that change.
  idempotent:
    support: full
    details:
      - Waits, and changes nothing, where the configuration has the flags already.
options:
  node:
    description: The node as C(talosctl --nodes) takes it, from where the configuration of C(talosctl) leads to.
    type: str
    required: true
  server:
    description: The URL of the node's own API server.
    type: str
    required: true
  servers:
    description: The URLs of all API servers of the cluster.
    type: list
    elements: str
    required: true
  flags:
    description:
      - The flags, named without dashes in front, each with the list of its values; C(service-account-issuer) is one.
      - Other issuers of the configuration stay behind these.
      - An empty list brings back what Talos sets by itself.
    type: dict
    required: true
  timeout:
    description: Seconds to wait for the API server, and again for the old one where the configuration is put back.
    type: int
    default: 300
requirements:
  - talosctl, with a configuration of its own (C(TALOSCONFIG)) whose role is C(os:admin)
  - kubernetes >= 24.2
seealso:
  - module: onprem.irsa.api_servers_info
"""

EXAMPLES = r"""
- name: Have the first node accept an issuer
  onprem.irsa.talos_flags:
    kubeconfig: "{{ lookup('ansible.builtin.file', 'kubeconfig') | from_yaml }}"
    node: 10.0.0.11
    server: https://10.0.0.11:6443
    servers: [https://10.0.0.11:6443, https://10.0.0.12:6443, https://10.0.0.13:6443]
    flags:
      service-account-issuer: [https://cp.example.com:6443, https://acme-prod-oidc.s3.eu-central-1.amazonaws.com]
"""

RETURN = r"""
before:
  description: What the machine configuration said of these flags.
  returned: success
  type: dict
after:
  description: What it says now.
  returned: success
  type: dict
"""

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.asking import Server, ask_each
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.service import shown_lines
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.talos import Node, TalosctlError, apply, planned
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import checked
from ansible_collections.onprem.irsa.plugins.module_utils._errors import reported
from ansible_collections.onprem.irsa.plugins.module_utils._kube.api import Api, ShownModule, k8s_module
from ansible_collections.onprem.irsa.plugins.module_utils._kube.token_request import (
    SHORTEST,
    TokenRequest,
    request_token,
)
from ansible_collections.onprem.irsa.plugins.module_utils._progress import Wait

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

    from ansible_collections.onprem.irsa.plugins.module_utils._api_server.answers import Asked

_SUBJECT: t.Final = TokenRequest("default", "default", (), SHORTEST)
_PAUSE: t.Final = 2.0  # seconds between two looks

ARGUMENT_SPEC: dict[str, t.Any] = {
    "node": {"type": "str", "required": True},
    "server": {"type": "str", "required": True},
    "servers": {"type": "list", "elements": "str", "required": True},
    "flags": {"type": "dict", "required": True},
    "timeout": {"type": "int", "default": 300},
}


def main() -> None:
    module = k8s_module(ARGUMENT_SPEC, ShownModule)
    timeout = module.params["timeout"]
    with reported(module):
        node = Node(module.params["node"], module.params["server"], _talosctl(module._module))
        step = planned(node, checked(module.params["flags"]))
        if not module.check_mode:
            apply(node, step, _asks(module), lambda: _ticks(node, timeout), timeout=timeout)
        elif step.edit is not None:
            node.require_valid(step.edit.after)
    shown = {"diff": shown_lines(step.edit)} if module._diff and step.edit is not None else {}
    module.exit_json(changed=step.edit is not None, before=step.before, after=step.after, **shown)


def _talosctl(module: AnsibleModule) -> t.Callable[[t.Sequence[str], str], str]:
    program = module.get_bin_path("talosctl")
    if program is None:
        raise TalosctlError(
            "irsa_apiserver_flags is talosctl, and the controller has no program talosctl in its PATH.",
            fix="Install it, or set irsa_apiserver_flags to show, and set the flags yourself.",
        )

    def call(arguments: t.Sequence[str], text: str) -> str:
        code, output, complaint = module.run_command([program, *arguments], data=text, binary_data=True)
        if code != 0:
            said = " ".join(str(complaint).split()).rstrip(".")
            raise TalosctlError(
                f"`talosctl {' '.join(arguments)}` ends with {code}: {said}.",
                fix="See that talosctl on the controller reaches this node with the role os:admin, and what it names.",
            )
        return str(output)

    return call


def _asks(module: t.Any) -> t.Callable[[t.Sequence[str]], Asked]:  # noqa: ANN401 -- AnsibleK8SModule has no types
    def ask(issuers: t.Sequence[str]) -> Asked:
        # A client of its own each time: connections end with the API server.
        return ask_each(Api(module), module.params["servers"], issuers, _sign)

    return ask


def _sign(server: Server) -> str:
    return request_token(t.cast("Api", server), _SUBJECT)


def _ticks(node: Node, seconds: float) -> t.Iterator[None]:
    wait = Wait(f"the API server of {node.address} to show its flags", seconds)
    while True:
        yield
        if not wait.left:
            return
        wait.pause(_PAUSE)


if __name__ == "__main__":
    main()
