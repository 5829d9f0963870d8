// That the plugin loads as a harness loads it, and runs every scenario.
#include <dlfcn.h>

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "testing/benchmarks/plugin/ovb.h"

namespace hvkit::benchmarks {
namespace {

using ::testing::IsSupersetOf;
using ::testing::SizeIs;

std::string g_plugin;  // The test's argument

class PluginTest : public ::testing::Test {
 protected:
  void SetUp() override {
    plugin_ = ::dlopen(g_plugin.c_str(), RTLD_NOW | RTLD_LOCAL);
    ASSERT_NE(plugin_, nullptr) << ::dlerror();
    count = Find<decltype(count)>("ovb_count");
    name = Find<decltype(name)>("ovb_name");
    run = Find<decltype(run)>("ovb_run");
    ASSERT_TRUE(count != nullptr && name != nullptr && run != nullptr);
  }
  void TearDown() override {
    if (plugin_ != nullptr) ::dlclose(plugin_);
  }

  std::multiset<std::string> Names() const {
    std::multiset<std::string> names;
    for (size_t i = 0; i < count(); ++i) names.emplace(name(i));
    return names;
  }

  decltype(&ovb_count) count = nullptr;
  decltype(&ovb_name) name = nullptr;
  decltype(&ovb_run) run = nullptr;

 private:
  template <typename T>
  T Find(const char* symbol) {
    return reinterpret_cast<T>(::dlsym(plugin_, symbol));
  }

  void* plugin_ = nullptr;
};

TEST_F(PluginTest, NamesAreUnique) {
  const std::multiset<std::string> names = Names();
  EXPECT_THAT(std::set<std::string>(names.begin(), names.end()), SizeIs(names.size()));
}

TEST_F(PluginTest, EachProgramsScenariosAreThere) {
  EXPECT_THAT(Names(),
              IsSupersetOf({"rdtsc", "cpuid build leaves 0x40000000..6", "hc_invalid_code",
                            "msr_read_vp_index", "ref_tsc scale compute (u128 div)",
                            "stimer_arm: write count + scan -> deadline",
                            "synic_signal_event_newly_set(+guest clear)", "ports_signal_event"}));
}

TEST_F(PluginTest, EveryScenarioRunsAndRunsAgain) {
  for (size_t i = 0; i < count(); ++i) {
    SCOPED_TRACE(name(i));
    run(i, 0);
    run(i, 3);
    run(i, 3);
  }
}

TEST_F(PluginTest, ScenarioThatIsNotThereHasNoNameAndDoesNothing) {
  EXPECT_EQ(name(count()), nullptr);
  run(count(), 1);
}

}  // namespace
}  // namespace hvkit::benchmarks

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  if (argc != 2) return 2;
  hvkit::benchmarks::g_plugin = argv[1];
  return RUN_ALL_TESTS();
}
