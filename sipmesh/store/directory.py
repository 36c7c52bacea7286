"""Users, trunks, routes and the node's configuration: what people decide. Each method that changes something is one synced
transaction and lets ``version`` grow, by which the workers see that they must read again."""

import hashlib
from typing import TypeVar

import msgspec

from native.sip import RecentTexts
from sipmesh.config import Config, Route, Trunk, User
from sipmesh.store.environment import Environment, key_of
from sipmesh.store.records import Origin, StoredRoute, StoredTrunk, StoredUser

TABLES = ("meta", "users", "trunks", "routes")
MAX_KEPT = 2000  # accounts that are remembered whole
ROOM_BYTES = 1024  # of one record, generously
HASHES = {"MD5": "md5", "SHA-256": "sha256"}

Record = TypeVar("Record", StoredUser, StoredTrunk, StoredRoute)

encode = msgspec.msgpack.encode
decode_user = msgspec.msgpack.Decoder(StoredUser).decode


class InFileError(Exception):
    """What is to be changed comes from the configuration file, which would bring it back."""


def stored_user(user: User, origin: Origin = "cli") -> StoredUser:
    """The account with the hashes of its password (RFC 7616 section 3.4.2); the realm is the domain."""
    name, _, domain = user.aor.rpartition("@")
    domain = domain.lower()
    return StoredUser(
        aor=f"{name}@{domain}",
        ha1=_hashes(f"{name}:{domain}:{user.password}"),
        origin=origin,
        ha1_long=_hashes(f"{name}@{domain}:{domain}:{user.password}"),
        srtp=user.srtp,
        caller_ids=user.caller_ids,
    )


def _hashes(secret: str) -> dict[str, str]:
    return {algorithm: hashlib.new(name, secret.encode()).hexdigest() for algorithm, name in HASHES.items()}


