"""Reads and writes .deb files: an ar archive of `debian-binary`, control.tar.* and data.tar.* (deb(5)).

Written here instead of calling dpkg-deb because tests need what dpkg-deb refuses to make: members with `..`, absolute
names, devices, hard links to nowhere. Same input, same bytes: no clock, no umask, owners as said.
"""

import gzip
import hashlib
import io
import lzma
import re
import shutil
import subprocess
import tarfile
from dataclasses import dataclass, field

DEFAULT_EPOCH = 1_700_000_000
SCRIPTS = ("preinst", "postinst", "prerm", "postrm", "config")


class ArchiveError(Exception):
    """What the caller asked for cannot be made; the text says why."""


@dataclass
class Member:
    """One entry of data.tar. `name` is written as it is."""

    name: str
    kind: bytes = tarfile.REGTYPE
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    content: bytes = b""
    target: str = ""
    device: tuple = (0, 0)
    mtime: int = DEFAULT_EPOCH


@dataclass
class Deb:
    """A package before it is packed. `control` keeps the order of its fields."""

    control: dict
    members: list = field(default_factory=list)
    scripts: dict = field(default_factory=dict)
    extra_control: dict = field(default_factory=dict)  # conffiles, triggers, templates, …: name → text
    compression: str = "xz"


def compress(data, kind):
    if kind == "none":
        return data
    if kind == "gz":
        return gzip.compress(data, compresslevel=6, mtime=0)
    if kind == "xz":
        return lzma.compress(data, preset=1)
    if kind == "zst":
        return subprocess.run(["zstd", "-q", "-3", "-c"], input=data, stdout=subprocess.PIPE, check=True).stdout
    raise ArchiveError(f"unknown compression '{kind}'")


def suffix(kind):
    return "" if kind == "none" else "." + kind


def ar_archive(members):
    """`members`: (name, bytes) pairs, in the common ar format."""
    out = io.BytesIO()
    out.write(b"!<arch>\n")
    for name, data in members:
        out.write(f"{name:<16}{DEFAULT_EPOCH:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n".encode())
        out.write(data)
        if len(data) % 2:
            out.write(b"\n")
    return out.getvalue()


