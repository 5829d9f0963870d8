#!/usr/bin/env bash
# Arguments: FILE=PREFIX,PREFIX,... : every label of ours in FILE must have one of the prefixes.
set -uo pipefail
failures=0

allowed() {
  local label=$1 prefix
  for prefix in ${2//,/ }; do
    case "$prefix" in
      *:*) [ "$label" = "$prefix" ] && return 0 ;;
      *) case "$label" in "$prefix":* | "$prefix"/*) return 0 ;; esac ;;
    esac
  done
  return 1
}

for row in "$@"; do
  file=${row%%=*} prefixes=${row#*=}
  [ -s "$file" ] || { echo "FAIL: $file is empty: the query saw nothing"; failures=$((failures + 1)); }
  while read -r label; do
    case "$label" in
      //third_party/*) ;;
      //*) allowed "$label" "$prefixes" || { echo "FAIL: $file reaches $label, allowed: $prefixes"; failures=$((failures + 1)); } ;;
    esac
  done <"$file"
done
echo "$# rows, $failures failures"
exit "$((failures > 0))"
