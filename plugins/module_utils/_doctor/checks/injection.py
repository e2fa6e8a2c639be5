# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of what injects pods: the role's own, which C(_injection) judges, and webhooks of others. PRIVATE."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.onprem.irsa.plugins.module_utils._doctor.checking import SITE, Seen, check, seen
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.view import looked

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._doctor.snapshot import Injection, Injector
    from ansible_collections.onprem.irsa.plugins.module_utils._doctor.view import View

_GUIDE: t.Final = "guide_injection"


def _judged(view: View, link: str) -> t.Iterator[Seen]:
    """Yield what the injection's own diagnosis says of one of its links."""
    injection = looked(view.snapshot.injection)
    for finding in injection.findings if injection else ():
        if finding.link == link and finding.state != "ok":
            yield Seen(link, finding.found, {"where": link}, finding.state, finding.fix)


def _foreign(view: View) -> t.Iterator[Injector]:
    injection = looked(view.snapshot.injection)
    return iter(injection.foreign if injection else ())


def _judges_mode(injection: Injection) -> bool:
    return any(finding.link == "webhook: mode" for finding in injection.findings)


@check(
    "injection.mode",
    "broken",
    title="Pods are injected by something else than was asked for",
    cause="irsa_webhook_mode says what injects pods. Two of them would both call, and none leaves pods without a role.",
    fix="Set irsa_webhook_mode to what injects pods, and run onprem.irsa.site.",
    guide=_GUIDE,
)
def _mode(view: View) -> t.Iterator[Seen]:
    return _judged(view, "webhook: mode")


@check(
    "injection.nothing",
    "broken",
    title="Nothing injects pods",
    cause="Service accounts name roles, and nobody gives their pods the variables and the token.",
    fix="Install what injects pods: run onprem.irsa.site (irsa_webhook_mode).",
    command=SITE,
    guide=_GUIDE,
)
def _nothing(view: View) -> t.Iterator[Seen]:
    injection = looked(view.snapshot.injection)
    if injection and not injection.own and not injection.foreign and not _judges_mode(injection) and view.naming:
        count = sum(map(len, view.naming.values()))
        yield seen("the cluster", f"{count} service accounts name a role, and there is neither a webhook nor a policy")


@check(
    "injection.twice",
    "warning",
    title="Several webhooks inject pods",
    cause="Each of them is called for every pod; which one a pod is like depends on their order.",
    fix="Remove all but one: {names}.",
    guide=_GUIDE,
)
def _twice(view: View) -> t.Iterator[Seen]:
    injection = looked(view.snapshot.injection)
    if injection is None or _judges_mode(injection):
        return
    names = [injector.name for injector in injection.foreign] + ([injection.own] if injection.own else [])
    if len(names) > 1:
        yield seen("the cluster", f"pods are injected by {' and by '.join(names)}", names=", ".join(names))


@check(
    "injection.pods",
    "broken",
    title="The webhook's pods are not ready",
    cause="API servers call them for every new pod; without an answer, a pod starts without its role.",
    fix="Look at `kubectl --namespace pod-identity-webhook describe pods`.",
    guide=_GUIDE,
)
def _pods(view: View) -> t.Iterator[Seen]:
    return _judged(view, "webhook: pods")


@check(
    "injection.certificate",
    "broken",
    title="The webhook's certificate is not as it should be",
    cause="API servers call the webhook over TLS, and inject nothing where they cannot verify it.",
    fix="Renew it: run onprem.irsa.site.",
    guide=_GUIDE,
)
def _certificate(view: View) -> t.Iterator[Seen]:
    return _judged(view, "webhook: certificate")


@check(
    "injection.authority",
    "broken",
    title="API servers do not trust what the webhook serves",
    cause="The caBundle of the MutatingWebhookConfiguration has to hold the authority of the webhook's certificate.",
    fix="Write both again: run onprem.irsa.site.",
    guide=_GUIDE,
)
def _authority(view: View) -> t.Iterator[Seen]:
    return _judged(view, "webhook: authority")


@check(
    "injection.roles",
    "warning",
    title="The policy does not know the role of a service account",
    cause="A policy of the API servers goes by a ConfigMap, because it cannot read service accounts.",
    fix="Write the ConfigMap again: run onprem.irsa.site.",
    guide=_GUIDE,
)
def _roles(view: View) -> t.Iterator[Seen]:
    return _judged(view, "webhook: roles")


