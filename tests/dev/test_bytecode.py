"""An archive gets byte code that Python takes without looking at the module's date."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from zipfile import ZipFile, ZipInfo

import pytest

from dev.release import bytecode


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Write an archive with two modules and another file."""
    path = tmp_path / "deployment.zip"
    with ZipFile(path, "w") as file:
        file.writestr("app.py", "ANSWER = 42\n")
        file.writestr("package/__init__.py", "")
        file.writestr("package/data.json", "{}")
    return path


def test_every_module_gets_its_byte_code(archive: Path):
    """One that is left out is compiled at each cold start."""
    assert bytecode.missing(archive) == ["app.py", "package/__init__.py"]

    bytecode.add(archive)

    assert bytecode.missing(archive) == []
    assert "package/data.json" in ZipFile(archive).namelist()


def test_python_does_not_check_the_source(archive: Path):
    """Dates change when an archive is unpacked: PEP 552's unchecked hash has no date."""
    bytecode.add(archive)

    (name,) = [each for each in ZipFile(archive).namelist() if each.startswith("__pycache__/app")]
    code = ZipFile(archive).read(name)
    assert code[:4] == importlib.util.MAGIC_NUMBER
    assert int.from_bytes(code[4:8], "little") == 0b01


def test_adding_twice_changes_nothing(archive: Path):
    """`make deploy` meets the archive of the time before."""
    bytecode.add(archive)
    names = ZipFile(archive).namelist()

    bytecode.add(archive)

    assert ZipFile(archive).namelist() == names


def test_what_no_code_of_the_app_imports_is_left_out(archive: Path):
    """It would be downloaded at each cold start; what stands beside it stays."""
    kept = "aws_lambda_powertools/utilities/jmespath_utils/__init__.py"
    with ZipFile(archive, "a") as file:
        for name in (kept, "pydantic/v1/main.py", "cffi/api.py", "_cffi_backend.so"):
            file.writestr(name, "")

    bytecode.add(archive)

    names = ZipFile(archive).namelist()
    assert {kept, "_cffi_backend.so"} <= {*names}
    assert not [name for name in names if name.startswith(("pydantic/", "cffi/"))]


def test_a_module_that_is_not_python_is_rejected_and_the_archive_left(archive: Path):
    """It would fail in Lambda, at the first request."""
    with ZipFile(archive, "a") as file:
        file.writestr("wrong.py", "def\n")

    with pytest.raises(bytecode.CannotCompile):
        bytecode.add(archive)

    assert bytecode.missing(archive)


def test_lambda_can_read_what_an_engineer_with_a_strict_umask_packs(archive: Path):
    """D6: the function runs as another user, and could not import app.py."""
    with ZipFile(archive, "a") as file:
        file.writestr(ZipInfo("private.py"), "")  # mode 0600
    assert "private.py" in bytecode.unreadable(archive)

    bytecode.add(archive)

    assert bytecode.unreadable(archive) == []


def test_equal_files_make_equal_archives(archive: Path, tmp_path: Path):
    """Neither dates nor the order of writing count, so a deployment of the same is the same."""
    another = tmp_path / "another.zip"
    with ZipFile(another, "w") as file:
        for name in reversed(ZipFile(archive).namelist()):
            file.writestr(ZipInfo(name, (2026, 1, 1, 0, 0, 0)), ZipFile(archive).read(name))

    bytecode.add(archive)
    bytecode.add(another)

    assert archive.read_bytes() == another.read_bytes()
