#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sa_key_rotation
short_description: Change the key files of a control-plane host step by step, so that another key signs
version_added: 1.0.0
author:
  - The onprem.irsa authors (!UNKNOWN)
description:
  - Changes the files with the keys of service-account tokens on one control-plane host of a cluster in use. A key that
    should sign lies ready next to the private key file, under its name with C(.next) behind it; the one that signed
    before is kept with C(.previous) behind it, until it is forgotten. The public key file holds several keys meanwhile.
  - Does one step on one host, and restarts nothing. In which order the steps keep every token valid is planned by
    M(onprem.irsa.rotation_plan).
  - Refuses to touch anything where one of the files is not whole, or holds a key that C(kube-apiserver) does not take.
  - Files change by rename, with owner and group as they were. The public key file keeps its mode, and the one that is
    replaced is kept in O(backup_directory).
  - Private keys never leave the host; they are V(0600) from their first byte. The one that signs can be read by its
    group besides where the file before could and its group is not root's, and never by others, whatever the file before
    allowed. Where an API server or a controller manager runs as another user than root and the file's owner, everybody
    may read what they could before.
  - Works with the standard library and the C(openssl) command of the host.
extends_documentation_fragment:
  - onprem.irsa._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - Shows the ids of the keys in each file and never what a private key holds.
  idempotent:
    support: full
options:
  step:
    description:
      - V(look) only returns what the files hold.
      - V(make) makes a new key and lays it ready, unless one lies ready.
      - V(lay) lays the key that signed before ready to sign again.
      - V(aside) keeps the key that lies ready with those that go.
      - V(write) has the host accept tokens by O(public_keys) and sign with O(signing_kid), after a restart.
      - V(forget) removes the private keys O(kids), but for the one that signs.
    type: str
    choices: [look, make, lay, aside, write, forget]
    default: look
  private_key_path:
    description: The private key file with which the API server signs, in PEM.
    type: path
    default: /etc/kubernetes/pki/sa.key
  public_key_path:
    description: The file with the keys by which it accepts tokens, in PEM.
    type: path
    default: /etc/kubernetes/pki/sa.pub
  type:
    description: The kind of a new key.
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
    choices: [P-256, P-384]
    default: P-256
  public_keys:
    description:
      - The public keys in PEM that the file should hold, no more and no fewer, in this order.
      - C(kubeadm) takes the first one for the half of the private key, so the signing key should come first.
    type: list
    elements: str
    default: []
  signing_kid:
    description: The id of the key that should sign; it signs already, or lies ready.
    type: str
  kids:
    description: The ids of the keys that should be forgotten.
    type: list
    elements: str
    default: []
  backup_directory:
    description: Where replaced files are kept, with mode V(0700).
    type: path
    default: /var/lib/onprem-irsa/backup
seealso:
  - module: onprem.irsa.sa_keypair
  - module: onprem.irsa.sa_key_transport
"""

EXAMPLES = r"""
- name: Make a new key
  onprem.irsa.sa_key_rotation:
    step: make
    type: EC
  become: true
  register: made

- name: Accept its tokens, after a restart
  onprem.irsa.sa_key_rotation:
    step: write
    public_keys: "{{ made.public | map(attribute='pem') + [made.private.next.pem] }}"
    signing_kid: "{{ made.private.own.kid }}"
  become: true
"""

RETURN = r"""
private:
  description:
    - The keys whose private halves are on the host, by the file in which they are (C(own), C(next), C(previous)).
    - In check mode, as they were before.
  returned: success
  type: dict
  sample:
    own:
      kid: Me5VC6i4_4mymFj7T5rcUftFjYX70YoCfSnZB6-nBY4
      kind: RSA 2048
      pem: "-----BEGIN PUBLIC KEY-----\nMIIB…\n-----END PUBLIC KEY-----\n"
      made: 1767225600.25
public:
  description: The keys in the public key file, in their order.
  returned: success
  type: list
  elements: dict
  contains:
    kid:
      description: The key id, as Kubernetes computes it.
      type: str
      returned: success
      sample: Me5VC6i4_4mymFj7T5rcUftFjYX70YoCfSnZB6-nBY4
    kind:
      description: The kind of the key.
      type: str
      returned: success
      sample: RSA 2048
    pem:
      description: The public key, in PEM.
      type: str
      returned: success
      sample: "-----BEGIN PUBLIC KEY-----\nMIIB…\n-----END PUBLIC KEY-----\n"
    made:
      description: V(0); of RV(private), when the file of the private key was written, in seconds since the epoch.
      type: float
      returned: success
      sample: 0.0
accepted_since:
  description: When a key came to the public key file, or went, in seconds since the epoch.
  returned: success
  type: float
  sample: 1767225600.25
signing_since:
  description: When the private key file was changed the last time, in seconds since the epoch.
  returned: success
  type: float
  sample: 1767225600.25
