# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the injection of pods stands in a cluster. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import typing as t
from datetime import timedelta

from ansible_collections.onprem.irsa.plugins.module_utils._doctor import Finding, State
from ansible_collections.onprem.irsa.plugins.module_utils._injection.admission_policy import unknown
from ansible_collections.onprem.irsa.plugins.module_utils._injection.certificates import IMPORT_ERROR, instant, served
from ansible_collections.onprem.irsa.plugins.module_utils._injection.pod import (
    Settings,
    accounts,
    is_injected,
    other_settings,
)
from ansible_collections.onprem.irsa.plugins.module_utils._injection.reach import advice, is_unreached, refusal

if t.TYPE_CHECKING:
    from datetime import datetime

Json = t.Mapping[str, t.Any]

_RUN: t.Final = "Run onprem.irsa.site."
_FIRST: t.Final = "See first to what is said above of pods and certificates, and run onprem.irsa.site."
_NAMED: t.Final = 3


def findings(given: Json, seen: Json) -> list[Finding]:
    """Judge what was seen of the injection of pods.

    GIVEN are the role's options without their prefix. SEEN is what the filter injection_findings documents.
    """
    return [
        _mode(given, seen),
        *_pods(given, seen),
        *_certificates(given, seen),
        *_roles(given, seen),
        *_probes(given, seen),
        *_missed(seen),
    ]


def _mode(given: Json, seen: Json) -> Finding:
    """Compare what injects pods with what was asked for."""
    link, wanted = "webhook: mode", given["mode"]
    others = [f"the MutatingWebhookConfiguration {other['name']}" for other in seen["foreign"]]
    own = [mode for mode, is_there in (("webhook", seen["webhooks"]), ("policy", seen["policy"])) if is_there]
    there = [*own, *("foreign" for _other in others)]
    if there == ([] if wanted == "none" else [wanted]):
        return Finding(link, "ok", f"{', '.join(others) or wanted}, as asked for")
    names = [*(f"the {mode} of this role" for mode in own), *others]
    found = f"irsa_webhook_mode is {wanted}; pods are injected by {' and by '.join(names) or 'nothing'}"
    state: State = "warning" if there else "broken"
    return Finding(link, state, found, _mode_fix(wanted, own, others, adopt=given["adopt"]))


def _mode_fix(wanted: str, own: t.Collection[str], others: t.Collection[str], *, adopt: bool) -> str:
    if wanted == "foreign" and not others:
        return "Install one, or set irsa_webhook_mode to webhook, policy or none; then run onprem.irsa.site."
    if wanted == "foreign" and not own:
        return "Remove all of them but one."
    if wanted == "none" and others:
        return "Remove it, or set irsa_webhook_mode: foreign."
    if wanted in ("webhook", "policy") and others and not adopt:
        return "Set irsa_webhook_adopt: true, or irsa_webhook_mode: foreign; then run onprem.irsa.site."
    return _RUN


def _pods(given: Json, seen: Json) -> t.Iterator[Finding]:
    """Count the webhook's pods."""
    link, namespace, deployment = "webhook: pods", given["namespace"], seen["deployment"]
    if not deployment:
        if seen["webhooks"]:
            others = seen["other_namespaces"]
            fix = f"Set irsa_webhook_namespace: {others[0]}, which this role has made." if others else _RUN
            yield Finding(link, "broken", f"there is no Deployment of the webhook in {namespace}", fix)
        return
    status = deployment.get("status") or {}
    ready = status.get("readyReplicas") or 0
    # While it is rolled out there are more than asked for: one that never comes up is not to be passed over.
    wanted = max(deployment["spec"].get("replicas", 1), status.get("replicas") or 0)
    state: State = "broken" if not ready else "ok" if ready >= wanted else "warning"
    fix = "" if state == "ok" else f"Look at `kubectl --namespace {namespace} describe pods`."
    yield Finding(link, state, f"{ready} of {wanted} ready", fix if wanted else _RUN)


def _certificates(given: Json, seen: Json) -> t.Iterator[Finding]:
    """Judge what pods serve as API servers do."""
    link, name, now = "webhook: certificate", f"{given['namespace']}/{seen['secret']}", instant(seen["now"])
    if not seen["webhooks"] or not seen["deployment"]:
        return
    if seen["certificate"] is None:
        fix = f"Let the user of the kubeconfig get Secrets in {given['namespace']}, and run again."
        yield Finding(link, "warning", f"the Secret {name} cannot be read, so that the days left are not known", fix)
        return
    if IMPORT_ERROR is not None:
        yield Finding(link, "warning", "the controller's Python lacks cryptography", "Install version 42 or newer.")
        return
    bundles = {one["name"]: one["clientConfig"].get("caBundle") or "" for one in seen["webhooks"]}
    looked = {hook: served(seen["certificate"], bundle, seen["host"]) for hook, bundle in bundles.items()}
    known = [(hook, one) for hook, one in looked.items() if one is not None]
    if not known:
        yield Finding(link, "broken", f"the Secret {name}, which pods serve, has no certificate (tls.crt)", _RUN)
        return
    (_hook, any_of_them), renew = known[0], _renewal(given)
    if not any_of_them.named:
        yield Finding(link, "broken", f"the Secret {name} has a certificate that is not for {seen['host']}", renew)
    else:
        yield _time_left(link, any_of_them.life, now, None, renew)
    yield _authority({hook: one.authority_life for hook, one in known}, given, now)


