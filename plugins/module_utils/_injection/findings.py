# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the injection of pods stands in a cluster. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from datetime import timedelta

from ansible_collections.onprem.irsa.plugins.module_utils._finding import Finding, State
from ansible_collections.onprem.irsa.plugins.module_utils._injection.admission_policy import unknown
from ansible_collections.onprem.irsa.plugins.module_utils._injection.certificates import IMPORT_ERROR, served
from ansible_collections.onprem.irsa.plugins.module_utils._injection.manifests import accounts
from ansible_collections.onprem.irsa.plugins.module_utils._injection.names import POLICY_PARAMETERS
from ansible_collections.onprem.irsa.plugins.module_utils._injection.observation import data_of
from ansible_collections.onprem.irsa.plugins.module_utils._injection.parts import KINDS, POLICY_KINDS
from ansible_collections.onprem.irsa.plugins.module_utils._injection.plan import served_secret
from ansible_collections.onprem.irsa.plugins.module_utils._injection.pod import Settings
from ansible_collections.onprem.irsa.plugins.module_utils._injection.pod_role import is_injected, other_settings
from ansible_collections.onprem.irsa.plugins.module_utils._injection.reach import advice, is_unreached, refusal

if t.TYPE_CHECKING:
    from datetime import datetime

    from ansible_collections.onprem.irsa.plugins.module_utils._injection.missed import Missed
    from ansible_collections.onprem.irsa.plugins.module_utils._injection.observation import Observation
    from ansible_collections.onprem.irsa.plugins.module_utils._injection.options import Options
    from ansible_collections.onprem.irsa.plugins.module_utils._injection.probe import Tried

_RUN: t.Final = "Run onprem.irsa.site."
_FIRST: t.Final = "See first to what is said above of pods and certificates, and run onprem.irsa.site."
_NAMED: t.Final = 3


@dataclass(frozen=True)
class Trials:
    """What was tried, in addition to looking."""

    tried: t.Sequence[Tried] = ()
    """A pod, at one API server after the other; none where it could not be."""
    unasked: t.Sequence[str] = ()
    """The URLs of API servers that the controller does not reach."""
    missed: Missed | None = None
    """Pods that run without their role; None where nobody has looked."""


def findings(options: Options, seen: Observation, trials: Trials) -> list[Finding]:
    """Judge what was seen of the injection of pods."""
    return [
        _mode(options, seen),
        *_pods(options, seen),
        *_certificates(options, seen),
        *_roles(options, seen),
        *_probes(options, seen, trials),
        *_missed(options, seen, trials.missed),
    ]


def _to_read(kinds: t.Collection[str], namespace: str = "") -> str:
    """Say how kinds that could not be read can be."""
    plurals = " and ".join(kind.plural for kind in KINDS if kind.name in kinds)
    where = f" in {namespace}" if namespace else ""
    return f"Let the user of the kubeconfig list {plurals}{where}, and run again."


def _mode(options: Options, seen: Observation) -> Finding:
    """Compare what injects pods with what was asked for."""
    link, wanted = "webhook: mode", options.mode
    others = [f"the MutatingWebhookConfiguration {other.name}" for other in seen.foreign]
    own = [mode for mode, is_there in (("webhook", seen.live_webhooks), ("policy", seen.has_policy)) if is_there]
    there = [*own, *("foreign" for _other in others)]
    hidden = [kind for kind in POLICY_KINDS if kind in seen.unreadable]
    if hidden:
        known = " and by ".join([*(f"the {mode} of this role" for mode in own), *others])
        found = f"irsa_webhook_mode is {wanted}; {known and f'pods are injected by {known}; '}whether a policy of this "
        return Finding(link, "warning", f"{found}role injects them is not known: it cannot be read", _to_read(hidden))
    if there == ([] if wanted == "none" else [wanted]):
        return Finding(link, "ok", f"{', '.join(others) or wanted}, as asked for")
    names = [*(f"the {mode} of this role" for mode in own), *others]
    found = f"irsa_webhook_mode is {wanted}; pods are injected by {' and by '.join(names) or 'nothing'}"
    state: State = "warning" if there else "broken"
    return Finding(link, state, found, _mode_fix(wanted, own, others, adopt=options.adopt))


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


