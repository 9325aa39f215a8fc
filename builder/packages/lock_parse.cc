// The reader of locks.
//
// Not a YAML parser: the writer knows one layout (drawn in lock.h), and a reader of exactly that is a tenth of the
// code, says where each fault stands, and reads 240 packages in less than a millisecond, which matters because
// every build that finds nothing to do reads its lock first. Faults are collected; what cannot be read is left out and
// the rest still checked.

#include <algorithm>
#include <charconv>
#include <set>

#include "base/root_dir.h"
#include "builder/packages/lock.h"
#include "builder/packages/lock_errors.h"
#include "builder/packages/lock_fields.h"

namespace blueprint::packages {
namespace {

/// Takes typed values out of the fields of one map; what is left in the end is unknown.
class Fields {
 public:
  Fields(const std::string& file, std::vector<LockField> fields, LockPlace place, std::vector<Diagnostic>& faults)
      : file_(file), fields_(std::move(fields)), taken_(fields_.size(), false), place_(place), faults_(faults) {}

  enum class Need { Required, Optional };

  const LockField* find(std::string_view key, Need need = Need::Required) {
    for (std::size_t i = 0; i < fields_.size(); ++i) {
      if (fields_[i].key != key) continue;
      taken_[i] = true;
      return &fields_[i];
    }
    if (need == Need::Required) faults_.push_back(lock_key("missing", key, lock_span(file_, place_)));
    return nullptr;
  }
  std::string text(std::string_view key, Need need = Need::Required) {
    const auto* field = find(key, need);
    if (field == nullptr) return {};
    const bool clean =
        std::none_of(field->value.begin(), field->value.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
    if (field->is_list || field->value.empty() || !clean)
      faults_.push_back(lock_value(key, "text", lock_span(file_, field->value_place)));
    return field->value;
  }
  template <typename Number>
  Number number(std::string_view key) {
    Number value{};
    const auto* field = find(key);
    if (field == nullptr) return value;
    const auto* end = field->value.data() + field->value.size();
    const auto [stop, error] = std::from_chars(field->value.data(), end, value);
    if (field->is_list || error != std::errc{} || stop != end)
      faults_.push_back(lock_value(key, "a number", lock_span(file_, field->value_place)));
    return value;
  }
  bool flag(std::string_view key) {
    const auto* field = find(key, Need::Optional);
    if (field == nullptr) return false;
    if (field->value != "true" && field->value != "false")
      faults_.push_back(lock_value(key, "true or false", lock_span(file_, field->value_place)));
    return field->value == "true";
  }
  Digest digest(std::string_view key) {
    const auto* field = find(key);
    if (field == nullptr) return {};
    const auto digest = Digest::parse_hex(field->value);
    if (!digest) faults_.push_back(lock_value(key, "64 hexadecimal digits", lock_span(file_, field->value_place)));
    return digest.value_or(Digest{});
  }
  std::vector<std::string> list(std::string_view key) {
    const auto* field = find(key);
    if (field == nullptr) return {};
    if (!field->is_list) faults_.push_back(lock_value(key, "a list", lock_span(file_, field->value_place)));
    return field->items;
  }
  void refuse_rest() {
    for (std::size_t i = 0; i < fields_.size(); ++i) {
      if (!taken_[i]) faults_.push_back(lock_key("unknown", fields_[i].key, lock_span(file_, fields_[i].key_place)));
    }
  }

 private:
  const std::string& file_;
  std::vector<LockField> fields_;
  std::vector<bool> taken_;
  LockPlace place_;
  std::vector<Diagnostic>& faults_;
};

/// A package with the places that later checks point at.
struct ReadPackage {
  std::string layer;
  std::size_t position = 0;  ///< in its layer
  LockPlace name_place;
  LockPlace repository_place;
  LockPlace why_place;
};

class Parser {
 public:
  Parser(std::string_view text, const std::string& file) : file_(file), lines_(split_lock_lines(text)) {}

  Lock parse() {
    check_format();
    while (next_ < lines_.size()) top_level();
    check_packages();
    for (const char* key : {"epoch", "recipe"}) {
      if (!seen_.contains(key)) faults_.push_back(lock_key("missing", key, start()));
    }
    if (!faults_.empty()) throw Error(std::move(faults_));
    return std::move(lock_);
  }

