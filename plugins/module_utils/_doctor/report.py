# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A diagnosis as lines for people, as JSON and as JUnit's XML. PRIVATE: it may change without notice."""

from __future__ import annotations

import json
import typing as t
from collections import Counter
from dataclasses import asdict
from datetime import datetime, timezone
from xml.etree import ElementTree

from ansible_collections.onprem.irsa.plugins.module_utils._doctor.registry import CHECKS, LINKS
from ansible_collections.onprem.irsa.plugins.module_utils._table import table

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._doctor.diagnosis import Diagnosed, Diagnosis

VERSION: t.Final = 1
"""Of the JSON: a change of a name or its meaning is another version, a name more is not."""
PAGE: t.Final = "doctor_checks"
"""The page of the documentation with every check."""

_NOTHING: t.Final = (
    "No link was looked at. Name the control-plane hosts in an inventory (-i inventory.yml), a kubeconfig in "
    "irsa_kubeconfig_path or the issuer in irsa_doctor_issuer_url, and run the doctor again."
)


def moment(taken: float) -> str:
    """Return a time in seconds since the epoch as people read it."""
    return f"{datetime.fromtimestamp(taken, timezone.utc):%Y-%m-%d %H:%M} UTC"


def summary(diagnosis: Diagnosis) -> str:
    """Say in a line how the chain stands."""
    if len(diagnosis.unseen_links) == len(LINKS):
        return "Nothing was looked at."
    counts = Counter(finding.severity for finding in diagnosis.roots)
    following = len(diagnosis.findings) - len(diagnosis.roots)
    words = [
        _many(counts["broken"], "thing is broken", "things are broken"),
        _many(counts["warning"], "warning", "warnings"),
        _many(following, "follows from these", "follow from these"),
    ]
    found = ", ".join(filter(None, words)) or "Nothing is wrong"
    unseen = [LINKS[link] for link in diagnosis.unseen_links]
    left = f"; not looked at: {', '.join(unseen)}" if unseen else ""
    return f"{found}{left}."


def _many(count: int, singular: str, plural: str) -> str:
    return f"{count} {singular if count == 1 else plural}" if count else ""


def conclusion(diagnosis: Diagnosis) -> str:
    """Name the first broken link of the chain, and how much follows from it."""
    first = diagnosis.first
    if first is None:
        seen = len(diagnosis.unseen_links) < len(LINKS)
        return "No link that was looked at is broken." if seen else _NOTHING
    following = sum(finding.follows == first.check for finding in diagnosis.findings)
    more = f" ({_many(following, 'finding follows', 'findings follow')} from it)" if following else ""
    return f"First broken link: {LINKS[first.link]}, {first.where}: {first.found}{more}. {first.fix}"


def lines(diagnosis: Diagnosis) -> list[str]:
    """Return the report for people: a summary, the worst first, what to do, and last the first broken link."""
    rows = [
        {
            "state": f"{finding.severity}, follows" if finding.follows else finding.severity,
            "check": finding.check,
            "where": finding.where,
            "found": f"{finding.found} (from {finding.follows})" if finding.follows else finding.found,
        }
        for finding in diagnosis.worst_first
    ]
    return [
        f"{diagnosis.name}, {moment(diagnosis.taken)}: {summary(diagnosis)}",
        *(table(rows, ("state", "check", "where", "found")) if rows else ()),
        *_fixes(diagnosis),
        *_unseen(diagnosis),
        conclusion(diagnosis),
    ]


def failure(diagnosis: Diagnosis) -> list[str]:
    """Return the message of a run that fails: what is broken, with its fix, and last the first broken link."""
    rows = [
        {"check": finding.check, "where": finding.where, "found": finding.found, "fix": finding.fix}
        for finding in diagnosis.worst_first
        if finding.severity == "broken" and not finding.follows
    ]
    shown = [*table(rows, ("check", "where", "found", "fix"))[1:]] if rows else []
    return [*shown, conclusion(diagnosis)] if diagnosis.first else []


def by_reason(diagnosis: Diagnosis) -> dict[str, list[str]]:
    """Return what was not looked at, by each reason."""
    parts: dict[str, list[str]] = {}
    for part, reason in diagnosis.unseen.items():
        # The name of a part, and not of what there is in a cluster or an account.
        parts.setdefault(reason, []).append(part.replace("_", " ") if " " not in part and ":" not in part else part)
    return parts


