#include "testing/guests/lib/report.h"

#include "testing/guests/lib/cpu.h"
#include "testing/guests/lib/text.h"

namespace hvkit::guest {
namespace {

constexpr uint16_t kSerialData = 0x3f8;
constexpr uint16_t kSerialLineStatus = 0x3fd;
constexpr uint8_t kTransmitterEmpty = 0x20;
constexpr uint16_t kDebugExit = 0xf4;

unsigned g_passed;
unsigned g_failed;
const char* g_suffix = "";

void PrintChar(char c) {
  while ((In8(kSerialLineStatus) & kTransmitterEmpty) == 0) Pause();
  Out8(kSerialData, static_cast<uint8_t>(c));
}

}  // namespace

void Print(const char* line) {
  for (; *line != '\0'; ++line) PrintChar(*line);
  PrintChar('\n');
}

void SetCheckSuffix(const char* suffix) { g_suffix = suffix; }

void Check(bool ok, const char* name, const char* detail) {
  Text line;
  if (ok) {
    ++g_passed;
    line.Append("ok ").Append(name).Append(g_suffix);
  } else {
    ++g_failed;
    line.Append("FAIL ").Append(name).Append(g_suffix).Append(": ").Append(detail);
  }
  Print(line.c_str());
}

void CheckEqual(uint64_t actual, uint64_t expected, const char* name) {
  Text detail;
  detail.Append("got ").AppendHex(actual).Append(", expected ").AppendHex(expected);
  Check(actual == expected, name, detail.c_str());
}

void FinishReport() {
  Text line;
  line.Append("done ").AppendDecimal(g_passed).Append(" passed, ");
  line.AppendDecimal(g_failed).Append(" failed");
  Print(line.c_str());
  ExitWith(g_failed == 0 ? 0 : 1);
}

void Fatal(const char* name, const char* detail) {
  Check(false, name, detail);
  FinishReport();
}

void ExitWith(uint32_t value) {
  Out32(kDebugExit, value);
  Stop();
}

}  // namespace hvkit::guest
