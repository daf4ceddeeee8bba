#!/usr/bin/env python3
"""Checks Compose files against the Compose Specification's schema: check-compose.py FILE...

The schema is the one that compose-viz carries, as models generated from compose-spec.json. They know no extensions
(`x-...`), which the specification allows at the top of a file, so those are left out.
"""

import importlib.util
import pathlib
import sys

import yaml


def specification():
    folder = pathlib.Path(importlib.util.find_spec("compose_viz").submodule_search_locations[0])
    # By its path, because importing the package requires a drawing program.
    spec = importlib.util.spec_from_file_location("compose_spec", folder / "spec/compose_spec.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["compose_spec"] = module
    spec.loader.exec_module(module)
    return module.ComposeSpecification


def main(files):
    model = specification()
    faulty = False
    for file in files:
        composed = yaml.safe_load(pathlib.Path(file).read_text())
        try:
            model.model_validate({key: value for key, value in composed.items() if not key.startswith("x-")})
        except ValueError as error:
            faulty = True
            print(f"{file}: {error}", file=sys.stderr)
    sys.exit(1 if faulty else 0)


main(sys.argv[1:])
