"""Writes SIPp scenarios: one ``Script`` per end of a call, step by step, so that each case reads as its message flow.

Keys a script expects on SIPp's command line: ``-s`` the called user, ``-key user``, ``-key domain``, ``-key contact`` (host and
port of Via and Contact), ``-key media_family`` and ``media_address``, ``-key rtp_port``; the
digest password by ``-au`` and ``-ap``. What a script logs (``-trace_logs``): ``media LABEL ADDRESS PORT DIRECTION`` for every
SDP it was told to look at.
"""

from __future__ import annotations

from xml.sax.saxutils import quoteattr

LOCAL_TAG = "[pid]-[call_number]-{side}"
VIA = "Via: SIP/2.0/[transport] [contact];rport;branch={branch}"
CONTACT = "Contact: <sip:[user]@[contact];transport=[transport]>"
INVITE_HEADERS = {  # kept to answer the INVITE when other requests came since; one proxy stands between the ends: two Vias
    "via": "Via",
    "second_via": "Via",
    "record_route": "Record-Route",
    "invite_from": "From",
    "invite_call_id": "Call-ID",
    "invite_cseq": "CSeq",
    "invite_to": "To",
}
MEDIA_PATTERNS = {
    "address": r"c=IN IP[46] ([0-9A-Fa-f.:]+)",
    "port": r"m=[a-z]+ ([0-9]+)",
    "direction": r"a=(sendonly|recvonly|sendrecv|inactive)",
}


def sdp(version: int = 1, direction: str = "sendrecv", port: str = "[rtp_port]", media: str = "audio") -> str:
    """A body with one m-line: G.711 audio, or T.38 for ``media="image"``; ``port`` may be a SIPp key or a number."""
    where = "IN IP[media_family] [media_address]"
    lines = ["v=0", f"o=[user] 1 {version} {where}", "s=-", f"c={where}", "t=0 0"]
    if media == "image":
        lines += [f"m=image {port} udptl t38", "a=T38FaxVersion:0", "a=T38FaxUdpEC:t38UDPRedundancy"]
    else:
        lines += [f"m=audio {port} RTP/AVP 0", "a=rtpmap:0 PCMU/8000", f"a={direction}"]
    return "\n".join(lines) + "\n"


