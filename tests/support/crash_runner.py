#!/usr/bin/env python3
"""Runs a command again and again, each time with its n-th change of a file going wrong (crash_shim.c), until no call is left to hit.

After each crash CHECK must succeed, then RUN without the shim, then CHECK again. `{dir}` in a command is the directory
that is hit; each round begins with a copy of what PREPARE made there.

    crash_runner.py --shim SHIM --mode kill|power|full --prepare CMD --run CMD --check CMD [--step N]
"""
import argparse
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile

MOST_CALLS = 100_000


def arguments():
    parser = argparse.ArgumentParser()
    for name in ("shim", "mode", "prepare", "run", "check"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--step", type=int, default=1, help="hit every STEP-th call only")
    return parser.parse_args()


def command(text, directory, environment=None):
    words = [word.replace("{dir}", directory) for word in shlex.split(text)]
    return subprocess.run(words, capture_output=True, text=True, errors="replace", env=environment)


def must(text, directory, when):
    done = command(text, directory)
    if done.returncode != 0:
        sys.exit(f"{when}: '{text}' ended with {done.returncode}\n{done.stdout}{done.stderr}")


def copy_tree(source, target):
    """With times, which gc looks at, and owners."""
    subprocess.run(["cp", "-a", source, target], check=True)


def hit(args, directory, log, number):
    environment = dict(os.environ, LD_PRELOAD=os.path.abspath(args.shim), BLUEPRINT_CRASH_UNDER=directory,
                       BLUEPRINT_CRASH_AT=str(number), BLUEPRINT_CRASH_LOG=log, BLUEPRINT_CRASH_MODE=args.mode)
    done = command(args.run, directory, environment)
    fired = open(log).read().strip() if os.path.exists(log) else ""
    if not fired:
        if done.returncode != 0:
            sys.exit(f"nothing was hit, and the command ended with {done.returncode}\n{done.stderr}")
        return None
    if args.mode == "full":
        # A full disk is told to the user (exit 4), unless what failed did not matter; it is no reason to die by a signal.
        if done.returncode not in (0, 4):
            sys.exit(f"full disk at {fired}: the command ended with {done.returncode}\n{done.stderr}")
    elif done.returncode != -signal.SIGKILL:
        sys.exit(f"{fired}: the command was not killed but ended with {done.returncode}\n{done.stderr}")
    return fired


def main():
    args = arguments()
    with tempfile.TemporaryDirectory(prefix="blueprint-crash-") as work:
        work = os.path.realpath(work)
        directory = os.path.join(work, "dir")
        prepared = os.path.join(work, "prepared")
        os.mkdir(directory)
        must(args.prepare, directory, "preparing")
        os.rename(directory, prepared)
        for number in range(1, MOST_CALLS, args.step):
            log = os.path.join(work, "log")
            copy_tree(prepared, directory)
            fired = hit(args, directory, log, number)
            if fired is None:
                must(args.check, directory, "after an undisturbed run")
                print(f"{args.mode}: {number - 1} calls, hit one after the other")
                if number == 1:
                    sys.exit("the shim never saw a call: is it loaded?")
                return
            must(args.check, directory, f"after {args.mode} at call {fired}")
            must(args.run, directory, f"again after {args.mode} at call {fired}")
            must(args.check, directory, f"after running again after {args.mode} at call {fired}")
            shutil.rmtree(directory)
            os.unlink(log)


main()
