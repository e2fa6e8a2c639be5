// SPDX-FileCopyrightText: the onprem.irsa authors
// SPDX-License-Identifier: GPL-3.0-or-later

// kind, as its own main runs it.
package main

import "sigs.k8s.io/kind/cmd/kind/app"

func main() {
	app.Main()
}
