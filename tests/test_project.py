"""The project's files agree with each other, and hold nothing that belongs to one machine."""

import importlib.metadata
import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import kdcourse

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
# conda-forge's names where they differ from pip's; matplotlib-base is matplotlib without a GUI toolkit.
CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base"}


def needed() -> dict[str, Requirement]:
    """Everything pyproject.toml asks for, extras included, by name."""
    extras = PROJECT["project"]["optional-dependencies"].values()
    texts = [*PROJECT["project"]["dependencies"], *(text for extra in extras for text in extra)]
    requirements = [Requirement(text) for text in texts]
    return {r.name: r for r in requirements if r.name != "kdcourse"}


def pins(file: str = "constraints.txt") -> dict[str, list[Requirement]]:
    """The pins of a constraints file by name; a package may have one per Python version."""
    found: dict[str, list[Requirement]] = {}
    for line in (ROOT / file).read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            requirement = Requirement(line)
            found.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    return found


LOWEST = ("instructor", "cluster", "site", "dev")  # what `make test-lowest` installs


def version_of(pin: Requirement) -> str:
    (specifier,) = pin.specifier
    assert specifier.operator == "==" and "*" not in specifier.version, f"{pin} is not a pin"
    return specifier.version


def test_version_is_the_same_everywhere():
    assert PROJECT["project"]["version"] == kdcourse.__version__
    assert f"version {kdcourse.__version__}" in (ROOT / "README.md").read_text(encoding="utf-8").replace(
        "\n", " "
    )


def test_conda_environment_is_in_step_with_pyproject():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    *lines, through_pip = environment["dependencies"]
    conda = {r.name: r.specifier for r in map(Requirement, [*lines, *through_pip["pip"]])}
    extras = PROJECT["project"]["optional-dependencies"]
    apart = {Requirement(text).name for name in ("bench", "ray") for text in extras[name]}
    wanted = {CONDA_NAMES.get(name, name): r.specifier for name, r in needed().items() if name not in apart}
    wanted["python"] = Requirement(f"python{PROJECT['project']['requires-python']}").specifier
    assert environment["name"] == "kdcourse"
    assert environment["channels"][0] == "conda-forge"
    assert {name: s for name, s in conda.items() if name != "pip"} == wanted


def test_every_needed_package_is_pinned_within_its_bounds():
    pinned = pins()
    for name, requirement in needed().items():
        assert canonicalize_name(name) in pinned, f"{name} is not in constraints.txt: run `make constraints`"
        for pin in pinned[canonicalize_name(name)]:
            assert requirement.specifier.contains(version_of(pin)), f"{pin} against {requirement}"


def test_the_oldest_packages_are_those_that_the_bounds_allow():
    oldest, extras = pins("constraints-lowest.txt"), PROJECT["project"]["optional-dependencies"]
    texts = [
        text
        for group in (PROJECT["project"]["dependencies"], *(extras[name] for name in LOWEST))
        for text in group
        if not text.startswith("kdcourse[")
    ]
    for requirement in map(Requirement, texts):
        (pin,) = oldest[canonicalize_name(requirement.name)]
        (bound,) = (s.version for s in requirement.specifier if s.operator == ">=")
        assert Version(version_of(pin)) == Version(bound), f"{pin} against {requirement}: `make constraints`"


def test_constraints_are_pins_made_by_the_stated_command():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith("#")][1].strip("# ") == "make constraints"
    for name, versions in pins().items():
        for pin in versions:
            version_of(pin)
        # More than one pin of a package needs a condition that tells them apart.
        assert len(versions) == 1 or len({str(pin.marker) for pin in versions}) == len(versions), name


def test_torch_and_torchvision_are_pinned_as_a_matching_pair():
    pair = {name: [version_of(pin) for pin in pins()[name]] for name in ("torch", "torchvision")}
    stated = {
        r.name: [version_of(r)] for r in map(Requirement, PROJECT["tool"]["uv"]["constraint-dependencies"])
    }
    assert pair == stated
    if importlib.metadata.version("torchvision") != pair["torchvision"][0]:
        pytest.skip("another torchvision is installed: it cannot say which torch the pinned one wants")
    wanted = [Requirement(text) for text in importlib.metadata.requires("torchvision")]
    (torch,) = [r for r in wanted if r.name == "torch"]
    assert torch.specifier == Requirement(f"torch=={pair['torch'][0]}").specifier


