#include "builder/packages/index_stanza.h"

#include <algorithm>
#include <cctype>

#include "base/text.h"

namespace blueprint::packages {

std::string_view Stanza::get(std::string_view name) const {
  for (const auto& [field, value] : fields) {
    const bool same = std::equal(field.begin(), field.end(), name.begin(), name.end(),
                                 [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); });
    if (same) return value;
  }
  return {};
}

std::vector<Stanza> parse_stanzas(std::string_view text) {
  std::vector<Stanza> stanzas;
  Stanza current;
  const auto finish = [&] {
    if (!current.fields.empty()) stanzas.push_back(std::move(current));
    current = {};
  };
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) {
      finish();
    } else if (line.front() == '#') {
      continue;
    } else if (line.front() == ' ' || line.front() == '\t') {
      if (current.fields.empty()) continue;
      auto& value = current.fields.back().second;
      value += '\n';
      value += line.substr(1);
    } else if (const auto colon = line.find(':'); colon != std::string_view::npos) {
      current.fields.emplace_back(std::string(line.substr(0, colon)), std::string(trim(line.substr(colon + 1))));
    }
  }
  finish();
  return stanzas;
}

}  // namespace blueprint::packages
