#include "kvm_ioctls/exit.h"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstring>

namespace hvkit::kvm {
namespace {

// A run area as KVM maps it: kvm_run in the first page, port I/O data in the second.
class ExitTest : public ::testing::Test {
 protected:
  static constexpr size_t kPage = 4096;

  kvm_run& run() { return *reinterpret_cast<kvm_run*>(area_.data()); }
  Exit exit() { return Exit(run(), area_.size()); }
  void SetIo(uint8_t direction, uint8_t size, uint32_t count, uint64_t offset) {
    run().exit_reason = KVM_EXIT_IO;
    run().io = {direction, size, 0x3f8, count, offset};
  }

 private:
  alignas(kvm_run) std::array<std::byte, 2 * kPage> area_{};
};

TEST_F(ExitTest, ReasonHasItsName) {
  run().exit_reason = KVM_EXIT_X86_WRMSR;
  EXPECT_EQ(exit().reason(), static_cast<uint32_t>(KVM_EXIT_X86_WRMSR));
  EXPECT_STREQ(exit().reason_name(), "KVM_EXIT_X86_WRMSR");
}

TEST_F(ExitTest, UnknownReasonHasAName) { EXPECT_STREQ(ExitReasonName(12345), "KVM_EXIT_?"); }

TEST_F(ExitTest, NamesAreInTheKernelsOrder) {
  EXPECT_STREQ(ExitReasonName(KVM_EXIT_IO), "KVM_EXIT_IO");
  EXPECT_STREQ(ExitReasonName(KVM_EXIT_SYSTEM_EVENT), "KVM_EXIT_SYSTEM_EVENT");
  EXPECT_STREQ(ExitReasonName(KVM_EXIT_HYPERV), "KVM_EXIT_HYPERV");
  EXPECT_STREQ(ExitReasonName(KVM_EXIT_NOTIFY), "KVM_EXIT_NOTIFY");
  EXPECT_STREQ(ExitReasonName(KVM_EXIT_TDX), "KVM_EXIT_TDX");
}

TEST_F(ExitTest, IoDataCoversAllRepetitions) {
  SetIo(KVM_EXIT_IO_OUT, 2, 3, kPage);
  const IoExit io = exit().io();
  EXPECT_TRUE(io.is_write());
  EXPECT_EQ(io.port(), 0x3f8);
  EXPECT_EQ(io.data().size(), 6u);
  EXPECT_EQ(io.data().data(), reinterpret_cast<std::byte*>(&run()) + kPage);
}

TEST_F(ExitTest, IoReadIsCompletedInTheRunArea) {
  SetIo(KVM_EXIT_IO_IN, 1, 1, kPage);
  exit().io().data()[0] = std::byte{0x5a};
  EXPECT_FALSE(exit().io().is_write());
  EXPECT_EQ(reinterpret_cast<std::byte*>(&run())[kPage], std::byte{0x5a});
}

TEST_F(ExitTest, IoDataUpToTheEndIsAllowed) {
  SetIo(KVM_EXIT_IO_IN, 4, 1024, kPage);
  EXPECT_EQ(exit().io().data().size(), kPage);
}

TEST_F(ExitTest, IoDataBeyondTheEndIsEmpty) {
  SetIo(KVM_EXIT_IO_IN, 4, 1025, kPage);
  EXPECT_TRUE(exit().io().data().empty());
}

TEST_F(ExitTest, IoDataWithWildOffsetIsEmpty) {
  SetIo(KVM_EXIT_IO_IN, 255, 0xffffffff, ~uint64_t{0});
  EXPECT_TRUE(exit().io().data().empty());
}

TEST_F(ExitTest, MmioWriteShowsAddressAndBytes) {
  run().mmio = {0xfed00000, {1, 2, 3, 4}, 4, 1};
  const MmioExit mmio = exit().mmio();
  EXPECT_TRUE(mmio.is_write());
  EXPECT_EQ(mmio.address(), 0xfed00000u);
  ASSERT_EQ(mmio.data().size(), 4u);
  EXPECT_EQ(mmio.data()[3], std::byte{4});
}

TEST_F(ExitTest, MmioLengthIsBounded) {
  run().mmio = {0, {}, 4000, 0};
  EXPECT_EQ(exit().mmio().data().size(), 8u);
}

TEST_F(ExitTest, MsrReadIsCompletedWithData) {
  run().exit_reason = KVM_EXIT_X86_RDMSR;
  run().msr.index = 0x40000000;
  run().msr.reason = KVM_MSR_EXIT_REASON_FILTER;
  run().msr.error = 1;
  MsrExit msr = exit().msr();
  msr.SetData(0x1234);
  EXPECT_FALSE(msr.is_write());
  EXPECT_EQ(msr.index(), 0x40000000u);
  EXPECT_EQ(msr.reason(), static_cast<uint32_t>(KVM_MSR_EXIT_REASON_FILTER));
  EXPECT_EQ(run().msr.data, 0x1234u);
  EXPECT_EQ(run().msr.error, 0);
}

TEST_F(ExitTest, MsrWriteIsCompletedOrRefused) {
  run().exit_reason = KVM_EXIT_X86_WRMSR;
  run().msr.data = 77;
  MsrExit msr = exit().msr();
  EXPECT_TRUE(msr.is_write());
  EXPECT_EQ(msr.data(), 77u);
  msr.SetError();
  EXPECT_EQ(run().msr.error, 1);
  msr.SetWritten();
  EXPECT_EQ(run().msr.error, 0);
}

TEST_F(ExitTest, HypervHypercallTakesAResult) {
  run().hyperv.type = KVM_EXIT_HYPERV_HCALL;
  run().hyperv.u.hcall.input = 0x5c;
  run().hyperv.u.hcall.params[1] = 9;
  HypervExit hyperv = exit().hyperv();
  hyperv.SetHcallResult(2);
  EXPECT_EQ(hyperv.type(), static_cast<uint32_t>(KVM_EXIT_HYPERV_HCALL));
  EXPECT_EQ(hyperv.hcall().input, 0x5cu);
  EXPECT_EQ(hyperv.hcall().params[1], 9u);
  EXPECT_EQ(run().hyperv.u.hcall.result, 2u);
}

TEST_F(ExitTest, HypervSynicShowsTheThreeRegisters) {
  run().hyperv.type = KVM_EXIT_HYPERV_SYNIC;
  run().hyperv.u.synic = {0x40000080, 0, 1, 0x2001, 0x3001};
  const HypervExit::Synic& synic = exit().hyperv().synic();
  EXPECT_EQ(synic.msr, 0x40000080u);
  EXPECT_EQ(synic.control, 1u);
  EXPECT_EQ(synic.evt_page, 0x2001u);
  EXPECT_EQ(synic.msg_page, 0x3001u);
}

TEST_F(ExitTest, HypervSyndbgTakesAStatus) {
  run().hyperv.type = KVM_EXIT_HYPERV_SYNDBG;
  run().hyperv.u.syndbg.send_page = 0x5000;
  HypervExit hyperv = exit().hyperv();
  hyperv.SetSyndbgStatus(3);
  EXPECT_EQ(hyperv.syndbg().send_page, 0x5000u);
  EXPECT_EQ(run().hyperv.u.syndbg.status, 3u);
}

TEST_F(ExitTest, SystemEventDataIsBounded) {
  run().system_event.type = KVM_SYSTEM_EVENT_CRASH;
  run().system_event.ndata = 400;
  EXPECT_EQ(exit().system_event().type(), static_cast<uint32_t>(KVM_SYSTEM_EVENT_CRASH));
  EXPECT_EQ(exit().system_event().data().size(), 16u);
}

TEST_F(ExitTest, InternalErrorDataIsBounded) {
  run().internal.suberror = KVM_INTERNAL_ERROR_DELIVERY_EV;
  run().internal.ndata = 17;
  EXPECT_EQ(exit().internal_suberror(), static_cast<uint32_t>(KVM_INTERNAL_ERROR_DELIVERY_EV));
  EXPECT_EQ(exit().internal_data().size(), 16u);
}

TEST_F(ExitTest, EmulationFailureShowsTheInstruction) {
  auto& failure = run().emulation_failure;
  failure.suberror = KVM_INTERNAL_ERROR_EMULATION;
  failure.ndata = 3;
  failure.flags = KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES;
  failure.insn_size = 2;
  failure.insn_bytes[1] = 0x0b;
  ASSERT_EQ(exit().emulation_failure_bytes().size(), 2u);
  EXPECT_EQ(exit().emulation_failure_bytes()[1], std::byte{0x0b});
}

TEST_F(ExitTest, EmulationFailureWithoutBytesIsEmpty) {
  run().emulation_failure.suberror = KVM_INTERNAL_ERROR_EMULATION;
  run().emulation_failure.ndata = 1;
  EXPECT_TRUE(exit().emulation_failure_bytes().empty());
}

TEST_F(ExitTest, MemoryFaultIsReadFromTheUnion) {
  const MemoryFaultPayload fault{KVM_MEMORY_EXIT_FLAG_PRIVATE, 0x7000, 0x1000};
  std::memcpy(run().padding, &fault, sizeof(fault));
  EXPECT_EQ(exit().memory_fault().gpa, 0x7000u);
  EXPECT_EQ(exit().memory_fault().size, 0x1000u);
}

TEST_F(ExitTest, RemainingPayloadsAreTheKernelsOwn) {
  const Exit view = exit();
  EXPECT_EQ(&view.debug(), &run().debug.arch);
  EXPECT_EQ(&view.hypercall(), &run().hypercall);
  EXPECT_EQ(&view.xen(), &run().xen);
  EXPECT_EQ(&view.fail_entry(), &run().fail_entry);
  EXPECT_EQ(&view.exception(), &run().ex);
  EXPECT_EQ(&view.tpr_access(), &run().tpr_access);
}

TEST_F(ExitTest, ScalarPayloads) {
  run().hw.hardware_exit_reason = 0x80000021;
  EXPECT_EQ(exit().hardware_exit_reason(), 0x80000021u);
  run().eoi.vector = 0x31;
  EXPECT_EQ(exit().eoi_vector(), 0x31);
  run().notify.flags = KVM_NOTIFY_CONTEXT_INVALID;
  EXPECT_EQ(exit().notify_flags(), static_cast<uint32_t>(KVM_NOTIFY_CONTEXT_INVALID));
}

}  // namespace
}  // namespace hvkit::kvm
