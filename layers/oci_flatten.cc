#include "layers/oci_flatten.h"

#include <deque>
#include <map>
#include <unordered_map>
#include <utility>

#include "base/text.h"
#include "layers/oci_errors.h"

namespace blueprint::layers {
namespace {

constexpr int kMostLinks = 40;           // as the kernel's ELOOP
constexpr std::size_t kMaxDepth = 2048;  // of directories: a path has at most 4095 bytes

std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

Timestamp clamped(Timestamp time, std::int64_t epoch) {
  return time.seconds >= epoch ? Timestamp{.seconds = epoch} : time;
}

}  // namespace

/// What names stand for: several names may stand for one.
struct OciFlattening::File {
  FileType type = FileType::Directory;
  Metadata metadata;
  std::string target;
  std::uint32_t device_major = 0;
  std::uint32_t device_minor = 0;
  std::uint64_t size = 0;
  std::string data_file;
};

struct OciFlattening::Node {
  std::shared_ptr<File> file;
  unsigned layer = 0;  ///< that put it last
  std::map<std::string, std::unique_ptr<Node>> children;

  [[nodiscard]] bool is_directory() const { return file->type == FileType::Directory; }
};

/// Finds directories by path, following symbolic links inside the image.
class OciFlattening::Walk {
 public:
  enum class Missing { Make, Null };
  Walk(OciFlattening& image, Missing missing) : image_(image), missing_(missing), chain_{image.root_.get()} {}

  /// Null when it is not there, or no directory.
  Node* directory(const std::string& path) {
    push_front(path);
    while (!rest_.empty()) {
      const std::string name = std::move(rest_.front());
      rest_.pop_front();
      if (name.empty() || name == ".") continue;
      if (name == "..") {
        if (chain_.size() > 1) chain_.pop_back();
      } else if (!enter(name, path)) {
        return nullptr;
      }
    }
    return chain_.back();
  }

 private:
  void push_front(const std::string& path) {
    auto names = split(path, '/');
    rest_.insert(rest_.begin(), std::make_move_iterator(names.begin()), std::make_move_iterator(names.end()));
  }

  bool enter(const std::string& name, const std::string& path) {
    auto& children = chain_.back()->children;
    auto child = children.find(name);
    if (child == children.end()) {
      if (missing_ == Missing::Null) return false;
      auto made = std::make_unique<Node>();
      made->file = std::make_shared<File>();
      made->file->metadata = {.mode = 0755, .uid = 0, .gid = 0, .mtime = {.seconds = image_.epoch_}, .xattrs = {}};
      made->layer = image_.number_;
      child = children.emplace(name, std::move(made)).first;
    }
    Node& node = *child->second;
    if (node.is_directory()) {
      chain_.push_back(&node);
      if (chain_.size() > kMaxDepth) image_.refuse(path, "is too deep");
      return true;
    }
    if (node.file->type != FileType::Symlink) return refuse(path, "lies below something that is no directory");
    if (++links_ > kMostLinks) return refuse(path, "lies behind symbolic links that go in a circle");
    if (node.file->target.starts_with('/')) chain_.resize(1);
    push_front(node.file->target);
    return true;
  }

  bool refuse(const std::string& path, std::string_view why) const {
    if (missing_ == Missing::Make) image_.refuse(path, why);
    return false;
  }

