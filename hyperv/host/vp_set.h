// A set of virtual processors, as hypercalls hand it to the host: words of 64 VPs each, never one
// VP at a time.
//
// TLFS: datatypes/hv_vp_set.md. Only VPs that exist are in a set, so that its users have nothing to
// check. How a guest writes a set is in hyperv/hypercall/vp_set.h.
#ifndef HVKIT_HYPERV_HOST_VP_SET_H_
#define HVKIT_HYPERV_HOST_VP_SET_H_

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "hyperv/host/ids.h"

namespace hvkit::hyperv {

// Which VPs exist, as sets ask for it: 0 .. vp_count - 1, of which `vp_count` is at most 4096.
// Immutable.
class VpLimit {
 public:
  constexpr explicit VpLimit(uint32_t vp_count) {
    if (vp_count == 0) return;
    const uint32_t last = std::min(vp_count, kMaxVps) - 1;
    last_bank_ = uint64_t{1} << last / kBankBits;
    banks_ = last_bank_ | (last_bank_ - 1);
    last_mask_ = ~uint64_t{0} >> (kBankBits - 1 - last % kBankBits);
  }

  // The banks with VPs that exist, and the mask of those in the last one.
  constexpr uint64_t banks() const { return banks_; }
  constexpr uint64_t last_bank() const { return last_bank_; }
  constexpr uint64_t last_mask() const { return last_mask_; }

 private:
  static constexpr uint32_t kBankBits = 64;
  static constexpr uint32_t kMaxVps = kBankBits * 64;

  uint64_t banks_ = 0;
  uint64_t last_bank_ = 0;
  uint64_t last_mask_ = 0;
};

// A view: the words of a sparse set stay with their owner. Bank b holds the VPs 64 b .. 64 b + 63.
// Immutable.
class VpSet {
 public:
  // The TLFS's limits: 64 banks of 64 VPs.
  static constexpr uint32_t kBankBits = 64;
  static constexpr uint32_t kMaxVps = kBankBits * 64;

  // Empty.
  constexpr VpSet() = default;
  // Every VP there is.
  static constexpr VpSet All(const VpLimit& limit) { return VpSet(kAllOnes, &kAllOnes, 0, limit); }
  static constexpr VpSet All(uint32_t vp_count) { return All(VpLimit(vp_count)); }
  // `words[k]` is the bank of the k-th set bit of `banks`; VPs that do not exist are left out.
  static constexpr VpSet Sparse(uint64_t banks, const uint64_t* words, const VpLimit& limit) {
    return VpSet(banks, words, 1, limit);
  }
  static constexpr VpSet Sparse(uint64_t banks, const uint64_t* words, uint32_t vp_count) {
    return Sparse(banks, words, VpLimit(vp_count));
  }

  // Calls visit(bank, mask) for each bank with a VP of the set, upwards; the mask is not 0.
  template <typename Visit>
  constexpr void ForEachBank(Visit&& visit) const {
    if (banks_ == kAllOnes) return ForEachOfAllBanks(visit);
    const uint64_t* word = words_;
    for (uint64_t left = banks_; left != 0;) {
      const auto bank = static_cast<uint32_t>(std::countr_zero(left));
      const uint64_t mask = TakeMask(left, word);
      if (mask != 0) visit(bank, mask);
    }
  }
  // Calls visit(VpIndex) for each VP of the set, upwards.
  template <typename Visit>
  constexpr void ForEach(Visit&& visit) const {
    ForEachBank([&visit](uint32_t bank, uint64_t mask) {
      for (; mask != 0; mask &= mask - 1) {
        visit(VpIndex(bank * kBankBits + static_cast<uint32_t>(std::countr_zero(mask))));
      }
    });
  }

  // How many VPs of the set exist.
  constexpr uint32_t Count() const {
    uint32_t count = 0;
    ForEachBank([&count](uint32_t, uint64_t mask) { count += CountBits(mask); });
    return count;
  }
  // Looks no further than the first VP.
  constexpr bool IsEmpty() const {
    const uint64_t* word = words_;
    for (uint64_t left = banks_; left != 0;) {
      if (TakeMask(left, word) != 0) return false;
    }
    return true;
  }
  // Whether the VP exists and is in the set.
  constexpr bool Contains(VpIndex vp) const {
    bool found = false;
    ForEachBank([&found, vp](uint32_t bank, uint64_t mask) {
      if (bank == vp.value() / kBankBits) found = (mask >> vp.value() % kBankBits & 1) != 0;
    });
    return found;
  }

  // Whether so many bits are set. Most masks start at bit 0 and have no holes.
  static constexpr bool HasBits(uint64_t word, size_t count) {
    if (count - 1 < kBankBits && word == kAllOnes >> (kBankBits - count)) return true;
    return CountBits(word) == count;
  }
  // std::popcount calls a library where the processor's instruction may be missing.
  static constexpr uint32_t CountBits(uint64_t word) {
    word -= word >> 1 & 0x5555'5555'5555'5555;
    word = (word & 0x3333'3333'3333'3333) + (word >> 2 & 0x3333'3333'3333'3333);
    word = (word + (word >> 4)) & 0x0F0F'0F0F'0F0F'0F0F;
    return static_cast<uint32_t>((word * 0x0101'0101'0101'0101) >> 56);
  }

 private:
  static constexpr uint64_t kAllOnes = ~uint64_t{0};

  // Without a look at which banks there are, which is half of the time.
  template <typename Visit>
  constexpr void ForEachOfAllBanks(Visit&& visit) const {
    const uint64_t* word = words_;
    for (uint32_t bank = 0; bank < kBankBits - 1; ++bank, word += step_) {
      if (*word != 0) visit(bank, *word);
    }
    const uint64_t last = *word & highest_mask_;
    if (last != 0) visit(kBankBits - 1, last);
  }

  // The mask of the lowest bank of `left`, which goes on to the next one as `word` does.
  constexpr uint64_t TakeMask(uint64_t& left, const uint64_t*& word) const {
    left &= left - 1;
    const uint64_t mask = *word;
    word += step_;
    return left == 0 ? mask & highest_mask_ : mask;
  }

  constexpr VpSet(uint64_t banks, const uint64_t* words, size_t step, const VpLimit& limit)
      : banks_(banks & limit.banks()),
        words_(words),
        step_(step),
        highest_mask_((banks & limit.last_bank()) != 0 ? limit.last_mask() : kAllOnes) {}

  uint64_t banks_ = 0;
  const uint64_t* words_ = &kAllOnes;
  size_t step_ = 0;                   // From one bank's word to the next: 0 or 1
  uint64_t highest_mask_ = kAllOnes;  // The VPs of the highest bank that exist
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_HOST_VP_SET_H_
