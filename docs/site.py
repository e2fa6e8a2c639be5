# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a site of what antsibull-docs has written: a start page, sections by what people want, READMEs of the roles.

antsibull-docs writes a page for each plugin, each role and each file of docs/docsite/rst, and an index of all. The
start page is README.md, which `make quickstart` tries; the sections are those of docs/docsite/extra-docs.yml. So
nothing is written twice.

    python docs/site.py .build/docs/rst
"""

from __future__ import annotations

import posixpath
import re
import shutil
import sys
import typing as t
from pathlib import Path

import yaml
from markdown_it import MarkdownIt

if t.TYPE_CHECKING:
    from markdown_it.token import Token

ROOT = Path(__file__).parents[1]
COLLECTION = "ansible_collections.onprem.irsa"
# Files of the repository that are pages of the site, by the page.
PAGES = {
    "README.md": "index",
    "CHANGELOG.md": "changelog",
    "CODE_OF_CONDUCT.md": "code_of_conduct",
    "CONTRIBUTING.md": "contributing",
    "SECURITY.md": "security",
    "examples/README.md": "examples",
    "extensions/lab/README.md": "lab",
}
# Headings of README.md that are about the repository and not about its use; the sections stand in their place.
NOT_ON_THE_START_PAGE = {"Where to go from here", "Working on it", "Licence"}
UNDERLINES = "=-^~"


class Converter:
    """Turns a Markdown file of the repository into reStructuredText for a page of the site.

    It knows what the files use, and stops with the file and the token at anything else.
    """

    def __init__(self, source: str, *, level: int = 0, skip: t.Collection[str] = ()) -> None:
        """Take the file's path in the repository, how deep its first heading is, and headings to leave out."""
        self.source, self.level, self.skip = source, level, skip

    def convert(self) -> str:
        """Return the page, with a label for each heading."""
        tokens = MarkdownIt("commonmark").enable("table").parse((ROOT / self.source).read_text())
        return "\n".join(self.blocks(self.kept(tokens))).strip() + "\n"

    def kept(self, tokens: list[Token]) -> t.Iterator[Token]:
        """Yield the tokens but those of headings to leave out, with what is below them."""
        leaving = False
        for number, token in enumerate(tokens):
            if token.type == "heading_open" and token.tag in ("h1", "h2"):
                leaving = tokens[number + 1].content in self.skip
            if not leaving:
                yield token

    def blocks(self, tokens: t.Iterator[Token], end: str = "") -> t.Iterator[str]:
        """Yield the lines of the blocks up to the one that ends them."""
        for token in tokens:
            if token.type == end:
                return
            yield from self.block(token, tokens)
            yield ""

    def block(self, token: Token, tokens: t.Iterator[Token]) -> t.Iterator[str]:
        """Yield the lines of the block that a token begins."""
        if token.type == "heading_open":
            yield from self.heading(int(token.tag[1:]), content_of(tokens))
        elif token.type == "paragraph_open":
            yield from self.inline(content_of(tokens)).splitlines()
        elif token.type in ("bullet_list_open", "ordered_list_open"):
            yield from self.listing(token, tokens)
        elif token.type == "fence":
            yield f".. code-block:: {token.info or 'text'}"
            yield from ("", *indented(token.content.splitlines()))
        elif token.type == "code_block":
            yield from (".. code-block:: text", "", *indented(token.content.splitlines()))
        elif token.type == "table_open":
            yield from self.table(tokens)
        elif token.type != "html_block" or not token.content.startswith("<!--"):
            raise SystemExit(f"{self.source}: {token.type} is more than docs/site.py knows: {token.content!r}")

    def heading(self, depth: int, content: Token) -> t.Iterator[str]:
        """Yield a heading below its label."""
        text = self.inline(content)
        yield from (f".. _{label(self.source, slug(content.content))}:", "")
        yield from (text, UNDERLINES[self.level + depth - 1] * len(text))

    def listing(self, opened: Token, tokens: t.Iterator[Token]) -> t.Iterator[str]:
        """Yield the items of a list."""
        mark = "* " if opened.type == "bullet_list_open" else "#. "
        for token in tokens:
            if token.type != "list_item_open":
                return
            first, *others = list(self.blocks(tokens, "list_item_close"))
            yield mark + first
            yield from indented(others, len(mark))

    def table(self, tokens: t.Iterator[Token]) -> t.Iterator[str]:
        """Yield the rows of a table."""
        yield from (".. list-table::", "   :header-rows: 1", "")
        mark = "* -"
        for token in tokens:
            if token.type == "table_close":
                return
            if token.type == "tr_open":
                mark = "* -"
            elif token.type == "inline":
                first, *others = self.inline(token).splitlines() or [""]
                yield f"   {mark} {first}".rstrip()
                yield from indented(others, 7)
                mark = "  -"

    def inline(self, token: Token) -> str:
        """Return the text of a paragraph, a heading or a cell."""
        parts = list(self.parts(token.children or []))
        for number, (text, is_markup) in enumerate(parts[:-1]):
            # Markup ends where a blank, a bracket or punctuation follows, and begins so.
            if is_markup and re.match(r"[^\s.,:;!?)\]}/'\"-]", parts[number + 1][0]):
                parts[number] = (f"{text}\\ ", True)
            elif parts[number + 1][1] and text and re.search(r"[^\s(\[{/'\"-]$", text):
                parts[number] = (f"{text}\\ ", False)
        return "".join(text for text, _is_markup in parts)

    def parts(self, children: list[Token]) -> t.Iterator[tuple[str, bool]]:
        """Yield pieces of text, and whether each is marked up."""
        rest = iter(children)
        for child in rest:
            if child.type == "text":
                yield re.sub(r"([\\*`|_])", r"\\\1", child.content), False
            elif child.type in ("softbreak", "hardbreak"):
                yield "\n", False
            elif child.type == "code_inline":
                yield f"``{child.content}``", True
            elif child.type == "html_inline":
                yield "", False
            elif child.type in ("link_open", "strong_open", "em_open"):
                text = "".join(plain(inner) for inner in until(rest, child.type.replace("open", "close")))
                marks = {"strong_open": f"**{text}**", "em_open": f"*{text}*"}
                yield marks.get(child.type) or self.link(text, str(child.attrs["href"])), True
            elif child.type == "image":
                yield self.picture(child), False
            else:
                raise SystemExit(f"{self.source}: {child.type} is more than docs/site.py knows: {child.content!r}")

    def picture(self, image: Token) -> str:
        """Return a picture, which stands beside the page, and opens alone where it is too small to read."""
        name = posixpath.basename(str(image.attrs["src"]))
        return f".. image:: {name}\n   :alt: {' '.join(image.content.split())}\n   :target: _images/{name}"

    def link(self, text: str, target: str) -> str:
        """Return a link to a page of the site, or to another site."""
        if target.startswith("https://"):
            return f"`{text} <{target}>`__"
        path, _hash, anchor = target.partition("#")
        path = posixpath.normpath(posixpath.join(posixpath.dirname(self.source), path)) if path else self.source
        if path.startswith("docs/docsite/rst/"):
            return f":ref:`{text} <{COLLECTION}.docsite.{Path(path).stem}>`"
        if path == "LICENSE":
            return f"`{text} <https://spdx.org/licenses/GPL-3.0-or-later.html>`__"
        if path in PAGES or re.fullmatch(r"roles/\w+/README\.md", path):
            return f":ref:`{text} <{label(path, anchor)}>`"
        return text  # a file, which is in the repository and not on the site


