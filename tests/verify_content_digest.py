#!/usr/bin/env python3
"""Prints the content digest of a raw disk image, by the rule of docs/layer-format.md and nothing else.

usage: verify_content_digest.py FILE [EXPECTED]      exit 1 when EXPECTED is given and differs
"""
import hashlib
import struct
import sys

SPAN = 1 << 20
CHILDREN = 256


def sha256(tag, data):
    return hashlib.sha256(bytes([tag]) + data).digest()


def content_digest(path):
    zero = sha256(0, bytes(SPAN))  # the digest of zeros, on the level that is under way
    size, level = 0, []
    with open(path, "rb") as raw:
        while span := raw.read(SPAN):
            size += len(span)
            level.append(sha256(0, span.ljust(SPAN, b"\0")) if span.count(0) != len(span) else zero)
    level = level or [zero]
    while len(level) > 1:
        level += [zero] * (-len(level) % CHILDREN)
        level = [sha256(1, b"".join(level[i : i + CHILDREN])) for i in range(0, len(level), CHILDREN)]
        zero = sha256(1, zero * CHILDREN)
    return "sha256:" + sha256(2, struct.pack("<Q", size) + level[0]).hex()


if __name__ == "__main__":
    digest = content_digest(sys.argv[1])
    print(digest)
    sys.exit(0 if len(sys.argv) < 3 or sys.argv[2] == digest else 1)
