//go:build tools

// SPDX-FileCopyrightText: the onprem.irsa authors
// SPDX-License-Identifier: GPL-3.0-or-later

// Package tools names the program that this module exists to build: the pod identity webhook, at
// the version that go.mod pins.
package tools

import _ "github.com/aws/amazon-eks-pod-identity-webhook"
