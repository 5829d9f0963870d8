#include "testing/fakes/fake_interrupt_sink.h"

#include <vector>

#include "gtest/gtest.h"
#include "hyperv/host/ids.h"
#include "hyperv/host/interrupt_sink.h"
#include "testing/contracts/interrupt_sink_contract.h"

namespace hvkit::testing {
namespace {

using hyperv::EoiMode;
using hyperv::Vector;
using hyperv::VpIndex;

// Two virtual processors that take whatever the sink was asked for.
class Harness {
 public:
  hyperv::InterruptSink& sink() { return sink_; }
  VpIndex vp() { return VpIndex(0); }
  VpIndex other_vp() { return VpIndex(1); }
  VpIndex missing_vp() { return VpIndex(7); }
  std::vector<Vector> Taken(VpIndex vp) {
    for (const InterruptRequest& request : sink_.Take()) requests_.push_back(request);
    std::vector<Vector> taken;
    std::vector<InterruptRequest> left;
    for (const InterruptRequest& request : requests_) {
      if (request.vp == vp) {
        taken.push_back(request.vector);
      } else {
        left.push_back(request);
      }
    }
    requests_ = left;
    return taken;
  }

 private:
  FakeInterruptSink sink_;
  std::vector<InterruptRequest> requests_;
};

INSTANTIATE_TYPED_TEST_SUITE_P(Fake, InterruptSinkContract, Harness);

TEST(FakeInterruptSinkTest, TakesRequestsInOrderAndOnce) {
  FakeInterruptSink sink;
  sink.RequestFixed(VpIndex(3), Vector(0x60), EoiMode::kAuto);
  sink.RequestFixed(VpIndex(1), Vector(0x50), EoiMode::kNormal);
  EXPECT_EQ(sink.pending(), 2u);
  const std::vector<InterruptRequest> expected = {{VpIndex(3), Vector(0x60), EoiMode::kAuto},
                                                  {VpIndex(1), Vector(0x50)}};
  EXPECT_EQ(sink.Take(), expected);
  EXPECT_TRUE(sink.Take().empty());
}

TEST(FakeInterruptSinkTest, SaysWhatItWasToldAboutAutoEoi) {
  EXPECT_TRUE(FakeInterruptSink().SupportsAutoEoi());
  const FakeInterruptSink without(FakeInterruptSink::AutoEoi::kUnsupported);
  EXPECT_FALSE(without.SupportsAutoEoi());
}

}  // namespace
}  // namespace hvkit::testing
