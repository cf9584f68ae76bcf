"""Add byte code to an archive: otherwise Lambda compiles every module at each cold start.

And leave out what no code of the app imports: Lambda downloads and unpacks it each time. What it
writes can be read by everybody, and depends on nothing but the files.

The folder that Lambda unpacks the archive into is read-only, so compiled modules are not kept.
"""

from __future__ import annotations

import compileall
import os
import stat
import sys
import tempfile
from pathlib import Path
from py_compile import PycInvalidationMode
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from dev.errors import VerbError

# Where Lambda unpacks it, for the paths in a traceback.
TASK = "/var/task"
# Libraries are programs too.
MODE = stat.S_IFREG | 0o755
READ_BY_ALL = 0o004

# What packages bring along for uses that are not ours. A test imports all of the app without it.
UNUSED = (
    # cffi's compiler of C headers; cryptography needs its _cffi_backend, which is beside it.
    "cffi/",
    "pycparser/",
    # The models of pydantic 1, and pydantic's plugin for mypy.
    "pydantic/v1/",
    "pydantic/mypy.py",
    # All of powertools but Logger and Metrics.
    "aws_lambda_powertools/event_handler/",
    *(
        f"aws_lambda_powertools/utilities/{name}/"
        for name in (
            *("auth_alpha", "batch", "circuit_breaker", "data_classes", "data_masking"),
            *("feature_flags", "idempotency", "kafka", "metadata", "parameters", "parser"),
            *("streaming", "typing", "validation"),
        )
    ),
)


class CannotCompile(VerbError):
    """A module of the archive is not valid for this Python version; its name is printed above."""


def add(archive: Path) -> None:
    """Add byte code beside every module, for the Python that runs this; leave out the unused.

    Unchecked: a module in an archive does not change, and its date means nothing. Adding it twice
    changes nothing.

    Raises:
        CannotCompile: a module cannot be compiled; the archive is left as it was.
    """
    with tempfile.TemporaryDirectory() as folder:
        with ZipFile(archive) as file:
            used = [name for name in file.namelist() if not name.startswith(UNUSED)]
            file.extractall(folder, used)
        _compile(Path(folder))
        new = archive.with_suffix(".new")
        with ZipFile(new, "w", ZIP_DEFLATED) as file:
            for path in sorted(Path(folder).rglob("*")):
                if path.is_file():
                    _write(file, path.relative_to(folder).as_posix(), path.read_bytes())
        new.replace(archive)


def _write(archive: ZipFile, name: str, content: bytes) -> None:
    """Add a file that everybody may read, whatever the umask, with no date of its own.

    Lambda runs functions as a user of its own; and two archives of equal files are equal.
    """
    entry = ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    entry.external_attr = MODE << 16
    entry.compress_type = ZIP_DEFLATED
    archive.writestr(entry, content)


def unreadable(archive: Path) -> list[str]:
    """List the files of an archive that Lambda's user could not read."""
    with ZipFile(archive) as file:
        entries = file.infolist()
    return [each.filename for each in entries if not each.external_attr >> 16 & READ_BY_ALL]


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
