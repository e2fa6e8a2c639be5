# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What to do next so that another issuer signs, and nothing of the former one is left. PRIVATE: it may change.

Pure. The next step follows from what is observed at the moment, so that a run that was cut off at any point, and one
that somebody else continues, goes on from what is there. These hold all the time: every API server accepts what any of
them signs, and what any has signed for as long as such a token lives; and AWS finds for each of these tokens an
identity provider, roles that trust it, and documents with its key, from a cache, too.

The way back is the same way with the two issuers in each other's place. Until something of the former issuer is
retired, all that it needs is there, so that the way back is one pass over the API servers.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.onprem.irsa.plugins.module_utils._in_use.names import some
from ansible_collections.onprem.irsa.plugins.module_utils._in_use.state import Wait, kept_tokens
from ansible_collections.onprem.irsa.plugins.module_utils._migration.state import IAM_SECONDS, Role, State
from ansible_collections.onprem.irsa.plugins.module_utils._trust.policy import TRUST_POLICY_LIMIT

Action = t.Literal[
    "publish", "trust", "accept", "switch", "retire_trust", "retire_provider", "retire_issuer", "retire_documents"
]
PHASES: t.Final[tuple[Action, ...]] = t.get_args(Action)
"""In their order. Each is one kind of step."""

OtherRoles = t.Literal["hold", "leave", "change"]
"""What to do about roles that the inventory does not have: not to switch while one would refuse the new tokens; to
switch all the same; or to change their trust policies, too.
"""


@dataclass(frozen=True)
class Aim:
    """What a user wants in the end."""

    old: str
    """The issuer that should go."""
    new: str
    """The issuer that should sign."""
    other_roles: OtherRoles = "hold"
    settle: float | None = None
    """Seconds after which no token of an issuer that does not sign any longer is in use, where the user knows it."""
    trust_policy_limit: int = TRUST_POLICY_LIMIT
    """How many characters IAM lets a trust policy have."""


@dataclass(frozen=True)
class Step:
    """The next thing to do. It is looked again before another one is planned."""

    action: Action
    issuer: str
    """The issuer whose part it is: of the former one what goes, of the new one what comes."""
    roles: tuple[str, ...] = ()
    """The roles that the inventory does not have, and that are changed besides."""


@dataclass(frozen=True)
class Plan:
    """What is next: a step, a wait, what holds it up, or nothing more."""

    step: Step | None = None
    wait: Wait[Action] | None = None
    problems: tuple[str, ...] = ()
    """Why it cannot go on: a sentence and its fix each. The same run goes on once they are solved."""
    held: Action | None = None
    """The phase that the problems hold up; None for all of them."""
    concerns: tuple[str, ...] = ()
    """What would be a problem if the time to wait had passed: a sentence and its fix each."""

    @property
    def is_finished(self) -> bool:
        """Whether nothing is left to do."""
        return self.step is None and self.wait is None and not self.problems


def plan(state: State, aim: Aim) -> Plan:
    """Return what to do next towards an aim."""
    stopped = _strangers(state, aim) or _too_long(state, aim)
    if stopped:
        return Plan(problems=tuple(stopped))
    return _preparing(state, aim) or _switching(state, aim) or _retiring(state, aim)


def _strangers(state: State, aim: Aim) -> list[str]:
    if not state.servers:
        return ["No control-plane host was looked at. Name them in the inventory."]
    found = {
        server.issuer or "none": server.host for server in state.servers if server.issuer not in (aim.old, aim.new)
    }
    return [
        f"{host}: its API server signs with {issuer}, neither with {aim.old} nor with {aim.new}. Set irsa_migrate_from "
        "to the issuer that signs; or finish what was begun before, with the role irsa_apiserver."
        for issuer, host in found.items()
    ]


