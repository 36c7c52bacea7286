"""The signal worker put together: transports, transactions, proxy core and the policy over the node's store."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import socket
from collections.abc import Callable
from functools import partial
from ipaddress import ip_network
from random import SystemRandom

from native.sip import crc_slot, forget_idle_uris
from sipcore.digest import DigestConfig
from sipcore.flow import FlowTable, Listener
from sipcore.gruu import Gruus
from sipcore.ports import Counters
from sipcore.proxy.core import ProxyCore, ProxySettings
from sipcore.registrar import Registrar, RegistrarConfig
from sipcore.transaction import TransactionLayer, TransactionSettings
from sipcore.transport.engine import Engine
from sipcore.transport.resolver import DnsResolver
from sipcore.transport.settings import TransportSettings
from sipcore.transport.siblings import Siblings
from sipcore.transport.udp import UdpEndpoint
from sipmesh.certificates import CertificateError, load_certificates
from sipmesh.config import Config, Limits
from sipmesh.policy.host import PolicyHost
from sipmesh.signalling.application import SUPPORTED, SignalApplication
from sipmesh.signalling.authorize import Accounts, Authorizer
from sipmesh.signalling.call_ender import CallEnder
from sipmesh.signalling.calls import Calls
from sipmesh.signalling.cdr_maker import CdrMaker
from sipmesh.signalling.domains import Domains
from sipmesh.signalling.exchanges import CallServices
from sipmesh.signalling.gate import Exempt
from sipmesh.signalling.housekeeping import Housekeeping
from sipmesh.signalling.limits import backoff_for, gate_for, rates_for
from sipmesh.signalling.lost_media import LostMedia
from sipmesh.signalling.media_client import Body, MediaClient
from sipmesh.signalling.media_glue import MediaGlue
from sipmesh.signalling.media_link import MediaLink
from sipmesh.signalling.nat_pings import NatPings
from sipmesh.signalling.probes import Probes
from sipmesh.signalling.registrations import Registration, Registrations
from sipmesh.signalling.requester import Requester
from sipmesh.signalling.routing_table import RoutingTable
from sipmesh.signalling.targeting import Tables
from sipmesh.signalling.trunk_news import TrunkNews
from sipmesh.signalling.trunks import TargetState, Trunks
from sipmesh.store import Store

LEAVE_S = 2.0

log = logging.getLogger(__name__)


class SignalNode:
    """Made inside a running event loop; ``start`` takes the sockets over."""

    def __init__(
        self,
        config: Config,
        store: Store,
        listeners: tuple[Listener, ...],
        ng_path: str,
        counters: Counters,
        gauges: dict[str, Callable[[], float]],
        siblings: Siblings | None = None,
    ) -> None:
        """``siblings``: the node's other signal workers. What a node does once, the first worker does."""
        self._store = store
        store.read_in_batches(staged=siblings is not None)
        self._first = siblings is None or siblings.index == 0
        self._config = config
        self._gauges = gauges
        limits = config.limits
        exempt = Exempt(tuple(ip_network(text) for text in limits.exempt))
        certificates = load_certificates(config)
        self.engine = Engine(listeners, counters, transport_settings(limits), store.commit, certificates, siblings)
        owns = owner_test(siblings)
        shared = store.path if siblings is not None else None
        self.engine.gate = gate_for(limits, exempt, self.engine, shared)
        timers, flows = self.engine.timers, self.engine.flows
        resolver = resolver_for(self.engine, listeners, counters)
        self.trunks = Trunks(SystemRandom(), store.key_ring("contact"))
        self._trunk_news = TrunkNews(self.trunks, siblings, timers) if siblings is not None else None
        self._policy = PolicyHost(counters, lambda name: self.trunks.get(name) is not None, store.path / "policy.good")
        cdrs = CdrMaker(
            store.cdrs if config.cdr is not None else None,
            timers,
            self._policy,
            logs=config.node.log_calls and config.media.anchor,
        )
        self.calls = Calls(
            store.calls, timers, counters, self.trunks.by_name, relayed=config.media.anchor, cdrs=cdrs, owns=owns
        )
        instance = secrets.token_hex(4)
        self.link = MediaLink(ng_path, asyncio.get_running_loop(), counters) if config.media.anchor else None
        client = MediaClient(self.link, instance, timers, counters, self._on_media_event) if self.link is not None else None
        glue = MediaGlue(client, counters) if client is not None else None
        self._own_hosts = own_host_test(flows)
        domains = Domains(config.domain, self._own_hosts)
        accounts = Accounts(store.directory, self.trunks)
        digest_config = DigestConfig(nonce_lifetime_s=limits.nonce_s)
        backoff = backoff_for(limits, shared)
        self._authorizer = Authorizer(
            domains, self.trunks, accounts, store.key_ring("nonce"), instance, digest_config, counters, backoff, exempt.covers
        )
        gruus = Gruus(store.key_ring("gruu"), lambda: secrets.token_urlsafe(9))
        services = CallServices(self.calls, glue, flows, timers)
        self._application = SignalApplication(
            Tables(domains, RoutingTable(()), self.trunks),
            self._authorizer,
            accounts,
            Registrar(store.locations, registrar_config(limits), gruus),
            store.locations,
            flows,
            services,
            self._policy,
            gruus,
            timers,
            counters,
            rates_for(limits.invites_per_user_per_s, shared, "user"),
            exempt.covers,
        )
        self._layer = self._make_layer(resolver, counters)
        requester = Requester(self._layer, flows, resolver, owns)
        tell_target = self._trunk_news.tell_target if self._trunk_news is not None else None
        self._probes = Probes(requester, timers, counters, lambda: f"sip:{listeners[0].sent_by}", tell_target)
        self.registrations = Registrations(requester, self.trunks, timers, counters, SystemRandom())
        self._nat_pings = NatPings(
            store.locations, flows, requester, timers, counters, limits.nat_ping_s, lambda: f"sip:{listeners[0].sent_by}"
        )
        self._ender = CallEnder(self.calls, requester, flows, glue)
        services.hang_up_callee = self._ender.hang_up_callee
        if self.link is not None and client is not None and glue is not None:
            self._wire(self.link, client, LostMedia(self.calls, self._ender, glue, timers))
        self._housekeeping = Housekeeping(store, timers, self.calls, self._ender, self._reload, self._forget_idle, self._policy)

    def _make_layer(self, resolver: DnsResolver, counters: Counters) -> TransactionLayer:
        """Transactions, and the proxy core above them."""
        timers, flows = self.engine.timers, self.engine.flows
        branch_keys, cookie_keys = self._store.key_ring("branch"), self._store.key_ring("cookie")
        settings = ProxySettings(timer_c_s=self._config.limits.ring_s, supported=SUPPORTED)
        core = ProxyCore(settings, self._application, flows, resolver, timers, branch_keys, cookie_keys, counters)
        layer = TransactionLayer(core, flows, timers, TransactionSettings(), counters)
        core.attach(layer)
        return layer

    async def start(self, sockets: dict[int, socket.socket]) -> None:
        await self.engine.start(sockets, self._layer)
        if self.link is not None:
            self.link.open()
        self.engine.run(self._begin)

    def end_calls(self) -> None:
        """Before ``stop``, when the node stops with this worker."""
        self.engine.run(self.calls.stop)

    async def take_registrations_back(self) -> None:
        """Before ``stop``, too; carriers that don't answer soon are not waited for."""
        over = asyncio.Event()
        self.engine.run(partial(self.registrations.stop, over.set))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), LEAVE_S)

    def load_certificates(self) -> None:
        """The files as they are now, for handshakes from now on; all stays as it was when one of them can't be used."""
        try:
            self.engine.tls = load_certificates(self._store.config() or self._config)
        except CertificateError as error:
            self.engine.counters["sip_certificate_errors_total"] += 1
            log.error("certificates stay as they were: %s", error)

    async def stop(self) -> None:
        await self.engine.stop()
        if self.link is not None:
            self.link.close()

    def _gauge(self) -> None:
        """What the metrics read: the worker's own figures, and those of the trunks there are now."""
        link, gauges = self.link, self._gauges
        gauges["sip_calls"] = lambda: len(self.calls)
        gauges["sip_server_transactions"] = lambda: self._layer.server_count
        gauges["sip_client_transactions"] = lambda: self._layer.client_count
        admission = self.engine.admission
        if admission is not None:
            gauges["sip_requests_waiting"] = lambda: len(admission.backlog)
            gauges["sip_shed_share"] = lambda: admission.backlog.share(self.engine.timers.now)
        for endpoint in self.engine.flows.endpoints:
            if isinstance(endpoint, UdpEndpoint):
                gauges[f"sip_udp_dropped_total|listener={endpoint.listener.index}"] = partial(getattr, endpoint, "dropped")
                gauges[f"sip_udp_oversized_total|listener={endpoint.listener.index}"] = partial(getattr, endpoint, "oversized")
        gauges["ng_link_up"] = lambda: float(link is not None and link.up)
        for name in [name for name in gauges if name.startswith("sip_trunk_")]:
            del gauges[name]
        for trunk in self.trunks:
            gauges[f"sip_trunk_calls|trunk={trunk.name}"] = partial(getattr, trunk, "calls")
            registration = self.registrations.of(trunk.name)
            if registration is not None:
                gauges[f"sip_trunk_registered|trunk={trunk.name}"] = partial(_held, registration)
                gauges[f"sip_trunk_register_status|trunk={trunk.name}"] = partial(getattr, registration, "status")
                gauges[f"sip_trunk_register_expires_at|trunk={trunk.name}"] = partial(getattr, registration, "expires_at")
            for target in trunk.targets:
                name = f"sip_trunk_target_up|trunk={trunk.name},target={target.uri}"
                gauges[name] = partial(self._target_up, target)

    def _target_up(self, target: TargetState) -> float:
        return float(target.alive(self.engine.timers.now))

    def _begin(self) -> None:
        self._load_directory(self._application.tables.domains)
        self._policy.start(self._config.policy)
        self._load_calls()
        self._housekeeping.start()
        if self._config.limits.nat_ping_s and self._first:
            self._nat_pings.start()

    def _load_calls(self) -> None:
        lost = self._store.calls.forget_unreadable()
        if lost:
            self.calls.counters["sip_call_records_unreadable_total"] += lost
            log.error("%d records of calls can't be read and are forgotten", lost)
        self.calls.load()

    def _reload(self) -> None:
        """The tables of the store, swapped as one; listeners, limits and media want a restart."""
        self._store.directory.forget()
        config = self._store.config() or self._config
        domains = Domains(config.domain, self._own_hosts)
        self._authorizer.serve(domains)
        self.load_certificates()
        self._load_directory(domains)
        self.engine.counters["sip_reloads_total"] += 1

    def _forget_idle(self) -> None:
        forget_idle_uris()
        self._store.directory.forget_idle()
        self._authorizer.forget_idle()

    def _load_directory(self, domains: Domains) -> None:
        directory = self._store.directory
        self.trunks.load(stored.trunk for stored in directory.trunks())
        self.calls.trunks_replaced()
        routes = directory.routes()
        self._application.tables.replace(domains, RoutingTable((each.route for each in routes), (each.id for each in routes)))
        if self._first:
            self._probes.load(self.trunks)
            self.registrations.load()
        if self._trunk_news is not None:
            self._trunk_news.watch()
        self._gauge()

    def _wire(self, link: MediaLink, client: MediaClient, lost_media: LostMedia) -> None:
        def opened() -> None:
            client.connected()
            lost_media.link_opened()

        link.wire(self.engine.run, client.received, opened)

    def _on_media_event(self, body: Body) -> None:
        self._ender.on_media_event(body)


