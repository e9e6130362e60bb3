#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""
Is standard input what 'dmremap COMMAND --json' should print?

Usage: schema.py COMMAND
       schema.py --files FILE.COMMAND...    each of these files instead
       schema.py --commands                 those that have a schema

Stricter than the schema, which has to last: here each member that the schema
names has to be there, and no other. A member that is there at times is named below.
"""
import json
import pathlib
import sys

import jsonschema

schema = json.loads((pathlib.Path(__file__).resolve().parents[2] /
                     "src/tool/dmremap.schema.json").read_text())
helpers = {"sectors", "count", "mask", "slot", "uuid", "state", "tally",
           "opened", "findings"}
at_times = {
    "find": {"path_bytes"},
    "whose": {"path", "path_bytes", "offset"},
    "assemble": {"uuid", "spare", "main"},
    "detach": {"missing_sectors", "still_on_spare", "spare_kept", "map", "owners"},
}


def strict(s, optional):
    if isinstance(s, dict):
        if "properties" in s:
            s.setdefault("additionalProperties", False)
            s["required"] = sorted(set(s["properties"]) - optional)
        for v in s.values():
            strict(v, optional)
    elif isinstance(s, list):
        for v in s:
            strict(v, optional)


jsonschema.Draft7Validator.check_schema(schema)
for name, definition in schema["definitions"].items():
    strict(definition, at_times.get(name, set()))


def validate(command, value):
    """Raises jsonschema.ValidationError when VALUE is not what COMMAND should print."""
    jsonschema.validate(value, {"$ref": "#/definitions/" + command,
                                "definitions": schema["definitions"]},
                        cls=jsonschema.Draft7Validator)


if __name__ == "__main__":
    if sys.argv[1] == "--commands":
        print("\n".join(sorted(set(schema["definitions"]) - helpers)))
    elif sys.argv[1] == "--files":
        for name in sys.argv[2:]:
            try:
                with open(name, encoding="utf-8") as f:
                    validate(name.rsplit(".", 1)[1], json.load(f))
            except Exception:
                print(name, file=sys.stderr)
                raise
    else:
        validate(sys.argv[1], json.load(sys.stdin))
