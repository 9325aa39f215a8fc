// What a stage is while its instructions are carried out. Docker keeps one configuration that every instruction changes
// and that each RUN sees as it is at that point; a recipe has one environment for all layers. So each run layer gets
// the environment, user and directory of its own moment, and finish() takes back what the recipe's environment would
// add to earlier layers.

#include "builder/recipe/dockerfile_stage.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <utility>

#include <fmt/format.h>

#include "base/json.h"
#include "base/text.h"
#include "builder/recipe/check.h"
#include "builder/recipe/errors.h"

namespace blueprint::recipe::dockerfile {
namespace {

constexpr std::size_t kMaxPath = 1024;
constexpr std::size_t kMaxAccount = 32;

// What Docker gives to commands when no image says otherwise.
constexpr std::string_view kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return text;
}

}  // namespace

std::optional<std::string> platform_arg(const std::string& name) {
  if (name == "TARGETPLATFORM" || name == "BUILDPLATFORM") return "linux/amd64";
  if (name == "TARGETOS" || name == "BUILDOS") return "linux";
  if (name == "TARGETARCH" || name == "BUILDARCH") return "amd64";
  if (name == "TARGETVARIANT" || name == "BUILDVARIANT") return "";
  return std::nullopt;
}

Stage::Stage(FileScope& scope, std::optional<BaseConfig> base) : scope_(&scope), base_is_known_(base.has_value()) {
  if (!base) return;
  base_ = std::move(*base);
  variables_ = base_.env;
  workdir_ = absolute(base_.workdir);
  base_.workdir = workdir_;
  directories_.insert(workdir_);
  user_.value = base_.user;
}

void Stage::apply(const Instruction& instruction) {
  if (instruction.on_build) return triggers_.push_back(instruction);
  const std::string& keyword = instruction.keyword;
  if (keyword == "ARG") return arg(instruction);
  if (keyword == "ENV") return env(instruction);
  if (keyword == "LABEL") return label(instruction);
  if (keyword == "WORKDIR") return workdir(instruction);
  if (keyword == "USER") return user(instruction);
  if (keyword == "EXPOSE") return expose(instruction);
  if (keyword == "SHELL") return shell(instruction);
  if (keyword == "RUN") return run(instruction);
  if (keyword == "COPY" || keyword == "ADD") return copy(instruction);
  record(instruction);
}

void Stage::begin_child() {
  layers_.clear();
  layer_counts_.clear();
  secrets_.clear();
  forget_made_workdirs();  // finish() of the parent makes them
  for (Instruction& trigger : std::exchange(triggers_, {})) {
    trigger.on_build = false;
    apply(trigger);
  }
}

SourceSpan Stage::at(const Instruction& instruction, const Word& word) const {
  return scope_->source.span(instruction.at(word.offset, word.text.size()));
}

void Stage::unmappable(const SourceSpan& where, std::string_view what, std::string_view hint) {
  scope_->faults.add(cannot_map(where, what, hint));
}

void Stage::warn(const SourceSpan& where, std::string_view message) {
  scope_->warnings.push_back(dockerfile_warning(where, message));
}

Lookup Stage::lookup(const SourceSpan& where) {
  return [this, where](const std::string& name) -> std::optional<std::string> {
    if (const auto found = variables_.find(name); found != variables_.end()) return found->second;
    if (name == "PATH") return std::string(kDefaultPath);
    if (declared_.contains(name)) return std::nullopt;
    warn(where, base_is_known_
                    ? fmt::format("'{}' is set neither in this file nor by the base image", printable(name))
                    : fmt::format("'{}' is not set in this file and counts as unset here, whatever the base image says",
                                  printable(name)));
    return std::nullopt;
  };
}

std::string Stage::expanded(std::string_view text, const SourceSpan& where) {
  Expanded result = expand(text, scope_->escape, lookup(where));
  if (!result.fault.empty()) scope_->faults.add(malformed_dockerfile(where, result.fault));
  return std::move(result.text);
}

std::string Stage::expanded(const Word& word, const Instruction& instruction) {
  return expanded(word.text, at(instruction, word));
}

std::vector<std::pair<Word, std::string>> Stage::assignments(const Instruction& instruction) {
  std::vector<std::pair<Word, std::string>> found;
  const std::vector<Word> words = split_words(instruction.text, scope_->escape);
  const bool old_form = !words.empty() && words[0].text.find('=') == std::string::npos;
  if (old_form) {  // ENV name the rest of the line
    if (words.size() < 2) {
      scope_->faults.add(malformed_dockerfile(at(instruction, words[0]), instruction.keyword + " needs NAME=VALUE"));
      return found;
    }
    const Word rest{instruction.text.substr(words[1].offset), words[1].offset};
    found.emplace_back(words[0], expanded(rest, instruction));
    return found;
  }
  for (const Word& word : words) {
    const std::size_t equals = word.text.find('=');
    if (equals == 0 || equals == std::string::npos) {
      scope_->faults.add(malformed_dockerfile(at(instruction, word), instruction.keyword + " needs NAME=VALUE"));
      continue;
    }
    Word name{word.text.substr(0, equals), word.offset};
    if (instruction.keyword == "LABEL") name.text = expanded(name, instruction);
    const Word value{word.text.substr(equals + 1), word.offset + equals + 1};
    found.emplace_back(name, expanded(value, instruction));
  }
  return found;
}

