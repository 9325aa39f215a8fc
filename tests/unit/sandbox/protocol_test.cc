#include "sandbox/protocol.h"

#include <catch2/catch.hpp>

#include <random>

namespace blueprint::sandbox::protocol {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::vector<std::byte> hello_frame() {
  std::vector<std::byte> out;
  append_frame(out, Type::Hello, 0, Stream::Input, encode(Hello{.nonce = 7, .description = "test"}));
  return out;
}

/// A decoder that has seen a Hello.
Decoder synced() {
  Decoder decoder;
  decoder.feed(hello_frame());
  REQUIRE(decoder.next().has_value());
  return decoder;
}

}  // namespace

TEST_CASE("a frame comes out as it went in, whatever the chunks") {
  std::vector<std::byte> stream = hello_frame();
  append_frame(stream, Type::Data, 3, Stream::Error, bytes_of("some bytes"));
  append_frame(stream, Type::Eof, 4, Stream::Input, {});
  for (std::size_t chunk = 1; chunk <= stream.size(); ++chunk) {
    Decoder decoder;
    std::vector<std::string> seen;
    for (std::size_t at = 0; at < stream.size(); at += chunk) {
      decoder.feed(std::span(stream).subspan(at, std::min(chunk, stream.size() - at)));
      while (const auto frame = decoder.next()) {
        if (frame->type != Type::Hello) {
          seen.push_back(std::to_string(frame->channel) + ":" + std::to_string(static_cast<int>(frame->stream)) + ":" +
                         std::string(frame->text()));
        }
      }
    }
    CHECK(seen == std::vector<std::string>{"3:2:some bytes", "4:0:"});
    CHECK_FALSE(decoder.broken());
  }
}

TEST_CASE("bytes before a Hello are dropped, even the cut end of another frame") {
  std::vector<std::byte> old;
  append_frame(old, Type::Data, 9, Stream::Output, bytes_of(std::string(100, 'x')));
  std::vector<std::byte> stream(old.begin() + 5, old.end());
  const auto hello = hello_frame();
  stream.insert(stream.end(), hello.begin(), hello.end());
  Decoder decoder;
  decoder.feed(stream);
  const auto frame = decoder.next();
  REQUIRE(frame);
  CHECK(frame->type == Type::Hello);
  CHECK(decode_hello(frame->payload)->nonce == 7);
}

TEST_CASE("an unsynchronised decoder keeps no more than the beginning of a Hello") {
  Decoder decoder;
  const std::vector<std::byte> noise(1U << 16, std::byte{0});
  for (int i = 0; i < 64; ++i) {
    decoder.feed(noise);
    CHECK_FALSE(decoder.next());
  }
  decoder.feed(hello_frame());
  CHECK(decoder.next().has_value());
}

TEST_CASE("a header with any flipped bit is not taken for a frame") {
  std::vector<std::byte> frame;
  append_frame(frame, Type::Data, 3, Stream::Output, bytes_of("abcd"));
  for (std::size_t bit = 0; bit < kHeaderBytes * 8; ++bit) {
    auto damaged = frame;
    damaged[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    Decoder decoder = synced();
    decoder.feed(damaged);
    INFO("bit " << bit);
    CHECK_FALSE(decoder.next());
    CHECK(decoder.broken());
  }
}

TEST_CASE("a frame larger than the limit is refused before its bytes are awaited") {
  std::vector<std::byte> frame;
  append_header(frame, Type::Data, 3, Stream::Output, kMaxPayload + 1);
  Decoder decoder = synced();
  decoder.feed(frame);
  CHECK_FALSE(decoder.next());
  CHECK(decoder.broken());
}

TEST_CASE("a broken decoder says nothing more until it is told to start over") {
  Decoder decoder = synced();
  decoder.feed(std::vector<std::byte>(kHeaderBytes, std::byte{0xff}));
  CHECK_FALSE(decoder.next());
  decoder.feed(hello_frame());
  CHECK_FALSE(decoder.next());
  decoder.resync();
  decoder.feed(hello_frame());
  CHECK(decoder.next().has_value());
}

TEST_CASE("every payload decodes to what was encoded") {
  const auto exec = decode_exec(encode(Exec{.tty = true,
                                            .rows = 50,
                                            .columns = 132,
                                            .user = "dev",
                                            .workdir = "/a b",
                                            .argv = {"sh", "", "-c"},
                                            .environment = {"A=1", "B="}}));
  REQUIRE(exec);
  CHECK(exec->tty);
  CHECK(exec->rows == 50);
  CHECK(exec->columns == 132);
  CHECK(exec->user == "dev");
  CHECK(exec->workdir == "/a b");
  CHECK(exec->argv == std::vector<std::string>{"sh", "", "-c"});
  CHECK(exec->environment == std::vector<std::string>{"A=1", "B="});
  const auto report = decode_exit(encode(ExitReport{.code = 137, .signal = 9}));
  REQUIRE(report);
  CHECK(report->code == 137);
  CHECK(report->signal == 9);
  CHECK(decode_failure(encode(Failure{.error_number = 2, .message = "no"}))->message == "no");
  CHECK(decode_health(encode(Health{.uptime_ms = 5, .memory_total = 6, .memory_available = 7, .commands = 8}))
            ->commands == 8);
  CHECK(decode_window(encode(Window{.rows = 1, .columns = 65535}))->columns == 65535);
  CHECK(decode_u32(encode_u32(77)) == 77U);
  CHECK(decode_u64(encode_u64(1ULL << 60)) == 1ULL << 60);
  CHECK(decode_string(encode_string("x")) == "x");
}

TEST_CASE("a payload that is cut short or has bytes left over is refused") {
  const auto whole = encode(Exec{.user = "u", .workdir = "/w", .argv = {"a", "b"}, .environment = {"C=d"}});
  for (std::size_t size = 0; size < whole.size(); ++size) CHECK_FALSE(decode_exec(std::span(whole).first(size)));
  auto more = whole;
  more.push_back(std::byte{0});
  CHECK_FALSE(decode_exec(more));
  CHECK_FALSE(decode_u32(std::vector<std::byte>(5)));
  CHECK_FALSE(decode_exit(std::vector<std::byte>(7)));
}

TEST_CASE("a command with no words, or with a NUL in one, is refused") {
  CHECK_FALSE(decode_exec(encode(Exec{})));
  CHECK_FALSE(decode_exec(encode(Exec{.argv = {std::string("a\0b", 3)}})));
  CHECK_FALSE(decode_exec(encode(Exec{.user = std::string("a\0", 2), .argv = {"a"}})));
  CHECK_FALSE(decode_string(encode_string(std::string_view("a\0", 2))));
}

TEST_CASE("random bytes never make a decoder hold more than it was fed, nor crash it") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 2000; ++round) {
    Decoder decoder;
    if (random() % 2 == 0) decoder.feed(hello_frame());
    std::vector<std::byte> noise;
    append_frame(noise, static_cast<Type>(random() % 20), random() % 4, static_cast<Stream>(random() % 4),
                 bytes_of("payload of some length"));
    for (int flips = static_cast<int>(random() % 4); flips > 0; --flips) {
      noise[random() % noise.size()] ^= static_cast<std::byte>(1U << (random() % 8));
    }
    decoder.feed(noise);
    std::size_t total = 0;
    while (const auto frame = decoder.next()) total += frame->payload.size();
    CHECK(total <= noise.size() + hello_frame().size());
  }
}

}  // namespace blueprint::sandbox::protocol
