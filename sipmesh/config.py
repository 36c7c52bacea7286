"""The configuration: one frozen object, made by ``sipmesh.config_load`` from TOML and handed to whoever needs it.

Each table of the file is a struct here; a key has its field's name. Times are seconds.
"""

from typing import Literal

import msgspec

from sipmesh.addresses import split_host_port
from sipmesh.config_values import (
    Advertised,
    Aor,
    CallerId,
    Count,
    Country,
    Dialled,
    DomainName,
    Endpoint,
    Host,
    Name,
    Network,
    Password,
    Pattern,
    Ports,
    Positive,
    PositiveSeconds,
    Prefix,
    RingSeconds,
    Seconds,
    SignalWorkers,
    Source,
    Srtp,
    Streams,
    TargetUri,
    To,
    Token,
    Username,
    Weight,
)


class Table(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of every table of the file."""


class Node(Table, frozen=True, kw_only=True):
    name: Name  # of this node: in logs, metrics and the mesh
    data: str = ""  # folder of the store, the sockets and the keys; default var/NAME, relative to the file's folder
    user: str = ""  # account to become once the sockets are bound, when started as root; "": stay
    log_calls: bool = True  # a line for each relayed call that has ended
    signal_workers: SignalWorkers = 1  # processes that share the SIP addresses; 0: one for each core


class Listen(Table, frozen=True, kw_only=True):
    transport: Literal["udp", "tcp", "tls"]
    address: Endpoint  # numeric address:port to bind
    advertise: Advertised | None = None  # host:port in Via, Record-Route and Path; default the bound address
    certificate: str = ""  # PEM file: our certificate, then those up to the authority; relative to the file's folder
    key: str = ""  # PEM file of its key, without password
    client_ca: str = ""  # PEM file: clients must show a certificate of one of these authorities; "": none is asked for

    @property
    def host(self) -> str:
        return split_host_port(self.address)[0]

    @property
    def port(self) -> int:
        return split_host_port(self.address)[1]


class Domain(Table, frozen=True, kw_only=True):
    name: DomainName
    auth: bool = True  # digest for REGISTER and for calls from its users
    digest: tuple[Literal["SHA-256", "MD5"], ...] = ("SHA-256", "MD5")  # challenges in this order; some phones read one only
    certificate: str = ""  # PEM file shown to TLS clients that ask for this domain; "": that of the listener
    key: str = ""
    srtp: Srtp = "pass"  # on the media legs of its users


class User(Table, frozen=True, kw_only=True):
    aor: Aor  # user@domain
    password: Password  # kept in the store only as HA1 (RFC 8760)
    srtp: Srtp | None = None  # on its media legs; None: as its domain has it
    caller_ids: tuple[CallerId, ...] = ()  # its own numbers, shown to trunks; the first unless it prefers another


class TrunkTarget(Table, frozen=True, kw_only=True):
    uri: TargetUri  # sip:host[:port][;transport=tcp], or sips: for TLS alone
    weight: Weight = 1  # share of the calls among living targets; 0: only when no other lives


class Credentials(Table, frozen=True, kw_only=True):
    username: Username
    password: Password

    def __repr__(self) -> str:
        return f"Credentials(username={self.username!r})"


class Register(Table, frozen=True, kw_only=True):
    aor: Aor  # our account at the carrier
    password: Password
    username: str = ""  # in its digest; default the user part of ``aor``
    expires_s: Positive = 3600  # asked for

    @property
    def credentials(self) -> Credentials:
        return Credentials(username=self.username or self.aor.rpartition("@")[0], password=self.password)

    def __repr__(self) -> str:
        return f"Register(aor={self.aor!r})"


NumberForm = Literal["as-is", "e164", "plain", "national"]


class Numbers(Table, frozen=True, kw_only=True):
    country: Country = ""  # code of the trunk's country, digits
    national_prefix: Dialled = "0"  # before numbers of that country
    international_prefix: Dialled = "00"  # before those of others, country code and all
    sent: NumberForm = "as-is"  # how the trunk wants numbers: +4420..., 4420..., or as dialled in the country
    received: NumberForm = "as-is"  # how it writes them
    uri: Literal["sip", "user-phone", "tel"] = "sip"  # as sip URI, with user=phone, or as tel URI


class Trunk(Table, frozen=True, kw_only=True, rename={"from_": "from"}):
    name: Name
    targets: tuple[TrunkTarget, ...] = ()  # in the file each a URI, or a table { uri, weight }
    sources: tuple[Network, ...] = ()  # networks that may call in, without digest unless ``incoming`` says otherwise
    transit: bool = False  # its calls may leave by another trunk
    max_calls: Count = 0  # at once, both directions; 0: no limit
    probe_s: Seconds = 30.0  # between OPTIONS probes of a target; 0: never
    first_response_s: PositiveSeconds = 3.0  # a target silent for so long is left for the next one
    srtp: Srtp = "pass"  # on its media legs
    register: Register | None = None  # we register there, take calls to that Contact, and answer its challenges
    credentials: Credentials | None = None  # what we answer its challenges with, where we don't register
    trusted: bool = True  # by RFC 3325: it is told who calls and believed what it says of that
    from_: Literal["caller", "identity", "account"] = "caller"  # whom From names: as the caller has it, his number, our account
    anonymous_from: bool = False  # From is anonymous when the caller asks for Privacy: id
    numbers: Numbers = Numbers()
    incoming: Credentials | None = None  # what it answers our challenges with: then its address alone is not enough


class Route(Table, frozen=True, kw_only=True, rename={"from_": "from"}):
    to: To  # trunk:NAME or user:AOR
    match: Pattern = "*"  # called number or AOR; a trailing * matches any rest; the longest match wins
    source: Source | None = None  # trunk:NAME, or a network the call must come from
    from_: Pattern | None = None  # caller's number or AOR, as ``match``
    strip: Count = 0  # characters taken off the front of the called number
    prefix: Prefix = ""  # put in front of it afterwards


class Media(Table, frozen=True, kw_only=True):
    anchor: bool = True  # relay the calls' media
    address: Host = ""  # to bind; default the host of the first [[listen]]
    advertise: Host | None = None  # in SDP; default the bound address
    ports: Ports = "20000-29999"  # first-last, of RTP and RTCP
    fastpath: Literal["auto", "off"] = "off"  # auto: the kernel relays plain RTP by itself where the node can
    threads: Count = 0  # relay threads; 0: one per core
    send_raw: bool = True  # by raw sockets where CAP_NET_RAW allows them; false: each stream by its own
    max_streams: Streams = 8192  # media lines at once
    ng: Endpoint | None = None  # numeric address:port for ng over UDP from other proxies; absent: not opened
    ng_allow: tuple[Network, ...] = ("127.0.0.0/8", "::1/128")  # networks that may use it

    recording_dir: str = (
        ""  # where calls are recorded when a proxy asks over ng; a relative one starts at the data folder; "": refused
    )
    recording_mb: Positive = 256  # of one file, then its recording ends
    recording_free_mb: Count = 1024  # less left on that file system ends all recordings
    recording_calls: Positive = 100  # recorded at once

    @property
    def port_range(self) -> tuple[int, int]:
        """First and last port, both usable."""
        first, _, last = self.ports.partition("-")
        return int(first), int(last)


class Limits(Table, frozen=True, kw_only=True):
    exempt: tuple[Network, ...] = ("127.0.0.0/8", "::1/128")  # networks without limits per source and user
    requests_per_source_per_s: Seconds = 0.0  # from one address, ACK aside; more are dropped; 0: no limit
    invites_per_user_per_s: Seconds = 0.0  # new calls of one user; more get 503; 0: no limit
    auth_failures: Count = 20  # wrong passwords in a row from one address for one user, then 403 for a while; 0: no limit
    auth_pause_s: PositiveSeconds = 10.0  # the first such while; twice as long after each further failure
    nat_ping_s: Seconds = 0.0  # between OPTIONS to each phone behind NAT that registered over UDP; 0: none
    refuse_scanners: bool = True  # requests whose User-Agent is that of a known scanner are dropped
    shed_load: bool = True  # when more comes in than can be handled, new requests beyond it get 503
    max_bindings: Count = 10  # contacts of one AOR; 0: no limit
    min_expires_s: Count = 60  # shorter registrations get 423
    default_expires_s: Positive = 3600  # of a REGISTER that asks for none
    max_expires_s: Positive = 7200  # longer ones are shortened to this
    nonce_s: Positive = 300  # lifetime of a digest nonce
    ring_s: RingSeconds = 185.0  # Timer C (RFC 3261 section 16.6): an INVITE may ring so long
    tcp_connections: Positive = 20_000  # open at once on one listener
    tcp_connections_per_source: Count = 1000  # 0: no limit
    tls_handshakes_per_source: Count = 250  # begun and not ended; 0: no limit
    tcp_idle_s: PositiveSeconds = 3700.0  # a connection without traffic is closed; longer than phones register for
    tcp_message_s: PositiveSeconds = 10.0  # a started message must be complete by then
    media_calls: Count = 0  # relayed at once, then new ones are refused; 0: no limit, like the next three
    media_cpu_percent: Count = 0  # of the machine's processors busy, then new calls are refused
    media_load_average: Count = 0  # the machine's, of the last minute
    media_mbit_per_s: Count = 0  # received by the relay
    media_timeout_s: Seconds = 60.0  # no packet of either side for so long ends the call; 0: never
    media_hold_timeout_s: Seconds = 3600.0  # the same while on hold or before the answer; 0: never


class Tls(Table, frozen=True, kw_only=True):
    ca: str = ""  # PEM file: authorities that servers we connect to must be certified by; "": those of the system


class Console(Table, frozen=True, kw_only=True):
    address: Endpoint = "127.0.0.1:8080"  # numeric address:port of health, metrics and the status page
    token: Token = ""  # what callers must show; without one only loopback is served


class CdrFiles(Table, frozen=True, kw_only=True):
    file: str = ""  # default cdr.jsonl or cdr.csv; a relative one starts at the data folder
    format: Literal["json", "csv"] = "json"  # a JSON object a line, or CSV with the names in the first line
    rotate_bytes: Count = 0  # a file of this size gets a time stamp after its name and a new one is begun; 0: never
    rotate_daily: bool = False  # the same at the first call that ends on a new day, UTC


class PolicyFile(Table, frozen=True, kw_only=True):
    file: str  # Python; a relative one starts at the folder of this file
    limit_ms: Positive = 20  # a hook that runs longer is stopped
    max_overruns: Positive = 5  # so often in a minute, and it is off until the next reload
    memory_mb: Positive = 256  # by which hooks may make the worker grow, within a second or since the load


class Config(Table, frozen=True, kw_only=True):
    node: Node
    listen: tuple[Listen, ...] = ()  # at least one
    domain: tuple[Domain, ...] = ()
    user: tuple[User, ...] = ()
    trunk: tuple[Trunk, ...] = ()
    route: tuple[Route, ...] = ()
    media: Media = Media()
    limits: Limits = Limits()
    policy: PolicyFile | None = None  # absent: the tables decide alone
    cdr: CdrFiles | None = None  # absent: no CDRs
    tls: Tls = Tls()
    console: Console | None = None  # absent: no console