  OciFlattening& image_;
  Missing missing_;
  std::vector<Node*> chain_;  ///< from the root to the directory that was reached
  std::deque<std::string> rest_;
  int links_ = 0;
};

OciFlattening::OciFlattening(std::int64_t epoch) : epoch_(epoch), root_(std::make_unique<Node>()) {
  root_->file = std::make_shared<File>();
  root_->file->metadata = {.mode = 0755, .uid = 0, .gid = 0, .mtime = {.seconds = epoch}, .xattrs = {}};
}

OciFlattening::~OciFlattening() = default;

void OciFlattening::refuse(std::string_view path, std::string_view why) const {
  throw hostile_oci_member(layer_, path, why);
}

void OciFlattening::add(std::vector<OciMember> members, std::string_view layer) {
  ++number_;
  layer_ = layer;
  for (OciMember& member : members) {
    switch (member.kind) {
      case OciMember::Kind::File: put(std::move(member)); break;
      case OciMember::Kind::HardLink: link(member); break;
      case OciMember::Kind::Whiteout: hide(member.path); break;
      case OciMember::Kind::Opaque:
        if (Node* directory = Walk(*this, Walk::Missing::Null).directory(member.path)) hide_below(*directory);
        break;
    }
  }
}

/// The directory that holds `path`, made when it is missing, and the name in it.
OciFlattening::Node& OciFlattening::place_of(const std::string& path, std::string& name) {
  name = name_of(path);
  return *Walk(*this, Walk::Missing::Make).directory(std::string(parent_path(path)));
}

void OciFlattening::put(OciMember member) {
  auto file = std::make_shared<File>(File{.type = member.type,
                                          .metadata = std::move(member.metadata),
                                          .target = std::move(member.target),
                                          .device_major = member.device_major,
                                          .device_minor = member.device_minor,
                                          .size = member.size,
                                          .data_file = std::move(member.data_file)});
  file->metadata.mtime = clamped(file->metadata.mtime, epoch_);
  if (member.path.empty()) {
    root_->file = std::move(file);
    return;
  }
  std::string name;
  Node& directory = place_of(member.path, name);
  auto& node = directory.children[name];
  const bool keeps_entries = node != nullptr && node->is_directory() && file->type == FileType::Directory;
  if (!keeps_entries) node = std::make_unique<Node>();
  node->file = std::move(file);
  node->layer = number_;
}

void OciFlattening::link(const OciMember& member) {
  Node* holds = Walk(*this, Walk::Missing::Null).directory(std::string(parent_path(member.target)));
  const auto target =
      holds == nullptr ? decltype(holds->children.begin()){} : holds->children.find(name_of(member.target));
  if (holds == nullptr || target == holds->children.end() || target->second->is_directory())
    refuse(member.path, "is a hard link to no file");
  const auto file = target->second->file;  // the place may be the target's own
  std::string name;
  Node& directory = place_of(member.path, name);
  auto node = std::make_unique<Node>();
  node->file = file;
  node->layer = number_;
  directory.children[name] = std::move(node);
}

void OciFlattening::hide(const std::string& path) {
  Node* directory = Walk(*this, Walk::Missing::Null).directory(std::string(parent_path(path)));
  if (directory == nullptr) return;
  const auto found = directory->children.find(name_of(path));
  if (found == directory->children.end()) return;
  Node& node = *found->second;
  hide_below(node);
  if (node.layer < number_ && node.children.empty()) directory->children.erase(found);
}

/// Removes what the layers below have in `directory`. A directory of theirs stays when this layer has put something
/// into it.
void OciFlattening::hide_below(Node& directory) const {
  std::erase_if(directory.children, [&](auto& child) {
    hide_below(*child.second);
    return child.second->layer < number_ && child.second->children.empty();
  });
}

std::vector<PlannedChange> OciFlattening::take() {
  std::vector<PlannedChange> changes;
  std::unordered_map<const File*, std::string> first_names;
  const auto add = [&](const Node& node, const std::string& path) {
    if (!is_clean_path(path)) refuse(path, "has too long a path");
    const File& file = *node.file;
    PlannedChange planned;
    planned.change.path = path;
    planned.change.type = file.type;
    planned.change.metadata = file.metadata;
    const bool regular = file.type == FileType::Regular;
    const auto [first, is_new] = first_names.emplace(&file, path);
    if (regular && !is_new) {
      planned.change.link_to = first->second;
    } else {
      planned.change.target = file.target;
      planned.change.device_major = file.device_major;
      planned.change.device_minor = file.device_minor;
      planned.change.size = file.size;
      if (regular && file.size > 0) planned.source = HostFile{file.data_file};
    }
    changes.push_back(std::move(planned));
  };
  // Without recursion, because directories may be nested as deep as a path is long.
  std::vector<std::pair<const Node*, std::string>> waiting{{root_.get(), ""}};
  while (!waiting.empty()) {
    const auto [node, path] = std::move(waiting.back());
    waiting.pop_back();
    add(*node, path);
    for (auto child = node->children.rbegin(); child != node->children.rend(); ++child)
      waiting.emplace_back(child->second.get(), path.empty() ? child->first : path + "/" + child->first);
  }
  sort_changes(changes);
  return changes;
}

}  // namespace blueprint::layers
