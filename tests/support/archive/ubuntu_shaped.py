"""Fills a repository with Debian's packages in the shape of Ubuntu 24.04's archive.

Ubuntu's shape differs from Debian 12's in what a bootstrap must cope with: .debs are compressed with zstd, `base-files` ships
/bin, /sbin, /lib and /lib64 as links and all other packages ship their files below /usr, one key signs all pockets, and pockets
live in one root. Packages come through this machine's own apt sources with the ordinary client.
"""

import hashlib
import os
import re
import subprocess
import tarfile
from multiprocessing import Pool
from pathlib import Path

import deb as deb_file

FORMAT = "3"  # part of the name of a kept, repacked .deb: raise it when repack() changes
MERGED = ("bin", "sbin", "lib", "lib32", "libx32", "lib64")
SHIPPED_LINKS = ("bin", "sbin", "lib", "lib64")
OS_RELEASE = """\
PRETTY_NAME="Ubuntu 24.04 LTS"
NAME="Ubuntu"
VERSION_ID="24.04"
VERSION="24.04 LTS (Noble Numbat)"
VERSION_CODENAME=noble
ID=ubuntu
ID_LIKE=debian
UBUNTU_CODENAME=noble
"""
# Ubuntu's names for what Debian calls otherwise: an empty package that depends on Debian's. Where Debian has nothing like it, on
# what it would depend on.
ALIASES = {
    "docker-buildx": "docker.io",
    "docker-compose-v2": "docker-compose",
    "libnvidia-compute-550-server": "libcuda1",
    "linux-image-kvm": "linux-image-cloud-amd64",
    "linux-image-virtual": "linux-image-cloud-amd64",
    "linux-modules-nvidia-550-server-generic": "linux-image-cloud-amd64",
    "nvidia-utils-550-server": "nvidia-smi",
    "ubuntu-keyring": "debian-archive-keyring",
    "ubuntu-minimal": "apt",
}
# Debian's components and Ubuntu's.
COMPONENTS = {"contrib": "multiverse", "non-free": "restricted", "non-free-firmware": "restricted"}


def debian_sources():
    """The files of this machine's apt configuration that speak of its own distribution."""
    places = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]
    found = [place for place in places if place.is_file() and re.search(r"/debian(-security)?/?(\s|$)", place.read_text())]
    if not found:
        raise deb_file.ArchiveError("this machine's apt sources name no Debian mirror")
    return found


def with_all_components(sources):
    """The text of apt sources, of either form, with the components that Debian keeps apart."""
    return re.sub(r"^(Components:.*|deb .*/debian.*) main\b.*$", r"\1 main contrib non-free non-free-firmware", sources, flags=re.MULTILINE)


class Apt:
    """apt with this machine's mirrors and nothing else of this machine's state: no package counts as installed."""

    def __init__(self, cache):
        cache = cache.resolve()
        for name in ("lists/partial", "archives/partial", "parts", "preferences.d"):
            (cache / name).mkdir(parents=True, exist_ok=True)
        for old in (cache / "parts").iterdir():
            old.unlink()
        for number, source in enumerate(debian_sources()):
            suffix = source.suffix if source.suffix in (".list", ".sources") else ".list"
            (cache / "parts" / f"{number}{suffix}").write_text(with_all_components(source.read_text()))
        (cache / "status").touch()
        self.archives = cache / "archives"
        self.options = [f"-o{key}={value}" for key, value in {
            "Dir::State::lists": cache / "lists", "Dir::State::status": cache / "status",
            "Dir::State::extended_states": cache / "extended_states", "Dir::Cache::archives": self.archives,
            "Dir::Cache::pkgcache": "", "Dir::Cache::srcpkgcache": "", "Dir::Etc::sourcelist": "/dev/null",
            "Dir::Etc::sourceparts": cache / "parts", "Dir::Etc::preferences": "/dev/null",
            "Dir::Etc::preferencesparts": cache / "preferences.d", "Debug::NoLocking": "true",
            "APT::Sandbox::User": "root", "APT::Get::Assume-Yes": "true", "Acquire::Languages": "none",
        }.items()]

    def run(self, *arguments):
        done = subprocess.run(["apt-get", "-qq", *self.options, *arguments], text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, env={**os.environ, "LC_ALL": "C"})
        if done.returncode != 0:
            raise deb_file.ArchiveError(f"apt-get {' '.join(arguments[:2])}: {done.stderr.strip()}")
        return done.stdout

    def download(self, packages):
        """The .debs of `packages`, of everything essential, and of all that they depend on."""
        if not any((self.archives.parent / "lists").glob("*_non-free_*Packages*")):
            self.run("update")
        wanted = ["--no-install-recommends", "install", "?essential", "apt", *packages]
        self.run("--download-only", *wanted)
        # What is chosen, from a simulation: --print-uris leaves out what is there already.
        chosen = re.findall(r"^Inst (\S+) \((\S+) .*\[(\w+)\]\)", self.run("--simulate", *wanted), re.MULTILINE)
        return [self.archives / f"{name.split(':')[0]}_{version.replace(':', '%3a')}_{architecture}.deb"
                for name, version, architecture in chosen]


