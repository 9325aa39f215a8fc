#pragma once

// The words that host and guest agent exchange over one virtio-serial port. docs/agent-protocol.md is normative; both
// sides are built from this file. Nothing here allocates more than the peer is entitled to, throws, or trusts a length
// before checking it.
//
//     frame   = size:u32 channel:u32 type:u8 stream:u8 check:u16 payload[size]     little-endian, size <= kMaxPayload
//     check   = 16-bit fold of the ten bytes before it, so that a reader that lost its place notices at once
//     channel = 0 for the connection itself, else a number that the host chose for one command or one transfer
//
// A virtio-serial port is not a connection: bytes of a host that died half-way through a frame are still in the queue
// when the next host opens it. Each side therefore starts *unsynchronised* and drops bytes until a Hello frame, which
// carries a 16-byte mark.

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace blueprint::sandbox::protocol {

inline constexpr std::uint32_t kVersion = 1;
inline constexpr std::size_t kHeaderBytes = 12;
inline constexpr std::uint32_t kMaxPayload = 256 * 1024;
/// What one side may send on a stream before the other grants more. Bounds the memory of both.
inline constexpr std::uint32_t kWindow = 1024 * 1024;
/// Data frames are cut at this size so that streams take turns.
inline constexpr std::uint32_t kDataBytes = 64 * 1024;
/// The name of the port: /sys/class/virtio-ports/*/name in the guest.
inline constexpr std::string_view kPortName = "blueprint.agent.0";

enum class Type : std::uint8_t {
  Hello = 1,      ///< both ways, channel 0: Hello
  Exec = 2,       ///< host: start a command on a new channel
  Started = 3,    ///< agent: the command runs; u32 pid
  Data = 4,       ///< both: bytes of `stream`
  Eof = 5,        ///< both: no more bytes of `stream`
  Credit = 6,     ///< both: u32, `stream` may carry that many bytes more
  Signal = 7,     ///< host: u32 signal number for the command's process group
  Resize = 8,     ///< host: u16 rows, u16 columns
  Exit = 9,       ///< agent, ends the channel: u32 code, u32 signal
  Failure = 10,   ///< agent, ends the channel: u32 errno, string
  Put = 11,       ///< host: string path; tar follows as stream Input
  Get = 12,       ///< host: string path; tar follows as stream Output
  Close = 13,     ///< host: kill what runs on the channel and forget it
  Ping = 14,      ///< host: asks for Pong
  Pong = 15,      ///< agent: Health
  Clock = 16,     ///< host: u64 nanoseconds since 1970
  Shutdown = 17,  ///< host: power off
};

enum class Stream : std::uint8_t { Input = 0, Output = 1, Error = 2 };

struct Frame {
  Type type = Type::Ping;
  std::uint32_t channel = 0;
  Stream stream = Stream::Input;
  std::span<const std::byte> payload;  ///< borrowed from the decoder until its next call

  [[nodiscard]] std::string_view text() const {
    return {reinterpret_cast<const char*>(payload.data()), payload.size()};
  }
};

/// Appends one frame to `out`. `payload` is at most kMaxPayload bytes.
void append_frame(std::vector<std::byte>& out, Type type, std::uint32_t channel, Stream stream,
                  std::span<const std::byte> payload);
/// Appends the header of a frame whose `size` bytes of payload the caller appends itself.
void append_header(std::vector<std::byte>& out, Type type, std::uint32_t channel, Stream stream, std::uint32_t size);

/// Cuts a byte stream into frames. Holds at most one partial frame.
class Decoder {
 public:
  /// Adds bytes; all frames of earlier bytes must have been taken.
  void feed(std::span<const std::byte> bytes);
  /// The next whole frame, or nothing when more bytes are needed or the stream is broken.
  [[nodiscard]] std::optional<Frame> next();
  /// A frame was malformed; nothing more comes until resync().
  [[nodiscard]] bool broken() const { return broken_; }
  /// Takes nothing for a frame any more until the mark of a Hello, in the bytes that are left or in later ones.
  void resync();

 private:
  bool find_hello();

  std::vector<std::byte> buffer_;
  std::size_t start_ = 0;
  bool synced_ = false;
  bool broken_ = false;
};

/// The first frame of either side. The host repeats its nonce until the agent answers with the same one.
struct Hello {
  std::uint32_t version = kVersion;  ///< the newest that the sender speaks; the older of the two is used
  std::uint32_t oldest_version = kVersion;
  std::uint64_t nonce = 0;
  std::string description;  ///< for people: "blueprint-agent 0.1.0, init systemd"
};

struct Exec {
  bool tty = false;
  std::uint16_t rows = 24;
  std::uint16_t columns = 80;
  std::string user;
  std::string workdir;
  std::vector<std::string> argv;
  std::vector<std::string> environment;  ///< "NAME=value"
};

struct ExitReport {
  std::uint32_t code = 0;
  std::uint32_t signal = 0;
};

struct Failure {
  std::uint32_t error_number = 0;
  std::string message;
};

struct Health {
  std::uint64_t uptime_ms = 0;
  std::uint64_t memory_total = 0;
  std::uint64_t memory_available = 0;
  std::uint32_t commands = 0;  ///< that run now
};

struct Window {
  std::uint16_t rows = 0;
  std::uint16_t columns = 0;
};

// Each encode_x gives a payload; each decode_x gives nothing when the payload is malformed, has bytes left over or
// breaks a limit.
[[nodiscard]] std::vector<std::byte> encode(const Hello& hello);
[[nodiscard]] std::vector<std::byte> encode(const Exec& exec);
[[nodiscard]] std::vector<std::byte> encode(const ExitReport& report);
[[nodiscard]] std::vector<std::byte> encode(const Failure& failure);
[[nodiscard]] std::vector<std::byte> encode(const Health& health);
[[nodiscard]] std::vector<std::byte> encode(const Window& window);
[[nodiscard]] std::vector<std::byte> encode_u32(std::uint32_t value);
[[nodiscard]] std::vector<std::byte> encode_u64(std::uint64_t value);
[[nodiscard]] std::vector<std::byte> encode_string(std::string_view text);

[[nodiscard]] std::optional<Hello> decode_hello(std::span<const std::byte> payload);
[[nodiscard]] std::optional<Exec> decode_exec(std::span<const std::byte> payload);
[[nodiscard]] std::optional<ExitReport> decode_exit(std::span<const std::byte> payload);
[[nodiscard]] std::optional<Failure> decode_failure(std::span<const std::byte> payload);
[[nodiscard]] std::optional<Health> decode_health(std::span<const std::byte> payload);
[[nodiscard]] std::optional<Window> decode_window(std::span<const std::byte> payload);
[[nodiscard]] std::optional<std::uint32_t> decode_u32(std::span<const std::byte> payload);
[[nodiscard]] std::optional<std::uint64_t> decode_u64(std::span<const std::byte> payload);
[[nodiscard]] std::optional<std::string> decode_string(std::span<const std::byte> payload);

}  // namespace blueprint::sandbox::protocol
