#include "cli/context.h"

#include "cli/registry_credentials.h"

namespace blueprint::cli {

const Installation& Context::installation() {
  if (!installation_) installation_ = find_installation();
  return *installation_;
}

layers::Store& Context::store() {
  if (!store_)
    store_ = std::make_unique<layers::Store>(store_flag.empty() ? settings_.store : std::filesystem::path(store_flag));
  return *store_;
}

Events& Context::events() {
  if (!events_) {
    // A dumb terminal cannot clear a line.
    ProgressView view = settings_.terminal == "dumb" ? ProgressView::Plain : ProgressView::Auto;
    if (progress_flag == "plain") view = ProgressView::Plain;
    if (progress_flag == "json") view = ProgressView::Json;
    if (quiet) view = ProgressView::Quiet;
    events_ = make_progress(view, verbose ? Verbosity::Verbose : Verbosity::Normal);
  }
  return *events_;
}

ThreadPool& Context::pool() {
  if (!pool_) pool_ = std::make_unique<ThreadPool>(jobs);
  return *pool_;
}

recipe::SearchPath Context::search() {
  recipe::SearchPath search{.catalogs = settings_.catalogs};
  search.catalogs.push_back(installation().catalog);
  return search;
}

packages::Mirrors Context::mirrors() const {
  packages::Mirrors mirrors;
  mirrors.by_name = settings_.mirrors;
  mirrors.proxy = settings_.proxy;
  mirrors.no_proxy = settings_.no_proxy;
  return mirrors;
}

const builder::RegistryAccess& Context::registries() {
  if (!registries_) {
    registries_.emplace();
    registries_->options = {
        .endpoints = settings_.registries,
        .find_credential =
            [files = settings_.credential_files](const std::string& host, const std::string& repository) {
              return find_registry_credential(files, host, repository);
            },
        .proxy = settings_.proxy,
        .no_proxy = settings_.no_proxy};
  }
  return *registries_;
}

}  // namespace blueprint::cli
