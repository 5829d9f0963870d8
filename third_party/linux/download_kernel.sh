#!/usr/bin/env bash
# Usage: download_kernel.sh REGEX OUT.deb
# Downloads the newest kernel package whose name matches the (anchored) regular expression from the suites that apt
# knows. Installs nothing. Falls back to older ones when a package is listed but gone from the mirror.
set -uo pipefail
regex=$1 out=$2

mapfile -t candidates < <(apt-cache pkgnames linux-image- | grep -E "^$regex\$" | sort -rV | head -n 3)
if [ "${#candidates[@]}" = 0 ]; then
  echo "apt's lists have no package that matches $regex: run 'apt-get update' first" >&2
  exit 1
fi

directory=$(mktemp -d) || exit 1
trap 'rm -rf "$directory"' EXIT
cd "$directory" || exit 1
for attempt in 1 2 3; do
  for package in "${candidates[@]}"; do
    if apt-get download -q -o APT::Sandbox::User=root -o Acquire::Retries=3 "$package" >log 2>&1; then
      mv -- *.deb "$out"
      exit
    fi
    cat log >&2
  done
  sleep "$attempt"
done
echo "cannot download ${candidates[0]}: is the network there, and are apt's lists fresh ('apt-get update')?" >&2
exit 1
