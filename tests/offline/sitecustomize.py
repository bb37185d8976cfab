"""No network for notebook kernels under test.

Python imports a module of this name when it starts. tests/conftest.py puts this folder on PYTHONPATH, so that
the kernels which nbval and nbclient start find it. Other programs that the tests start are left alone.
"""

import os
import sys

_HERE = {"localhost", "127.0.0.1", "::1", "0.0.0.0", "::", "", None}


def _is_here(host):
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    return host in _HERE or str(host).startswith("127.")


def _refuse(event, args):
    if event in ("socket.connect", "socket.sendto"):
        address = args[1]
        if not isinstance(address, tuple) or _is_here(
            address[0]
        ):  # other families are not internet addresses
            return
        where = address[0]
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        where = args[0]
        if _is_here(where):
            return
    else:
        return
    raise OSError(f"The course's notebooks run offline: this kernel may not reach {where!r} (tests/offline).")


# Processes that a kernel starts inherit the mark.
if os.environ.get("KDCOURSE_OFFLINE") or any("ipykernel_launcher" in word for word in sys.orig_argv):
    os.environ["KDCOURSE_OFFLINE"] = "1"
    sys.addaudithook(_refuse)
