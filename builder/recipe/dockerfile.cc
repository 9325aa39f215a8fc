// A Dockerfile as recipes, in three passes: text to instructions (dockerfile_syntax.h), instructions to stages, and
// the target carried out (dockerfile_stage.h). A stage that another is FROM or copies from is carried out when that one
// asks for it and becomes a recipe of its own; one that nobody asks for is not looked at, as in BuildKit.

#include "builder/recipe/dockerfile.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/file.h"
#include "base/text.h"
#include "builder/recipe/check.h"
#include "builder/recipe/dockerfile_stage.h"
#include "builder/recipe/errors.h"

namespace blueprint::recipe {
namespace {

using namespace dockerfile;

namespace fs = std::filesystem;

constexpr std::size_t kMaxStages = 256;

/// FROM and what follows it.
struct StageText {
  std::string base;  ///< what FROM says, variables replaced
  Text from;         ///< the same with its place
  std::string name;  ///< of AS, in lower case
  std::vector<const Instruction*> instructions;
  SourceSpan where;
  std::size_t number = 0;
  std::optional<Stage> made;  ///< after it was carried out
  std::string recipe;         ///< name of the recipe that it became
};

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return text;
}

/// `text` as a word of a recipe's name: what is not allowed becomes '-'.
std::string word_from(const std::string& text) {
  std::string name;
  for (const char c : lower(text)) {
    const bool allowed = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (allowed || (!name.empty() && name.back() != '-')) name += allowed ? c : '-';
  }
  while (name.ends_with('-')) name.pop_back();
  return name;
}

/// Whether an image begins with the host of a registry, as Docker tells it from a namespace.
bool names_host(std::string_view image) {
  const std::size_t slash = image.find('/');
  if (slash == std::string_view::npos || image.find("://") != std::string_view::npos) return false;
  const std::string_view host = image.substr(0, slash);
  return host == "localhost" || (host.find_first_of(".:") != std::string_view::npos && host.front() != '.');
}

/// The recipe's name from that of a directory.
std::string name_from(const fs::path& directory) {
  std::error_code ignored;
  const fs::path whole = fs::absolute(directory, ignored).lexically_normal();
  const std::string name = word_from((whole.has_filename() ? whole : whole.parent_path()).filename().string());
  return name.empty() ? "dockerfile" : name;
}

class Mapper {
 public:
  Mapper(FileScope& scope, const DockerfileOptions& options, std::string name)
      : scope_(scope), options_(options), name_(std::move(name)) {
    scope_.image_named = [this](const std::string& image, const SourceSpan& where) {
      return image_named(image, where);
    };
  }

  Recipe map(const File& file) {
    read_stages(file);
    StageText* target = find_target();
    if (target == nullptr) return {};
    carry_out(*target);
    target->made->refuse_triggers();
    scope_.faults.throw_if_any();
    Recipe recipe = std::move(recipes_.back());
    recipes_.pop_back();
    recipe.name.value = name_;
    recipe.stages = std::move(recipes_);
    if (recipe.from.value == kScratch) {
      scope_.warnings.push_back(dockerfile_warning(
          recipe.from.where, "an image from scratch has no kernel and no init: it can be exported, not booted"));
    }
    return recipe;
  }

 private:
  SourceSpan at(const Place& place) const { return scope_.source.span(place); }

  /// What the site builds on for `image`: also when the file calls it by its full name, or pins it by digest. Else,
  /// when it begins with the host of a registry, the image there.
  [[nodiscard]] std::string alias_of(const std::string& image) const {
    std::string_view name = image;
    for (const std::string_view prefix : {"docker.io/library/", "docker.io/", "library/"}) {
      if (name.starts_with(prefix)) name.remove_prefix(prefix.size());
    }
    for (const std::string_view spelling : {std::string_view(image), name, name.substr(0, name.find('@'))}) {
      const auto alias = options_.aliases.find(std::string(spelling));
      if (alias != options_.aliases.end()) return alias->second;
    }
    return names_host(image) ? "oci://" + image : image;
  }

  void read_stages(const File& file) {
    for (const Instruction& instruction : file.instructions) {
      if (instruction.keyword == "FROM") {
        stages_.push_back(read_from(instruction));
        stages_.back().number = stages_.size() - 1;
        if (stages_.size() > kMaxStages) {
          scope_.faults.add(
              malformed_dockerfile(at(instruction.place), fmt::format("more than {} stages", kMaxStages)));
          return;
        }
      } else if (!stages_.empty()) {
        stages_.back().instructions.push_back(&instruction);
      } else if (instruction.keyword == "ARG") {
        global_arg(instruction);
      } else {
        scope_.faults.add(malformed_dockerfile(at(instruction.place), "only ARG may stand before the first FROM"));
      }
    }
  }

