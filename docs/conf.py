# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
# `make docs` appends this to what antsibull-docs writes.
project = "onprem.irsa"
copyright = "the onprem.irsa authors"  # noqa: A001 -- its name for Sphinx
title = html_short_title = "onprem.irsa: IAM roles for service accounts on your own Kubernetes"
intersphinx_mapping: dict[str, object] = {}
suppress_warnings = ["ref.ref"]
