#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sa_keypair
short_description: Make the key pair that signs service-account tokens
version_added: 1.0.0
author:
  - The onprem.irsa authors (!UNKNOWN)
description:
  - Makes the key pair with which a Kubernetes cluster that does not exist yet will sign its service-account tokens, on
    a control-plane host, where C(kubeadm init) finds it and uses it.
  - The private key has mode V(0600) from its first byte, and never leaves the host. The key id and the public half
    alone are returned.
  - An existing file is never overwritten, whatever kind of key it holds. Where the private key stands alone, as a run
    that was killed leaves it, the public key file is made from it. Two files that are not a pair are refused.
  - Works with the standard library and the C(openssl) command of the host.
extends_documentation_fragment:
  - onprem.irsa._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - Names the files and never what the private key holds.
  idempotent:
    support: full
options:
  private_key_path:
    description:
      - The private key file, in PEM.
      - Its directory, like that of O(public_key_path), is made with mode V(0755) when it is missing.
    type: path
    default: /etc/kubernetes/pki/sa.key
  public_key_path:
    description:
      - The public key file, in PEM, made with mode V(0644).
      - It may hold further public keys besides the one of the pair.
    type: path
    default: /etc/kubernetes/pki/sa.pub
  type:
    description:
      - The kind of a new key. C(kube-apiserver) signs with RS256 for V(RSA), and with the algorithm of the curve for
        V(EC).
      - V(RSA) is what every relying party takes.
    type: str
    choices: [RSA, EC]
    default: RSA
  size:
    description: The size of a new RSA key in bits.
    type: int
    choices: [2048, 3072, 4096]
    default: 2048
  curve:
    description: The curve of a new EC key.
    type: str
    choices: [P-256, P-384, P-521]
    default: P-256
  owner:
    description: The user who owns both files; by default the user that the module runs as, or whoever owns them.
    type: str
  group:
    description: The group that owns both files; by default that of the user, or whichever owns them.
    type: str
seealso:
  - module: onprem.irsa.jwks
"""

EXAMPLES = r"""
- name: Put the key pair in place before kubeadm init
  onprem.irsa.sa_keypair:
  become: true
  register: keypair

- name: Make an ECDSA key pair elsewhere
  onprem.irsa.sa_keypair:
    private_key_path: /var/lib/kubernetes/service-accounts.key
    public_key_path: /var/lib/kubernetes/service-accounts.pub
    type: EC
    owner: kube-apiserver
  become: true
"""

RETURN = r"""
kid:
  description: The key id of the pair, as Kubernetes computes it.
  returned: success, but for a new pair in check mode
  type: str
  sample: Me5VC6i4_4mymFj7T5rcUftFjYX70YoCfSnZB6-nBY4
public_key:
  description: The public half of the private key, in PEM.
  returned: success, but for a new pair in check mode
  type: str
  sample: "-----BEGIN PUBLIC KEY-----\nMIIB…\n-----END PUBLIC KEY-----\n"
"""

import typing as t
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.onprem.irsa.plugins.module_utils._documents.pem import kid_from_public_pem
from ansible_collections.onprem.irsa.plugins.module_utils._errors import reported
from ansible_collections.onprem.irsa.plugins.module_utils._host import key_pair
from ansible_collections.onprem.irsa.plugins.module_utils._host.privilege import needing_root

ARGUMENT_SPEC = {
    "private_key_path": {"type": "path", "default": "/etc/kubernetes/pki/sa.key", "no_log": False},
    "public_key_path": {"type": "path", "default": "/etc/kubernetes/pki/sa.pub", "no_log": False},
    "type": {"type": "str", "choices": ["RSA", "EC"], "default": "RSA"},
    "size": {"type": "int", "choices": [2048, 3072, 4096], "default": 2048},
    "curve": {"type": "str", "choices": ["P-256", "P-384", "P-521"], "default": "P-256"},
    "owner": {"type": "str"},
    "group": {"type": "str"},
}


def write(module: AnsibleModule, openssl: str, paths: key_pair.Paths) -> tuple[list[Path], str]:
    """Write what is missing of the pair; return what was written and the public half."""
    with key_pair.locked(paths):
        files = key_pair.observe(module.run_command, openssl, paths)
        todo, public = key_pair.missing(files, paths), files.own
        if public is None:
            private = key_pair.generate(module.run_command, key_pair.genpkey(openssl, module.params))
            public = key_pair.public_half(module.run_command, openssl, private, source="the new key")
            key_pair.place(paths.private, private, key_pair.PRIVATE_MODE)
        if paths.public in todo:
            key_pair.place(paths.public, public, key_pair.PUBLIC_MODE)
    return todo, public


def foresee(module: AnsibleModule, openssl: str, paths: key_pair.Paths) -> tuple[list[Path], str | None]:
    """Return what would be written, and the public half if there is one yet."""
    files = key_pair.observe(module.run_command, openssl, paths)
    return key_pair.missing(files, paths), files.own


def main() -> t.NoReturn:
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    openssl = module.get_bin_path("openssl", required=True)
    paths = key_pair.Paths(Path(module.params["private_key_path"]), Path(module.params["public_key_path"]))
    with reported(module), needing_root():
        written, public = (foresee if module.check_mode else write)(module, openssl, paths)
        known = {"kid": kid_from_public_pem(public, source="the pair"), "public_key": public} if public else {}
    owned = False
    for path in paths:
        owned = module.set_owner_if_different(str(path), module.params["owner"], owned)
        owned = module.set_group_if_different(str(path), module.params["group"], owned)
    module.exit_json(changed=bool(written) or owned, diff=key_pair.diff(paths, written), **known)


if __name__ == "__main__":
    main()
