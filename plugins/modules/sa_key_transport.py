#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sa_key_transport
short_description: Carry a private key from one control-plane host to another, so that the controller cannot read it
version_added: 1.0.0
author:
  - The onprem.irsa authors (!UNKNOWN)
description:
  - Carries a private key of service-account tokens in three steps. The receiver makes a key pair that is thrown away
    afterwards; the sender encrypts its private key to that; the receiver decrypts it, and lays it ready next to its
    own private key file, under the name with C(.next) behind it.
  - What is carried is CMS with AES-256 and RSA-OAEP, which every C(openssl) from 1.1.1 on reads. The receiver takes it
    only where it is to the byte what was sent, and where its key id is the one that was asked for.
  - In clear, the private key is in files with mode V(0600) on both hosts, and nowhere else.
  - Works with the standard library and the C(openssl) command of the hosts.
extends_documentation_fragment:
  - onprem.irsa._attributes
attributes:
  check_mode:
    support: full
    details:
      - Makes, encrypts and decrypts nothing.
  diff_mode:
    support: none
  idempotent:
    support: partial
    details:
      - A key that is on the host already is not carried again. V(ask) and V(seal) make something else each time.
options:
  step:
    description:
      - V(ask), on the receiver, makes the pair to encrypt to.
      - V(seal), on the sender, encrypts the private key O(kid) to O(certificate).
      - V(open), on the receiver, lays ready what was sent, and throws the pair away.
    type: str
    choices: [ask, seal, open]
    required: true
  kid:
    description: The id of the key that is carried.
    type: str
    required: true
  certificate:
    description: What V(ask) returned; for V(seal).
    type: str
  sealed:
    description: What V(seal) returned; for V(open).
    type: str
  digest:
    description: What V(seal) returned; for V(open).
    type: str
  private_key_path:
    description: The private key file with which the API server signs, in PEM.
    type: path
    default: /etc/kubernetes/pki/sa.key
  public_key_path:
    description: The file with the keys by which it accepts tokens, in PEM.
    type: path
    default: /etc/kubernetes/pki/sa.pub
  directory:
    description: Where the pair is kept until it is thrown away, with mode V(0700).
    type: path
    default: /var/lib/onprem-irsa/transport
seealso:
  - module: onprem.irsa.sa_key_rotation
"""

EXAMPLES = r"""
- name: Ask for the key that lies ready on the first host
  onprem.irsa.sa_key_transport:
    step: ask
    kid: "{{ made.private.next.kid }}"
  delegate_to: cp2
  become: true
  register: asked

- name: Encrypt it to the second host
  onprem.irsa.sa_key_transport:
    step: seal
    kid: "{{ made.private.next.kid }}"
    certificate: "{{ asked.certificate }}"
  delegate_to: cp1
  become: true
  register: sent

- name: Lay it ready there
  onprem.irsa.sa_key_transport:
    step: open
    kid: "{{ made.private.next.kid }}"
    sealed: "{{ sent.sealed }}"
    digest: "{{ sent.digest }}"
  delegate_to: cp2
  become: true
"""

RETURN = r"""
certificate:
  description: The certificate to encrypt to, in PEM.
  returned: success of V(ask), but not in check mode
  type: str
sealed:
  description: The private key, encrypted (CMS in PEM).
  returned: success of V(seal), but not in check mode
  type: str
digest:
  description: SHA-256 (hex) of the private key's text.
  returned: success of V(seal), but not in check mode
  type: str
"""

import typing as t
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError, reported
from ansible_collections.onprem.irsa.plugins.module_utils._host.key_pair import Paths
from ansible_collections.onprem.irsa.plugins.module_utils._host.key_rotation import KeyFiles
from ansible_collections.onprem.irsa.plugins.module_utils._host.key_transport import Sealed, Transport
from ansible_collections.onprem.irsa.plugins.module_utils._host.privilege import needing_root

ARGUMENT_SPEC = {
    "step": {"type": "str", "choices": ["ask", "seal", "open"], "required": True},
    "kid": {"type": "str", "required": True},
    "certificate": {"type": "str"},
    "sealed": {"type": "str"},
    "digest": {"type": "str"},
    "private_key_path": {"type": "path", "default": "/etc/kubernetes/pki/sa.key", "no_log": False},
    "public_key_path": {"type": "path", "default": "/etc/kubernetes/pki/sa.pub", "no_log": False},
    "directory": {"type": "path", "default": "/var/lib/onprem-irsa/transport"},
}


def ask(files: KeyFiles, transport: Transport, _params: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Make the pair to encrypt to."""
    files.look()
    return {"changed": True, "certificate": transport.ask()}


def seal(files: KeyFiles, transport: Transport, params: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Encrypt the private key that is asked for."""
    role = next((role for role, key in files.look().private.items() if key.kid == params["kid"]), None)
    if role is None:
        raise InputError(
            f"{files.paths.private}: neither it nor those next to it are the key {params['kid']}.",
            fix="Take it from a host that has it.",
        )
    sealed = transport.seal(files.read(role), params["certificate"])
    return {"changed": False, "sealed": sealed.text, "digest": sealed.digest}


def open_sealed(files: KeyFiles, transport: Transport, params: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Lay ready what was sent."""
    seen = files.look()
    if seen.next is not None and seen.next.kid == params["kid"]:
        transport.end()
        return {"changed": False}
    private = transport.open(Sealed(params["sealed"], params["digest"]))
    came = files.checked(private, source="what came")
    if came.kid != params["kid"]:
        raise InputError(
            f"What came is the key {came.kid}, and {params['kid']} was asked for. Nothing was written.",
            fix="Run the play again.",
        )
    files.lay(private, source="what came")
    transport.end()
    return {"changed": True}


STEPS: t.Final = {"ask": ask, "seal": seal, "open": open_sealed}


def main() -> t.NoReturn:
    module = AnsibleModule(
        argument_spec=ARGUMENT_SPEC,
        required_if=[("step", "seal", ["certificate"]), ("step", "open", ["sealed", "digest"])],
        supports_check_mode=True,
    )
    openssl = module.get_bin_path("openssl", required=True)
    files = KeyFiles(
        Paths(Path(module.params["private_key_path"]), Path(module.params["public_key_path"])),
        Path(module.params["directory"]),
        module.run_command,
        openssl,
    )
    transport = Transport(Path(module.params["directory"]), module.run_command, openssl)
    if module.check_mode:
        module.exit_json(changed=module.params["step"] == "open")
    with reported(module), needing_root(), files.locked():
        result = STEPS[module.params["step"]](files, transport, module.params)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
