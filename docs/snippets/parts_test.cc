// Snippets of the pages on parts of the model: docs/packages/tlfs.md, overlay.md and host.md.
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "hyperv/host/guest_memory.h"
#include "hyperv/host/ids.h"
#include "hyperv/overlay/overlay_kind.h"
#include "hyperv/overlay/overlay_page.h"
#include "hyperv/tlfs/msr.h"
#include "testing/fakes/fake_guest_memory.h"

namespace hvkit::hyperv {
namespace {

TEST(TlfsPage, Fields) {
  // snippet: field
  // SINT2 as a guest writes it: vector 0x30, masked.
  tlfs::Sint sint;
  tlfs::Sint::Vector::Set(sint, 0x30);
  const bool masked = tlfs::Sint::Masked::Get(sint) != 0;  // By the register's reset value
  const auto msr = static_cast<uint32_t>(tlfs::MsrIndex::kSint0) + 2;
  // end
  EXPECT_EQ(sint.raw, 0x10030u);
  EXPECT_TRUE(masked);
  EXPECT_EQ(msr, 0x40000092u);
}

TEST(HostPage, Memory) {
  // snippet: memory
  testing::FakeGuestMemory memory;  // Of //testing/fakes; any GuestMemory does
  memory.MapRam(Gpn::Containing(Gpa(0x1000)), /*pages=*/2);
  const std::array<std::byte, 4> bytes{std::byte{1}};
  const MemFault written = memory.Write(Gpa(0x1ffe), bytes);  // Over a page's end
  const MemFault refused = memory.Write(Gpa(0x2ffe), bytes);  // Two bytes are not there: none moves
  std::optional<PinnedPage> page = memory.Pin(Gpn::Containing(Gpa(0x1000)), Access::kReadWrite);
  page->Store<uint32_t>(/*offset=*/8, 42);  // Atomic, in place, until `page` goes
  // end
  EXPECT_EQ(written, MemFault::kNone);
  EXPECT_EQ(refused, MemFault::kUnmapped);
  EXPECT_EQ(page->Load<uint32_t>(8), 42u);
  EXPECT_EQ(memory.pinned(), 1);
}

TEST(OverlayPageOfTheDocuments, CoversAndUncovers) {
  testing::FakeGuestMemory memory;
  const Gpn place = Gpn::Containing(Gpa(0x1000));
  memory.MapRam(place, 1);
  const std::array<std::byte, 1> before{std::byte{7}};
  ASSERT_EQ(memory.Write(place.FirstByte(), before), MemFault::kNone);
  // snippet: overlay
  OverlayMap overlays(memory);
  OverlayPage message_page(overlays, OverlayKind::kSimp, VpIndex(0));
  const bool enabled = message_page.Enable(place);  // The guest sees zeros there
  message_page.Store<uint32_t>(0, 1);               // And now a message
  // end
  std::array<std::byte, 1> seen{};
  ASSERT_EQ(memory.Read(place.FirstByte(), seen), MemFault::kNone);
  EXPECT_TRUE(enabled);
  EXPECT_EQ(seen[0], std::byte{1});
  message_page.Disable();
  ASSERT_EQ(memory.Read(place.FirstByte(), seen), MemFault::kNone);
  EXPECT_EQ(seen[0], std::byte{7});
}

}  // namespace
}  // namespace hvkit::hyperv
