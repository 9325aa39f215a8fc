#!/usr/bin/env python3
"""Who may include whom (DESIGN §2): cli → server → builder → {layers, registry_client, sandbox} → base, and which files may use
which third-party library. A header that shows a library's types is private: only its own folder includes it."""

import fnmatch
import re

from source_tree import FOLDERS, ROOT, files, lines, report

MAY_INCLUDE = {
    "base": {"base"},
    "layers": {"layers", "base"},
    "registry_client": {"registry_client", "base"},
    "sandbox": {"sandbox", "base"},
    "builder": {"builder", "layers", "registry_client", "sandbox", "base"},
    "server": {"server", "builder", "layers", "registry_client", "sandbox", "base"},
    "cli": {"cli", "server", "builder", "layers", "registry_client", "sandbox", "base"},
    "tests": set(FOLDERS) | {"tests"},
    "bench": set(FOLDERS) | {"bench"},
}
# Prefix of an include → the files that may say it. fmt and the JSON of base/json.h are everybody's; tests and benchmarks may look
# at a product through whatever library they like.
THIRD_PARTY = {
    "yaml-cpp/": ["builder/recipe/yaml.*", "builder/packages/lock_parse.cc", "cli/settings.cc"],
    "re2/": ["builder/recipe/pattern.cc"],
    "openssl/": ["base/digest.cc", "builder/packages/unpack_staging.cc"],
    "zstd": ["layers/frame_codec.cc"],
    "ext2fs/": ["layers/ext4/*"],
    "archive": ["builder/packages/deb_archive.cc", "builder/packages/index_decompress.cc", "builder/steps/unpack_archive.cc",
                "layers/export_compress.cc", "layers/oci_layer.cc", "layers/oci_source.cc", "sandbox/kernel_modules.cc"],
    "curl/": ["registry_client/curl_*"],
    "apt-pkg/": ["builder/packages/solver_apt*"],
    "nbdkit-plugin.h": ["sandbox/*.c*", "layers/*.c*"],
    "CLI/": ["cli/parser.cc"],
    "spdlog/": [],
    "nlohmann/json.hpp": ["base/json.h"],
    "catch2/": [],
    "sqlite3.h": ["server/*.cc"],
    "benchmark/": [],
}
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')


def may_use(name, allowed):
    return any(fnmatch.fnmatchcase(str(name), pattern) for pattern in allowed)


def main():
    faults, shown_by = [], {}
    includes = []
    for name in files(".cc", ".h", ".c"):
        folder = name.parts[0]
        if folder not in MAY_INCLUDE:
            continue
        for number, line in enumerate(lines(name), 1):
            found = INCLUDE.match(line)
            if found:
                includes.append((name, number, folder, found[1]))
    for name, number, folder, target in includes:
        library = next((prefix for prefix in THIRD_PARTY if target.startswith(prefix)), None)
        if library and not (ROOT / target).is_file():
            if folder not in ("tests", "bench") and not may_use(name, THIRD_PARTY[library]):
                faults.append(f"{name}:{number}: may not include <{target}>: only {', '.join(THIRD_PARTY[library]) or 'tests'} may")
            if name.suffix == ".h" and folder not in ("tests", "base"):
                shown_by[str(name)] = target
    for name, number, folder, target in includes:
        other = target.split("/")[0]
        if "/" not in target or other not in MAY_INCLUDE:
            continue
        if other not in MAY_INCLUDE[folder]:
            faults.append(f"{name}:{number}: {folder}/ may not include {other}/ ({target})")
        if not (ROOT / target).is_file():
            faults.append(f"{name}:{number}: includes are written from the top of the tree: there is no {target}")
        if target in shown_by and not str(name).startswith(target.rsplit("/", 1)[0] + "/") and folder != "tests":
            faults.append(f"{name}:{number}: {target} shows <{shown_by[target]}> and is private to its folder")
    report(faults, "include direction and third-party headers")


if __name__ == "__main__":
    main()
