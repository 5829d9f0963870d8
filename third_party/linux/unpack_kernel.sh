#!/usr/bin/env bash
# Usage: unpack_kernel.sh PACKAGE.deb MODULE...
# Unpacks vmlinuz and those of the named modules that the package has into the current directory: vmlinuz,
# modules/MODULE.ko (decompressed).
set -euo pipefail
package=$1
shift

mkdir -p modules unpacked
dpkg-deb --fsys-tarfile "$package" | tar -x -C unpacked
mv unpacked/boot/vmlinuz-* vmlinuz
for module in "$@"; do
  file=$(find unpacked -name "$module.ko" -o -name "$module.ko.xz" | head -n 1)
  case "$file" in
    *.ko) mv "$file" "modules/$module.ko" ;;
    *.ko.xz) xz --decompress --stdout "$file" >"modules/$module.ko" ;;
  esac
done
rm -rf unpacked
[ -s modules/kvm.ko ] || { echo "$package has no KVM module" >&2; exit 1; }
