#include "vmm/image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "testing/fakes/fake_guest_memory.h"
#include "testing/status_matchers.h"
#include "vmm/test_images.h"

namespace hvkit::vmm {
namespace {

using ::hvkit::testing::FakeGuestMemory;
using ::hvkit::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr uint64_t kMemory = uint64_t{8} << 20;

// RAM that does not begin as zeros.
void MapDirtyRam(FakeGuestMemory& memory) {
  memory.MapRam(*hyperv::Gpn::FromGuest(0), kMemory / hyperv::kPageSize);
  const std::vector<std::byte> dirt(kMemory, std::byte{0xcc});
  ASSERT_EQ(memory.Write(hyperv::Gpa(0), dirt), hyperv::MemFault::kNone);
}

TEST(ImageTest, UnrecognisedBytesAreRefused) {
  const File file = Pattern(1000);
  EXPECT_THAT(PlanBoot(MakeInputs(file), KernelFormat::kAuto),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("--kernel=kernel.img: 1000 bytes"),
                             HasSubstr("--kernel-format=flat"))));
}

TEST(ImageTest, FlatTakesAnyBytes) {
  const File file = Pattern(1000);
  ASSERT_OK_AND_ASSIGN(const BootPlan plan, PlanBoot(MakeInputs(file), KernelFormat::kFlat));
  EXPECT_EQ(plan.entry.mode, EntryMode::kReal16);
  EXPECT_EQ(plan.entry.cs, 0x1000);
  EXPECT_EQ(plan.entry.rip, 0u);
  ASSERT_EQ(plan.pieces.size(), 1u);
  EXPECT_EQ(plan.pieces[0].gpa, 0x10000u);
}

TEST(ImageTest, FlatIsLimitedToLowMemory) {
  const File most = Pattern(0x8fc00);
  EXPECT_OK(PlanBoot(MakeInputs(most), KernelFormat::kFlat));
  const File more = Pattern(0x8fc01);
  EXPECT_THAT(PlanBoot(MakeInputs(more), KernelFormat::kFlat),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("more than the 588800")));
}

TEST(ImageTest, FlatTakesNoInitrd) {
  const File file = Pattern(10);
  BootInputs inputs = MakeInputs(file);
  inputs.initrd = InputFile{"initrd.img", file};
  EXPECT_THAT(PlanBoot(inputs, KernelFormat::kFlat),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("--initrd=initrd.img")));
}

TEST(ImageTest, FlatTakesNoCmdline) {
  const File file = Pattern(10);
  BootInputs inputs = MakeInputs(file);
  inputs.cmdline = "x";
  EXPECT_THAT(PlanBoot(inputs, KernelFormat::kFlat),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("--cmdline")));
}

TEST(ImageTest, LoadWritesBytesAndZeros) {
  ElfSpec spec;
  spec.loads[0].memory_size = 0x40100;
  const File file = MakeElf(spec);
  FakeGuestMemory memory;
  MapDirtyRam(memory);
  ASSERT_OK(LoadImage(MakeInputs(file, kMemory), KernelFormat::kAuto, memory));
  std::vector<std::byte> loaded(0x40101);
  ASSERT_EQ(memory.Read(hyperv::Gpa(0x400000), loaded), hyperv::MemFault::kNone);
  File expected = Pattern(0x100);
  expected.resize(0x40100);
  expected.push_back(std::byte{0xcc});
  EXPECT_EQ(loaded, expected);
}

TEST(ImageTest, MemoryWithoutThePlannedRamIsInternal) {
  const File file = MakeElf({});
  FakeGuestMemory memory;
  EXPECT_THAT(LoadImage(MakeInputs(file), KernelFormat::kAuto, memory),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("0x400000")));
}

class MutationTest : public ::testing::TestWithParam<File> {};

// Whatever a broken file says, its plan is sound or refused.
TEST_P(MutationTest, BrokenFileIsRefusedOrItsPlanIsSound) {
  std::mt19937 random(1);
  const size_t hot = std::min<size_t>(GetParam().size(), 0x300);
  for (int round = 0; round < 20000; ++round) {
    File file = GetParam();
    for (int change = 0; change < 3; ++change) {
      file[random() % hot] = static_cast<std::byte>(random());
    }
    const BootInputs inputs = MakeInputs(file, kMemory);
    const absl::StatusOr<BootPlan> plan = PlanBoot(inputs, KernelFormat::kAuto);
    ASSERT_TRUE(plan.ok() ? IsSound(*plan, inputs.memory) : absl::IsInvalidArgument(plan.status()));
  }
}

BzImageSpec SmallBzImage() {
  BzImageSpec spec;
  spec.header.pref_address = 0x200000;
  return spec;
}

ElfSpec SmallElf(ElfClass elf_class, bool pvh) {
  ElfSpec spec;
  spec.elf_class = elf_class;
  spec.multiboot_flags = 0;
  if (pvh) spec.pvh_entry = 0x400040;
  return spec;
}

INSTANTIATE_TEST_SUITE_P(Files, MutationTest,
                         ::testing::Values(MakeBzImage(SmallBzImage()),
                                           MakeElf(SmallElf(ElfClass::k32, false)),
                                           MakeElf(SmallElf(ElfClass::k64, true)), MakeElf({})));

}  // namespace
}  // namespace hvkit::vmm
