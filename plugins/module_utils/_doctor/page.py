# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A diagnosis as one page of HTML that stands alone. PRIVATE: it may change without notice.

It has no script, and fetches nothing, which its policy makes browsers keep to: it can be mailed around. What was seen
is data of others, so everything is escaped. No state is told by its colour alone.
"""

from __future__ import annotations

import typing as t
from datetime import datetime, timezone
from html import escape

from ansible_collections.onprem.irsa.plugins.module_utils._doctor.registry import LINKS
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.report import conclusion, moment, summary

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._doctor.diagnosis import Diagnosed, Diagnosis, State

_WORDS: t.Final[t.Mapping[State, str]] = {
    "ok": "nothing wrong",
    "warning": "warning",
    "broken": "broken",
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
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 68rem; padding: 1.5rem 1rem 3rem; background: var(--page); color: var(--text);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .25rem; }
h2 { font-size: 1.25rem; margin: 2rem 0 .75rem; }
h3 { font-size: 1.05rem; margin: 0 0 .5rem; }
p { margin: .25rem 0; }
a { color: var(--link); }
.skip { position: absolute; left: -100vw; }
.skip:focus { position: static; }
.soft { color: var(--soft); }
.first { border: 1px solid var(--line); border-radius: .5rem; padding: .75rem 1rem; margin: 1rem 0; }
.first.broken { border-color: var(--broken); background: var(--broken-area); }
.first.ok { border-color: var(--ok); background: var(--ok-area); }
figure { margin: 1.5rem 0; }
svg { display: block; width: 100%; height: auto; }
.narrow { display: none; }
.box { stroke-width: 2; }
.arrow { stroke: var(--soft); stroke-width: 2; fill: none; }
.head { fill: var(--soft); }
svg text { fill: var(--text); font: 600 15px system-ui, sans-serif; }
svg .state { font-weight: 400; font-size: 13px; }
svg .ok { fill: var(--ok-area); stroke: var(--ok); }
svg .warning { fill: var(--warning-area); stroke: var(--warning); }
svg .broken { fill: var(--broken-area); stroke: var(--broken); }
svg .unseen { fill: var(--unseen-area); stroke: var(--unseen); stroke-dasharray: 6 4; }
.badge { display: inline-block; border: 1px solid; border-radius: 1rem; padding: 0 .6rem; font-size: .85rem;
  font-weight: 600; vertical-align: middle; }
.badge.ok { color: var(--ok); } .badge.warning { color: var(--warning); } .badge.broken { color: var(--broken); }
.badge.unseen { color: var(--unseen); }
ol.chain { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; padding: 0; margin: 0; list-style: none;
  font-size: .9rem; }
article { border: 1px solid var(--line); border-left-width: 6px; border-radius: .375rem; padding: .75rem 1rem;
  margin: 0 0 .75rem; break-inside: avoid; }
article.broken { border-left-color: var(--broken); } article.warning { border-left-color: var(--warning); }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .25rem 1rem; margin: 0; }
dt { color: var(--soft); } dd { margin: 0; }
pre { margin: .25rem 0 0; padding: .5rem .75rem; background: var(--code); border-radius: .375rem;
  white-space: pre-wrap; font-size: .875rem; }
@media (max-width: 44rem) { .wide { display: none; } .narrow { display: block; } dl { display: block; }
  dt { margin-top: .5rem; } }
@media print { :root { color-scheme: light; --page: #ffffff; --text: #000000; --soft: #444444; --line: #999999;
  --code: #f6f8fa; --ok: #116329; --ok-area: #dafbe1; --warning: #7d4e00; --warning-area: #fff8c5; --broken: #a40e26;
  --broken-area: #ffebe9; --unseen: #444444; --unseen-area: #f6f8fa; --link: #000000; }
  body { max-width: none; padding: 0; font-size: 10pt; } .skip { display: none; } .wide { display: block; }
  .narrow { display: none; } h2 { break-after: avoid; } svg, article, .first { print-color-adjust: exact; } }
"""

# Of the picture, in its own units.
_BOX: t.Final = (180, 62)
_GAP: t.Final = (24, 30)