 private:
  [[nodiscard]] SourceSpan start() const { return {.file = file_, .line = 1, .column = 1}; }
  [[nodiscard]] SourceSpan span(const LockPlace& place) const { return lock_span(file_, place); }
  static LockPlace whole(const LockLine& line) { return {&line, line.indent, line.text.size() - line.indent}; }

  void check_format();
  void top_level();
  void scalar_entry(const LockField& field);
  void images();
  void repositories();
  void layers();
  void layer_packages(const std::string& layer);
  std::optional<Fields> list_item(std::size_t indent);
  void read_package(Fields fields, const std::string& layer, const LockLine& line);
  void check_packages();

  const std::string& file_;
  std::vector<LockLine> lines_;
  std::size_t next_ = 0;
  std::set<std::string> seen_;
  std::vector<ReadPackage> packages_;
  std::vector<Diagnostic> faults_;
  Lock lock_;
};

/// The format comes before all else: of a newer one nothing else can be judged. So do the marks of a merge.
void Parser::check_format() {
  for (const auto& line : lines_) {
    if (line.text.starts_with("<<<<<<<") || line.text.starts_with(">>>>>>>"))
      throw Error(lock_conflict(span(whole(line))));
  }
  if (lines_.empty() || !lines_.front().text.starts_with("format:")) {
    throw Error(lock_syntax("'format: 1' first", lines_.empty() ? start() : span(whole(lines_.front()))));
  }
  const auto field = LockScanner(file_, lines_.front(), 0).entry(faults_);
  if (!field) throw Error(faults_);
  if (field->value == "1") {
    next_ = 1;
    return;
  }
  const bool number = !field->value.empty() && field->value.find_first_not_of("0123456789") == std::string::npos;
  throw Error(number && field->value != "0"
                  ? lock_too_new(field->value, lock_span(file_, field->value_place))
                  : lock_value("format", "a number from 1", lock_span(file_, field->value_place)));
}

void Parser::top_level() {
  const auto& line = lines_[next_++];
  if (line.indent != 0) {
    faults_.push_back(lock_syntax("a key at the beginning of the line", span(whole(line))));
    return;
  }
  const auto field = LockScanner(file_, line, 0).entry(faults_);
  if (!field) return;
  if (!seen_.insert(field->key).second) faults_.push_back(lock_key("duplicate", field->key, span(field->key_place)));
  if (field->key == "repositories") {
    repositories();
  } else if (field->key == "images") {
    images();
  } else if (field->key == "packages") {
    layers();
  } else {
    scalar_entry(*field);
  }
}

void Parser::scalar_entry(const LockField& field) {
  Fields one(file_, {field}, field.key_place, faults_);
  if (field.key == "epoch") {
    lock_.epoch = one.number<std::int64_t>("epoch");
  } else if (field.key == "recipe") {
    const auto digest = Digest::parse(field.value);
    if (!digest) faults_.push_back(lock_value("recipe", "sha256: and 64 hexadecimal digits", span(field.value_place)));
    lock_.recipe = digest.value_or(Digest{});
  } else if (field.key == "from") {
    if (!Digest::parse(field.value))
      faults_.push_back(lock_value("from", "sha256: and 64 hexadecimal digits", span(field.value_place)));
    lock_.from = field.value;
  } else {
    faults_.push_back(lock_key("unknown", field.key, span(field.key_place)));
  }
}

/// `- {…}` at this indent; moves to the next line. Nothing when the line is something else or cannot be read.
std::optional<Fields> Parser::list_item(std::size_t indent) {
  const auto& line = lines_[next_++];
  if (line.indent != indent || !line.text.substr(indent).starts_with("- ")) {
    faults_.push_back(lock_syntax("'- {…}'", span(whole(line))));
    return std::nullopt;
  }
  auto fields = LockScanner(file_, line, indent + 2).flow_map(faults_);
  if (!fields) return std::nullopt;
  return Fields(file_, std::move(*fields), whole(line), faults_);
}

void Parser::images() {
  while (next_ < lines_.size() && lines_[next_].indent > 0) {
    const auto& line = lines_[next_];
    auto fields = list_item(2);
    if (!fields) continue;
    const std::string name = fields->text("name");
    const std::string digest = fields->text("digest");
    if (!Digest::parse(digest))
      faults_.push_back(lock_value("digest", "sha256: and 64 hexadecimal digits", span(whole(line))));
    if (!lock_.images.emplace(name, digest).second) faults_.push_back(lock_key("duplicate", name, span(whole(line))));
    fields->refuse_rest();
  }
}

void Parser::repositories() {
  while (next_ < lines_.size() && lines_[next_].indent > 0) {
    auto fields = list_item(2);
    // A repository that cannot be read keeps its number, so that packages are not blamed for it.
    auto& repository = lock_.repositories.emplace_back();
    if (!fields) continue;
    repository.name = fields->text("name");
    repository.suite = fields->text("suite");
    repository.components = fields->list("components");
    repository.inrelease = fields->digest("inrelease");
    repository.key = fields->text("key");
    repository.date = fields->number<std::int64_t>("date");
    repository.snapshot = fields->text("snapshot", Fields::Need::Optional);
    fields->refuse_rest();
  }
}

void Parser::layers() {
  while (next_ < lines_.size() && lines_[next_].indent > 0) {
    const auto& line = lines_[next_++];
    if (line.indent != 2) {
      faults_.push_back(lock_syntax("the name of a layer", span(whole(line))));
      continue;
    }
    const auto layer = LockScanner(file_, line, 2).entry(faults_);
    if (!layer) continue;
    if (lock_.packages.contains(layer->key))
      faults_.push_back(lock_key("duplicate", layer->key, span(layer->key_place)));
    lock_.packages[layer->key];
    layer_packages(layer->key);
  }
}

void Parser::layer_packages(const std::string& layer) {
  while (next_ < lines_.size() && lines_[next_].indent > 2) {
    const auto& line = lines_[next_];
    if (auto fields = list_item(4)) read_package(std::move(*fields), layer, line);
  }
}

void Parser::read_package(Fields fields, const std::string& layer, const LockLine& line) {
  LockedPackage package;
  package.name = fields.text("name");
  package.version = fields.text("version");
  package.architecture = fields.text("arch");
  package.why = fields.text("why");
  package.automatic = fields.flag("auto");
  package.essential = fields.flag("essential");
  package.repository = fields.number<std::uint32_t>("repo");
  package.size_bytes = fields.number<std::uint64_t>("size");
  package.sha256 = fields.digest("sha256");
  package.filename = fields.text("file");
  const auto* file = fields.find("file", Fields::Need::Optional);
  if (file != nullptr && (clean_member_path(package.filename) != package.filename || package.filename.empty())) {
    faults_.push_back(lock_value("file", "a relative path without '..'", span(file->value_place)));
  }
  fields.refuse_rest();
  const auto place = [&](const char* key) {
    const auto* field = fields.find(key, Fields::Need::Optional);
    return field == nullptr ? whole(line) : field->value_place;
  };
  auto& packages = lock_.packages[layer];
  packages_.push_back({.layer = layer,
                       .position = packages.size(),
                       .name_place = place("name"),
                       .repository_place = place("repo"),
                       .why_place = place("why")});
  packages.push_back(std::move(package));
}

/// What no single line shows.
void Parser::check_packages() {
  std::map<std::string, std::set<std::string>> names;             // by layer
  std::map<std::pair<std::string, std::string>, int> first_line;  // (layer, name:arch) → line
  for (const auto& [layer, packages] : lock_.packages) {
    for (const auto& package : packages) names[layer].insert(package.name);
  }
  for (const auto& read : packages_) {
    const auto& package = lock_.packages[read.layer][read.position];
    const std::string full = package.name + ":" + package.architecture;
    const auto [earlier, fresh] = first_line.emplace(std::pair(read.layer, full), read.name_place.line->number);
    if (!fresh) faults_.push_back(lock_duplicate(full, read.layer, earlier->second, span(read.name_place)));
    if (package.repository >= lock_.repositories.size()) {
      faults_.push_back(lock_no_repository(package.repository, lock_.repositories.size(), span(read.repository_place)));
    }
    const bool root = package.why == "asked for" || package.why == "essential";
    if (!root && !names[read.layer].contains(package.why))
      faults_.push_back(lock_no_reason(package.name, package.why, span(read.why_place)));
  }
}

}  // namespace

Lock parse_lock(std::string_view text, const std::string& file) { return Parser(text, file).parse(); }

}  // namespace blueprint::packages
