#include "hyperv/enlightenments/enlightenment.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>

#include "hyperv/enlightenments/enlightenment_set.h"

namespace hvkit::hyperv {
namespace {

using enum Enlightenment;

TEST(EnlightenmentMaskTest, StartsEmpty) { EXPECT_TRUE(EnlightenmentMask().empty()); }

TEST(EnlightenmentMaskTest, AddedIsIn) {
  EnlightenmentMask mask;
  mask.Add(kEnforceCpuid);  // The highest
  EXPECT_TRUE(mask.Has(kEnforceCpuid));
  EXPECT_FALSE(mask.Has(kRelaxed));
}

TEST(EnlightenmentMaskTest, RemovedIsOut) {
  EnlightenmentMask mask{kTime, kSynic};
  mask.Remove(kTime);
  EXPECT_EQ(mask, EnlightenmentMask{kSynic});
}

TEST(EnlightenmentMaskTest, OperatorsAreThoseOfSets) {
  const EnlightenmentMask a{kTime, kSynic};
  const EnlightenmentMask b{kSynic, kIpi};
  EXPECT_EQ(a | b, (EnlightenmentMask{kTime, kSynic, kIpi}));
  EXPECT_EQ(a & b, EnlightenmentMask{kSynic});
  EXPECT_EQ(a - b, EnlightenmentMask{kTime});
}

TEST(EnlightenmentTableTest, HasEveryEnlightenmentOnce) {
  EXPECT_EQ(AllEnlightenments().size(), kEnlightenmentCount);
  EXPECT_EQ(kEnlightenmentCount, 40u);
}

TEST(EnlightenmentTableTest, NamesAreUniqueAndPrefixed) {
  std::set<std::string> names;
  for (const EnlightenmentInfo& info : AllEnlightenments()) {
    EXPECT_EQ(info.name.substr(0, 3), "hv_");
    EXPECT_EQ(info.name.find('-'), absl::string_view::npos) << info.name;
    EXPECT_TRUE(names.insert(std::string(info.name)).second) << info.name;
  }
}

TEST(EnlightenmentTableTest, SummariesAreOneSentence) {
  for (const EnlightenmentInfo& info : AllEnlightenments()) {
    EXPECT_GT(info.summary.size(), 20u) << info.name;
    EXPECT_EQ(info.summary.back(), '.') << info.name;
    EXPECT_EQ(info.summary.find(". "), absl::string_view::npos) << info.name;
  }
}

TEST(EnlightenmentTableTest, ValuesHaveALimitAndFlagsHaveNone) {
  for (const EnlightenmentInfo& info : AllEnlightenments()) {
    const bool has_value =
        info.kind == EnlightenmentKind::kNumber || info.kind == EnlightenmentKind::kText;
    EXPECT_EQ(info.max != 0, has_value) << info.name;
  }
}

TEST(EnlightenmentTableTest, OursAreFlagsWithCpuidBits) {
  for (const EnlightenmentInfo& info : AllEnlightenments()) {
    if (info.origin != EnlightenmentOrigin::kHvkit) continue;
    EXPECT_EQ(info.kind, EnlightenmentKind::kFlag) << info.name;
    EXPECT_FALSE(info.cpuid_bits.empty()) << info.name;
  }
}

TEST(EnlightenmentTableTest, NothingNeedsItself) {
  for (const EnlightenmentInfo& info : AllEnlightenments()) {
    EXPECT_FALSE(AllNeeds(info.id).Has(info.id)) << info.name;
  }
}

TEST(EnlightenmentTableTest, MsrRangesDoNotOverlapAcrossEnlightenments) {
  std::set<std::pair<uint32_t, uint32_t>> ranges;
  for (const EnlightenmentInfo& info : AllEnlightenments()) {
    for (const MsrRange& range : info.msrs) {
      ranges.emplace(static_cast<uint32_t>(range.first), static_cast<uint32_t>(range.last));
      EXPECT_LE(range.first, range.last) << info.name;
    }
  }
  uint32_t end = 0;
  for (const auto& [first, last] : ranges) {
    EXPECT_GT(first, end);
    end = last;
  }
}

TEST(EnlightenmentTableTest, StimerDirectNeedsAllThatStimerNeeds) {
  EXPECT_EQ(AllNeeds(kStimerDirect), (EnlightenmentMask{kVpIndex, kTime, kSynic, kStimer}));
}

struct NeedRow {
  Enlightenment id;
  EnlightenmentMask needs;
};

TEST(EnlightenmentTableTest, NeedsAreThoseOfQemu) {
  const NeedRow rows[] = {
      {kSynic, {kVpIndex}},
      {kTlbFlush, {kVpIndex}},
      {kIpi, {kVpIndex}},
      {kStimer, {kVpIndex, kSynic, kTime}},
      {kStimerDirect, {kStimer}},
      {kEvmcs, {kVapic}},
      {kTlbFlushDirect, {kVapic}},
      {kTlbFlushExt, {kTlbFlush}},
      {kSyndbg, {kSynic, kRelaxed}},
      {kReenlightenment, {}},
      {kEmsrBitmap, {}},
      {kTime, {}},
  };
  for (const NeedRow& row : rows) EXPECT_EQ(Info(row.id).needs, row.needs) << Name(row.id);
}

TEST(FindEnlightenmentTest, DashesAndUnderscoresAreEqual) {
  EXPECT_EQ(FindEnlightenment("hv_no_nonarch_coresharing"), kNoNonarchCoresharing);
  EXPECT_EQ(FindEnlightenment("hv-no-nonarch-coresharing"), kNoNonarchCoresharing);
  EXPECT_EQ(FindEnlightenment("hv-stimer_direct"), kStimerDirect);
}

TEST(FindEnlightenmentTest, AliasFinds) { EXPECT_EQ(FindEnlightenment("hv-apicv"), kAvic); }

TEST(FindEnlightenmentTest, UnknownIsNothing) {
  EXPECT_EQ(FindEnlightenment("hv_bogus"), std::nullopt);
  EXPECT_EQ(FindEnlightenment("hv_relaxe"), std::nullopt);
  EXPECT_EQ(FindEnlightenment(""), std::nullopt);
}

TEST(EnlightenmentSetTest, DefaultsAreThoseOfQemu) {
  const EnlightenmentSet set;
  EXPECT_TRUE(set.mask().empty());
  EXPECT_EQ(set.spinlocks(), 0xFFFFFFFFu);
  EXPECT_EQ(std::string(set.vendor_id().data(), set.vendor_id().size()), "Microsoft Hv");
  EXPECT_EQ(set.version().build, 0x3839u);
  EXPECT_EQ(set.version().major_version, 10);
}

TEST(EnlightenmentSetTest, ShortVendorIdIsPaddedWithZeros) {
  EnlightenmentSet set;
  set.set_vendor_id("ABC");
  const std::string padded("ABC\0\0\0\0\0\0\0\0\0", 12);
  EXPECT_EQ(std::string(set.vendor_id().data(), set.vendor_id().size()), padded);
}

TEST(EnlightenmentSetTest, SpinlocksNeverTakesItOut) {
  EnlightenmentSet set;
  set.set_spinlocks(0xFFF);
  EXPECT_TRUE(set.Has(kSpinlocks));
  set.set_spinlocks(0xFFFFFFFF);
  EXPECT_FALSE(set.Has(kSpinlocks));
}

TEST(EnlightenmentSetTest, EachFeatureAloneEnablesHyperv) {
  for (const EnlightenmentInfo& info : AllEnlightenments()) {
    if (info.turns_on_hyperv) {
      EXPECT_TRUE(EnlightenmentSet{info.id}.Enabled()) << info.name;
    }
  }
}

TEST(EnlightenmentSetTest, IdentityAndEnforcementDoNotEnableHyperv) {
  const EnlightenmentSet set{kVendorId,         kVersionIdBuild, kVersionIdMajor,
                             kVersionIdMinor,   kVersionIdSpack, kVersionIdSbranch,
                             kVersionIdSnumber, kEnforceCpuid,   kNoNonarchCoresharing};
  EXPECT_FALSE(set.Enabled());
}

TEST(EnlightenmentSetTest, EmptySetDoesNotEnableHyperv) {
  EXPECT_FALSE(EnlightenmentSet().Enabled());
}

}  // namespace
}  // namespace hvkit::hyperv
