"""Add byte code to an archive: otherwise Lambda compiles every module at each cold start.

The folder that Lambda unpacks the archive into is read-only, so compiled modules are not kept.
"""

from __future__ import annotations

import compileall
import os
import sys
import tempfile
from pathlib import Path
from py_compile import PycInvalidationMode
from zipfile import ZIP_DEFLATED, ZipFile

from dev.errors import VerbError

# Where Lambda unpacks it, for the paths in a traceback.
TASK = "/var/task"


class CannotCompile(VerbError):
    """A module of the archive is not valid for this Python version; its name is printed above."""


def add(archive: Path) -> None:
    """Add byte code beside every module, for the Python that runs this.

    Unchecked: a module in an archive does not change, and its date means nothing. Adding it twice
    changes nothing.

    Raises:
        CannotCompile: a module cannot be compiled; the archive is left as it was.
    """
    with tempfile.TemporaryDirectory() as folder:
        with ZipFile(archive) as file:
            file.extractall(folder)
        _compile(Path(folder))
        new = archive.with_suffix(".new")
        with ZipFile(new, "w", ZIP_DEFLATED) as file:
            for path in sorted(Path(folder).rglob("*")):
                if path.is_file():
                    file.write(path, path.relative_to(folder))
        new.replace(archive)


def _compile(folder: Path) -> None:
    compiled = compileall.compile_dir(
        folder,
        quiet=1,
        force=True,
        invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
        stripdir=str(folder),
        prependdir=TASK,
        workers=os.cpu_count() or 1,
    )
    if not compiled:
        raise CannotCompile("A module of the archive cannot be compiled, see above.")


def missing(archive: Path) -> list[str]:
    """List the modules of an archive that have no byte code of this Python."""
    with ZipFile(archive) as file:
        names = set(file.namelist())
    modules = sorted(name for name in names if name.endswith(".py"))
    return [name for name in modules if _compiled_name(name) not in names]


def _compiled_name(module: str) -> str:
    # importlib.util.cache_from_source asks sys.pycache_prefix, which is about this machine.
    folder, _, name = module.rpartition("/")
    tag = sys.implementation.cache_tag
    return f"{folder}/__pycache__/{name[:-3]}.{tag}.pyc".lstrip("/")
