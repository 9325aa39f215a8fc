#include "sandbox/agent_client.h"

#include <array>

#include <sys/socket.h>
#include <catch2/catch.hpp>

#include "base/error.h"

using namespace blueprint;
using namespace blueprint::sandbox;

namespace {

struct Pair {
  UniqueFd ours;
  UniqueFd agents;
  Pair() {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    ours.reset(ends[0]);
    agents.reset(ends[1]);
  }
};

/// Reads the host's Hello and answers it; then reads nothing more.
void answer_hello(int fd) {
  protocol::Decoder decoder;
  std::array<std::byte, 4096> buffer;
  while (true) {
    const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), 0);
    REQUIRE(got > 0);
    decoder.feed(std::span(buffer).first(static_cast<std::size_t>(got)));
    const auto frame = decoder.next();
    if (!frame) continue;
    const auto hello = protocol::decode_hello(frame->payload);
    REQUIRE(hello);
    std::vector<std::byte> answer;
    protocol::append_frame(answer, protocol::Type::Hello, 0, protocol::Stream::Input,
                           protocol::encode(protocol::Hello{.nonce = hello->nonce}));
    REQUIRE(::send(fd, answer.data(), answer.size(), 0) == static_cast<ssize_t>(answer.size()));
    return;
  }
}

}  // namespace

TEST_CASE("a guest that takes nothing any more is lost, not waited for") {
  Pair pair;
  Wakeup changed;
  AgentClient client(
      std::move(pair.ours), [&] { changed.raise(); }, std::chrono::milliseconds(10));
  answer_hello(pair.agents.get());
  while (!client.agent()) {
  }
  const auto channel = client.open();
  const std::vector<std::byte> bytes(protocol::kMaxPayload);
  std::string said;
  try {
    for (int i = 0; i < 1000; ++i) channel->send(protocol::Type::Data, bytes);
  } catch (const Error& error) {
    said = error.what();
  }
  CHECK_THAT(said, Catch::Contains("V010") && Catch::Contains("takes nothing any more"));
  CHECK(client.lost() == "its agent takes nothing any more");
}

TEST_CASE("a guest that has gone is an error for whoever sends to it") {
  Pair pair;
  AgentClient client(std::move(pair.ours), [] {});
  const auto channel = client.open();
  pair.agents.reset();
  CHECK_THROWS_WITH(
      [&] {
        for (int i = 0; i < 1000; ++i) channel->send(protocol::Type::Ping);
      }(),
      Catch::Contains("V010"));
}
