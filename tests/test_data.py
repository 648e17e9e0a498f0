import hashlib
import http.server
import socket
import socketserver
import struct
import threading
import time
from contextlib import suppress
from dataclasses import replace

import pytest
from bs4 import BeautifulSoup

from companion import data
from companion.data import _fetch, _registry

WITHHELD = {
    "model-ecosystem/epoch_models.csv.gz",
    "model-ecosystem/hub_families_card_terms.csv.gz",
    "model-ecosystem/hub_families_edges.csv.gz",
    "model-ecosystem/hub_families_nodes.csv.gz",
    "model-ecosystem/open_llm_leaderboard.csv.gz",
    "tart/sms_spam.csv",
    "tart/youtube_spam.csv",
}
"""Texts by third parties, and tables without a license: never in the package."""


@pytest.fixture
def entry(tmp_path, monkeypatch):
    """A registry of one file, an empty package, an empty cache, no mirror."""
    content = b"step,loss\n0,1.5\n"
    monkeypatch.setattr(_registry, "FILES", tmp_path / "package")
    made = data.Entry(
        "demo/a.csv", hashlib.sha256(content).hexdigest(), len(content), "MIT", "nowhere", True
    )
    monkeypatch.setattr(_fetch, "registry", lambda: {made.name: made})
    monkeypatch.setenv("COMPANION_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("COMPANION_DATA", raising=False)
    monkeypatch.setattr("companion.repository.url", lambda: None)
    return made, content


class Server(tuple):
    """(address, folder of its assets, paths asked for).

    moved : path -> where it redirects to; endless : path -> bytes sent until the client hung up
    """

    def __new__(cls, *parts):
        return super().__new__(cls, parts)


@pytest.fixture
def server(tmp_path):
    """A release on this machine."""
    asked, moved, endless = [], {}, {}

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=tmp_path / "www")

        def do_GET(self):
            if move := moved.get(self.path):
                self.send_response(302)
                self.send_header("Location", move)
                self.end_headers()
            elif self.path in endless:
                self.send_response(200)
                self.end_headers()
                sent = 0
                try:
                    while sent < 50_000_000:
                        sent += self.wfile.write(b"x" * 65536)
                except OSError:
                    endless[self.path] = sent
            else:
                super().do_GET()

        def log_message(self, *_args):
            asked.append(self.path)

    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    folder = tmp_path / "www" / "releases" / "download" / "data-v1"
    folder.mkdir(parents=True)
    asked_of = Server(f"http://127.0.0.1:{httpd.server_port}", folder, asked)
    asked_of.moved, asked_of.endless = moved, endless
    yield asked_of
    httpd.shutdown()


def mirror(tmp_path, monkeypatch, content):
    (tmp_path / "mirror" / "demo").mkdir(parents=True)
    (tmp_path / "mirror" / "demo" / "a.csv").write_bytes(content)
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path / "mirror"))


ASSET = "/releases/download/data-v1/demo--a.csv"


def shipped(tmp_path, content):
    """Put the file into the (stand-in) package."""
    path = tmp_path / "package" / "demo" / "a.csv"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


def test_the_package_comes_first(entry, tmp_path, monkeypatch):
    path = shipped(tmp_path, entry[1])
    mirror(tmp_path, monkeypatch, b"another content, which nobody looks at")
    assert data.locate("demo/a.csv") == path
    assert data.fetch("demo/a.csv") == path


def test_a_damaged_package_is_said_and_kept(entry, tmp_path, monkeypatch):
    path = shipped(tmp_path, b"damaged")
    mirror(tmp_path, monkeypatch, entry[1])
    with pytest.raises(data.DataCorrupt, match="came with the package: install that again"):
        data.fetch("demo/a.csv")
    assert path.is_file()


def test_what_does_not_ship_is_not_looked_for_in_the_package(entry, tmp_path, monkeypatch):
    shipped(tmp_path, entry[1])
    made = replace(entry[0], ships=False, why="texts by others")
    monkeypatch.setattr(_fetch, "registry", lambda: {made.name: made})
    assert data.locate("demo/a.csv") is None


def test_the_mirror_is_next(entry, tmp_path, monkeypatch):
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


