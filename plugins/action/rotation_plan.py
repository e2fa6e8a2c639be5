# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module rotation_plan: it decides on the controller, and asks nobody."""

from __future__ import annotations

import math
import time
import typing as t

from ansible.plugins.action import ActionBase

from ansible_collections.onprem.irsa.plugins.module_utils._documents.jwks import is_key_set, kids_of_document
from ansible_collections.onprem.irsa.plugins.module_utils._documents.pem import KEY_ID
from ansible_collections.onprem.irsa.plugins.module_utils._in_use.state import UNSAID_MAX_AGE, seen_since
from ansible_collections.onprem.irsa.plugins.module_utils._in_use.words import run_again
from ansible_collections.onprem.irsa.plugins.module_utils._rotation import observed, words
from ansible_collections.onprem.irsa.plugins.module_utils._rotation.gauges import gauges
from ansible_collections.onprem.irsa.plugins.module_utils._rotation.plan import (
    PHASES,
    Aim,
    Phase,
    Plan,
    Step,
    not_asked,
    plan,
)
from ansible_collections.onprem.irsa.plugins.modules.rotation_plan import ARGUMENT_SPEC
from ansible_collections.onprem.irsa.plugins.plugin_utils._arguments import plain_arguments_of

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._rotation.state import Config, Server

Result = dict[str, t.Any]

_SERVED: t.Final = 200  # OK, of HTTP
_LONGEST: t.Final = 200  # characters of an answer that are quoted
_SHORT: t.Final = 60  # the same of one that is not understood
_NOTHING: t.Final[Result] = {
    "concerns": [],
    "gauges": [],
    "step": None,
    "next": "",
    "wait_until": None,
    "wait_seconds": 0,
    "run_again": "",
    "finished": False,
    "target": "",
    "retired": [],
    "breaks": "",
    "keys": [],
    "issuers": [],
    "seen": None,
}


class ActionModule(ActionBase):
    """Plans by what it is given."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: Result | None = None) -> Result:
        """Return the plan; what stops it is among it, so that the state can be shown before the play ends."""
        result: Result = super().run(tmp, task_vars)
        given = plain_arguments_of(self, ARGUMENT_SPEC)
        return {**result, "changed": False, **planned(given, time.time())}


def planned(given: Result, now: float) -> Result:
    """Return what the module documents; NOW is the controller's time."""
    seen = seen_since(given["seen"], [found["kids"] for found in given["published"]], now)
    looked = _looked(given, now, seen["since"])
    unfit = observed.problems(looked)
    if unfit or not (given["files"] or given["unreachable"]):
        return {**_NOTHING, "problems": unfit}
    aim = Aim(
        signer=given["signing_kid"],
        kind=given["type"],
        min_age=float(given["min_age"]),
        leaked=frozenset({given["leaked_kid"]} - {""}),
        reminted=tuple(given["reminted_secrets"]),
    )
    state = observed.state(looked)
    following = plan(state, aim)
    step, wait = following.step, following.wait
    problems, concerns = _now_and_later(following, given)
    told: Result = {
        "problems": problems,
        "concerns": concerns + [line for line in not_asked(state) if line not in (*problems, *concerns)],
        "gauges": gauges(state),
        "next": words.says(step) if step else "",
        "finished": following.is_finished,
        "target": following.target,
        "retired": [*following.retired],
        "breaks": words.breaks(state, following),
        "keys": words.keys(state, following),
        "issuers": words.issuers(state),
        "seen": seen,
    }
    if step and not problems and _reaches(step.phase, given["phase"]):
        told["step"] = _step(step, looked, following, {server.host: server for server in state.servers}.get(step.host))
    if wait:
        told["wait_until"] = wait.until
        told["wait_seconds"] = math.ceil(wait.until - now) if _reaches(wait.phase, given["phase"]) else 0
        told["run_again"] = run_again(wait, now, "irsa_rotate_wait")
    return {**_NOTHING, **told}


def _looked(given: Result, now: float, first_seen: float) -> observed.Looked:
    return observed.Looked(
        servers={found["host"]: found for found in given["servers"]},
        controllers={found["host"]: found for found in given["controllers"]},
        files={found["item"]: found for found in given["files"]},
        published={found["item"]: found for found in given["published"]},
        by_api_servers=given["published_by_api_servers"],
        use=given["use"],
        relying_parties=_with_copies(given),
        unreachable=tuple(given["unreachable"]),
        now=now,
        first_seen=first_seen,
    )


def _now_and_later(following: Plan, given: Result) -> tuple[list[str], list[str]]:
    """Return what stops the run, and what would stop one that goes further than this one is asked to."""
    problems, concerns = [*following.problems], [*following.concerns]
    if problems and not _reaches(following.stopped, given["phase"]):
        problems, concerns = [], problems
    if following.step and given["leaked_kid"] and not given["emergency"]:
        problems.append(_confirm(given["leaked_kid"]))
    return problems, concerns


