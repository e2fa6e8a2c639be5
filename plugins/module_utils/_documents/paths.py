# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the documents of an issuer are. PRIVATE to the collection: it may change without notice.

Apart from what makes and reads them: the modules of a host need the paths alone, and import them with each run.
"""

from __future__ import annotations

import typing as t

DISCOVERY_PATH: t.Final = "/.well-known/openid-configuration"
"""Relative to the issuer (OpenID Connect Discovery 1.0, section 4)."""
JWKS_PATH: t.Final = "/openid/v1/jwks"
"""Where kube-apiserver serves its key set (pkg/serviceaccount/openidmetadata.go); Entra ID asks for it nowhere else."""
