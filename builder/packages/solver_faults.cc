#include "builder/packages/solver_faults.h"

#include <fmt/format.h>

#include "base/text.h"

namespace blueprint::packages {
namespace {

constexpr std::size_t kMaxChoices = 8;

std::string some(const std::vector<std::string>& choices) {
  std::vector<std::string> shown(choices.begin(),
                                 choices.begin() + static_cast<std::ptrdiff_t>(std::min(choices.size(), kMaxChoices)));
  std::string text = join(shown, ", ");
  if (choices.size() > shown.size()) text += fmt::format(" and {} more", choices.size() - shown.size());
  return text;
}

std::string package_of(const SolverFault& fault) { return fault.lines.empty() ? "" : fault.lines.front(); }

void word_it(const SolverFault& fault, Diagnostic& diagnostic) {
  using Kind = SolverFault::Kind;
  const std::string subject = printable(fault.subject);
  switch (fault.kind) {
    case Kind::UnknownPackage:
      diagnostic.code = "P060";
      diagnostic.message = fmt::format("no package is called '{}'", subject);
      diagnostic.hints = {fault.choices.empty()
                              ? "check the name, and the components and pockets of the recipe's distribution"
                              : did_you_mean(fault.choices)};
      return;
    case Kind::UnknownVersion:
      diagnostic.code = "P061";
      diagnostic.message = fmt::format("the repositories have no version '{}' of {}", subject, package_of(fault));
      diagnostic.hints = {fmt::format("they have {}", some(fault.choices))};
      return;
    case Kind::UnknownSuite:
      diagnostic.code = "P062";
      diagnostic.message = fmt::format("{} is not in '{}'", package_of(fault), subject);
      diagnostic.hints = {fault.choices.empty() ? "no repository has it"
                                                : fmt::format("it is in {}", some(fault.choices))};
      return;
    case Kind::UnknownArchitecture:
      diagnostic.code = "P063";
      diagnostic.message = fmt::format("packages for the architecture '{}' cannot be installed here", subject);
      diagnostic.hints = {fmt::format("this distribution is built for {} only", some(fault.choices))};
      return;
    case Kind::Virtual:
      diagnostic.code = "P064";
      diagnostic.message = fmt::format("'{}' is a virtual package", subject);
      diagnostic.hints = {fault.choices.empty()
                              ? "nothing in the repositories provides it"
                              : fmt::format("ask for one of those that provide it: {}", some(fault.choices))};
      return;
    case Kind::Removes:
      diagnostic.code = "P065";
      diagnostic.message = fmt::format("these packages cannot be installed without removing {}", some(fault.choices));
      diagnostic.hints = {
          "layers only add: ask for what fits together, or leave the other package out of the layer below"};
      return;
    case Kind::Unsatisfiable:
    case Kind::Broken:
      diagnostic.code = "P066";
      diagnostic.message = fault.subject.empty()
                               ? "the packages do not fit together"
                               : fmt::format("{} cannot be installed together with the rest", subject);
      if (!fault.lines.empty()) diagnostic.context.emplace_back("the following packages have unmet dependencies:");
      for (const auto& line : fault.lines) diagnostic.context.push_back("  " + printable(line));
      return;
  }
}

}  // namespace

Error solver_error(const std::vector<SolverFault>& faults, const std::vector<Asked>& asked) {
  std::vector<Diagnostic> diagnostics;
  for (const auto& fault : faults) {
    Diagnostic diagnostic{.kind = ErrorKind::Recipe};
    word_it(fault, diagnostic);
    if (fault.layer < asked.size()) {
      const auto& layer = asked[fault.layer];
      const recipe::Text* word = fault.word < layer.words.size() ? &layer.words[fault.word] : nullptr;
      if (word == nullptr && !layer.words.empty()) word = &layer.words.front();
      if (word != nullptr && !word->where.file.empty()) diagnostic.where = word->where;
      diagnostic.context.push_back(fmt::format("while choosing the packages of layer '{}'", layer.layer));
    }
    diagnostics.push_back(std::move(diagnostic));
  }
  return Error(std::move(diagnostics));
}

}  // namespace blueprint::packages
