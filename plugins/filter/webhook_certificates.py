# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._injection.certificates import (
    IMPORT_ERROR,
    Plan,
    given,
    instant,
    plan,
)

if t.TYPE_CHECKING:
    from datetime import datetime

DOCUMENTATION = r"""
name: webhook_certificates
short_description: When the certificates of the pod-identity webhook have to be made again
version_added: 1.0.0
author: The onprem.irsa authors (@onprem)
description:
  - Judges the certificates of a webhook by the Secrets that hold them and by what API servers trust.
  - A certificate has to be made again when less than a third of its life is left, when it is for another host, when its
    authority or its key is another. An authority has to be made again when it would not outlive a new certificate.
  - Nothing can be planned when the key of an authority, or of a given certificate, is not that of its certificate. Then
    the result names the problem, and nothing has to be made again.
  - Returns no private key.
  - Made for the roles of this collection, and may change with them in any release.
options:
  _input:
    description: The C(data) of the Secret with the webhook's certificate; empty when there is none.
    type: dict
    required: true
  authority:
    description:
      - The C(data) of the Secret with the authority; empty when there is none yet.
      - Without it the certificate was given, and the authorities are in C(ca.crt) beside it.
    type: dict
  bundle:
    description: The C(caBundle) that API servers have for the webhook.
    type: str
    default: ""
  host:
    description: The name by which API servers call the webhook.
    type: str
    required: true
  days:
    description: How many days a new certificate should be valid.
    type: int
    default: 365
  now:
    description: The time, in UTC, as ISO 8601.
    type: str
    required: true
  name:
    description: The name of the certificate's Secret, for messages.
    type: str
    default: pod-identity-webhook-tls
  authority_name:
    description: The name of the authority's Secret, for messages.
    type: str
    default: pod-identity-webhook-ca
notes:
  - Needs Python's C(cryptography) on the controller.
seealso:
  - plugin: onprem.irsa.injection_findings
    plugin_type: filter
  - module: community.crypto.x509_certificate_pipe
  - name: Dynamic Admission Control
    description: How API servers know whose certificate to trust, the C(caBundle).
    link: https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/
"""

EXAMPLES = r"""
- name: Say how long the webhook's certificate is valid
  ansible.builtin.debug:
    msg: "{{ tls_secret.data | onprem.irsa.webhook_certificates(authority=ca_secret.data,
      host='pod-identity-webhook.pod-identity-webhook.svc', now=now(utc=true).isoformat() ~ 'Z') }}"
"""

RETURN = r"""
_value:
  description: What has to be done, and what there is.
  type: dict
  contains:
    new_authority:
      description: Whether the authority has to be made again.
      type: bool
    new_certificate:
      description: Whether the certificate has to be made again.
      type: bool
    kept:
      description: Other authorities, as PEM, that API servers trust and that are still valid.
      type: list
      elements: str
    trusted:
      description: Whether API servers trust the authority, and it alone.
      type: bool
    expires:
      description: When the certificate ends, as ISO 8601; empty when it has to be made again.
      type: str
      sample: "2027-01-31T12:00:00Z"
    days_left:
      description: How many whole days that are; V(0) when it has to be made again.
      type: int
      sample: 243
    timestamp:
      description: The same end as seconds since 1970; V(0) when it has to be made again.
      type: int
      sample: 1801483200
    lifetime:
      description: For how many seconds the certificate is valid as a whole; V(0) when it has to be made again.
      type: int
      sample: 31536000
    problem:
      description: Why nothing can be planned, and what to do about it; empty when there is a plan.
      type: str
      sample: ""
    authority_expires:
      description: When the first of the authorities ends, as ISO 8601; empty when it has to be made again.
      type: str
      sample: "2036-01-31T12:00:00Z"
"""


def _text(when: datetime | None) -> str:
    return "" if when is None else f"{when:%Y-%m-%dT%H:%M:%SZ}"


_NO_PLAN = Plan(False, False, [], trusted=True, expires=None, authority_expires=None)


def _result(made: Plan, now: datetime, problem: str = "") -> dict[str, t.Any]:
    days = 0 if made.expires is None else (made.expires - now).days
    seconds = 0 if made.expires is None else int(made.expires.timestamp())
    texts = {"expires": _text(made.expires), "authority_expires": _text(made.authority_expires), "problem": problem}
    lifetime = 0 if made.lifetime is None else int(made.lifetime.total_seconds())
    return {**made._asdict(), **texts, "days_left": days, "timestamp": seconds, "lifetime": lifetime}


def _filter(  # noqa: PLR0913 -- its options
    certificate: t.Mapping[str, str],
    authority: t.Mapping[str, str] | None = None,
    bundle: str = "",
    *,
    host: str,
    now: str,
    days: int = 365,
    name: str = "pod-identity-webhook-tls",
    authority_name: str = "pod-identity-webhook-ca",
) -> dict[str, t.Any]:
    at = instant(now)
    if IMPORT_ERROR is not None:
        return _result(_NO_PLAN, at, "The controller's Python lacks cryptography. Install version 42 or newer.")
    try:
        if authority is None:
            return _result(given(certificate, bundle, host=host, now=at, name=name), at)
        names = (authority_name, name)
        return _result(plan(authority, certificate, bundle, host=host, days=int(days), now=at, names=names), at)
    except InputError as error:
        return _result(_NO_PLAN, at, str(error))


class FilterModule:
    """Filters of this file, as Ansible looks them up."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"webhook_certificates": _filter}
