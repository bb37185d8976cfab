"""As a package: the wheel holds what it should, and works where nobody has ever seen the course."""

import email
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

import kdcourse

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.slow

# All modules, one by one, as on Windows: those that need a package of an extra may say so, no other may fail.
IMPORT_ALL = """
import builtins, importlib, json, pkgutil, kdcourse

ordinary = builtins.__import__

def as_on_windows(name, globals=None, *rest, **options):
    ours = (globals or {}).get("__name__", "").startswith("kdcourse")
    if ours and name in {"fcntl", "resource", "pwd", "grp", "termios"}:
        raise ModuleNotFoundError(name, name=name)
    return ordinary(name, globals, *rest, **options)

builtins.__import__ = as_on_windows
missing = {}
for module in pkgutil.walk_packages(kdcourse.__path__, "kdcourse."):
    try:
        importlib.import_module(module.name)
    except ImportError as error:
        missing[module.name] = error.name
print(json.dumps([kdcourse.__file__, missing]))
"""


def run(*command, folder: Path, status: int = 0) -> str:
    # Without PYTHONPATH, which could lead back to the course.
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy of the sources, because building writes beside them."""
    setuptools = pytest.importorskip("setuptools", reason="building a wheel offline needs setuptools")
    if Version(setuptools.__version__) < Version("77"):
        pytest.skip("building the wheel needs setuptools 77 or newer")
    sources, built = tmp_path_factory.mktemp("sources"), tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT / "kdcourse", sources / "kdcourse", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "LICENSE-TEXT"):
        shutil.copy(ROOT / name, sources)
    command = "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", built, "."
    run(sys.executable, *command, folder=sources)
    (found,) = built.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """(folder, Python) of an environment with the wheel; what it needs comes from the one that runs this."""
    folder = tmp_path_factory.mktemp("elsewhere")
    run(sys.executable, "-m", "venv", "--without-pip", "environment", folder=folder)
    python = folder / "environment" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    options = "--quiet", "--no-deps", "--no-index"
    run(sys.executable, "-m", "pip", "--python", python, "install", *options, wheel, folder=folder)
    where = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", folder=folder).strip()
    # A folder named in a .pth file is searched for modules, while .pth files in it, such as that of this
    # editable installation, are not read.
    others = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (Path(where) / "others.pth").write_text("\n".join(sorted(others)) + "\n", encoding="utf-8")
    return folder, python


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
        (metadata,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        about = email.message_from_bytes(archive.read(metadata))
        licences = {Path(name).name for name in archive.namelist() if "/licenses/" in name}
    wanted = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "kdcourse").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert held == wanted
    assert "kdcourse/py.typed" in held  # else type checkers take our annotations for missing
    assert about["Version"] == kdcourse.__version__
    assert licences == {"LICENSE", "LICENSE-TEXT"}


def test_every_module_imports(installed):
    folder, python = installed
    *_, last = run(python, "-c", IMPORT_ALL, folder=folder).splitlines()
    file, missing = json.loads(last)
    assert Path(file).is_relative_to(folder), "not the installed copy"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [Requirement(text) for texts in project["optional-dependencies"].values() for text in texts]
    optional = {name.replace("-", "_") for extra in extras for name in (extra.name, *extra.extras)}
    assert {name: package for name, package in missing.items() if package not in optional} == {}


def test_the_losses_need_nothing_but_torch(installed):
    folder, python = installed
    code = (
        "import sys\n"
        "class Nothing:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name in {'torchvision', 'sklearn', 'scipy', 'matplotlib', 'torchmetrics', 'nbformat'}:\n"
        "            raise ModuleNotFoundError(name, name=name)\n"
        "sys.meta_path.insert(0, Nothing())\n"
        "import torch\n"
        "from kdcourse.losses import kd_loss\n"
        "zeros = torch.zeros(2, 3)\n"
        "print(round(kd_loss(zeros, zeros, torch.tensor([0, 2]), alpha=0.9).item(), 4))\n"
        "import kdcourse.losses\n"
        "assert all(hasattr(kdcourse.losses, name) for name in kdcourse.losses.__all__)\n"
    )
    assert run(python, "-c", code, folder=folder).strip() == "0.1099"


def test_the_command_says_what_is_missing_outside_a_course(installed):
    folder, python = installed
    command = python.with_name("kdcourse.exe" if os.name == "nt" else "kdcourse")
    assert run(command, "--version", folder=folder).strip() == kdcourse.__version__
    doctor = run(command, "doctor", folder=folder)
    assert f"there is no folder notebooks in {folder.resolve()}" in " ".join(doctor.split())
    assert "Go to the course's folder" in doctor and "Traceback" not in doctor
    for word in ("lab", "lint"):
        said = run(command, word, folder=folder, status=1)
        assert said.startswith("kdcourse") and "folder" in said and said.count("\n") == 1, said
