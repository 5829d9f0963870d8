// Which hypercalls a partition has, and who handles each.
//
// TLFS: hypercall-interface.md. What a partition offers is the host's choice: a call that is not
// added does not exist. See definition.h for how a call is written down.
#ifndef HVKIT_HYPERV_HYPERCALL_CALL_TABLE_H_
#define HVKIT_HYPERV_HYPERCALL_CALL_TABLE_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "hyperv/host/ids.h"
#include "hyperv/hypercall/definition.h"
#include "hyperv/hypercall/raw_call.h"
#include "hyperv/msr/privileges.h"
#include "hyperv/tlfs/hypercall.h"

namespace hvkit::hyperv {

// Of fixed size. Filled before the first call is dispatched, immutable from then on.
class CallTable {
 public:
  // How many codes it has room for.
  static constexpr size_t kMaxCalls = 64;
  // Codes are spread over at most this many blocks of 256.
  static constexpr size_t kMaxBlocks = 8;

  // The privileges of the guest: its calls that they do not allow are denied.
  explicit CallTable(const Privileges& privileges) : privileges_(privileges) {}

  // Handles the call by kHandler(handler, const Arguments<Definition>&), on the caller's VP thread.
  // `handler` outlives the table. False if the code is taken or the table full.
  template <typename Definition, auto kHandler, typename Handler>
  [[nodiscard]] bool Add(Handler& handler) {
    return AddRaw(static_cast<uint16_t>(Definition::kCode),
                  {.shape = kShapeOf<Definition>,
                   .handle = &HandleRaw<Definition, kHandler, Handler>,
                   .handler = &handler,
                   .is_allowed = Definition::IsAllowed(privileges_)});
  }

  // Null if there is no such call.
  const RawCallEntry* Find(uint16_t code) const {
    const uint8_t entry = blocks_[block_of_[code >> 8]][code & 0xFF];
    return entry == 0 ? nullptr : &entries_[entry - 1];
  }

  const Privileges& privileges() const { return privileges_; }

 private:
  bool AddRaw(uint16_t code, const RawCallEntry& entry) {
    uint8_t& block = block_of_[code >> 8];
    if (calls_ == kMaxCalls || Find(code) != nullptr) return false;
    if (block == 0) {
      if (used_blocks_ == kMaxBlocks) return false;
      block = ++used_blocks_;
    }
    entries_[calls_] = entry;
    blocks_[block][code & 0xFF] = ++calls_;
    return true;
  }

  const Privileges privileges_;
  uint8_t calls_ = 0;
  uint8_t used_blocks_ = 0;
  std::array<uint8_t, 256> block_of_{};                            // 0: the empty block
  std::array<std::array<uint8_t, 256>, kMaxBlocks + 1> blocks_{};  // Entry + 1, or 0
  std::array<RawCallEntry, kMaxCalls> entries_{};
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_HYPERCALL_CALL_TABLE_H_
