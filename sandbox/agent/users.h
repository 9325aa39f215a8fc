#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace blueprint::agent {

struct User {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;  ///< supplementary, primary included
  std::string home = "/";
  std::string shell = "/bin/sh";
};

/// Looks `who` up in texts of /etc/passwd and /etc/group. `who` is empty (root), a name, a number, or NAME:GROUP with
/// either side a number. A number that has no entry is a user without a name. Nothing when a name is unknown. (Not
/// getpwnam: static glibc cannot do without its shared modules.)
[[nodiscard]] std::optional<User> find_user(std::string_view who, std::string_view passwd, std::string_view group);

}  // namespace blueprint::agent
