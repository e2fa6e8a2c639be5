# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the flags of API servers, and of what they answer. PRIVATE: it may change."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.audiences import AUDIENCES, given, of_aws
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.observation import OLDEST_KUBERNETES
from ansible_collections.onprem.irsa.plugins.module_utils._api_server.rollout import ISSUER
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.checking import SITE, Seen, check, seen
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.view import looked
from ansible_collections.onprem.irsa.plugins.module_utils._documents.issuer import INSIDE_CLUSTER

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._doctor.snapshot import ApiServer, Host, Texts
    from ansible_collections.onprem.irsa.plugins.module_utils._doctor.view import View

_DAY: t.Final = 86400
_LONGEST: t.Final = "service-account-max-token-expiration"
_DURATION: t.Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(h|m|s)")  # Go, time.ParseDuration
_UNITS: t.Final[t.Mapping[str, float]] = {"h": 3600.0, "m": 60.0, "s": 1.0}
_JWKS_URI: t.Final = "service-account-jwks-uri"
_RELEASE: t.Final = re.compile(r"v?([0-9]{1,9})\.([0-9]{1,9})")
_GUIDE: t.Final = "guide_chain"
_ROLL: t.Final = "run onprem.irsa.site, which changes the API servers in two passes, with nothing refused in between"


def _flags(view: View) -> t.Iterator[tuple[str, Host, t.Mapping[str, Texts]]]:
    return ((name, host, host.flags) for name, host in view.hosts if host.flags is not None)


def _issuers(server: ApiServer) -> Texts:
    """Return the issuers that a server accepts, in their order where its host is known; none where nobody knows."""
    host = looked(server.host)
    if host is not None and host.flags is not None:
        return host.flags.get(ISSUER, ())
    return looked(server.accepted) or ()


def _signing(server: ApiServer) -> str:
    """Return the issuer of a server's tokens; empty where nobody knows."""
    minted, host = looked(server.minted), looked(server.host)
    if minted is not None:
        return minted.issuer
    issuers = host.flags.get(ISSUER, ()) if host is not None and host.flags is not None else ()
    return issuers[0] if issuers else ""


@check(
    "flags.not-running",
    "broken",
    title="No API server runs on a control-plane host",
    cause="Its tokens and its flags cannot be looked at, and the others carry its load.",
    fix="Look at why it does not come up: `crictl ps -a --name kube-apiserver` and `crictl logs` on {where}.",
    guide=_GUIDE,
)
def _not_running(view: View) -> t.Iterator[Seen]:
    return (seen(name, "no process of kube-apiserver runs") for name, host in view.hosts if host.flags is None)


@check(
    "flags.not-ready",
    "broken",
    title="An API server is not ready",
    cause="It refuses requests, or answers some of them from what it has not loaded yet.",
    fix="See which check fails: `kubectl get --raw '/readyz?verbose'` at {where}.",
    guide=_GUIDE,
    follows=("flags.not-running",),
)
def _not_ready(view: View) -> t.Iterator[Seen]:
    for server in view.servers:
        host = looked(server.host)
        if not server.ready and (host is None or host.flags is not None):
            yield seen(server.name, "it does not say that it is ready")


@check(
    "flags.comma",
    "broken",
    title="Several issuers stand in one flag",
    cause="kube-apiserver takes a list joined by commas for one long issuer, and puts that into every token.",
    fix=f"Give each issuer a flag --service-account-issuer of its own: {_ROLL}.",
    command=SITE,
    guide=_GUIDE,
)
def _comma(view: View) -> t.Iterator[Seen]:
    for server in view.servers:
        joined = [issuer for issuer in {*_issuers(server), _signing(server)} if "," in issuer]
        if joined:
            yield seen(server.name, f"it has the issuer {joined[0]}")


@check(
    "flags.not-signing",
    "broken",
    title="An API server does not sign with the issuer",
    cause="The first --service-account-issuer signs, the others are accepted: AWS refuses tokens of another issuer.",
    fix=f"Put {{issuer}} first on every API server: {_ROLL}.",
    command=SITE,
    guide=_GUIDE,
    follows=("flags.comma", "flags.not-running"),
)
def _not_signing(view: View) -> t.Iterator[Seen]:
    for server in view.servers:
        signing, issuers = _signing(server), _issuers(server)
        if signing and signing != view.issuer and not any("," in issuer for issuer in (*issuers, signing)):
            accepts = "accepts it" if view.issuer in issuers else "does not accept it either"
            found = f"its tokens carry {signing}, not {view.issuer}; it {accepts if issuers else 'was not asked'}"
            yield seen(server.name, found, issuer=view.issuer)


