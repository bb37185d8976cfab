"""Put limits on this process and become a command: the last step before code that nobody has read.

    python -I -S launch.py '{"limits": {"CORE": 0}, "landlock": null, ...}' COMMAND ...

Run as a file, before anything else is imported, so that it starts in some ten milliseconds. `containment`
writes the order; see there. Landlock is Linux' way for a process to give up rights over files for good.
"""

import ctypes
import json
import os
import signal
import struct
import sys

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every architecture
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_READ = 0b1101  # execute, read file, read folder
_FILE_ONLY = 0b1100_0000_0000_0111  # what can be allowed for a single file


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def landlock_version() -> int:
    """0 where the kernel has no Landlock."""
    if sys.platform != "linux":
        return 0
    return max(_libc().syscall(_CREATE_RULESET, None, 0, 1), 0)


def _must(result: int, what: str) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), f"Landlock: {what}: {os.strerror(ctypes.get_errno())}")
    return result


def give_up_files(readable: list[str], writable: list[str]) -> None:
    """From now on only these files and folders can be used; no TCP and no signals to others, if the kernel
    is new enough. Raises `OSError` if that cannot be had."""
    libc, version = _libc(), landlock_version()
    files = (1 << 13) - 1 | (version >= 2) << 13 | (version >= 3) << 14 | (version >= 5) << 15
    net = 0b11 if version >= 4 else 0
    scopes = 0b11 if version >= 6 else 0
    attributes = struct.pack("QQQ", files, net, scopes)[: 8 * (1 + (version >= 4) + (version >= 6))]
    rules = _must(libc.syscall(_CREATE_RULESET, attributes, len(attributes), 0), "no rules")
    for paths, rights in ((readable, _READ), (writable, files)):
        for path in paths:
            try:
                place = os.open(path, os.O_PATH | os.O_CLOEXEC)
            except OSError:
                continue  # what is not there needs no permission
            allowed = rights if os.path.isdir(path) else rights & _FILE_ONLY & files
            rule = struct.pack("=Qi", allowed, place)
            _must(libc.syscall(_ADD_RULE, rules, 1, rule, 0), path)
            os.close(place)
    _must(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no new privileges")
    _must(libc.syscall(_RESTRICT_SELF, rules, 0), "restrict")
    os.close(rules)


def main() -> None:
    import resource  # not on Windows, where `containment` still wants to know what this machine can do

    order, command = json.loads(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":  # whoever started this is gone: so is this
        _libc().prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    for name, most in order["limits"].items():
        number = getattr(resource, f"RLIMIT_{name}", None)
        if number is not None:
            hard = resource.getrlimit(number)[1]
            most = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(number, (most, most))
    os.chdir(order["folder"])
    if order["landlock"]:
        give_up_files(**order["landlock"])
    os.execvpe(command[0], command, order["environment"])


if __name__ == "__main__":
    main()