void Stage::arg(const Instruction& instruction) {
  for (const Word& word : split_words(instruction.text, scope_->escape)) {
    const std::size_t equals = word.text.find('=');
    const std::string name = word.text.substr(0, equals);
    std::optional<std::string> value;
    if (equals != std::string::npos)
      value = expanded({word.text.substr(equals + 1), word.offset + equals + 1}, instruction);
    if (const auto global = scope_->global_args.find(name); !value && global != scope_->global_args.end())
      value = global->second;
    if (!value) value = platform_arg(name);
    if (const auto given = scope_->build_args.find(name); given != scope_->build_args.end()) value = given->second;
    declared_.insert(name);
    if (value) variables_[name] = *value;
  }
}

void Stage::env(const Instruction& instruction) {
  // All values of one ENV see what was set before it.
  for (auto& [name, value] : assignments(instruction)) {
    const bool is_name = std::all_of(name.text.begin(), name.text.end(), [](char c) {
      return c == '_' || std::isalnum(static_cast<unsigned char>(c)) != 0;
    });
    if (!is_name)
      scope_->faults.add(
          bad_value(at(instruction, name), "a variable", name.text, "a name of letters, digits and '_'"));
    env_[name.text] = value;
    variables_[name.text] = value;
  }
}

void Stage::label(const Instruction& instruction) {
  for (auto& [name, value] : assignments(instruction)) {
    const bool is_name = !name.text.empty() && std::all_of(name.text.begin(), name.text.end(), [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_' || c == '-' || c == '/';
    });
    if (!is_name)
      scope_->faults.add(bad_value(at(instruction, name), "a label", name.text,
                                   "words of letters and digits joined by '.', '-', '_' or '/'"));
    labels_[name.text] = value;
  }
}

std::string Stage::absolute(const std::string& path) const {
  std::filesystem::path whole = std::filesystem::path(workdir_) / path;
  std::string clean = whole.lexically_normal().generic_string();
  while (clean.size() > 1 && clean.ends_with('/')) clean.pop_back();
  return clean.starts_with("//") ? clean.substr(1) : clean;
}

void Stage::workdir(const Instruction& instruction) {
  std::string directory = absolute(expanded({instruction.text, 0}, instruction));
  if (directory.size() > kMaxPath) {
    scope_->faults.add(
        bad_value(at(instruction.place), "a directory", directory, fmt::format("at most {} bytes long", kMaxPath)));
    return;
  }
  workdir_ = std::move(directory);
  if (!is_directory_in_image(workdir_)) workdirs_to_make_.push_back({workdir_, identity(), instruction.place});
}

std::string Stage::identity() const {
  const auto is_root_of = [](const std::string& name) { return name.empty() || name == "root" || name == "0"; };
  const bool is_root = is_root_of(user_.value);
  if (group_.empty() || (is_root && is_root_of(group_))) return is_root ? "" : user_.value;
  return fmt::format("{}:{}", is_root ? "root" : user_.value, group_);
}

void Stage::user(const Instruction& instruction) {
  const std::string text = expanded({instruction.text, 0}, instruction);
  const std::size_t colon = text.find(':');
  user_ = {text.substr(0, colon), at(instruction.at(0, instruction.text.size()))};
  group_ = colon == std::string::npos ? "" : text.substr(colon + 1);
  if (!group_.empty() && group_ != user_.value) {
    warn(user_.where, "the group that USER names counts for RUN: a sandbox runs commands with the user's own groups");
  }
  const auto check_account = [&](const char* what, const std::string& name) {
    const bool is_account = !name.empty() && name.size() <= kMaxAccount &&
                            name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-") == std::string::npos &&
                            name[0] != '-';
    if (!is_account)
      scope_->faults.add(
          bad_value(user_.where, what, name, "a name of lower-case letters, digits, '_' and '-', or a number"));
  };
  check_account("a user", user_.value);
  if (colon != std::string::npos) check_account("a group", group_);
}

void Stage::expose(const Instruction& instruction) {
  for (const Word& word : split_at_blanks(instruction.text)) {
    const std::string text = expanded(word, instruction);
    const std::size_t slash = text.find('/');
    const std::string range = text.substr(0, slash);
    if (slash != std::string::npos && lower(text.substr(slash + 1)) != "tcp") {
      warn(at(instruction, word), "only TCP ports are forwarded; this one is left out");
      continue;
    }
    const std::size_t dash = range.find('-');
    const auto first = parse_integer(range.substr(0, dash));
    const auto last = dash == std::string::npos ? first : parse_integer(range.substr(dash + 1));
    if (!first || !last || *first < 1 || *last > 65535 || *first > *last) {
      scope_->faults.add(
          out_of_range(at(instruction, word), fmt::format("port '{}'", printable(text)), "between 1 and 65535"));
      continue;
    }
    for (std::int64_t port = *first; port <= *last; ++port) ports_.insert(static_cast<std::uint16_t>(port));
  }
}