def test_a_full_disk_is_told_from_a_network_that_fails(entry, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("companion.repository.url", lambda: "http://127.0.0.1:9")
    monkeypatch.setattr("companion.data._fetch.pooch.retrieve", full)
    with pytest.raises(data.DataUnavailable, match=r"could not be kept in .*Make room") as refused:
        data.fetch("demo/a.csv")
    assert "disk is full" in refused.value.short


def test_an_endless_stream_is_cut(entry, server, monkeypatch, tmp_path):
    server.endless[ASSET] = None
    monkeypatch.setattr("companion.repository.url", lambda: server[0])
    with pytest.raises(data.DataCorrupt, match=f"more than {entry[0].bytes} bytes"):
        data.fetch("demo/a.csv")
    assert [p for p in (tmp_path / "cache").rglob("*") if p.is_file()] == []
    for _ in range(100):
        if server.endless[ASSET] is not None:
            break
        threading.Event().wait(0.05)
    assert server.endless[ASSET] < 20_000_000  # what sockets buffer, not the whole stream


def answer(body, *, length=None, status="200 OK"):
    return f"HTTP/1.1 {status}\r\nContent-Length: {length or len(body)}\r\n\r\n".encode() + body


def forever(connection, piece, seconds):
    while True:
        connection.sendall(piece)
        time.sleep(seconds)


def stall(connection, _content):
    connection.sendall(answer(b"st", length=16))
    time.sleep(20)


def drip(connection, _content):
    connection.sendall(answer(b"", length=10_000))
    forever(connection, b"x", 0.02)


def drip_the_head(connection, _content):
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
    forever(connection, b"x", 0.02)


def redirect_in_circles(connection, _content):
    time.sleep(0.2)
    head = f"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: {ASSET}\r\n\r\n"
    connection.sendall(head.encode())


def reset(connection, content):
    connection.sendall(answer(content[:5], length=len(content)))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def send(make):
    return lambda connection, content: connection.sendall(make(content))


HOSTILE = {
    "not found": (send(lambda _content: answer(b"no", status="404 Not Found")), "404"),
    "forbidden": (send(lambda _content: answer(b"no", status="403 Forbidden")), "403"),
    "broken": (send(lambda _content: answer(b"no", status="500 Internal")), "500"),
    # The right bytes with the wrong status are no answer to what was asked.
    "broken, with the file": (send(lambda content: answer(content, status="500 Oh")), "500"),
    "other bytes": (send(lambda content: answer(content[::-1])), "not the file"),
    "cut": (send(lambda content: answer(content[:5], length=len(content))), "demo/a.csv"),
    "cut, without a length": (
        send(lambda content: b"HTTP/1.0 200 OK\r\n\r\n" + content[:5]),
        "not the file",
    ),
    "no HTTP": (send(lambda _content: b"\x00" * 99), "could not be downloaded"),
    "nothing": (send(lambda _content: b""), "could not be downloaded"),
    "reset": (reset, "could not be downloaded"),
    "stalled": (stall, "could not be downloaded"),
    "dripping": (drip, "too slow"),
    "a head without an end": (drip_the_head, "too slow"),
    "redirects in circles": (redirect_in_circles, "could not be downloaded"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_server_costs_little_time_and_leaves_nothing(entry, monkeypatch, tmp_path, name):
    treat, said = HOSTILE[name]

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            with suppress(OSError):
                self.request.recv(1 << 16)
                treat(self.request, entry[1])

    monkeypatch.setattr(_fetch, "TIMEOUT", 0.5)
    monkeypatch.setattr(_fetch, "PATIENCE", 1.0)
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as hostile:
        hostile.daemon_threads, hostile.block_on_close = True, False
        threading.Thread(target=hostile.serve_forever, args=(0.05,), daemon=True).start()
        address = f"http://127.0.0.1:{hostile.server_address[1]}"
        monkeypatch.setattr("companion.repository.url", lambda: address)
        begun = time.monotonic()
        with pytest.raises((data.DataUnavailable, data.DataCorrupt), match=said):
            data.fetch("demo/a.csv")
        assert time.monotonic() - begun < 30  # and not the days that each byte would take
        hostile.shutdown()
    assert [p for p in (tmp_path / "cache").rglob("*") if p.is_file()] == []
    assert not [t for t in threading.enumerate() if isinstance(t, threading.Timer)]


def test_a_slow_server_has_as_long_as_the_file_is_large(entry, server, monkeypatch):
    asked = []
    monkeypatch.setattr(_fetch, "_Deadline", lambda seconds: asked.append(seconds) or REAL(seconds))
    (server[1] / "demo--a.csv").write_bytes(entry[1])
    monkeypatch.setattr("companion.repository.url", lambda: server[0])
    data.fetch("demo/a.csv")
    assert asked == [_fetch.PATIENCE + entry[0].bytes / _fetch.SLOWEST]
    largest = max(one.bytes for one in data.registry().values())
    assert _fetch.PATIENCE + largest / _fetch.SLOWEST < 600


REAL = _fetch._Deadline


@pytest.mark.parametrize("target", ["file:///etc/hostname", "ftp://127.0.0.1/a", "data:,x"])
def test_a_redirect_away_from_the_web_is_not_followed(entry, server, monkeypatch, target):
    server.moved[ASSET] = target
    monkeypatch.setattr("companion.repository.url", lambda: server[0])
    with pytest.raises(data.DataUnavailable, match="could not be downloaded"):
        data.fetch("demo/a.csv")


def test_an_address_that_is_not_of_the_web_is_not_asked(entry, server, monkeypatch):
    (server[1] / "demo--a.csv").write_bytes(entry[1])
    there = (server[1].parents[2]).as_uri()
    monkeypatch.setattr("companion.repository.url", lambda: there)
    with pytest.raises(data.DataUnavailable, match="neither http nor https"):
        data.fetch("demo/a.csv")


def test_a_redirect_within_the_web_is_followed(entry, server, monkeypatch):
    (server[1] / "b.csv").write_bytes(entry[1])
    server.moved[ASSET] = "/releases/download/data-v1/b.csv"
    monkeypatch.setattr("companion.repository.url", lambda: server[0])
    assert data.fetch("demo/a.csv").read_bytes() == entry[1]


PAGES = [
    "<!DOCTYPE html><html><body>Log in</body></html>",
    "\ufeff\n <html><body>" + "Log in. " * 10_000 + "</body></html>",
    "<!-- portal --><HTML></HTML>",
]


@pytest.mark.parametrize("page", PAGES)
def test_a_login_page_leaves_the_section_untested(entry, server, monkeypatch, tmp_path, page):
    (server[1] / "demo--a.csv").write_text(page, encoding="utf-8")
    monkeypatch.setattr("companion.repository.url", lambda: server[0])
    table = data.load("demo/a.csv", lambda path: path.read_text())
    assert isinstance(table, data.Missing)
    assert "web page" in table.reason
    assert [p for p in (tmp_path / "cache").rglob("*") if p.is_file()] == []


def test_what_may_not_be_redistributed_is_not_downloaded(entry, server, monkeypatch):
    made = replace(entry[0], ships=False, licence="all rights reserved", why="texts by others")
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
        assert bool(made.why) != made.ships, name


def test_all_that_ships_is_here_and_nothing_else():
    """Names and content of the files in the package against the registry, and both ways."""
    there = {
        path.relative_to(_registry.FILES).as_posix(): path
        for path in _registry.FILES.rglob("*")
        if path.is_file() and path.name != "LICENSES.md"
    }
    entries = data.registry()
    assert set(there) == {name for name, made in entries.items() if made.ships}
    assert set(entries) - set(there) == WITHHELD
    for name, path in there.items():
        raw = path.read_bytes()
        found = (len(raw), hashlib.sha256(raw).hexdigest())
        assert found == (entries[name].bytes, entries[name].sha256), name


def test_git_leaves_the_bytes_alone(project):
    lines = (project.root / ".gitattributes").read_text(encoding="utf-8").splitlines()
    assert "companion/data/files/** -text" in lines


def test_data_that_ship_need_no_environment(tmp_path, monkeypatch):
    monkeypatch.delenv("COMPANION_DATA", raising=False)
    monkeypatch.setenv("COMPANION_CACHE", str(tmp_path / "nothing"))
    for name, made in data.registry().items():
        if made.ships:
            assert data.fetch(name, download=False).is_relative_to(_registry.FILES)
        else:
            with pytest.raises(data.DataUnavailable) as caught:
                data.fetch(name, download=False)
            assert caught.value.short == f"{name} does not ship with this book ({made.why})."


def test_mirror_holds_every_registered_file():
    """Where a mirror is given, it is the one that the registry describes."""
    for name in data.registry():
        if path := data.locate(name):
            assert data.fetch(name, download=False) == path


def test_a_chapter_goes_on_without_its_data(entry, tmp_path, monkeypatch):
    table = data.load("demo/a.csv", lambda path: path.read_text())
    assert isinstance(table, data.Missing)
    assert "COMPANION_DATA" in table.reason
    assert data.show(lambda text: len(text), table) is table
    mirror(tmp_path, monkeypatch, entry[1])
    table = data.load("demo/a.csv", lambda path: path.read_bytes())
    assert data.show(lambda text: len(text), table) == len(entry[1])


def line(missing):
    """The one paragraph that a page shows."""
    (paragraph,) = BeautifulSoup(missing._repr_html_(), "html.parser").contents
    assert (paragraph.name, paragraph["class"]) == ("p", ["rp-missing"])
    assert paragraph.find() is None  # text, and no box in it
    return paragraph.get_text()


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        (
            data.Missing("long; set COMPANION_DATA", "a/b.csv does not ship (c)."),
            "a/b.csv does not ship (c).",
        ),
        (
            data.Missing("transformers are trained at book scale"),
            "Transformers are trained at book scale.",
        ),
        (data.Missing("a <b> & 'c'"), "A <b> & 'c'."),
    ],
)
def test_what_is_missing_is_one_line_of_text(missing, said):
    text = line(missing)
    instead = "What the published run found, if it did this part, is in the claims table."
    assert text == f"{said} {instead}"


def test_the_record_stands_in_for_what_is_missing(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    gone = data.Missing("a.csv is not here.")
    assert data.show(len, gone, instead=lambda: "the record's figure") == "the record's figure"
    assert [line(one) for one in shown] == [
        "a.csv is not here. In its place, from the published run:"
    ]
    assert data.show(len, gone, instead=lambda: None) is gone  # no record: the line alone
    assert data.show(len, "abc", instead=lambda: pytest.fail("not asked for")) == 3
    assert len(shown) == 1


def test_corrupt_data_stop_the_chapter(entry, tmp_path, monkeypatch):
    mirror(tmp_path, monkeypatch, b"other")
    with pytest.raises(data.DataCorrupt):
        data.load("demo/a.csv", lambda path: path.read_text())
