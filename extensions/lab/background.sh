#!/bin/sh
# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs a program of the lab in the background, with a pid file and a log under the lab's state:
#   background.sh start STATE NAME COMMAND…    starts it unless it runs
#   background.sh stop STATE NAME              ends it if it runs
# Prints a line when it did something.
set -eu
action=$1 state=$2 name=$3
shift 3
pid_file=$state/pids/$name.pid
log=$state/logs/$name.log

runs() {
    # A pid may have gone to another program since: ours carries its pid file's path in its environment.
    [ -r "$pid_file" ] && pid=$(cat "$pid_file") && [ -r "/proc/$pid/environ" ] \
        && tr '\0' '\n' <"/proc/$pid/environ" | grep -qxF "ONPREM_IRSA_LAB=$pid_file"
}

case $action in
start)
    if runs; then exit 0; fi
    mkdir -p "$state/pids" "$state/logs"
    ONPREM_IRSA_LAB=$pid_file setsid "$@" >>"$log" 2>&1 </dev/null &
    echo $! >"$pid_file"
    sleep 0.5
    if ! runs; then
        echo "$name ended at once; the end of $log:" >&2
        tail -n 5 "$log" >&2
        exit 1
    fi
    echo "$name runs as process $pid; its log is $log"
    ;;
stop)
    if ! runs; then exit 0; fi
    kill "$pid"
    seconds=0
    while runs; do
        if [ "$seconds" -eq 5 ]; then kill -KILL "$pid"; fi
        sleep 1
        seconds=$((seconds + 1))
    done
    rm "$pid_file"
    echo "$name has ended"
    ;;
esac
