#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace blueprint {

/// What is under way, in a build or another long job. A stage has a beginning and an end; stages may nest by name
/// ("layer tools" > "download") and run side by side.
///
/// Implementations are thread-safe and do not throw. Libraries report here and never write to a terminal.
class Events {
 public:
  virtual ~Events() = default;

  /// `stage` is an id unique among the stages under way, such as "tools/download"; `title` is for people.
  virtual void started(std::string_view stage, std::string_view title) = 0;
  struct Progress {
    std::uint64_t items = 0;
    std::uint64_t items_total = 0;  ///< 0 = not known
    std::uint64_t bytes = 0;
    std::uint64_t bytes_total = 0;  ///< 0 = not known
  };
  virtual void progress(std::string_view stage, const Progress& progress) = 0;
  /// Output of a command that runs in a stage; any chunking.
  virtual void output(std::string_view stage, std::string_view text) = 0;
  /// `result` is for people: "cached", "240 packages, 180 MiB".
  virtual void finished(std::string_view stage, std::string_view result) = 0;
  /// One line worth telling: a warning, a decision, a reason.
  virtual void note(std::string_view text) = 0;
};

/// Reports nothing.
class NoEvents final : public Events {
 public:
  void started(std::string_view, std::string_view) override {}
  void progress(std::string_view, const Progress&) override {}
  void output(std::string_view, std::string_view) override {}
  void finished(std::string_view, std::string_view) override {}
  void note(std::string_view) override {}
};

}  // namespace blueprint
