# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError
from ansible.utils.display import Display

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._injection.manifests import (
    accounts,
    inject_manifest,
    left_alone,
)
from ansible_collections.onprem.irsa.plugins.module_utils._injection.pod import checked_settings
from ansible_collections.onprem.irsa.plugins.module_utils._service_accounts import is_namespace

DOCUMENTATION = r"""
name: inject_role
short_description: Put the role and its token into the pods of manifests
version_added: 1.0.0
author: The onprem.irsa authors (!UNKNOWN)
description:
  - Adds to the pods of manifests what the Amazon EKS Pod Identity Webhook adds to pods on their admission, the volume
    with the token, its mount and the variables by which the AWS SDKs find the role. With it a cluster needs no webhook.
  - Pods whose service account has a role are injected, by themselves or as templates, which are found by their shape,
    of whatever kind the manifest is (C(Deployment), C(CronJob), C(List), a C(Rollout) of Argo, a C(Service) of Knative
    and so on). Everything else is returned as it is.
  - A warning names a manifest that has a service account with a role, but no template of a pod to inject, such as a
    C(Workflow) of Argo.
  - What a container has itself stays. A manifest that is injected already stays as it is. A pod whose own volumes leave
    no place for the token, because one has its name or its path, is refused. So is one that would be given a role that
    is no ARN, or a token that API servers do not make.
  - The pod's annotations C(eks.amazonaws.com/skip-containers) and C(eks.amazonaws.com/token-expiration) and the label
    C(eks.amazonaws.com/skip-pod-identity-webhook) are obeyed.
positional: roles
extends_documentation_fragment:
  - onprem.irsa._injection
options:
  _input:
    description:
      - The manifests.
      - Service accounts among them, also in a C(List), give their role, audience, expiry and endpoint in their
        annotations C(eks.amazonaws.com/role-arn), C(eks.amazonaws.com/audience),
        C(eks.amazonaws.com/token-expiration) and C(eks.amazonaws.com/sts-regional-endpoints).
    type: list
    elements: dict
    required: true
  audience:
    description: The audience of tokens where nothing else says one.
    type: str
    default: sts.amazonaws.com
  expiration:
    description: Seconds that a token is valid where nothing else says it, 600 to 4294967296 (2^32).
    type: int
    default: 86400
  regional_sts:
    description: Whether the AWS SDKs are told to ask the STS of their region, where nothing else says it.
    type: bool
    default: true
  namespace:
    description: The namespace of manifests that name none.
    type: str
    default: default
seealso:
  - module: onprem.irsa.iam_roles
  - module: onprem.irsa.role_annotations
"""

EXAMPLES = r"""
- name: Run an application with the role that its service account names
  kubernetes.core.k8s:
    definition: "{{ lookup('ansible.builtin.file', 'reports.yaml') | from_yaml_all
      | onprem.irsa.inject_role(region='eu-central-1') }}"

- name: Make the roles
  onprem.irsa.iam_roles:
    cluster: prod
    oidc_provider_arns: [arn:aws:iam::123456789012:oidc-provider/oidc.example.com]
    roles: "{{ irsa_iam_roles }}"
  register: made

- name: Run an application with the role that IAM has for its service account
  kubernetes.core.k8s:
    definition: "{{ lookup('ansible.builtin.file', 'reports.yaml') | from_yaml_all
      | onprem.irsa.inject_role(made.roles, region='eu-central-1', namespace='apps') }}"
    namespace: apps
"""

RETURN = r"""
_value:
  description: The manifests, in their order.
  type: list
  elements: dict
"""


def _filter(  # noqa: PLR0913 -- its options
    manifests: t.Iterable[t.Mapping[str, t.Any] | None],
    roles: t.Iterable[t.Mapping[str, t.Any]] = (),
    *,
    region: str = "",
    audience: str = "sts.amazonaws.com",
    expiration: int = 86400,
    regional_sts: bool = True,
    namespace: str = "default",
) -> list[dict[str, t.Any]]:
    if isinstance(manifests, (str, t.Mapping)):
        raise AnsibleFilterError("inject_role takes a list of manifests. Read a file with from_yaml_all.")
    documents = [manifest for manifest in manifests if manifest]  # a YAML file may begin with an empty document
    others = [document for document in documents if not isinstance(document, t.Mapping)]
    if others:
        raise AnsibleFilterError(f"inject_role takes manifests, but is given {others[0]!r}. Remove it.")
    if not is_namespace(namespace):
        raise AnsibleFilterError(f"namespace is {namespace!r}, and must be the name of one, as default or apps are.")
    given = [dict(manifest) for manifest in documents]
    try:
        settings = checked_settings(audience, region, regional_sts, expiration)
        known = accounts(given, roles, settings, namespace)
        injected = [inject_manifest(manifest, known, region, namespace) for manifest in given]
    except InputError as error:
        raise AnsibleFilterError(str(error)) from None
    for name, key in left_alone(given, known, namespace):
        Display().warning(
            f"inject_role has left the {name} alone: it names the service account {key}, which has a role, but has no "
            "template of a pod with it. Put volume, mount and variables where its kind takes them."
        )
    return injected


class FilterModule:
    """Filters of this file, as Ansible looks them up."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"inject_role": _filter}
