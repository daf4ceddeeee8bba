#!/usr/bin/python3
"""Copies the files of the build context into an empty folder: build-context.py PROJECT FOLDER

Applies the project's .dockerignore with the rules of Docker's SDK for Python (Debian's python3-docker), so that no engine
is needed. The container tests compare the result with what a real engine is sent.
"""

import pathlib
import shutil
import sys

from docker.utils.build import exclude_paths


def patterns(ignore_file):
    lines = (line.strip() for line in ignore_file.read_text().splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def main(project, folder):
    project, folder = pathlib.Path(project), pathlib.Path(folder)
    # The SDK always adds this file, because the old builder needed it.
    names = exclude_paths(str(project), patterns(project / ".dockerignore")) - {".dockerignore"}
    for name in sorted(names):
        source, target = project / name, folder / name
        if source.is_dir() and not source.is_symlink():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        # With its modification time, from which cargo decides what to compile.
        shutil.copy2(source, target, follow_symlinks=False)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
