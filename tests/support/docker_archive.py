#!/usr/bin/env python3
"""Writes an archive that `docker load` reads: an image with one static program as its only file and entry point.

usage: docker_archive.py PROGRAM TAG >image.tar"""

import hashlib
import io
import json
import sys
import tarfile


def tar_of(files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content, mode in files:
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), mode
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def main():
    program, tag = sys.argv[1:]
    with open(program, "rb") as file:
        layer = tar_of([("program", file.read(), 0o755)])
    config = json.dumps({
        "architecture": "amd64", "os": "linux", "config": {"Entrypoint": ["/program"]},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]},
    }).encode()
    manifest = json.dumps([{"Config": "config.json", "RepoTags": [tag], "Layers": ["layer.tar"]}]).encode()
    sys.stdout.buffer.write(tar_of([("manifest.json", manifest, 0o644), ("config.json", config, 0o644),
                                    ("layer.tar", layer, 0o644)]))


if __name__ == "__main__":
    main()