def label(source: str, anchor: str) -> str:
    """Return the label of a heading, by the file and the name that GitHub gives the heading."""
    return f"{COLLECTION}.{source.replace('/', '.').removesuffix('.md')}.{anchor or 'top'}"


def slug(heading: str) -> str:
    """Return the name that GitHub gives a heading."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def content_of(tokens: t.Iterator[Token]) -> Token:
    """Return what a heading or a paragraph holds, and take what closes it."""
    content, _closing = next(tokens), next(tokens)
    return content


def plain(token: Token) -> str:
    """Return the text of a piece without its marks: reStructuredText nests none."""
    return " " if token.type == "softbreak" else token.content


def until(tokens: t.Iterator[Token], end: str) -> t.Iterator[Token]:
    """Yield the tokens before the one of type END, which is taken, too."""
    for token in tokens:
        if token.type == end:
            return
        yield token


def indented(lines: t.Iterable[str], by: int = 3) -> t.Iterator[str]:
    """Return the lines, further to the right."""
    return (f"{' ' * by}{line}".rstrip() for line in lines)


def toctree(caption: str, entries: t.Iterable[str]) -> str:
    """Return a section of the navigation."""
    return "\n".join([".. toctree::", f"   :caption: {caption}", "   :maxdepth: 1", "", *indented(entries), "", ""])


def page_of(source: str) -> str:
    """Return a file of the repository as a page; it is found by its first heading, too."""
    return f".. _{label(source, '')}:\n\n{Converter(source).convert()}"


def start_page(sections: list[dict[str, t.Any]], roles: list[str]) -> str:
    """Return README.md with the sections of the site."""
    page = Converter("README.md", skip=NOT_ON_THE_START_PAGE).convert()
    trees = [toctree(each["title"], [f"docsite/{name}" for name in each["toctree"]]) for each in sections]
    project = [name for name in PAGES.values() if name not in ("index", "examples")]
    reference = ["reference", *(f"{role} <{role}_role>" for role in roles), "environment_variables"]
    return "\n".join(
        [
            f".. _{label('README.md', '')}:\n",
            page,
            trees[0],
            toctree("Examples", ["examples"]),
            *trees[1:],
            toctree("Reference", reference),
            toctree("Project", project),
        ]
    )


def reference_page(index: str, sections: list[dict[str, t.Any]]) -> str:
    """Return the index that antsibull-docs has written, without the sections, which are on the start page."""
    title = "Reference: modules, filters and roles"
    text = re.sub(r"^Onprem\.Irsa\n=+$", f"{title}\n{'=' * len(title)}", index, flags=re.MULTILINE)
    for section in sections:
        heading = f"{section['title']}\n{'-' * len(section['title'])}\n"
        before, _heading, after = text.partition(heading)
        text = before + re.sub(r"\A\s*\.\. toctree::\n(?:    .*\n|\n)*", "", after)
    # The roles are beside the start page, too.
    return re.sub(r"^\.\. toctree::\n(?:    :.*\n)*\n(?:    irsa_\w+_role\n)+", "", text, flags=re.MULTILINE)


def role_page(name: str, page: str) -> str:
    """Return a role's page with the README before its entry points, of which C(main) comes first."""
    mark = rf"^\.\. _{re.escape(COLLECTION)}\.{name}_role__entrypoint-(\w+):$"
    starts = [*re.finditer(mark, page, re.MULTILINE)]
    end = page.index("\n.. Extra links")
    edges = [found.start() for found in starts] + [end]
    points = {found[1]: page[edge:after] for found, edge, after in zip(starts, edges, edges[1:])}
    ordered = ["main", *(point for point in points if point != "main")]
    readme = re.sub(r"\A.*?\n=+\n", "", Converter(f"roles/{name}/README.md").convert(), count=1, flags=re.DOTALL)
    anchor = f".. _{label(f'roles/{name}/README.md', '')}:\n\n"
    own = f".. _{COLLECTION}.{name}_role:\n"
    head = (
        page[: edges[0]].replace(":orphan:\n", "").replace(":depth: 2", ":depth: 1").replace(own, f"{own}\n{anchor}", 1)
    )
    return f"{head}{readme}\n" + "".join(points[point] for point in ordered) + page[end:]


