// Frames as a hostile guest, or a hostile host, would send them. The input is cut into chunks by its own bytes, so that
// partial frames are met too; each frame's payload then goes through every decoder.

#include <cstdint>
#include <cstdlib>

#include "sandbox/protocol.h"

namespace proto = blueprint::sandbox::protocol;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::span<const std::byte> input(reinterpret_cast<const std::byte*>(data), size);
  proto::Decoder decoder;
  // Half of the inputs start after the handshake, or a fuzzer would never get past it.
  if (!input.empty() && (static_cast<unsigned>(input[0]) & 1U) != 0) {
    std::vector<std::byte> hello;
    proto::append_frame(hello, proto::Type::Hello, 0, proto::Stream::Input, proto::encode(proto::Hello{}));
    decoder.feed(hello);
    if (!decoder.next()) std::abort();
  }
  while (!input.empty()) {
    const std::size_t chunk = std::min<std::size_t>(1 + static_cast<unsigned>(input[0]), input.size());
    decoder.feed(input.first(chunk));
    input = input.subspan(chunk);
    while (const auto frame = decoder.next()) {
      if (frame->payload.size() > proto::kMaxPayload) std::abort();
      (void)proto::decode_hello(frame->payload);
      (void)proto::decode_exit(frame->payload);
      (void)proto::decode_failure(frame->payload);
      (void)proto::decode_health(frame->payload);
      (void)proto::decode_window(frame->payload);
      (void)proto::decode_string(frame->payload);
      const auto exec = proto::decode_exec(frame->payload);
      // What decodes encodes to something that decodes to the same.
      if (exec && !proto::decode_exec(proto::encode(*exec))) std::abort();
    }
  }
  return 0;
}
