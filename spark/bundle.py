"""The jobs as one zip for a cluster, and the version of their code.

Equal code gives equal bytes on every machine: files in the order of their names, one fixed date,
stored and not compressed (a compressor's version would show). So the hash of the zip is the
version of the code.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
EARLIEST_DATE = (1980, 1, 1, 0, 0, 0)
READABLE = 0o644 << 16


def bundle(package: Path = PACKAGE) -> bytes:
    """Return the zip of all Python files of the package, ready for `--py-files`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(package.rglob("*.py"), key=lambda path: path.as_posix()):
            name = f"{package.name}/{path.relative_to(package).as_posix()}"
            entry = zipfile.ZipInfo(name, EARLIEST_DATE)
            entry.external_attr = READABLE
            entry.create_system = 3
            archive.writestr(entry, path.read_bytes())
    return buffer.getvalue()


def entry_point(package: Path = PACKAGE) -> bytes:
    """Return the script that starts a job where the zip is on the path."""
    return (package / "__main__.py").read_bytes()


def code_version(package: Path = PACKAGE) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of the zip."""
    return hashlib.sha256(bundle(package)).hexdigest()[:16]
