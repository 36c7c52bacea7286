"""The node's secrets, kept over restarts in one file that only the node's account can read."""

import os
import secrets
from pathlib import Path

import msgspec

from sipcore.keys import KEY_IDS, Key, KeyRing
from sipmesh.store.environment import StoreError

SECRET_BYTES = 32


class Secrets(msgspec.Struct, frozen=True):
    """``keys``: id → secret in hex, the newest last."""

    keys: dict[str, str]
    v: int = 1

    def ring(self, purpose: str) -> KeyRing:
        """The ring of "branch", "cookie", "nonce" or "flow": one secret serves all, ``purpose`` keeps them apart."""
        *old, current = [Key(id=key_id, secret=bytes.fromhex(secret)) for key_id, secret in self.keys.items()]
        return KeyRing(purpose, current, old)


def load_secrets(file: Path) -> Secrets:
    """Reads ``file``; makes it first when there is none. StoreError when it can't be used."""
    try:
        if not file.exists():
            create(file)
        found = msgspec.json.decode(file.read_bytes(), type=Secrets)
    except (OSError, msgspec.DecodeError) as error:
        raise StoreError(f"the keys {file} can't be used: {error}") from error
    whole = all(key_id in KEY_IDS and len(secret) == 2 * SECRET_BYTES for key_id, secret in found.keys.items())
    if not found.keys or not whole:
        raise StoreError(f"the keys {file} can't be used: a key is missing or damaged; delete the file to have new ones made")
    return found


def create(file: Path) -> None:
    """Whoever comes first wins; the file is never seen half written."""
    fresh = Secrets(keys={KEY_IDS[0]: secrets.token_hex(SECRET_BYTES)})
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, msgspec.json.encode(fresh))
        os.fsync(descriptor)
        os.link(draft, file)
    except FileExistsError:
        pass
    finally:
        os.close(descriptor)
        draft.unlink()
