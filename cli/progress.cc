// Three views of the same events. The terminal view keeps one status line at the bottom, redrawn at most ten times a
// second, and prints a line for each stage that ended; the plain view prints lines only, with progress every few
// seconds, so that a CI log stays short.

#include "cli/progress.h"

#include <chrono>
#include <cstdio>
#include <map>
#include <mutex>
#include <string>

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/json.h"
#include "base/text.h"

namespace blueprint::cli {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// One write, so that lines of two processes on one terminal do not mix.
void say(std::string_view text) {
  [[maybe_unused]] const auto wrote = ::write(STDERR_FILENO, text.data(), text.size());
}

std::string describe(const Events::Progress& progress, double seconds) {
  std::string text;
  if (progress.items_total > 0) {
    text = fmt::format("{}/{}", progress.items, progress.items_total);
  } else if (progress.items > 0) {
    text = fmt::format("{}", progress.items);
  }
  if (progress.bytes > 0) {
    if (!text.empty()) text += "  ";
    text += format_size(progress.bytes);
    if (progress.bytes_total > 0) text += fmt::format(" of {}", format_size(progress.bytes_total));
    if (seconds > 0.5)
      text +=
          fmt::format("  {}/s", format_size(static_cast<std::uint64_t>(static_cast<double>(progress.bytes) / seconds)));
  }
  return text;
}

/// Cuts text into whole lines, each with the stage in front.
class LineCutter {
 public:
  std::string add(std::string_view stage, std::string_view chunk) {
    std::string& pending = pending_[std::string(stage)];
    pending += chunk;
    std::string out;
    std::string_view left = pending;
    for (std::size_t end = left.find('\n'); end != std::string_view::npos; end = left.find('\n')) {
      out += fmt::format("{} | {}\n", stage, printable(left.substr(0, end)));
      left.remove_prefix(end + 1);
    }
    // A program that never ends its line is shown in pieces, and not collected for ever.
    if (left.size() > kLongestLine) {
      out += fmt::format("{} | {}\n", stage, printable(left));
      left = {};
    }
    pending = std::string(left);
    return out;
  }

 private:
  static constexpr std::size_t kLongestLine = 16384;
  std::map<std::string, std::string> pending_;
};

struct Stage {
  std::string title;
  Clock::time_point start = Clock::now();
  Clock::time_point shown = Clock::now();
  Events::Progress progress;
};

class PlainView final : public Events {
 public:
  PlainView(Verbosity verbosity, bool quiet) : verbosity_(verbosity), quiet_(quiet) {}

  void started(std::string_view stage, std::string_view title) override {
    const std::lock_guard lock(mutex_);
    stages_[std::string(stage)] = {.title = std::string(title)};
    if (!quiet_) say(fmt::format("{}: {}\n", stage, title));
  }
  void progress(std::string_view stage, const Progress& progress) override {
    const std::lock_guard lock(mutex_);
    const auto found = stages_.find(std::string(stage));
    constexpr double kEverySeconds = 5;
    if (quiet_ || found == stages_.end() || seconds_since(found->second.shown) < kEverySeconds) return;
    found->second.shown = Clock::now();
    say(fmt::format("{}: {}\n", stage, describe(progress, seconds_since(found->second.start))));
  }
  void output(std::string_view stage, std::string_view text) override {
    if (verbosity_ != Verbosity::Verbose) return;
    const std::lock_guard lock(mutex_);
    if (const std::string lines = lines_.add(stage, text); !lines.empty()) say(lines);
  }
  void finished(std::string_view stage, std::string_view result) override {
    const std::lock_guard lock(mutex_);
    const auto found = stages_.find(std::string(stage));
    if (found == stages_.end()) return;
    if (!quiet_)
      say(fmt::format("{}: done in {}: {}\n", stage, format_seconds(seconds_since(found->second.start)), result));
    stages_.erase(found);
  }
  void note(std::string_view text) override { say(fmt::format("{}\n", text)); }

 private:
  std::mutex mutex_;
  std::map<std::string, Stage> stages_;
  LineCutter lines_;
  Verbosity verbosity_;
  bool quiet_;
};

class TerminalView final : public Events {
 public:
  explicit TerminalView(Verbosity verbosity) : verbosity_(verbosity) {}
  ~TerminalView() override { say(kClearLine); }

