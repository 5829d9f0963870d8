#include "vmm/elf_loader.h"

#include <asm/bootparam.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "testing/status_matchers.h"
#include "vmm/config.h"
#include "vmm/image.h"
#include "vmm/pvh_loader.h"
#include "vmm/test_images.h"

namespace hvkit::vmm {
namespace {

using ::hvkit::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

absl::StatusOr<BootPlan> Plan(const BootInputs& inputs) {
  return PlanBoot(inputs, KernelFormat::kAuto);
}

TEST(ElfTest, Plain64BitFileEntersLongModeWithAZeroPage) {
  const File file = MakeElf({});
  BootInputs inputs = MakeInputs(file);
  inputs.cmdline = "quiet";
  ASSERT_OK_AND_ASSIGN(const BootPlan plan, Plan(inputs));
  EXPECT_EQ(plan.format, "ELF64");
  EXPECT_EQ(plan.entry.mode, EntryMode::kLong64);
  EXPECT_EQ(plan.entry.rip, 0x400010u);
  const auto params = Planned<boot_params>(plan, plan.entry.rsi);
  EXPECT_EQ(params.hdr.boot_flag, 0xaa55);
  EXPECT_EQ(PlannedString(plan, params.hdr.cmd_line_ptr), "quiet");
  EXPECT_TRUE(IsSound(plan, inputs.memory));
}

TEST(ElfTest, SegmentIsLoadedAndItsRestZeroed) {
  const File file = MakeElf({});
  ASSERT_OK_AND_ASSIGN(const BootPlan plan, Plan(MakeInputs(file)));
  EXPECT_EQ(plan.pieces[0].gpa, 0x400000u);
  EXPECT_TRUE(std::ranges::equal(plan.pieces[0].bytes, Pattern(0x100)));
  EXPECT_EQ(plan.pieces[0].zeros, 0x100u);
}

TEST(ElfTest, VirtualEntryIsTranslated) {
  ElfSpec spec;
  spec.loads[0].virt = 0xffffffff80400000;
  spec.entry = 0xffffffff80400020;
  const File file = MakeElf(spec);
  ASSERT_OK_AND_ASSIGN(const BootPlan plan, Plan(MakeInputs(file)));
  EXPECT_EQ(plan.entry.rip, 0x400020u);
}

TEST(ElfTest, BootStructuresAvoidAnImageInLowMemory) {
  ElfSpec spec;
  spec.entry = 0x1000;
  spec.loads = {{0x1000, 0x1000, 0x100, 0x9e000}};
  const File file = MakeElf(spec);
  const BootInputs inputs = MakeInputs(file);
  ASSERT_OK_AND_ASSIGN(const BootPlan plan, Plan(inputs));
  EXPECT_TRUE(IsSound(plan, inputs.memory));
  EXPECT_GE(plan.entry.rsi, 0x100000u);
}

TEST(ElfTest, PvhNoteIsPreferred) {
  ElfSpec spec;
  spec.pvh_entry = 0x400040;
  spec.multiboot_flags = 0;
  const File file = MakeElf(spec);
  ASSERT_OK_AND_ASSIGN(const BootPlan plan, Plan(MakeInputs(file)));
  EXPECT_EQ(plan.format, "PVH ELF");
  EXPECT_EQ(plan.entry.mode, EntryMode::kProtected32);
  EXPECT_EQ(plan.entry.rip, 0x400040u);
}

TEST(ElfTest, PvhStartInfoDescribesTheMachine) {
  ElfSpec spec;
  spec.pvh_entry = 0x400040;
  const File file = MakeElf(spec);
  const File initrd = Pattern(100);
  BootInputs inputs = MakeInputs(file);
  inputs.cmdline = "a b";
  inputs.initrd = InputFile{"initrd.img", initrd};
  ASSERT_OK_AND_ASSIGN(const BootPlan plan, Plan(inputs));
  const auto info = Planned<HvmStartInfo>(plan, plan.entry.rbx);
  EXPECT_EQ(info.magic, kHvmStartMagic);
  EXPECT_EQ(info.version, 1u);
  EXPECT_EQ(info.rsdp, 0xe0000u);
  EXPECT_EQ(PlannedString(plan, info.cmdline), "a b");
  ASSERT_EQ(info.module_count, 1u);
  const auto module = Planned<HvmModule>(plan, info.modules);
  EXPECT_EQ(module.size, 100u);
  EXPECT_TRUE(std::ranges::equal(PlannedBytes(plan, module.address), initrd));
  ASSERT_EQ(info.memory_map_entries, 4u);
  const auto low = Planned<HvmMemoryMapEntry>(plan, info.memory_map);
  EXPECT_EQ(low.size, 0x9fc00u);
  EXPECT_EQ(low.type, 1u);
  EXPECT_TRUE(IsSound(plan, inputs.memory));
}

TEST(ElfTest, Pvh32BitFileIsTaken) {
  ElfSpec spec;
  spec.elf_class = ElfClass::k32;
  spec.pvh_entry = 0x400000;
  const File file = MakeElf(spec);
  ASSERT_OK_AND_ASSIGN(const BootPlan plan, Plan(MakeInputs(file)));
  EXPECT_EQ(plan.format, "PVH ELF");
}

TEST(ElfTest, EveryTruncationIsRefused) {
  ElfSpec spec;
  spec.pvh_entry = 0x400040;
  const File file = MakeElf(spec);
  for (size_t size = 0; size < file.size(); ++size) {
    const File part(file.begin(), file.begin() + static_cast<ptrdiff_t>(size));
    ASSERT_THAT(Plan(MakeInputs(part)),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("--kernel=kernel.img: ")))
        << size;
  }
}

struct BadElf {
  const char* name;
  ElfSpec spec;
  const char* message;
};

class BadElfTest : public ::testing::TestWithParam<BadElf> {};

TEST_P(BadElfTest, IsRefused) {
  const File file = MakeElf(GetParam().spec);
  EXPECT_THAT(Plan(MakeInputs(file)),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("--kernel=kernel.img: "), HasSubstr(GetParam().message))));
}

