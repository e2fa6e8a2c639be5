# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A diagnosis as one page of HTML that stands alone. PRIVATE: it may change without notice.

It has no script, and fetches nothing, which its policy makes browsers keep to: it can be mailed around. What was seen
is data of others, so everything is escaped. No state is told by its colour alone.
"""

from __future__ import annotations

import re
import typing as t
from datetime import datetime, timezone
from html import escape

from ansible_collections.onprem.irsa.plugins.module_utils._doctor.registry import LINKS
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.report import (
    anchor,
    by_reason,
    conclusion,
    moment,
    summary,
)

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._doctor.diagnosis import Diagnosed, Diagnosis, State

# The worst first.
_WORDS: t.Final[t.Mapping[State, str]] = {
    "broken": "broken",
    "warning": "warning",
    "ok": "nothing wrong",
    "unseen": "not looked at",
}
_SIGNS: t.Final[t.Mapping[State, str]] = {"ok": "\u2713", "warning": "!", "broken": "\u2715", "unseen": "?"}

_STYLE: t.Final = """
:root { color-scheme: light dark; --page: #ffffff; --text: #1f2328; --soft: #59636e; --line: #d1d9e0; --code: #f6f8fa;
  --ok: #116329; --ok-area: #dafbe1; --warning: #7d4e00; --warning-area: #fff8c5; --broken: #a40e26;
  --broken-area: #ffebe9; --unseen: #59636e; --unseen-area: #f6f8fa; --link: #0550ae; }
@media (prefers-color-scheme: dark) { :root { --page: #0d1117; --text: #e6edf3; --soft: #9da7b3; --line: #3d444d;
  --code: #161b22; --ok: #56d364; --ok-area: #0f2d18; --warning: #e3b341; --warning-area: #2e2207; --broken: #ff8e85;
  --broken-area: #3c1114; --unseen: #9da7b3; --unseen-area: #161b22; --link: #79b8ff; } }
@media print { :root { color-scheme: light; --page: #ffffff; --text: #000000; --soft: #444444; --line: #999999;
  --code: #f6f8fa; --ok: #116329; --ok-area: #dafbe1; --warning: #7d4e00; --warning-area: #fff8c5; --broken: #a40e26;
  --broken-area: #ffebe9; --unseen: #444444; --unseen-area: #f6f8fa; --link: #000000; } }
.ok { --state: var(--ok); --area: var(--ok-area); } .warning { --state: var(--warning); --area: var(--warning-area); }
.broken { --state: var(--broken); --area: var(--broken-area); }
.unseen { --state: var(--unseen); --area: var(--unseen-area); }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 68rem; padding: 1.5rem 1rem 3rem; background: var(--page); color: var(--text);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6em; line-height: 1.25; margin: 0 0 .25rem; }
h2 { font-size: 1.25em; margin: 2rem 0 .75rem; }
h3 { font-size: 1.05em; margin: 0 0 .5rem; }
p { margin: .25rem 0; }
a { color: var(--link); }
.skip { position: absolute; left: -100vw; }
.skip:focus { position: static; }
.soft { color: var(--soft); }
.conclusion { border: 1px solid var(--state); border-radius: .5rem; padding: .75rem 1rem; margin: 1rem 0;
  background: var(--area); }
.badge { display: inline-block; border: 1px solid; border-radius: 1rem; padding: 0 .6rem; font-size: .85rem;
  font-weight: 600; vertical-align: middle; white-space: nowrap; color: var(--state); background: var(--page); }
.chain { --gap: 1.75rem; display: grid; grid-template-columns: repeat(5, minmax(0, 1fr)); gap: var(--gap); padding: 0;
  margin: 1.5rem 0 .75rem; list-style: none; }
.chain li { position: relative; }
.chain a { display: block; height: 100%; padding: .5rem .75rem; border: 2px solid var(--state); border-radius: .5rem;
  background: var(--area); color: var(--text); font-weight: 600; line-height: 1.4; text-decoration: none;
  overflow-wrap: break-word; }
.chain a.unseen { border-style: dashed; }
.chain a:hover, .chain a:focus { text-decoration: underline; }
.chain span { display: block; font-size: .85em; color: var(--state); }
.chain li::before, .chain li::after, .chain a::before { position: absolute; border: 0 solid var(--soft); }
.chain li + li::before { content: ""; right: 100%; top: calc(50% - 4px); border-width: 5px 0 5px 8px;
  border-color: transparent; border-left-color: var(--soft); }
.chain li:not(:last-child)::after { content: ""; left: 100%; top: 50%; width: calc(var(--gap) - 8px);
  border-top-width: 2px; }
article { border: 1px solid var(--line); border-left: 6px solid var(--state); border-radius: .375rem;
  padding: .75rem 1rem; margin: 0 0 .75rem; }
dl { display: grid; grid-template-columns: 6.5em minmax(0, 1fr); gap: .25rem 1rem; margin: 0; }
dt { grid-column: 1; color: var(--soft); } dd { grid-column: 2; margin: 0; }
pre { margin: .25rem 0 .5rem; padding: .5rem .75rem; background: var(--code); border-radius: .375rem;
  white-space: pre-wrap; }
code { font-size: .875em; }
.rest { padding: 0; list-style: none; }
.rest li { margin: .25rem 0; }
footer { margin-top: 2.5rem; border-top: 1px solid var(--line); padding-top: .5rem; }
@media print, (min-width: 44.001rem) {
  .chain li:nth-child(5n):not(:last-child)::after { left: 50%; top: 100%; width: 0; height: calc(var(--gap) / 2);
    border-width: 0 0 0 2px; }
  .chain li:nth-child(5n+1):not(:first-child) a::before { content: ""; left: 50%; bottom: 100%;
    height: calc(var(--gap) / 2); width: calc(400% + 4 * var(--gap) + 2px); border-width: 2px 0 0 2px; }
  .chain li:nth-child(5n+1):not(:first-child)::before { left: calc(50% - 4px); right: auto; top: -8px;
    border-width: 8px 5px 0 5px; border-color: transparent; border-top-color: var(--soft); } }
@media screen and (max-width: 44rem) {
  h1 { font-size: 1.35em; }
  .chain { --gap: 1rem; grid-template-columns: 1fr; }
  .chain a { display: flex; justify-content: space-between; align-items: baseline;
    gap: 1rem; padding: .3rem .75rem; }
  .chain li + li::before { left: calc(1.5rem - 4px); right: auto; top: -8px; border-width: 8px 5px 0 5px;
    border-color: transparent; border-top-color: var(--soft); }
  .chain li:not(:last-child)::after { left: 1.5rem; top: 100%; width: 0; height: .6rem; border-width: 0 0 0 2px; }
  dl { display: block; } dt { margin-top: .5rem; } }
@page { margin: 1.5cm; }
@media print { body { max-width: none; padding: 0 2px; font-size: 10pt; } .skip { display: none; }
  a { text-decoration: none; } h2, h3 { break-after: avoid; } article, .chain, .conclusion { break-inside: avoid; }
  .chain { --gap: 1.25rem; } .chain a { padding: .4rem .5rem; }
  .chain a, .conclusion, pre { print-color-adjust: exact; } }
"""


def as_html(diagnosis: Diagnosis) -> str:
    """Return the page."""
    issuer = diagnosis.issuer or "not known"
    date = datetime.fromtimestamp(diagnosis.taken, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{escape(diagnosis.name)}: IAM roles for service accounts</title>
<style>{_STYLE}</style>
</head>
<body>
<a class="skip" href="#findings">Skip to the findings</a>
<header>
<h1>IAM roles for service accounts: {escape(diagnosis.name)}</h1>
<p class="soft">Issuer {escape(issuer)}, seen <time datetime="{date}">{moment(diagnosis.taken)}</time></p>
<p>{escape(summary(diagnosis))}</p>
{_conclusion(diagnosis)}
</header>
<nav aria-label="Links of the chain">
<ol class="chain">
{_chain(diagnosis)}
</ol>
<p class="soft">In the order of cause: what is broken in one link shows in those after it.</p>
</nav>
<main id="findings">
{_sections(diagnosis)}
{_rest(diagnosis)}
{_unseen(diagnosis)}
</main>
<footer>
<p class="soft">Made by onprem.irsa.doctor from a snapshot that holds no secrets. The page &ldquo;What the doctor
checks&rdquo; of the documentation tells more of each check.</p>
</footer>
</body>
</html>
"""


def _conclusion(diagnosis: Diagnosis) -> str:
    """Return the last line of the report for people, with the worst state of all links, and the way to the finding."""
    states = {diagnosis.state(link) for link in LINKS}
    worst = next(state for state in _WORDS if state in states)
    first = diagnosis.first
    more = f" See {_reference(first.check)}." if first else ""
    return f'<p class="conclusion {worst}">{_badge(worst)} {_text(conclusion(diagnosis))}{more}</p>'


def _badge(state: State) -> str:
    return f'<span class="badge {state}">{_SIGNS[state]} {_WORDS[state]}</span>'


def _chain(diagnosis: Diagnosis) -> str:
    """Return the picture: a box a link of the chain. Arrows and places are the style's."""
    return "\n".join(_box(link, title, diagnosis.state(link)) for link, title in LINKS.items())


def _box(link: str, title: str, state: State) -> str:
    words = f"<span>{_SIGNS[state]} {_WORDS[state]}</span>"
    return f'<li><a class="{state}" href="#link-{link}">{escape(title)} {words}</a></li>'


def _sections(diagnosis: Diagnosis) -> str:
    """Return a section for each link with findings."""
    return "\n".join(
        _section(f"link-{link}", f"{escape(title)} {_badge(diagnosis.state(link))}", articles)
        for link, title in LINKS.items()
        if (articles := _articles(diagnosis, link))
    )


def _section(name: str, heading: str, body: str) -> str:
    return f'<section aria-labelledby="{name}">\n<h2 id="{name}">{heading}</h2>\n{body}\n</section>'


def _articles(diagnosis: Diagnosis, link: str) -> str:
    """Return what is wrong in a link: each check once, with all its places."""
    checks: dict[str, list[Diagnosed]] = {}
    for finding in diagnosis.worst_first:
        if finding.link == link:
            checks.setdefault(finding.check, []).append(finding)
    return "\n".join(_article(findings) for findings in checks.values())


def _article(findings: list[Diagnosed]) -> str:
    """Return what one check has found. If it follows from something else, it does so at all places."""
    check = findings[0]
    rows = {
        "Found": [f"<b>{escape(each.where)}:</b> {escape(each.found)}" for each in findings],
        "Cause": [_text(check.cause)],
        "Fix": [*dict.fromkeys(f"{_text(each.fix)}{_command(each)}" for each in findings)],
        "Follows from": [_reference(check.follows)] if check.follows else [],
        "Check": [escape(check.check)],
    }
    parts = "\n".join(f"<dt>{name}</dt>{_entries(entries)}" for name, entries in rows.items() if entries)
    return (
        f'<article class="{check.severity}" id="{anchor(check.check)}">\n'
        f"<h3>{escape(check.title)} {_badge(check.severity)}</h3>\n<dl>\n{parts}\n</dl>\n</article>"
    )


def _entries(entries: t.Iterable[str]) -> str:
    return "".join(f"<dd>{entry}</dd>" for entry in entries)


def _command(finding: Diagnosed) -> str:
    return f"<pre><code>{escape(finding.command)}</code></pre>" if finding.command else ""


def _reference(check: str) -> str:
    return f'<a href="#{anchor(check)}">{escape(check)}</a>'


def _text(text: str) -> str:
    """Return a text of a check, in which backquotes mark code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _rest(diagnosis: Diagnosis) -> str:
    """Return the links without findings, so that every box of the picture leads somewhere."""
    found = {finding.link for finding in diagnosis.findings}
    rows = "\n".join(
        f'<li id="link-{link}">{escape(title)} {_badge(diagnosis.state(link))}</li>'
        for link, title in LINKS.items()
        if link not in found
    )
    return _section("rest", "Links without findings", f'<ul class="rest">\n{rows}\n</ul>') if rows else ""


def _unseen(diagnosis: Diagnosis) -> str:
    """Return what was not looked at, by each reason once."""
    rows = "\n".join(
        f"<li>{escape(', '.join(parts))}: {escape(reason)}</li>" for reason, parts in by_reason(diagnosis).items()
    )
    return _section("unseen", "Not looked at", f"<ul>\n{rows}\n</ul>") if rows else ""


__all__: t.Final = ("as_html",)
