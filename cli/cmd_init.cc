// A recipe is asked for by flags, or, on a terminal, by questions: the same choices, each with what it may be.

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>
#include <utility>

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "builder/recipe/compose.h"
#include "cli/commands.h"
#include "cli/context.h"

namespace blueprint::cli {
namespace {

namespace fs = std::filesystem;
using Catalog = std::vector<recipe::RecipeSummary>;
using Kind = recipe::RecipeSummary::Kind;

struct Flags {
  std::string file = "blueprint.yaml";
  std::string name;
  std::string from;
  std::vector<std::string> use;
  std::vector<std::string> packages;
  std::map<std::string, std::string> with;  ///< answers for the params of a fragment, as the text behind `with:`
};

const char* word_for(Kind kind) { return kind == Kind::Recipe ? "recipe" : "fragment"; }

Catalog only(const Catalog& catalog, Kind kind) {
  Catalog found;
  std::copy_if(catalog.begin(), catalog.end(), std::back_inserter(found),
               [kind](const auto& entry) { return entry.kind == kind; });
  return found;
}

Error not_in_catalog(const Catalog& entries, Kind kind, const std::string& name) {
  std::vector<std::string> names;
  for (const auto& entry : entries) names.push_back(entry.name);
  Diagnostic diagnostic{.kind = ErrorKind::Usage,
                        .code = "U014",
                        .message = fmt::format("the catalog has no {} '{}'", word_for(kind), printable(name))};
  if (const auto near = near_names(name, names); !near.empty()) diagnostic.hints.push_back(did_you_mean(near));
  diagnostic.hints.emplace_back("'blueprint recipes' lists what there is");
  return Error(std::move(diagnostic));
}

void require_known(const Catalog& entries, Kind kind, const std::string& name) {
  const bool known = std::any_of(entries.begin(), entries.end(), [&](const auto& entry) { return entry.name == name; });
  if (!known) throw not_in_catalog(entries, kind, name);
}

/// The directory's name as the grammar of names has it: lower case, and '-' for what may not be in one.
std::string name_of_directory(const fs::path& file) {
  std::string name = fs::absolute(file).lexically_normal().parent_path().filename().string();
  for (char& c : name) {
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '.' && c != '_') c = '-';
  }
  const auto is_edge = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; };
  while (!name.empty() && is_edge(name.back())) name.pop_back();
  name.erase(name.begin(), std::find_if_not(name.begin(), name.end(), is_edge));
  return name.empty() ? "image" : name;
}

/// Asks on the terminal, one line an answer. Throws Interrupted when asked to stop, and at the end of its input
/// (Ctrl-D).
class Questions {
 public:
  explicit Questions(std::stop_token stop) : stop_(std::move(stop)) {}

  /// An empty answer means `preset`.
  [[nodiscard]] std::string ask(const std::string& question, const std::string& preset) const {
    fmt::print(stderr, "{}{}: ", question, preset.empty() ? "" : fmt::format(" [{}]", preset));
    // A blocked read would not see Ctrl-C: signals go to a thread of their own.
    for (pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
         std::cin.rdbuf()->in_avail() <= 0 && ::poll(&input, 1, 100) <= 0;) {
      if (stop_.stop_requested()) throw Interrupted{};
    }
    std::string line;
    if (!std::getline(std::cin, line)) throw Interrupted{};
    const std::string answer(trim(line));
    return answer.empty() ? preset : answer;
  }

  /// Asks until the answer is good: what is wrong with one is said, and the question comes again.
  template <typename Accept>
  void ask_until(const std::string& question, const std::string& preset, Accept accept) const {
    while (true) {
      try {
        return accept(ask(question, preset));
      } catch (const Error& fault) {
        for (const auto& diagnostic : fault.diagnostics()) fmt::print(stderr, "{}", render(diagnostic));
      }
    }
  }

 private:
  std::stop_token stop_;
};

std::vector<std::string> words_of(const std::string& line) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : line + " ") {
    if (c != ' ' && c != ',' && c != '\t') {
      word += c;
    } else if (!word.empty()) {
      words.push_back(std::exchange(word, {}));
    }
  }
  return words;
}

void print_choices(const Catalog& entries) {
  std::size_t width = 0;
  for (const auto& entry : entries) width = std::max(width, entry.name.size());
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const std::string description = printable(entries[i].description);
    fmt::print(stderr, "  {:>2}  {:<{}}  {}\n", i + 1, entries[i].name, width,
               description.substr(0, description.find(". ")));
  }
}

/// The name that an answer means: itself, or the number of a choice.
std::string chosen(const Catalog& entries, Kind kind, const std::string& answer) {
  const bool is_number = !answer.empty() && answer.size() < 4 && std::all_of(answer.begin(), answer.end(), [](char c) {
    return std::isdigit(static_cast<unsigned char>(c)) != 0;
  });
  const std::size_t number = is_number ? std::stoul(answer) : 0;
  if (number >= 1 && number <= entries.size()) return entries[number - 1].name;
  require_known(entries, kind, answer);
  return answer;
}

