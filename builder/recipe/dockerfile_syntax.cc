// Lines of a Dockerfile to instructions, by the rules of BuildKit's parser: parser directives first, `#` comments also
// between continued lines, the escape character at the end of a line joins it with the next, `<<NAME` in RUN, COPY and
// ADD takes the lines up to NAME, and arguments that are a JSON array of strings are taken as such.

#include "builder/recipe/dockerfile_syntax.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/json.h"
#include "base/text.h"
#include "builder/recipe/errors.h"

namespace blueprint::recipe::dockerfile {
namespace {

// Each costs a layer or a copy of the environment; people write tens.
constexpr std::size_t kMaxInstructions = 2000;

constexpr std::array<std::string_view, 18> kKeywords{
    "ADD",   "ARG",        "CMD",     "COPY", "ENTRYPOINT", "ENV",        "EXPOSE", "FROM",   "HEALTHCHECK",
    "LABEL", "MAINTAINER", "ONBUILD", "RUN",  "SHELL",      "STOPSIGNAL", "USER",   "VOLUME", "WORKDIR"};

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool is_blank(char c) { return c == ' ' || c == '\t'; }

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

class Parser {
 public:
  Parser(const Source& source, Faults& faults) : source_(source), faults_(faults) {}

  File parse() {
    read_directives();
    while (line_ <= source_.line_count()) {
      const std::string_view text = trim(source_.line(line_));
      if (text.empty() || text[0] == '#') {
        ++line_;
      } else {
        read_instruction();
      }
      if (file_.instructions.size() > kMaxInstructions) {
        faults_.add(malformed_dockerfile(source_.span(file_.instructions.back().place),
                                         fmt::format("more than {} instructions", kMaxInstructions)));
        break;
      }
    }
    return std::move(file_);
  }

 private:
  /// `# escape=` and the others, which stand before everything else.
  void read_directives() {
    for (; line_ <= source_.line_count(); ++line_) {
      const std::string_view text = trim(source_.line(line_));
      const std::size_t equals = text.find('=');
      if (!text.starts_with('#') || equals == std::string_view::npos) return;
      const std::string name = upper(trim(text.substr(1, equals - 1)));
      const std::string_view value = trim(text.substr(equals + 1));
      if (!is_one_of(name, {"SYNTAX", "ESCAPE", "CHECK"})) return;
      if (name != "ESCAPE") continue;
      if (value == "\\" || value == "`") {
        file_.escape = value[0];
      } else {
        faults_.add(
            malformed_dockerfile(source_.span({.line = line_, .column = 1, .length = static_cast<int>(text.size())}),
                                 "the escape character can be '\\' or '`'"));
      }
    }
  }

  void read_instruction() {
    Instruction instruction;
    instruction.text = read_logical_line(instruction);
    if (!read_keyword(instruction)) return;
    if (instruction.keyword == "ONBUILD" && !instruction.text.empty()) {
      instruction.on_build = true;
      if (!read_keyword(instruction)) return;
      if (is_one_of(instruction.keyword, {"FROM", "MAINTAINER", "ONBUILD"})) {
        faults_.add(malformed_dockerfile(source_.span(instruction.place),
                                         fmt::format("ONBUILD cannot hold {}", instruction.keyword)));
        return;
      }
    }
    if (is_one_of(instruction.keyword, {"ADD", "COPY", "FROM", "RUN", "HEALTHCHECK"})) read_flags(instruction);
    if (is_one_of(instruction.keyword, {"ADD", "COPY", "RUN"})) read_heredocs(instruction);
    read_json(instruction);
    if (instruction.text.empty() && instruction.keyword != "HEALTHCHECK") {
      faults_.add(malformed_dockerfile(source_.span(instruction.place), instruction.keyword + " needs an argument"));
      return;
    }
    file_.instructions.push_back(std::move(instruction));
  }

  /// Takes the keyword from the front of the text; reports an unknown one.
  bool read_keyword(Instruction& instruction) {
    const std::size_t end = std::min(instruction.text.find_first_of(" \t"), instruction.text.size());
    instruction.keyword = upper(std::string_view(instruction.text).substr(0, end));
    instruction.place = instruction.at(0, end);
    drop_front(instruction, end);
    if (std::find(kKeywords.begin(), kKeywords.end(), instruction.keyword) != kKeywords.end()) return true;
    const std::vector<std::string> known(kKeywords.begin(), kKeywords.end());
    faults_.add(unknown_instruction(source_.span(instruction.place), instruction.keyword, known));
    return false;
  }

  /// The line at `line_` and those that continue it; notes where each starts.
  std::string read_logical_line(Instruction& instruction) {
    std::string logical;
    bool continued = true;
    while (continued && line_ <= source_.line_count()) {
      const std::string_view line = source_.line(line_);
      const std::string_view text = trim(line);
      const bool first = instruction.lines.empty();
      if (!first && (text.empty() || text[0] == '#')) {
        ++line_;
        continue;
      }
      const std::size_t indent = first ? line.find_first_not_of(" \t") : 0;
      std::string_view rest = line.substr(indent);
      while (!rest.empty() && is_blank(rest.back())) rest.remove_suffix(1);
      continued = rest.ends_with(file_.escape);
      if (continued) rest.remove_suffix(1);
      instruction.lines.emplace_back(logical.size(), Place{.line = line_, .column = static_cast<int>(indent) + 1});
      logical += rest;
      ++line_;
    }
    while (!logical.empty() && is_blank(logical.back())) logical.pop_back();
    return logical;
  }

