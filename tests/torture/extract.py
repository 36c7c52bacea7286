"""Extracts the torture messages out of the RFC texts: ``python tests/torture/extract.py rfc4475.txt rfc5118.txt``.

Both RFCs carry their messages as a base64 archive in the appendix. RFC 4475's are kept byte for byte, "test" too, which
no section mentions. RFC 5118's archive was made with bare LF as line ends, against its own Content-Length values, and
two of its messages lack the empty line: those get the CRLF that the text means.
"""

import base64
import io
import re
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent


def archive(text: str) -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of each file of the archive; names without suffix."""
    block = text.split("-- BEGIN MESSAGE ARCHIVE --")[-1].split("-- END MESSAGE ARCHIVE --")[0]
    lines = [line.strip() for line in block.splitlines()]
    data = base64.b64decode("".join(line for line in lines if re.fullmatch(r"[A-Za-z0-9+/=]+", line)))
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as tar:
        for member in tar.getmembers():
            content = tar.extractfile(member)
            if content is not None:
                yield Path(member.name).stem, content.read()


def with_crlf(data: bytes) -> bytes:
    """Line ends as the printed message has them, the empty line behind the headers included."""
    data = data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return data if b"\r\n\r\n" in data else data + b"\r\n"


def extract(path: Path, target: Path) -> int:
    """Writes the messages of one RFC as ``target/rfcNNNN/name.dat``; returns their number."""
    text = path.read_text(encoding="latin-1")
    found = re.search(r"Request for Comments: +(\d+)", text)
    if found is None:
        raise SystemExit(f"{path}: not an RFC text")
    folder = target / f"rfc{found[1]}"
    folder.mkdir(parents=True, exist_ok=True)
    messages = list(archive(text))
    for name, data in messages:
        (folder / f"{name}.dat").write_bytes(with_crlf(data) if found[1] == "5118" else data)
    return len(messages)


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        print(argument, extract(Path(argument), HERE), "messages")