void Stage::shell(const Instruction& instruction) {
  if (!instruction.words || instruction.words->empty()) {
    scope_->faults.add(
        malformed_dockerfile(at(instruction.place), R"(SHELL needs a JSON list such as ["/bin/bash", "-c"])"));
    return;
  }
  shell_ = *instruction.words;
}

/// What says how a container starts is kept as a label; a sandbox starts its init.
void Stage::record(const Instruction& instruction) {
  const std::string& keyword = instruction.keyword;
  if (keyword == "MAINTAINER") {
    labels_["maintainer"] = instruction.text;
  } else if (keyword == "VOLUME") {
    warn(at(instruction.place), "VOLUME is left out: the whole disk of a sandbox is its own");
  } else {
    std::string value = instruction.words ? Json(*instruction.words).dump() : instruction.text;
    std::string flags;
    for (const Flag& flag : instruction.flags) flags += fmt::format("--{}={} ", flag.name, flag.value);
    value = flags + value;
    if (keyword == "STOPSIGNAL") value = expanded(value, at(instruction.at(0, value.size())));
    labels_["dockerfile." + lower(keyword)] = value;
    warn(at(instruction.place),
         fmt::format("{} is recorded as the label 'dockerfile.{}' and has no effect", keyword, lower(keyword)));
  }
}

Layer& Stage::add_layer(std::string_view kind, const Instruction& instruction) {
  Layer layer{.name = fmt::format("{}-{}", kind, ++layer_counts_[std::string(kind)]),
              .where = at(instruction.place),
              .directory = scope_->context_directory};
  layers_.push_back(std::move(layer));
  return layers_.back();
}

bool Stage::is_directory_in_image(const std::string& path) const {
  // Of every distribution (FHS), so that `COPY app /usr/local/bin` is understood without asking the base image.
  static const std::set<std::string> kAlways{"/",
                                             "/bin",
                                             "/etc",
                                             "/home",
                                             "/lib",
                                             "/media",
                                             "/mnt",
                                             "/opt",
                                             "/root",
                                             "/run",
                                             "/sbin",
                                             "/srv",
                                             "/tmp",
                                             "/usr",
                                             "/usr/bin",
                                             "/usr/lib",
                                             "/usr/sbin",
                                             "/usr/src",
                                             "/usr/local",
                                             "/usr/local/bin",
                                             "/usr/local/etc",
                                             "/usr/local/lib",
                                             "/usr/local/sbin",
                                             "/usr/local/share",
                                             "/usr/local/src",
                                             "/usr/share",
                                             "/var",
                                             "/var/lib",
                                             "/var/log",
                                             "/var/tmp"};
  return kAlways.contains(path) || directories_.contains(path);
}

void Stage::refuse_triggers() {
  for (const Instruction& trigger : triggers_) {
    unmappable(at(trigger.place), "ONBUILD has no counterpart in an image: a blueprint image holds no instructions",
               "put the instruction into the Dockerfiles that build on this one, or into a fragment");
  }
}

void Stage::finish(Recipe& recipe) {
  make_workdirs();
  for (Layer& layer : layers_) {
    auto* step = std::get_if<RunStep>(&layer.step);
    if (step == nullptr) continue;
    // The recipe's env reaches every layer, but ENV only those below it: what comes later is taken back.
    std::string unset;
    for (const auto& [name, value] : env_) {
      if (step->env.contains(name)) continue;
      if (const auto inherited = base_.env.find(name); inherited != base_.env.end()) {
        step->env.insert(*inherited);
      } else if (name == "PATH") {
        step->env.emplace(name, kDefaultPath);
      } else {
        unset += " " + name;
      }
    }
    if (!unset.empty()) step->script.value = fmt::format("unset{}\n{}", unset, step->script.value);
  }
  recipe.layers = std::move(layers_);
  recipe.env = std::move(env_);
  recipe.labels = std::move(labels_);
  if (workdir_ != (base_.workdir.empty() ? "/" : base_.workdir)) recipe.workdir = workdir_;
  if (user_.value != base_.user) recipe.user = user_.value;
  recipe.launch.ports.assign(ports_.begin(), ports_.end());
  for (const std::string& name : secrets_) {
    std::string variable = name;
    std::replace_if(
        variable.begin(), variable.end(), [](char c) { return c == '-' || c == '.'; }, '_');
    recipe.secrets.push_back({name, SecretSource::Kind::Env, {variable, {}}});
  }
}

}  // namespace blueprint::recipe::dockerfile
