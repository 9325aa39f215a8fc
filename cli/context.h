#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "base/events.h"
#include "base/thread_pool.h"
#include "builder/build.h"
#include "cli/progress.h"
#include "cli/settings.h"
#include "layers/store.h"

namespace blueprint::cli {

/// What every command may use; parts are made when first asked for.
class Context {
 public:
  Context(Settings settings, std::stop_token stop) : settings_(std::move(settings)), stop_(std::move(stop)) {}

  /// Flags that every command has; set by the parser.
  std::string store_flag;
  std::string progress_flag = "auto";
  bool verbose = false;
  bool quiet = false;
  unsigned jobs = 0;

  [[nodiscard]] const Settings& settings() const { return settings_; }
  [[nodiscard]] std::stop_token stop() const { return stop_; }
  [[nodiscard]] const Installation& installation();
  [[nodiscard]] layers::Store& store();
  [[nodiscard]] Events& events();
  [[nodiscard]] ThreadPool& pool();
  /// Where recipes and fragments are found by name.
  [[nodiscard]] recipe::SearchPath search();
  [[nodiscard]] packages::Mirrors mirrors() const;
  /// Images of registries; one for all that a command does, so that it asks for each tag once.
  [[nodiscard]] const builder::RegistryAccess& registries();
  /// Ends the progress view, so that what follows on the terminal is not mixed with it.
  void end_progress() { events_.reset(); }

 private:
  Settings settings_;
  std::stop_token stop_;
  std::optional<Installation> installation_;
  std::optional<builder::RegistryAccess> registries_;
  std::unique_ptr<layers::Store> store_;
  std::unique_ptr<Events> events_;
  std::unique_ptr<ThreadPool> pool_;
};

}  // namespace blueprint::cli