def _too_long(state: State, aim: Aim) -> list[str]:
    """Say which trust policy cannot be changed: known from the start, and in the way of everything that comes after."""
    if aim.other_roles != "change":
        return []
    return [
        f"The trust policy of the role {role.arn} would have {role.grown_to} characters with a statement for "
        f"{aim.new}, too, and may have {aim.trust_policy_limit} (IAM, role trust policy length). Ask AWS to raise the "
        "quota (up to 4096) and set irsa_iam_trust_policy_limit to it; or shorten the policy, or split the role; or if "
        "no pod of this cluster uses it, set irsa_migrate_other_roles to leave."
        for role in _others(state)
        if role.lacks_new and role.grown_to > aim.trust_policy_limit
    ]


def has_switched(state: State, aim: Aim) -> bool:
    """Return whether every API server signs with the new issuer."""
    return all(server.issuer == aim.new for server in state.servers)


def _preparing(state: State, aim: Aim) -> Plan | None:
    """Return what is next until tokens of the new issuer would be taken everywhere; None when that is reached."""
    kids = {kid for server in state.servers for kid in server.kids}
    # A key that came meanwhile may sign tokens of the former issuer, too, while AWS takes these.
    if state.old.kids and state.trust.old_provider and not kids <= {*state.old.kids}:
        return Plan(Step("publish", aim.old))
    if not kids <= {*state.new.kids}:
        return Plan(Step("publish", aim.new))
    changed = tuple(role.name for role in _others(state) if role.lacks_new and aim.other_roles == "change")
    if changed or not state.trust.is_complete:
        return Plan(Step("trust", aim.new, changed))
    # A server alone meets no token of another one, and learns both issuers in one restart.
    if len(state.servers) > 1 and any(aim.new not in server.issuers for server in state.servers):
        return Plan(Step("accept", aim.new))
    return None


def _others(state: State) -> list[Role]:
    return [role for role in state.trust.roles if not role.is_listed]


def _switching(state: State, aim: Aim) -> Plan | None:
    """Return what is next until every server signs with the new issuer; None when that is reached."""
    if has_switched(state, aim):
        return None
    problems = _would_refuse(state, aim)
    if problems:
        return Plan(problems=tuple(problems), held="switch")
    wait = _spreading(state, aim)
    return Plan(wait=wait) if wait else Plan(Step("switch", aim.new))


def _would_refuse(state: State, aim: Aim) -> list[str]:
    return [
        f"The role {role.arn} trusts tokens of {aim.old}, would refuse those of {aim.new}, and is not in "
        "irsa_iam_roles. Add it there; or set irsa_migrate_other_roles to change, which adds what it lacks to its "
        "trust policy, or to leave, if no pod of this cluster uses it."
        for role in _others(state)
        if role.lacks_new and aim.other_roles == "hold"
    ]


def _spreading(state: State, aim: Aim) -> Wait[Action] | None:
    """Return the time until caches and IAM know the new issuer.

    Where a server signs with it, that has waited for it, and no more than what is known counts.
    """
    has_begun = any(server.issuer == aim.new for server in state.servers)
    if state.new.spread_at > state.now and (state.new.is_told or not has_begun):
        why = (
            f"caches may keep what {aim.new} published before, or that it published nothing, for {state.new.max_age:g} "
            "s (Cache-Control)"
        )
        return Wait(state.new.spread_at, why, "switch", within_run=not state.new.is_told)
    known_at = state.trust.seen_at + IAM_SECONDS
    if known_at > state.now and not has_begun:
        why = f"IAM may need {IAM_SECONDS:g} s until a change is known everywhere"
        return Wait(known_at, why, "switch", within_run=True)
    return None


def _retiring(state: State, aim: Aim) -> Plan:
    """Return what is next until nothing of the former issuer is left."""
    step = _removing(state, aim)
    if step is None:
        return Plan()
    needed = _still_needed(state, aim)
    until = state.settled_at if aim.settle is None else _since(state) + aim.settle
    if until > state.now and not _was_waited_for(state, aim):
        wait = Wait(until, _why_settle(state, aim), step.action)
        return Plan(wait=wait, concerns=tuple(problem for problems in needed.values() for problem in problems))
    problems = tuple(needed.get(step.action, ()))
    return Plan(problems=problems, held=step.action) if problems else Plan(step)


