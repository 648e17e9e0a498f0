"""Published data that a chapter compares with: shipped, else found locally, else downloaded.

``registry.toml`` names each file with size, SHA-256, licence and origin.  :func:`fetch` looks in
the package (``companion/data/files``), in the folder ``$COMPANION_DATA``, in the cache, and then
downloads the file from the book's own data release.  A file whose hash differs is never used.
Notebooks use :func:`load` and :func:`show`, which let a chapter run without the file.
"""

from companion.data._fetch import DataCorrupt as DataCorrupt
from companion.data._fetch import DataUnavailable as DataUnavailable
from companion.data._fetch import fetch as fetch
from companion.data._fetch import locate as locate
from companion.data._missing import Missing as Missing
from companion.data._missing import attempt as attempt
from companion.data._missing import load as load
from companion.data._missing import show as show
from companion.data._registry import Entry as Entry
from companion.data._registry import registry as registry
from companion.data._revisions import NotPinned as NotPinned
from companion.data._revisions import revision as revision