def _authority(lives: t.Mapping[str, tuple[datetime, datetime] | None], given: Json, now: datetime) -> Finding:
    """Judge what API servers trust, by the webhooks that they call."""
    link = "webhook: authority"
    untrusted = [hook for hook, life in lives.items() if life is None]
    trusted = [life for life in lives.values() if life is not None]
    if untrusted:
        found = f"API servers do not trust what pods serve: caBundle of {', '.join(untrusted)} has not signed it"
        return Finding(link, "broken", found, _RUN)
    # A run replaces the role's own when it would not outlive another certificate, and not before.
    limit = timedelta(days=given["certificate_days"]) if given["tls"] == "own" else None
    return _time_left(link, min(trusted, key=lambda life: life[1]), now, limit, _renewal(given))


def _renewal(given: Json) -> str:
    """Say how a certificate is made again, by where it comes from."""
    if given["tls"] == "secret":
        return f"Put a new one into the Secret {given['tls_secret']}, then run onprem.irsa.site."
    if given["tls"] == "cert-manager":
        return f"Look at `kubectl --namespace {given['namespace']} describe certificates,certificaterequests`."
    return "Run onprem.irsa.site, which renews it."


def _time_left(link: str, life: tuple[datetime, datetime], now: datetime, limit: timedelta | None, fix: str) -> Finding:
    """Tell how much of a certificate's life is left; less than LIMIT, by default a third of it, is a warning."""
    begin, end = life
    left = end - now
    if now < begin:
        return Finding(link, "broken", f"not valid before {begin:%Y-%m-%d %H:%M} UTC", "Set the clocks right.")
    if left <= timedelta():
        return Finding(link, "broken", f"ended {(now - end).days} days ago, on {end:%Y-%m-%d}", fix)
    found = f"{left.days} days left, until {end:%Y-%m-%d}"
    if left < ((end - begin) / 3 if limit is None else limit):
        return Finding(link, "warning", found, fix)
    return Finding(link, "ok", found)


def _roles(given: Json, seen: Json) -> t.Iterator[Finding]:
    """Compare the annotations of service accounts with what the policy goes by."""
    if not seen["policy"] or given["mode"] == "none":  # nobody looks at service accounts then
        return
    own = f"{given['namespace']}/"  # where nothing runs but the probe
    annotated = accounts(seen["service_accounts"], (), Settings())
    names = [name for name in unknown(annotated, seen["policy_data"]) if not name.startswith(own)]
    link = "webhook: roles"
    if names:
        found = f"{len(names)} service accounts have a role that the policy does not know: {_some(names)}"
        yield Finding(link, "warning", found, _RUN)
    else:
        yield Finding(link, "ok", "the policy knows those of all annotations")


def _some(names: t.Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (" and others" if len(names) > _NAMED else "")


def _probes(given: Json, seen: Json) -> t.Iterator[Finding]:
    """Judge a pod that was tried now, at one API server after the other."""
    link, servers = "webhook: a pod, tried", [probe["item"] for probe in seen["probes"]]
    at: dict[tuple[State, str, str], list[str]] = {}
    for probe in seen["probes"]:
        at.setdefault(_outcome(given, probe), []).append(probe["item"])
    for (state, found, fix), where in at.items():
        yield Finding(link, state, found if where == servers else f"at {', '.join(where)}: {found}", fix)
    if seen["probes"] and seen["unasked"]:
        found = (
            f"the controller does not reach {', '.join(seen['unasked'])}, so that nothing is known of pods made there"
        )
        yield Finding(link, "warning", found, "Let it reach them, and run again.")


def _outcome(given: Json, probe: Json) -> tuple[State, str, str]:
    """Return state, what was found and the fix of what the module k8s has returned."""
    if "result" not in probe:
        return _refused(given, probe["msg"])
    if is_injected(probe["result"]):
        other = ""
        if "audience" in given:
            other = other_settings({"metadata": {}, **probe["result"]}, given["audience"], given["region"])
        return ("broken", f"it is given {other}", _RUN) if other else ("ok", "it is injected", "")
    return "broken", "it would start without its role", f"{_RUN} It says why when that does not help."


def _refused(given: Json, error: str) -> tuple[State, str, str]:
    said = refusal(error)
    if is_unreached(error):
        fix = advice(error, port=given["port"], namespace=given["namespace"])
        return "broken", f"an API server does not reach the webhook: {said}", f"{_FIRST} {fix}"
    fix = f"See that the user of the kubeconfig may create pods in {given['namespace']}, and what refuses them."
    return "warning", f"it cannot be tried: {said}", fix


def _missed(seen: Json) -> t.Iterator[Finding]:
    """Count the pods that run without their role."""
    link, missed = "webhook: running pods", seen["missed"]
    if not missed:
        return
    names = [f"{pod['namespace']}/{pod['name']}" for pod in missed["pods"]]
    why = dict.fromkeys(pod["reason"] for pod in missed["pods"] if pod.get("reason"))
    if not names:
        yield Finding(link, "ok", "none lacks the role of its service account")
        return
    fixes = {
        "Set irsa_webhook_restart_missed: true and run onprem.irsa.site.": missed["owners"],
        "Make those again by hand that no restart replaces.": missed["left"],
    }
    fix = " ".join(words for words, concerned in fixes.items() if concerned)
    found = f"{len(names)} without the role of their service account: {_some(names)}"
    yield Finding(link, "warning", "; ".join([found, *list(why)[:_NAMED]]), fix)


__all__: t.Final = ("findings",)
