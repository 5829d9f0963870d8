// What a test of the rule kvm_cc_test may count on.

#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "gtest/gtest.h"

namespace {

TEST(KvmCcTestTest, KvmIsRealAndHasHyperV) {
  const int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
  ASSERT_GE(kvm, 0);
  EXPECT_EQ(ioctl(kvm, KVM_GET_API_VERSION, 0), KVM_API_VERSION);
  EXPECT_EQ(ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_HYPERV_SYNIC2), 1);
  close(kvm);
}

TEST(KvmCcTestTest, DataIsAtItsRunfilesPath) {
  std::ifstream in("testing/rig/rig_test.sh");
  std::string line;
  EXPECT_TRUE(std::getline(in, line));
  EXPECT_EQ(line, "#!/usr/bin/env bash");
}

TEST(KvmCcTestTest, TemporaryDirectoryCanBeWritten) {
  const char* directory = std::getenv("TEST_TMPDIR");
  ASSERT_NE(directory, nullptr);
  std::ofstream out(std::string(directory) + "/file");
  EXPECT_TRUE(out << "x" << std::flush);
}

}  // namespace
