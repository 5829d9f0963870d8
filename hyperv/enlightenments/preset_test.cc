#include "hyperv/enlightenments/preset.h"

#include <gtest/gtest.h>

#include <string>

#include "hyperv/enlightenments/enlightenment.h"
#include "hyperv/tlfs/cpuid.h"

namespace hvkit::hyperv {
namespace {

using enum Enlightenment;

TEST(PresetTest, EveryMemberHasWhatItNeeds) {
  for (const Preset& preset : AllPresets()) {
    for (const EnlightenmentInfo& info : AllEnlightenments()) {
      if (!preset.members.Has(info.id)) continue;
      EXPECT_TRUE((AllNeeds(info.id) - preset.members).empty()) << preset.name << " " << info.name;
    }
  }
}

TEST(PresetTest, EveryMemberHasAReasonAndNoOther) {
  for (const Preset& preset : AllPresets()) {
    for (const EnlightenmentInfo& info : AllEnlightenments()) {
      EXPECT_EQ(PresetReason(preset, info.id).empty(), !preset.members.Has(info.id))
          << preset.name << " " << info.name;
    }
  }
}

TEST(PresetTest, SpinlocksHaveAValueWhereTheyAreAMember) {
  for (const Preset& preset : AllPresets()) {
    EXPECT_EQ(preset.members.Has(kSpinlocks), preset.spinlocks != tlfs::kSpinlocksNever)
        << preset.name;
  }
}

TEST(PresetTest, HyperVHasAllOfWindows) {
  const Preset* const windows = FindPreset("windows");
  const Preset* const hyperv = FindPreset("hyper-v");
  ASSERT_NE(windows, nullptr);
  ASSERT_NE(hyperv, nullptr);
  EXPECT_TRUE((windows->members - hyperv->members).empty());
  EXPECT_TRUE(hyperv->members.Has(kEvmcs));
}

TEST(PresetTest, AllHasOursButNoDebugger) {
  const Preset* const all = FindPreset("all");
  ASSERT_NE(all, nullptr);
  EXPECT_TRUE(all->members.Has(kGuestIdle));
  EXPECT_FALSE(all->members.Has(kSyndbg));
  EXPECT_FALSE(all->members.Has(kPassthrough));
}

TEST(PresetTest, AnUnknownNameIsNone) { EXPECT_EQ(FindPreset("dos"), nullptr); }

}  // namespace
}  // namespace hvkit::hyperv
