#!/bin/sh
# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
# Starts everything, with one account and its administrator; then it is the gateway. /lab holds ca.pem, server.pem,
# server.key and credentials (three lines: access key id, secret, the key that seals session tokens); REGION is in the environment.
set -eu
address=$(hostname --all-ip-addresses | cut -d ' ' -f 1)
{ read -r access_key; read -r secret_key; read -r sts_key; } </lab/credentials

echo 'monitor and OSD'
keyring=/etc/ceph/keyring
fsid=$(ceph-conf --lookup fsid)
osd=$(cat /proc/sys/kernel/random/uuid)
(
    umask 077
    ceph-authtool --create-keyring "$keyring" --gen-key --name mon. --cap mon 'allow *'
    ceph-authtool "$keyring" --gen-key --name client.admin --cap mon 'allow *' --cap osd 'allow *'
    ceph-authtool "$keyring" --gen-key --name osd.0 --cap mon 'allow profile osd' --cap osd 'allow *'
)
monmaptool --create --fsid "$fsid" --addv a '[v2:127.0.0.1:3300]' /tmp/monmap
mkdir -p /var/lib/ceph/mon/ceph-a /var/lib/ceph/osd/ceph-0
ceph-mon --mkfs --id a --monmap /tmp/monmap
ceph-mon --id a
ceph osd new "$osd" 0
ceph-osd --id 0 --mkfs --osd-uuid "$osd"
ceph-osd --id 0

echo 'names and trust'
cp /etc/resolv.conf /etc/resolv.upstream
dnsmasq --user=root --resolv-file=/etc/resolv.upstream --listen-address="$address" --listen-address=127.0.0.1 \
    --bind-interfaces --address="/amazonaws.com/$address"
echo 'nameserver 127.0.0.1' >/etc/resolv.conf
cat /lab/ca.pem >>/etc/ssl/certs/ca-certificates.crt

echo 'zone, account and administrator'
hostnames="\"s3.$REGION.amazonaws.com\", \"iam.amazonaws.com\", \"sts.$REGION.amazonaws.com\", \"sts.amazonaws.com\""
radosgw-admin realm create --rgw-realm=lab --default >/dev/null
radosgw-admin zonegroup create --rgw-zonegroup=lab --api-name="$REGION" --master --default >/dev/null
radosgw-admin zone create --rgw-zonegroup=lab --rgw-zone=lab --master --default >/dev/null
radosgw-admin zonegroup get | sed "s/\"hostnames\": \[\]/\"hostnames\": [$hostnames]/" | radosgw-admin zonegroup set >/dev/null
radosgw-admin period update --commit >/dev/null
account=$(radosgw-admin account create --account-name=lab 2>/dev/null | sed -n 's/.*"id": "\(RGW[0-9]*\)".*/\1/p')
radosgw-admin user create --uid=administrator --display-name=administrator --account-id="$account" --account-root \
    --access-key="$access_key" --secret-key="$secret_key" >/dev/null 2>&1

echo 'gateway'
exec radosgw --foreground --name client.admin --log-to-stderr=true --rgw-sts-key="$sts_key"
