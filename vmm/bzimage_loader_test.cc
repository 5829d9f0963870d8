#include "vmm/bzimage_loader.h"

#include <asm/bootparam.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "testing/status_matchers.h"
#include "vmm/config.h"
#include "vmm/image.h"
#include "vmm/test_images.h"

namespace hvkit::vmm {
namespace {

using ::hvkit::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

absl::StatusOr<BootPlan> Plan(const BootInputs& inputs) {
  return PlanBoot(inputs, KernelFormat::kAuto);
}

TEST(BzImageTest, EntersLongModeBehindThePreferredAddress) {
  const File file = MakeBzImage({});
  const BootInputs inputs = MakeInputs(file);
  ASSERT_OK_AND_ASSIGN(const BootPlan plan, Plan(inputs));
  EXPECT_EQ(plan.format, "bzImage");
  EXPECT_EQ(plan.entry.mode, EntryMode::kLong64);
  EXPECT_EQ(plan.entry.rip, 0x1000200u);
  EXPECT_TRUE(IsSound(plan, inputs.memory));
  EXPECT_TRUE(std::ranges::equal(PlannedBytes(plan, 0x1000000), Pattern(4096)));
}

TEST(BzImageTest, ZeroPageDescribesTheMachine) {
  const File file = MakeBzImage({});
  BootInputs inputs = MakeInputs(file);
  inputs.cmdline = "console=ttyS0";
  ASSERT_OK_AND_ASSIGN(const BootPlan plan, Plan(inputs));
  const auto params = Planned<boot_params>(plan, plan.entry.rsi);
  EXPECT_EQ(params.hdr.type_of_loader, 0xff);
  EXPECT_EQ(params.hdr.header, 0x53726448u);
  EXPECT_EQ(params.hdr.init_size, 0x10000u);
  EXPECT_EQ(params.sentinel, 0);
  EXPECT_EQ(params.acpi_rsdp_addr, 0xe0000u);
  EXPECT_EQ(params.e820_entries, 4);
  EXPECT_EQ(params.e820_table[1].type, 2u);
  EXPECT_EQ(params.e820_table[3].addr, 0x100000u);
  EXPECT_EQ(params.e820_table[3].size, 0x1ff00000u);
  EXPECT_EQ(PlannedString(plan, params.hdr.cmd_line_ptr), "console=ttyS0");
  EXPECT_EQ(params.hdr.ramdisk_size, 0u);
}

TEST(BzImageTest, InitrdLiesUnderTheKernelsLimit) {
  BzImageSpec spec;
  spec.header.initrd_addr_max = 0x7ffffff;
  const File file = MakeBzImage(spec);
  const File initrd = Pattern(5000);
  BootInputs inputs = MakeInputs(file);
  inputs.initrd = InputFile{"initrd.img", initrd};
  ASSERT_OK_AND_ASSIGN(const BootPlan plan, Plan(inputs));
  const auto params = Planned<boot_params>(plan, plan.entry.rsi);
  EXPECT_EQ(params.hdr.ramdisk_image, 0x7ffe000u);
  EXPECT_EQ(params.hdr.ramdisk_size, 5000u);
  EXPECT_TRUE(std::ranges::equal(PlannedBytes(plan, 0x7ffe000), initrd));
}

TEST(BzImageTest, InitrdThatDoesNotFitIsRefused) {
  const File file = MakeBzImage({});
  const File initrd(size_t{31} << 20);
  BootInputs inputs = MakeInputs(file, 32 << 20);
  inputs.initrd = InputFile{"initrd.img", initrd};
  EXPECT_THAT(Plan(inputs),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("--initrd=initrd.img: 32505856 bytes do not fit"),
                             HasSubstr("--memory"))));
}

TEST(BzImageTest, LongestCmdlineIsTakenAndOneMoreIsRefused) {
  const File file = MakeBzImage({});
  BootInputs inputs = MakeInputs(file);
  inputs.cmdline = std::string(2047, 'x');
  EXPECT_OK(Plan(inputs));
  inputs.cmdline += 'x';
  EXPECT_THAT(Plan(inputs), StatusIs(absl::StatusCode::kInvalidArgument,
                                     AllOf(HasSubstr("--cmdline: 2048 bytes"), HasSubstr("2047"))));
}

TEST(BzImageTest, EveryTruncationIsRefused) {
  const File file = MakeBzImage({});
  for (size_t size = 0; size < file.size(); ++size) {
    const File part(file.begin(), file.begin() + static_cast<ptrdiff_t>(size));
    ASSERT_THAT(Plan(MakeInputs(part)),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("--kernel=kernel.img: ")))
        << size;
  }
}

TEST(BzImageTest, TruncationSaysBothSizes) {
  File file = MakeBzImage({});
  file.resize(4000);
  EXPECT_THAT(Plan(MakeInputs(file)),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("truncated"), HasSubstr("4000"), HasSubstr("5120"))));
}

struct BadHeader {
  const char* name;
  void (*spoil)(setup_header& header);
  const char* message;
};

class BadBzImageTest : public ::testing::TestWithParam<BadHeader> {};

TEST_P(BadBzImageTest, IsRefused) {
  BzImageSpec spec;
  GetParam().spoil(spec.header);
  const File file = MakeBzImage(spec);
  EXPECT_THAT(Plan(MakeInputs(file)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(GetParam().message)));
}

INSTANTIATE_TEST_SUITE_P(
    Headers, BadBzImageTest,
    ::testing::Values(
        BadHeader{"Old", [](setup_header& h) { h.version = 0x20b; }, "protocol 2.11 is too old"},
        BadHeader{"ShortHeader", [](setup_header& h) { h.jump = 0x10eb; }, "too old"},
        BadHeader{"No64", [](setup_header& h) { h.xloadflags = 0; }, "64-bit entry"},
        BadHeader{"NotHigh", [](setup_header& h) { h.loadflags = 0; }, "64-bit entry"},
        BadHeader{"NoKernel", [](setup_header& h) { h.syssize = 0; }, "before its entry point"},
        BadHeader{"HugeKernel", [](setup_header& h) { h.syssize = 0xffffffff; }, "truncated"},
        BadHeader{"InitSize", [](setup_header& h) { h.init_size = 0xffffffff; }, "--memory"},
        BadHeader{"InTheHole", [](setup_header& h) { h.pref_address = 0x98000; }, "outside RAM"},
        BadHeader{"WrapsAround", [](setup_header& h) { h.pref_address = UINT64_MAX; },
                  "outside RAM"}),
    [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace hvkit::vmm
