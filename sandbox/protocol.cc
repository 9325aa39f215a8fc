#include "sandbox/protocol.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/encoding.h"

namespace blueprint::sandbox::protocol {
namespace {

/// Marks a Hello in a stream of unknown bytes. First bytes of its payload.
constexpr std::array<char, 16> kMark = {'\x7f', 'b', 'l', 'u', 'e', 'p', 'r', 'i',
                                        'n',    't', ' ', 'h', 'e', 'l', 'l', 'o'};
constexpr std::size_t kMaxHello = 4096;
constexpr std::size_t kMaxWords = 65536;

constexpr auto kLastType = Type::Shutdown;
constexpr auto kLastStream = Stream::Error;

struct Header {
  std::uint32_t size;
  std::uint32_t channel;
  std::uint8_t type;
  std::uint8_t stream;
};

std::uint16_t fold(const std::byte* header) {
  std::uint32_t low = 0x5b;
  std::uint32_t high = 0xb1;
  for (std::size_t i = 0; i < kHeaderBytes - 2; ++i) {
    low = (low + static_cast<std::uint32_t>(header[i])) % 255;
    high = (high + low) % 255;
  }
  return static_cast<std::uint16_t>(high << 8 | low);
}

std::optional<Header> read_header(const std::byte* bytes) {
  Header header{};
  std::memcpy(&header.size, bytes, 4);
  std::memcpy(&header.channel, bytes + 4, 4);
  header.type = static_cast<std::uint8_t>(bytes[8]);
  header.stream = static_cast<std::uint8_t>(bytes[9]);
  std::uint16_t check = 0;
  std::memcpy(&check, bytes + 10, 2);
  if (check != fold(bytes) || header.size > kMaxPayload) return std::nullopt;
  if (header.type == 0 || header.type > static_cast<std::uint8_t>(kLastType)) return std::nullopt;
  if (header.stream > static_cast<std::uint8_t>(kLastStream)) return std::nullopt;
  return header;
}

bool is_hello(const Header& header) {
  return header.type == static_cast<std::uint8_t>(Type::Hello) && header.channel == 0 && header.size <= kMaxHello &&
         header.size >= kMark.size();
}

void put_words(ByteWriter& writer, const std::vector<std::string>& words) {
  writer.varint(words.size());
  for (const auto& word : words) writer.string(word);
}

/// Words end up in execve: none may hold a NUL.
bool get_words(ByteReader& reader, std::vector<std::string>& words) {
  const auto count = reader.varint();
  if (count > kMaxWords || count > reader.left()) return false;
  words.reserve(count);
  for (std::uint64_t i = 0; i < count && reader.ok(); ++i) {
    words.emplace_back(reader.string());
    if (words.back().find('\0') != std::string::npos) return false;
  }
  return reader.ok();
}

bool finished(const ByteReader& reader) { return reader.ok() && reader.left() == 0; }

}  // namespace

void append_header(std::vector<std::byte>& out, Type type, std::uint32_t channel, Stream stream, std::uint32_t size) {
  std::array<std::byte, kHeaderBytes> header;
  std::memcpy(header.data(), &size, 4);
  std::memcpy(header.data() + 4, &channel, 4);
  header[8] = static_cast<std::byte>(type);
  header[9] = static_cast<std::byte>(stream);
  const std::uint16_t check = fold(header.data());
  std::memcpy(header.data() + 10, &check, 2);
  out.insert(out.end(), header.begin(), header.end());
}

void append_frame(std::vector<std::byte>& out, Type type, std::uint32_t channel, Stream stream,
                  std::span<const std::byte> payload) {
  append_header(out, type, channel, stream, static_cast<std::uint32_t>(payload.size()));
  out.insert(out.end(), payload.begin(), payload.end());
}

void Decoder::feed(std::span<const std::byte> bytes) {
  if (broken_) return;
  if (start_ > 0) {
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(start_));
    start_ = 0;
  }
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
}

bool Decoder::find_hello() {
  const std::string_view text(reinterpret_cast<const char*>(buffer_.data()), buffer_.size());
  const std::string_view mark(kMark.data(), kMark.size());
  while (true) {
    const auto found = text.find(mark, start_);
    if (found == std::string_view::npos) {
      // Keep what may be the beginning of header and mark.
      const std::size_t keep = kHeaderBytes + kMark.size() - 1;
      if (text.size() - start_ > keep) start_ = text.size() - keep;
      return false;
    }
    if (found >= start_ + kHeaderBytes) {
      const auto header = read_header(buffer_.data() + found - kHeaderBytes);
      if (header && is_hello(*header)) {
        start_ = found - kHeaderBytes;
        return true;
      }
    }
    start_ = found + 1;
  }
}

std::optional<Frame> Decoder::next() {
  if (broken_) return std::nullopt;
  if (!synced_) {
    if (!find_hello()) return std::nullopt;
    synced_ = true;
  }
  const std::size_t left = buffer_.size() - start_;
  if (left < kHeaderBytes) return std::nullopt;
  const auto header = read_header(buffer_.data() + start_);
  if (!header) {
    broken_ = true;
    return std::nullopt;
  }
  if (left - kHeaderBytes < header->size) return std::nullopt;
  const std::span<const std::byte> payload(buffer_.data() + start_ + kHeaderBytes, header->size);
  start_ += kHeaderBytes + header->size;
  return Frame{.type = static_cast<Type>(header->type),
               .channel = header->channel,
               .stream = static_cast<Stream>(header->stream),
               .payload = payload};
}