def _unseen(diagnosis: Diagnosis) -> t.Iterator[str]:
    return (f"Not looked at: {', '.join(found)}, because {reason}." for reason, found in by_reason(diagnosis).items())


def _fixes(diagnosis: Diagnosis) -> t.Iterator[str]:
    """Yield what to do, each once; what follows from something else goes with it."""
    told = set()
    for finding in diagnosis.worst_first:
        fix = (finding.fix, finding.command)
        if not finding.follows and fix not in told:
            told.add(fix)
            yield f"Fix of {finding.check}: {finding.fix}"
            if finding.command:
                yield f"  $ {finding.command}"


def as_data(diagnosis: Diagnosis) -> dict[str, t.Any]:
    """Return the diagnosis as plain data, as facts and JSON have it: a contract, with a version."""
    return {
        "version": VERSION,
        "issuer": diagnosis.issuer,
        "provider_arn": diagnosis.provider_arn,
        "role_arns": [*diagnosis.role_arns],
        "cluster": diagnosis.cluster,
        "taken": diagnosis.taken,
        "summary": summary(diagnosis),
        "first_broken": diagnosis.first.check if diagnosis.first else "",
        "links": [{"link": link, "title": title, "state": diagnosis.state(link)} for link, title in LINKS.items()],
        "findings": [
            {**asdict(finding), "link": finding.link, "documentation": f"{PAGE}.html#{anchor(finding.check)}"}
            for finding in diagnosis.worst_first
        ],
        "not_looked_at": dict(diagnosis.unseen),
    }


def anchor(check: str) -> str:
    """Return the anchor of a check on its page."""
    return check.replace(".", "-")


def as_json(diagnosis: Diagnosis) -> str:
    """Return the diagnosis as JSON."""
    return json.dumps(as_data(diagnosis), indent=2, ensure_ascii=False)


def as_junit(diagnosis: Diagnosis) -> str:
    """Return the diagnosis in the form of JUnit: a suite a link, a case a check.

    What is broken is a failure; a warning is in the output of its case; a link at which nobody looked is skipped.
    """
    root = ElementTree.Element("testsuites", name="onprem.irsa.doctor")
    for link, title in LINKS.items():
        found = [finding for finding in diagnosis.findings if finding.link == link]
        checks = [check for check in CHECKS if check.link == link]
        skipped = diagnosis.state(link) == "unseen"
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=title,
            timestamp=f"{datetime.fromtimestamp(diagnosis.taken, timezone.utc):%Y-%m-%dT%H:%M:%S}",
            tests=str(len(checks)),
            failures=str(len({finding.check for finding in found if finding.severity == "broken"})),
            errors="0",
            skipped=str(len(checks) if skipped else 0),
            time="0",
        )
        for check in checks:
            case = ElementTree.SubElement(
                suite, "testcase", name=check.title, classname=f"onprem.irsa.doctor.{check.id}", time="0"
            )
            _case(case, [finding for finding in found if finding.check == check.id], skipped=skipped)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=False)


def _case(case: ElementTree.Element, found: t.Sequence[Diagnosed], *, skipped: bool) -> None:
    if skipped:
        ElementTree.SubElement(case, "skipped", message="nobody has looked")
    broken = [finding for finding in found if finding.severity == "broken"]
    warnings = [finding for finding in found if finding.severity == "warning"]
    if broken:
        failure = ElementTree.SubElement(case, "failure", message=_xml(broken[0].found), type="broken")
        failure.text = _xml("\n".join(map(_paragraph, broken)))
    if warnings:
        output = ElementTree.SubElement(case, "system-out")
        output.text = _xml("\n".join(map(_paragraph, warnings)))


def _paragraph(finding: Diagnosed) -> str:
    follows = f" It follows from {finding.follows}." if finding.follows else ""
    command = f"\n$ {finding.command}" if finding.command else ""
    return f"{finding.where}: {finding.found}.{follows} {finding.cause} {finding.fix}{command}"


def _xml(text: str) -> str:
    """Return a text without the characters that XML 1.0 cannot hold (section 2.2)."""
    return "".join(character for character in text if character in "\t\n" or (character >= " " and _is_text(character)))


def _is_text(character: str) -> bool:
    return not "\ud800" <= character <= "\udfff" and character not in "\ufffe\uffff"


__all__: t.Final = (
    "PAGE",
    "VERSION",
    "anchor",
    "as_data",
    "as_json",
    "as_junit",
    "conclusion",
    "failure",
    "lines",
    "moment",
    "summary",
)
