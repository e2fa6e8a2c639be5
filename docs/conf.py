# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
# `make docs` appends this to what antsibull-docs writes.
project = "onprem.irsa"
copyright = "the onprem.irsa authors"  # noqa: A001 -- its name for Sphinx
title = html_short_title = "onprem.irsa: IAM roles for service accounts on your own Kubernetes"
html_title = "onprem.irsa"
html_favicon = "static/logo.svg"
intersphinx_mapping: dict[str, object] = {}
suppress_warnings = ["ref.ref"]
html_static_path = ["static"]
html_css_files = ["site.css"]
templates_path = ["templates"]
html_theme_options = {"show_rtd_ethical_ads": False, "show_extranav": False}


def say_what_is_what(app, _problem) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001 -- Sphinx is not here for mypy
    """Correct what the theme says to screen readers and keyboards."""
    from pathlib import Path  # noqa: PLC0415 -- appended to another file

    for page in Path(app.outdir).rglob("*.html"):
        text = page.read_text()
        for wrong, right in (
            (' role="heading">', ' role="heading" aria-level="2">'),
            ("aria-role=", "role="),
            ("<pre>", '<pre tabindex="0">'),  # what is too wide is scrolled
            ('<table class="docutils', '<table tabindex="0" class="docutils'),
            ('<nav data-toggle="wy-nav-shift"', '<nav aria-label="Pages" data-toggle="wy-nav-shift"'),
        ):
            text = text.replace(wrong, right)
        page.write_text(text)


def setup(app) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Have it done when the pages are written."""
    app.connect("build-finished", say_what_is_what)
