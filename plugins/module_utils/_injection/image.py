# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which image the webhook runs, and which reviews it answers. PRIVATE: it may change without notice."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._injection.image_reference import (
    registry,
)

# Releases up to this one answer without apiVersion and kind, which API servers take in a v1beta1 review alone:
# amazon-eks-pod-identity-webhook #225, #255 and #304; #310 fixes it.
_LAST_V1BETA1: t.Final = (0, 6, 17)
_TAG = re.compile(r":v?([0-9]+)\.([0-9]+)\.([0-9]+)(?:@|$)")


class Image(t.NamedTuple):
    """An image reference, from a mirror if one was given, and the admission reviews that its program answers."""

    reference: str
    review_versions: list[str]


def image(reference: str, mirror: str = "") -> Image:
    """Return where to take an image from, and which C(admissionReviewVersions) it takes.

    MIRROR takes the place of the registry. An image whose version is not in its tag is taken for an old one, because
    new ones answer the old reviews, too.
    """
    version = _TAG.search(reference)
    old = version is None or tuple(map(int, version.groups())) <= _LAST_V1BETA1
    if mirror:
        host = registry(reference)
        reference = f"{mirror.rstrip('/')}/{reference.removeprefix(f'{host}/' if host else '')}"
    return Image(reference, ["v1beta1"] if old else ["v1", "v1beta1"])


__all__: t.Final = (
    "Image",
    "image",
)
