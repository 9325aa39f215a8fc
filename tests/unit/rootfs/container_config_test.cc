#include "builder/rootfs/container_config.h"

#include <catch2/catch.hpp>

#include "base/json.h"

using namespace blueprint;
using namespace blueprint::rootfs;

namespace {

Json config_of(const ContainerSpec& spec) { return parse_json(container_config(spec), "a configuration"); }

bool has_namespace(const Json& config, const std::string& type) {
  for (const auto& entry : config["linux"]["namespaces"]) {
    if (entry["type"] == type) return true;
  }
  return false;
}

const ContainerSpec kSpec{.root = "/work/merged", .hostname = "blueprint", .argv = {"true"}, .environment = {"A=b"}};

}  // namespace

TEST_CASE("a container has the network only when it asks for it") {
  ContainerSpec spec = kSpec;
  CHECK(has_namespace(config_of(spec), "network"));
  spec.host_network = true;
  CHECK_FALSE(has_namespace(config_of(spec), "network"));
  for (const char* always : {"mount", "pid", "ipc", "uts", "cgroup"}) CHECK(has_namespace(config_of(spec), always));
}

TEST_CASE("a container cannot administrate the machine") {
  const Json config = config_of(kSpec);
  for (const auto& set : config["process"]["capabilities"]) {
    for (const auto& capability : set) {
      for (const char* never : {"CAP_SYS_ADMIN", "CAP_SYS_PTRACE", "CAP_SYS_MODULE", "CAP_NET_ADMIN", "CAP_SYS_TIME",
                                "CAP_SYS_BOOT", "CAP_DAC_READ_SEARCH", "CAP_SYS_RAWIO", "CAP_BPF"}) {
        CHECK(capability != never);
      }
    }
  }
  CHECK_FALSE(config["process"]["capabilities"].contains("ambient"));
  CHECK(config["linux"]["resources"]["devices"][0] == Json{{"allow", false}, {"access", "rwm"}});
  CHECK(config["linux"]["readonlyPaths"].dump().find("/proc/sys\"") != std::string::npos);
}

TEST_CASE("every call of the fsync family succeeds without a sync") {
  const Json rule = config_of(kSpec)["linux"]["seccomp"]["syscalls"][0];
  CHECK(rule["action"] == "SCMP_ACT_ERRNO");
  CHECK(rule["errnoRet"] == 0);
  CHECK(rule["names"] == Json{"fsync", "fdatasync", "sync", "syncfs", "msync", "sync_file_range"});
}

TEST_CASE("a bind without a source is a directory in memory") {
  ContainerSpec spec = kSpec;
  spec.binds = {{"", "/scratch"}, {"", "/small", 65536}};
  const Json config = config_of(spec);
  const Json& mounts = config["mounts"];
  const Json& scratch = mounts.at(mounts.size() - 2);
  CHECK(scratch["type"] == "tmpfs");
  CHECK(scratch["destination"] == "/scratch");
  CHECK(scratch["options"] == Json{"nosuid", "nodev", "mode=1777"});
  CHECK(mounts.back()["options"] == Json{"nosuid", "nodev", "mode=1777", "size=65536"});
}

TEST_CASE("user, groups and binds are written down") {
  ContainerSpec spec = kSpec;
  spec.uid = 1000;
  spec.gid = 1001;
  spec.groups = {27, 999};
  spec.read_only_binds = {{"/private/secret", "/run/secrets/token"}};
  const Json config = config_of(spec);
  CHECK(config["process"]["user"] == Json{{"uid", 1000}, {"gid", 1001}, {"umask", 022}, {"additionalGids", {27, 999}}});
  const Json& bind = config["mounts"].back();
  CHECK(bind["source"] == "/private/secret");
  CHECK(bind["destination"] == "/run/secrets/token");
  CHECK(bind["options"].dump().find("\"ro\"") != std::string::npos);
}

TEST_CASE("the configuration is the same for the same container") {
  CHECK(container_config(kSpec) == container_config(kSpec));
}

TEST_CASE("a step's environment is fixed, sorted, and can be overridden") {
  CHECK(step_environment(17, {}) ==
        std::vector<std::string>{"DEBIAN_FRONTEND=noninteractive", "HOME=/root", "LC_ALL=C.UTF-8",
                                 "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                                 "SOURCE_DATE_EPOCH=17", "TZ=UTC"});
  const auto environment = step_environment(17, {"TZ=Asia/Tokyo", "A=x=y", "EMPTY="});
  CHECK(environment.front() == "A=x=y");
  CHECK(environment.back() == "TZ=Asia/Tokyo");
  CHECK(environment.size() == 8);
}