@check(
    "injection.tried",
    "broken",
    title="A pod that was tried now is not injected",
    cause="An API server did not call what injects, did not reach it, or was answered with something else.",
    fix="Run onprem.irsa.site, which says why where that does not help.",
    guide=_GUIDE,
    follows=("injection.mode", "injection.nothing", "injection.pods", "injection.certificate", "injection.authority"),
)
def _tried(view: View) -> t.Iterator[Seen]:
    return _judged(view, "webhook: a pod, tried")


@check(
    "injection.service-missing",
    "broken",
    title="A webhook calls a service that does not exist",
    cause="What is called was removed, and its MutatingWebhookConfiguration stayed.",
    fix="Install the webhook again, or remove what calls it, and let onprem.irsa.site install another "
    "(irsa_webhook_mode).",
    guide=_GUIDE,
)
def _service_missing(view: View) -> t.Iterator[Seen]:
    injection = looked(view.snapshot.injection)
    foreign = injection.foreign if injection else ()
    for injector in foreign:
        if injector.service_exists is False:
            place = seen(injector.name, f"there is no service {injector.service}")
            # Where nothing else injects pods, they would lack their roles without it as well.
            others = bool(injection and injection.own) or any(other.service_exists is not False for other in foreign)
            yield replace(place, command="kubectl delete mutatingwebhookconfiguration {where}") if others else place


@check(
    "injection.no-endpoints",
    "broken",
    title="No pod is ready behind the service of a webhook",
    cause="API servers call it for every new pod; without an answer, a pod starts without its role.",
    fix="Look at the pods behind the service {service}: `kubectl --namespace {namespace} get pods`.",
    guide=_GUIDE,
)
def _no_endpoints(view: View) -> t.Iterator[Seen]:
    for injector in _foreign(view):
        if injector.endpoints == 0 and injector.service_exists is not False:
            namespace = injector.service.partition("/")[0]
            found = f"no pod is ready behind {injector.service}"
            yield seen(injector.name, found, service=injector.service, namespace=namespace)


@check(
    "injection.one-pod",
    "warning",
    title="One pod alone injects",
    cause="While it restarts or its node is drained, new pods start without their roles, for good (failurePolicy: "
    "Ignore), or do not start at all (Fail).",
    fix="Run two of it, on different nodes: `kubectl --namespace {namespace} get deployments`.",
    guide=_GUIDE,
)
def _one_pod(view: View) -> t.Iterator[Seen]:
    for injector in _foreign(view):
        if injector.endpoints == 1:
            namespace = injector.service.partition("/")[0]
            yield seen(injector.name, f"one pod is ready behind {injector.service}", namespace=namespace)


@check(
    "injection.no-bundle",
    "broken",
    title="A webhook has no caBundle",
    cause="API servers verify the certificate of a service by the caBundle, because no public authority vouches for "
    "it. What fills it in, such as cert-manager's CA injector, has not done so.",
    fix="See that what issues its certificate runs, and has the annotation for it on the MutatingWebhookConfiguration.",
    guide=_GUIDE,
)
def _no_bundle(view: View) -> t.Iterator[Seen]:
    return (seen(injector.name, "its caBundle is empty") for injector in _foreign(view) if not injector.has_bundle)


@check(
    "injection.fails-closed",
    "warning",
    title="No pod starts while a webhook does not answer",
    cause="With failurePolicy: Fail its own pods cannot start either, once all of them are gone, nor those of "
    "kube-system.",
    fix="Set its failurePolicy to Ignore, or leave its own namespace and kube-system out by its namespaceSelector.",
    guide=_GUIDE,
)
def _fails_closed(view: View) -> t.Iterator[Seen]:
    for injector in _foreign(view):
        own = injector.service.partition("/")[0]
        if injector.failure_policy == "Fail" and not {own, "kube-system"} - {""} <= {*injector.excluded}:
            yield seen(injector.name, f"its failurePolicy is Fail, also for {own or 'kube-system'}")


@check(
    "injection.namespace-left-out",
    "warning",
    title="What injects leaves out a namespace whose service accounts name roles",
    cause="The namespaceSelector of the MutatingWebhookConfiguration does not choose it.",
    fix="Give the namespace the labels that the selector asks for: `kubectl get mutatingwebhookconfiguration {webhook} "
    "--output yaml`.",
    guide=_GUIDE,
)
def _namespace_left_out(view: View) -> t.Iterator[Seen]:
    naming = {account.namespace for accounts in view.naming.values() for account in accounts}
    for injector in _foreign(view):
        for namespace in sorted(naming & {*injector.excluded}):
            yield seen(namespace, f"the webhook {injector.name} leaves it out", webhook=injector.name)