def merged_name(name):
    """"./lib/x" → "./usr/lib/x"."""
    parts = name.split("/")
    return "/".join([".", "usr", *parts[1:]]) if len(parts) > 2 and parts[1] in MERGED else name


def merge_usr(members):
    """Moves what lies in the merged directories below /usr, and drops links that would then name themselves (Debian's coreutils
    ships /usr/bin/touch → /bin/touch)."""
    top = {f"./{name}" for name in MERGED}
    moved = {}
    for member in members:
        if member.name.rstrip("/") in top:
            continue
        name = merged_name(member.name)
        if member.kind == tarfile.SYMTYPE:
            at = os.path.normpath(os.path.join(os.path.dirname(name), member.target)) if not member.target.startswith("/") \
                else "." + member.target
            if merged_name(at if at.startswith("./") else "./" + at) == name:
                continue
        if member.kind == tarfile.LNKTYPE:
            member.target = merged_name(member.target)
        member.name = name
        key = name.rstrip("/")
        if key not in moved or moved[key].kind == tarfile.SYMTYPE:
            moved[key] = member
    return list(moved.values())


def repack(path, kept):
    """The .deb `path` in Ubuntu's shape, made once and kept."""
    key = hashlib.sha256(path.read_bytes() + FORMAT.encode()).hexdigest()
    target = kept / f"{key}.deb"
    if not target.exists():
        package = deb_file.unpack(path)
        package.members = merge_usr(package.members)
        package.compression = "zst"
        if package.control["Package"] == "base-files":
            links = [deb_file.Member(f"./{name}", tarfile.SYMTYPE, 0o777, target=f"usr/{name}") for name in SHIPPED_LINKS]
            package.members += links + [deb_file.Member("./usr/lib64/", tarfile.DIRTYPE, 0o755)]
            for member in package.members:
                if member.name == "./usr/lib/os-release":
                    member.content = OS_RELEASE.encode()
        temporary = target.with_suffix(f".{os.getpid()}")
        temporary.write_bytes(deb_file.pack(package))
        temporary.rename(target)
    return target


def suites_of(control):
    """A package that Debian fixed after its release is an update; every second of those is a security update as well."""
    if not re.search(r"\+deb\d+u\d+", control["Version"]):
        return ["noble"]
    second = hashlib.sha256(control["Package"].encode()).digest()[0] % 2 == 0
    return ["noble-updates", "noble-security"] if second else ["noble-updates"]


def component_of(control):
    """Ubuntu's component for a package: by Debian's own, which is the first word of its section."""
    return COMPONENTS.get(control.get("Section", "").split("/")[0], "main")


def fill(archive, packages, cache):
    aliases = {name: target for name, target in ALIASES.items() if name in packages}
    real = [package for package in packages if package not in aliases] + list(aliases.values())
    downloaded = Apt(cache).download(real)
    kept = cache.resolve() / "repacked"
    kept.mkdir(exist_ok=True)
    with Pool() as pool:
        repacked = pool.starmap(repack, [(path, kept) for path in downloaded])
    for path in repacked:
        fields = subprocess.run(["dpkg-deb", "-f", str(path)], stdout=subprocess.PIPE, check=True, text=True).stdout
        control = next(deb_file.parse_stanzas(fields))
        for suite in suites_of(control):
            archive.add(control, path.read_bytes(), suite, component_of(control))
    for name, target in aliases.items():
        package = deb_file.from_stanza({"Package": name, "Depends": target, "Compression": "zst"})
        archive.add(package.control, deb_file.pack(package))
