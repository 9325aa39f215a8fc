"""usage: validate.py SCHEMA DOCUMENT: exit 1 and every fault when the JSON document breaks the schema, 77 without jsonschema."""

import json
import sys

try:
    import jsonschema
except ImportError as missing:
    print(f"skipped: {missing.name} is not installed (python3-jsonschema)")
    sys.exit(77)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        schema = json.load(file)
    with open(sys.argv[2], encoding="utf-8") as file:
        document = json.load(file)
    validator = jsonschema.validators.validator_for(schema)
    validator.check_schema(schema)
    faults = [f"{'/'.join(map(str, fault.absolute_path))}: {fault.message[:300]}" for fault in validator(schema).iter_errors(document)]
    print("\n".join(faults) or "valid")
    sys.exit(1 if faults else 0)


main()
