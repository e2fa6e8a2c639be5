# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._injection.image import image

DOCUMENTATION = r"""
name: webhook_image
short_description: Where to take the webhook's image from, and which admission reviews it answers
version_added: 1.0.0
author: The onprem.irsa authors (@onprem)
description:
  - Returns the reference of an image, from a mirror if there is one, and the C(admissionReviewVersions) that a
    C(MutatingWebhookConfiguration) may name for it.
  - Releases of the Amazon EKS Pod Identity Webhook up to v0.6.17 answer V(v1beta1) alone. With V(v1) API servers refuse
    their answers, which nobody notices where failures are ignored. A digest without a tag is taken for such a release.
  - Made for the roles of this collection, and may change with them in any release.
positional: mirror
options:
  _input:
    description: The image, with a tag or a digest.
    type: str
    required: true
  mirror:
    description: What stands in the place of the image's registry, with a path if there is one.
    type: str
    default: ""
seealso:
  - plugin: onprem.irsa.irsa_webhook
    plugin_type: role
  - name: Amazon EKS Pod Identity Webhook
    description: The webhook and its releases.
    link: https://github.com/aws/amazon-eks-pod-identity-webhook
"""

EXAMPLES = r"""
- name: Show where the image comes from
  ansible.builtin.debug:
    msg: "{{ irsa_webhook_image | onprem.irsa.webhook_image('registry.example.com/hub') }}"
"""

RETURN = r"""
_value:
  description: The image.
  type: dict
  contains:
    reference:
      description: The reference.
      type: str
      sample: registry.example.com/hub/amazon/amazon-eks-pod-identity-webhook:v0.6.17
    review_versions:
      description: The versions of C(AdmissionReview), the preferred one first.
      type: list
      elements: str
      sample: [v1beta1]
"""


def _filter(reference: str, mirror: str = "") -> dict[str, t.Any]:
    return image(reference, mirror)._asdict()


class FilterModule:
    """Filters of this file, as Ansible looks them up."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"webhook_image": _filter}
