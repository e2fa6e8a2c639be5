# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An AWS on the machine (S3, IAM, STS) that verifies web identities by AWS's documented rules; moto is its store."""
