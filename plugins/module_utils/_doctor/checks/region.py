# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the region, and of the endpoint of STS. PRIVATE: it may change."""

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._doctor.checking import Seen, check, seen
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.view import looked

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._doctor.snapshot import Region
    from ansible_collections.onprem.irsa.plugins.module_utils._doctor.view import View

_GUIDE: t.Final = "guide_injection"


def _region(view: View) -> t.Iterator[Region]:
    region = looked(view.snapshot.region)
    if region is not None:
        yield region


@check(
    "region.unknown",
    "broken",
    title="AWS has no region of the name that pods are given",
    cause="SDKs make the host of STS of it, which then has no address. A zone (eu-central-1a) is no region.",
    fix="Correct irsa_region, run onprem.irsa.site, and restart what makes the pods.",
    guide=_GUIDE,
)
def _unknown(view: View) -> t.Iterator[Seen]:
    return (seen(region.name, f"there is no region {region.name}") for region in _region(view) if not region.known)


@check(
    "region.disabled",
    "broken",
    title="The account may not use the region",
    cause="Regions since 2019 have to be turned on; until then, STS there refuses every request of the account.",
    fix="Turn the region on, or choose another one (irsa_region).",
    command="aws account enable-region --region-name {where}",
    guide=_GUIDE,
    follows=("region.unknown",),
)
def _disabled(view: View) -> t.Iterator[Seen]:
    for region in _region(view):
        if region.enabled is False:
            yield seen(region.name, "the account has not turned it on")


@check(
    "region.partition",
    "broken",
    title="The region is of another partition than the account",
    cause="China, GovCloud and others are separate AWS: STS of one knows no role of another.",
    fix="Choose a region of the partition {partition} (irsa_region).",
    guide=_GUIDE,
)
def _partition(view: View) -> t.Iterator[Seen]:
    for region in _region(view):
        if view.providers and region.name and region.known and region.partition != view.providers.partition:
            found = f"it is of the partition {region.partition}, and the account of {view.providers.partition}"
            yield seen(region.name, found, partition=view.providers.partition)


@check(
    "region.unreached",
    "broken",
    title="A host does not reach STS",
    cause="Pods ask STS themselves: what stands between the nodes and AWS has to let that pass on port 443.",
    fix="Let {where} reach {endpoint}, or set a proxy in the pods (HTTPS_PROXY). See `curl --verbose {endpoint}`.",
    guide=_GUIDE,
    follows=("region.unknown",),
)
def _unreached(view: View) -> t.Iterator[Seen]:
    for region in _region(view):
        for host, why in region.unreached.items():
            yield seen(host, f"it does not reach {region.endpoint}: {why}", endpoint=region.endpoint)


@check(
    "region.other-in-pods",
    "warning",
    title="Pods are told another region",
    cause="They were made before the region was changed: their calls go there until they are made again.",
    fix="Restart what makes the pod.",
    guide=_GUIDE,
)
def _other_in_pods(view: View) -> t.Iterator[Seen]:
    for region in _region(view):
        told = set()
        for pod in looked(view.snapshot.pods) or ():
            others = [each for each in pod.containers if each.role and each.region not in ("", region.name)]
            where = f"{pod.namespace}/{pod.owner or pod.name}"
            if region.name and others and where not in told:
                told.add(where)
                yield seen(where, f"its container {others[0].name} has {others[0].region}, not {region.name}")


@check(
    "region.global-endpoint",
    "warning",
    title="Pods ask the global endpoint of STS",
    cause="It is in us-east-1 alone, and old SDKs ask it unless AWS_STS_REGIONAL_ENDPOINTS is regional. AWS advises "
    "to use the endpoints of regions.",
    fix="Remove the annotation eks.amazonaws.com/sts-regional-endpoints from the service account {account}, and "
    "restart what makes its pods.",
    command="kubectl --namespace {namespace} annotate serviceaccount {name} eks.amazonaws.com/sts-regional-endpoints-",
    guide=_GUIDE,
)
def _global_endpoint(view: View) -> t.Iterator[Seen]:
    for account in view.accounts:
        if account.regional in ("false", "False", "FALSE", "0", "f", "F") and view.role_of(account):
            values = {"account": account.key, "namespace": account.namespace, "name": account.name}
            yield seen(account.key, f"sts-regional-endpoints is {account.regional}", **values)
