#pragma once

#include <string>
#include <vector>

#include "base/error.h"

namespace blueprint::recipe {

/// The faults of one input, collected so that the user sees all of them at once.
class Faults {
 public:
  /// Adds `fault` with the context that is open.
  void add(Diagnostic fault);
  void add(const Error& error);

  [[nodiscard]] bool empty() const { return faults_.empty(); }
  [[nodiscard]] std::size_t count() const { return faults_.size(); }
  /// Throws what was collected, in the order of the file, unless there is nothing.
  void throw_if_any();

  /// While it lives, faults carry `line` as context. Contexts nest.
  class Context {
   public:
    Context(Faults& faults, std::string line) : faults_(faults) { faults_.context_.push_back(std::move(line)); }
    ~Context() { faults_.context_.pop_back(); }
    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;

   private:
    Faults& faults_;
  };

 private:
  std::vector<Diagnostic> faults_;
  std::vector<std::string> context_;  ///< outermost first
};

}  // namespace blueprint::recipe
