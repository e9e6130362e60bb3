#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""
Is standard input what 'dmremap COMMAND --json' should print?

Usage: schema.py COMMAND    or: schema.py --commands, those that have a schema

Members that the schema does not name are an error here, unless it allows them.
"""
import json
import pathlib
import sys

import jsonschema

schema = json.loads((pathlib.Path(__file__).resolve().parents[2] /
                     "src/tool/dmremap.schema.json").read_text())
helpers = {"sectors", "count", "mask", "slot", "uuid", "state", "tally"}


def strict(s):
    """No member without a word about it."""
    if isinstance(s, dict):
        if "properties" in s:
            s.setdefault("additionalProperties", False)
        for v in s.values():
            strict(v)
    elif isinstance(s, list):
        for v in s:
            strict(v)


if sys.argv[1] == "--commands":
    print("\n".join(sorted(set(schema["definitions"]) - helpers)))
    sys.exit()
strict(schema["definitions"])
jsonschema.Draft7Validator.check_schema(schema)
jsonschema.validate(json.load(sys.stdin),
                    {"$ref": "#/definitions/" + sys.argv[1],
                     "definitions": schema["definitions"]},
                    cls=jsonschema.Draft7Validator)
