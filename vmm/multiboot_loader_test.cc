#include "vmm/multiboot_loader.h"

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

ElfSpec Elf32Multiboot(uint32_t flags) {
  ElfSpec spec;
  spec.elf_class = ElfClass::k32;
  spec.multiboot_flags = flags;
  return spec;
}

absl::StatusOr<BootPlan> Plan(const BootInputs& inputs) {
  return PlanBoot(inputs, KernelFormat::kAuto);
}

TEST(MultibootTest, Elf32IsEnteredInProtectedModeWithTheMagic) {
  const File file = MakeElf(Elf32Multiboot(0));
  const BootInputs inputs = MakeInputs(file);
  ASSERT_OK_AND_ASSIGN(const BootPlan plan, Plan(inputs));
  EXPECT_EQ(plan.format, "multiboot ELF");
  EXPECT_EQ(plan.entry.mode, EntryMode::kProtected32);
  EXPECT_EQ(plan.entry.rip, 0x400010u);
  EXPECT_EQ(plan.entry.rax, 0x2badb002u);
  EXPECT_TRUE(IsSound(plan, inputs.memory));
}

TEST(MultibootTest, InfoDescribesMemory) {
  const File file = MakeElf(Elf32Multiboot(0));
  ASSERT_OK_AND_ASSIGN(const BootPlan plan, Plan(MakeInputs(file, 64 << 20)));
  const auto info = Planned<MultibootInfo>(plan, plan.entry.rbx);
  EXPECT_EQ(info.flags, 0x24du);
  EXPECT_EQ(info.mem_lower, 639u);
  EXPECT_EQ(info.mem_upper, 63u * 1024);
  ASSERT_EQ(info.mmap_length, 4u * 24);
  const auto high = Planned<MultibootMemoryMapEntry>(plan, info.mmap_addr + 3 * 24);
  EXPECT_EQ(high.size, 20u);
  EXPECT_EQ(high.address, 0x100000u);
  EXPECT_EQ(high.length, uint64_t{63} << 20);
  EXPECT_EQ(high.type, 1u);
  EXPECT_EQ(PlannedString(plan, info.boot_loader_name), "hvkit");
}

TEST(MultibootTest, CmdlineStartsWithThePath) {
  const File file = MakeElf(Elf32Multiboot(0));
  BootInputs inputs = MakeInputs(file);
  inputs.cmdline = "one two";
  ASSERT_OK_AND_ASSIGN(const BootPlan plan, Plan(inputs));
  const auto info = Planned<MultibootInfo>(plan, plan.entry.rbx);
  EXPECT_EQ(PlannedString(plan, info.cmdline), "kernel.img one two");
}

TEST(MultibootTest, EmptyCmdlineIsThePathAlone) {
  const File file = MakeElf(Elf32Multiboot(0));
  ASSERT_OK_AND_ASSIGN(const BootPlan plan, Plan(MakeInputs(file)));
  const auto info = Planned<MultibootInfo>(plan, plan.entry.rbx);
  EXPECT_EQ(PlannedString(plan, info.cmdline), "kernel.img");
}

TEST(MultibootTest, InitrdIsModuleOneOnThePageBehindTheImage) {
  const File file = MakeElf(Elf32Multiboot(3));
  const File initrd = Pattern(5001);
  BootInputs inputs = MakeInputs(file);
  inputs.initrd = InputFile{"env.txt", initrd};
  ASSERT_OK_AND_ASSIGN(const BootPlan plan, Plan(inputs));
  const auto info = Planned<MultibootInfo>(plan, plan.entry.rbx);
  ASSERT_EQ(info.mods_count, 1u);
  const auto module = Planned<MultibootModule>(plan, info.mods_addr);
  EXPECT_EQ(module.start, 0x401000u);
  EXPECT_EQ(module.end, 0x401000u + 5001);
  EXPECT_EQ(PlannedString(plan, module.string), "env.txt");
  EXPECT_TRUE(std::ranges::equal(PlannedBytes(plan, module.start), initrd));
  EXPECT_TRUE(IsSound(plan, inputs.memory));
}

TEST(MultibootTest, BootStructuresAreBelowOneMiBAndAbove64KiB) {
  const File file = MakeElf(Elf32Multiboot(0));
  ASSERT_OK_AND_ASSIGN(const BootPlan plan, Plan(MakeInputs(file)));
  const bool low = std::all_of(plan.pieces.begin() + 1, plan.pieces.end(), [](const auto& piece) {
    return piece.gpa >= 0x10000 && piece.gpa + piece.bytes.size() <= 0x9f000;
  });
  EXPECT_TRUE(low);
}

TEST(MultibootTest, Elf64WithoutPvhNoteIsEnteredIn32Bits) {
  ElfSpec spec;
  spec.multiboot_flags = 0;
  const File file = MakeElf(spec);
  ASSERT_OK_AND_ASSIGN(const BootPlan plan, Plan(MakeInputs(file)));
  EXPECT_EQ(plan.format, "multiboot ELF");
}