def refuse_dead_links(pages: t.Mapping[str, str]) -> None:
    """Stop where a page names a label that no page has; Sphinx would drop the link."""
    labels = {found for text in pages.values() for found in re.findall(r"^\.\. _([^:]+):$", text, re.MULTILINE)}
    dead = [
        f"{name}: {target}"
        for name, text in pages.items()
        for target in re.findall(rf":ref:`[^`]*<({re.escape(COLLECTION)}[^>]*)>`", text)
        if target not in labels
    ]
    if dead:
        raise SystemExit("These links lead nowhere:\n" + "\n".join(sorted(dead)))


def main(folder: Path) -> None:
    """Make the site of what is in FOLDER."""
    sections = yaml.safe_load((ROOT / "docs/docsite/extra-docs.yml").read_text())["sections"]
    roles = sorted(path.name for path in (ROOT / "roles").iterdir())
    for name in roles:
        page = folder / f"{name}_role.rst"
        page.write_text(role_page(name, page.read_text()))
    (folder / "reference.rst").write_text(reference_page((folder / "index.rst").read_text(), sections))
    for source, name in PAGES.items():
        if name != "index":
            (folder / f"{name}.rst").write_text(page_of(source))
    (folder / "index.rst").write_text(start_page(sections, roles))
    shutil.copy(ROOT / "docs/chain.svg", folder)
    shutil.copytree(ROOT / "docs/images", folder / "images", dirs_exist_ok=True)
    refuse_dead_links({path.name: path.read_text() for path in folder.rglob("*.rst")})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
