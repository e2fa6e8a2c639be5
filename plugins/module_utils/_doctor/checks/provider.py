# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the identity provider in IAM. PRIVATE: it may change."""

from __future__ import annotations

import re
import typing as t
from dataclasses import replace

from ansible_collections.onprem.irsa.plugins.module_utils._aws.ownership import CLUSTER_TAG
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.checking import Seen, check, seen
from ansible_collections.onprem.irsa.plugins.module_utils._errors import nearest
from ansible_collections.onprem.irsa.plugins.module_utils._trust.policy import issuer_of

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._doctor.snapshot import Provider
    from ansible_collections.onprem.irsa.plugins.module_utils._doctor.view import View

_GUIDE: t.Final = "guide_iam_roles"
_CREATE: t.Final = "aws iam create-open-id-connect-provider --url {issuer} --client-id-list {audience}"
# Without its tag, onprem.irsa.site would take it for somebody else's from then on.
_CREATE_OWN: t.Final = f"{_CREATE} --tags Key={CLUSTER_TAG},Value={{cluster}}"


def _plain(issuer: str) -> str:
    return issuer.removeprefix("https://").rstrip("/").lower()


def _alike(view: View) -> list[Provider]:
    """Return the providers of issuers that differ from this one in a slash at the end, or in case."""
    found = view.providers.found if view.providers else ()
    return [provider for provider in found if _plain(issuer_of(provider.arn)) == _plain(view.issuer)]


def _made(view: View, where: str, found: str) -> Seen:
    """Return what was seen with how a provider is made, of a cluster of ours with the tag by which that is known."""
    cluster = view.snapshot.cluster
    place = seen(where, found, issuer=view.issuer, audience=view.snapshot.audience, cluster=cluster)
    return replace(place, command=_CREATE_OWN) if cluster else place


@check(
    "provider.missing",
    "broken",
    title="The account has no identity provider for the issuer",
    cause="STS takes tokens of an issuer only where the account of the role has a provider for it.",
    fix="Make it: run onprem.irsa.site.",
    command=_CREATE,
    guide=_GUIDE,
)
def _missing(view: View) -> t.Iterator[Seen]:
    if view.providers and view.provider is None and not _alike(view):
        issuers = [issuer_of(provider.arn) for provider in view.providers.found]
        meant = nearest(view.issuer.removeprefix("https://"), issuers)
        found = f"the account {view.providers.account} has no provider for {view.issuer}"
        near = f"; the nearest is {meant.removeprefix('Did you mean ').rstrip('?')}" if meant else ""
        yield _made(view, view.provider_arn, found + near)


@check(
    "provider.other-spelling",
    "broken",
    title="The identity provider is for another spelling of the issuer",
    cause="STS compares the issuer of a token with that of the provider letter by letter: slash and case count.",
    fix="Make a provider for the issuer that tokens carry, and let the roles trust it: run onprem.irsa.site.",
    command=_CREATE,
    guide=_GUIDE,
)
def _other_spelling(view: View) -> t.Iterator[Seen]:
    if view.providers and view.provider is None:
        for provider in _alike(view):
            found = f"it is for https://{issuer_of(provider.arn)}, and tokens carry {view.issuer}"
            yield _made(view, provider.arn, found)


@check(
    "provider.audience",
    "broken",
    title="The identity provider does not take the audience of the pods' tokens",
    cause="STS refuses a token whose audience is not among the provider's client ids (Incorrect token audience).",
    fix="Add the audience {audience} to the provider: run onprem.irsa.site.",
    command="aws iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn {where} "
    "--client-id {audience}",
    guide=_GUIDE,
)
def _audience(view: View) -> t.Iterator[Seen]:
    wanted = view.snapshot.audience
    # Where every service account names an audience of its own, nothing has to take the usual one.
    used = {view.audience_of(account) for accounts in view.naming.values() for account in accounts} or {wanted}
    if view.provider and wanted in used and wanted not in view.provider.audiences:
        taken = ", ".join(view.provider.audiences) or "none"
        yield seen(view.provider.arn, f"it takes {taken}, not {wanted}", audience=wanted)


@check(
    "provider.thumbprint-made-up",
    "warning",
    title="The thumbprint at the identity provider is made up",
    cause="AWS passes it over as long as a public authority vouches for the issuer's host, as for S3. When the host "
    "gets a certificate of one's own authority, AWS compares the two, and refuses every token.",
    fix="Set the thumbprint of the certificate that is served now; a provider that is made without one gets it by "
    "itself.",
    command="aws iam update-open-id-connect-provider-thumbprint --open-id-connect-provider-arn {where} "
    "--thumbprint-list {thumbprint}",
    guide=_GUIDE,
    follows=("provider.thumbprint",),
)
def _made_up(view: View) -> t.Iterator[Seen]:
    provider = view.provider
    served = {
        each.fetch.tls.thumbprint
        for each in view.fetched
        if each.fetch.tls is not None and each.seen_from == "controller"
    } - {""}
    thumbprints = {*provider.thumbprints} - served if provider else set()
    made_up = sorted(each for each in thumbprints if _REPEATED.fullmatch(each))
    if provider and made_up:
        yield seen(provider.arn, f"it has {', '.join(made_up)}", thumbprint=min(served, default=""))


_REPEATED: t.Final = re.compile(r"(.{1,20})\1+")
"""What no digest is: one text several times, as in 1234567890123456789012345678901234567890."""


@check(
    "provider.thumbprint",
    "broken",
    title="The thumbprint at the identity provider is not that of the certificate",
    cause="Of an authority that AWS does not know, it compares the last certificate that is sent with the thumbprints.",
    fix="Set the thumbprint of the certificate that is served now.",
    command="aws iam update-open-id-connect-provider-thumbprint --open-id-connect-provider-arn {where} "
    "--thumbprint-list {thumbprint}",
    guide=_GUIDE,
)
def _thumbprint(view: View) -> t.Iterator[Seen]:
    provider = view.provider
    untrusted = {
        each.fetch.tls.thumbprint
        for each in view.fetched
        if each.fetch.tls is not None and not each.fetch.tls.trusted and each.seen_from == "controller"
    } - {""}
    for thumbprint in sorted(untrusted):
        if provider and provider.thumbprints and thumbprint not in provider.thumbprints:
            found = f"it has {', '.join(provider.thumbprints)}, and the host sends {thumbprint}"
            yield seen(provider.arn, found, thumbprint=thumbprint)
