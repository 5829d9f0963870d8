// The synthetic debugger: packets go to it and come back, by MSR and by hypercall. At the other end
// is a debugger that sends everything back (testing/integration/echo_debugger). `port=N` on the
// command line is the one that it listens on, at 127.0.0.1.

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "hyperv/tlfs/hypercall.h"
#include "hyperv/tlfs/hypercall_vp.h"
#include "hyperv/tlfs/syndbg.h"
#include "testing/guests/lib/guest.h"
#include "testing/guests/lib/hyperv.h"
#include "testing/guests/lib/report.h"
#include "testing/guests/lib/synic.h"

namespace hvkit::guest {
namespace {

using tlfs::CallCode;
using tlfs::HvStatus;
using tlfs::MsrIndex;
using tlfs::SyndbgControl;
using tlfs::SyndbgStatus;

constexpr char kPacket[] = "from the guest";
constexpr size_t kPacketSize = sizeof(kPacket);
constexpr uint64_t kPatience = 20 * kTicksPerSecond;
constexpr uint32_t kLoopback = 0x7f000001;

alignas(tlfs::kPageSize) uint8_t g_sent[tlfs::kPageSize];
alignas(tlfs::kPageSize) uint8_t g_received[tlfs::kPageSize];
volatile uint8_t g_pending;

uint64_t AddressOf(const volatile void* object) { return reinterpret_cast<uint64_t>(object); }

SyndbgStatus Command(SyndbgControl control) {
  Check(!WriteMsr(MsrIndex::kSyndbgControl, control.raw).raised, "a command is taken");
  return {ReadMsr(MsrIndex::kSyndbgStatus).value};
}

void AwaitPending() {
  const uint64_t limit = Now() + kPatience;
  while (g_pending == 0 && Now() < limit) {
  }
  Check(g_pending == 1, "the guest is told that a packet waits");
}

void CheckMsrs() {
  Check(!WriteMsr(MsrIndex::kSyndbgSendBuffer, AddressOf(g_sent)).raised, "there is a send page");
  Check(!WriteMsr(MsrIndex::kSyndbgReceiveBuffer, AddressOf(g_received)).raised,
        "there is a receive page");
  Check(!WriteMsr(MsrIndex::kSyndbgPendingBuffer, AddressOf(&g_pending)).raised,
        "there is a byte to be told by");
  SyndbgControl receive;
  SyndbgControl::Receive::Set(receive, 1);
  CheckEqual(Command(receive).raw, 0, "nothing waits at first");

  std::memcpy(g_sent, kPacket, kPacketSize);
  SyndbgControl send;
  SyndbgControl::Send::Set(send, 1);
  SyndbgControl::SendSize::Set(send, kPacketSize);
  CheckEqual(SyndbgStatus::SendSuccess::Get(Command(send)), 1, "a packet is sent");
  AwaitPending();
  const SyndbgStatus status = Command(receive);
  CheckEqual(SyndbgStatus::ReceiveSuccess::Get(status), 1, "a packet is received");
  CheckEqual(SyndbgStatus::ReceivedSize::Get(status), kPacketSize, "its size is told");
  Check(std::memcmp(g_received, kPacket, kPacketSize) == 0, "it is what was sent");
  CheckEqual(g_pending, 0, "the guest is told that nothing waits");
}

// --- By hypercall: with Ethernet, IPv4 and UDP headers ---

constexpr size_t kHeaders = 14 + 20 + 8;
constexpr uint8_t kIpv4[2] = {0x08, 0x00};
constexpr uint8_t kUdp = 17;
constexpr uint8_t kGuestAddress[4] = {169, 254, 1, 2};

void PutFrame(uint8_t* frame) {
  std::memset(frame, 0, kHeaders);
  std::memcpy(frame + 12, kIpv4, sizeof(kIpv4));
  frame[14] = 0x45;
  frame[14 + 9] = kUdp;
  std::memcpy(frame + 14 + 12, kGuestAddress, sizeof(kGuestAddress));
  std::memcpy(frame + kHeaders, kPacket, kPacketSize);
}

HvStatus Call(CallCode code) {
  return HypercallStatus(static_cast<uint64_t>(code), AddressOf(g_sent), AddressOf(g_received));
}

void CheckStatus(HvStatus status, HvStatus expected, const char* name) {
  CheckEqual(static_cast<uint64_t>(status), static_cast<uint64_t>(expected), name);
}

template <typename T>
T& At(uint8_t* page) {
  return *reinterpret_cast<T*>(page);
}

void CheckPost() {
  At<tlfs::PostDebugDataInput>(g_sent) = {.count = kHeaders + kPacketSize, .options = 0};
  PutFrame(g_sent + sizeof(tlfs::PostDebugDataInput));
  At<tlfs::PostDebugDataOutput>(g_received).pending_count = 1;
  CheckStatus(Call(CallCode::kPostDebugData), HvStatus::kSuccess, "a frame is posted");
  CheckEqual(At<tlfs::PostDebugDataOutput>(g_received).pending_count, 0, "all of it");
}

void CheckRetrieve() {
  At<tlfs::RetrieveDebugDataInput>(g_sent) = {
      .count = tlfs::kPageSize - sizeof(tlfs::RetrieveDebugDataOutput), .options = 0, .timeout = 0};
  AwaitPending();
  CheckStatus(Call(CallCode::kRetrieveDebugData), HvStatus::kSuccess, "a frame is retrieved");
  const auto& output = At<tlfs::RetrieveDebugDataOutput>(g_received);
  CheckEqual(output.retrieved_count, kHeaders + kPacketSize, "its size, with headers, is told");
  const uint8_t* const frame = g_received + sizeof(output);
  Check(std::memcmp(frame + 14 + 16, kGuestAddress, sizeof(kGuestAddress)) == 0,
        "it is addressed to the guest");
  Check(std::memcmp(frame + kHeaders, kPacket, kPacketSize) == 0, "it carries what was posted");
  CheckStatus(Call(CallCode::kRetrieveDebugData), HvStatus::kNoData, "nothing more waits");
}

void CheckReset(uint64_t port) {
  At<tlfs::ResetDebugSessionInput>(g_sent) = {.raw = 0};
  CheckStatus(Call(CallCode::kResetDebugSession), HvStatus::kSuccess, "the session is reset");
  const auto& session = At<tlfs::ResetDebugSessionOutput>(g_received);
  CheckEqual(session.host_ip, kLoopback, "the debugger's address is told");
  CheckEqual(session.host_port, port, "the debugger's port is told");
}

void CheckHypercalls(uint64_t port) {
  Check(EnableHypercalls(), "the hypercall page can be turned on");
  tlfs::SyndbgOptions options;
  tlfs::SyndbgOptions::UseHypercalls::Set(options, 1);
  Check(!WriteMsr(MsrIndex::kSyndbgOptions, options.raw).raised,
        "the guest may ask for hypercalls");
  CheckPost();
  CheckRetrieve();
  CheckReset(port);
}

}  // namespace

void GuestMain(const BootInfo& boot) {
  Check(EnableReferenceTsc() && ReadReferenceTsc().valid, "the TSC page is valid");
  Check(CpuidHas(tlfs::bits::kDebugMsrs), "there is a debugger");
  CheckMsrs();
  CheckHypercalls(CmdlineNumber(boot, "port=", 0));
}

}  // namespace hvkit::guest
