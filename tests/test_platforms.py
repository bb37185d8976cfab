"""Nothing that only Linux has in what a learner runs. Windows and macOS themselves are tried elsewhere
(.github/workflows); tests/test_package.py imports all modules as if Unix's were missing."""

import ast
import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = sorted((ROOT / "kdcourse").rglob("*.py"))
NOTEBOOKS = sorted([*ROOT.glob("notebooks/*.ipynb"), *ROOT.glob("solutions/*/*.ipynb")])
# Marking contains what it runs with means of Linux, and nbgrader's own elsewhere: see docs/grading.md.
MARKING = ROOT / "kdcourse" / "teaching" / "marking"
# Python's documentation says "Availability: Unix" of these.
UNIX = {
    "os": "fork forkpty getuid geteuid getgid getpgid killpg setsid mkfifo getloadavg uname"
    " sched_getaffinity nice chown wait wait4 WNOHANG O_PATH O_CLOEXEC O_DIRECTORY O_NONBLOCK",
    "signal": "SIGALRM SIGKILL SIGUSR1 SIGUSR2 SIGHUP SIGCHLD setitimer alarm pause pthread_kill",
    "time": "tzset clock_gettime",
}
UNIX_NAMES = {f"{module}.{name}" for module, names in UNIX.items() for name in names.split()}
UNIX_MODULES = {"fcntl", "resource", "pwd", "grp", "termios", "pty", "tty", "syslog", "crypt", "readline"}


def code_of(path: Path) -> str:
    """The Python text of a file; of a notebook that of its code cells, without magics."""
    if path.suffix == ".py":
        return path.read_text(encoding="utf-8")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    return re.sub(r"^(\s*)%\w.*$", r"\1pass", text, flags=re.MULTILINE)


def calls(tree: ast.AST, *names: str):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in names:
                yield name, node


def unix_only(text: str) -> list[str]:
    """Names that only Unix has, in a file that does not ask for them first (hasattr)."""
    tree = ast.parse(text)
    asked = {
        node.args[1].value
        for _, node in calls(tree, "hasattr")
        if len(node.args) == 2 and isinstance(node.args[1], ast.Constant)
    }
    asked |= {"SIGALRM"} if "setitimer" in asked else set()
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            name = f"{node.value.id}.{node.attr}"
            found += [name] if name in UNIX_NAMES and node.attr not in asked else []
        elif isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name in UNIX_MODULES]
        elif isinstance(node, ast.ImportFrom):
            found += [node.module] if node.module in UNIX_MODULES else []
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found += re.findall(r"^(?:/tmp|/dev|/proc|/etc|/usr)(?:/\w*|$)", node.value)
    return found


def without_encoding(text: str) -> list[int]:
    """Lines that read or write text in whatever encoding the machine prefers."""
    lines = []
    for name, node in calls(ast.parse(text), "open", "read_text", "write_text", "fdopen"):
        mode = node.args[1] if name in ("open", "fdopen") and len(node.args) > 1 else None
        modes = [mode, *(k.value for k in node.keywords if k.arg == "mode")]
        constants = [n for m in modes if m is not None for n in ast.walk(m) if isinstance(n, ast.Constant)]
        binary = any("b" in str(constant.value) for constant in constants)
        given = any(k.arg in ("encoding", None) for k in node.keywords)
        builtin = name != "open" or isinstance(node.func, ast.Name) or bool(modes[0] or modes[1:])
        if not (binary or given) and builtin:
            lines.append(node.lineno)
    return lines


def test_nothing_needs_unix():
    files = [path for path in [*PACKAGE, *NOTEBOOKS] if MARKING not in path.parents]
    found = {path.name: unix_only(code_of(path)) for path in files}
    assert {name: names for name, names in found.items() if names} == {}


def test_texts_are_read_and_written_in_utf_8():
    found = {path.name: without_encoding(code_of(path)) for path in PACKAGE if MARKING not in path.parents}
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_notebooks_call_no_shell():
    for path in NOTEBOOKS:
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "code":
                shell = re.search(r"^\s*(?:!|%%(?:bash|sh|script|system)\b)", "".join(cell["source"]), re.M)
                assert not shell, f"{path.name}: cell {cell['id']}"


def test_the_search_finds_what_it_looks_for():
    assert unix_only("import os\nos.fork()") == ["os.fork"]
    assert unix_only("import fcntl\nfrom resource import getrlimit") == ["fcntl", "resource"]
    assert unix_only("path = '/tmp/x'") == ["/tmp/x"]
    assert unix_only("if hasattr(os, 'sched_getaffinity'):\n    os.sched_getaffinity(0)") == []
    assert without_encoding("path.read_text()\nopen('x', 'w')\nopen('x')") == [1, 2, 3]
    assert without_encoding("path.read_text(encoding='utf-8')\nopen('x', 'rb')") == []
