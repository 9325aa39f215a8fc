#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace blueprint::steps {

/// Keeps the last lines of an output that comes in chunks. A line is cut at 2,000 bytes.
class OutputTail {
 public:
  explicit OutputTail(std::size_t lines = 40) : limit_(lines) {}
  void add(std::string_view chunk);
  /// The last lines, oldest first, the unfinished one included.
  [[nodiscard]] std::vector<std::string> lines() const;

 private:
  static constexpr std::size_t kLongestLine = 2000;
  std::size_t limit_;
  std::deque<std::string> lines_;
  std::string unfinished_;
};

}  // namespace blueprint::steps