@check(
    "flags.differ",
    "broken",
    title="API servers do not accept the same issuers",
    cause="A token of one API server is refused by another: behind a load balancer that shows as 401 now and then.",
    fix=f"Set the same issuers on all of them: {_ROLL}.",
    command=SITE,
    guide=_GUIDE,
    follows=("flags.comma", "flags.not-signing", "flags.not-running"),
)
def _differ(view: View) -> t.Iterator[Seen]:
    by_flags = {name: {*host.flags.get(ISSUER, ())} for name, host in view.hosts if host.flags}
    # Without its host, a server is asked for a few issuers: what else another one has says nothing about it.
    asked = {server.name: {*(looked(server.accepted) or ())} for server in view.servers}
    told: set[str] = set()
    for accepted in (by_flags, {} if by_flags.keys() == asked.keys() else asked):
        known = {name: issuers for name, issuers in accepted.items() if issuers}
        every = set().union(*known.values())
        for name, issuers in known.items():
            if issuers != every and name not in told:
                told.add(name)
                yield seen(name, f"it does not accept {', '.join(sorted(every - issuers))}, which another one does")


@check(
    "flags.refuses-others",
    "broken",
    title="An API server refuses tokens of another one",
    cause="It lacks the issuer or the key of that token.",
    fix=f"Set the same issuers and key files on all API servers: {_ROLL}.",
    command=SITE,
    guide=_GUIDE,
    follows=("flags.differ", "flags.comma", "flags.not-signing", "keys"),
)
def _refuses_others(view: View) -> t.Iterator[Seen]:
    for server in view.servers:
        for issuer, kid in server.refused:
            yield seen(server.name, f"it refuses a token of the issuer {issuer} with the key {kid}")


@check(
    "flags.drift",
    "broken",
    title="An API server runs with other flags than its file has",
    cause="The kubelet has not taken the file, or somebody changed it: the next start brings up something else.",
    fix="Put the file right, and wait until the API server has restarted. See `crictl ps -a --name kube-apiserver` on "
    "{where}.",
    guide=_GUIDE,
)
def _drift(view: View) -> t.Iterator[Seen]:
    for name, host in view.hosts:
        if host.drift and host.flags is not None:
            yield seen(name, f"{', '.join(host.drift)} of the process are not those of {host.file or 'its file'}")


@check(
    "flags.upgrade-undoes",
    "warning",
    title="An upgrade would undo the flags",
    cause="A distribution writes its files again from its own configuration: what is not in there is lost, or in "
    "another order, and then the old issuer signs.",
    fix="Keep the flags in the distribution's own configuration: run onprem.irsa.site (irsa_apiserver_kept_by).",
    command=SITE,
    guide="distributions",
)
def _upgrade_undoes(view: View) -> t.Iterator[Seen]:
    return (seen(name, text) for name, host in view.hosts for text in host.undone)


@check(
    "flags.sts-audience",
    "broken",
    title="API servers accept tokens that pods send to AWS",
    cause="With sts.amazonaws.com in --api-audiences, whoever gets hold of such a token may use the cluster as the "
    "pod.",
    fix="Remove the audience of AWS from --api-audiences of every API server.",
    guide=_GUIDE,
)
def _sts_audience(view: View) -> t.Iterator[Seen]:
    for name, _host, flags in _flags(view):
        of_sts = of_aws(given(flags.get(AUDIENCES, ())), view.snapshot.audience)
        if of_sts:
            yield seen(name, f"--{AUDIENCES} has {', '.join(of_sts)}")


