#include "builder/packages/mirrors.h"

#include <algorithm>
#include <cctype>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "builder/packages/errors.h"
#include "builder/packages/mirrors_apt_sources.h"

namespace blueprint::packages {
namespace fs = std::filesystem;
namespace {

struct Host {
  std::string id;
  std::string codename;
};

Host read_host(const fs::path& os_release) {
  Host host;
  const auto text = read_file_if_exists(os_release);
  if (!text) return host;
  for (const auto& line : split(*text, '\n')) {
    const auto equals = line.find('=');
    if (equals == std::string::npos) continue;
    std::string value = line.substr(equals + 1);
    std::erase_if(value, [](char c) { return c == '"' || c == '\''; });
    if (line.compare(0, equals, "ID") == 0) host.id = value;
    if (line.compare(0, equals, "VERSION_CODENAME") == 0) host.codename = value;
  }
  return host;
}

/// "debian-security" → "debian".
std::string_view distribution_of(std::string_view name) { return name.substr(0, name.find('-')); }

/// Resolves apt's mirror+file: method, which cloud images use, to the first mirror that its list names.
std::optional<std::string> plain_uri(const std::string& uri) {
  constexpr std::string_view prefix = "mirror+file:";
  if (uri.starts_with("http:") || uri.starts_with("https:") || uri.starts_with("file:")) return uri;
  if (!uri.starts_with(prefix)) return std::nullopt;
  std::string path = uri.substr(prefix.size());
  while (path.starts_with("//")) path.erase(0, 1);
  const auto text = read_file_if_exists(path);
  if (!text) return std::nullopt;
  for (const auto& line : split(*text, '\n')) {
    const auto first = line.substr(0, line.find_first_of(" \t#"));
    if (first.starts_with("http")) return first;
  }
  return std::nullopt;
}

/// The URL of "debian-security" that goes with one of "debian": its sibling, as on every full mirror.
std::optional<std::string> sibling(std::string url, std::string_view from, std::string_view to) {
  while (url.ends_with('/')) url.pop_back();
  const std::string ending = "/" + std::string(from);
  if (!url.ends_with(ending)) return std::nullopt;
  return url.substr(0, url.size() - from.size()) + std::string(to);
}

bool valid_snapshot(std::string_view text) {
  if (text.size() != 16 || text[8] != 'T' || text[15] != 'Z') return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i != 8 && i != 15 && std::isdigit(static_cast<unsigned char>(text[i])) == 0) return false;
  }
  return true;
}

}  // namespace

std::string Mirrors::url(std::string_view name) const {
  if (const auto found = by_name.find(std::string(name)); found != by_name.end()) return found->second;
  if (name.find("://") != std::string_view::npos) return std::string(name);  // a third-party repository is its own URL
  if (name == "debian-security") {
    if (const auto main = by_name.find("debian"); main != by_name.end()) {
      if (auto beside = sibling(main->second, "debian", "debian-security")) return *beside;
    }
  }
  const Host host = read_host(host_os_release);
  if (host.id == distribution_of(name)) {
    const auto sources = read_apt_sources(host_sources);
    if (const auto* source = find_archive(sources, name, host.codename)) {
      if (auto uri = plain_uri(source->uris.front())) return *uri;
    }
  }
  if (name == "ubuntu") return "http://archive.ubuntu.com/ubuntu";
  throw unknown_mirror(name);
}

std::string Mirrors::snapshot_url(std::string_view name, std::string_view snapshot) const {
  if (!valid_snapshot(snapshot)) throw bad_snapshot(snapshot);
  const std::string base_name = std::string(distribution_of(name)) + "-snapshot";
  std::string base;
  if (const auto found = by_name.find(base_name); found != by_name.end()) {
    base = found->second;
  } else if (base_name == "ubuntu-snapshot") {
    base = "https://snapshot.ubuntu.com/ubuntu";
  } else {
    throw unknown_mirror(base_name);
  }
  if (name == "debian-security") base = sibling(base, "debian", name).value_or(base);
  while (base.ends_with('/')) base.pop_back();
  return base + "/" + std::string(snapshot);
}

fs::path Mirrors::keyring(std::string_view distribution) const {
  const Host host = read_host(host_os_release);
  if (host.id == distribution) {
    const auto sources = read_apt_sources(host_sources);
    const auto* source = find_archive(sources, distribution, host.codename);
    if (source != nullptr && source->signed_by.starts_with('/') && fs::exists(source->signed_by))
      return source->signed_by;
  }
  const fs::path usual = host_keyrings / (std::string(distribution) + "-archive-keyring.gpg");
  if (fs::exists(usual)) return usual;
  throw keyring_missing(distribution, usual.string());
}

std::vector<fs::path> Mirrors::keyrings() const {
  std::vector<fs::path> found;
  for (const auto& directory : {host_keyrings, host_sources / "keyrings", host_sources / "trusted.gpg.d"}) {
    std::error_code missing;
    for (const auto& entry : fs::directory_iterator(directory, missing)) {
      const auto extension = entry.path().extension();
      if (extension == ".gpg" || extension == ".asc") found.push_back(entry.path());
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace blueprint::packages
