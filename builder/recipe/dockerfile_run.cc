// RUN as a run layer. Ours runs `/bin/sh -e`, Docker's `/bin/sh -c`: where that makes a difference, `set +e` takes it
// back. Docker gives commands the network, so does the layer.

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "base/text.h"
#include "builder/recipe/dockerfile_stage.h"
#include "builder/recipe/errors.h"

namespace blueprint::recipe::dockerfile {
namespace {

/// "type=cache,target=/x" as a map; words without '=' have an empty value.
std::map<std::string, std::string> options_of(const std::string& value) {
  std::map<std::string, std::string> options;
  for (const std::string& word : split(value, ',')) {
    const std::size_t equals = word.find('=');
    options[word.substr(0, equals)] = equals == std::string::npos ? "" : word.substr(equals + 1);
  }
  return options;
}

/// Whether the whole command is one heredoc: `RUN <<EOF`.
bool is_only_heredoc(const Instruction& instruction) {
  return instruction.heredocs.size() == 1 && instruction.text.starts_with("<<") &&
         instruction.text.find_first_of(" \t") == std::string::npos;
}

/// A script that says by `#!` what runs it.
std::string with_interpreter(const Heredoc& heredoc) {
  const std::string_view first = std::string_view(heredoc.body).substr(2, heredoc.body.find('\n') - 2);
  return fmt::format("cat > /tmp/dockerfile-run <<'{0}'\n{1}{0}\n{2} /tmp/dockerfile-run", heredoc.name, heredoc.body,
                     trim(first));
}

std::string without_exit_on_error(std::string script) {
  // `a && b`, pipes and single commands end the same way with and without -e.
  const bool same = script.find_first_of(";\n&") == std::string::npos ||
                    (script.find_first_of(";\n") == std::string::npos && script.find(" & ") == std::string::npos);
  return same ? script : "set +e\n" + script;
}

}  // namespace

std::string Stage::script(const Instruction& instruction) const {
  if (instruction.words) {
    std::vector<std::string> quoted;
    for (const std::string& word : *instruction.words) quoted.push_back(shell_quote(word));
    return join(quoted, " ");
  }
  std::string text = instruction.text;
  if (is_only_heredoc(instruction)) {
    const Heredoc& heredoc = instruction.heredocs[0];
    if (heredoc.body.starts_with("#!")) return with_interpreter(heredoc);
    text = heredoc.body;
  } else if (!instruction.heredocs.empty()) {
    text += "\n" + instruction.heredoc_text;
  }
  if (shell_.empty() || shell_ == std::vector<std::string>{"/bin/sh", "-c"})
    return without_exit_on_error(std::move(text));
  std::vector<std::string> words;
  for (const std::string& word : shell_) words.push_back(shell_quote(word));
  words.push_back(shell_quote(text));
  return join(words, " ");
}

void Stage::run(const Instruction& instruction) {
  RunStep step{.host_network = true, .user = user_, .workdir = workdir_};
  if (step.user.value == "root" || step.user.value == "0") step.user.value.clear();
  for (const auto& [name, value] : args_) {
    if (value) step.env[name] = *value;
  }
  for (const auto& [name, value] : env_) step.env[name] = value;
  run_flags(instruction, step);
  step.script = {script(instruction), at(instruction.at(0, instruction.text.size()))};
  if (!workdirs_to_make_.empty() && !step.user.value.empty()) make_workdirs();
  if (!workdirs_to_make_.empty()) {
    // One layer instead of two: this one makes its directory itself.
    step.script.value = fmt::format("{}\ncd {}\n{}", mkdir_command(), shell_quote(workdir_), step.script.value);
    step.workdir = "/";
    forget_made_workdirs();
  }
  add_layer("run", instruction).step = std::move(step);
}

std::string Stage::mkdir_command() const {
  std::string command = "mkdir -p";
  for (const auto& [directory, place] : workdirs_to_make_) command += " " + shell_quote(directory);
  return command;
}

void Stage::forget_made_workdirs() {
  for (const auto& [directory, place] : workdirs_to_make_) directories_.insert(directory);
  workdirs_to_make_.clear();
}

/// As Docker does, by root, whoever USER is.
void Stage::make_workdirs() {
  if (workdirs_to_make_.empty()) return;
  Layer layer{.name = fmt::format("workdir-{}", ++layer_counts_["workdir"]),
              .where = at(workdirs_to_make_[0].second),
              .directory = scope_->context_directory};
  layer.step = RunStep{.script = {mkdir_command(), layer.where}, .workdir = "/", .env = env_};
  layers_.push_back(std::move(layer));
  forget_made_workdirs();
}

void Stage::run_flags(const Instruction& instruction, RunStep& step) {
  for (const Flag& written : instruction.flags) {
    Flag flag = written;
    flag.value = expand(written.value, scope_->escape, lookup(at(written.place))).value_or(written.value);
    if (flag.name == "mount") {
      run_mount(flag, step);
    } else if (flag.name == "network" && (flag.value == "none" || flag.value == "host" || flag.value == "default")) {
      step.host_network = flag.value != "none";
    } else {
      unmappable(at(flag.place), fmt::format("RUN --{} has no counterpart here", printable(flag.name)));
    }
  }
}

void Stage::run_mount(const Flag& flag, RunStep& step) {
  const auto options = options_of(flag.value);
  const auto option = [&](std::string_view name) {
    const auto found = options.find(std::string(name));
    return found == options.end() ? std::string() : found->second;
  };
  const std::string type = option("type");
  const std::string target = !option("target").empty() ? option("target")
                             : !option("dst").empty()  ? option("dst")
                                                       : option("destination");
  if (type == "cache") {
    return warn(at(flag.place),
                fmt::format("'{}' is an ordinary directory here: what the command leaves in it stays in the layer",
                            printable(target)));
  }
  if (type != "secret") {
    return unmappable(
        at(flag.place),
        fmt::format("RUN --mount of type '{}' has no counterpart here", printable(type.empty() ? "bind" : type)),
        "COPY what the command needs");
  }
  const std::string id = !option("id").empty() ? option("id") : target.substr(target.rfind('/') + 1);
  if (!target.empty() && target != "/run/secrets/" + id) {
    return unmappable(at(flag.place),
                      fmt::format("a secret is mounted at /run/secrets/{} and nowhere else", printable(id)),
                      "leave 'target' out and read it there");
  }
  if (options.contains("env")) {
    return unmappable(at(flag.place),
                      "a secret is a file and no variable: variables are seen by every program that the command starts",
                      fmt::format("read it from /run/secrets/{}", printable(id)));
  }
  secrets_.insert(id);
  step.secrets.push_back({id, at(flag.place)});
}

}  // namespace blueprint::recipe::dockerfile