  void started(std::string_view stage, std::string_view title) override {
    const std::lock_guard lock(mutex_);
    stages_[std::string(stage)] = {.title = std::string(title)};
    draw();
  }
  void progress(std::string_view stage, const Progress& progress) override {
    const std::lock_guard lock(mutex_);
    const auto found = stages_.find(std::string(stage));
    if (found == stages_.end()) return;
    found->second.progress = progress;
    constexpr auto kEvery = std::chrono::milliseconds(100);
    if (Clock::now() - drawn_ >= kEvery) draw();
  }
  void output(std::string_view stage, std::string_view text) override {
    if (verbosity_ != Verbosity::Verbose) return;
    const std::lock_guard lock(mutex_);
    if (const std::string lines = lines_.add(stage, text); !lines.empty()) print(lines);
  }
  void finished(std::string_view stage, std::string_view result) override {
    const std::lock_guard lock(mutex_);
    const auto found = stages_.find(std::string(stage));
    if (found == stages_.end()) return;
    const std::string line =
        fmt::format("{:>8}  {:<24}  {}\n", format_seconds(seconds_since(found->second.start)), stage, result);
    stages_.erase(found);
    print(line);
  }
  void note(std::string_view text) override {
    const std::lock_guard lock(mutex_);
    print(fmt::format("{}\n", text));
  }

 private:
  static constexpr const char* kClearLine = "\r\x1b[K";

  void print(std::string_view lines) {
    say(kClearLine + std::string(lines));
    draw();
  }
  void draw() {
    drawn_ = Clock::now();
    if (stages_.empty()) return;
    std::string line;
    for (const auto& [name, stage] : stages_) {
      // A stage within another ("tools/download") speaks for it.
      const auto next = stages_.upper_bound(name);
      if (next != stages_.end() && next->first.starts_with(name + "/")) continue;
      if (!line.empty()) line += "   ";
      const double seconds = seconds_since(stage.start);
      line += fmt::format("{} {} {}", name, format_seconds(seconds), describe(stage.progress, seconds));
    }
    winsize size{};
    const std::size_t width =
        ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1U : 79U;
    say(kClearLine + line.substr(0, width));
  }

  std::mutex mutex_;
  std::map<std::string, Stage> stages_;
  LineCutter lines_;
  Clock::time_point drawn_;
  Verbosity verbosity_;
};

class JsonView final : public Events {
 public:
  void started(std::string_view stage, std::string_view title) override { event("started", stage, {{"title", title}}); }
  /// At most ten times a second for each stage: the end of one is an event of its own.
  void progress(std::string_view stage, const Progress& progress) override {
    constexpr auto kEvery = std::chrono::milliseconds(100);
    {
      const std::lock_guard lock(mutex_);
      auto& told = told_[std::string(stage)];
      if (Clock::now() - told < kEvery) return;
      told = Clock::now();
    }
    event("progress", stage,
          {{"items", progress.items},
           {"items_total", progress.items_total},
           {"bytes", progress.bytes},
           {"bytes_total", progress.bytes_total}});
  }
  void output(std::string_view stage, std::string_view text) override { event("output", stage, {{"text", text}}); }
  void finished(std::string_view stage, std::string_view result) override {
    event("finished", stage, {{"result", result}});
  }
  void note(std::string_view text) override { event("note", "", {{"text", text}}); }

 private:
  void event(std::string_view kind, std::string_view stage, Json fields) {
    Json json{{"event", kind}, {"seconds", seconds_since(start_)}};
    if (!stage.empty()) json["stage"] = stage;
    json.update(fields);
    say(compact_json(json) + "\n");
  }
  Clock::time_point start_ = Clock::now();
  std::mutex mutex_;
  std::map<std::string, Clock::time_point> told_;
};

}  // namespace

std::unique_ptr<Events> make_progress(ProgressView view, Verbosity verbosity) {
  if (view == ProgressView::Auto) view = ::isatty(STDERR_FILENO) == 1 ? ProgressView::Terminal : ProgressView::Plain;
  switch (view) {
    case ProgressView::Json: return std::make_unique<JsonView>();
    case ProgressView::Terminal: return std::make_unique<TerminalView>(verbosity);
    case ProgressView::Quiet: return std::make_unique<PlainView>(verbosity, true);
    default: return std::make_unique<PlainView>(verbosity, false);
  }
}

}  // namespace blueprint::cli
