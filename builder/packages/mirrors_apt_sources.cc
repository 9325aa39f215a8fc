#include "builder/packages/mirrors_apt_sources.h"

#include <algorithm>
#include <map>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "builder/packages/index_stanza.h"

namespace blueprint::packages {
namespace fs = std::filesystem;
namespace {

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : text) {
    if (c == ' ' || c == '\t' || c == '\n') {
      if (!word.empty()) words.push_back(std::move(word));
      word.clear();
    } else {
      word += c;
    }
  }
  if (!word.empty()) words.push_back(std::move(word));
  return words;
}

bool contains(const std::vector<std::string>& list, std::string_view value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

/// The value of `key` in "[arch=amd64 signed-by=/x]".
std::string option_value(std::string_view options, std::string_view key) {
  for (const auto& word : words_of(options)) {
    const auto equals = word.find('=');
    if (equals != std::string::npos && word.substr(0, equals) == key) return word.substr(equals + 1);
  }
  return {};
}

std::optional<AptSource> parse_line(std::string_view line) {
  line = trim(line.substr(0, line.find('#')));
  if (!line.starts_with("deb")) return std::nullopt;
  AptSource source;
  std::string plain(line);  // the line without its "[options]"
  if (const auto open = plain.find('['); open != std::string::npos) {
    const auto close = plain.find(']', open);
    if (close == std::string::npos) return std::nullopt;
    source.signed_by = option_value(line.substr(open + 1, close - open - 1), "signed-by");
    plain.replace(open, close + 1 - open, " ");
  }
  const auto words = words_of(plain);
  if (words.size() < 3) return std::nullopt;
  source.types = {words[0]};
  source.uris = {words[1]};
  source.suites = {words[2]};
  source.components.assign(words.begin() + 3, words.end());
  return source;
}

std::string_view last_component(std::string_view uri) {
  while (uri.ends_with('/')) uri.remove_suffix(1);
  return uri.substr(uri.rfind('/') + 1);
}

/// How surely `source` is `archive` and not somebody else's repository; 0 = it is not.
int likeness(const AptSource& source, std::string_view archive, std::string_view codename) {
  if (!contains(source.types, "deb") || source.uris.empty() || !contains(source.components, "main")) return 0;
  const bool security = archive.ends_with("-security");
  const std::string distribution(archive.substr(0, archive.find('-')));
  const std::string release(codename);
  const bool suite_fits = security ? contains(source.suites, release + "-security")
                                   : contains(source.suites, release) || contains(source.suites, release + "-updates");
  if (!suite_fits) return 0;
  int score = 0;
  if (last_component(source.uris.front()) == archive) score += 4;
  if (source.signed_by.find(distribution + "-archive-keyring") != std::string::npos) score += 4;
  if (!security && contains(source.suites, release) && contains(source.suites, release + "-updates")) score += 1;
  if (score > 0 && contains(source.suites, security ? release + "-security" : release)) score += 1;
  return score;
}

}  // namespace

std::vector<AptSource> parse_deb822_sources(std::string_view text) {
  std::vector<AptSource> sources;
  for (const auto& stanza : parse_stanzas(text)) {
    const auto field = [&](std::string_view name) { return std::string(stanza.get(name)); };
    const std::string enabled = field("Enabled");
    if (enabled == "no" || enabled == "false" || enabled == "0") continue;
    AptSource source{.types = words_of(field("Types")),
                     .uris = words_of(field("URIs")),
                     .suites = words_of(field("Suites")),
                     .components = words_of(field("Components"))};
    const std::string signed_by = field("Signed-By");
    if (signed_by.find("BEGIN PGP") == std::string::npos) source.signed_by = trim(signed_by);
    if (!source.types.empty() && !source.uris.empty() && !source.suites.empty()) sources.push_back(std::move(source));
  }
  return sources;
}

std::vector<AptSource> parse_one_line_sources(std::string_view text) {
  std::vector<AptSource> sources;
  for (const auto& line : split(text, '\n')) {
    if (auto source = parse_line(line)) sources.push_back(std::move(*source));
  }
  return sources;
}

std::vector<AptSource> read_apt_sources(const fs::path& apt) {
  std::vector<fs::path> files = {apt / "sources.list"};
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(apt / "sources.list.d", ignored)) {
    const auto extension = entry.path().extension();
    if (extension == ".list" || extension == ".sources") files.push_back(entry.path());
  }
  std::sort(files.begin() + 1, files.end());
  std::vector<AptSource> sources;
  for (const auto& file : files) {
    std::optional<std::string> text;
    try {
      text = read_file_if_exists(file);
    } catch (const Error&) {
      continue;
    }
    if (!text) continue;
    auto found = file.extension() == ".sources" ? parse_deb822_sources(*text) : parse_one_line_sources(*text);
    std::move(found.begin(), found.end(), std::back_inserter(sources));
  }
  return sources;
}

const AptSource* find_archive(const std::vector<AptSource>& sources, std::string_view archive,
                              std::string_view codename) {
  const AptSource* best = nullptr;
  int best_score = 0;
  for (const auto& source : sources) {
    const int score = likeness(source, archive, codename);
    if (score > best_score) {
      best = &source;
      best_score = score;
    }
  }
  return best;
}

}  // namespace blueprint::packages
