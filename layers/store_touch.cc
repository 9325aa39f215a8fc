#include "layers/store_touch.h"

#include <ctime>

#include <fcntl.h>
#include <sys/stat.h>

namespace blueprint::layers {

bool touch(const std::filesystem::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return false;
  const std::time_t now = std::time(nullptr);
  const bool fresh = status.st_mtime <= now && now - status.st_mtime < kTouchSlack.count();
  if (!fresh) ::utimensat(AT_FDCWD, path.c_str(), nullptr, 0);
  return true;
}

}  // namespace blueprint::layers
