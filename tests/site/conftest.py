"""A browser, a server and a walk through every page, once for all tests of the site."""

import os
import threading
from contextlib import suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Error

from tests.site import browser as tools
from tests.site import walk


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and writes no log."""

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    """A browser that closes a connection early is no error."""

    def handle_error(self, *_):
        pass


def serve(folder):
    """A server of `folder` on a free port of this machine, running in a thread."""
    server = Server(("127.0.0.1", 0), partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def browser_or_skip():
    """Skip without Chromium; where it has to be there (``COMPANION_REQUIRE_BROWSER=1``), fail."""
    try:
        tools.executable()
    except tools.NoBrowser as error:
        if os.environ.get("COMPANION_REQUIRE_BROWSER") == "1":
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def address(site):
    """The site over http."""
    server = serve(site)
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="session")
def walked(site, address, chromium):
    """What every page of the site showed, in each of the two ways to look at it."""
    return walk.Walked(site, address, chromium)


@pytest.fixture
def open_page(chromium):
    """A function that makes a new page; options go to the browser's context."""
    contexts = []

    def make(**options):
        context = chromium.browser.new_context(**{"viewport": tools.WIDE, **options})
        contexts.append(context)
        return context.new_page()

    yield make
    for context in contexts:
        with suppress(Error):  # a dead browser has nothing left to close
            context.close()
