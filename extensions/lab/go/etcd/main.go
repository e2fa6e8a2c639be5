// SPDX-FileCopyrightText: the onprem.irsa authors
// SPDX-License-Identifier: GPL-3.0-or-later

// Command etcd is the server etcd and its client etcdctl in one file: it runs the one whose name it
// is called by. They share most of their code, so one link takes half of the space of two.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"go.etcd.io/etcd/etcdctl/v3/ctlv3"
	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() {
	switch name := filepath.Base(os.Args[0]); name {
	case "etcd":
		etcdmain.Main(os.Args)
	case "etcdctl":
		ctlv3.MustStart()
	default:
		fmt.Fprintf(os.Stderr, "%s is no etcd program: call this file as etcd or etcdctl\n", name)
		os.Exit(2)
	}
}
