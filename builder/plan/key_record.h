#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"

namespace blueprint::plan {

/// What a layer is a function of, as named fields. Its digest is the layer's cache key; the fields are kept with the
/// layer, so that a miss can be explained by comparing two records.
///
/// Names of recipe and layer are kept for finding earlier records and are not part of the digest: a renamed layer is
/// the same layer. Launch sizes, descriptions and secret values are never fields.
class KeyRecord {
 public:
  KeyRecord() = default;
  KeyRecord(std::string recipe, std::string layer) : recipe_(std::move(recipe)), layer_(std::move(layer)) {}

  struct Field {
    std::string name;  ///< for people as well: "package curl", "file etc/motd", "script"
    std::string value;
    bool operator==(const Field&) const = default;
  };

  void add(std::string name, std::string value) { fields_.push_back({std::move(name), std::move(value)}); }

  [[nodiscard]] const std::vector<Field>& fields() const { return fields_; }
  /// Value of the first field `name`, or empty.
  [[nodiscard]] std::string_view value(std::string_view name) const;
  [[nodiscard]] const std::string& recipe() const { return recipe_; }
  [[nodiscard]] const std::string& layer() const { return layer_; }

  /// SHA-256 over the format version and every field, each string preceded by its length: no two different records are
  /// the same bytes.
  [[nodiscard]] Digest digest() const;

  [[nodiscard]] std::string to_json() const;
  /// Throws Error S020/S022 when `text` is no record.
  [[nodiscard]] static KeyRecord from_json(std::string_view text);

  bool operator==(const KeyRecord&) const = default;

 private:
  std::string recipe_;
  std::string layer_;
  std::vector<Field> fields_;
};

/// Why `now` is another layer than `before`, one line each, such as "package curl 7.88.1-10+deb12u8
/// → 7.88.1-10+deb12u9", at most `limit` lines and then "and N more". Empty when the records are equal.
[[nodiscard]] std::vector<std::string> explain_difference(const KeyRecord& before, const KeyRecord& now,
                                                          std::size_t limit = 8);

}  // namespace blueprint::plan
