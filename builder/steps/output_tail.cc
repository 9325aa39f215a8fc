#include "builder/steps/output_tail.h"

namespace blueprint::steps {

void OutputTail::add(std::string_view chunk) {
  while (!chunk.empty()) {
    const std::size_t end = chunk.find('\n');
    const std::string_view part = chunk.substr(0, end);
    if (unfinished_.size() < kLongestLine) unfinished_ += part.substr(0, kLongestLine - unfinished_.size());
    if (end == std::string_view::npos) return;
    lines_.push_back(std::move(unfinished_));
    unfinished_.clear();
    if (lines_.size() > limit_) lines_.pop_front();
    chunk.remove_prefix(end + 1);
  }
}

std::vector<std::string> OutputTail::lines() const {
  std::vector<std::string> all(lines_.begin(), lines_.end());
  if (!unfinished_.empty()) all.push_back(unfinished_);
  if (all.size() > limit_) all.erase(all.begin());
  return all;
}

}  // namespace blueprint::steps
