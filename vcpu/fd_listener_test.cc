#include "vcpu/fd_listener.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <memory>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"
#include "kvm_ioctls/unique_fd.h"
#include "testing/status_matchers.h"

namespace hvkit::vcpu {
namespace {

class FdListenerTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_OK_AND_ASSIGN(listener_, FdListener::Create()); }

  static kvm::UniqueFd Event(unsigned count = 0) {
    return kvm::UniqueFd(::eventfd(count, EFD_CLOEXEC | EFD_NONBLOCK));
  }
  // Returns once the thread has been through all that was readable before.
  void Flush() {
    const kvm::UniqueFd last = Event(1);
    absl::Notification done;
    ASSERT_OK_AND_ASSIGN(const FdListener::Token token,
                         listener_->Add(last.get(), [&done](FdListener::Token) { done.Notify(); }));
    listener_->Arm(token);
    done.WaitForNotification();
    listener_->Remove(token);
  }

  std::unique_ptr<FdListener> listener_;
};

TEST_F(FdListenerTest, ReadableDescriptorThatIsArmedCallsItsHandler) {
  const kvm::UniqueFd event = Event();
  absl::Notification called;
  ASSERT_OK_AND_ASSIGN(
      const FdListener::Token token,
      listener_->Add(event.get(), [&called](FdListener::Token) { called.Notify(); }));
  listener_->Arm(token);
  ASSERT_EQ(::eventfd_write(event.get(), 1), 0);
  called.WaitForNotification();
}

TEST_F(FdListenerTest, DescriptorThatIsNotArmedCallsNobody) {
  const kvm::UniqueFd event = Event(1);
  bool called = false;
  ASSERT_OK(listener_->Add(event.get(), [&called](FdListener::Token) { called = true; }));
  Flush();
  EXPECT_FALSE(called);
}

TEST_F(FdListenerTest, ArmedOnceCallsOnceThoughItStaysReadable) {
  const kvm::UniqueFd event = Event(1);
  int calls = 0;
  ASSERT_OK_AND_ASSIGN(const FdListener::Token token,
                       listener_->Add(event.get(), [&calls](FdListener::Token) { ++calls; }));
  listener_->Arm(token);
  Flush();
  Flush();
  EXPECT_EQ(calls, 1);
}

TEST_F(FdListenerTest, HandlerMayArmAgain) {
  const kvm::UniqueFd event = Event(1);
  absl::BlockingCounter calls(3);
  int left = 3;
  ASSERT_OK_AND_ASSIGN(const FdListener::Token token,
                       listener_->Add(event.get(), [&](FdListener::Token self) {
                         if (--left > 0) listener_->Arm(self);
                         calls.DecrementCount();
                       }));
  listener_->Arm(token);
  calls.Wait();
}

TEST_F(FdListenerTest, RemovedDescriptorCallsNobody) {
  const kvm::UniqueFd event = Event(1);
  bool called = false;
  ASSERT_OK_AND_ASSIGN(
      const FdListener::Token token,
      listener_->Add(event.get(), [&called](FdListener::Token) { called = true; }));
  listener_->Remove(token);
  listener_->Arm(token);
  Flush();
  EXPECT_FALSE(called);
}

TEST_F(FdListenerTest, ClosedDescriptorIsRefused) {
  EXPECT_FALSE(listener_->Add(-1, [](FdListener::Token) {}).ok());
}

TEST_F(FdListenerTest, DestructionWaitsForTheHandler) {
  const kvm::UniqueFd event = Event(1);
  absl::Notification begun;
  bool ended = false;
  ASSERT_OK_AND_ASSIGN(const FdListener::Token token,
                       listener_->Add(event.get(), [&](FdListener::Token) {
                         begun.Notify();
                         ended = true;
                       }));
  listener_->Arm(token);
  begun.WaitForNotification();
  listener_.reset();
  EXPECT_TRUE(ended);
}

}  // namespace
}  // namespace hvkit::vcpu
