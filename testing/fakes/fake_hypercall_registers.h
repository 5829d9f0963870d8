// XmmRegisters for tests: values that the test sets, and a count of accesses.
#ifndef HVKIT_TESTING_FAKES_FAKE_HYPERCALL_REGISTERS_H_
#define HVKIT_TESTING_FAKES_FAKE_HYPERCALL_REGISTERS_H_

#include "hyperv/host/hypercall_registers.h"

namespace hvkit::testing {

// VP thread.
class FakeXmmRegisters : public hyperv::XmmRegisters {
 public:
  void Read(hyperv::XmmValues& to) override {
    to = values;
    ++reads;
  }
  void Write(const hyperv::XmmValues& from) override {
    values = from;
    ++writes;
  }

  hyperv::XmmValues values{};
  int reads = 0;
  int writes = 0;
};

}  // namespace hvkit::testing

#endif  // HVKIT_TESTING_FAKES_FAKE_HYPERCALL_REGISTERS_H_