def as_html(diagnosis: Diagnosis) -> str:
    """Return the page."""
    name = diagnosis.cluster or diagnosis.issuer
    first = "broken" if diagnosis.first else "ok"
    date = datetime.fromtimestamp(diagnosis.taken, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{escape(name)}: IAM roles for service accounts</title>
<style>{_STYLE}</style>
</head>
<body>
<a class="skip" href="#findings">Skip to the findings</a>
<header>
<h1>IAM roles for service accounts: {escape(name)}</h1>
<p class="soft">Issuer {escape(diagnosis.issuer)}, seen <time datetime="{date}">{moment(diagnosis.taken)}</time></p>
<p>{escape(summary(diagnosis))}</p>
<p class="first {first}">{escape(conclusion(diagnosis))}</p>
</header>
<nav aria-label="Links of the chain">
<figure>
{_picture(diagnosis, columns=5, kind="wide")}
{_picture(diagnosis, columns=2, kind="narrow")}
<figcaption class="soft">In the order of cause: what is broken in one link shows in those after it.</figcaption>
</figure>
<ol class="chain">
{_chain(diagnosis)}
</ol>
</nav>
<main id="findings">
{_sections(diagnosis)}
{_unseen(diagnosis)}
</main>
<footer>
<p class="soft">Made by onprem.irsa.doctor from a snapshot that holds no secrets. The page doctor_checks of the
documentation tells more of each check.</p>
</footer>
</body>
</html>
"""


def _picture(diagnosis: Diagnosis, *, columns: int, kind: str) -> str:
    """Return the chain as boxes with arrows between them, row by row."""
    (width, height), (across, down) = _BOX, _GAP
    places = {
        link: (number % columns * (width + across), number // columns * (height + down))
        for number, link in enumerate(LINKS)
    }
    rows = -(-len(LINKS) // columns)
    size = (columns * (width + across) - across, rows * (height + down) - down)
    told = ", ".join(f"{title}: {_WORDS[diagnosis.state(link)]}" for link, title in LINKS.items())
    parts = [
        *(_arrow(places[before], places[after]) for before, after in zip(LINKS, [*LINKS][1:])),
        *(_box(place, LINKS[link], diagnosis.state(link)) for link, place in places.items()),
    ]
    return (
        f'<svg class="{kind}" viewBox="-3 -3 {size[0] + 6} {size[1] + 6}" role="img" '
        f'aria-labelledby="{kind}-title {kind}-text">'
        f'<title id="{kind}-title">The chain</title><desc id="{kind}-text">{escape(told)}</desc>{"".join(parts)}</svg>'
    )


def _box(place: tuple[int, int], title: str, state: State) -> str:
    (left, top), (width, height) = place, _BOX
    return (
        f'<rect class="box {state}" x="{left}" y="{top}" width="{width}" height="{height}" rx="8"/>'
        f'<text x="{left + 12}" y="{top + 26}">{escape(title)}</text>'
        f'<text class="state" x="{left + 12}" y="{top + 47}">{_SIGNS[state]} {_WORDS[state]}</text>'
    )


def _arrow(before: tuple[int, int], after: tuple[int, int]) -> str:
    (width, height), (across, down) = _BOX, _GAP
    left, top = before[0] + width, before[1] + height // 2
    if before[1] == after[1]:
        end = left + across - 2
        path = f"M{left} {top}H{end - 6}"
        return f'<path class="arrow" d="{path}"/><path class="head" d="M{end} {top}l-9 -5v10z"/>'
    middle, x, end = before[1] + height + down // 2, after[0] + width // 2, after[1] - 2
    path = f"M{before[0] + width // 2} {before[1] + height}V{middle}H{x}V{end - 6}"
    return f'<path class="arrow" d="{path}"/><path class="head" d="M{x} {end}l-5 -9h10z"/>'


def _badge(state: State) -> str:
    return f'<span class="badge {state}">{_SIGNS[state]} {_WORDS[state]}</span>'


def _chain(diagnosis: Diagnosis) -> str:
    return "\n".join(
        f'<li><a href="#link-{link}">{escape(title)}</a> {_badge(diagnosis.state(link))}</li>'
        for link, title in LINKS.items()
    )


def _sections(diagnosis: Diagnosis) -> str:
    return "\n".join(_section(diagnosis, link, title) for link, title in LINKS.items())


def _section(diagnosis: Diagnosis, link: str, title: str) -> str:
    state = diagnosis.state(link)
    found = [_article(finding) for finding in diagnosis.worst_first if finding.link == link]
    nothing = "Nobody has looked at it." if state == "unseen" else "Nothing is wrong with what was looked at."
    body = "\n".join(found) or f'<p class="soft">{nothing}</p>'
    return (
        f'<section aria-labelledby="link-{link}">\n<h2 id="link-{link}">{escape(title)} {_badge(state)}</h2>\n{body}\n'
        "</section>"
    )


def _article(finding: Diagnosed) -> str:
    follows = f' <span class="soft">follows from {escape(finding.follows)}</span>' if finding.follows else ""
    command = f"<pre><code>{escape(finding.command)}</code></pre>" if finding.command else ""
    rows = {
        "Where": escape(finding.where),
        "Found": escape(finding.found),
        "Cause": escape(finding.cause),
        "Fix": f"{escape(finding.fix)}{command}",
        "Check": escape(finding.check),
    }
    parts = "\n".join(f"<dt>{name}</dt><dd>{text}</dd>" for name, text in rows.items())
    return (
        f'<article class="{finding.severity}">\n<h3>{escape(finding.title)} {_badge(finding.severity)}{follows}</h3>\n'
        f"<dl>\n{parts}\n</dl>\n</article>"
    )


def _unseen(diagnosis: Diagnosis) -> str:
    if not diagnosis.unseen:
        return ""
    rows = "\n".join(
        f"<li>{escape(part.replace('_', ' '))}: {escape(reason)}</li>" for part, reason in diagnosis.unseen.items()
    )
    return f'<section aria-labelledby="unseen">\n<h2 id="unseen">Not looked at</h2>\n<ul>\n{rows}\n</ul>\n</section>'


__all__: t.Final = ("as_html",)
