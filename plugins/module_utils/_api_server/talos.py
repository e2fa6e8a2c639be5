# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The change of a Talos node's flags, from the controller. PRIVATE to the collection: it may change without notice.

What runs talosctl and asks API servers is handed in. A new configuration is tried (C(--mode=try)): the node goes back
to the one before by itself, unless it is confirmed in time, so also where the controller is gone by then. Source of the
rules: Talos' cmd/talosctl and internal/app/machined, ApplyConfiguration; of the resource MachineConfigs C(v1alpha1) is
what the node runs with, and C(persistent) is what it starts with again.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.answers import Asked, host_of
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import (
    ISSUER,
    JWKS_URI,
    Edit,
    Flags,
    Seen,
    flags_in,
)
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.talos import FILE, TALOS
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError, IrsaError

_VERSION = re.compile(r"^Server:.*?^\s*Tag:\s*(\S+)", re.MULTILINE | re.DOTALL)
_ABSENT = re.compile(r"code = NotFound|doesn't exist|not found")


class TalosctlError(IrsaError):
    """What talosctl refused, or could not reach."""


Talosctl = t.Callable[[t.Sequence[str], str], str]
"""Runs talosctl with arguments and a standard input, and returns its output; raises TalosctlError."""
Ask = t.Callable[[t.Sequence[str]], Asked]
"""Asks all API servers at their own addresses, also whether they accept these issuers; raises ApiError."""
Ticks = t.Callable[[], t.Iterable[object]]
"""Begins to yield again and again, with a pause, until the time is over."""


@dataclass(frozen=True)
class Node:
    """A control-plane node."""

    address: str
    """As talosctl takes it."""
    server: str
    """The URL of its API server."""
    talosctl: Talosctl

    def seen(self) -> Seen:
        """Return what the room reads of it. Raises InputError where the node will start with another configuration."""
        active = self._configuration("v1alpha1")
        try:
            persistent = self._configuration("persistent")
        except TalosctlError as error:
            if not _ABSENT.search(error.problem):
                raise
            persistent = active
        if persistent != active:
            raise InputError(
                f"The node {self.address} runs with another machine configuration than the one that it starts with: "
                "one is staged, or is being tried, and a change would undo one of them.",
                fix="Wait until a configuration that is tried (--mode=try) is taken back, or reboot the node into one "
                "that is staged, and run it again.",
            )
        found = _VERSION.search(self._call("version"))
        return Seen(files={FILE: active}, version=found[1] if found else None)

    def try_out(self, text: str, seconds: int) -> None:
        """Give it a configuration that it drops again after so many seconds."""
        self._apply(text, "--mode=try", f"--timeout={seconds}s")

    def keep(self, text: str) -> None:
        """Give it a configuration for good; ends a try."""
        self._apply(text, "--mode=no-reboot")

    def require_valid(self, text: str) -> None:
        """Let it check a configuration, and change nothing."""
        self._apply(text, "--mode=no-reboot", "--dry-run")

    def _apply(self, text: str, *options: str) -> None:
        self._call("apply-config", *options, "--file=/dev/stdin", text=text)

    def _configuration(self, name: str) -> str:
        text = self._call("get", "machineconfig", name, "--output=jsonpath={.spec}")
        return text[:-1]  # the line break that talosctl adds

    def _call(self, *arguments: str, text: str = "") -> str:
        return self.talosctl([f"--nodes={self.address}", *arguments], text)


@dataclass(frozen=True)
class Step:
    """What gives a node its flags."""

    edit: Edit | None
    """None where its configuration says them already."""
    before: Flags
    after: Flags
    """What the configuration says of the issuer and of the wanted flags."""


def planned(node: Node, wanted: Flags) -> Step:
    """Return the change of a node. Issuers that its configuration has besides stay, behind those that are wanted.

    Raises InputError for what its version cannot do, and TalosctlError.
    """
    seen = node.seen()
    there = flags_in(TALOS.settings(seen))
    issuers = [*wanted[ISSUER], *(name for name in there.get(ISSUER, []) if name not in wanted[ISSUER])]
    flags = {**wanted, ISSUER: issuers}
    plan = TALOS.plan(seen, flags)
    before = {name: there.get(name, []) for name in flags}
    return Step(plan.edits[0] if plan.edits else None, before, flags)


def apply(node: Node, step: Step, ask: Ask, ticks: Ticks, *, timeout: int) -> None:
    """Give a node its flags, and wait until its API server shows them; put the configuration back if it does not.

    timeout: seconds that TICKS takes. Raises IrsaError where that failed, which says what the node has now.
    """
    if step.edit is None:
        why = _awaited(node, step.after, ask, ticks)
        if why:
            raise _failure(node, why, "Its machine configuration says so already, and was left as it is.")
        return
    node.try_out(step.edit.after, 3 * timeout)
    try:
        why = _awaited(node, step.after, ask, ticks)
        if not why:
            node.keep(step.edit.after)
            return
        node.keep(t.cast("str", step.edit.before))
    except TalosctlError as error:
        raise _failure(
            node, error.problem, f"It goes back to its old configuration by itself, {_within(timeout)}"
        ) from error
    behind = _awaited(node, step.before, ask, ticks)
    raise _failure(
        node,
        why,
        f"Its old configuration was put back, but its API server is not as before: {behind}"
        if behind
        else "Its old configuration was put back, and its API server is as before.",
    )


def unlike(asked: Asked, server: str, flags: Flags) -> str:
    """Return why what an API server does is not what flags say, as far as that shows; empty where it is."""
    issuers = flags[ISSUER]
    [said] = [said for said in asked.said if said.server == server]
    [accepted] = [found for found in asked.accepted if found.server == server]
    if said.issuer != issuers[0]:
        return f"a token that it has just signed has the issuer {said.issuer}, not {issuers[0]}."
    if not asked.sees_accepted:
        return "it does not show which issuers it accepts."
    lacking = [issuer for issuer in issuers if issuer not in accepted.issuers]
    if lacking:
        return f"it does not accept the issuer {', '.join(lacking)}."
    uri = flags.get(JWKS_URI, [])[-1:]
    if uri and said.jwks_uri and said.jwks_uri != uri[0]:
        return f"its discovery document names the key set {said.jwks_uri}, not {uri[0]}."
    refusing = [found.server for found in asked.accepted if (said.issuer, said.kid) in found.refused]
    return f"{', '.join(map(host_of, refusing))} refuses a token that it has just signed." if refusing else ""


def _awaited(node: Node, flags: Flags, ask: Ask, ticks: Ticks) -> str:
    """Return why an API server does not show flags when the time is over; empty as soon as it does."""
    why = "it was not asked."
    for _tick in ticks():
        try:
            why = unlike(ask(flags[ISSUER]), node.server, flags)
        except IrsaError as error:  # as long as it starts
            why = error.problem
        if not why:
            return ""
    return why


def _failure(node: Node, why: str, state: str) -> IrsaError:
    return IrsaError(
        f"The API server of the node {node.address} did not come up with its flags: {why} {state}",
        fix=f"See `talosctl --nodes {node.address} containers --kubernetes` and the logs of kube-apiserver there; "
        "correct what they name, then run the play again.",
    )


def _within(timeout: int) -> str:
    return f"within {3 * timeout} seconds."


__all__: t.Final = ("Ask", "Node", "Step", "Talosctl", "TalosctlError", "Ticks", "apply", "planned", "unlike")