ElfSpec WithLoads(std::vector<ElfLoadSpec> loads) {
  ElfSpec spec;
  spec.loads = std::move(loads);
  return spec;
}

ElfSpec With(void (*change)(ElfSpec& spec)) {
  ElfSpec spec;
  change(spec);
  return spec;
}

INSTANTIATE_TEST_SUITE_P(
    Files, BadElfTest,
    ::testing::Values(
        BadElf{"OtherMachine", With([](ElfSpec& s) { s.machine = 183; }), "machine 183"},
        BadElf{"ObjectFile", With([](ElfSpec& s) { s.type = 1; }), "not an executable"},
        BadElf{"Program", With([](ElfSpec& s) { s.interpreter = true; }), "dynamically linked"},
        BadElf{"NoSegments", WithLoads({}), "nothing to load"},
        BadElf{"FileLargerThanMemory", WithLoads({{0x400000, 0x400000, 0x200, 0x100}}),
               "512 bytes in the file and only 256"},
        BadElf{"AboveRam", WithLoads({{0x40000000, 0x400000, 0x100, 0x200}}), "outside RAM"},
        BadElf{"InTheAcpiArea", WithLoads({{0xf0000, 0x400000, 0x100, 0x200}}), "outside RAM"},
        BadElf{"Wraps", WithLoads({{UINT64_MAX - 0x80, 0x400000, 0x10, 0x100}}), "outside RAM"},
        BadElf{"HugeBss", WithLoads({{0x400000, 0x400000, 0x100, UINT64_MAX}}), "outside RAM"},
        BadElf{"Overlap",
               WithLoads({{0x400000, 0x400000, 0x100, 0x200}, {0x4001ff, 0x4001ff, 1, 1}}),
               "overlaps"},
        BadElf{"EntryOutside", With([](ElfSpec& s) { s.entry = 0x500000; }), "entry point 0x5000"},
        BadElf{"PvhEntryOutside", With([](ElfSpec& s) { s.pvh_entry = 0x3fffff; }),
               "entry point 0x3fffff"},
        BadElf{"Plain32Bit", With([](ElfSpec& s) { s.elf_class = ElfClass::k32; }),
               "neither a multiboot header"}),
    [](const auto& row) { return row.param.name; });

TEST(ElfTest, EntryAboveFourGiBIsRefused) {
  ElfSpec spec;
  spec.loads = {{uint64_t{4} << 30, 0, 0x100, 0x200}};
  spec.entry = uint64_t{4} << 30;
  const File file = MakeElf(spec);
  EXPECT_THAT(Plan(MakeInputs(file, uint64_t{4} << 30)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("above 4 GiB")));
}

TEST(ElfTest, CmdlineThatIsTooLongIsRefused) {
  const File file = MakeElf({});
  BootInputs inputs = MakeInputs(file);
  inputs.cmdline = std::string(4096, 'x');
  EXPECT_THAT(Plan(inputs),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("--cmdline: 4096 bytes")));
}

}  // namespace
}  // namespace hvkit::vmm
