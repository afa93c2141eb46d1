"""A folder is what its files hold: whatever their names, sizes and times say."""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgequant.core.errors import BadData
from edgequant.core.image import InputSpec
from edgequant.data.classes.imagefolder import ImageFolder
from edgequant.data.folders import content, digest_cache
from edgequant.data.folders.content import content_digests
from edgequant.data.folders.unlabelled import Images

SPEC = InputSpec(3, 8, 8)


@pytest.fixture
def bitmaps(tmp_path: Path) -> Path:
    """Twelve BMPs of one size in bytes."""
    rng = np.random.default_rng(0)
    for k in range(12):
        path = tmp_path / "set" / ("cat", "dog")[k % 2] / f"{k}.bmp"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8)).save(path)
    return tmp_path / "set"


def blacken(folder: Path) -> None:
    """Every pixel; names, sizes and both times that can be set stay."""
    for path in folder.rglob("*.bmp"):
        before = path.stat()
        data = bytearray(path.read_bytes())
        data[data[10] :] = bytes(len(data) - data[10])
        path.write_bytes(data)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)


@pytest.fixture(params=[content.SETTLED, -60.0], ids=["fresh files", "cached files"])
def settled(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """-60: what was written just now is kept at once, as it would be after some seconds."""
    monkeypatch.setattr(content, "SETTLED", request.param)


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("dataset", [ImageFolder, Images])
def test_every_image_overwritten_with_black_is_another_set(bitmaps: Path, dataset: type[ImageFolder]) -> None:
    before = dataset(str(bitmaps)).load(SPEC).fingerprint
    assert dataset(str(bitmaps)).load(SPEC).fingerprint == before
    blacken(bitmaps)
    assert dataset(str(bitmaps)).load(SPEC).fingerprint != before


@pytest.mark.usefixtures("settled")
def test_one_byte_of_one_image_a_name_and_a_label_each_make_another_set(bitmaps: Path) -> None:
    def now() -> str:
        return ImageFolder(str(bitmaps)).load(SPEC).fingerprint

    seen = [now()]
    data = bytearray((bitmaps / "cat" / "0.bmp").read_bytes())
    data[-1] ^= 1
    (bitmaps / "cat" / "0.bmp").write_bytes(data)
    seen.append(now())
    (bitmaps / "cat" / "0.bmp").rename(bitmaps / "cat" / "x.bmp")
    seen.append(now())
    (bitmaps / "cat" / "x.bmp").rename(bitmaps / "dog" / "x.bmp")
    seen.append(now())
    assert len(set(seen)) == 4


def test_a_copy_elsewhere_is_the_same_set(bitmaps: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(bitmaps, tmp_path / "copy")
    assert ImageFolder(str(copy)).load(SPEC).fingerprint == ImageFolder(str(bitmaps)).load(SPEC).fingerprint


def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one with every file that is read."""
    count: list[int] = []
    whole = hashlib.file_digest

    def counted(*given: object) -> object:
        count.append(1)
        return whole(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(content.hashlib, "file_digest", counted)
    return count


def names_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.bmp"))


def test_what_has_not_changed_is_read_once(bitmaps: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "SETTLED", -60.0)
    count, names = reads(monkeypatch), names_in(bitmaps)
    first = content_digests(bitmaps, names)
    assert first == tuple(hashlib.sha256((bitmaps / name).read_bytes()).hexdigest() for name in names)
    assert content_digests(bitmaps, names) == first and len(count) == 12
    (bitmaps / names[0]).write_bytes(b"other")
    content_digests(bitmaps, names)
    assert len(count) == 13


def test_what_changed_just_now_is_not_kept(bitmaps: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    count = reads(monkeypatch)
    content_digests(bitmaps, names_in(bitmaps))
    content_digests(bitmaps, names_in(bitmaps))
    assert len(count) == 24


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadData, match=r"gone.png cannot be read: .*chmod u\+r"):
        content_digests(tmp_path, ["gone.png"])


Damage = Callable[[Path], object]
DAMAGE: dict[str, Damage] = {
    "cut": lambda p: p.write_bytes(p.read_bytes()[:-5]),
    "empty": lambda p: p.write_bytes(b""),
    "one bit": lambda p: p.write_bytes(p.read_bytes()[:-1] + bytes([p.read_bytes()[-1] ^ 1])),
    "another version": lambda p: p.write_bytes(b"edgequant digests 9\n" + p.read_bytes()[20:]),
    "a folder": lambda p: (p.unlink(), p.mkdir()),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_cache_is_as_none(bitmaps: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(content, "SETTLED", -60.0)
    names = names_in(bitmaps)
    first = content_digests(bitmaps, names)
    (kept,) = cache_of().iterdir()
    DAMAGE[kind](kept)
    assert digest_cache.load(bitmaps.resolve()) == {}
    assert content_digests(bitmaps, names) == first


def cache_of() -> Path:
    return Path(os.environ["XDG_CACHE_HOME"]) / "edgequant" / "digests"


def test_without_a_place_to_keep_it_all_is_read_each_time(
    bitmaps: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content, "SETTLED", -60.0)
    first = content_digests(bitmaps, names_in(bitmaps))
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert content_digests(bitmaps, names_in(bitmaps)) == first
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("no home")))
    assert content_digests(bitmaps, names_in(bitmaps)) == first and not Path("not").exists()


def test_a_disk_that_fills_up_leaves_no_half_file(bitmaps: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "SETTLED", -60.0)

    def full(_self: Path, _target: object) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    content_digests(bitmaps, names_in(bitmaps))
    assert not list(cache_of().iterdir())


def test_the_cache_is_bounded_and_the_oldest_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digest_cache, "MOST_BYTES", 1000)
    for k in range(8):
        digest_cache.save(tmp_path / str(k), {bytes([i]) * 16: bytes(32) for i in range(5)})
        for n, path in enumerate(sorted(cache_of().iterdir(), key=lambda p: p.stat().st_mtime)):
            os.utime(path, (n, n))
    assert sum(path.stat().st_size for path in cache_of().iterdir()) <= 1000
    assert len(digest_cache.load(tmp_path / "7")) == 5 and digest_cache.load(tmp_path / "0") == {}


def test_many_at_a_time(tmp_path: Path) -> None:
    """Whoever writes last wins; nobody ever reads a half."""
    digests = [{bytes([k]) * 16: bytes([k]) * 32 for k in range(n)} for n in range(1, 9)]

    def write(own: dict[bytes, bytes]) -> None:
        for _ in range(20):
            digest_cache.save(tmp_path, own)
            assert digest_cache.load(tmp_path) in digests

    threads = [threading.Thread(target=write, args=(own,)) for own in digests]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert digest_cache.load(tmp_path) in digests