  Lookup global_lookup() const {
    return [this](const std::string& name) -> std::optional<std::string> {
      const auto found = scope_.global_args.find(name);
      return found == scope_.global_args.end() ? platform_arg(name) : found->second;
    };
  }

  /// A text before or in a FROM with its variables replaced; reports a malformed one.
  std::string expanded(std::string_view text, const SourceSpan& where) {
    Expanded result = expand(text, scope_.escape, global_lookup());
    if (!result.fault.empty()) scope_.faults.add(malformed_dockerfile(where, result.fault));
    return std::move(result.text);
  }

  void global_arg(const Instruction& instruction) {
    for (const Word& word : split_words(instruction.text, scope_.escape)) {
      const std::size_t equals = word.text.find('=');
      const std::string name = word.text.substr(0, equals);
      std::optional<std::string> value;
      if (equals != std::string::npos)
        value =
            expanded(std::string_view(word.text).substr(equals + 1), at(instruction.at(word.offset, word.text.size())));
      if (const auto given = scope_.build_args.find(name); given != scope_.build_args.end()) value = given->second;
      scope_.global_args[name] = value;
    }
  }

  StageText read_from(const Instruction& instruction) {
    StageText stage{.where = at(instruction.place)};
    for (const Flag& flag : instruction.flags) {
      const std::string value = expanded(flag.value, at(flag.place));
      if (flag.name == "platform" && value == "linux/amd64") continue;
      scope_.faults.add(cannot_map(
          at(flag.place), fmt::format("FROM --{}={} has no counterpart here", printable(flag.name), printable(value)),
          "images are for linux/amd64"));
    }
    const std::vector<Word> words = split_at_blanks(instruction.text);
    if (words.size() != 1 && !(words.size() == 3 && lower(words[1].text) == "as")) {
      scope_.faults.add(malformed_dockerfile(stage.where, "FROM needs IMAGE, or IMAGE AS NAME"));
      return stage;
    }
    if (words.size() == 3) stage.name = lower(words[2].text);
    const SourceSpan where = at(instruction.at(words[0].offset, words[0].text.size()));
    stage.base = expanded(words[0].text, where);
    if (stage.base.empty())
      scope_.faults.add(malformed_dockerfile(where, "FROM has no image: an ARG before it has no value"));
    stage.from = {stage.base, where};
    return stage;
  }

  /// The stage of this name before `before`; null = all. As in BuildKit, of two with one name the later one.
  StageText* find_stage(const std::string& name, const StageText* before) {
    StageText* found = nullptr;
    for (StageText& stage : stages_) {
      if (&stage == before) break;
      if (!stage.name.empty() && stage.name == lower(name)) found = &stage;
    }
    return found;
  }

  std::string image_named(const std::string& image, const SourceSpan& where) {
    StageText* stage = find_stage(image, current_);
    const auto number = parse_integer(image);
    if (stage == nullptr && number && *number >= 0 && static_cast<std::size_t>(*number) < current_->number)
      stage = &stages_[static_cast<std::size_t>(*number)];
    if (stage != nullptr) return carry_out(*stage);
    std::vector<std::string> names;
    for (const StageText& other : stages_) names.push_back(other.name);
    if (const auto near = near_names(lower(image), names); !near.empty()) {
      scope_.warnings.push_back(dockerfile_warning(
          where,
          fmt::format("'{}' is no earlier stage and counts as an image: {}", printable(image), did_you_mean(near))));
    }
    return alias_of(image);
  }

  StageText* find_target() {
    if (stages_.empty()) {
      scope_.faults.add(malformed_dockerfile(at({}), "there is no FROM"));
      return nullptr;
    }
    if (options_.target.empty()) return &stages_.back();
    StageText* found = find_stage(options_.target, nullptr);
    std::vector<std::string> names;
    for (const StageText& stage : stages_) names.push_back(stage.name);
    if (found == nullptr)
      scope_.faults.add(not_in_context(at({}), options_.target, "is no stage of this Dockerfile", names));
    return found;
  }

