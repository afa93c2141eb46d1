from __future__ import annotations

import dataclasses
import gzip
import hashlib
import http.server
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgequant.core.errors import BadData
from edgequant.core.image import InputSpec
from edgequant.data.classes import cifar, idx
from edgequant.data.download import data_root, fetch, locate, present, unpack

CONTENT = bytes(range(256)) * 40
MD5 = hashlib.md5(CONTENT).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Files from memory; remembers the Range of each request, and can drop the line or ignore ranges."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {"/file.bin": CONTENT}
        self.asked: list[str | None] = []
        self.drop_after: int | None = None
        self.honours_ranges = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.asked.append(asked)
        content = self.server.files.get(self.path)
        if content is None:
            return self.send_error(404)
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.server.honours_ranges else 0
        if start >= len(content):
            return self.send_error(416)
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self.wfile.write(content[start : self.server.drop_after])
        return None


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as served:
        thread = threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield served
        served.shutdown()
        thread.join()


def test_a_file_arrives_whole_and_nothing_else_stays(server: Server, tmp_path: Path) -> None:
    target = fetch(f"{server.url}/file.bin", MD5, tmp_path / "deep" / "file.bin")
    assert target.read_bytes() == CONTENT
    assert [p.name for p in target.parent.iterdir()] == ["file.bin"]


def test_sha256_is_known_by_its_length(server: Server, tmp_path: Path) -> None:
    assert fetch(f"{server.url}/file.bin", hashlib.sha256(CONTENT).hexdigest(), tmp_path / "f").exists()


