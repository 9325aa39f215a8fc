#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/process.h"
#include "builder/packages/resolve.h"

namespace blueprint::test {

/// A small signed archive in a directory of its own, optionally served on loopback (tests/support/archive).
class Archive {
 public:
  /// `spec`: deb822 stanzas; `arguments`: further ones of make_archive.py. The layout is Debian's unless said
  /// otherwise.
  explicit Archive(std::string_view spec, std::vector<std::string> arguments = {});

  /// Publishes again, with other packages, into the same directory and with the same key.
  void publish(std::string_view spec, std::vector<std::string> arguments = {});
  /// Starts the server; `faults` as for serve.py --fault.
  void serve(const std::vector<std::string>& faults = {});
  void fault(std::string_view text) { tell("fault " + std::string(text)); }
  void clear_faults() { tell("clear"); }
  /// The requests so far, a line each; forgets them.
  std::vector<std::string> take_log();

  [[nodiscard]] std::filesystem::path path() const { return directory_.path() / "archive"; }
  /// "http://127.0.0.1:PORT", or the file: URL when it is not served.
  [[nodiscard]] std::string url() const;

  /// A request for bookworm (or noble, for the Ubuntu layout) of this archive, with the base as the only layer.
  [[nodiscard]] packages::ResolveRequest request() const;
  /// The same with a layer "tools" of these words, placed in lines of "recipe.yaml".
  [[nodiscard]] packages::ResolveRequest request(const std::vector<std::string>& words) const;
  [[nodiscard]] packages::Mirrors mirrors() const;
  /// A directory for what is downloaded.
  [[nodiscard]] std::filesystem::path debs() const { return directory_.path() / "debs"; }

 private:
  void tell(const std::string& line);
  std::string read_line();

  TempDir directory_;
  std::string layout_ = "debian";
  UniqueFd to_server_;
  UniqueFd from_server_;
  std::unique_ptr<ChildProcess> server_;
  int port_ = 0;
  std::size_t log_taken_ = 0;  ///< bytes of the log that take_log() has answered
};

/// Essential packages for a spec: what a bootstrap always needs.
extern const char* const kBaseSpec;

/// The names of a layer's packages, in order, with their versions: "a=1 b=2".
[[nodiscard]] std::string versions(const packages::Resolution& resolution, const std::string& layer);

/// Resolves with a pool and no events.
[[nodiscard]] packages::Resolution resolve(const packages::ResolveRequest& request, std::stop_token stop = {});

/// The diagnostics that `action` ends in, rendered; empty when it does not fail.
[[nodiscard]] std::string failure_of(const std::function<void()>& action);

}  // namespace blueprint::test
