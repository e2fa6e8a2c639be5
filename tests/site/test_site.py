# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The built site, as somebody who has only a browser: every page is near, and no link is dead. `make docs` runs it."""

from __future__ import annotations

import os
import re
import typing as t
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SITE = Path(os.environ.get("SITE", ROOT / ".build/docs/build/html"))
CLICKS = 3
SECTIONS = yaml.safe_load((ROOT / "docs/docsite/extra-docs.yml").read_text())["sections"]
# Sphinx's own, reached by the search field.
NOT_LINKED = {"search.html"}


@dataclass
class Page(HTMLParser):
    """What a page links to, the places that can be linked to, and the pictures."""

    path: str
    links: set[str] = field(default_factory=set)
    places: set[str] = field(default_factory=set)
    pictures: dict[str, str] = field(default_factory=dict)
    language: str = ""

    def __post_init__(self) -> None:
        super().__init__()
        self.feed((SITE / self.path).read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.places |= {given[name] for name in ("id", "name") if given.get(name)}
        if tag == "a" and "href" in given:
            self.links.add(given["href"])
        elif tag == "img":
            self.pictures[given["src"]] = given.get("alt", "")
        elif tag == "html":
            self.language = given.get("lang", "")

    def inner(self) -> t.Iterator[tuple[str, str]]:
        """Yield the pages of the site that this one links to, each with the place on it."""
        for link in self.links:
            if not urlsplit(link).scheme and not link.startswith("//"):
                path, place = urldefrag(urljoin(self.path, link) if not link.startswith("#") else self.path + link)
                yield unquote(path), unquote(place)


@pytest.fixture(scope="module")
def pages() -> dict[str, Page]:
    names = (path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html"))
    return {name: Page(name) for name in names if not name.startswith("_")}


def test_every_page_is_near(pages: dict[str, Page]) -> None:
    seen = near = {"index.html"}
    for _click in range(CLICKS):
        near = {target for name in near for target, _place in pages[name].inner() if target in pages} - seen
        seen = seen | near
    assert set(pages) - seen == NOT_LINKED


def test_no_link_leads_nowhere(pages: dict[str, Page]) -> None:
    dead = {
        f"{name}: {target}#{place}"
        for name, page in pages.items()
        for target, place in page.inner()
        if target.startswith("/")
        or not (SITE / target).exists()
        or (place and target in pages and place not in pages[target].places)
    }
    assert sorted(dead) == []


def test_every_picture_is_there_and_says_what_it_shows(pages: dict[str, Page]) -> None:
    for name, page in pages.items():
        for source, alternative in page.pictures.items():
            assert (SITE / urljoin(name, source)).exists(), (name, source)
            assert alternative or source.endswith("logo.svg"), (name, source)  # its words stand beside it
    assert [source for source in pages["index.html"].pictures if source.endswith("chain.svg")]


def test_the_start_page_leads_to_every_section(pages: dict[str, Page]) -> None:
    linked = {target for target, _place in pages["index.html"].inner()}
    assert {f"docsite/{name}.html" for section in SECTIONS for name in section["toctree"]} <= linked
    assert {path.name + "_role.html" for path in (ROOT / "roles").iterdir()} <= linked


def test_a_role_has_its_readme_and_its_variables() -> None:
    """In the order of somebody who reads it for the first time."""
    text = (SITE / "irsa_apiserver_role.html").read_text()
    order = ["upgrades-of-kubernetes-and-hosts-that-join", "role-entrypoint-main", "role-entrypoint-input"]
    found = [re.search(rf'id="[a-z-]*{place}"', text) for place in order]
    starts = [match.start() for match in found if match]
    assert len(starts) == len(order)
    assert starts == sorted(starts)


def test_no_site_of_a_stranger_is_linked(pages: dict[str, Page]) -> None:
    """The name of this collection on GitHub, or a placeholder's own, may be anybody's."""
    strangers = {link for page in pages.values() for link in page.links if "github.com/onprem" in link}
    assert strangers == set()


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: str(section["title"]))
def test_every_page_of_a_section_says_its_language(pages: dict[str, Page], section: dict[str, t.Any]) -> None:
    assert {pages[f"docsite/{name}.html"].language for name in section["toctree"]} == {"en"}


@pytest.mark.parametrize("wrong", ["aria-role=", ' role="heading">', "<pre>"])
def test_screen_readers_and_keyboards_find_their_way(pages: dict[str, Page], wrong: str) -> None:
    """What axe found to be serious in the theme; colours are in docs/site.css."""
    assert [name for name in pages if wrong in (SITE / name).read_text()] == []
