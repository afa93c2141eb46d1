"""A real sshd on the loopback, run by this user, with keys of its own."""

from __future__ import annotations

import getpass
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from edgequant.devices.ssh import Ssh

SSHD = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")


@dataclass(frozen=True)
class Server:
    """An sshd that lets one key in, and a client's configuration that knows its host key."""

    port: int
    folder: Path
    process: subprocess.Popen[bytes]

    def device(self, **options: str) -> Ssh:
        host = f"{getpass.getuser()}@127.0.0.1:{self.port}"
        return Ssh(host, **{"python": sys.executable, "config": str(self.folder / "config"), **options})


def key(path: Path) -> str:
    """A new key pair; the public half."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return " ".join(path.with_suffix(".pub").read_text().split()[:2])


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def write_config(folder: Path, name: str, known_hosts: Path, identity: Path) -> Path:
    """A client's configuration that reads nothing of this user's own."""
    path = folder / name
    path.write_text(
        f"IdentityFile {identity}\nIdentitiesOnly yes\nUserKnownHostsFile {known_hosts}\nGlobalKnownHostsFile none\n"
        "PasswordAuthentication no\n"
    )
    return path


def serve(folder: Path) -> Iterator[Server]:
    """Until the generator is closed. Skips the test where there is no sshd."""
    if SSHD is None or shutil.which("ssh") is None or shutil.which("ssh-keygen") is None:
        pytest.skip("this machine has no sshd and ssh (apt install openssh-server)")
    port = free_port()
    folder.chmod(0o700)
    host, user = key(folder / "host"), key(folder / "user")
    (folder / "authorized").write_text(user + "\n")
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {host}\n")
    write_config(folder, "config", folder / "known_hosts", folder / "user")
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized\n"
        f"PidFile {folder}/pid\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
    )
    if getpass.getuser() == "root":
        Path("/run/sshd").mkdir(exist_ok=True)  # where sshd separates its privileges
    process = subprocess.Popen([SSHD, "-D", "-e", "-f", str(folder / "sshd_config")], stderr=subprocess.DEVNULL)
    try:
        listening(port, process)
        yield Server(port, folder, process)
    finally:
        process.terminate()
        process.wait()


def listening(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(2000):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.05)
        else:
            return
    pytest.skip("sshd does not start here")
