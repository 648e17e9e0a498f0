import hashlib
import http.server
import threading

import pytest

from companion import data
from companion.data import _fetch


@pytest.fixture
def entry(tmp_path, monkeypatch):
    """A registry of one file, an empty cache, no mirror."""
    content = b"step,loss\n0,1.5\n"
    made = data.Entry(
        "demo/a.csv", hashlib.sha256(content).hexdigest(), len(content), "MIT", "nowhere", True
    )
    monkeypatch.setattr(_fetch, "registry", lambda: {made.name: made})
    monkeypatch.setenv("COMPANION_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("COMPANION_DATA", raising=False)
    monkeypatch.setattr("companion.repository.url", lambda: None)
    return made, content


@pytest.fixture
def server(tmp_path):
    """A release on this machine: returns (address, folder of its assets, paths asked for)."""
    asked = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=tmp_path / "www")

        def log_message(self, *_args):
            asked.append(self.path)

    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    folder = tmp_path / "www" / "releases" / "download" / "data-v1"
    folder.mkdir(parents=True)
    yield f"http://127.0.0.1:{httpd.server_port}", folder, asked
    httpd.shutdown()


def mirror(tmp_path, monkeypatch, content):
    (tmp_path / "mirror" / "demo").mkdir(parents=True)
    (tmp_path / "mirror" / "demo" / "a.csv").write_bytes(content)
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path / "mirror"))


def test_mirror_comes_first(entry, tmp_path, monkeypatch):
    mirror(tmp_path, monkeypatch, entry[1])
    assert data.fetch("demo/a.csv").read_bytes() == entry[1]


def test_a_mirror_with_other_content_is_refused(entry, tmp_path, monkeypatch):
    mirror(tmp_path, monkeypatch, b"other")
    with pytest.raises(data.DataCorrupt, match="SHA-256"):
        data.fetch("demo/a.csv")
    assert (tmp_path / "mirror" / "demo" / "a.csv").is_file()  # the reader's own file stays


def test_without_an_address_the_error_says_what_to_do(entry):
    with pytest.raises(data.DataUnavailable, match=r"no data release yet.*set COMPANION_DATA"):
        data.fetch("demo/a.csv")


def test_unknown_name_lists_the_known(entry):
    with pytest.raises(ValueError, match=r"known are demo/a\.csv"):
        data.fetch("demo/b.csv")


def test_download_once_then_cache(entry, server, monkeypatch):
    address, folder, asked = server
    (folder / "demo--a.csv").write_bytes(entry[1])
    monkeypatch.setattr("companion.repository.url", lambda: address)
    for _ in range(2):
        assert data.fetch("demo/a.csv").read_bytes() == entry[1]
    assert len(asked) == 1


def test_a_download_with_a_wrong_hash_is_refused_and_removed(entry, server, monkeypatch, tmp_path):
    address, folder, _asked = server
    (folder / "demo--a.csv").write_bytes(b"tampered")
    monkeypatch.setattr("companion.repository.url", lambda: address)
    with pytest.raises(data.DataCorrupt, match="not the file"):
        data.fetch("demo/a.csv")
    assert [p for p in (tmp_path / "cache").rglob("*") if p.is_file()] == []


def test_a_corrupt_cache_is_removed_and_fetched_again(entry, server, monkeypatch, tmp_path):
    address, folder, _asked = server
    (folder / "demo--a.csv").write_bytes(entry[1])
    monkeypatch.setattr("companion.repository.url", lambda: address)
    cached = tmp_path / "cache" / "data" / "demo--a.csv"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"half")
    with pytest.raises(data.DataCorrupt):
        data.fetch("demo/a.csv")
    assert not cached.exists()
    assert data.fetch("demo/a.csv").read_bytes() == entry[1]


def test_no_network_is_said_plainly(entry, monkeypatch):
    monkeypatch.setattr("companion.repository.url", lambda: "http://127.0.0.1:9")
    with pytest.raises(data.DataUnavailable, match="could not be downloaded"):
        data.fetch("demo/a.csv")


def test_what_may_not_be_redistributed_is_not_downloaded(entry, server, monkeypatch):
    from dataclasses import replace

    made = replace(entry[0], release=False, licence="all rights reserved")
    monkeypatch.setattr(_fetch, "registry", lambda: {made.name: made})
    monkeypatch.setattr("companion.repository.url", lambda: server[0])
    with pytest.raises(data.DataUnavailable, match="all rights reserved"):
        data.fetch("demo/a.csv")
    assert server[2] == []


def test_registry_is_complete():
    for name, made in data.registry().items():
        assert len(made.sha256) == 64
        assert made.bytes > 0
        assert made.origin
        assert "/" in name


def test_mirror_holds_every_registered_file():
    """Where a mirror is given, it is the one that the registry describes."""
    for name in data.registry():
        if path := data.locate(name):
            assert data.fetch(name, download=False) == path


def test_a_chapter_goes_on_without_its_data(entry, tmp_path, monkeypatch):
    table = data.load("demo/a.csv", lambda path: path.read_text())
    assert isinstance(table, data.Missing)
    assert "COMPANION_DATA" in table._repr_html_()
    assert data.show(lambda text: len(text), table) is table
    mirror(tmp_path, monkeypatch, entry[1])
    table = data.load("demo/a.csv", lambda path: path.read_bytes())
    assert data.show(lambda text: len(text), table) == len(entry[1])


def test_corrupt_data_stop_the_chapter(entry, tmp_path, monkeypatch):
    mirror(tmp_path, monkeypatch, b"other")
    with pytest.raises(data.DataCorrupt):
        data.load("demo/a.csv", lambda path: path.read_text())