class Script:
    """The steps of one end. ``side`` is "caller" or "callee": it decides the direction of From and To."""

    def __init__(self, side: str) -> None:
        self.side = side
        self.steps: list[str] = []
        self.invite_at = 0
        self.cseq = 0
        self.variables: set[str] = set()
        self._received = ""  # the last request, and how many messages have been sent since
        self._sent_since = 0

    def __str__(self) -> str:
        names = ",".join(sorted(self.variables))
        return "\n".join(
            ['<?xml version="1.0" encoding="ISO-8859-1"?>', '<scenario name="interop">', *self.steps]
            + [f"<Reference variables={quoteattr(names)}/>"] * bool(names)
            + ["</scenario>\n"]
        )

    # what we send

    def _send(self, text: str, retransmit: bool = True, attributes: str = "") -> None:
        timer = ' retrans="500"' if retransmit else ""
        self.steps.append(f"<send{timer}{attributes}><![CDATA[\n\n{text}\n]]></send>")
        self._sent_since += 1

    def invite(self, body: str | None = None, headers: tuple[str, ...] = (), start_rtd: bool = False) -> None:
        """The INVITE that opens the dialog, with the credentials if a challenge came before."""
        self.invite_at = len(self.steps)
        target = "sip:[service]@[domain]"
        self.request(
            "INVITE", body, headers=(CONTACT, *headers), target=target, attributes=' start_rtd="1"' if start_rtd else ""
        )

    def invite_with_digest(self, body: str | None = None, headers: tuple[str, ...] = ()) -> None:
        """INVITE, 407, ACK, INVITE with Proxy-Authorization."""
        self.invite(body, headers)
        self.expect(407, auth=True)
        self.ack_failure()
        self.invite(body, (*headers, "[authentication]"))

    def request(
        self,
        method: str,
        body: str | None = None,
        headers: tuple[str, ...] = (),
        target: str = "[next_url]",
        branch: str = "[branch]",
        cseq: int = 0,
        attributes: str = "",
    ) -> None:
        """A request of this end; in the dialog unless ``target`` says otherwise. ``cseq`` 0 counts on."""
        in_dialog = target == "[next_url]"
        if not cseq and method not in ("ACK", "CANCEL"):
            self.cseq += 1
        local = "<sip:[user]@[domain]>;tag=" + LOCAL_TAG.format(side=self.side)
        if self.side == "caller":
            remote = "<sip:[service]@[domain]>" + ("[peer_tag_param]" if in_dialog or method == "ACK" else "")
        else:
            remote = "<sip:[service]@[domain]>[$remote_tag]"
        lines = [f"{method} {target} SIP/2.0", VIA.format(branch=branch)]
        if in_dialog:
            lines.append("[routes]")
        lines += [
            f"From: {local}",
            f"To: {remote}",
            "Call-ID: [call_id]",
            f"CSeq: {cseq or self.cseq} {method}",
            "Max-Forwards: 70",
        ]
        if in_dialog and method in ("INVITE", "UPDATE"):
            lines.append(CONTACT)
        lines += headers
        self._send(_with_body(lines, body), retransmit=method != "ACK", attributes=attributes)

    def _invite_branch(self) -> str:
        return f"[branch-{len(self.steps) - self.invite_at}]"

    def ack_failure(self) -> None:
        """ACK of a 300-699: same branch as the INVITE, hop by hop (RFC 3261 section 17.1.1.3)."""
        self.request("ACK", target="sip:[service]@[domain]", branch=self._invite_branch())

    def cancel(self) -> None:
        self.request("CANCEL", target="sip:[service]@[domain]", branch=self._invite_branch())

    def reinvite(self, body: str) -> None:
        self.invite_at = len(self.steps)
        self.request("INVITE", body)

    def ack(self, body: str | None = None) -> None:
        """ACK of a 2xx, through the route set."""
        self.request("ACK", body, headers=("Subject: ack",))

    def bye(self) -> None:
        self.request("BYE")

    def respond(self, status: str, body: str | None = None, headers: tuple[str, ...] = (), retransmit: bool = False) -> None:
        """The answer to the last request received, its tags kept; ``retransmit`` for what an ACK or PRACK will acknowledge."""
        echoed = [f"[last_{name}:]" for name in ("Via", "Record-Route", "From", "To", "Call-ID", "CSeq")]
        self._send(_with_body([f"SIP/2.0 {status}", *echoed, CONTACT, *headers], body), retransmit)

    def respond_tagged(
        self, status: str, body: str | None = None, headers: tuple[str, ...] = (), retransmit: bool = False
    ) -> None:
        """As ``respond``, to a request that came without To tag."""
        self.respond(status, body, headers, retransmit)
        self.steps[-1] = self.steps[-1].replace("[last_To:]", "[last_To:];tag=" + LOCAL_TAG.format(side=self.side))

    def respond_invite(self, status: str, retransmit: bool = False) -> None:
        """A final answer to the INVITE that opened the dialog, after a CANCEL or PRACK."""
        echoed = [f"{name}: [${variable}]" for variable, name in INVITE_HEADERS.items()]
        echoed[-1] += ";tag=" + LOCAL_TAG.format(side=self.side)
        self._send(_with_body([f"SIP/2.0 {status}", *echoed, CONTACT], None), retransmit)

    # what we wait for

    def expect(
        self,
        what: int | str,
        optional: bool = False,
        auth: bool = False,
        routes: bool = False,
        media: str = "",
        header: str = "",
        timeout_ms: int = 0,
        rtd: bool = False,
    ) -> None:
        """A response by status or a request by method. ``media`` logs its SDP under that label, ``header`` a header."""
        self._pass_over_repetitions()
        attributes = f'response="{what}"' if isinstance(what, int) else f'request="{what}"'
        for name, wanted in (("optional", optional), ("auth", auth), ("rrs", routes)):
            attributes += f' {name}="true"' if wanted else ""
        attributes += f' timeout="{timeout_ms}"' if timeout_ms else ""
        attributes += ' rtd="1"' if rtd else ""
        actions = []
        if what == "INVITE" and routes:
            self.variables.add("remote_tag")
            actions.append(_capture(";tag=.*", "remote_tag", 'search_in="hdr" header="From:"'))
            for variable, name in INVITE_HEADERS.items():
                occurrence = 2 if variable == "second_via" else 1
                actions.append(_capture(".*", variable, f'search_in="hdr" header="{name}:" occurrence="{occurrence}"'))
            self.variables |= set(INVITE_HEADERS)
        if media:
            for name, pattern in MEDIA_PATTERNS.items():
                actions.append(_capture(pattern, f"whole,{name}", 'search_in="body"'))
            self.variables |= {"whole", *MEDIA_PATTERNS}
            actions.append(f'<log message="media {media} [$address] [$port] [$direction]"/>')
        if header:
            self.variables.add("header")
            actions.append(_capture(".*", "header", f'search_in="hdr" header="{header}:"'))
            actions.append(f'<log message="header {header} [$header]"/>')
        body = f"<action>{''.join(actions)}</action>" if actions else ""
        self.steps.append(f"<recv {attributes}>{body}</recv>")
        if isinstance(what, str):
            self._received, self._sent_since = what, 0

    def _pass_over_repetitions(self) -> None:
        """SIPp 3.6 knows a repeated request by what it sent after it, and forgets that with the second message it sends: an
        INVITE that was repeated because we were slow would end the call that has been answered."""
        if self._received and self._sent_since > 1:
            self.steps.append(f'<recv request="{self._received}" optional="true"/>')
            self._received = ""

    def provisionals(self, *statuses: int) -> None:
        """Any of these may or may not come before the next awaited message."""
        for status in statuses:
            self.expect(status, optional=True)

    def pause(self, milliseconds: int) -> None:
        self.steps.append(f'<pause milliseconds="{milliseconds}"/>')

    def linger(self, milliseconds: int) -> None:
        """The last step: repeats the last answer to whoever repeats his request, because it was lost."""
        self.steps.append(f'<timewait milliseconds="{milliseconds}"/>')

    def log(self, message: str) -> None:
        self.steps.append(f'<nop><action><log message="{message}"/></action></nop>')


def _capture(pattern: str, variables: str, where: str) -> str:
    return f"<ereg regexp={quoteattr(pattern)} {where} assign_to={quoteattr(variables)}/>"


def _with_body(lines: list[str], body: str | None) -> str:
    if body is None:
        return "\n".join([*lines, "Content-Length: 0", "", ""])
    return "\n".join([*lines, "Content-Type: application/sdp", "Content-Length: [len]", "", body])
