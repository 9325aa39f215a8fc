#include "builder/packages/install_errors.h"

#include <fmt/format.h>

#include "base/text.h"

namespace blueprint::packages {
namespace {

Error fault(ErrorKind kind, const char* code, std::string message, std::vector<std::string> hints) {
  return Error({.kind = kind, .code = code, .message = std::move(message), .hints = std::move(hints)});
}

}  // namespace

Error damaged_package(std::string_view package, std::string_view reason) {
  return fault(ErrorKind::Store, "P101",
               fmt::format("the package file of {} cannot be read: {}", printable(package), printable(reason)),
               {"'blueprint verify --all' finds damaged files of the store; removed ones are downloaded again"});
}

Error hostile_member(std::string_view package, std::string_view member, std::string_view reason) {
  return fault(ErrorKind::Step, "P102",
               fmt::format("package {} has the member '{}', which is refused: {}", printable(package),
                           printable(member), reason),
               {"do not use this package: well-made packages have no such members"});
}

Error file_conflict(std::string_view package, std::string_view path, std::string_view reason) {
  return fault(
      ErrorKind::Step, "P103",
      fmt::format("package {} cannot put '/{}' in place: {}", printable(package), printable(path), printable(reason)),
      {"leave one of the packages out, or take versions that declare Replaces for each other"});
}

Error configure_failed(std::string_view package, std::string_view what, const std::vector<std::string>& last_lines) {
  std::string message = package.empty() ? fmt::format("dpkg failed: {}", printable(what))
                                        : fmt::format("package {} failed: {}", printable(package), printable(what));
  if (!last_lines.empty()) {
    message += "; its last lines were:";
    for (const auto& line : last_lines) message += "\n    " + printable(line);
  }
  return fault(ErrorKind::Step, "P104", std::move(message), {});
}

Error audit_failed(std::string_view report) {
  std::string message = "dpkg --audit finds packages that are not wholly installed:";
  for (const auto& line : split(trim(report), '\n')) message += "\n    " + printable(line);
  return fault(ErrorKind::Step, "P105", std::move(message), {});
}

Error incomplete_set(std::string_view reason) {
  return fault(ErrorKind::Recipe, "P106", fmt::format("the packages do not make a root: {}", reason),
               {"lock again: blueprint lock"});
}

Error damaged_database(std::string_view file, std::string_view reason) {
  return fault(ErrorKind::Step, "P107", fmt::format("the parent's /{} cannot be understood: {}", file, reason),
               {"repair it in the parent image: dpkg --audit says more"});
}

}  // namespace blueprint::packages