"""

import typing as t
from dataclasses import asdict
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.onprem.irsa.plugins.module_utils._errors import reported
from ansible_collections.onprem.irsa.plugins.module_utils._host.key_pair import Paths
from ansible_collections.onprem.irsa.plugins.module_utils._host.key_rotation import KeyFiles, Seen
from ansible_collections.onprem.irsa.plugins.module_utils._host.privilege import needing_root
from ansible_collections.onprem.irsa.plugins.module_utils._host.processes import candidates

_SIGNING: t.Final = ("kube-apiserver", "kube-controller-manager")

ARGUMENT_SPEC = {
    "step": {"type": "str", "choices": ["look", "make", "lay", "aside", "write", "forget"], "default": "look"},
    "private_key_path": {"type": "path", "default": "/etc/kubernetes/pki/sa.key", "no_log": False},
    "public_key_path": {"type": "path", "default": "/etc/kubernetes/pki/sa.pub", "no_log": False},
    "type": {"type": "str", "choices": ["RSA", "EC"], "default": "RSA"},
    "size": {"type": "int", "choices": [2048, 3072, 4096], "default": 2048},
    "curve": {"type": "str", "choices": ["P-256", "P-384"], "default": "P-256"},
    "public_keys": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "signing_kid": {"type": "str"},
    "kids": {"type": "list", "elements": "str", "default": []},
    "backup_directory": {"type": "path", "default": "/var/lib/onprem-irsa/backup"},
}


def take(files: KeyFiles, params: t.Mapping[str, t.Any], seen: Seen) -> None:
    """Take the step that is asked for."""
    step = params["step"]
    if step == "make":
        files.make(seen, params)
    elif step == "lay":
        files.lay_again(seen)
    elif step == "aside":
        files.put_aside(seen)
    elif step == "write":
        public = files.public_keys(params["public_keys"], source="public_keys")
        files.write(seen, public, params["signing_kid"] or seen.own.kid)
    elif step == "forget":
        files.forget(seen, params["kids"])


def foreseen(files: KeyFiles, params: t.Mapping[str, t.Any], seen: Seen) -> dict[str, str]:
    """Return the ids of the keys in each file as they would be; the id of a key that is not made yet is not known."""
    after = holding(files, seen)
    following, previous = str(files.path("next")), str(files.path("previous"))
    step = params["step"]
    if step == "make":
        after.setdefault(following, "a new key")
    elif step == "lay" and seen.previous is not None:
        after[following] = seen.previous.kid
    elif step == "aside" and seen.next is not None:
        after[previous] = after.pop(following)
    elif step == "write":
        public = files.public_keys(params["public_keys"], source="public_keys")
        after[str(files.paths.public)] = " ".join(key.kid for key in public)
        if params["signing_kid"] not in (None, seen.own.kid):
            after[previous] = seen.own.kid
            after[str(files.paths.private)] = after.pop(following, params["signing_kid"])
    elif step == "forget":
        gone = {path for path in (following, previous) if after.get(path) in params["kids"]}
        after = {path: kids for path, kids in after.items() if path not in gone}
    return after


def holding(files: KeyFiles, seen: Seen) -> dict[str, str]:
    """Return the ids of the keys in each file."""
    private = {str(files.path(role)): key.kid for role, key in seen.private.items()}
    return {**private, str(files.paths.public): " ".join(key.kid for key in seen.public)}


def lines(held: t.Mapping[str, str]) -> str:
    return "".join(f"{path}: {kids}\n" for path, kids in sorted(held.items()))


def main() -> t.NoReturn:
    module = AnsibleModule(
        argument_spec=ARGUMENT_SPEC, required_if=[("step", "write", ["public_keys"])], supports_check_mode=True
    )
    files = KeyFiles(
        Paths(Path(module.params["private_key_path"]), Path(module.params["public_key_path"])),
        Path(module.params["backup_directory"]),
        module.run_command,
        module.get_bin_path("openssl", required=True),
        frozenset(each.uid for each in candidates(_SIGNING)),
    )
    with reported(module), needing_root(), files.locked():
        seen = files.look()
        before, after = holding(files, seen), foreseen(files, module.params, seen)
        if not module.check_mode:
            take(files, module.params, seen)
            seen = files.look()
            after = holding(files, seen)
        times = {
            "accepted_since": files.paths.public.stat().st_mtime,
            "signing_since": files.paths.private.stat().st_ctime,
        }
    module.exit_json(
        changed=before != after,
        diff={"before": lines(before), "after": lines(after)},
        private={role: told(key) for role, key in seen.private.items()},
        public=[told(key) for key in seen.public],
        **times,
    )


def told(key: t.Any) -> dict[str, t.Any]:  # noqa: ANN401 -- a Key
    return {**asdict(key), "kind": str(key.kind)}


if __name__ == "__main__":
    main()
