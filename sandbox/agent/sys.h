#pragma once

// The few things that the agent asks of the system again and again. The agent is one static program without exceptions,
// NSS or locale: it runs as the first process of an initramfs and in images that it knows nothing about.

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"

namespace blueprint::agent {

/// The whole of a small file; nothing when it cannot be read or is over 1 MiB.
[[nodiscard]] std::optional<std::string> read_text(const char* path);
/// Replaces the file's content; returns 0 or errno.
int write_text(const char* path, std::string_view text, unsigned mode = 0644);
/// Makes the directory, and its parents, when missing.
void make_directories(const std::string& path, unsigned mode = 0755);
[[nodiscard]] bool exists(const char* path);
[[nodiscard]] std::vector<std::string> split_words(std::string_view text, char separator);

/// The value of `name=` on the kernel's command line; nothing when it is not there.
[[nodiscard]] std::optional<std::string> kernel_argument(std::string_view name);

/// The kernel's announcements of devices. Open it before the device is looked for, so that none is missed.
class KernelEvents {
 public:
  KernelEvents();
  /// Returns after an announcement, or after a second, because announcements can be lost.
  void wait();

 private:
  UniqueFd fd_;
};

/// One line on the console, after "blueprint-agent: ". The host reads these to know how far a boot came; see boot_line
/// in sandbox/console.cc.
void say(std::string_view text);
/// say("error: ACTION: strerror") with the errno that is given.
void complain(std::string_view action, int error_number);

}  // namespace blueprint::agent
