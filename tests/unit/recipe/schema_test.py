"""The JSON Schema and the parser judge alike.

usage: schema_test.py TOOL GOLDEN_DIRECTORY [SEED]

Good golden recipes are valid by the schema, bad ones of structural rules are not. Then random changes of good recipes: what the
parser accepts the schema accepts, and what the parser refuses for its structure the schema refuses. The seed is printed.
"""

import copy
import json
import pathlib
import random
import subprocess
import sys

try:
    import jsonschema
    import yaml
except ImportError as missing:
    print(f"skipped: {missing.name} is not installed (python3-jsonschema, python3-yaml)")
    sys.exit(77)

# Rules that concern one value or one map, which a schema can say.
STRUCTURAL = {"R010", "R011", "R012", "R013", "R015", "R017", "R018", "R019", "R020", "R021"}
# Other YAML readers take these for something else: a merge, 8, true.
READ_DIFFERENTLY = {"merge-key", "octal-number", "yes-for-boolean"}
MUTANTS = 2000

VALUES = [None, True, False, 0, 1, -1, 70000, 1.5, "", " ", "a", "A B", "0644", "0999", "4GiB", "4", "yes", "/a/b", "/a/../b", "/a/", "a/b", "/",
          "none", "host", "root", "user:group", "x.service", "${params.none", "7d", "https://example.org/x", "f" * 64, "line\nline\n", "(", [], [1], ["a"],
          ["a", "a"], [[]], {}, {"a": "b"}, {"name": "x"}, {"run": "true"}, "é", "\t", "nodejs=18.*", "-", "a" * 200]


class Quoting(yaml.SafeDumper):
    """Quotes every text: which plain scalars are text differs between versions of YAML."""


Quoting.add_representer(str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"'))


def places(tree, path=()):
    """Every (container, key) in a tree."""
    if isinstance(tree, dict):
        for key in tree:
            yield tree, key
            yield from places(tree[key])
    elif isinstance(tree, list):
        for index in range(len(tree)):
            yield tree, index
            yield from places(tree[index])


def mutate(tree, keys, rng):
    tree = copy.deepcopy(tree)
    for _ in range(rng.randint(1, 2)):
        container, key = rng.choice(list(places(tree)))
        choice = rng.random()
        if choice < 0.5:
            container[key] = copy.deepcopy(rng.choice(VALUES))
        elif choice < 0.7:
            del container[key]
        elif isinstance(container, dict):
            container[rng.choice(keys)] = copy.deepcopy(rng.choice(VALUES)) if choice < 0.85 else container.pop(key)
    return tree


def main():
    tool, golden = sys.argv[1], pathlib.Path(sys.argv[2])
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else random.randrange(2**32)
    rng = random.Random(seed)
    print(f"seed {seed}")
    schema = json.loads(subprocess.run([tool, "schema"], check=True, capture_output=True).stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    wrong = []

    good = {path.name: yaml.safe_load(path.read_bytes()) for path in sorted(golden.glob("good/*.yaml"))}
    for path in sorted(golden.glob("fragments/**/*.yaml")):
        if path.stem not in ("broken", "a-recipe"):
            good[path.name] = yaml.safe_load(path.read_bytes())
    assert len(good) >= 10
    for name, tree in good.items():
        for fault in validator.iter_errors(tree):
            wrong.append(f"good/{name}: the schema refuses it: {fault.message}")

    refused = 0
    for path in sorted(golden.glob("bad/*.yaml")):
        diagnostics = path.with_suffix(".txt").read_text()
        codes = {word.rstrip("]") for line in diagnostics.splitlines() if ": error: " in line for word in line.split("[")[-1:]}
        # A value that only its param makes wrong is beyond a schema.
        if not codes & STRUCTURAL or "param" in path.stem or path.stem in READ_DIFFERENTLY or diagnostics.startswith("fragments/"):
            continue
        refused += 1
        if validator.is_valid(yaml.safe_load(path.read_bytes())):
            wrong.append(f"bad/{path.name}: the schema accepts it")
    assert refused >= 50, refused

    keys = sorted({key for object_ in schema["$defs"].values() for key in object_.get("properties", {})} | {"unknown", "A"})
    recipes = [tree for tree in good.values() if isinstance(tree, dict) and tree.get("kind") != "fragment"]
    mutants = [mutate(rng.choice(recipes), keys, rng) for _ in range(MUTANTS)]
    texts = [yaml.dump(mutant, Dumper=Quoting, allow_unicode=True, sort_keys=False) for mutant in mutants]
    answers = subprocess.run([tool, "check"], check=True, capture_output=True, input="\0".join(texts).encode() + b"\0").stdout.decode().splitlines()
    assert len(answers) == MUTANTS
    accepted = 0
    for text, answer in zip(texts, answers):
        valid = validator.is_valid(yaml.safe_load(text))
        accepted += answer == "ok"
        if answer == "ok" and not valid:
            wrong.append(f"the parser accepts and the schema refuses\n{text}")
        if set(answer.split()) & STRUCTURAL and valid:
            wrong.append(f"the parser refuses ({answer}) and the schema accepts\n{text}")
    assert accepted >= MUTANTS / 50, accepted
    print(f"{len(good)} good, {refused} bad, {MUTANTS} changed recipes of which {accepted} are still good; {len(wrong)} disagreements")
    print("\n".join(wrong[:5]))
    sys.exit(1 if wrong else 0)


main()
