#include "builder/steps/fetch_step.h"

#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "builder/steps/known_files.h"
#include "builder/steps/placement.h"
#include "builder/steps/root_files.h"
#include "builder/steps/unpack_archive.h"
#include "layers/data_digest.h"
#include "registry_client/http.h"

namespace blueprint::steps {
namespace fs = std::filesystem;
namespace {

Digest parse_digest(const recipe::Text& text) {
  std::string_view hex = text.value;
  if (hex.starts_with("sha256:")) hex.remove_prefix(7);
  if (const auto digest = Digest::parse_hex(hex)) return *digest;
  throw bug("a recipe with a malformed sha256 passed its parser");
}

/// Hashes what comes and writes it to a file.
class HashingSink final : public registry_client::BodySink {
 public:
  HashingSink(int fd, Events& events, std::string stage) : fd_(fd), events_(events), stage_(std::move(stage)) {}

  void begin(const registry_client::HttpResponse& head, std::uint64_t offset) override {
    if (const auto length = head.header("content-length"); length && offset == 0)
      total_ = parse_size(*length).value_or(0);
    if (offset != 0) return;
    (void)hash_.finish();
    size_ = 0;
    if (::ftruncate(fd_, 0) != 0) throw os_error("start a download over");
  }
  void write(std::span<const std::byte> bytes) override {
    pwrite_all(fd_, bytes, size_, "a download");
    hash_.update(bytes);
    size_ += bytes.size();
    events_.progress(stage_, {.bytes = size_, .bytes_total = total_});
  }
  [[nodiscard]] Digest finish() { return hash_.finish(); }
  [[nodiscard]] std::uint64_t size_bytes() const { return size_; }

 private:
  int fd_;
  Events& events_;
  std::string stage_;
  Sha256 hash_;
  std::uint64_t size_ = 0;
  std::uint64_t total_ = 0;
};

/// Whether `file` is there with these bytes. A layer is only asked for once and then found by its key, so what it is
/// made of is hashed again: a rotten file would stay in an image whose record names another digest.
bool has_digest(const fs::path& file, const Digest& digest) {
  const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd && errno == ENOENT) return false;
  if (!fd) throw os_error(fmt::format("open {}", file.string()));
  Sha256 hash;
  std::vector<std::byte> buffer(1 << 20);
  while (true) {
    const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw os_error(fmt::format("read {}", file.string()));
    if (got == 0) return hash.finish() == digest;
    hash.update(std::span(buffer).first(static_cast<std::size_t>(got)));
  }
}

/// Waits for whoever downloads the file in this process.
Claims::Claim claim_download(const Digest& digest, const StepContext& context) {
  while (true) {
    auto claim = context.downloads.take({&digest, 1});
    if (!claim.empty()) return claim;
    context.downloads.wait_for({&digest, 1}, context.stop);
  }
}

Error fetch_error(ErrorKind kind, const char* code, std::string message, const SourceSpan& where) {
  Diagnostic diagnostic{.kind = kind, .code = code, .message = std::move(message)};
  if (where.line > 0) diagnostic.where = where;
  return Error(std::move(diagnostic));
}

}  // namespace

FetchStep::FetchStep(recipe::FetchStep fetch, FetchAccess access)
    : fetch_(std::move(fetch)), digest_(parse_digest(fetch_.sha256)), access_(std::move(access)) {}

std::string FetchStep::described_unpack() const {
  return fetch_.unpack ? fmt::format("strip {}", fetch_.strip) : std::string("no");
}

void FetchStep::add_key_fields(plan::KeyRecord& record) const {
  // Not the URL: the same bytes from another place are the same layer.
  record.add("fetched", digest_.to_string());
  record.add("to", fetch_.to.value);
  record.add("unpack", described_unpack());
  record.add("mode", fetch_.mode ? fmt::format("{:04o}", *fetch_.mode) : std::string("default"));
  record.add("owner", fetch_.owner.value);
}