TEST(MultibootTest, Elf32HeaderComesBeforeItsPvhNote) {
  ElfSpec spec = Elf32Multiboot(0);
  spec.pvh_entry = 0x400000;
  const File file = MakeElf(spec);
  ASSERT_OK_AND_ASSIGN(const BootPlan plan, Plan(MakeInputs(file)));
  EXPECT_EQ(plan.format, "multiboot ELF");
}

TEST(MultibootTest, UnknownRequiredFlagIsRefused) {
  const File file = MakeElf(Elf32Multiboot(1u << 2));
  EXPECT_THAT(Plan(MakeInputs(file)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("requires flags 0x4")));
}

TEST(MultibootTest, WrongChecksumIsNoHeader) {
  File file = MakeMultibootHeader(0, {});
  file[8] ^= std::byte{1};
  EXPECT_FALSE(FindMultibootHeader(file).has_value());
}

TEST(MultibootTest, HeaderBeyondEightKiBIsNoHeader) {
  File file(8192 - 8);
  const File header = MakeMultibootHeader(0, {});
  file.insert(file.end(), header.begin(), header.end());
  EXPECT_FALSE(FindMultibootHeader(file).has_value());
}

TEST(MultibootTest, UnalignedHeaderIsNoHeader) {
  File file(2);
  const File header = MakeMultibootHeader(0, {});
  file.insert(file.end(), header.begin(), header.end());
  EXPECT_FALSE(FindMultibootHeader(file).has_value());
}

// A file that is no ELF, its header at offset 16 of it, with addresses of its own.
struct Addresses {
  uint32_t header = 0x200010;
  uint32_t load = 0x200000;
  uint32_t load_end = 0;
  uint32_t bss_end = 0;
  uint32_t entry = 0x200030;
};

File MakeRaw(const Addresses& a) {
  File file(16);
  const File header =
      MakeMultibootHeader(kMultibootAddresses, {a.header, a.load, a.load_end, a.bss_end, a.entry});
  file.insert(file.end(), header.begin(), header.end());
  file.resize(0x100);
  return file;
}

TEST(MultibootTest, RawImageIsLoadedWhereItsHeaderSays) {
  const File file = MakeRaw({.load_end = 0x200080, .bss_end = 0x201000});
  ASSERT_OK_AND_ASSIGN(const BootPlan plan, Plan(MakeInputs(file)));
  EXPECT_EQ(plan.format, "multiboot");
  EXPECT_EQ(plan.entry.rip, 0x200030u);
  EXPECT_EQ(plan.pieces[0].gpa, 0x200000u);
  EXPECT_EQ(plan.pieces[0].bytes.size(), 0x80u);
  EXPECT_EQ(plan.pieces[0].zeros, 0xf80u);
}

TEST(MultibootTest, RawImageWithoutEndsIsTheWholeFile) {
  const File file = MakeRaw({});
  ASSERT_OK_AND_ASSIGN(const BootPlan plan, Plan(MakeInputs(file)));
  EXPECT_EQ(plan.pieces[0].bytes.size(), 0x100u);
  EXPECT_EQ(plan.pieces[0].zeros, 0u);
}

TEST(MultibootTest, RawImageWithoutAddressesIsRefused) {
  const File file = MakeMultibootHeader(0, {});
  EXPECT_THAT(Plan(MakeInputs(file)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("without load addresses")));
}

TEST(MultibootTest, RawImageThatEndsInItsHeaderIsRefused) {
  const File file = MakeMultibootHeader(kMultibootAddresses, {1, 2});
  EXPECT_THAT(Plan(MakeInputs(file)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("truncated")));
}

struct BadAddresses {
  const char* name;
  Addresses addresses;
  const char* message;
};

class BadAddressesTest : public ::testing::TestWithParam<BadAddresses> {};

TEST_P(BadAddressesTest, IsRefused) {
  const File file = MakeRaw(GetParam().addresses);
  EXPECT_THAT(Plan(MakeInputs(file)),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("--kernel="), HasSubstr(GetParam().message))));
}

INSTANTIATE_TEST_SUITE_P(
    Headers, BadAddressesTest,
    ::testing::Values(BadAddresses{"HeaderBelowLoad", {.header = 0x1fffff}, "load address"},
                      BadAddresses{"LoadBeforeFile", {.header = 0x200011}, "load address"},
                      BadAddresses{"EndBelowLoad", {.load_end = 0x1fffff}, "load end"},
                      BadAddresses{"EndBehindFile", {.load_end = 0x200101}, "truncated"},
                      BadAddresses{"BssBelowEnd", {.bss_end = 0x200080}, "bss end"},
                      BadAddresses{"EntryOutside", {.entry = 0x200100}, "entry point"},
                      BadAddresses{"BssOutsideRam", {.bss_end = 0xf0000000}, "outside RAM"}),
    [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace hvkit::vmm
