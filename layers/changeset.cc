#include "layers/changeset.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "layers/errors.h"

namespace blueprint::layers {
namespace {

constexpr std::size_t kMaxName = 255;
constexpr std::size_t kMaxPath = 4095;

bool is_link(const Change& change) { return change.kind == ChangeKind::Put && !change.link_to.empty(); }

using PathIndex = std::unordered_map<std::string_view, std::size_t>;

/// The path at the end of a chain of links: a change that holds data, or a path of the parent.
std::string end_of_links(const std::vector<PlannedChange>& changes, const PathIndex& index, std::size_t start) {
  const std::string* at = &changes[start].change.link_to;
  for (std::size_t steps = 0; steps <= changes.size(); ++steps) {
    const auto next = index.find(*at);
    if (next == index.end() || !is_link(changes[next->second].change)) return *at;
    at = &changes[next->second].change.link_to;
  }
  throw link_circle(changes[start].change.path);
}

/// Makes the first name of each inode in the (sorted) changes the one that holds the data.
void settle_links(std::vector<PlannedChange>& changes) {
  if (std::none_of(changes.begin(), changes.end(), [](const auto& planned) { return is_link(planned.change); })) return;
  PathIndex index;
  index.reserve(changes.size());
  for (std::size_t i = 0; i < changes.size(); ++i) index.emplace(changes[i].change.path, i);

  // All ends first: the loop below changes link_to while it goes.
  std::vector<std::pair<std::size_t, std::string>> links;
  for (std::size_t i = 0; i < changes.size(); ++i) {
    if (is_link(changes[i].change)) links.emplace_back(i, end_of_links(changes, index, i));
  }
  std::unordered_map<std::string, std::size_t> holder;  // end of links → the name that holds the data now
  for (auto& [number, end] : links) {
    Change& link = changes[number].change;
    const auto data = index.find(end);
    if (data == index.end() || changes[data->second].change.kind != ChangeKind::Put) {  // the data is the parent's
      link.link_to = end;
      continue;
    }
    const auto [held, first] = holder.emplace(end, std::min(number, data->second));
    if (held->second == number) {  // this name comes before the data: they change roles
      PlannedChange& other = changes[data->second];
      std::swap(changes[number], other);
      std::swap(changes[number].change.path, other.change.path);
      other.change.link_to = changes[number].change.path;
    } else {
      link.link_to = changes[held->second].change.path;
    }
  }
}

}  // namespace

int compare_paths(std::string_view a, std::string_view b) {
  const std::size_t common = std::min(a.size(), b.size());
  const auto [x, y] = std::mismatch(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(common), b.begin());
  if (x == a.begin() + static_cast<std::ptrdiff_t>(common)) {
    return a.size() == b.size() ? 0 : (a.size() < b.size() ? -1 : 1);
  }
  // A separator ends a component: it sorts before every byte that a name may have.
  const int left = *x == '/' ? 0 : static_cast<unsigned char>(*x);
  const int right = *y == '/' ? 0 : static_cast<unsigned char>(*y);
  return left - right;
}

bool is_clean_path(std::string_view path) {
  if (path.empty()) return true;
  if (path.size() > kMaxPath || path.find('\0') != std::string_view::npos) return false;
  std::size_t begin = 0;
  while (true) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view name = path.substr(begin, end - begin);
    if (name.empty() || name.size() > kMaxName || name == "." || name == "..") return false;
    if (end == path.size()) return true;
    begin = end + 1;
  }
}

std::string_view parent_path(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

void sort_changes(std::vector<PlannedChange>& changes) {
  std::stable_sort(changes.begin(), changes.end(), [](const PlannedChange& a, const PlannedChange& b) {
    return compare_paths(a.change.path, b.change.path) < 0;
  });
  const auto twice =
      std::adjacent_find(changes.begin(), changes.end(),
                         [](const PlannedChange& a, const PlannedChange& b) { return a.change.path == b.change.path; });
  if (twice != changes.end()) throw changed_twice(twice->change.path);
  settle_links(changes);
}

}  // namespace blueprint::layers
