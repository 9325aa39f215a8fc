// From files to one flat recipe:
//
//   text ──▶ tree ──▶ params given and substituted ──▶ checked against the table ──▶ values (Document)
//                                                                                        │ for each `use`: the same
//                                                                                        again ▼
//                                                             flat Recipe ──▶ rules that span layers (rules.h)
//
// Params are substituted in the tree, before the check, so that a substituted value is judged like a written one and
// its fault points at the place where it is used. All faults of all files are collected before anything is thrown.

#include "builder/recipe/compose.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "builder/recipe/bind.h"
#include "builder/recipe/check.h"
#include "builder/recipe/errors.h"
#include "builder/recipe/language.h"
#include "builder/recipe/params.h"
#include "builder/recipe/rules.h"
#include "builder/recipe/yaml.h"

namespace blueprint::recipe {
namespace {

/// What whoever asks for a file gives for its params.
struct Given {
  Values values;
  std::map<std::string, SourceSpan> where;  ///< of each name; absent for values from a command line
  ParamValues texts;                        ///< from a command line
  std::optional<SourceSpan> asked_at;       ///< the `use` of a fragment
};

enum class Missing { Fault, Pending };  ///< what a param without a value is

const char* word_for(const Object& object) { return &object == &fragment_object() ? "fragment" : "recipe"; }

class Composer {
 public:
  Composer(const FragmentLoader& fragments, Missing missing, Faults& faults)
      : fragments_(fragments), missing_(missing), faults_(faults) {}

  /// The file's own values, and the layers and environment of everything that it uses.
  Recipe read(const Source& source, Node root, const Object& object, const Given& given) {
    check_header(root, object, source);
    const Values values = choose_values(declare_params(root, source, faults_), given);
    for (Member& member : root.members) {
      if (member.key.text != "params") substitute(member.value, values, source, faults_);
    }
    check(root, object, source, faults_);
    return flatten(bind(root, source));
  }

 private:
  /// What must be right before anything else can be judged.
  static void check_header(const Node& root, const Object& object, const Source& source) {
    const auto at = [&](const Node& node) { return source.span(node.place); };
    if (root.kind != Node::Kind::Map) {
      throw Error(wrong_type(at(root), fmt::format("a {}", word_for(object)), "a map of keys to values", describe(root),
                             "start with 'apiVersion: blueprint/v1'"));
    }
    const Node* version = root.find("apiVersion");
    if (version != nullptr && version->kind == Node::Kind::Scalar && version->text != kApiVersion) {
      throw Error(unknown_version(at(*version), version->text));
    }
    const Node* kind = root.find("kind");
    const std::string found = kind == nullptr ? "recipe" : kind->text;
    if (found == word_for(object)) return;
    if (found == "fragment") {
      throw Error(
          wrong_file_kind(at(*kind), "this file is a fragment, not a recipe", "a recipe inserts it with 'use'"));
    }
    if (found == "recipe") {
      throw Error(wrong_file_kind(at(kind == nullptr ? root : *kind), "this file is a recipe, not a fragment",
                                  "a fragment says 'kind: fragment'; to build on a recipe, say 'from'"));
    }
    const std::vector<std::string> kinds{"fragment", "recipe"};
    throw Error(unknown_value(at(*kind), "'kind'", found, kinds));
  }

  Values choose_values(const std::vector<Param>& params, const Given& given) {
    Values values;
    std::vector<std::string> names;
    for (const Param& param : params) {
      names.push_back(param.name);
      values[param.name] = choose_value(param, given);
    }
    const auto report = [&](const std::string& name) {
      const auto place = given.where.find(name);
      if (values.contains(name)) return;
      Diagnostic fault = unknown_param({}, name, names);
      fault.where = place == given.where.end() ? std::nullopt : std::optional(place->second);
      faults_.add(std::move(fault));
    };
    for (const auto& [name, value] : given.values) report(name);
    for (const auto& [name, text] : given.texts) report(name);
    return values;
  }

  std::optional<Node> choose_value(const Param& param, const Given& given) {
    std::optional<Node> value = param.fallback;
    std::optional<SourceSpan> where;
    if (const auto text = given.texts.find(param.name); text != given.texts.end()) {
      value = value_from_text(param, text->second);
    } else if (const auto found = given.values.find(param.name); found != given.values.end()) {
      value = found->second;
      where = given.where.at(param.name);
    } else {
      if (value && misfit(param, *value)) return std::nullopt;  // reported where it is declared
      if (!value && missing_ == Missing::Fault)
        faults_.add(missing_param(given.asked_at.value_or(param.where), param.name, param.where));
      return value;
    }
    if (const auto reason = value ? misfit(param, *value) : std::nullopt) {
      Diagnostic fault = bad_param_value({}, param.name, *reason, param.where);
      fault.where = where;
      faults_.add(std::move(fault));
      return std::nullopt;
    }
    return value && value->pending ? std::nullopt : value;
  }

