// The contract of hyperv::InterruptSink as a typed test suite, for any implementation of it.
//
// An embedder writes a default-constructible harness over two virtual processors that run or halt
// with interrupts on, with
//     hyperv::InterruptSink& sink();
//     hyperv::VpIndex vp();
//     hyperv::VpIndex other_vp();
//     hyperv::VpIndex missing_vp();  // an index that no virtual processor has
//     std::vector<hyperv::Vector> Taken(hyperv::VpIndex);  // the interrupts that the VP took since
//                                                          // the last call, each with its EOI,
//                                                          once
//                                                          // all that were requested have arrived
// and instantiates the suite:
//     INSTANTIATE_TYPED_TEST_SUITE_P(Mine, InterruptSinkContract, MyHarness);
// Every test starts with a new harness.
#ifndef HVKIT_TESTING_CONTRACTS_INTERRUPT_SINK_CONTRACT_H_
#define HVKIT_TESTING_CONTRACTS_INTERRUPT_SINK_CONTRACT_H_

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "hyperv/host/ids.h"
#include "hyperv/host/interrupt_sink.h"

namespace hvkit::testing {

template <typename Harness>
class InterruptSinkContract : public ::testing::Test {
 protected:
  using Vectors = std::vector<hyperv::Vector>;

  void Request(hyperv::VpIndex vp, uint8_t vector, hyperv::EoiMode eoi = hyperv::EoiMode::kNormal) {
    harness_.sink().RequestFixed(vp, hyperv::Vector(vector), eoi);
  }
  static Vectors Of(std::initializer_list<int> vectors) {
    Vectors all;
    for (const int vector : vectors) all.push_back(hyperv::Vector(static_cast<uint8_t>(vector)));
    return all;
  }
  Vectors TakenInOrder(hyperv::VpIndex vp) {
    Vectors taken = harness_.Taken(vp);
    std::sort(taken.begin(), taken.end());
    return taken;
  }

  Harness harness_;
};

TYPED_TEST_SUITE_P(InterruptSinkContract);

TYPED_TEST_P(InterruptSinkContract, RequestedVectorIsTakenOnce) {
  this->Request(this->harness_.vp(), 0x50);
  EXPECT_EQ(this->TakenInOrder(this->harness_.vp()), this->Of({0x50}));
  EXPECT_EQ(this->TakenInOrder(this->harness_.vp()), this->Of({}));
}

TYPED_TEST_P(InterruptSinkContract, LowestAndHighestVectorAreTaken) {
  this->Request(this->harness_.vp(), 0x10);
  this->Request(this->harness_.vp(), 0xFF);
  EXPECT_EQ(this->TakenInOrder(this->harness_.vp()), this->Of({0x10, 0xFF}));
}

TYPED_TEST_P(InterruptSinkContract, OnlyTheNamedVpIsInterrupted) {
  this->Request(this->harness_.other_vp(), 0x51);
  EXPECT_EQ(this->TakenInOrder(this->harness_.vp()), this->Of({}));
  EXPECT_EQ(this->TakenInOrder(this->harness_.other_vp()), this->Of({0x51}));
}

TYPED_TEST_P(InterruptSinkContract, MissingVpInterruptsNobody) {
  this->Request(this->harness_.missing_vp(), 0x52);
  EXPECT_EQ(this->TakenInOrder(this->harness_.vp()), this->Of({}));
  EXPECT_EQ(this->TakenInOrder(this->harness_.other_vp()), this->Of({}));
}

TYPED_TEST_P(InterruptSinkContract, VectorCanBeRequestedAgainOnceTaken) {
  this->Request(this->harness_.vp(), 0x53);
  EXPECT_EQ(this->TakenInOrder(this->harness_.vp()), this->Of({0x53}));
  this->Request(this->harness_.vp(), 0x53);
  EXPECT_EQ(this->TakenInOrder(this->harness_.vp()), this->Of({0x53}));
}

TYPED_TEST_P(InterruptSinkContract, AutoEoiInterruptIsTakenToo) {
  this->Request(this->harness_.vp(), 0x54, hyperv::EoiMode::kAuto);
  EXPECT_EQ(this->TakenInOrder(this->harness_.vp()), this->Of({0x54}));
}

TYPED_TEST_P(InterruptSinkContract, AnswerAboutAutoEoiDoesNotChange) {
  const bool before = this->harness_.sink().SupportsAutoEoi();
  this->Request(this->harness_.vp(), 0x55, hyperv::EoiMode::kAuto);
  EXPECT_EQ(this->harness_.sink().SupportsAutoEoi(), before);
  EXPECT_EQ(this->TakenInOrder(this->harness_.vp()), this->Of({0x55}));
}

TYPED_TEST_P(InterruptSinkContract, RequestsFromTwoThreadsAllArrive) {
  std::thread other([this] { this->Request(this->harness_.vp(), 0x56); });
  this->Request(this->harness_.vp(), 0x66);
  other.join();
  EXPECT_EQ(this->TakenInOrder(this->harness_.vp()), this->Of({0x56, 0x66}));
}

REGISTER_TYPED_TEST_SUITE_P(InterruptSinkContract, RequestedVectorIsTakenOnce,
                            LowestAndHighestVectorAreTaken, OnlyTheNamedVpIsInterrupted,
                            MissingVpInterruptsNobody, VectorCanBeRequestedAgainOnceTaken,
                            AutoEoiInterruptIsTakenToo, AnswerAboutAutoEoiDoesNotChange,
                            RequestsFromTwoThreadsAllArrive);

}  // namespace hvkit::testing

#endif  // HVKIT_TESTING_CONTRACTS_INTERRUPT_SINK_CONTRACT_H_
