#include "builder/packages/repository_release.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>

#include "base/text.h"
#include "builder/packages/errors.h"
#include "builder/packages/index_stanza.h"

namespace blueprint::packages {
namespace {

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  for (const auto& word : split(text, ' ')) {
    if (!word.empty()) words.emplace_back(trim(word));
  }
  return words;
}

template <typename Number>
std::optional<Number> number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Lines of " DIGEST SIZE PATH".
bool parse_files(std::string_view text, std::map<std::string, Release::File>& files) {
  for (const auto& line : split(text, '\n')) {
    const auto words = words_of(line);
    if (words.empty()) continue;
    if (words.size() != 3) return false;
    const auto digest = Digest::parse_hex(words[0]);
    const auto size = number<std::uint64_t>(words[1]);
    if (!digest || !size) return false;
    files[words[2]] = {.sha256 = *digest, .size_bytes = *size};
  }
  return true;
}

}  // namespace

std::optional<std::int64_t> parse_release_date(std::string_view text) {
  static constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                               "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  auto words = words_of(text);
  if (!words.empty() && words.front().ends_with(',')) words.erase(words.begin());
  if (words.size() != 5 || (words[4] != "UTC" && words[4] != "GMT" && words[4] != "+0000")) return std::nullopt;
  const auto month = std::find(kMonths.begin(), kMonths.end(), words[1]);
  const auto clock = split(words[3], ':');
  if (month == kMonths.end() || clock.size() != 3) return std::nullopt;
  const auto day = number<int>(words[0]);
  const auto year = number<int>(words[2]);
  const auto hour = number<int>(clock[0]);
  const auto minute = number<int>(clock[1]);
  const auto second = number<int>(clock[2]);
  if (!day || !year || !hour || !minute || !second) return std::nullopt;
  const auto within = [](int value, int least, int most) { return value >= least && value <= most; };
  if (!within(*year, 1970, 9999) || !within(*day, 1, 31) || !within(*hour, 0, 23) || !within(*minute, 0, 59) ||
      !within(*second, 0, 60)) {
    return std::nullopt;
  }
  std::tm parts{};
  parts.tm_year = *year - 1900;
  parts.tm_mon = static_cast<int>(month - kMonths.begin());
  parts.tm_mday = *day;
  parts.tm_hour = *hour;
  parts.tm_min = *minute;
  parts.tm_sec = *second;
  return static_cast<std::int64_t>(::timegm(&parts));
}

Release parse_release(std::string_view text, std::string_view url) {
  const auto stanzas = parse_stanzas(text);
  if (stanzas.size() != 1) throw bad_release(url, "it is not one paragraph of fields");
  const auto& stanza = stanzas.front();
  Release release;
  release.suite = stanza.get("Suite");
  release.codename = stanza.get("Codename");
  release.architectures = words_of(stanza.get("Architectures"));
  release.components = words_of(stanza.get("Components"));
  const auto date = parse_release_date(stanza.get("Date"));
  if (!date) throw bad_release(url, "its Date is missing or malformed");
  release.date = *date;
  if (const auto until = stanza.get("Valid-Until"); !until.empty()) {
    release.valid_until = parse_release_date(until);
    if (!release.valid_until) throw bad_release(url, "its Valid-Until is malformed");
  }
  release.by_hash = stanza.get("Acquire-By-Hash") == "yes";
  const auto no_all = words_of(stanza.get("No-Support-for-Architecture-all"));
  const auto has = [](const std::vector<std::string>& list, std::string_view word) {
    return std::find(list.begin(), list.end(), word) != list.end();
  };
  release.all_included = !has(release.architectures, "all") || has(no_all, "Packages");
  if (!parse_files(stanza.get("SHA256"), release.files)) throw bad_release(url, "its list of SHA256 sums is malformed");
  if (release.files.empty()) throw bad_release(url, "it lists no SHA256 sums");
  return release;
}

void check_release(const Release& release, const RepositorySource& source, std::int64_t now) {
  const bool flat = source.suite.ends_with('/');
  // "bookworm/updates" style names of old security archives are compared by their first word.
  const std::string asked = source.suite.substr(0, source.suite.find('/'));
  if (!flat && release.suite != source.suite && release.codename != source.suite && release.codename != asked) {
    throw wrong_suite(source.release_url("InRelease"), source.suite,
                      release.codename.empty() ? release.suite : release.codename);
  }
  if (source.snapshot.empty() && release.valid_until && *release.valid_until < now) {
    throw release_expired(source.release_url("InRelease"), *release.valid_until, now);
  }
}

}  // namespace blueprint::packages