  /// Carries out a stage, and what it needs before it, unless that was done; returns the name of its recipe.
  std::string carry_out(StageText& text) {
    if (!text.recipe.empty()) return text.recipe;
    const StageText* asking = std::exchange(current_, &text);
    Recipe recipe;
    text.recipe = recipe_name(text);
    recipe.name = {text.recipe, text.where};
    if (StageText* parent = find_stage(text.base, &text); parent != nullptr) {
      recipe.from = {carry_out(*parent), text.from.where};
      text.made = parent->made;
      text.made->begin_child();
    } else {
      recipe.from = {alias_of(text.base), text.from.where};
      const auto config = config_of(recipe.from);
      if (config && !config->triggers.empty()) refuse_triggers(recipe.from, config->triggers);
      text.made.emplace(scope_, config);
    }
    for (const Instruction* instruction : text.instructions) text.made->apply(*instruction);
    Stage finished = *text.made;
    finished.finish(recipe);
    recipes_.push_back(std::move(recipe));
    current_ = asking;
    return text.recipe;
  }

  [[nodiscard]] std::optional<BaseConfig> config_of(const Text& image) const {
    if (image.value == kScratch) return BaseConfig{};
    return options_.base_config ? options_.base_config(image) : std::nullopt;
  }

  /// Docker would carry them out behind FROM, where nobody reads them.
  void refuse_triggers(const Text& image, const std::vector<std::string>& triggers) {
    scope_.faults.add(cannot_map(image.where,
                                 fmt::format("'{}' holds instructions back with ONBUILD", printable(image.value)),
                                 "write them behind this line: " + printable(join(triggers, "; "))));
  }

  /// Stages whose names differ in nothing that a recipe's name may say differ by their numbers.
  [[nodiscard]] std::string recipe_name(const StageText& text) const {
    const std::string number = fmt::format("stage-{}", text.number);
    std::string word = text.name.empty() ? number : word_from(text.name);
    if (word.empty()) word = number;
    const auto taken = [&](const StageText& other) { return other.recipe == name_ + "/" + word; };
    if (std::any_of(stages_.begin(), stages_.end(), taken)) word += "-" + std::to_string(text.number);
    return name_ + "/" + word;
  }

  FileScope& scope_;
  const DockerfileOptions& options_;
  const std::string name_;
  std::vector<StageText> stages_;
  const StageText* current_ = nullptr;  ///< the stage that is carried out
  std::vector<Recipe> recipes_;         ///< of the stages that were, each behind those that it needs
};

/// The rules of recipes hold for what a Dockerfile amounts to. What of it the instructions' own checks have not caught
/// is reported at the file's start.
void check_as_recipe(const Recipe& recipe, const Source& source) {
  try {
    static_cast<void>(parse_recipe(format_recipe(recipe), "recipe"));
  } catch (const Error& error) {
    throw Error(cannot_map(source.span({}),
                           fmt::format("this Dockerfile amounts to no valid recipe: {}", error.first().message),
                           error.first().where ? std::string(trim(error.first().where->text)) : ""));
  }
}

std::string read_ignore(const fs::path& file, const fs::path& context) {
  if (auto own = read_file_if_exists(file.string() + ".dockerignore")) return std::move(*own);
  return read_file_if_exists(context / ".dockerignore").value_or("");
}

}  // namespace

DockerfileResult compose_dockerfile(std::string_view text, const std::string& file, const fs::path& context,
                                    std::string_view ignore, const DockerfileOptions& options) {
  const Source source(file, text);
  const BuildContext files(context, ignore);
  DockerfileResult result;
  Faults faults;
  const File parsed = parse(source, faults);
  FileScope scope{.source = source,
                  .context = files,
                  .context_directory = context.string(),
                  .escape = parsed.escape,
                  .build_args = options.build_args,
                  .global_args = {},
                  .faults = faults,
                  .warnings = result.warnings};
  result.recipe = Mapper(scope, options, options.name.empty() ? name_from(context) : options.name).map(parsed);
  faults.throw_if_any();
  const auto complete = [&](Recipe& recipe) {
    recipe.file = file;
    recipe.directory = context.string();
    check_as_recipe(recipe, source);
  };
  for (Recipe& stage : result.recipe.stages) complete(stage);
  complete(result.recipe);
  return result;
}

DockerfileResult load_dockerfile(const fs::path& file, const fs::path& context, const DockerfileOptions& options) {
  return compose_dockerfile(read_file(file), file.string(), context, read_ignore(file, context), options);
}

}  // namespace blueprint::recipe
