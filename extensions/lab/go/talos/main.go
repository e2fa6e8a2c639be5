// SPDX-FileCopyrightText: the onprem.irsa authors
// SPDX-License-Identifier: GPL-3.0-or-later

// talos makes a machine configuration as `talosctl gen config` does, and gives it back as a node takes it: decoded,
// patched and validated by Talos' own code. It is the part of talosctl that needs no node.
//
//	talos generate ENDPOINT
//	talos take CONFIGURATION [PATCH]
package main

import (
	"fmt"
	"os"

	"github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/config/configloader"
	"github.com/siderolabs/talos/pkg/machinery/config/configpatcher"
	"github.com/siderolabs/talos/pkg/machinery/config/encoder"
	"github.com/siderolabs/talos/pkg/machinery/config/generate"
	"github.com/siderolabs/talos/pkg/machinery/config/machine"
	"github.com/siderolabs/talos/pkg/machinery/constants"
)

// metal is the mode of a node on hardware, which is the strictest.
type metal struct{}

func (metal) String() string        { return "metal" }
func (metal) RequiresInstall() bool { return true }
func (metal) InContainer() bool     { return false }

func main() {
	provider, err := provide(os.Args[1:])
	if err == nil {
		_, err = provider.Validate(metal{})
	}

	var text []byte

	if err == nil {
		text, err = provider.EncodeBytes(encoder.WithComments(encoder.CommentsDisabled))
	}

	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}

	os.Stdout.Write(text)
}

func provide(arguments []string) (config.Provider, error) {
	switch {
	case len(arguments) == 2 && arguments[0] == "generate":
		input, err := generate.NewInput("irsa", arguments[1], constants.DefaultKubernetesVersion, generate.WithInstallDisk("/dev/sda"))
		if err != nil {
			return nil, err
		}

		return input.Config(machine.TypeControlPlane)
	case len(arguments) == 2 && arguments[0] == "take":
		return configloader.NewFromFile(arguments[1])
	case len(arguments) == 3 && arguments[0] == "take":
		provider, err := configloader.NewFromFile(arguments[1])
		if err != nil {
			return nil, err
		}

		return patched(provider, arguments[2])
	default:
		return nil, fmt.Errorf("usage: talos generate ENDPOINT | talos take CONFIGURATION [PATCH]")
	}
}

func patched(provider config.Provider, file string) (config.Provider, error) {
	patches, err := configpatcher.LoadPatches([]string{"@" + file})
	if err != nil {
		return nil, err
	}

	output, err := configpatcher.Apply(configpatcher.WithConfig(provider), patches)
	if err != nil {
		return nil, err
	}

	return output.Config()
}
