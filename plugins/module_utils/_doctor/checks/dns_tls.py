# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the way to the issuer's host: DNS, TLS, redirects, latency, caching. PRIVATE: it may change."""

from __future__ import annotations

import ipaddress
import typing as t
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timezone

from ansible_collections.onprem.irsa.plugins.module_utils._doctor.checking import Seen, check, seen
from ansible_collections.onprem.irsa.plugins.module_utils._documents.served import FETCH_SECONDS

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._doctor.snapshot import Tls
    from ansible_collections.onprem.irsa.plugins.module_utils._doctor.view import Fetched, View

_DAY: t.Final = 86400.0
_SOON: t.Final = 14 * _DAY
_LONGEST_CACHE: t.Final = 86400  # seconds: longer than a day, no rotation waits for it
_REDIRECTS: t.Final = (301, 302, 303, 307, 308)
_OLD_TLS: t.Final = ("SSLv2", "SSLv3", "TLSv1", "TLSv1.1")  # IAM takes TLS 1.2 and newer, as all of AWS does
_GUIDE: t.Final = "guide_publishing"
_OF_AWS: t.Final = (".amazonaws.com", ".amazonaws.com.cn", ".cloudfront.net")


def _host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0]


def _at(each: Fetched, found: str, **values: str) -> Seen:
    place = seen(each.fetch.url, found, host=_host(each.fetch.url), **values)
    return replace(place, seen_from=each.seen_from)


def _is_of_aws(each: Fetched) -> bool:
    return _host(each.fetch.url).endswith(_OF_AWS)


def _once_a_host(view: View) -> t.Iterator[tuple[Fetched, Tls]]:
    """Yield each connection to another host from another place: both documents are mostly on one host."""
    known = set()
    for each in view.fetched:
        place = (each.seen_from, _host(each.fetch.url))
        if each.fetch.tls is not None and place not in known:
            known.add(place)
            yield each, each.fetch.tls


def _date(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, timezone.utc):%Y-%m-%d %H:%M} UTC"


@check(
    "dns-tls.unresolved",
    "broken",
    title="The issuer's host has no address",
    cause="AWS and API servers find the documents by the name of the host alone.",
    fix="Make a public DNS record for {host} that leads to what serves the documents. See `dig {host}`.",
    guide=_GUIDE,
)
def _unresolved(view: View) -> t.Iterator[Seen]:
    for each in view.fetched:
        if each.fetch.unresolved:
            host = _host(each.fetch.url)
            fix = (
                f"AWS makes the record of {host}: compare the name with the bucket or distribution, or correct the "
                f"resolver by which this was seen. See `dig {host}`."
            )
            found = _at(each, f"the host has no address: {each.fetch.unresolved}")
            yield replace(found, fix=fix) if _is_of_aws(each) else found


@check(
    "dns-tls.private-address",
    "broken",
    title="The issuer's host has a private address",
    cause="AWS fetches the documents from the internet, where private addresses lead nowhere.",
    fix="Let the public DNS record of {host} lead to a public address, or publish on another host.",
    guide=_GUIDE,
)
def _private(view: View) -> t.Iterator[Seen]:
    for each in view.fetched:
        # A host of the cluster may be answered by an internal view of DNS; the controller stands for the world.
        private = [address for address in each.fetch.addresses if _is_private(address)]
        inside = each.seen_from == "controller" and private and len(private) == len(each.fetch.addresses)
        # AWS's own services have private addresses, too, where an endpoint in a VPC answers in their place.
        if inside and not _is_of_aws(each):
            yield _at(each, f"its address is {', '.join(private)}")


def _is_private(address: str) -> bool:
    with suppress(ValueError):
        return ipaddress.ip_address(address).is_private
    return False


@check(
    "dns-tls.unreached",
    "broken",
    title="The issuer's host does not answer",
    cause="AWS connects to port 443 and gives up after 5 seconds.",
    fix="Let {host} accept connections on port 443 from everywhere. See `curl --verbose {where}`.",
    guide=_GUIDE,
)
def _unreached(view: View) -> t.Iterator[Seen]:
    for each in view.fetched:
        if each.fetch.unreached:
            fix = (
                "AWS answers there: let a firewall pass connections to its port 443 from where this was seen, or set a "
                f"proxy (HTTPS_PROXY). See `curl --verbose {each.fetch.url}`."
            )
            found = _at(each, f"no answer: {each.fetch.unreached}")
            yield replace(found, fix=fix) if _is_of_aws(each) else found


@check(
    "dns-tls.expired",
    "broken",
    title="The certificate of the issuer's host has ended",
    cause="AWS takes no document over a connection that it cannot verify.",
    fix="Renew the certificate of {host}.",
    guide=_GUIDE,
)
def _expired(view: View) -> t.Iterator[Seen]:
    for each, tls in _once_a_host(view):
        if tls.not_after <= view.snapshot.taken:
            yield _at(each, f"the certificate ended on {_date(tls.not_after)}")


@check(
    "dns-tls.expires-soon",
    "warning",
    title="The certificate of the issuer's host ends soon",
    cause="When it ends, every exchange of a token for credentials fails, of all clusters with this issuer.",
    fix="Renew the certificate of {host}, and see that this happens by itself.",
    guide=_GUIDE,
)
def _expires_soon(view: View) -> t.Iterator[Seen]:
    for each, tls in _once_a_host(view):
        left = tls.not_after - view.snapshot.taken
        if 0 < left < _SOON:
            yield _at(each, f"the certificate ends in {left / _DAY:.0f} days, on {_date(tls.not_after)}")


