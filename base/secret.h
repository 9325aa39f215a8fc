#pragma once

#include <string>
#include <utility>

namespace blueprint {

/// Text that no message, log, key or lock may show: a password, a token. It has no formatter and no stream operator on
/// purpose; whoever sends it somewhere says reveal().
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}

  [[nodiscard]] const std::string& reveal() const { return text_; }
  [[nodiscard]] bool empty() const { return text_.empty(); }
  bool operator==(const Secret&) const = default;

 private:
  std::string text_;
};

}  // namespace blueprint
