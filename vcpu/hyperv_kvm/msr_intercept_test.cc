#include "vcpu/hyperv_kvm/msr_intercept.h"

#include <gtest/gtest.h>

#include "kvm_ioctls/kvm_compat.h"

namespace hvkit::vcpu {
namespace {

using hyperv::MsrOutcome;
using hyperv::MsrRead;

constexpr uint32_t kIndex = kFirstSyntheticMsr + 0x83;

struct FakeHandler final : MsrHandler {
  MsrRead ReadMsr(uint32_t index) override {
    asked = index;
    return read;
  }
  MsrOutcome WriteMsr(uint32_t index, uint64_t value) override {
    asked = index;
    written = value;
    return write;
  }

  uint32_t asked = 0;
  uint64_t written = 0;
  MsrRead read;
  MsrOutcome write = MsrOutcome::kHandled;
};

class AnswerMsrExitTest : public ::testing::Test {
 protected:
  void Exit(uint32_t reason, uint64_t data = 0) {
    run_.exit_reason = reason;
    run_.msr.index = kIndex;
    run_.msr.data = data;
    run_.msr.error = 0xFF;
    AnswerMsrExit(kvm::MsrExit(run_), handler_);
    EXPECT_EQ(handler_.asked, kIndex);
  }

  kvm_run run_{};
  FakeHandler handler_;
};

TEST_F(AnswerMsrExitTest, ReadGetsItsValue) {
  handler_.read = MsrRead::Handled(0x1122334455667788);
  Exit(KVM_EXIT_X86_RDMSR);
  EXPECT_EQ(run_.msr.error, 0);
  EXPECT_EQ(run_.msr.data, 0x1122334455667788u);
}

TEST_F(AnswerMsrExitTest, ReadThatFaultsIsAnError) {
  handler_.read = MsrRead::Fault();
  Exit(KVM_EXIT_X86_RDMSR);
  EXPECT_EQ(run_.msr.error, 1);
}

TEST_F(AnswerMsrExitTest, ReadOfAnUnknownMsrIsAnError) {
  handler_.read = MsrRead::NotOurs();
  Exit(KVM_EXIT_X86_RDMSR);
  EXPECT_EQ(run_.msr.error, 1);
}

TEST_F(AnswerMsrExitTest, WriteReachesTheHandler) {
  Exit(KVM_EXIT_X86_WRMSR, 0x8877665544332211);
  EXPECT_EQ(run_.msr.error, 0);
  EXPECT_EQ(handler_.written, 0x8877665544332211u);
}

TEST_F(AnswerMsrExitTest, WriteThatFaultsIsAnError) {
  handler_.write = MsrOutcome::kGeneralProtection;
  Exit(KVM_EXIT_X86_WRMSR);
  EXPECT_EQ(run_.msr.error, 1);
}

TEST_F(AnswerMsrExitTest, WriteOfAnUnknownMsrIsAnError) {
  handler_.write = MsrOutcome::kNotOurs;
  Exit(KVM_EXIT_X86_WRMSR);
  EXPECT_EQ(run_.msr.error, 1);
}

}  // namespace
}  // namespace hvkit::vcpu
