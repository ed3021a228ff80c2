"""Taking the port, before anything slow is done: a port in use is told at once."""

from __future__ import annotations

import errno
import socket

from index.errors import DossierError


class PortError(DossierError):
    code = "port"


def take_port(host: str, port: int) -> socket.socket:
    """A listening socket. Raises PortError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(128)
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRINUSE:
            raise PortError(
                f"The port {port} is in use already.",
                "Choose another: `dossier serve --port 7861` (0 takes any).",
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM):
            raise PortError(
                f"The port {port} may not be used.", "Choose one above 1023 with `--port`."
            ) from error
        raise PortError(
            f"The address {host} cannot be served on ({error.strerror}).",
            "Check `--host`; 127.0.0.1 is this machine.",
        ) from error
    return sock
