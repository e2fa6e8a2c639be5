# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of what changes or judges a control plane. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  component:
    description: The component of the control plane, which its static pod runs.
    type: str
    choices: [kube-apiserver, kube-controller-manager]
    default: kube-apiserver
  stale_sandbox_seconds:
    description:
      - Seconds without a new process after which the sandboxes that the pod had before the change are removed with the
        host's C(crictl), once; and again after the old manifest was put back.
      - A kubelet that fails to clean up the old pod while the API server is down never starts the new one.
      - V(0) for never. Give it more than the 30 seconds of grace that the kubelet gives the old process.
      - Where C(crictl) reaches no container runtime, nothing is touched and the module fails.
    type: int
    default: 0
  backup_directory:
    description:
      - The directory for the manifests that were replaced, made with mode V(0700).
      - It can't be the manifests directory, in which the kubelet runs every file.
    type: path
    default: /var/lib/onprem-irsa/backup
"""
