#include "layers/layer_writer_twins.h"

#include <algorithm>
#include <memory>
#include <numeric>
#include <unordered_map>
#include <variant>

#include "base/digest.h"
#include "base/error.h"
#include "layers/layer_writer_source.h"

namespace blueprint::layers {
namespace {

constexpr std::size_t kFilesPerJob = 16;

bool may_have_twins(const PlannedChange& planned) {
  return planned.change.size >= kMinTwinBytes && planned.change.size <= kMaxFrameSize &&
         !std::holds_alternative<StoredFile>(planned.source);
}

/// Those of `files` that are as large as another one.
std::vector<std::size_t> of_equal_sizes(const std::vector<PlannedChange>& changes, std::span<const std::size_t> files) {
  std::unordered_map<std::uint64_t, std::uint32_t> count;
  for (const std::size_t file : files) {
    if (may_have_twins(changes[file])) ++count[changes[file].change.size];
  }
  std::vector<std::size_t> equal;
  for (const std::size_t file : files) {
    if (may_have_twins(changes[file]) && count[changes[file].change.size] > 1) equal.push_back(file);
  }
  return equal;
}

void digest(std::vector<PlannedChange>& changes, std::span<const std::size_t> files) {
  const auto buffer = std::make_unique_for_overwrite<std::byte[]>(kMaxFrameSize);
  Sha256 hash;
  for (const std::size_t file : files) {
    const std::span<std::byte> bytes(buffer.get(), changes[file].change.size);
    SourceReader(changes[file]).read(0, bytes);
    changes[file].change.data_digest = hash.update(bytes).finish();
  }
}

}  // namespace

std::vector<std::size_t> find_twins(std::vector<PlannedChange>& changes, std::span<const std::size_t> files,
                                    ThreadPool& pool, std::stop_token stop) {
  const std::vector<std::size_t> equal = of_equal_sizes(changes, files);
  std::vector<std::size_t> unknown;
  std::copy_if(equal.begin(), equal.end(), std::back_inserter(unknown),
               [&](std::size_t file) { return changes[file].change.data_digest == Digest(); });
  {
    TaskGroup group(pool);
    for (std::size_t first = 0; first < unknown.size(); first += kFilesPerJob) {
      group.run([&, first] {
        if (stop.stop_requested()) throw Interrupted();
        digest(changes, std::span(unknown).subspan(first, std::min(kFilesPerJob, unknown.size() - first)));
      });
    }
    group.wait();
  }

  std::vector<std::size_t> first_of(files.size());
  std::iota(first_of.begin(), first_of.end(), std::size_t{0});
  std::unordered_map<Digest, std::size_t, DigestHash> places;
  places.reserve(equal.size());
  auto next = equal.begin();
  for (std::size_t place = 0; place < files.size() && next != equal.end(); ++place) {
    if (files[place] != *next) continue;
    first_of[place] = places.try_emplace(changes[*next].change.data_digest, place).first->second;
    ++next;
  }
  return first_of;
}

}  // namespace blueprint::layers
