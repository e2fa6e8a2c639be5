# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The regions of AWS. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import functools
import typing as t
from os import environ

try:
    from botocore.loaders import create_loader
except ImportError as error:
    IMPORT_ERROR: ImportError | None = error
else:
    IMPORT_ERROR = None


def known_regions() -> frozenset[str]:
    """Return the codes of all regions, by botocore's C(partitions.json); none where every name may be one.

    That is so with another endpoint in boto3's environment, such as C(AWS_ENDPOINT_URL), and without botocore,
    which the modules that need it miss by its name.
    """
    own_endpoint = any(name.startswith("AWS_ENDPOINT_URL") for name in environ)
    return frozenset() if own_endpoint or IMPORT_ERROR is not None else _of_botocore()


@functools.cache
def _of_botocore() -> frozenset[str]:
    partitions = create_loader().load_data("partitions")["partitions"]
    # aws-global and its like are names of services without regions.
    return frozenset(
        region for partition in partitions for region in partition["regions"] if not region.endswith("-global")
    )


__all__: t.Final = ("known_regions",)
