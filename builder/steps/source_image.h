#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "layers/file_tree.h"
#include "layers/image.h"
#include "layers/store.h"

namespace blueprint::steps {

/// An image that a recipe is built on or copies from. Its tree is merged when somebody asks for it. Thread-safe.
class SourceImage {
 public:
  /// `store` must outlive the object.
  SourceImage(const layers::Store& store, layers::ImageRecord record) : store_(store), record_(std::move(record)) {}

  [[nodiscard]] const layers::ImageRecord& record() const { return record_; }
  [[nodiscard]] const layers::FileTree& tree() const {
    std::call_once(loaded_, [this] { tree_.emplace(layers::load_tree(store_, record_.layers)); });
    return *tree_;
  }

 private:
  const layers::Store& store_;
  layers::ImageRecord record_;
  mutable std::once_flag loaded_;
  mutable std::optional<layers::FileTree> tree_;
};

/// By the name that the recipe calls it. Null: known to be needed, and not known yet as which image.
using Images = std::map<std::string, std::shared_ptr<const SourceImage>, std::less<>>;

}  // namespace blueprint::steps