void Decoder::resync() {
  // A Hello may lie behind what was no frame.
  if (broken_) ++start_;
  synced_ = false;
  broken_ = false;
}

std::vector<std::byte> encode(const Hello& hello) {
  ByteWriter writer;
  writer.raw(std::string_view(kMark.data(), kMark.size()));
  writer.u32(hello.version);
  writer.u32(hello.oldest_version);
  writer.u64(hello.nonce);
  writer.string(hello.description);
  return writer.take();
}

std::optional<Hello> decode_hello(std::span<const std::byte> payload) {
  ByteReader reader(payload);
  const auto mark = reader.raw(kMark.size());
  if (mark.empty() || std::memcmp(mark.data(), kMark.data(), kMark.size()) != 0) return std::nullopt;
  Hello hello;
  hello.version = reader.u32();
  hello.oldest_version = reader.u32();
  hello.nonce = reader.u64();
  hello.description = reader.string();
  // Bytes may follow: a newer peer says more in its Hello.
  if (!reader.ok()) return std::nullopt;
  return hello;
}

std::vector<std::byte> encode(const Exec& exec) {
  ByteWriter writer;
  writer.u8(exec.tty ? 1 : 0);
  writer.varint(exec.rows);
  writer.varint(exec.columns);
  writer.string(exec.user);
  writer.string(exec.workdir);
  put_words(writer, exec.argv);
  put_words(writer, exec.environment);
  return writer.take();
}

std::optional<Exec> decode_exec(std::span<const std::byte> payload) {
  ByteReader reader(payload);
  Exec exec;
  const auto flags = reader.u8();
  const auto rows = reader.varint();
  const auto columns = reader.varint();
  exec.user = reader.string();
  exec.workdir = reader.string();
  if (flags > 1 || rows > UINT16_MAX || columns > UINT16_MAX) return std::nullopt;
  if ((exec.user + exec.workdir).find('\0') != std::string::npos) return std::nullopt;
  if (!get_words(reader, exec.argv) || !get_words(reader, exec.environment)) return std::nullopt;
  if (!finished(reader) || exec.argv.empty()) return std::nullopt;
  exec.tty = flags == 1;
  exec.rows = static_cast<std::uint16_t>(rows);
  exec.columns = static_cast<std::uint16_t>(columns);
  return exec;
}

std::vector<std::byte> encode(const ExitReport& report) {
  ByteWriter writer;
  writer.u32(report.code);
  writer.u32(report.signal);
  return writer.take();
}

std::optional<ExitReport> decode_exit(std::span<const std::byte> payload) {
  ByteReader reader(payload);
  ExitReport report;
  report.code = reader.u32();
  report.signal = reader.u32();
  if (!finished(reader)) return std::nullopt;
  return report;
}

std::vector<std::byte> encode(const Failure& failure) {
  ByteWriter writer;
  writer.u32(failure.error_number);
  writer.string(failure.message);
  return writer.take();
}

std::optional<Failure> decode_failure(std::span<const std::byte> payload) {
  ByteReader reader(payload);
  Failure failure;
  failure.error_number = reader.u32();
  failure.message = reader.string();
  if (!finished(reader)) return std::nullopt;
  return failure;
}

std::vector<std::byte> encode(const Health& health) {
  ByteWriter writer;
  writer.u64(health.uptime_ms);
  writer.u64(health.memory_total);
  writer.u64(health.memory_available);
  writer.u32(health.commands);
  return writer.take();
}

std::optional<Health> decode_health(std::span<const std::byte> payload) {
  ByteReader reader(payload);
  Health health;
  health.uptime_ms = reader.u64();
  health.memory_total = reader.u64();
  health.memory_available = reader.u64();
  health.commands = reader.u32();
  if (!finished(reader)) return std::nullopt;
  return health;
}

std::vector<std::byte> encode(const Window& window) {
  ByteWriter writer;
  writer.varint(window.rows);
  writer.varint(window.columns);
  return writer.take();
}

std::optional<Window> decode_window(std::span<const std::byte> payload) {
  ByteReader reader(payload);
  const auto rows = reader.varint();
  const auto columns = reader.varint();
  if (!finished(reader) || rows > UINT16_MAX || columns > UINT16_MAX) return std::nullopt;
  return Window{.rows = static_cast<std::uint16_t>(rows), .columns = static_cast<std::uint16_t>(columns)};
}

std::vector<std::byte> encode_u32(std::uint32_t value) {
  ByteWriter writer;
  writer.u32(value);
  return writer.take();
}

std::vector<std::byte> encode_u64(std::uint64_t value) {
  ByteWriter writer;
  writer.u64(value);
  return writer.take();
}

std::vector<std::byte> encode_string(std::string_view text) {
  ByteWriter writer;
  writer.string(text);
  return writer.take();
}

std::optional<std::uint32_t> decode_u32(std::span<const std::byte> payload) {
  ByteReader reader(payload);
  const auto value = reader.u32();
  if (!finished(reader)) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> decode_u64(std::span<const std::byte> payload) {
  ByteReader reader(payload);
  const auto value = reader.u64();
  if (!finished(reader)) return std::nullopt;
  return value;
}

std::optional<std::string> decode_string(std::span<const std::byte> payload) {
  ByteReader reader(payload);
  std::string text(reader.string());
  if (!finished(reader) || text.find('\0') != std::string::npos) return std::nullopt;
  return text;
}

}  // namespace blueprint::sandbox::protocol
