#!/usr/bin/env python3
"""Writes an OCI layout from a description on stdin, so that tests can have layers that no tool would make.

    make_oci.py DIRECTORY [--tag NAME] [--config JSON] [--damage blob|diff_id] [--platform OS/ARCH]

Each line is words of a shell: `layer` begins one, then members of it:

    dir PATH [MODE [UID GID]]      file PATH [TEXT [MODE]]      link PATH TARGET      hard PATH TARGET
    char PATH MAJOR MINOR          xattr NAME TEXT              (an attribute of the member before)

\\n in the text of a file ends a line.
"""

import argparse
import gzip
import hashlib
import io
import json
import pathlib
import shlex
import sys
import tarfile

TIME = 1_600_000_000


def read_layers(lines):
    layers = []
    for line in lines:
        words = shlex.split(line, comments=True)
        if not words:
            continue
        if words[0] == "layer":
            layers.append([])
            continue
        if words[0] == "xattr":
            layers[-1][-1][0].pax_headers[f"SCHILY.xattr.{words[1]}"] = words[2]
            continue
        layers[-1].append(make_member(*words))
    return layers


def make_member(kind, path, *rest):
    member, data = tarfile.TarInfo(path), b""
    member.mtime, member.mode = TIME, 0o644
    if kind == "dir":
        member.type, member.mode = tarfile.DIRTYPE, int(rest[0], 8) if rest else 0o755
        member.uid, member.gid = (int(rest[1]), int(rest[2])) if len(rest) > 2 else (0, 0)
    elif kind == "file":
        data = rest[0].replace("\\n", "\n").encode() if rest else b""
        member.mode = int(rest[1], 8) if len(rest) > 1 else 0o644
        member.size = len(data)
    elif kind in ("link", "hard"):
        member.type, member.linkname = tarfile.SYMTYPE if kind == "link" else tarfile.LNKTYPE, rest[0]
    elif kind == "char":
        member.type, member.devmajor, member.devminor = tarfile.CHRTYPE, int(rest[0]), int(rest[1])
    else:
        sys.exit(f"unknown kind of member: {kind}")
    return member, data


def pack(members):
    bytes_ = io.BytesIO()
    with tarfile.open(fileobj=bytes_, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for member, data in members:
            tar.addfile(member, io.BytesIO(data))
    return bytes_.getvalue()


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--tag", default="latest")
    parser.add_argument("--config", default="{}")
    parser.add_argument("--damage", choices=["blob", "diff_id"])
    parser.add_argument("--platform", default="linux/amd64")
    options = parser.parse_args()
    blobs = options.directory / "blobs/sha256"
    blobs.mkdir(parents=True, exist_ok=True)

    def add(data, media_type):
        (blobs / hashlib.sha256(data).hexdigest()).write_bytes(data)
        return {"mediaType": media_type, "digest": digest(data), "size": len(data)}

    layers, diff_ids = [], []
    for members in read_layers(sys.stdin):
        tar = pack(members)
        diff_ids.append(digest(tar + b"x" if options.damage == "diff_id" else tar))
        layers.append(add(gzip.compress(tar, mtime=0), "application/vnd.oci.image.layer.v1.tar+gzip"))
    system, architecture = options.platform.split("/")
    config = {"created": "2021-01-01T00:00:00Z", "os": system, "architecture": architecture,
              "config": json.loads(options.config), "rootfs": {"type": "layers", "diff_ids": diff_ids}}
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": add(json.dumps(config).encode(), "application/vnd.oci.image.config.v1+json"), "layers": layers}
    descriptor = add(json.dumps(manifest).encode(), manifest["mediaType"])
    descriptor["annotations"] = {"org.opencontainers.image.ref.name": options.tag}
    if options.damage == "blob":
        path = blobs / layers[-1]["digest"].split(":")[1]
        path.write_bytes(path.read_bytes() + b"x")
    index_file = options.directory / "index.json"
    index = json.loads(index_file.read_text()) if index_file.exists() else {"schemaVersion": 2, "manifests": []}
    index["manifests"].append(descriptor)
    index_file.write_text(json.dumps(index))
    (options.directory / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    print(descriptor["digest"])


if __name__ == "__main__":
    main()