def _with_copies(given: Result) -> list[Result]:
    """Return the relying parties with the keys that those know which were asked, or why they could not be."""
    answers: dict[str, Result] = {}
    for found in given["fetched_copies"]:
        answers[found["item"]["name"]] = _refusal(found) or _of_document(found["content"])
    known = {key["kid"] for files in given["files"] for key in (*files["public"], *files["private"].values())}
    for found in given["asked_copies"]:
        answers[found["item"]["name"]] = _refusal(found) or _of_lines(found["stdout_lines"], known)
    return [{**party, **answers.get(party["name"], {})} for party in given["relying_parties"]]


def _refusal(found: Result) -> Result:
    """Return why a relying party could not be asked, by the last words of the task's result; nothing where it was.

    The tasks fail for none of them, but for one that takes too long.
    """
    if not (found.get("failed") or found.get("rc", 0) or found.get("status", _SERVED) != _SERVED):
        return {}
    words = str(found.get("stderr") or found.get("msg") or "").split("\n")
    last = next((line.strip() for line in reversed(words) if line.strip()), "it failed without a message")
    return {"not_asked": last[:_LONGEST].rstrip(".")}


def _of_document(content: str) -> Result:
    """Return the keys in what was fetched; of a page to log in, for example, nobody knows which keys are behind it."""
    if is_key_set(content):
        return {"kids": kids_of_document(content)}
    return {"not_asked": f"what its url answers is no key set (JSON with keys), and begins with {_quoted(content)}"}


def _of_lines(lines: t.Sequence[str], known: t.Collection[str]) -> Result:
    """Return the keys that a command has printed, one a line; of other words it is not known what they say."""
    kids = [line.strip() for line in lines if line.strip()]
    if kids and not any(kid in known or KEY_ID.fullmatch(kid) for kid in kids):
        return {
            "not_asked": "its command prints no id of a key (43 letters, digits, - and _) in a line of its own, and "
            f"begins with {_quoted(kids[0])}"
        }
    return {"kids": kids}


def _quoted(text: str) -> str:
    words = " ".join(text.split())
    return f"'{words if len(words) <= _SHORT else f'{words[:_SHORT]}…'}'"


def _reaches(phase: Phase, asked: str) -> bool:
    """Return whether a phase is not beyond the one that is asked for."""
    return asked in PHASES and PHASES.index(phase) <= [*PHASES].index(t.cast("t.Any", asked))


def _confirm(kid: str) -> str:
    """Say what has to be set before tokens are refused on purpose."""
    return (
        f"irsa_rotate_leaked_kid is {kid}: every token that this key has signed would be refused at once, as is said "
        "above. If that should be done now, set irsa_rotate_emergency: true and run again; nothing was touched."
    )


def _step(step: Step, looked: observed.Looked, following: Plan, server: Server | None) -> Result:
    """Return a step with the public keys that it takes."""
    pems = _pems(looked)
    config = step.config
    return {
        "action": step.action,
        "host": step.host,
        "kid": step.kid,
        "source": step.source,
        "says": words.says(step),
        "public_keys": [pems[kid] for kid in config.kids] if config else [],
        "signing_kid": config.signer if config else "",
        "restarts": _restarts(server, config) if server and config else [],
        "issuer": step.issuer,
        "documents": [{"name": kid, "pem": pems[kid]} for kid in step.published if kid in pems],
        "least_max_age": _least_max_age(step, looked),
        "retired_kids": [kid for kid in following.retired if kid not in step.published] if step.published else [],
        "forgotten": [*step.forgotten],
        "secrets": [*step.secrets],
    }


def _least_max_age(step: Step, looked: observed.Looked) -> int:
    """Return for how many seconds a key set must be allowed to be kept at least, while caches have the one before.

    The next run knows no other time than that of the version which it finds, and waits for that.
    """
    published = looked.published.get(step.issuer, {}) if step.action == "publish" else {}
    if not published.get("served"):
        return 0  # nobody has taken a token of it so far
    found = published["max_age"]
    return math.ceil(UNSAID_MAX_AGE if found is None else found)


def _restarts(server: Server, config: Config) -> list[str]:
    """Return the components of a host whose processes do not do what a configuration says."""
    running = server.running
    reads = {*running.kids} == {*config.kids} and running.signer == config.signer
    found = [] if reads and running.issuers == config.issuers else ["kube-apiserver"]
    return found + ([] if server.secrets_signer == config.signer else ["kube-controller-manager"])


def _pems(looked: observed.Looked) -> dict[str, str]:
    """Return the public keys that hosts have, by their ids; others that are published stay as they are."""
    found = [key for files in looked.files.values() for key in (*files["public"], *files["private"].values())]
    return {key["kid"]: key["pem"] for key in found}


__all__: t.Final = ("ActionModule", "planned")