def _was_waited_for(state: State, aim: Aim) -> bool:
    """Return whether the former issuer is leaving the API servers, which are restarted for that: it was waited before.

    AWS takes none of its tokens then, and the first API server refuses them already. One that has joined without the
    former issuer refuses them, too, and is no sign that any time has passed: those that still accept it tell.
    """
    if state.trust.old_provider or not _is_leaving(state, aim):
        return False
    began = min(server.since for server in state.servers if aim.old not in server.issuers)
    lifetime = state.lifetime.seconds if aim.settle is None else aim.settle
    signed = [server.since for server in state.servers if aim.old in server.issuers and server.since < began]
    return all(since + lifetime <= began for since in signed)


def _is_leaving(state: State, aim: Aim) -> bool:
    return any(aim.old not in server.issuers for server in state.servers)


def _since(state: State) -> float:
    return max(server.since for server in state.servers)


def _why_settle(state: State, aim: Aim) -> str:
    ago = f"the last token of {aim.old} may have been signed {state.now - _since(state):.0f} s ago"
    if aim.settle is not None:
        return f"tokens are in use for up to {aim.settle:g} s (irsa_migrate_settle), and {ago}"
    longest = state.lifetime
    return f"tokens live for up to {longest.seconds:g} s ({longest.source}), and {ago}"


def _removing(state: State, aim: Aim) -> Step | None:
    changed = [role.name for role in _others(state) if role.trusts_old and aim.other_roles == "change"]
    if changed or any(role.is_listed and role.trusts_old for role in state.trust.roles):
        return Step("retire_trust", aim.old, tuple(changed))
    if state.trust.old_provider:
        return Step("retire_provider", aim.old)
    if any(aim.old in server.issuers or aim.old in server.audiences for server in state.servers):
        return Step("retire_issuer", aim.old)
    return Step("retire_documents", aim.old) if state.old.is_there else None


def _still_needed(state: State, aim: Aim) -> dict[Action, list[str]]:
    """Say who still needs the former issuer, by the phase that they hold up, besides tokens that end by themselves."""
    trusting = [role.arn for role in _others(state) if role.trusts_old and aim.other_roles != "change"]
    kept = kept_tokens(state.stale_uses, state.keepers, before=_since(state), signs=aim.new, gone=aim.old)
    return {
        "retire_provider": [
            f"The role {arn} trusts tokens of {aim.old}, and is not in irsa_iam_roles, so that the identity provider "
            "stays. Remove the statement from its trust policy, or set irsa_migrate_other_roles to change."
            for arn in trusting
        ],
        "retire_issuer": [
            *_audience_problems(state, aim),
            *([] if _is_leaving(state, aim) else kept),
        ],
    }


def _audience_problems(state: State, aim: Aim) -> list[str]:
    if not state.audience_users:
        return []
    return [
        f"Pods ask for tokens with the audience {aim.old}, which API servers would refuse from then on: "
        f"{some(state.audience_users)}. Let them ask for another audience, such as {aim.new}."
    ]


def within(wanted: Plan, phase: str) -> Plan:
    """Return a plan without the steps and waits that are beyond a phase; C(status) lets none through."""
    allowed = PHASES.index(phase) if phase in PHASES else -1
    following = wanted.step.action if wanted.step else wanted.wait.phase if wanted.wait else wanted.held
    if following is None or PHASES.index(following) <= allowed:
        return wanted
    return Plan()


__all__: t.Final = (
    "PHASES",
    "Action",
    "Aim",
    "OtherRoles",
    "Plan",
    "Step",
    "has_switched",
    "plan",
    "within",
)