/// The params that a fragment has no default for: without a value it cannot be used.
void ask_for_params(const Questions& questions, const recipe::RecipeSummary& fragment, Flags& flags) {
  std::string with;
  for (const auto& param : fragment.params) {
    if (param.fallback) continue;
    const std::string choices = param.choices.empty() ? "" : fmt::format(" (one of {})", join(param.choices, ", "));
    const std::string answer =
        questions.ask(fmt::format("'{}' of {}, {}{}", param.name, fragment.name, param.type, choices), "");
    if (!with.empty()) with += ", ";
    // JSON's quotes are YAML's.
    with += fmt::format("{}: {}", param.name, param.type == "string" ? Json(answer).dump() : answer);
  }
  if (!with.empty()) flags.with[fragment.name] = with;
}

void ask_for_all(const Questions& questions, const Catalog& recipes, const Catalog& fragments, Flags& flags) {
  fmt::print(stderr, "What to build on:\n");
  print_choices(recipes);
  questions.ask_until("number or name", recipes.empty() ? "" : recipes.front().name,
                      [&](const std::string& answer) { flags.from = chosen(recipes, Kind::Recipe, answer); });
  fmt::print(stderr, "\nFragments to insert, none or several:\n");
  print_choices(fragments);
  questions.ask_until("numbers or names", "", [&](const std::string& answer) {
    std::vector<std::string> use;
    for (const auto& word : words_of(answer)) use.push_back(chosen(fragments, Kind::Fragment, word));
    flags.use = use;
  });
  for (const auto& fragment : fragments) {
    if (std::count(flags.use.begin(), flags.use.end(), fragment.name) > 0) ask_for_params(questions, fragment, flags);
  }
  flags.packages = words_of(questions.ask("\nDebian packages to install, none or several", ""));
  flags.name = questions.ask("name of the image", flags.name.empty() ? name_of_directory(flags.file) : flags.name);
}

std::string recipe_text(const Flags& flags) {
  std::string text =
      fmt::format("apiVersion: blueprint/v1\nname: {}\ndescription: \"\"\nfrom: {}\n", flags.name, flags.from);
  text += flags.use.empty() && flags.packages.empty() ? "\n# layers:\n" : "\nlayers:\n";
  for (const auto& fragment : flags.use) {
    text += fmt::format("  - use: {}\n", fragment);
    if (const auto with = flags.with.find(fragment); with != flags.with.end())
      text += fmt::format("    with: {{{}}}\n", with->second);
  }
  if (!flags.packages.empty())
    text += fmt::format("  - name: packages\n    packages: [{}]\n", join(flags.packages, ", "));
  text +=
      "  # - copy: {from: ./app, to: /opt/app}                  # files beside this recipe\n"
      "  # - run: make -C /opt/app install                      # a command, without network unless it says so\n"
      "  # - services: {enable: [app.service]}\n"
      "\n# tests:\n#   - {run: \"app --version\", expect: \"^1\"}           # run after each build\n";
  return text;
}

int run(Context& context, Flags flags) {
  const fs::path file = flags.file;
  if (fs::exists(file)) {
    throw Error({.kind = ErrorKind::Usage,
                 .code = "U015",
                 .message = fmt::format("{} exists already", file.string()),
                 .hints = {"name another file"}});
  }
  const auto catalog = recipe::list_recipes(context.search());
  const auto recipes = only(catalog, Kind::Recipe);
  const auto fragments = only(catalog, Kind::Fragment);
  if (flags.from.empty()) {
    if (::isatty(STDIN_FILENO) != 1 || ::isatty(STDERR_FILENO) != 1) {
      throw Error({.kind = ErrorKind::Usage,
                   .code = "U017",
                   .message = "there is no terminal to ask what to build on",
                   .hints = {"say it: --from RECIPE", "'blueprint recipes' lists what there is"}});
    }
    ask_for_all(Questions(context.stop()), recipes, fragments, flags);
  }
  require_known(recipes, Kind::Recipe, flags.from);
  for (const auto& fragment : flags.use) require_known(fragments, Kind::Fragment, fragment);
  if (flags.name.empty()) flags.name = name_of_directory(file);
  // What is written is valid, or nothing is: the new file goes through the same reader as any other.
  write_file_atomic(file, recipe_text(flags));
  try {
    (void)recipe::load_recipe(file, context.search());
  } catch (const Error&) {
    fs::remove(file);
    throw;
  }
  fmt::print("{}\n", file.string());
  context.events().note(fmt::format("next: blueprint build {}", file.string()));
  return 0;
}

}  // namespace

Command cmd_init() {
  auto flags = std::make_shared<Flags>();
  return {.name = "init",
          .summary = "Start a recipe from the catalog.",
          .description = "Without --from it asks, on a terminal, what to build on and what to add.",
          .examples = {"blueprint init                      # asks",
                       "blueprint init --from debian-12-x86_64 --use runtimes/python --package git",
                       "blueprint init web.yaml --from hello"},
          .options =
              {{.flags = "file",
                .value = "FILE",
                .help = "file to write (default blueprint.yaml)",
                .target = &flags->file,
                .completes = Completes::File},
               {.flags = "--from",
                .value = "RECIPE",
                .help = "recipe to build on",
                .target = &flags->from,
                .completes = Completes::Recipe},
               {.flags = "--name",
                .value = "NAME",
                .help = "name of the image (default: the directory's)",
                .target = &flags->name},
               {.flags = "--use", .value = "FRAGMENT", .help = "insert a fragment (repeatable)", .target = &flags->use},
               {.flags = "--package",
                .value = "NAME",
                .help = "install a package (repeatable)",
                .target = &flags->packages}},
          .run = [flags](Context& context) { return run(context, *flags); }};
}

}  // namespace blueprint::cli