@check(
    "flags.short-tokens",
    "warning",
    title="API servers shorten the pods' tokens",
    cause="--service-account-max-token-expiration is below the day for which the injection asks. Programs that read "
    "their token once stop earlier than they were told.",
    fix="Set --service-account-max-token-expiration to 24h or more, or remove it.",
    guide=_GUIDE,
)
def _short_tokens(view: View) -> t.Iterator[Seen]:
    for server in view.servers:
        minted = looked(server.minted)
        # Tokens are signed for a second or two less than they were asked for.
        if minted is not None and minted.seconds < min(minted.asked, _DAY) - 60:
            asked = f"{minted.asked / 3600:.0f} hours"
            yield seen(server.name, f"a token for {asked} is valid for {minted.seconds / 3600:.1f} hours")
        longest = _longest(server)
        if minted is None and 0 < longest < _DAY:
            yield seen(server.name, f"tokens are valid for {longest / 3600:.1f} hours at most")


def _longest(server: ApiServer) -> float:
    """Return how long tokens are valid at most, in seconds by the flag; 0 where nothing limits them."""
    host = looked(server.host)
    text = ((host.flags or {}).get(_LONGEST) or ("",))[-1] if host is not None else ""
    return sum(float(count) * _UNITS[unit] for count, unit in _DURATION.findall(text))


@check(
    "flags.single-issuer",
    "warning",
    title="API servers accept the new issuer alone",
    cause="Tokens for the audience of the cluster's default issuer are refused, however new they are, and so is every "
    "token from before the change.",
    fix=f"Accept {{default}} as well, in second place: {_ROLL}.",
    command=SITE,
    guide=_GUIDE,
)
def _single_issuer(view: View) -> t.Iterator[Seen]:
    default = f"{INSIDE_CLUSTER}.cluster.local"
    for name, _host, flags in _flags(view):
        audiences = given(flags.get(AUDIENCES, ()))
        inside = any(audience.startswith(INSIDE_CLUSTER) for audience in audiences)
        if flags.get(ISSUER, ()) == (view.issuer,) and not inside and view.issuer != default:
            of_flag = f", for the audience {', '.join(audiences)}" if audiences else ""
            yield seen(name, f"it accepts {view.issuer} alone{of_flag}", default=default)


@check(
    "flags.duplicates",
    "broken",
    title="Several files in the manifests directory hold the API server's pod",
    cause="The kubelet runs any one of them, also of a copy with .bak at its end.",
    fix="Move all but the right one out of the manifests directory of {where}: {files}.",
    guide=_GUIDE,
)
def _duplicates(view: View) -> t.Iterator[Seen]:
    for name, host in view.hosts:
        if host.duplicates:
            files = ", ".join(host.duplicates)
            yield seen(name, f"{files} hold the same pod as {host.file}", files=files)


@check(
    "flags.jwks-uri",
    "warning",
    title="API servers name another key set than the published one",
    cause="--service-account-jwks-uri stands in the discovery document that API servers serve; who copies it, or "
    "reads it inside of the cluster, is led to that key set.",
    fix="Set --service-account-jwks-uri to {published}: run onprem.irsa.site.",
    command=SITE,
    guide=_GUIDE,
    follows=("documents.other-issuer", "documents.no-jwks-uri", "documents.internal-jwks-uri"),
)
def _jwks_uri(view: View) -> t.Iterator[Seen]:
    uris = {each.fetch.discovery.jwks_uri for each in view.fetched if each.fetch.discovery is not None}
    for name, _host, flags in _flags(view):
        uri = (flags.get(_JWKS_URI) or ("",))[-1]
        if uri and len(uris) == 1 and uri not in uris and flags.get(ISSUER, ("",))[0] == view.issuer:
            [published] = uris
            yield seen(name, f"--{_JWKS_URI} is {uri}, and {published} is published", published=published)


@check(
    "flags.release",
    "warning",
    title="An API server is of an old release of Kubernetes",
    cause=f"The collection is tried on {'.'.join(map(str, OLDEST_KUBERNETES))} and newer; before 1.22 there is one "
    "issuer alone, so that no change is possible without refused tokens.",
    fix="Upgrade Kubernetes before the issuer or the key is changed.",
    guide=_GUIDE,
)
def _release(view: View) -> t.Iterator[Seen]:
    for server in view.servers:
        found = _RELEASE.match(server.version)
        if found and (int(found[1]), int(found[2])) < OLDEST_KUBERNETES:
            yield seen(server.name, f"it is of version {server.version}")
