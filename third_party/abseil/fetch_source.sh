#!/usr/bin/env bash
# Usage: third_party/abseil/fetch_source.sh DIRECTORY
# Downloads the source tarball of Debian's abseil into DIRECTORY (once) and prints its path. The
# package lists of the sources stay in DIRECTORY too: the machine's own apt set-up is not touched.
set -euo pipefail
directory=$(mkdir -p "$1" && cd "$1" && pwd)

tarball() { find "$directory" -maxdepth 1 -name 'abseil_*.orig.tar.gz' | head -n 1; }

# The machine's own Debian archives, as source archives.
source_list() {
  local file
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [ -f "$file" ] && sed -n '/ bookworm.* main/s/^deb /deb-src /p' "$file"
  done >"$directory/sources.list"
  for file in /etc/apt/sources.list.d/*.sources; do
    [ -f "$file" ] && awk 'BEGIN { RS = ""; ORS = "\n\n" } /Suites:[^\n]*bookworm/ && /Components:[^\n]*main/' "$file" |
      sed 's/^Types:.*/Types: deb-src/'
  done >"$directory/parts/debian.sources"
}

private_apt_get() {
  apt-get -qq -o Dir::Etc::sourcelist="$directory/sources.list" -o Dir::Etc::sourceparts="$directory/parts" \
    -o Dir::State::lists="$directory/lists" -o APT::Sandbox::User=root "$@" >&2
}

if [ -z "$(tarball)" ]; then
  mkdir -p "$directory/parts" "$directory/lists/partial"
  source_list || true
  private_apt_get update
  (cd "$directory" && private_apt_get source --download-only abseil)
fi
[ -n "$(tarball)" ] || { echo "hvkit: no abseil source came from apt-get source" >&2; exit 3; }
tarball