def _pods(options: Options, seen: Observation) -> t.Iterator[Finding]:
    """Count the webhook's pods."""
    link, namespace, deployment = "webhook: pods", options.namespace, seen.deployment
    if "Deployment" in seen.unreadable and seen.live_webhooks:
        found = f"the Deployment of the webhook in {namespace} cannot be read, so that its pods are not known"
        yield Finding(link, "warning", found, _to_read(["Deployment"], namespace))
        return
    if not deployment:
        if seen.live_webhooks:
            others = seen.other_namespaces
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


def _certificates(options: Options, seen: Observation) -> t.Iterator[Finding]:
    """Judge what pods serve as API servers do."""
    link = "webhook: certificate"
    if not seen.live_webhooks or not seen.deployment:
        return
    name = f"{options.namespace}/{_mounted(seen)}"
    if "Secret" in seen.unreadable:
        fix = _to_read(["Secret"], options.namespace)
        yield Finding(link, "warning", f"the Secret {name} cannot be read, so that the days left are not known", fix)
        return
    if IMPORT_ERROR is not None:
        yield Finding(link, "warning", "the controller's Python lacks cryptography", "Install version 42 or newer.")
        return
    certificate = data_of(seen.secrets.get(_mounted(seen))).get("tls.crt", "")
    bundles = {webhook["name"]: webhook["clientConfig"].get("caBundle") or "" for webhook in seen.live_webhooks}
    looked = {hook: served(certificate, bundle, options.host) for hook, bundle in bundles.items()}
    known = [(hook, certificates) for hook, certificates in looked.items() if certificates is not None]
    if not known:
        yield Finding(link, "broken", f"the Secret {name}, which pods serve, has no certificate (tls.crt)", _RUN)
        return
    (_hook, any_of_them), renew = known[0], _renewal(options, seen)
    if not any_of_them.named:
        yield Finding(link, "broken", f"the Secret {name} has a certificate that is not for {options.host}", renew)
    else:
        yield _time_left(link, any_of_them.life, seen.now, None, renew)
    yield _authority({hook: certificates.authority_life for hook, certificates in known}, options, seen)


def _authority(lives: t.Mapping[str, tuple[datetime, datetime] | None], options: Options, seen: Observation) -> Finding:
    """Judge what API servers trust, by the webhooks that they call."""
    link = "webhook: authority"
    untrusted = [hook for hook, life in lives.items() if life is None]
    trusted = [life for life in lives.values() if life is not None]
    if untrusted:
        found = f"API servers do not trust what pods serve: caBundle of {', '.join(untrusted)} has not signed it"
        return Finding(link, "broken", found, _RUN)
    # A run replaces the role's own when it would not outlive another certificate, and not before.
    limit = timedelta(days=options.certificate_days) if _tls(options, seen) == "own" else None
    return _time_left(link, min(trusted, key=lambda life: life[1]), seen.now, limit, _renewal(options, seen))


def _mounted(seen: Observation) -> str:
    """Return the name of the Secret that pods serve; empty for none."""
    volumes = seen.deployment["spec"]["template"]["spec"].get("volumes") or []
    return next((str(volume["secret"]["secretName"]) for volume in volumes if volume["name"] == "certificate"), "")


def _tls(options: Options, seen: Observation) -> str:
    """Return where what pods serve comes from: the role's own, where the next run changes over to another one."""
    return options.tls if _mounted(seen) == served_secret(options) else "own"


def _renewal(options: Options, seen: Observation) -> str:
    """Say how a certificate is made again, by where it comes from."""
    if _tls(options, seen) == "secret":
        return f"Put a new one into the Secret {options.tls_secret}, then run onprem.irsa.site."
    if _tls(options, seen) == "cert-manager":
        return f"Look at `kubectl --namespace {options.namespace} describe certificates,certificaterequests`."
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