def tar_of(members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for member in members:
            info = tarfile.TarInfo(member.name)
            info.type = member.kind
            info.mode = member.mode
            info.uid, info.gid = member.uid, member.gid
            info.uname = "root" if member.uid == 0 else ""
            info.gname = "root" if member.gid == 0 else ""
            info.mtime = member.mtime
            info.linkname = member.target
            info.devmajor, info.devminor = member.device
            info.size = len(member.content) if member.kind == tarfile.REGTYPE else 0
            tar.addfile(info, io.BytesIO(member.content) if info.size else None)
    return out.getvalue()


def with_parents(members):
    """Adds the directories that `members` lie in, where nobody named them, each before its first child."""
    named = {member.name.rstrip("/") for member in members}
    out = [] if "." in named else [Member("./", tarfile.DIRTYPE, 0o755)]
    seen = {".", ""}
    for member in members:
        if member.name.startswith("./") and ".." not in member.name.split("/"):
            parts = member.name.rstrip("/").split("/")[:-1]
            for depth in range(2, len(parts) + 1):
                parent = "/".join(parts[:depth])
                if parent not in seen and parent not in named:
                    out.append(Member(parent + "/", tarfile.DIRTYPE, 0o755))
                seen.add(parent)
        seen.add(member.name.rstrip("/"))
        out.append(member)
    return out


def format_control(control):
    lines = []
    for name, value in control.items():
        first, *rest = str(value).split("\n")
        lines.append(f"{name}: {first}".rstrip())
        lines += [" " + (line if line.strip() else ".") for line in rest]
    return "\n".join(lines) + "\n"


def parse_stanzas(text):
    """deb822 stanzas as ordered dicts; one leading blank of continuation lines is dropped, a lone '.' is an empty line.
    Lines that start with '#' are comments."""
    stanza, last = {}, None
    for line in text.split("\n") + [""]:
        if line.startswith("#"):
            continue
        if not line.strip():
            if stanza:
                yield stanza
            stanza, last = {}, None
        elif line[0] in " \t":
            if last is None:
                raise ArchiveError(f"a continuation line without a field: {line!r}")
            stanza[last] += "\n" + ("" if line.strip() == "." else line[1:])
        else:
            last, _, value = line.partition(":")
            stanza[last] = value.strip()


def pack(deb):
    """The bytes of the .deb."""
    control_members = [Member("./", tarfile.DIRTYPE, 0o755)]
    control = dict(deb.control)
    control.setdefault("Installed-Size", str(sum(len(m.content) for m in deb.members) // 1024 + 1))
    control_members.append(Member("./control", content=format_control(control).encode()))
    sums = "".join(f"{hashlib.md5(m.content).hexdigest()}  {m.name.removeprefix('./')}\n"
                   for m in deb.members if m.kind == tarfile.REGTYPE)
    if sums:
        control_members.append(Member("./md5sums", content=sums.encode()))
    for name, text in deb.extra_control.items():
        control_members.append(Member("./" + name, content=text.encode()))
    for name, text in deb.scripts.items():
        control_members.append(Member("./" + name, mode=0o755, content=text.encode()))
    return ar_archive([
        ("debian-binary", b"2.0\n"),
        ("control.tar" + suffix(deb.compression), compress(tar_of(control_members), deb.compression)),
        ("data.tar" + suffix(deb.compression), compress(tar_of(with_parents(deb.members)), deb.compression)),
    ])


def unpack(path):
    """Reads a .deb as it is; dpkg-deb decompresses."""
    def tar_members(option):
        data = subprocess.run(["dpkg-deb", option, str(path)], stdout=subprocess.PIPE, check=True).stdout
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            for info in tar:
                content = tar.extractfile(info).read() if info.isreg() else b""
                yield Member(info.name, info.type if not info.isreg() else tarfile.REGTYPE, info.mode, info.uid, info.gid,
                             content, info.linkname, (info.devmajor, info.devminor), int(info.mtime))

    deb = Deb(control={})
    for member in tar_members("--ctrl-tarfile"):
        name = member.name.removeprefix("./")
        if name == "control":
            deb.control = next(parse_stanzas(member.content.decode()))
        elif name in SCRIPTS:
            deb.scripts[name] = member.content.decode()
        elif member.kind == tarfile.REGTYPE and name != "md5sums":
            deb.extra_control[name] = member.content.decode()
    deb.members = list(tar_members("--fsys-tarfile"))
    return deb


# One line of a `Files:` field. The path is the archive's own: "/usr/bin/x" becomes "./usr/bin/x"; "!NAME" is written as NAME,
# whatever that is.
FILE_LINE = re.compile(r"""
    (?P<path>\S+)
    (?:\s+(?P<mode>0[0-7]+))?
    (?:\s+(?P<uid>\d+):(?P<gid>\d+))?
    \s*(?: (?P<dir>/$|dir$) | ->\s*(?P<link>.*) | =>\s*(?P<hard>.*) | =\s?(?P<text>.*)
        | size\s+(?P<size>\d+) | char\s+(?P<char>\d+:\d+) | fifo(?P<fifo>) | host\s+(?P<host>\S+) )?$""", re.VERBOSE)


def parse_file_line(line):
    found = FILE_LINE.match(line.strip())
    if not found:
        raise ArchiveError(f"not a line of Files: {line!r}")
    path = found["path"]
    name = path[1:] if path.startswith("!") else "." + path
    member = Member(name, uid=int(found["uid"] or 0), gid=int(found["gid"] or 0))
    default_mode = 0o644
    if found["dir"]:
        member.kind, default_mode = tarfile.DIRTYPE, 0o755
        member.name = name.rstrip("/") + "/"
    elif found["link"] is not None:
        member.kind, member.target, default_mode = tarfile.SYMTYPE, found["link"], 0o777
    elif found["hard"] is not None:
        member.kind, member.target = tarfile.LNKTYPE, found["hard"]
    elif found["text"] is not None:
        member.content = found["text"].encode().decode("unicode_escape").encode("latin-1")
    elif found["size"]:
        # Neither constant nor compressible: SHA-256 in counter mode over the name.
        size = int(found["size"])
        blocks = (hashlib.sha256(f"{name} {i}".encode()).digest() for i in range(size // 32 + 1))
        member.content = b"".join(blocks)[:size]
    elif found["char"]:
        member.kind = tarfile.CHRTYPE
        member.device = tuple(int(number) for number in found["char"].split(":"))
    elif found["fifo"] is not None:
        member.kind = tarfile.FIFOTYPE
    elif found["host"]:
        with open(found["host"], "rb") as file:
            member.content = file.read()
    member.mode = int(found["mode"], 8) if found["mode"] else default_mode
    return member


def host_programs(words):
    """The programs named, from this machine, with the shared libraries that they need, as members under /usr."""
    paths = {}
    for word in words:
        source = shutil.which(word, path="/usr/sbin:/usr/bin:/sbin:/bin")
        if source is None:
            raise ArchiveError(f"this machine has no program '{word}'")
        paths[f"./usr/{'sbin' if '/sbin/' in source else 'bin'}/{word}"] = source
        loaded = subprocess.run(["ldd", source], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
        for line in loaded.splitlines():
            found = re.search(r"(?:=> )?(/\S+) \(0x", line)
            if found:
                library = found[1] if found[1].startswith("/usr/") else "/usr" + found[1]
                paths["." + library] = found[1]
    members = []
    for name in sorted(paths):
        with open(paths[name], "rb") as file:
            members.append(Member(name, mode=0o755, content=file.read()))
    return members


OUR_FIELDS = ("Suite", "Pocket", "Files", "Host-Programs", "Compression", "Conffiles", "Triggers", "Templates", "Preinst", "Postinst",
              "Prerm", "Postrm", "Config")


def from_stanza(stanza):
    """A package described in a few lines; tests/support/archive/README.md has the fields."""
    control = {name: value for name, value in stanza.items() if name not in OUR_FIELDS}
    if "Package" not in control:
        raise ArchiveError("a stanza without Package")
    control.setdefault("Version", "1.0")
    control.setdefault("Architecture", "amd64")
    control.setdefault("Maintainer", "Nobody <nobody@example.invalid>")
    control.setdefault("Section", "misc")
    control.setdefault("Priority", "optional")
    control.setdefault("Description", f"test package {control['Package']}")
    deb = Deb(control, compression=stanza.get("Compression", "xz"))
    deb.members = host_programs(stanza.get("Host-Programs", "").split())
    deb.members += [parse_file_line(line) for line in stanza.get("Files", "").splitlines() if line.strip()]
    for name in SCRIPTS:
        text = stanza.get(name.capitalize())
        if text is not None:
            text = text.lstrip("\n")
            deb.scripts[name] = (text if text.startswith("#!") else "#!/bin/sh\nset -e\n" + text) + "\n"
    for name in ("Conffiles", "Triggers", "Templates"):
        if name in stanza:
            deb.extra_control[name.lower()] = stanza[name].strip() + "\n"
    return deb
