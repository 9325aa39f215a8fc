// A small YAML emitter instead of yaml-cpp's: the canonical form must be the same on every version of it, must stay
// readable (literal blocks for scripts), and carries a comment behind each scalar. A text is plain only when it is made
// of characters that mean nothing to any version of YAML; block scalars only when every line reads back as it is; all
// else is double-quoted.

#include "builder/recipe/yaml_writer.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "builder/recipe/node.h"

namespace blueprint::recipe {
namespace {

constexpr std::string_view kAlphanumeric = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// A subset of what YAML allows, easy to see to be right.
bool is_plain(std::string_view text) {
  static const std::string kFirst = std::string(kAlphanumeric) + "/_.";
  static const std::string kRest = kFirst + "-+=@%~:";
  return !text.empty() && kFirst.find(text[0]) != std::string::npos &&
         text.find_first_not_of(kRest) == std::string_view::npos && text.back() != ':' && !text.starts_with("...") &&
         meaning_of_plain(text) == Meaning::Text;
}

/// A double-quoted scalar; control characters escaped, C1 among them (0xC2 0x80 to 0x9F in UTF-8).
std::string quote(std::string_view text) {
  std::string out = "\"";
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const auto next = static_cast<unsigned char>(i + 1 < text.size() ? text[i + 1] : 0);
    if (c == '\n' || c == '\t') {
      out += c == '\n' ? "\\n" : "\\t";
    } else if (c == 0xC2 && next >= 0x80 && next < 0xA0) {
      out += fmt::format("\\x{:02x}", next);
      ++i;
    } else if (c < 0x20 || c == 0x7F) {
      out += fmt::format("\\x{:02x}", c);
    } else {
      if (c == '"' || c == '\\') out += '\\';
      out += text[i];
    }
  }
  return out + "\"";
}

/// Whether `text` reads the same as a literal block: lines of printable text without blanks at their ends, which
/// editors remove, and an end that '|' or '|-' can say.
bool is_block(std::string_view text) {
  if (text.find('\n') == std::string_view::npos || text[0] == ' ' || text[0] == '\n' || text.ends_with("\n\n"))
    return false;
  const std::vector<std::string> lines = split(text, '\n');
  return std::all_of(lines.begin(), lines.end(),
                     [](const std::string& line) { return !line.ends_with(' ') && printable(line) == line; });
}

}  // namespace

YamlValue YamlValue::raw(std::string text) {
  YamlValue value;
  value.scalar_ = std::move(text);
  return value;
}

YamlValue YamlValue::text(std::string_view text) {
  if (is_plain(text)) return raw(std::string(text));
  if (!is_block(text)) return raw(quote(text));
  YamlValue value = raw(text.ends_with('\n') ? "|" : "|-");
  value.block_ = split(text.substr(0, text.size() - (text.ends_with('\n') ? 1 : 0)), '\n');
  return value;
}

YamlValue YamlValue::list() {
  YamlValue value;
  value.kind_ = Kind::List;
  return value;
}

YamlValue YamlValue::map() {
  YamlValue value;
  value.kind_ = Kind::Map;
  return value;
}

class YamlPrinter {
 public:
  explicit YamlPrinter(OriginComments comments) : comments_(comments) {}

  void document(const YamlValue& root) { map(root, 0, "", root.origins_); }

  /// Prints what follows "key:" or "-", which is already on the line.
  void value(const YamlValue& value, int indent, const std::string& path, const Origins* origins) {
    if (value.origins_ != nullptr) origins = value.origins_;
    const std::string start = value.origins_ != nullptr ? "" : path;
    if (value.kind_ == YamlValue::Kind::Scalar) {
      out_ += " " + value.scalar_;
      comment(path, origins);
      for (const std::string& line : value.block_)
        out_ += line.empty() ? "\n" : fmt::format("{:{}}{}\n", "", indent, line);
    } else if (value.items_.empty()) {
      out_ += value.kind_ == YamlValue::Kind::List ? " []" : " {}";
      comment(path, origins);
    } else if (value.kind_ == YamlValue::Kind::List) {
      out_ += '\n';
      list(value, indent, start, origins);
    } else {
      out_ += '\n';
      map(value, indent, start, origins);
    }
  }

  void map(const YamlValue& map, int indent, const std::string& path, const Origins* origins) {
    bool on_line = at_item_;
    at_item_ = false;
    for (const auto& [key, item] : map.items_) {
      if (!on_line) out_ += std::string(static_cast<std::size_t>(indent), ' ');
      on_line = false;
      out_ += (is_plain(key) ? key : quote(key)) + ":";
      value(item, indent + 2, path.empty() ? key : path + "." + key, origins);
    }
  }

  [[nodiscard]] std::string take() { return std::move(out_); }

 private:
  void list(const YamlValue& list, int indent, const std::string& path, const Origins* origins) {
    for (std::size_t i = 0; i < list.items_.size(); ++i) {
      const YamlValue& item = list.items_[i].second;
      const std::string item_path = fmt::format("{}[{}]", path, i);
      out_ += std::string(static_cast<std::size_t>(indent), ' ') + "-";
      if (item.kind_ == YamlValue::Kind::Map && !item.items_.empty()) {
        out_ += ' ';
        at_item_ = true;  // the first key stands on the line of the '-'
        map(item, indent + 2, item.origins_ != nullptr ? "" : item_path,
            item.origins_ != nullptr ? item.origins_ : origins);
      } else {
        value(item, indent + 2, item_path, origins);
      }
    }
  }

  void comment(const std::string& path, const Origins* origins) {
    if (comments_ == OriginComments::Yes) {
      const auto origin = origins == nullptr ? Origins::const_iterator() : origins->find(path);
      const bool known = origins != nullptr && origin != origins->end();
      out_ += known ? fmt::format("  # {}:{}", printable(origin->second.file), origin->second.line) : "  # default";
    }
    out_ += '\n';
  }

  const OriginComments comments_;
  std::string out_;
  bool at_item_ = false;
};

std::string write_yaml(const YamlValue& root, OriginComments comments) {
  YamlPrinter printer(comments);
  printer.document(root);
  return printer.take();
}

}  // namespace blueprint::recipe
