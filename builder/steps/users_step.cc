#include "builder/steps/users_step.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "builder/steps/root_files.h"

namespace blueprint::steps {
namespace {

Error user_error(const char* code, std::string message, const SourceSpan& where, std::string hint) {
  Diagnostic diagnostic{
      .kind = ErrorKind::Recipe, .code = code, .message = std::move(message), .hints = {std::move(hint)}};
  if (where.line > 0) diagnostic.where = where;
  return Error(std::move(diagnostic));
}

void refuse_conflicts(const Accounts& accounts, const recipe::UserEntry& user) {
  const auto* same_name = accounts.find_user(user.name.value);
  if (same_name != nullptr && user.uid && same_name->uid != *user.uid) {
    throw user_error(
        "R120", fmt::format("user '{}' exists already with uid {}, not {}", user.name.value, same_name->uid, *user.uid),
        user.name.where, "drop 'uid', or remove the user that the parent image has");
  }
  if (!user.uid) return;
  const auto* same_uid = accounts.find_user(*user.uid);
  if (same_uid != nullptr && same_uid->name != user.name.value) {
    throw user_error(
        "R121", fmt::format("uid {} belongs to user '{}' already", *user.uid, same_uid->name), user.name.where,
        fmt::format("choose another uid for '{}', or rename the other user in the parent image", user.name.value));
  }
}

std::vector<std::string> useradd_command(const recipe::UserEntry& user, const Accounts& accounts) {
  std::vector<std::string> argv{accounts.find_user(user.name.value) != nullptr ? "usermod" : "useradd"};
  const bool exists = argv[0] == "usermod";
  if (!exists) {
    argv.emplace_back("--create-home");
    if (user.system) argv.emplace_back("--system");
    if (user.uid) argv.insert(argv.end(), {"--uid", std::to_string(*user.uid)});
  }
  if (user.gid) argv.insert(argv.end(), {"--gid", std::to_string(*user.gid)});
  argv.insert(argv.end(), {"--shell", user.shell});
  if (!user.home.empty()) argv.insert(argv.end(), {exists ? "--home" : "--home-dir", user.home});
  if (!user.groups.empty()) {
    if (exists) argv.emplace_back("--append");
    argv.insert(argv.end(), {"--groups", join(user.groups, ",")});
  }
  argv.push_back(user.name.value);
  return argv;
}

}  // namespace

void UsersStep::add_key_fields(plan::KeyRecord& record) const {
  const auto number = [](const std::optional<std::uint32_t>& value) {
    return value ? std::to_string(*value) : std::string("any");
  };
  for (const auto& user : users_.users) {
    record.add(
        fmt::format("user {}", user.name.value),
        fmt::format("uid {} gid {} groups {} shell {} home {} sudo {} system {}", number(user.uid), number(user.gid),
                    join(user.groups, ","), user.shell, user.home, user.sudo_nopasswd, user.system));
  }
}

void UsersStep::work(rootfs::BuildRoot& root, const StepContext& context) const {
  const Accounts accounts = load_accounts(context);
  if (context.tree.resolve("usr/sbin/useradd") == nullptr) {
    throw Error({.kind = ErrorKind::Recipe,
                 .code = "R122",
                 .message = "the image has no 'useradd' to make users with",
                 .hints = {"install the package 'passwd' in an earlier layer"}});
  }
  const auto run = [&](std::vector<std::string> argv) {
    const std::string what = join(argv, " ");
    run_command(root, context, {.argv = std::move(argv)}, what);
  };
  for (const auto& user : users_.users) {
    refuse_conflicts(accounts, user);
    for (const auto& group : user.groups) {
      if (!accounts.find_group(group)) {
        throw user_error("R123",
                         fmt::format("user '{}' asks for the group '{}', which the image does not have at this layer",
                                     user.name.value, group),
                         user.name.where, "install the package that makes the group in an earlier layer");
      }
    }
    // useradd --gid wants the group to exist: give the user's own group that number.
    const bool own_group =
        user.gid && accounts.find_user(user.name.value) == nullptr && !accounts.find_group(user.name.value);
    if (own_group) {
      const auto entries = root.root().read_file_if_exists("etc/group").value_or("");
      const bool taken = entries.find(fmt::format(":{}:", *user.gid)) != std::string::npos;
      if (!taken) run({"groupadd", "--gid", std::to_string(*user.gid), user.name.value});
    }
    run(useradd_command(user, accounts));
    if (user.sudo_nopasswd) {
      if (context.tree.resolve("etc/sudoers.d") == nullptr) {
        throw user_error(
            "R124",
            fmt::format("user '{}' asks for sudo, which the image does not have at this layer", user.name.value),
            user.name.where, "install the package 'sudo' in an earlier layer");
      }
      root.root().write_file(fmt::format("etc/sudoers.d/{}", user.name.value),
                             fmt::format("{} ALL=(ALL:ALL) NOPASSWD: ALL\n", user.name.value), 0440);
    }
  }
}

}  // namespace blueprint::steps