def _roles(options: Options, seen: Observation) -> t.Iterator[Finding]:
    """Compare the annotations of service accounts with what the policy goes by."""
    if not seen.has_policy or options.mode == "none":  # nobody looks at service accounts then
        return
    own = f"{options.namespace}/"  # where nothing runs but the probe
    annotated = accounts(seen.running.service_accounts, (), Settings())
    names = [name for name in unknown(annotated, seen.parameters) if not name.startswith(own)]
    link = "webhook: roles"
    if "ConfigMap" in seen.unreadable:
        found = f"the ConfigMap {own}{POLICY_PARAMETERS} cannot be read, so that the roles of the policy are not known"
        yield Finding(link, "warning", found, _to_read(["ConfigMap"], options.namespace))
    elif names:
        found = f"{len(names)} service accounts have a role that the policy does not know: {_some(names)}"
        yield Finding(link, "warning", found, _RUN)
    else:
        yield Finding(link, "ok", "the policy knows those of all annotations")


def _some(names: t.Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (" and others" if len(names) > _NAMED else "")


def _probes(options: Options, seen: Observation, trials: Trials) -> t.Iterator[Finding]:
    """Judge a pod that was tried now, at one API server after the other."""
    link, servers = "webhook: a pod, tried", [trial.server for trial in trials.tried]
    if "ServiceAccount" in seen.unreadable:
        found = f"it cannot be tried: the service accounts in {options.namespace} cannot be read"
        yield Finding(link, "warning", found, _to_read(["ServiceAccount"], options.namespace))
    at: dict[tuple[State, str, str], list[str]] = {}
    for trial in trials.tried:
        at.setdefault(_outcome(options, trial), []).append(trial.server)
    for (state, found, fix), where in at.items():
        yield Finding(link, state, found if where == servers else f"at {', '.join(where)}: {found}", fix)
    if trials.tried and trials.unasked:
        found = (
            f"the controller does not reach {', '.join(trials.unasked)}, so that nothing is known of pods made there"
        )
        yield Finding(link, "warning", found, "Let it reach them, and run again.")


def _outcome(options: Options, tried: Tried) -> tuple[State, str, str]:
    """Return state, what was found and the fix of a pod that was tried."""
    if tried.pod is None:
        return _refused(options, tried.error)
    if is_injected(tried.pod):
        other = other_settings({"metadata": {}, **tried.pod}, options.audience, options.region)
        return ("broken", f"it is given {other}", _RUN) if other else ("ok", "it is injected", "")
    return "broken", "it would start without its role", f"{_RUN} It says why when that does not help."


def _refused(options: Options, error: str) -> tuple[State, str, str]:
    said = refusal(error)
    if is_unreached(error):
        fix = advice(error, port=options.port, namespace=options.namespace)
        return "broken", f"an API server does not reach the webhook: {said}", f"{_FIRST} {fix}"
    fix = f"See that the user of the kubeconfig may create pods in {options.namespace}, and what refuses them."
    return "warning", f"it cannot be tried: {said}", fix


def _missed(options: Options, seen: Observation, missed: Missed | None) -> t.Iterator[Finding]:
    """Count the pods that run without their role."""
    link = "webhook: running pods"
    if missed is None:
        return
    if options.mode == "policy" and "ConfigMap" in seen.unreadable and not missed.pods:
        found = "none lacks a role that an annotation names; those of the policy are not known"
        yield Finding(link, "warning", found, _to_read(["ConfigMap"], options.namespace))
        return
    names = [f"{pod['namespace']}/{pod['name']}" for pod in missed.pods]
    why = dict.fromkeys(pod["reason"] for pod in missed.pods if pod.get("reason"))
    if not names:
        yield Finding(link, "ok", "none lacks the role of its service account")
        return
    fixes = {
        "Set irsa_webhook_restart_missed: true and run onprem.irsa.site.": missed.owners,
        "Make those again by hand that no restart replaces.": missed.left,
    }
    fix = " ".join(words for words, concerned in fixes.items() if concerned)
    found = f"{len(names)} without the role of their service account: {_some(names)}"
    yield Finding(link, "warning", "; ".join([found, *list(why)[:_NAMED]]), fix)


__all__: t.Final = ("findings",)