@check(
    "dns-tls.not-yet-valid",
    "broken",
    title="The certificate of the issuer's host is not valid yet",
    cause="AWS takes no certificate before its time. Mostly the clock of what has issued it is wrong.",
    fix="Set that clock right, and issue the certificate of {host} again.",
    guide=_GUIDE,
)
def _not_yet_valid(view: View) -> t.Iterator[Seen]:
    for each, tls in _once_a_host(view):
        if view.snapshot.taken < tls.not_before:
            yield _at(each, f"the certificate is valid from {_date(tls.not_before)}")


@check(
    "dns-tls.other-name",
    "broken",
    title="The certificate is not for the issuer's host",
    cause="AWS compares the host of the issuer with the names of the certificate. That of S3 covers one label, so that "
    "a bucket with dots in its name has none.",
    fix="Serve a certificate for {host}, or publish under one of its names.",
    guide=_GUIDE,
)
def _other_name(view: View) -> t.Iterator[Seen]:
    for each, tls in _once_a_host(view):
        if not tls.named:
            yield _at(each, f"the certificate is for {', '.join(tls.names) or 'no name'}")


@check(
    "dns-tls.untrusted",
    "broken",
    title="The authority of the issuer's certificate is not trusted",
    cause="AWS trusts public authorities, and others only by their thumbprint at the identity provider.",
    fix="Use a certificate of a public authority; or set the thumbprint of the authority at the provider.",
    command="aws iam update-open-id-connect-provider-thumbprint --open-id-connect-provider-arn {provider} "
    "--thumbprint-list {thumbprint}",
    guide=_GUIDE,
)
def _untrusted(view: View) -> t.Iterator[Seen]:
    given = view.provider.thumbprints if view.provider else ()
    for each, tls in _once_a_host(view):
        if not tls.trusted and tls.complete and not given:
            provider = view.provider.arn if view.provider else ""
            unknown = "" if view.providers else "; whether the identity provider has its thumbprint was not looked at"
            found = f"the certificate is of {tls.issued_by or 'an authority'}, which the system does not trust{unknown}"
            place = _at(each, found, provider=provider, thumbprint=tls.thumbprint)
            yield place if view.providers else replace(place, severity="warning")


@check(
    "dns-tls.chain-incomplete",
    "broken",
    title="The issuer's host does not send its intermediate certificates",
    cause="Browsers fetch missing certificates or remember them; AWS and most libraries do neither.",
    fix="Let {host} send the whole chain (in most servers: the file called fullchain). See "
    "`openssl s_client -connect {host}:443 -showcerts`.",
    guide=_GUIDE,
)
def _incomplete(view: View) -> t.Iterator[Seen]:
    for each, tls in _once_a_host(view):
        if not tls.complete:
            yield _at(each, "the chain lacks an intermediate certificate")


@check(
    "dns-tls.old-version",
    "broken",
    title="The issuer's host speaks an old version of TLS alone",
    cause="AWS connects with TLS 1.2 or newer.",
    fix="Turn TLS 1.2 or 1.3 on at {host}.",
    guide=_GUIDE,
)
def _old_version(view: View) -> t.Iterator[Seen]:
    for each, tls in _once_a_host(view):
        if tls.version in _OLD_TLS:
            yield _at(each, f"it speaks {tls.version}")


@check(
    "dns-tls.redirect",
    "broken",
    title="A document is redirected",
    cause="AWS follows no redirect when it fetches a document.",
    fix="Serve the document itself at {where}.",
    guide=_GUIDE,
)
def _redirect(view: View) -> t.Iterator[Seen]:
    for each in view.fetched:
        if each.fetch.status in _REDIRECTS:
            yield _at(each, f"the {each.kind} is redirected to {each.fetch.redirect or 'another place'}")


@check(
    "dns-tls.slow",
    "broken",
    title="A document takes longer than AWS waits",
    cause="AWS gives up after 5 seconds, and says InvalidIdentityToken.",
    fix="Serve the documents from somewhere faster, such as S3 or CloudFront (irsa_issuer_publisher).",
    guide=_GUIDE,
)
def _slow(view: View) -> t.Iterator[Seen]:
    for each in view.fetched:
        if each.fetch.seconds > FETCH_SECONDS and not each.fetch.unreached:
            yield _at(each, f"the {each.kind} took {each.fetch.seconds:.1f} s")


@check(
    "dns-tls.cached-too-long",
    "warning",
    title="The key set may be cached for longer than a day",
    cause="A new key is known to relying parties only when their copies end: until then, a rotation has to wait.",
    fix="Serve {where} with Cache-Control: max-age=3600 (irsa_issuer_max_age), without stale-* directives.",
    guide=_GUIDE,
)
def _cached_too_long(view: View) -> t.Iterator[Seen]:
    for each in view.fetched:
        if each.kind == "key set" and (each.fetch.max_age or 0) > _LONGEST_CACHE:
            yield _at(each, f"its Cache-Control or Expires allows {each.fetch.max_age} seconds")
