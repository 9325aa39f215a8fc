// Reads YAML with yaml-cpp's events rather than with its Node: events keep duplicate keys, tell plain scalars from
// quoted ones, and let a document be refused while it is read. What yaml-cpp leaves to us:
//  - it gives the place of a token but not its length: the token's text is looked up in the source;
//  - an empty value has the place of whatever follows it: it gets the place of its key instead;
//  - it takes the escapes \N and \_ for one byte of Latin-1 each;
//  - it accepts an unclosed double quote at the end of the file, and tabs as indentation where they do no harm to it.
// An alias is replaced by a copy of what it names, within a limit on the number of values, so that what follows here
// needs to know nothing of anchors and "billion laughs" costs nothing.

#include "builder/recipe/yaml.h"

#include <algorithm>
#include <istream>
#include <map>
#include <sstream>
#include <utility>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "base/text.h"
#include "builder/recipe/errors.h"

namespace blueprint::recipe {
namespace {

constexpr std::size_t kMaxDepth = 32;
constexpr std::size_t kMaxValues = 100'000;
constexpr std::size_t kBytesPerValue =
    256;  // a long text counts as several values, so that aliases of it are limited too

Place place_of(const YAML::Mark& mark) {
  return {.line = std::max(mark.line, 0) + 1, .column = std::max(mark.column, 0) + 1};
}

/// What yaml-cpp read as a scalar, in UTF-8: the source is UTF-8, so any other byte is one that the escapes \N (U+0085)
/// and \_ (U+00A0) left.
std::string in_utf8(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) out += '\xC2';
    out += text.substr(0, std::max<std::size_t>(length, 1));
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

/// `place` moved behind the anchor that the node there begins with.
Place skip_anchor(const Source& source, Place place) {
  std::string_view rest = source.from(place);
  while (!rest.empty() && rest[0] == '&') {
    const std::size_t end = std::min(rest.find_first_of(" \t\n"), rest.size());
    const std::size_t next = std::min(rest.find_first_not_of(" \t", end), rest.size());
    if (next < rest.size() && rest[next] == '\n') break;  // the value is on a later line
    place.column += static_cast<int>(next);
    rest.remove_prefix(next);
  }
  return place;
}

/// Bytes of the quoted scalar that `rest` begins with, quotes included; nothing when it is not closed.
std::optional<std::size_t> quoted_length(std::string_view rest) {
  const char quote = rest[0];
  for (std::size_t i = 1; i < rest.size(); ++i) {
    if (quote == '"' && rest[i] == '\\') {
      ++i;
    } else if (rest[i] == quote) {
      if (quote == '\'' && i + 1 < rest.size() && rest[i + 1] == '\'') {
        ++i;
      } else {
        return i + 1;
      }
    }
  }
  return std::nullopt;
}

bool is_indentation(char c) { return c == ' ' || c == '\t'; }

class TreeBuilder final : public YAML::EventHandler {
 public:
  explicit TreeBuilder(const Source& source)
      : source_(source), in_block_scalar_(static_cast<std::size_t>(source.line_count()) + 2, false) {}

  [[nodiscard]] bool has_root() const { return has_root_; }
  [[nodiscard]] Node take_root() { return std::move(root_); }
  [[nodiscard]] Place document_start() const { return document_start_; }