  /// Takes `count` characters and the blanks behind them from the front of the text.
  static void drop_front(Instruction& instruction, std::size_t count) {
    while (count < instruction.text.size() && is_blank(instruction.text[count])) ++count;
    instruction.text.erase(0, count);
    std::vector<std::pair<std::size_t, Place>> lines;
    for (auto [start, place] : instruction.lines) {
      if (start > count) {
        lines.emplace_back(start - count, place);
      } else {
        place.column += static_cast<int>(count - start);
        lines.assign(1, {0, place});
      }
    }
    instruction.lines = std::move(lines);
  }

  static void read_flags(Instruction& instruction) {
    while (instruction.text.starts_with("--")) {
      const std::size_t end = std::min(instruction.text.find_first_of(" \t"), instruction.text.size());
      const std::string word = instruction.text.substr(0, end);
      const std::size_t equals = word.find('=');
      Flag flag{.name = word.substr(2, equals == std::string::npos ? equals : equals - 2),
                .place = instruction.at(0, end)};
      if (equals != std::string::npos) flag.value = word.substr(equals + 1);
      instruction.flags.push_back(std::move(flag));
      drop_front(instruction, end);
    }
  }

  /// BuildKit sees a heredoc only at the start of a word, behind the number of a file at most: `1<<2` is none.
  static bool starts_word(std::string_view text, std::size_t at) {
    while (at > 0 && text[at - 1] >= '0' && text[at - 1] <= '9') --at;
    return at == 0 || is_blank(text[at - 1]);
  }

  void read_heredocs(Instruction& instruction) {
    const std::string& text = instruction.text;
    char quote = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (quote != 0) {
        if (text[i] == quote) quote = 0;
      } else if (text[i] == '\'' || text[i] == '"') {
        quote = text[i];
      } else if (text.compare(i, 3, "<<<") == 0) {
        i += 2;
      } else if (text.compare(i, 2, "<<") == 0) {
        i = starts_word(text, i) ? read_heredoc(instruction, i) : i + 1;
      }
    }
  }

  /// Reads the lines of the heredoc whose `<<` is at `at`; returns the offset of the last character of its name.
  std::size_t read_heredoc(Instruction& instruction, std::size_t at) {
    const std::string& text = instruction.text;
    std::size_t start = at + 2;
    const bool strips_tabs = start < text.size() && text[start] == '-';
    if (strips_tabs) ++start;
    const char quote = start < text.size() && (text[start] == '\'' || text[start] == '"') ? text[start] : '\0';
    if (quote != '\0') ++start;
    std::size_t end = start;
    while (end < text.size() && is_name_character(text[end])) ++end;
    const bool is_name = end > start && (quote == '\0' || (end < text.size() && text[end] == quote));
    if (!is_name) return at + 1;  // a shift or a file descriptor, which is the shell's business
    Heredoc heredoc{.name = text.substr(start, end - start), .quoted = quote != '\0'};
    for (; line_ <= source_.line_count(); ++line_) {
      std::string_view line = source_.line(line_);
      instruction.heredoc_text += std::string(line) + "\n";
      if (strips_tabs) line.remove_prefix(std::min(line.find_first_not_of('\t'), line.size()));
      if (line == heredoc.name) {
        ++line_;
        instruction.heredocs.push_back(std::move(heredoc));
        return end - (quote == '\0' ? 1 : 0);
      }
      heredoc.body += std::string(line) + "\n";
    }
    faults_.add(malformed_dockerfile(source_.span(instruction.at(at, end - at)),
                                     "no line '" + heredoc.name + "' ends this heredoc"));
    return end;
  }

  static void read_json(Instruction& instruction) {
    if (!instruction.text.starts_with('[')) return;
    const Json json = Json::parse(instruction.text, nullptr, false);
    if (!json.is_array() || !std::all_of(json.begin(), json.end(), [](const Json& item) { return item.is_string(); }))
      return;
    instruction.words = json.get<std::vector<std::string>>();
  }

  const Source& source_;
  Faults& faults_;
  File file_;
  int line_ = 1;
};

}  // namespace

Place Instruction::at(std::size_t offset, std::size_t length) const {
  auto line = std::find_if(lines.rbegin(), lines.rend(), [&](const auto& start) { return start.first <= offset; });
  if (line == lines.rend()) return place;
  Place found = line->second;
  found.column += static_cast<int>(offset - line->first);
  found.length = static_cast<int>(length);
  return found;
}

std::string upper(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  return out;
}

File parse(const Source& source, Faults& faults) { return Parser(source, faults).parse(); }

}  // namespace blueprint::recipe::dockerfile
