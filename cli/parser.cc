// The only user of CLI11: turns the table of commands into its parser.

#include "cli/parser.h"

#include <algorithm>
#include <cctype>
#include <span>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "base/error.h"
#include "base/text.h"
#include "cli/version.h"

namespace blueprint::cli {
namespace {

CLI::Option* add_option(CLI::App& app, const Option& option) {
  struct Adder {
    CLI::App& app;
    const Option& option;
    CLI::Option* operator()(bool* target) const { return app.add_flag(option.flags, *target, option.help); }
    CLI::Option* operator()(std::string* target) const {
      if (option.bare.empty()) return app.add_option(option.flags, *target, option.help);
      // A flag to CLI11, so that the next word stays what it is: "--update recipe.yaml".
      return app.add_flag(fmt::format("{}{{{}}}", option.flags, option.bare), *target, option.help);
    }
    CLI::Option* operator()(std::optional<std::string>* target) const {
      return app.add_option_function<std::string>(
          option.flags, [target](const std::string& text) { *target = text; }, option.help);
    }
    CLI::Option* operator()(std::vector<std::string>* target) const {
      // A repeatable flag takes one value each time; a positional takes the rest.
      auto* added = app.add_option(option.flags, *target, option.help);
      if (option.flags.starts_with("-")) added->expected(1)->take_all()->allow_extra_args(false);
      return added;
    }
    CLI::Option* operator()(unsigned* target) const { return app.add_option(option.flags, *target, option.help); }
  };
  CLI::Option* added = std::visit(Adder{app, option}, option.target);
  if (!option.value.empty()) added->option_text(option.value);
  if (!option.choices.empty()) added->check(CLI::IsMember(option.choices));
  if (option.required) added->required();
  return added;
}

std::string footer(const Command& command) {
  if (command.examples.empty()) return {};
  std::string text = "Examples:\n";
  for (const auto& example : command.examples) text += "  " + example + "\n";
  return text;
}

std::vector<std::string> flags_of(const std::vector<Option>& options) {
  std::vector<std::string> flags;
  for (const auto& option : options) {
    if (!option.flags.starts_with("-")) continue;
    for (auto& flag : split(option.flags, ',')) flags.push_back(std::move(flag));
  }
  return flags;
}

/// "--store=DIR" → "--store"
std::string flag_name(std::string_view word) { return std::string(word.substr(0, word.find('='))); }

/// What somebody who wrote `words` after the name of `command` may have meant.
std::vector<std::string> hints_for(const Command& command, const std::vector<Option>& globals,
                                   std::span<const std::string> words) {
  std::vector<std::string> hints;
  auto known = flags_of(command.options);
  for (auto& flag : flags_of(globals)) known.push_back(std::move(flag));
  known.emplace_back("--help");
  bool all_known = true;
  for (const auto& word : words) {
    if (!word.starts_with("--") || std::find(known.begin(), known.end(), flag_name(word)) != known.end()) continue;
    all_known = false;
    if (const auto near = near_names(flag_name(word), known); !near.empty()) hints.push_back(did_you_mean(near));
  }
  if (command.rest_is_command && all_known && std::find(words.begin(), words.end(), "--") == words.end()) {
    hints.push_back(
        fmt::format("the command for the guest comes after '--': blueprint {} IMAGE -- COMMAND", command.name));
  }
  hints.push_back(fmt::format("see 'blueprint {} --help'", command.name));
  return hints;
}

Error usage_error(std::string message, const std::vector<std::string>& words, const std::vector<Command>& commands,
                  const std::vector<Option>& globals) {
  // CLI11 begins its sentences with a capital letter.
  if (!message.empty()) message[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(message[0])));
  Diagnostic diagnostic{.kind = ErrorKind::Usage, .code = "U001", .message = printable(message)};
  const std::string first = words.empty() ? "" : words.front();
  const auto found = std::find_if(commands.begin(), commands.end(), [&](const auto& c) { return c.name == first; });
  if (found != commands.end()) {
    diagnostic.hints = hints_for(*found, globals, std::span(words).subspan(1));
    return Error(std::move(diagnostic));
  }
  if (!first.empty() && !first.starts_with('-')) {
    std::vector<std::string> names;
    for (const auto& command : commands) {
      if (!command.hidden) names.push_back(command.name);
    }
    diagnostic.message = fmt::format("there is no command '{}'", printable(first));
    if (const auto near = near_names(first, names); !near.empty()) diagnostic.hints.push_back(did_you_mean(near));
  }
  diagnostic.hints.emplace_back("see 'blueprint --help'");
  return Error(std::move(diagnostic));
}

/// `blueprint --store DIR ls` means `blueprint ls --store DIR`.
void move_globals_behind_command(std::vector<std::string>& words, const std::vector<Option>& globals) {
  std::size_t end = 0;
  while (end < words.size() && words[end].starts_with('-')) {
    const auto option = std::find_if(globals.begin(), globals.end(), [&](const Option& global) {
      const auto flags = split(global.flags, ',');
      return std::find(flags.begin(), flags.end(), flag_name(words[end])) != flags.end();
    });
    if (option == globals.end()) return;
    const bool value_follows =
        !std::holds_alternative<bool*>(option->target) && words[end].find('=') == std::string::npos;
    end += value_follows ? 2 : 1;
  }
  if (end < words.size())
    std::rotate(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(end),
                words.begin() + static_cast<std::ptrdiff_t>(end) + 1);
}

}  // namespace

