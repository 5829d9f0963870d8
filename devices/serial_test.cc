#include "devices/serial.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace hvkit::devices {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::span<const std::byte> Bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

uint8_t In(Serial& serial, uint64_t offset) {
  std::array<std::byte, 1> data{};
  serial.Read(offset, data);
  return std::to_integer<uint8_t>(data[0]);
}

void Out(Serial& serial, uint64_t offset, uint8_t value) {
  serial.Write(offset, std::array{std::byte{value}});
}

class SerialTest : public ::testing::Test {
 protected:
  std::string output_;
  std::vector<bool> line_;
  int wanted_ = 0;
  Serial serial_{SerialHost{
      .output =
          [this](std::span<const std::byte> bytes) {
            for (const std::byte b : bytes) output_.push_back(static_cast<char>(b));
          },
      .interrupt = [this](bool level) { line_.push_back(level); },
      .input_wanted = [this] { ++wanted_; },
  }};
};

TEST_F(SerialTest, BytesWrittenReachSinkInOrder) {
  Out(serial_, kUartData, 'o');
  Out(serial_, kUartData, 'k');

  EXPECT_EQ(output_, "ok");
}

TEST_F(SerialTest, WideWriteSplitsIntoPorts) {
  serial_.Write(kUartData, std::array{std::byte{'x'}, std::byte{0x02}});

  EXPECT_EQ(output_, "x");
  EXPECT_EQ(In(serial_, kUartInterruptEnable), 0x02);
}

TEST_F(SerialTest, InputRaisesLineAndReadingItLowersLine) {
  Out(serial_, kUartInterruptEnable, 0x01);

  EXPECT_EQ(serial_.Enqueue(Bytes("a")), 1u);
  EXPECT_THAT(line_, ElementsAre(true));
  EXPECT_EQ(In(serial_, kUartData), 'a');

  EXPECT_THAT(line_, ElementsAre(true, false));
}

TEST_F(SerialTest, TransmitterInterruptPulsesForEachAcknowledgedByte) {
  Out(serial_, kUartInterruptEnable, 0x02);
  In(serial_, kUartInterruptId);
  Out(serial_, kUartData, 'x');
  In(serial_, kUartInterruptId);

  EXPECT_THAT(line_, ElementsAre(true, false, true, false));
}

TEST_F(SerialTest, UnchangedLineIsNotTold) {
  In(serial_, kUartLineStatus);
  Out(serial_, kUartScratch, 1);

  EXPECT_THAT(line_, IsEmpty());
}

TEST_F(SerialTest, RefusedInputIsWantedOnceReceiverIsEmpty) {
  EXPECT_EQ(serial_.Enqueue(Bytes("ab")), 1u);
  EXPECT_EQ(wanted_, 0);

  In(serial_, kUartData);
  EXPECT_EQ(wanted_, 1);
  In(serial_, kUartData);

  EXPECT_EQ(wanted_, 1);
}

TEST_F(SerialTest, InputRefusedInLoopbackIsWantedAfterIt) {
  Out(serial_, kUartModemControl, 0x10);
  EXPECT_EQ(serial_.Enqueue(Bytes("a")), 0u);
  EXPECT_EQ(wanted_, 0);

  Out(serial_, kUartModemControl, 0x00);

  EXPECT_EQ(wanted_, 1);
}

TEST_F(SerialTest, InputTakenWholeIsNotAskedFor) {
  EXPECT_EQ(serial_.Enqueue(Bytes("a")), 1u);
  In(serial_, kUartData);

  EXPECT_EQ(wanted_, 0);
}

TEST(SerialHostTest, HostMayCallPortFromItsCallbacks) {
  Serial* port = nullptr;
  size_t enqueued = 0;
  Serial serial(SerialHost{
      .output = [](std::span<const std::byte>) {},
      .interrupt = [&](bool) { In(*port, kUartScratch); },
      .input_wanted = [&] { enqueued += port->Enqueue(Bytes("b")); },
  });
  port = &serial;
  Out(serial, kUartInterruptEnable, 0x01);
  ASSERT_EQ(serial.Enqueue(Bytes("ab")), 1u);

  EXPECT_EQ(In(serial, kUartData), 'a');

  EXPECT_EQ(enqueued, 1u);
  EXPECT_EQ(In(serial, kUartData), 'b');
}

// An interrupt-driven guest and a host that types, on two threads. The guest works only when the
// line rises, as with an edge-triggered interrupt controller: a lost edge would hang it.
class SerialStressTest : public ::testing::Test {
 protected:
  static constexpr int kBytes = 20000;

  // Before the host types, since switching the FIFOs on drops what was received.
  void SetUp() override {
    Out(serial_, kUartInterruptId, 0x81);
    Out(serial_, kUartInterruptEnable, 0x03);
  }

  void Interrupt(bool level) {
    {
      absl::MutexLock lock(&mutex_);
      edge_ |= level && !level_;
      level_ = level;
    }
    // The guest may run before the call returns, as after a real injection.
    std::this_thread::yield();
  }
  void WaitForEdge() {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(&edge_));
    edge_ = false;
  }
  void InputWanted() {
    absl::MutexLock lock(&mutex_);
    input_wanted_ = true;
  }
  void WaitUntilInputIsWanted() {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(&input_wanted_));
    input_wanted_ = false;
  }

  // Serves interrupts until all input is read and as much sent; echoes each byte.
  void RunGuest() {
    while (received_.size() < kBytes) {
      WaitForEdge();
      for (uint8_t id = Id(); (id & 1) == 0; id = Id()) DrainReceiver();
    }
  }
  uint8_t Id() { return In(serial_, kUartInterruptId); }
  void DrainReceiver() {
    while ((In(serial_, kUartLineStatus) & 1) != 0) {
      received_.push_back(In(serial_, kUartData));
      Out(serial_, kUartData, received_.back());
    }
  }

  void RunHost() {
    std::vector<std::byte> input(kBytes);
    for (size_t i = 0; i < input.size(); ++i) input[i] = static_cast<std::byte>(i % 251);
    for (std::span<const std::byte> rest(input); !rest.empty();) {
      const std::span<const std::byte> chunk =
          rest.first(std::min<size_t>(rest.size(), 1 + rest.size() % 20));
      const size_t taken = serial_.Enqueue(chunk);
      rest = rest.subspan(taken);
      if (taken < chunk.size()) WaitUntilInputIsWanted();
    }
  }

  absl::Mutex mutex_;
  bool level_ ABSL_GUARDED_BY(mutex_) = false;
  bool edge_ ABSL_GUARDED_BY(mutex_) = false;
  bool input_wanted_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<uint8_t> received_;
  std::vector<uint8_t> sent_;
  Serial serial_{SerialHost{
      .output =
          [this](std::span<const std::byte> bytes) {
            for (const std::byte b : bytes) sent_.push_back(std::to_integer<uint8_t>(b));
          },
      .interrupt = [this](bool level) { Interrupt(level); },
      .input_wanted = [this] { InputWanted(); },
  }};
};

TEST_F(SerialStressTest, NoByteAndNoEdgeIsLostBetweenTwoThreads) {
  std::thread guest([this] { RunGuest(); });
  RunHost();
  guest.join();

  ASSERT_EQ(received_.size(), size_t{kBytes});
  for (size_t i = 0; i < received_.size(); ++i) ASSERT_EQ(received_[i], i % 251) << i;
  EXPECT_EQ(sent_, received_);
}

}  // namespace
}  // namespace hvkit::devices
