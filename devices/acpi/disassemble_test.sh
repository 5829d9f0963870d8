#!/bin/bash
# The reference disassembler reads every table: no error, no warning, and the fields it finds are
# those that were meant.
set -euo pipefail
write_tables=$PWD/$1
cd "$TEST_TMPDIR"
"$write_tables" . 0 1 254 255 4096

fail() { echo "FAIL: $*" >&2; exit 1; }
expect() {  # TABLE TEXT
  grep -qF -- "$2" "$1.dsl" || { cat "$1.dsl" >&2; fail "$1: no '$2'"; }
}

for table in XSDT FACP APIC FACS DSDT; do
  iasl -d "$table.dat" >"$table.log" 2>&1 || { cat "$table.log" >&2; fail "$table: iasl failed"; }
  if grep -iE 'error|warning|incorrect|invalid|unknown' "$table.log" "$table.dsl"; then
    fail "$table: iasl complains"
  fi
done

expect FACP 'PM1A Event Block Address : 00000600'
expect FACP 'PM1A Control Block Address : 00000604'
expect FACP 'PM Timer Block Address : 00000608'
expect FACP 'SCI Interrupt : 0009'
expect FACP 'RTC Century Index : 32'
expect FACP '8042 Present on ports 60/64 (V2) : 1'
expect FACP 'Reset Register Supported (V2) : 1'
expect APIC 'Subtable Type : 09 [Processor Local x2APIC]'
expect APIC 'Subtable Type : 0A [Local x2APIC NMI]'
expect APIC 'Subtable Type : 01 [I/O APIC]'
expect DSDT 'Name (_S5, Package (0x04)'
expect DSDT 'PNP0501'

# What it wrote compiles again to the same code.
cp DSDT.dat before.aml
iasl -p again DSDT.dsl >again.log 2>&1 || { cat again.log >&2; fail "DSDT.dsl does not compile"; }
cmp <(tail -c +37 before.aml) <(tail -c +37 again.aml) || fail "DSDT changed in the round trip"
echo PASS
