#include "vmm/inputs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <string>

#include "devices/acpi/acpi_tables.h"
#include "testing/status_matchers.h"

namespace hvkit::vmm {
namespace {

using ::hvkit::testing::StatusIs;
using ::testing::Contains;
using ::testing::Field;
using ::testing::HasSubstr;

constexpr auto kRefused = absl::StatusCode::kInvalidArgument;

std::string WriteFile(const std::string& name, const std::string& content) {
  const std::string path = ::testing::TempDir() + "/" + name;
  std::ofstream(path) << content;
  return path;
}

Config FlatConfig(const std::string& path) {
  Config config;
  config.kernel = path;
  config.kernel_format = KernelFormat::kFlat;
  return config;
}

TEST(InputsTest, MissingKernelIsRefused) {
  EXPECT_THAT(ReadInputs(Config{}), StatusIs(kRefused, HasSubstr("--kernel: missing")));
}

TEST(InputsTest, KernelThatIsNotThereIsRefused) {
  EXPECT_THAT(ReadInputs(FlatConfig("/nonexistent")),
              StatusIs(kRefused, HasSubstr("--kernel=/nonexistent")));
}

TEST(InputsTest, InitrdThatIsNotThereIsRefused) {
  Config config = FlatConfig(WriteFile("flat", "\xf4"));
  config.initrd = "/nonexistent";
  EXPECT_THAT(ReadInputs(config), StatusIs(kRefused, HasSubstr("--initrd=/nonexistent")));
}

TEST(InputsTest, PlanHoldsTheAcpiTables) {
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<const Inputs> inputs,
                       ReadInputs(FlatConfig(WriteFile("flat", "\xf4"))));
  EXPECT_THAT(inputs->plan.pieces, Contains(Field(&BootPiece::gpa, devices::kAcpiTablesBase)));
}

}  // namespace
}  // namespace hvkit::vmm
