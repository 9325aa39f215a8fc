#include "cli/completion.h"

#include <fmt/format.h>

#include "base/text.h"

namespace blueprint::cli {
namespace {

/// "--tag,-t" → {"--tag", "-t"}; a positional gives nothing.
std::vector<std::string> flag_names(const Option& option) {
  if (!option.flags.starts_with("-")) return {};
  return split(option.flags, ',');
}

bool takes_value(const Option& option) { return !std::holds_alternative<bool*>(option.target) && option.bare.empty(); }

/// What completes the positional words of a command.
Completes positional(const Command& command) {
  for (const auto& option : command.options) {
    if (flag_names(option).empty() && option.completes != Completes::Nothing) return option.completes;
  }
  return Completes::Nothing;
}

std::string quote_single(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return "'" + out + "'";
}

std::string bash_words(Completes completes) {
  switch (completes) {
    case Completes::File: return R"(COMPREPLY=($(compgen -f -- "$cur")))";
    case Completes::Directory: return R"(COMPREPLY=($(compgen -d -- "$cur")))";
    case Completes::Image:
      return R"_(COMPREPLY=($(compgen -W "$(blueprint __complete images 2>/dev/null)" -- "$cur")))_";
    case Completes::Recipe:
      return R"_(COMPREPLY=($(compgen -W "$(blueprint __complete recipes 2>/dev/null)" -f -- "$cur")))_";
    case Completes::Nothing: break;
  }
  return "COMPREPLY=()";
}

std::string bash_script(const std::vector<Command>& commands, const std::vector<Option>& globals) {
  std::vector<std::string> names;
  std::string cases;
  for (const auto& command : commands) {
    if (command.hidden) continue;
    names.push_back(command.name);
    std::vector<std::string> flags{"--help"};
    std::string values;
    auto options = command.options;
    options.insert(options.end(), globals.begin(), globals.end());
    for (const auto& option : options) {
      const auto option_flags = flag_names(option);
      flags.insert(flags.end(), option_flags.begin(), option_flags.end());
      if (option_flags.empty() || !takes_value(option)) continue;
      const std::string reply =
          option.choices.empty() ? bash_words(option.completes)
                                 : fmt::format("COMPREPLY=($(compgen -W '{}' -- \"$cur\"))", join(option.choices, " "));
      values += fmt::format("        {}) {}; return ;;\n", join(option_flags, "|"), reply);
    }
    cases += fmt::format(
        "    {})\n      case $prev in\n{}      esac\n      if [[ $cur == -* ]]; then COMPREPLY=($(compgen -W '{}' -- "
        "\"$cur\")); else {}; fi ;;\n",
        command.name, values, join(flags, " "), bash_words(positional(command)));
  }
  return fmt::format(R"(# bash completion for blueprint; load it with: source <(blueprint completion bash)
_blueprint() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}}
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W '{} --help --version' -- "$cur"))
    return
  fi
  case ${{COMP_WORDS[1]}} in
{}  esac
}}
complete -o filenames -F _blueprint blueprint
)",
                     join(names, " "), cases);
}

std::string zsh_action(const Option& option) {
  if (!option.choices.empty()) return fmt::format("({})", join(option.choices, " "));
  switch (option.completes) {
    case Completes::File: return "_files";
    case Completes::Directory: return "_files -/";
    case Completes::Image: return "{compadd -- ${(f)\"$(blueprint __complete images 2>/dev/null)\"}}";
    case Completes::Recipe: return "{compadd -- ${(f)\"$(blueprint __complete recipes 2>/dev/null)\"}; _files}";
    case Completes::Nothing: break;
  }
  return " ";
}

/// In an _arguments specification, brackets and colons separate.
std::string zsh_help(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':') out += '\\';
    out += c;
  }
  return out;
}

std::string zsh_script(const std::vector<Command>& commands, const std::vector<Option>& globals) {
  std::string list;
  std::string cases;
  for (const auto& command : commands) {
    if (command.hidden) continue;
    list += fmt::format("    {}\n", quote_single(fmt::format("{}:{}", command.name, command.summary)));
    std::string arguments;
    auto options = command.options;
    options.insert(options.end(), globals.begin(), globals.end());
    for (const auto& option : options) {
      const auto flags = flag_names(option);
      const std::string value =
          takes_value(option)
              ? fmt::format(":{}:{}", option.value.empty() ? "value" : zsh_help(option.value), zsh_action(option))
              : "";
      if (flags.empty()) {
        arguments += fmt::format(" \\\n        {}", quote_single(fmt::format("*{}", value)));
        continue;
      }
      for (const auto& flag : flags)
        arguments +=
            fmt::format(" \\\n        {}", quote_single(fmt::format("{}[{}]{}", flag, zsh_help(option.help), value)));
    }
    cases += fmt::format("    {})\n      _arguments{} ;;\n", command.name, arguments);
  }
  return fmt::format(R"(#compdef blueprint
# zsh completion for blueprint; put it into a directory of $fpath as _blueprint
_blueprint() {{
  local -a commands=(
{}  )
  if ((CURRENT == 2)); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  ((CURRENT--))
  case $command in
{}  esac
}}
_blueprint "$@"
)",
                     list, cases);
}

std::string fish_script(const std::vector<Command>& commands, const std::vector<Option>& globals) {
  std::string out =
      "# fish completion for blueprint; put it into ~/.config/fish/completions/blueprint.fish\ncomplete -c blueprint "
      "-f\n";
  for (const auto& command : commands) {
    if (command.hidden) continue;
    out += fmt::format("complete -c blueprint -n __fish_use_subcommand -a {} -d {}\n", command.name,
                       quote_single(command.summary));
    const std::string when = fmt::format("-n {}", quote_single("__fish_seen_subcommand_from " + command.name));
    auto options = command.options;
    options.insert(options.end(), globals.begin(), globals.end());
    for (const auto& option : options) {
      std::string values;
      if (!option.choices.empty()) values = fmt::format(" -xa {}", quote_single(join(option.choices, " ")));
      if (option.completes == Completes::Image) values = " -xa '(blueprint __complete images 2>/dev/null)'";
      if (option.completes == Completes::Recipe) values = " -Fa '(blueprint __complete recipes 2>/dev/null)'";
      if (option.completes == Completes::File || option.completes == Completes::Directory) values = " -rF";
      const auto flags = flag_names(option);
      if (flags.empty()) {
        if (!values.empty()) out += fmt::format("complete -c blueprint {}{}\n", when, values);
        continue;
      }
      std::string names;
      for (const auto& flag : flags)
        names += flag.starts_with("--") ? " -l " + flag.substr(2) : " -s " + flag.substr(1);
      if (values.empty() && takes_value(option)) values = " -x";
      out += fmt::format("complete -c blueprint {}{} -d {}{}\n", when, names, quote_single(option.help), values);
    }
  }
  return out;
}

}  // namespace

std::string completion_script(const std::string& shell, const std::vector<Command>& commands,
                              const std::vector<Option>& globals) {
  if (shell == "zsh") return zsh_script(commands, globals);
  if (shell == "fish") return fish_script(commands, globals);
  return bash_script(commands, globals);
}

}  // namespace blueprint::cli
