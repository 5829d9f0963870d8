#include "testing/rig/frame.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace hvkit::testing::rig {
namespace {

TEST(FrameParserTest, WholeFrameComesOutAsItWentIn) {
  const std::string payload("a\0b\xff", 4);
  FrameParser parser;
  parser.Append(EncodeFrame(FrameType::kStdout, payload));
  const std::optional<Frame> frame = parser.Next();
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->type, FrameType::kStdout);
  EXPECT_EQ(frame->payload, payload);
  EXPECT_FALSE(parser.Next());
}

TEST(FrameParserTest, PartOfAFrameWaitsForTheRest) {
  const std::string bytes = EncodeFrame(FrameType::kStderr, "text");
  FrameParser parser;
  parser.Append(bytes.substr(0, 3));
  EXPECT_FALSE(parser.Next());
  parser.Append(bytes.substr(3, 4));
  EXPECT_FALSE(parser.Next());
  parser.Append(bytes.substr(7));
  const std::optional<Frame> frame = parser.Next();
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->payload, "text");
}

TEST(FrameParserTest, FramesInOneReadComeInOrder) {
  FrameParser parser;
  parser.Append(EncodeFrame(FrameType::kStarted, "") + EncodeFrame(FrameType::kExited, "\x07"));
  const std::optional<Frame> first = parser.Next();
  const std::optional<Frame> second = parser.Next();
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->type, FrameType::kStarted);
  EXPECT_EQ(second->type, FrameType::kExited);
}

TEST(FrameParserTest, TooLongAFrameCorruptsTheStreamForGood) {
  FrameParser parser;
  parser.Append({"\x02\xff\xff\xff\xff", 5});
  EXPECT_FALSE(parser.Next());
  EXPECT_TRUE(parser.corrupt());
  parser.Append(EncodeFrame(FrameType::kStdout, "x"));
  EXPECT_FALSE(parser.Next());
}

}  // namespace
}  // namespace hvkit::testing::rig