def tracked_texts() -> dict[str, str]:
    """Path and text of every file that is, or is about to be, under version control."""
    git = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True
    )
    if git.returncode == 0:
        paths = [ROOT / name for name in git.stdout.decode("utf-8").split("\0") if name]
    else:  # an archive without a history: all but caches and what .gitignore names at the top
        paths = []
        for path in ROOT.rglob("*"):
            parts = path.relative_to(ROOT).parts
            generated = parts[0] in {".venv", "build", "data", "checkpoints"} or parts[0].endswith(
                ".egg-info"
            )
            if not generated and not any(part.endswith("cache") or part == "__pycache__" for part in parts):
                paths.append(path)
    texts = {}
    for path in paths:
        if path.is_file() and path.suffix not in {".png", ".npz", ".gz"}:
            name = path.relative_to(ROOT).as_posix()
            try:
                texts[name] = path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                pytest.fail(f"{name} is no text: should .gitignore name it?")
    return texts


# Assembled from pieces so that this file does not contain what it looks for.
OF_ONE_MACHINE = {
    "a package registry's host": re.compile(
        "|".join(["py" + r"pi\.org", "python" + "hosted", "anaconda" + r"\.org"])
    ),
    "a download host of wheels": re.compile("download." + r"pytorch\.org"),
    "a file address": re.compile("file:" + "//"),
    "a home or system folder": re.compile(r"(?<![\w.])/(?:root|home|Users|work|opt|mnt)/" + r"\w"),
    "a Windows folder": re.compile(r"[A-Z]:\\{1,2}" + r"Users"),
    "a pip option that names an index": re.compile(
        "--(?:extra-" + r")?index-url[= ]\S*/|--find-" + r"links[= ]\S*/"
    ),
}


@pytest.mark.parametrize("what", OF_ONE_MACHINE)
def test_no_file_names_a_machine(what):
    found = [
        f"{path}: {match.group()}"
        for path, text in tracked_texts().items()
        for match in OF_ONE_MACHINE[what].finditer(text)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("a package registry's host", "see https://py" + "pi.org/simple"),
        ("a file address", "file:" + "///srv/wheels"),
        ("a home or system folder", 'File "/ro' + 'ot/course/x.py"'),
        ("a home or system folder", "/ho" + "me/ada/kdcourse"),
        ("a Windows folder", "C:" + r"\Users\ada"),
        ("a pip option that names an index", "--find-" + "links /srv"),
    ],
)
def test_the_search_for_machines_finds_them(what, text):
    assert OF_ONE_MACHINE[what].search(text)


def test_readme_gives_the_commands_that_exist():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))
    used = set(re.findall(r"(?:^|`)make ([a-z-]+)", readme, flags=re.MULTILINE))
    assert {"lab", "test"} <= used <= targets


def test_continuous_integration_runs_the_test_command_of_the_readme():
    run = ROOT / ".ci" / "run"
    commands = [line for line in run.read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
    assert commands.count("make test") == 1 and commands[-1].startswith("make test-browser")
    assert "\n```\nmake test\n```\n" in (ROOT / "README.md").read_text(encoding="utf-8")
    if os.name != "nt":
        assert os.access(run, os.X_OK)


def test_readme_lists_the_lectures_as_they_are():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d\d) \| `(\1_\w+)` \| .* \| (ready|planned) \|$", readme, flags=re.MULTILINE)
    assert [number for number, _, _ in rows] == [f"{i:02}" for i in range(19)]
    ready = {name for _, name, state in rows if state == "ready"}
    assert ready == {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}


def test_nbgrader_reads_its_settings():
    from traitlets.config.loader import PyFileConfigLoader

    config = PyFileConfigLoader("nbgrader_config.py", path=str(ROOT)).load_config()
    assert config.CourseDirectory.source_directory == "solutions"
    assert config.CourseDirectory.release_directory == "exercises"
    # What a learner finds in place of the answer is code that fails by name, not silently.
    with pytest.raises(NotImplementedError, match="not solved yet"):
        exec(config.ClearSolutions.code_stub["python"])
    assert 30 < config.ExecutePreprocessor.timeout <= 600
