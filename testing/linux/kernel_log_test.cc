#include "testing/linux/kernel_log.h"

#include "gtest/gtest.h"

namespace hvkit::testing {
namespace {

constexpr char kHyperVLog[] =
    "<5>[    0.000000] Linux version 6.1.0-56-cloud-amd64 (debian-kernel@lists.debian.org)\n"
    "<6>[    0.000000] Hypervisor detected: Microsoft Hyper-V\n"
    "<6>[    0.000000] Hyper-V: privilege flags low 0xae7f, high 0x3b8030, hints 0x2c2c, misc "
    "0x20bed7b2\n"
    "<6>[    0.012000] Hyper-V: Using IPI hypercalls\n"
    "<6>[    0.013000] Hyper-V: Using hypercall for remote TLB flush\n";

TEST(KernelLogTest, HyperVGuestIsReported) {
  const KernelFindings findings = FindInKernelLog(kHyperVLog);
  EXPECT_EQ(findings.hypervisor, "Microsoft Hyper-V");
  EXPECT_EQ(findings.privileges,
            "privilege flags low 0xae7f, high 0x3b8030, hints 0x2c2c, misc 0x20bed7b2");
  EXPECT_EQ(findings.ipi, "hypercall");
  EXPECT_EQ(findings.tlbflush, "hypercall");
}

TEST(KernelLogTest, KvmGuestHasNeitherPrivilegesNorHypercalls) {
  const KernelFindings findings = FindInKernelLog("<6>[    0.0] Hypervisor detected: KVM\n");
  EXPECT_EQ(findings.hypervisor, "KVM");
  EXPECT_EQ(findings.privileges, "none");
  EXPECT_EQ(findings.ipi, "apic");
  EXPECT_EQ(findings.tlbflush, "native");
}

TEST(KernelLogTest, LogWithoutHypervisorGivesNone) {
  EXPECT_EQ(
      FindInKernelLog("<6>[    0.0] Booting paravirtualized kernel on bare hardware\n").hypervisor,
      "none");
  EXPECT_EQ(FindInKernelLog("").hypervisor, "none");
}

TEST(KernelLogTest, LastLineNeedsNoNewline) {
  EXPECT_EQ(FindInKernelLog("Hypervisor detected: Microsoft Hyper-V").hypervisor,
            "Microsoft Hyper-V");
}

TEST(KernelLogTest, OneHypercallDoesNotImplyTheOther) {
  const KernelFindings findings =
      FindInKernelLog("Hyper-V: Using hypercall for remote TLB flush\n");
  EXPECT_EQ(findings.ipi, "apic");
  EXPECT_EQ(findings.tlbflush, "hypercall");
}

TEST(KernelLogTest, WorkingKernelHasNoTrouble) { EXPECT_EQ(FindTrouble(kHyperVLog), ""); }

TEST(KernelLogTest, FirstLineOfTroubleIsFound) {
  EXPECT_EQ(FindTrouble("<6>[    1.0] fine\n"
                        "<0>[   30.0] watchdog: BUG: soft lockup - CPU#1 stuck for 22s!\n"
                        "<3>[   40.0] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:\n"),
            "<0>[   30.0] watchdog: BUG: soft lockup - CPU#1 stuck for 22s!");
}

TEST(KernelLogTest, TroubleInTheLastLineIsFound) {
  EXPECT_EQ(FindTrouble("<3>[    1.0] rcu: INFO: rcu_preempt self-detected stall on CPU"),
            "<3>[    1.0] rcu: INFO: rcu_preempt self-detected stall on CPU");
}

}  // namespace
}  // namespace hvkit::testing