  void OnDocumentStart(const YAML::Mark& mark) override { document_start_ = place_of(mark); }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Node node{.kind = Node::Kind::Null, .place = place_of(mark)};
    const std::string_view rest = source_.from(node.place);
    const bool written =
        rest.starts_with("~") || rest.starts_with("null") || rest.starts_with("Null") || rest.starts_with("NULL");
    if (written) {
      node.place.length = rest[0] == '~' ? 1 : 4;
    } else if (!open_.empty()) {
      node.place = open_.back().key ? open_.back().key->place : open_.back().node.place;
    }
    add(std::move(node), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Place place = place_of(mark);
    const std::string_view rest = source_.from(place);
    place.length = static_cast<int>(std::min(rest.find_first_of(" \t\n,]}:"), rest.size()));
    const auto named = anchored_.find(anchor);
    if (named == anchored_.end()) throw Error(alias_loop(source_.span(place)));
    count(named->second.second - 1, place);
    Node copy = named->second.first;
    copy.place = place;
    add(std::move(copy), 0);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuse_tag(tag, mark);
    Node node{.kind = Node::Kind::Scalar, .text = in_utf8(value), .place = skip_anchor(source_, place_of(mark))};
    node.style = tag == "?" ? Node::Style::Plain : Node::Style::Quoted;
    const std::string_view rest = source_.from(node.place);
    const std::size_t to_line_end = std::min(rest.find('\n'), rest.size());
    std::size_t length = 1;
    if (node.style == Node::Style::Plain) {
      length = rest.starts_with(value) ? value.size() : to_line_end;
    } else if (rest.starts_with('"') || rest.starts_with('\'')) {
      const auto whole = quoted_length(rest);
      if (!whole) throw Error(malformed(source_.span(node.place), "this quote is not closed", ""));
      length = std::min(*whole, to_line_end);
    } else if (rest.starts_with('|') || rest.starts_with('>')) {
      note_block_scalar(node.place.line, rest.substr(0, to_line_end));
    }
    node.place.length = static_cast<int>(std::max<std::size_t>(1, length));
    if (value.find('\0') != std::string::npos) throw Error(control_character(source_.span(node.place), '\0'));
    add(std::move(node), anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(Node::Kind::List, mark, tag, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(Node::Kind::Map, mark, tag, anchor);
  }
  void OnMapEnd() override { close(); }

  enum class Blank { Skip, Look };

  /// The first line up to `last_line` whose indentation holds a tab; text of block scalars may. Lines that are blank or
  /// a comment matter only when yaml-cpp has stumbled over one.
  [[nodiscard]] std::optional<Place> find_tab(int last_line, Blank blank) const {
    for (int number = 1; number <= std::min(last_line, source_.line_count()); ++number) {
      if (in_block_scalar_[static_cast<std::size_t>(number)]) continue;
      const std::string_view line = source_.line(number);
      const std::size_t end = std::find_if_not(line.begin(), line.end(), is_indentation) - line.begin();
      if (blank == Blank::Skip && (end == line.size() || line[end] == '#')) continue;
      const std::size_t tab = line.substr(0, end).find('\t');
      if (tab != std::string_view::npos) return Place{.line = number, .column = static_cast<int>(tab) + 1};
    }
    return std::nullopt;
  }

 private:
  struct Open {
    Node node;
    YAML::anchor_t anchor = 0;
    std::optional<Node> key = std::nullopt;
    std::size_t values_before = 0;
  };

  void refuse_tag(const std::string& tag, const YAML::Mark& mark) const {
    if (tag.empty() || tag == "?" || tag == "!") return;
    Place place = place_of(mark);
    const std::string_view rest = source_.from(place);
    const std::size_t start = rest[0] == '&' ? std::min(rest.find('!'), rest.size()) : 0;
    place.column += static_cast<int>(start);
    place.length = static_cast<int>(std::min(rest.find_first_of(" \t\n", start), rest.size()) - start);
    throw Error(tag_refused(source_.span(place)));
  }

  void count(std::size_t values, const Place& place) {
    values_ += values;
    if (values_ > kMaxValues) throw Error(too_many_values(source_.span(place), kMaxValues));
  }

  void open(Node::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    refuse_tag(tag, mark);
    const Place place = skip_anchor(source_, place_of(mark));
    if (open_.size() >= kMaxDepth) throw Error(too_deep(source_.span(place), kMaxDepth));
    open_.push_back({.node = {.kind = kind, .place = place}, .anchor = anchor, .values_before = values_});
  }

  void close() {
    Open done = std::move(open_.back());
    open_.pop_back();
    if (done.key) throw Error(bug("a map ended after a key"));
    if (done.anchor != 0) anchored_[done.anchor] = {done.node, values_ - done.values_before + 1};
    add(std::move(done.node), 0);
  }

  void add(Node node, YAML::anchor_t anchor) {
    const std::size_t weight = 1 + node.text.size() / kBytesPerValue;
    count(weight, node.place);
    if (anchor != 0) anchored_[anchor] = {node, weight};
    if (open_.empty()) {
      root_ = std::move(node);
      has_root_ = true;
      return;
    }
    Open& parent = open_.back();
    if (parent.node.kind == Node::Kind::List) {
      parent.node.items.push_back(std::move(node));
    } else if (!parent.key) {
      if (node.kind != Node::Kind::Scalar)
        throw Error(malformed(source_.span(node.place), "a key must be a single word", ""));
      if (parent.node.members.empty() && source_.from(parent.node.place)[0] != '{') parent.node.place = node.place;
      parent.key = std::move(node);
    } else {
      parent.node.members.push_back({std::move(*parent.key), std::move(node)});
      parent.key.reset();
    }
  }

  /// Remembers which lines are the text of the block scalar whose header is `header`.
  void note_block_scalar(int header_line, std::string_view header) {
    const bool indentation_given = header.find_first_of("123456789") < header.find('#');
    std::size_t indentation = indentation_given ? 1 : 0;
    for (int number = header_line + 1; number <= source_.line_count(); ++number) {
      const std::string_view line = source_.line(number);
      const std::size_t spaces = std::min(line.find_first_not_of(' '), line.size());
      if (spaces < line.size()) {
        if (indentation == 0) indentation = spaces;
        if (spaces < indentation || spaces == 0) return;
      }
      in_block_scalar_[static_cast<std::size_t>(number)] = true;
    }
  }

  const Source& source_;
  std::vector<bool> in_block_scalar_;  ///< by line
  std::vector<Open> open_;
  std::map<YAML::anchor_t, std::pair<Node, std::size_t>> anchored_;  ///< finished nodes and the weight of each
  std::size_t values_ = 0;
  Node root_;
  bool has_root_ = false;
  Place document_start_;
};

/// yaml-cpp's message in our words, with what to do.
Diagnostic explain(const Source& source, const YAML::Exception& fault) {
  namespace Message = YAML::ErrorMsg;
  const SourceSpan where = source.span(place_of(fault.mark));
  const std::string_view rest = source.from(place_of(fault.mark));
  struct Known {
    const char* theirs;
    const char* ours;
    const char* hint;
  };
  static const Known kKnown[] = {
      {Message::MAP_VALUE, "a ':' cannot stand here",
       "quote a value that holds ': ', and check the indentation of this line and the one above"},
      {Message::MAP_KEY, "a key cannot stand here", "check the indentation of this line and the one above"},
      {Message::END_OF_MAP, "this line's indentation does not fit the map above",
       "keys of one map start in the same column"},
      {Message::END_OF_SEQ, "this line's indentation does not fit the list above",
       "the items of one list start in the same column"},
      {Message::END_OF_MAP_FLOW, "a map that '{' opened is not closed", "close it with '}'"},
      {Message::END_OF_SEQ_FLOW, "a list that '[' opened is not closed", "close it with ']'"},
      {Message::FLOW_END, "nothing is open that this bracket closes", ""},
      {Message::BLOCK_ENTRY, "a list item cannot start here", "put '- ' on a line of its own, below the key"},
      {Message::EOF_IN_SCALAR, "a quote is not closed at the end of the file", ""},
      {Message::CHAR_IN_BLOCK, "only an indentation digit, '+', '-' or a comment may follow '|' or '>'", ""},
      {Message::DOC_IN_SCALAR, "a quote is not closed before the end of the document", ""},
      {Message::UNKNOWN_ANCHOR, "this alias names no anchor above", ""},
  };
  for (const Known& known : kKnown) {
    if (fault.msg == known.theirs) return malformed(where, known.ours, known.hint);
  }
  if (fault.msg == Message::UNKNOWN_TOKEN && !rest.empty()) {
    return malformed(where, std::string("a value cannot start with '") + rest[0] + "'", "quote it");
  }
  if (fault.msg.starts_with(Message::INVALID_ESCAPE)) {
    return malformed(where, "unknown escape in a double-quoted text",
                     "write '\\\\' for a backslash, or use single quotes");
  }
  return malformed(where, fault.msg, "");
}

/// Whether what starts at `place` is marked as a document of its own.
bool starts_document(const Source& source, const Place& place) {
  const std::string_view line = source.line(place.line);
  return line.starts_with("---") || source.line(place.line - 1).starts_with("---") ||
         source.line(place.line - 1).starts_with("...");
}

}  // namespace

Node parse_yaml(const Source& source) {
  TreeBuilder builder(source);
  TreeBuilder after(source);
  std::istringstream stream(source.text());
  bool more = false;
  try {
    YAML::Parser parser(stream);
    parser.HandleNextDocument(builder);
    more = parser.HandleNextDocument(after);
  } catch (const YAML::Exception& fault) {
    if (const auto tab = builder.find_tab(fault.mark.line + 1, TreeBuilder::Blank::Look))
      throw Error(tab_in_indentation(source.span(*tab)));
    throw Error(explain(source, fault));
  }
  if (const auto tab = builder.find_tab(source.line_count(), TreeBuilder::Blank::Skip))
    throw Error(tab_in_indentation(source.span(*tab)));
  if (more) {
    const SourceSpan where = source.span(after.document_start());
    if (starts_document(source, after.document_start())) throw Error(several_documents(where));
    throw Error(malformed(where, "this does not belong to what stands above",
                          "check the indentation of this line and the one above"));
  }
  Node root = builder.has_root() ? builder.take_root() : Node{};
  if (root.kind == Node::Kind::Null) throw Error(empty_file(source.span({})));
  return root;
}

}  // namespace blueprint::recipe