def _held(registration: Registration) -> float:
    return float(registration.held)


def owner_test(siblings: Siblings | None) -> Callable[[str], bool]:
    """Whether a call, by its Call-ID, is this worker's."""
    if siblings is None:
        return lambda call_id: True
    return lambda call_id: siblings.owns(crc_slot(call_id))


def own_host_test(flows: FlowTable) -> Callable[[str], bool]:
    """Whether a host is one of ours whatever the port: a domain's alias."""
    ports = {(port, each.transport) for each in flows.listeners for port in (each.port, each.advertised_port)}
    return lambda host: any(flows.is_local(host, port, transport) for port, transport in ports)


def resolver_for(engine: Engine, listeners: tuple[Listener, ...], counters: Counters) -> DnsResolver:
    families = {6 if ":" in listener.host else 4 for listener in listeners}
    return DnsResolver(engine.run, counters, {listener.transport for listener in listeners}, families)


def transport_settings(limits: Limits) -> TransportSettings:
    return TransportSettings(
        idle_s=limits.tcp_idle_s,
        partial_s=limits.tcp_message_s,
        max_connections=limits.tcp_connections,
        max_connections_per_source=limits.tcp_connections_per_source,
        max_handshakes_per_source=limits.tls_handshakes_per_source,
        exempt=tuple(ip_network(text) for text in limits.exempt),
        shed_load=limits.shed_load,
    )


def registrar_config(limits: Limits) -> RegistrarConfig:
    return RegistrarConfig(
        min_expires_s=limits.min_expires_s,
        default_expires_s=limits.default_expires_s,
        max_expires_s=limits.max_expires_s,
        max_bindings=limits.max_bindings,
    )