fs::path FetchStep::ensure_downloaded(const StepContext& context) const {
  const fs::path place = context.store.deb_path(digest_);
  const auto claim = claim_download(digest_, context);
  if (has_digest(place, digest_)) return place;
  const std::string shown = registry_client::redact_url(fetch_.url.value);
  if (access_.network == Network::Offline) {
    Error offline =
        fetch_error(ErrorKind::Network, "X121", fmt::format("{} is not in the store, and the build is offline", shown),
                    fetch_.url.where);
    offline.add_hint("build once without --offline");
    throw offline;
  }
  const std::string stage = context.stage + "/download";
  context.events.started(stage, fmt::format("downloading {}", shown));
  AtomicFile file(place);
  HashingSink sink(file.fd(), context.events, stage);
  const auto http = registry_client::make_curl_http({.proxy = access_.proxy,
                                                     .no_proxy = access_.no_proxy,
                                                     .file_urls = registry_client::HttpOptions::FileUrls::Allow});
  const auto response = http->send({.url = fetch_.url.value, .sink = &sink}, context.stop);
  if (!response.success()) {
    throw fetch_error(ErrorKind::Network, "X122", fmt::format("{} answered with status {}", shown, response.status),
                      fetch_.url.where);
  }
  if (const Digest got = sink.finish(); got != digest_) {
    Error wrong =
        fetch_error(ErrorKind::Network, "X123",
                    fmt::format("{} does not have the SHA-256 that the recipe names", shown), fetch_.sha256.where);
    wrong.add_context(fmt::format("expected {}", digest_.to_string()));
    wrong.add_context(fmt::format("     got {} ({})", got.to_string(), format_size(sink.size_bytes())));
    wrong.add_hint("if upstream changed the file on purpose, put the new digest into the recipe");
    throw wrong;
  }
  file.commit();
  context.events.finished(stage, format_size(sink.size_bytes()));
  return place;
}

/// What the URL gives: the members of the archive, or the file itself.
std::vector<SourceFile> FetchStep::find_files(const StepContext& context, std::optional<TempDir>& work) const {
  plan::KeyRecord key("", "fetched files");
  key.add("kind", "fetched files 1");
  key.add("fetched", digest_.to_string());
  key.add("unpack", described_unpack());
  if (auto known = find_known_files(key, context)) return std::move(*known);
  const fs::path file = ensure_downloaded(context);
  std::vector<SourceFile> files;
  if (fetch_.unpack) {
    work.emplace(context.store.tmp(), "fetch-");
    files = read_archive(
        {.archive = file, .data = work->path(), .strip = fetch_.strip, .exclude = {}, .where = fetch_.url.where},
        context.stop);
  } else {
    files.push_back({.data = layers::HostFile{file.string()}});
    files.back().data_digest =
        layers::data_digest_of_fd(open_file(file, O_RDONLY).get(), files.back().size, file.string());
  }
  remember_files(key, files, context.store);
  return files;
}

StepOutput FetchStep::apply(const StepContext& context) const {
  const auto owner = load_accounts(context).resolve(fetch_.owner, {});
  StepOutput output;
  const auto files = find_files(context, output.work);
  Placement placement(context.tree, context.epoch);
  if (fetch_.unpack) {
    place_members(files, {.to = fetch_.to.value, .owner = owner, .where = fetch_.url.where}, placement);
  } else {
    const SourceFile& file = files.at(0);
    std::string to = fetch_.to.value;
    if (to.ends_with('/'))
      to += fs::path(fetch_.url.value.substr(0, fetch_.url.value.find_first_of("?#"))).filename().string();
    placement.put_file(placement.make_place(to, fetch_.to.where), placement.metadata(fetch_.mode.value_or(0644), owner),
                       {.size = file.size, .digest = file.data_digest, .source = file.data}, fetch_.to.where);
  }
  output.changes = placement.take();
  return output;
}

}  // namespace blueprint::steps
