// SPDX-FileCopyrightText: the onprem.irsa authors
// SPDX-License-Identifier: GPL-3.0-or-later

// Command aws-caller asks AWS who it is, by the default credential chain of the AWS SDK and with no
// setting of its own, and prints the ARN alone. In a pod that the webhook has injected this is the
// role that the pod has assumed with its service-account token.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

const (
	attempts = 3
	limit    = 30 * time.Second
)

func callerARN(ctx context.Context) (string, error) {
	settings, err := config.LoadDefaultConfig(ctx, config.WithRetryMaxAttempts(attempts))
	if err != nil {
		return "", fmt.Errorf("reading the AWS configuration: %w", err)
	}
	if settings.Region == "" {
		return "", errors.New("no AWS region: set AWS_REGION (the webhook sets it when it is started with --aws-default-region)")
	}
	identity, err := sts.NewFromConfig(settings).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", fmt.Errorf("asking AWS for the caller's identity: %w", err)
	}
	return aws.ToString(identity.Arn), nil
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	arn, err := callerARN(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(arn)
}
