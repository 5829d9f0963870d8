// The register file of a National Semiconductor PC16550D UART (data sheet, June 1995), without
// the wire: no baud rate, no time. A byte written is sent at once, so the transmitter is always
// empty; received bytes wait in the receiver's FIFO.
//
// Linux's 8250 driver takes it for a 16550A.
#ifndef HVKIT_DEVICES_UART16550_H_
#define HVKIT_DEVICES_UART16550_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace hvkit::devices {

// Register offsets; some depend on the direction or on LCR.DLAB.
enum UartRegister : uint8_t {
  kUartData = 0,             // RBR, THR; divisor low with DLAB
  kUartInterruptEnable = 1,  // IER; divisor high with DLAB
  kUartInterruptId = 2,      // IIR; FCR on writes
  kUartLineControl = 3,
  kUartModemControl = 4,
  kUartLineStatus = 5,
  kUartModemStatus = 6,
  kUartScratch = 7,
};

// Not thread-safe: Serial guards it. Total: takes any access.
class Uart16550 {
 public:
  // Bytes that each of the two FIFOs holds.
  static constexpr size_t kFifoDepth = 16;

  // A guest's read of register `offset`, with its side effects.
  uint8_t Read(uint64_t offset);

  // A guest's write. Returns the byte that leaves on the wire, if it sends one.
  std::optional<uint8_t> Write(uint64_t offset, uint8_t value);

  // Takes bytes from the wire while there is room; returns how many.
  size_t Receive(std::span<const std::byte> bytes);

  // How many bytes Receive would take. None in loopback mode: the wire is cut off.
  [[nodiscard]] size_t ReceiveRoom() const;

  // Whether the guest has read all that was received.
  [[nodiscard]] bool ReceiverEmpty() const { return count_ == 0; }

  // The level of the interrupt output. OUT2 does not gate it.
  [[nodiscard]] bool Interrupt() const;

 private:
  uint8_t ReadData();
  uint8_t ReadInterruptId();
  uint8_t ReadLineStatus();
  uint8_t ReadModemStatus();
  void WriteInterruptEnable(uint8_t value);
  void WriteFifoControl(uint8_t value);
  void WriteModemControl(uint8_t value);
  std::optional<uint8_t> Transmit(uint8_t value);

  [[nodiscard]] bool DivisorAccess() const;
  [[nodiscard]] bool FifoEnabled() const;
  [[nodiscard]] bool Loopback() const;
  [[nodiscard]] size_t Depth() const;
  // The cause of highest priority, as in IIR bits 0-3.
  [[nodiscard]] uint8_t Cause() const;
  // The modem inputs, as in MSR bits 4-7.
  [[nodiscard]] uint8_t ModemInputs() const;

  void Push(uint8_t value);
  uint8_t Pop();
  void LoopBack(uint8_t value);

  std::array<uint8_t, kFifoDepth> fifo_{};  // a ring; one entry of it is RBR in 16450 mode
  size_t head_ = 0;
  size_t count_ = 0;
  size_t trigger_ = 1;

  bool transmit_interrupt_ = false;
  bool overrun_ = false;
  uint8_t modem_changes_ = 0;  // MSR bits 0-3

  uint8_t interrupt_enable_ = 0;
  uint8_t fifo_control_ = 0;
  uint8_t line_control_ = 0;
  uint8_t modem_control_ = 0;
  uint8_t scratch_ = 0;
  std::array<uint8_t, 2> divisor_{};
};

}  // namespace hvkit::devices

#endif  // HVKIT_DEVICES_UART16550_H_
