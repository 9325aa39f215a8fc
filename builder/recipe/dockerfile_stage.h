#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "builder/recipe/build_context.h"
#include "builder/recipe/dockerfile.h"
#include "builder/recipe/dockerfile_syntax.h"
#include "builder/recipe/dockerfile_words.h"
#include "builder/recipe/faults.h"
#include "builder/recipe/recipe.h"

namespace blueprint::recipe::dockerfile {

/// What the stages of one file share.
struct FileScope {
  const Source& source;
  const BuildContext& context;
  std::string context_directory;
  char escape;
  std::map<std::string, std::string> build_args;
  std::map<std::string, std::optional<std::string>> global_args;  ///< of ARG before the first FROM
  Faults& faults;
  std::vector<Diagnostic>& warnings;
  /// What a recipe calls the image that `--from=NAME` means: an earlier stage, by name or number, or another image.
  std::function<std::string(const std::string& name, const SourceSpan& where)> image_named = {};
};

/// A stage while its instructions are carried out: our layers so far, and the state that later instructions depend on.
/// A copy of it, told so by begin_child(), is the beginning of a stage FROM this one.
class Stage {
 public:
  /// A stage FROM an image; nothing when it is not known what that hands down.
  Stage(FileScope& scope, std::optional<BaseConfig> base);

  /// Carries out one instruction other than FROM.
  void apply(const Instruction& instruction);
  /// Keeps only what a stage hands down to one that is FROM it: everything but its layers, which are in its image. What
  /// ONBUILD held back is carried out.
  void begin_child();
  /// Reports what ONBUILD holds back: of a stage whose image others build on.
  void refuse_triggers();
  /// Puts what the stage has made of the image into `recipe`.
  void finish(Recipe& recipe);

 private:
  // One function for each instruction. dockerfile_stage.cc
  void arg(const Instruction& instruction);
  void env(const Instruction& instruction);
  void label(const Instruction& instruction);
  void workdir(const Instruction& instruction);
  void user(const Instruction& instruction);
  void expose(const Instruction& instruction);
  void shell(const Instruction& instruction);
  void record(const Instruction& instruction);
  // dockerfile_run.cc
  void run(const Instruction& instruction);
  void run_flags(const Instruction& instruction, RunStep& step);
  struct Mount;
  void run_mount(const Flag& flag, RunStep& step);
  void mount_cache(const Mount& mount, RunStep& step);
  void mount_bind(const Mount& mount, RunStep& step);
  void mount_secret(const Mount& mount, RunStep& step);
  void mount_tmpfs(const Mount& mount, RunStep& step);
  void mount_ssh(const Mount& mount, RunStep& step);
  [[nodiscard]] std::string script(const Instruction& instruction) const;
  void make_workdirs();
  [[nodiscard]] std::string mkdir_command() const;
  void forget_made_workdirs();
  // dockerfile_copy.cc
  struct Copying;
  void copy(const Instruction& instruction);
  bool copy_flags(const Instruction& instruction, Copying& copying);
  void copy_source(const Word& word, const Instruction& instruction, const Copying& copying);
  void copy_paths(const std::string& source, const Instruction& instruction, const Copying& copying,
                  const SourceSpan& where);
  void copy_path(const std::string& path, const Instruction& instruction, const Copying& copying,
                 const SourceSpan& where);
  void copy_with_parents(const std::string& source, const Instruction& instruction, const Copying& copying,
                         const SourceSpan& where);
  void copy_from_image(const std::string& source, const Instruction& instruction, const Copying& copying,
                       const SourceSpan& where);
  void copy_heredocs(const Instruction& instruction, const Copying& copying);
  void fetch(const Word& word, const Instruction& instruction, const Copying& copying);

  [[nodiscard]] SourceSpan at(const Place& place) const { return scope_->source.span(place); }
  [[nodiscard]] SourceSpan at(const Instruction& instruction, const Word& word) const;
  void unmappable(const SourceSpan& where, std::string_view what, std::string_view hint = {});
  void warn(const SourceSpan& where, std::string_view message);
  /// A text with its variables replaced; reports a malformed one.
  std::string expanded(std::string_view text, const SourceSpan& where);
  std::string expanded(const Word& word, const Instruction& instruction);
  [[nodiscard]] Lookup lookup(const SourceSpan& where);
  /// name=value words of ENV and LABEL; also `name value`.
  std::vector<std::pair<Word, std::string>> assignments(const Instruction& instruction);
  Layer& add_layer(std::string_view kind, const Instruction& instruction);
  /// Whom RUN runs as: "user" or "user:group"; empty = root.
  [[nodiscard]] std::string identity() const;
  [[nodiscard]] std::string absolute(const std::string& path) const;
  [[nodiscard]] bool is_directory_in_image(const std::string& path) const;

  FileScope* scope_;
  std::vector<Layer> layers_;
  std::map<std::string, int> layer_counts_;
  BaseConfig base_;
  bool base_is_known_ = false;
  std::map<std::string, std::string> env_;        ///< that ENV adds to the image
  std::map<std::string, std::string> variables_;  ///< as the next instruction sees them: of the base, ENV and ARG
  std::set<std::string> declared_;                ///< by an ARG
  std::map<std::string, std::string> labels_;
  std::set<std::uint16_t> ports_;
  std::set<std::string> secrets_;
  std::vector<std::string> shell_;
  std::vector<Instruction> triggers_;  ///< that ONBUILD holds back
  Text user_;
  std::string group_;  ///< that USER names beside the user
  std::string workdir_ = "/";
  struct NewDirectory {
    std::string path;
    std::string owner;  ///< "user" or "user:group"; empty = root
    Place place;
  };
  std::vector<NewDirectory> workdirs_to_make_;  ///< of WORKDIR, and made by no layer yet
  std::set<std::string> directories_;           ///< of the image, as far as the file tells
};

/// The value of an ARG that BuildKit sets by itself, such as TARGETARCH.
[[nodiscard]] std::optional<std::string> platform_arg(const std::string& name);

}  // namespace blueprint::recipe::dockerfile
