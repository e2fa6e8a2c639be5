#!/usr/bin/python
# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: irsa_kind_config
short_description: Write a configuration of kind whose cluster signs with your issuer from the start
version_added: 1.0.0
author:
  - The onprem.irsa authors (!UNKNOWN)
description:
  - Writes what C(kind create cluster --config) takes, so that the API servers of the new cluster sign with O(issuer)
    and accept the default issuer of Kubernetes in addition. Tokens with the default audience, which many charts name,
    stay valid.
  - Works for every version of Kubernetes. C(kind) silently ignores a patch of kubeadm's configuration in another
    version than its own, C(v1beta3) before Kubernetes 1.36 and C(v1beta4) from there on, so there is one of each. The
    second issuer, which fits in neither, is a patch of the manifest in a file beside O(dest), which the control-plane
    nodes mount. Keep it until the cluster is made.
  - Adds to a configuration of yours, for any number of control-plane nodes; what is in it stays, but comments.
  - Refuses patches in it that say something else of the issuer.
  - Run it where C(kind) runs. It asks neither C(kind) nor a cluster. A cluster that exists is changed by the role
    P(onprem.irsa.irsa_apiserver#role).
extends_documentation_fragment:
  - onprem.irsa._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  issuer:
    description: The issuer URL. It can be published after the cluster is made, with the cluster's keys.
    type: str
    required: true
  jwks_uri:
    description: The URL of the key set. By default the issuer followed by V(/openid/v1/jwks).
    type: str
  src:
    description: Your configuration of kind, of C(kind.x-k8s.io/v1alpha4). By default a cluster of one node.
    type: path
  dest:
    description:
      - The file to write, in a directory that is there. It may be O(src).
      - The patch comes beside it, with C(.kube-apiserver.yaml) in place of its extension. Where C(kind) runs nodes in a
        virtual machine, as Docker Desktop does, the directory has to be shared with that.
    type: path
    required: true
requirements:
  - PyYAML
seealso:
  - name: kind's configuration
    description: What O(src) may say.
    link: https://kind.sigs.k8s.io/docs/user/configuration/
  - name: Customizing components with the kubeadm API
    description: The patches of manifests.
    link: https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/control-plane-flags/
"""

EXAMPLES = r"""
# ansible localhost -m onprem.irsa.irsa_kind_config -a "issuer=https://oidc.example.com dest=kind.yml"
- name: Write the configuration of a cluster with three control-plane nodes
  onprem.irsa.irsa_kind_config:
    issuer: https://oidc.example.com
    src: three-nodes.yml
    dest: kind.yml
  delegate_to: localhost

- name: Make the cluster (a minute)
  ansible.builtin.command: kind create cluster --name irsa --config kind.yml
  delegate_to: localhost
"""

RETURN = r"""
issuers:
  description: The issuers that API servers have in the end, in their order; the first one signs.
  returned: success
  type: list
  elements: str
  sample: ["https://oidc.example.com", "https://kubernetes.default.svc.cluster.local"]
config:
  description: The configuration.
  returned: success
  type: str
  sample: "kind: Cluster\n"
patch_path:
  description: The file with the patch that the nodes mount.
  returned: success
  type: str
  sample: /home/me/kind.kube-apiserver.yaml
"""

import typing as t
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ansible_collections.onprem.irsa.plugins.module_utils._distributions.kind_config import IMPORT_ERROR, kind_config
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError, reported


def _text(path: Path) -> str | None:
    """Return what a file says; None where there is none."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}.", fix="Name a text file in UTF-8.") from error


def _write(module: AnsibleModule, path: Path, text: str) -> None:
    """Write a file, or leave what is there."""
    made = Path(module.tmpdir) / path.name
    made.write_text(text, encoding="utf-8")
    module.atomic_move(str(made), str(path))


def _brought(module: AnsibleModule) -> dict[str, t.Any]:
    dest = Path(module.params["dest"]).absolute()
    if not dest.parent.is_dir():
        raise InputError(f"There is no directory {dest.parent}.", fix="Make it, or name another dest.")
    own = ""
    if module.params["src"]:
        own = _text(Path(module.params["src"])) or ""
        if not own:
            raise InputError(f"There is nothing in {module.params['src']}.", fix="Name your configuration of kind.")
    patch_path = dest.with_suffix(".kube-apiserver.yaml")
    made = kind_config(own, module.params["issuer"], module.params["jwks_uri"] or "", str(patch_path))
    wanted = {patch_path: made.patch, dest: made.config}  # the configuration names the patch: that is there first
    todo = {path: (_text(path), text) for path, text in wanted.items() if _text(path) != text}
    if not module.check_mode:
        for path, (_before, text) in todo.items():
            _write(module, path, text)
    diffs = [
        {"before_header": str(path), "after_header": str(path), "before": before or "", "after": text}
        for path, (before, text) in todo.items()
    ]
    return {
        "changed": bool(todo),
        "diff": diffs,
        "issuers": list(made.issuers),
        "config": made.config,
        "patch_path": str(patch_path),
    }


def main() -> t.NoReturn:
    module = AnsibleModule(
        argument_spec={
            "issuer": {"type": "str", "required": True},
            "jwks_uri": {"type": "str"},
            "src": {"type": "path"},
            "dest": {"type": "path", "required": True},
        },
        supports_check_mode=True,
    )
    if IMPORT_ERROR is not None:
        module.fail_json(msg=missing_required_lib("PyYAML"), exception=IMPORT_ERROR)
    with reported(module):
        result = _brought(module)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