  Recipe flatten(Document document) {
    Recipe recipe = std::move(document.recipe);
    Recipe inserted;  // environment of the fragments: a later one wins over an earlier one, the file's own over all
    std::set<std::string> names;
    for (const auto& item : document.body) {
      if (const auto* layer = std::get_if<Layer>(&item)) names.insert(layer->name);
    }
    for (auto& item : document.body) {
      if (auto* layer = std::get_if<Layer>(&item)) {
        recipe.layers.push_back(std::move(*layer));
      } else {
        insert(std::get<Use>(item), recipe, inserted, names);
      }
    }
    recipe.env.merge(inserted.env);
    recipe.origins.merge(inserted.origins);
    return recipe;
  }

  /// Puts the layers of a fragment at the end of `recipe`, called PREFIX.NAME, where PREFIX is unique among `names`.
  void insert(const Use& use, Recipe& recipe, Recipe& inserted, std::set<std::string>& names) {
    std::optional<Recipe> fragment = read_fragment(use, recipe.directory);
    if (!fragment) return;
    const std::size_t slash = use.fragment.value.rfind('/');
    const std::string base =
        !use.name.empty() ? use.name : use.fragment.value.substr(slash == std::string::npos ? 0 : slash + 1);
    std::string prefix = base;
    for (int number = 2; !names.insert(prefix + ".").second; ++number) prefix = fmt::format("{}-{}", base, number);
    for (Layer& layer : fragment->layers) {
      layer.name = fmt::format("{}.{}", prefix, layer.name);
      while (!names.insert(layer.name).second) layer.name += "-2";
      recipe.layers.push_back(std::move(layer));
    }
    for (const auto& [name, value] : fragment->env) {
      inserted.env[name] = value;
      const auto origin = fragment->origins.find("env." + name);
      if (origin != fragment->origins.end()) inserted.origins[origin->first] = origin->second;
    }
  }

  std::optional<Recipe> read_fragment(const Use& use, const std::string& directory) {
    const std::string& name = use.fragment.value;
    if (name.empty()) return std::nullopt;  // of the wrong type, which the checker has reported
    const auto file = fragments_.find(name, directory);
    if (!file) {
      faults_.add(unknown_fragment(use.fragment.where, name, fragments_.names()));
      return std::nullopt;
    }
    if (std::find(chain_.begin(), chain_.end(), file->path) != chain_.end()) {
      std::vector<std::string> circle(std::find(chain_.begin(), chain_.end(), file->path), chain_.end());
      circle.push_back(file->path);
      faults_.add(fragment_cycle(use.fragment.where, circle));
      return std::nullopt;
    }
    const Faults::Context context(
        faults_, fmt::format("while reading fragment '{}', used at {}", name, position(use.fragment.where)));
    chain_.push_back(file->path);
    std::optional<Recipe> fragment;
    try {
      fragment = read_text({file->path, file->text}, given_by(use));
    } catch (const Error& error) {
      faults_.add(error);
    }
    chain_.pop_back();
    return fragment;
  }

  Recipe read_text(const Source& source, const Given& given) {
    return read(source, parse_yaml(source), fragment_object(), given);
  }

  static Given given_by(const Use& use) {
    Given given{.asked_at = use.fragment.where};
    for (const Argument& argument : use.with) {
      given.values.emplace(argument.name, argument.value);
      given.where.emplace(argument.name, argument.where);
    }
    return given;
  }

  const FragmentLoader& fragments_;
  const Missing missing_;
  Faults& faults_;
  std::vector<std::string> chain_;  ///< files of the fragments that are being read, outermost first
};

}  // namespace

Recipe compose_recipe(std::string_view text, const std::string& file, const FragmentLoader& fragments,
                      const ParamValues& params) {
  const Source source(file, text);
  Faults faults;
  Recipe recipe =
      Composer(fragments, Missing::Fault, faults).read(source, parse_yaml(source), recipe_object(), {.texts = params});
  check_rules(recipe, faults);
  faults.throw_if_any();
  return recipe;
}

void lint_recipe(std::string_view text, const std::string& file, const FragmentLoader& fragments) {
  const Source source(file, text);
  Node root = parse_yaml(source);
  const Node* kind = root.find("kind");
  const bool is_fragment = kind != nullptr && kind->text == "fragment";
  Faults faults;
  const Recipe recipe = Composer(fragments, Missing::Pending, faults)
                            .read(source, std::move(root), is_fragment ? fragment_object() : recipe_object(), {});
  if (!is_fragment) check_rules(recipe, faults);
  faults.throw_if_any();
}

}  // namespace blueprint::recipe
