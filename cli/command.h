#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace blueprint::cli {

class Context;

/// What a word of the command line may be, for tab completion.
enum class Completes { Nothing, File, Directory, Image, Recipe };

/// Where a parsed value goes. A pointer to bool makes a flag without a value.
using Target = std::variant<bool*, std::string*, std::optional<std::string>*, std::vector<std::string>*, unsigned*>;

struct Option {
  std::string flags;  ///< "--tag,-t", or "recipe" for a positional word
  std::string value;  ///< name of the value in the help: "NAME"; empty for a flag
  std::string help;
  Target target;
  std::vector<std::string> choices;  ///< when not empty, the only values
  std::string bare =
      {};  ///< of a flag to a string whose value may be left out ("--flag", "--flag=value"): what it is then
  Completes completes = Completes::Nothing;
  bool required = false;
};

/// One subcommand: the single table from which the parser, --help and the shell completions are made.
struct Command {
  std::string name;
  std::string summary;                ///< one line for the list of commands
  std::string description;            ///< paragraphs for its --help; may be empty
  std::vector<std::string> examples;  ///< "blueprint build examples/hello", each with an optional "  # why"
  std::vector<Option> options;
  bool rest_is_command = false;  ///< words after "--" are collected into `rest`
  std::vector<std::string>* rest = nullptr;
  bool hidden = false;
  /// Returns the exit code; throws Error or Interrupted.
  std::function<int(Context&)> run;
};

/// All commands, in the order of the help. Makes them anew at each call: their targets live as long as the commands.
[[nodiscard]] std::vector<Command> all_commands();

}  // namespace blueprint::cli
