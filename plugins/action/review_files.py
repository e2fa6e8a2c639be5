# SPDX-FileCopyrightText: the onprem.irsa authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module review_files, without a process of its own on the controller."""

from __future__ import annotations

from ansible_collections.onprem.irsa.plugins.modules.review_files import main
from ansible_collections.onprem.irsa.plugins.plugin_utils._in_process import InProcessAction


class ActionModule(InProcessAction):
    """Runs the module."""

    main = staticmethod(main)
