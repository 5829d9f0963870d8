// The byte protocol between the rig's launcher on the host and its init in the L1 machine, over one
// virtio-serial port: frames of a type byte, a 32-bit little-endian length and a payload. It does
// no I/O.

#ifndef HVKIT_TESTING_RIG_FRAME_H_
#define HVKIT_TESTING_RIG_FRAME_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hvkit::testing::rig {

enum class FrameType : uint8_t {
  // L1 to host.
  kStarted = 1,    // the program is running; no payload
  kStdout = 2,     // bytes that the program wrote
  kStderr = 3,     //
  kFileBegin = 4,  // path of a result file; kFileData frames follow
  kFileData = 5,
  kExited = 6,  // one byte, the program's exit status; the last frame
  kFailed = 7,  // the reason why the program did not run; the last frame
  // Host to L1.
  kStdin = 16,     // bytes for the program's standard input
  kStdinEnd = 17,  // end of file
  kWake = 18,      // says nothing, but interrupts the machine; no payload
};

struct Frame {
  FrameType type;
  std::string payload;
};

// The largest payload that a peer may send; longer streams are several frames.
inline constexpr size_t kMaxFramePayload = 1 << 20;

[[nodiscard]] std::string EncodeFrame(FrameType type, std::string_view payload);

// Cuts a byte stream into frames. Not thread-safe: one parser per stream, one thread per parser.
class FrameParser {
 public:
  void Append(std::string_view bytes) { buffer_.append(bytes); }

  // The next whole frame, or nothing when more bytes are needed or the stream is corrupt.
  [[nodiscard]] std::optional<Frame> Next();

  // True once a header announced more than kMaxFramePayload: the stream cannot be followed any
  // further.
  [[nodiscard]] bool corrupt() const { return corrupt_; }

 private:
  std::string buffer_;
  bool corrupt_ = false;
};

}  // namespace hvkit::testing::rig

#endif  // HVKIT_TESTING_RIG_FRAME_H_