class Directory:
    def __init__(self, environment: Environment) -> None:
        self._env = environment
        self.known = RecentTexts()  # AORs of accounts that were asked for
        self._kept: dict[str, StoredUser] = {}  # the last of them, as they were read
        self._meta = environment.table("meta")
        self._users = environment.table("users")
        self._trunks = environment.table("trunks")
        self._routes = environment.table("routes")

    def version(self) -> int:
        return int.from_bytes(self._env.get(self._meta, b"version") or b"", "big")

    def config(self) -> Config | None:
        """The configuration last applied, without its users, trunks and routes; None before the first start."""
        data = self._env.get(self._meta, b"config")
        return None if data is None else msgspec.msgpack.decode(data, type=Config)

    def user(self, aor: str) -> StoredUser | None:
        """``aor``: user@domain, the domain in lower case. What another process changed is seen after ``forget``."""
        return self._kept.get(aor) or self._read_user(aor)

    def _read_user(self, aor: str) -> StoredUser | None:
        data = self._env.get(self._users, key_of(aor))
        if data is None:
            return None
        if len(self._kept) >= MAX_KEPT:
            self._kept.clear()
        user = self._kept[aor] = decode_user(data)
        return user

    def has_user(self, aor: str) -> bool:
        """Whether there is such an account. Of one that was there, another process may have deleted it: see ``forget``."""
        if aor in self.known:
            return True
        if self._env.get(self._users, key_of(aor)) is None:
            return False
        self.known.add(aor)
        return True

    def forget(self) -> None:
        """To be called when ``version`` has grown."""
        self.known.clear()
        self._kept.clear()

    def forget_idle(self) -> None:
        """To be called now and then. An account is read fast; what is kept of some lies scattered among what goes with the
        transactions, and keeps its memory from being given back."""
        self._kept.clear()

    def users(self) -> list[StoredUser]:
        return self._all(self._users, StoredUser)

    def trunks(self) -> list[StoredTrunk]:
        return self._all(self._trunks, StoredTrunk)

    def routes(self) -> list[StoredRoute]:
        """Those of the file first, each kind in its order."""
        return sorted(self._all(self._routes, StoredRoute), key=lambda each: (each.origin != "file", int(each.id[1:])))

    def apply(self, config: Config) -> bool:
        """Takes over a checked configuration: its users, trunks and routes replace those of the previous file, and win over
        those of the command line. False when nothing changed."""
        users = {key_of((user := stored_user(each, "file")).aor): user for each in config.user}
        trunks = {key_of(each.name): StoredTrunk(each, "file") for each in config.trunk}
        routes = {f"f{n}".encode(): StoredRoute(f"f{n}", each, "file") for n, each in enumerate(config.route, 1)}
        rest = encode(msgspec.structs.replace(config, user=(), trunk=(), route=()))
        self._env.begin(room_bytes=ROOM_BYTES * (len(users) + len(trunks) + len(routes)))
        changed = self._replace(self._users, users, StoredUser)
        changed |= self._replace(self._trunks, trunks, StoredTrunk)
        changed |= self._replace(self._routes, routes, StoredRoute)
        if self._env.get(self._meta, b"config") != rest:
            self._env.put(self._meta, b"config", rest)
            changed = True
        if changed:
            self._changed()
        else:
            self._env.abort()
        return changed

    def put_user(self, user: User) -> None:
        """Adds the account or sets its password and what else ``user`` says of it. InFileError when it comes from the file."""
        record = stored_user(user)
        before = self._read_user(record.aor)
        if before is not None:
            kept = {"srtp": user.srtp or before.srtp, "caller_ids": user.caller_ids or before.caller_ids}
            record = msgspec.structs.replace(record, **kept)
        self._put(self._users, key_of(record.aor), record, f"user {record.aor}")

    def put_trunk(self, trunk: Trunk) -> None:
        self._put(self._trunks, key_of(trunk.name), StoredTrunk(trunk), f"trunk {trunk.name}")

    def put_route(self, route: Route) -> str:
        """Adds the route after all others; returns its id."""
        self._env.begin()
        number = 1 + max((int(each.id[1:]) for each in self.routes() if each.origin == "cli"), default=0)
        self._env.put(self._routes, f"c{number}".encode(), encode(StoredRoute(f"c{number}", route)))
        self._changed()
        return f"c{number}"

    def delete_user(self, aor: str) -> bool:
        """False when there is no such account. InFileError when it comes from the file."""
        return self._delete(self._users, key_of(aor), StoredUser, f"user {aor}")

    def delete_trunk(self, name: str) -> bool:
        return self._delete(self._trunks, key_of(name), StoredTrunk, f"trunk {name}")

    def delete_route(self, route_id: str) -> bool:
        return self._delete(self._routes, route_id.encode(), StoredRoute, f"route {route_id}")

    def _all(self, table: object, kind: type[Record]) -> list[Record]:
        return [msgspec.msgpack.decode(data, type=kind) for _, data in self._env.items(table)]

    def _replace(self, table: object, records: dict[bytes, Record], kind: type[Record]) -> bool:
        """Makes ``records`` the table's only ones of origin "file"."""
        before = {key: msgspec.msgpack.decode(data, type=kind) for key, data in self._env.items(table)}
        gone = [key for key, record in before.items() if record.origin == "file" and key not in records]
        new = {key: record for key, record in records.items() if before.get(key) != record}
        for key in gone:
            self._env.delete(table, key)
        for key, record in new.items():
            self._env.put(table, key, encode(record))
        return bool(gone or new)

    def _put(self, table: object, key: bytes, record: Record, shown: str) -> None:
        self._env.begin()
        self._refuse_file(table, key, type(record), shown)
        self._env.put(table, key, encode(record))
        self._changed()

    def _delete(self, table: object, key: bytes, kind: type[Record], shown: str) -> bool:
        self._env.begin()
        self._refuse_file(table, key, kind, shown)
        if not self._env.delete(table, key):
            self._env.abort()
            return False
        self._changed()
        return True

    def _refuse_file(self, table: object, key: bytes, kind: type[Record], shown: str) -> None:
        data = self._env.get(table, key)
        if data is not None and msgspec.msgpack.decode(data, type=kind).origin == "file":
            self._env.abort()
            raise InFileError(f"{shown} is defined in the configuration file; change it there")

    def _changed(self) -> None:
        self.forget()
        self._env.put(self._meta, b"version", (self.version() + 1).to_bytes(8, "big"))
        self._env.commit()