def test_a_file_that_is_there_is_checked_and_not_fetched(server: Server, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(CONTENT)
    assert fetch(f"{server.url}/file.bin", MD5, tmp_path / "f").read_bytes() == CONTENT and server.asked == []
    (tmp_path / "f").write_bytes(b"x")
    with pytest.raises(BadData, match=r"Expected .*: the file is damaged. Delete it and run again"):
        fetch(f"{server.url}/file.bin", MD5, tmp_path / "f")
    assert (tmp_path / "f").read_bytes() == b"x"  # the user's own file is left to the user


def test_a_cut_download_goes_on_where_it_stopped(server: Server, tmp_path: Path) -> None:
    server.drop_after = 1000
    with pytest.raises(BadData, match=r"the connection ended after 1,000 of 10,240 bytes. Run again to go on"):
        fetch(f"{server.url}/file.bin", MD5, tmp_path / "f")
    assert (tmp_path / "f.part").stat().st_size == 1000 and not (tmp_path / "f").exists()
    server.drop_after = None
    assert fetch(f"{server.url}/file.bin", MD5, tmp_path / "f").read_bytes() == CONTENT
    assert server.asked == [None, "bytes=1000-"]


def test_a_server_without_ranges_sends_it_all_again(server: Server, tmp_path: Path) -> None:
    server.honours_ranges = False
    (tmp_path / "f.part").write_bytes(CONTENT[:500])
    assert fetch(f"{server.url}/file.bin", MD5, tmp_path / "f").read_bytes() == CONTENT


def test_a_part_that_is_already_whole_is_accepted(server: Server, tmp_path: Path) -> None:
    (tmp_path / "f.part").write_bytes(CONTENT)
    assert fetch(f"{server.url}/file.bin", MD5, tmp_path / "f").read_bytes() == CONTENT


def test_wrong_content_is_refused_and_not_kept(server: Server, tmp_path: Path) -> None:
    with pytest.raises(BadData, match=rf"f has the md5 {MD5}. Expected {'0' * 32}") as raised:
        fetch(f"{server.url}/file.bin", "0" * 32, tmp_path / "f")
    assert "\n" not in str(raised.value) and list(tmp_path.iterdir()) == []


def test_a_file_the_server_has_not_is_a_line(server: Server, tmp_path: Path) -> None:
    with pytest.raises(BadData, match=r"could not be downloaded from .*none: Not Found"):
        fetch(f"{server.url}/none", MD5, tmp_path / "f")


def test_no_network_says_where_to_put_the_file(server: Server, tmp_path: Path) -> None:
    server.server_close()
    with pytest.raises(
        BadData, match=rf"^f.gz is not in {tmp_path} and could not .*EDGEQUANT_DATA=FOLDER\.$"
    ) as raised:
        fetch(f"{server.url}/file.bin", MD5, tmp_path / "f.gz")
    assert "\n" not in str(raised.value)


def test_a_folder_that_cannot_be_written_is_a_line(server: Server, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(BadData, match=r"File exists|Not a directory"):
        fetch(f"{server.url}/file.bin", MD5, tmp_path / "taken" / "f")


def test_the_root_is_the_option_then_the_environment_then_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert data_root("") == tmp_path / "cache" / "edgequant" / "data"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert data_root("") == tmp_path / "home" / ".cache" / "edgequant" / "data"
    (tmp_path / "env").mkdir()
    monkeypatch.setenv("EDGEQUANT_DATA", str(tmp_path / "env"))
    assert data_root("") == tmp_path / "env"
    assert data_root(str(tmp_path)) == tmp_path


def test_a_root_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadData, match=r"The data folder root=/no/where does not exist"):
        data_root("/no/where")
    monkeypatch.setenv("EDGEQUANT_DATA", "/no/where")
    with pytest.raises(BadData, match=r"The data folder EDGEQUANT_DATA=/no/where does not exist"):
        data_root("")


def test_locate_wants_every_file_in_one_folder(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    (tmp_path / "one" / "a").write_text("")
    assert locate(str(tmp_path), ("one", "two"), ("a", "b")) is None
    (tmp_path / "two" / "a").write_text("")
    (tmp_path / "two" / "b.gz").write_text("")
    assert locate(str(tmp_path), ("one", "two"), ("a", "b")) == tmp_path / "two"
    assert present(tmp_path / "two", "b") == tmp_path / "two" / "b.gz"


def pack(path: Path, source: Path, name: str) -> bytes:
    with tarfile.open(path, "w:gz") as tar:
        tar.add(source, name)
    return path.read_bytes()


def test_cifar_is_fetched_unpacked_and_loaded(
    server: Server, cifar_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = pack(tmp_path / "c.tar.gz", cifar_folder, "cifar-10-batches-py")
    server.files["/c.tar.gz"] = archive
    source = dataclasses.replace(cifar.CIFAR10, url=f"{server.url}/c.tar.gz", md5=hashlib.md5(archive).hexdigest())
    monkeypatch.setattr(cifar, "CIFAR10", source)
    fetched = cifar.Cifar10().load(InputSpec(3, 32, 32))
    assert fetched.fingerprint == cifar.Cifar10(str(cifar_folder)).load(InputSpec(3, 32, 32)).fingerprint
    assert len(server.asked) == 1
    cifar.Cifar10().load(InputSpec(3, 32, 32))
    assert len(server.asked) == 1  # the second time it is found in the cache


def test_an_archive_without_the_batches_is_refused(
    server: Server, cifar_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (cifar_folder / "data_batch_4").unlink()
    archive = pack(tmp_path / "c.tar.gz", cifar_folder, "cifar-10-batches-py")
    server.files["/c.tar.gz"] = archive
    source = dataclasses.replace(cifar.CIFAR10, url=f"{server.url}/c.tar.gz", md5=hashlib.md5(archive).hexdigest())
    monkeypatch.setattr(cifar, "CIFAR10", source)
    with pytest.raises(BadData, match=r"c.tar.gz has no cifar-10-batches-py/data_batch_4"):
        cifar.Cifar10().load(InputSpec(3, 32, 32))


def test_fashion_mnist_fetches_the_files_that_are_missing(
    server: Server, mnist_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    md5 = []
    for name in idx.FILES:
        path = present(mnist_folder, name)
        assert path is not None
        content = path.read_bytes() if path.suffix == ".gz" else gzip.compress(path.read_bytes())
        server.files[f"/{name}.gz"] = content
        md5.append(hashlib.md5(content).hexdigest())
    source = dataclasses.replace(idx.FASHION, url=f"{server.url}/", md5=tuple(md5))
    monkeypatch.setattr(idx, "FASHION", source)
    fetched = idx.FashionMnist().load(InputSpec(1, 28, 28))
    assert len(fetched.train) == 550 and len(server.asked) == 4


def test_a_truncated_archive_is_refused(tmp_path: Path, cifar_folder: Path) -> None:
    whole = pack(tmp_path / "c.tar.gz", cifar_folder, "c")
    for keep in (0, 100, len(whole) // 2):
        (tmp_path / "c.tar.gz").write_bytes(whole[:keep])
        with pytest.raises(BadData, match=r"c.tar.gz could not be unpacked: .* fresh copy"):
            unpack(tmp_path / "c.tar.gz", tmp_path)
        assert not (tmp_path / "c").exists()


def test_an_archive_cannot_write_outside_its_folder(tmp_path: Path) -> None:
    (tmp_path / "evil").write_text("x")
    pack(tmp_path / "c.tar.gz", tmp_path / "evil", "../../outside")
    (tmp_path / "a" / "b").mkdir(parents=True)
    with pytest.raises(BadData, match=r"could not be unpacked"):
        unpack(tmp_path / "c.tar.gz", tmp_path / "a" / "b")
    assert not list(tmp_path.rglob("outside"))