std::vector<Option> global_options(Context& context) {
  return {{.flags = "--store",
           .value = "DIR",
           .help = "the local store [$BLUEPRINT_STORE]",
           .target = &context.store_flag,
           .completes = Completes::Directory},
          {.flags = "--progress",
           .value = "VIEW",
           .help = "how to show progress: auto, plain or json",
           .target = &context.progress_flag,
           .choices = {"auto", "plain", "json"}},
          {.flags = "--jobs,-j",
           .value = "N",
           .help = "threads to use (default: one per processor)",
           .target = &context.jobs},
          {.flags = "--verbose,-v", .help = "show the output of commands as it comes", .target = &context.verbose},
          {.flags = "--quiet,-q", .help = "show nothing but notes and errors", .target = &context.quiet}};
}

int parse_and_run(int argc, char** argv, std::vector<Command>& commands, Context& context) {
  CLI::App app{"Build layered, content-hashed VM images from recipes, and run them."};
  app.name("blueprint");
  app.set_version_flag("--version", version_text());
  app.require_subcommand(1);
  app.footer(
      "Examples:\n  blueprint build examples/hello\n  blueprint run hello -- cat /etc/os-release\n\n"
      "'blueprint COMMAND --help' says more about a command.");
  const auto globals = global_options(context);
  for (auto& command : commands) {
    CLI::App* sub = app.add_subcommand(
        command.name, command.description.empty() ? command.summary : command.summary + "\n\n" + command.description);
    if (command.hidden) sub->group("");
    sub->footer(footer(command));
    for (const auto& option : command.options) add_option(*sub, option);
    for (const auto& option : globals) add_option(*sub, option)->group("Options of every command");
    if (command.rest_is_command) {
      sub->prefix_command();
      sub->positionals_at_end(false);
    }
  }
  // CLI11 knows no "the rest is a command" beside positionals: cut it off at the first "--" before parsing.
  std::vector<std::string> words(argv + 1, argv + argc);
  move_globals_behind_command(words, globals);
  const auto said = words;
  std::vector<std::string> rest;
  for (auto& command : commands) {
    if (!command.rest_is_command || words.empty() || words.front() != command.name) continue;
    const auto dashes = std::find(words.begin(), words.end(), "--");
    if (dashes != words.end()) {
      rest.assign(dashes + 1, words.end());
      words.erase(dashes, words.end());
    }
    app.get_subcommand(command.name)->prefix_command(false);
  }
  std::reverse(words.begin(), words.end());
  try {
    app.parse(words);
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::CallForVersion& version) {
    return app.exit(version);
  } catch (const CLI::ParseError& failure) {
    throw usage_error(failure.what(), said, commands, globals);
  }
  for (auto& command : commands) {
    if (!app.got_subcommand(command.name)) continue;
    if (command.rest_is_command) *command.rest = std::move(rest);
    return command.run(context);
  }
  return 0;
}

}  // namespace blueprint::cli
