#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include <termios.h>

namespace blueprint::cli {

/// Rows and columns of a terminal; nothing when `fd` is none.
[[nodiscard]] std::optional<std::pair<std::uint16_t, std::uint16_t>> window_size(int fd);

/// Whoever read our stdout has gone ("| head -n 1"). Not an Error: there is nobody to tell and nothing to mend.
struct ReaderGone {};

/// Writes bytes of the answer to stdout, past its buffer. Throws ReaderGone, or os_error.
void write_answer(std::string_view bytes);

/// Puts a terminal into raw mode for as long as it lives: every key goes to the guest, Ctrl-C included.
class RawTerminal {
 public:
  explicit RawTerminal(int fd);
  ~RawTerminal();
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

 private:
  int fd_;
  termios before_{};
};

}  // namespace blueprint::cli
