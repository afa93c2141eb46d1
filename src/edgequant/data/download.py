"""Where data sets lie on disk, and how the official files get there: checked, resumable, atomic.

A data set is looked for in the folder of its `root=` option, else in $EDGEQUANT_DATA, else in a per-user
cache. Nothing is looked for anywhere else, and a file is used only when its checksum is the expected one.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
import tempfile
import urllib.error
import urllib.request
import zlib
from http.client import HTTPException, HTTPResponse
from pathlib import Path

from ..core.errors import BadData

TIMEOUT = 30  # seconds without a byte
CHUNK = 1 << 18
HASHES = {32: "md5", 64: "sha256"}  # by the number of hexadecimal digits


def data_root(root: str) -> Path:
    """The folder that data sets are looked for in. Raises BadData where one was named and is not there."""
    named = root or os.environ.get("EDGEQUANT_DATA", "")
    if not named:
        cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        return Path(cache) / "edgequant" / "data"
    folder = Path(named).expanduser()
    if not folder.is_dir():
        source = "root=" if root else "EDGEQUANT_DATA="
        raise BadData(
            f"The data folder {source}{named} does not exist. Create it, or name the folder that has the data."
        )
    return folder


def locate(root: str, folder_names: tuple[str, ...], files: tuple[str, ...]) -> Path | None:
    """The folder that holds all of `files` (as they are, or with .gz): the root, or one of `folder_names` in it.

    None where there is no such folder.
    """
    base = data_root(root)
    for folder in (base, *(base / name for name in folder_names)):
        if all(present(folder, name) for name in files):
            return folder
    return None


def present(folder: Path, name: str) -> Path | None:
    """`folder/name`, or `folder/name.gz`, whichever is there."""
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def fetch(url: str, checksum: str, target: Path) -> Path:
    """Download `url` to `target`; `checksum` is its md5 or sha256 in hexadecimal.

    A download that was cut goes on from `target.part`. A file that is already there is checked and kept.
    Raises BadData where there is no network, and where the content is not the expected one.
    """
    if target.exists():
        return _checked(target, checksum, target, "Delete it and run again.")
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _download(url, part)
    except (OSError, HTTPException) as error:  # no network, a server's refusal, a full disk
        raise BadData(
            f"{target.name} is not in {target.parent} and could not be downloaded from {url}: {_reason(error)}."
            " Run again to go on, or put the file there, or name the folder that has the data with root=FOLDER"
            " or EDGEQUANT_DATA=FOLDER."
        ) from error
    return _checked(part, checksum, target, f"It was deleted. Run again, or put the right file at {target}.")


def unpack(archive: Path, root: Path) -> None:
    """Extract a tar archive into `root`, each file appearing there whole. Raises BadData for a damaged archive."""
    try:
        with tempfile.TemporaryDirectory(prefix=".unpack-", dir=root) as name:
            with tarfile.open(archive) as tar:
                tar.extractall(name, filter="data")
            for path in sorted(Path(name).rglob("*")):
                if path.is_file():
                    target = root / path.relative_to(name)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    path.replace(target)
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        raise BadData(
            f"{archive} could not be unpacked: {_reason(error)}."
            " Expected a whole tar archive; delete it and run again with a fresh copy."
        ) from error


def digest(path: Path, algorithm: str) -> str:
    """The checksum of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def _checked(path: Path, checksum: str, target: Path, advice: str) -> Path:
    """Move `path` to `target` where its checksum holds; a `.part` of other content is deleted."""
    algorithm = HASHES[len(checksum)]
    found = digest(path, algorithm)
    if found != checksum:
        if path != target:
            path.unlink()
        raise BadData(f"{target} has the {algorithm} {found}. Expected {checksum}: the file is damaged. {advice}")
    return path if path == target else path.replace(target)


def _download(url: str, part: Path) -> None:
    """Bring `part` to its full length. Raises OSError and HTTPException; what has arrived stays in `part`."""
    start = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
            _receive(response, part, start)
    except urllib.error.HTTPError as error:
        error.close()
        if not (start and error.code == 416):  # 416: there is nothing after `start`; the checksum will judge
            raise


def _receive(response: HTTPResponse, part: Path, start: int) -> None:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    if response.status != 206:  # the server sends the whole file again
        start = 0
    length = response.headers.get("Content-Length")
    total = start + int(length) if length else None
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(part.stem, total=total, completed=start)
        with part.open("ab" if start else "wb") as file:
            while chunk := response.read(CHUNK):
                file.write(chunk)
                bar.advance(task, len(chunk))
    if total is not None and part.stat().st_size < total:
        raise ConnectionError(f"the connection ended after {part.stat().st_size:,} of {total:,} bytes")


def _reason(error: BaseException) -> str:
    """The error in one line."""
    text = str(getattr(error, "reason", "") or error) or type(error).__name__
    return " ".join(text.split()).rstrip(".")
