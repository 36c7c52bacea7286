"""RFC 5626 at the registrar: which contacts of a REGISTER are flows of a user agent instance, and what it is told of that."""

from native.sip import Message, NameAddr
from sipcore.errors import PeerError
from sipcore.location import Binding

OUTBOUND = "outbound"
MAX_REG_ID_DIGITS = 9

FlowKey = tuple[str, int]
"""Instance and reg-id: a binding that has both is known by them, whatever its Contact URI (section 6)."""


def supports(request: Message, tag: str) -> bool:
    return any(each.lower() == tag for name in ("Supported", "Require") for each in request.values(name))


def flow_keys(request: Message, contacts: list[NameAddr]) -> list[FlowKey | None] | None:
    """Of each of the ``contacts`` of a REGISTER; None when none is a flow. PeerError for what section 6 refuses."""
    for contact in contacts:
        if "reg-id" in contact.params:
            break
    else:
        return None
    keys = [_key(contact) for contact in contacts]
    if not any(keys):
        return None
    if request.via_count > 1 and not _first_hop_is_outbound(request):
        if supports(request, OUTBOUND):
            raise PeerError(439, "First Hop Lacks Outbound Support")
        return None
    if sum(not _removes(contact, request) for contact in contacts) > 1:
        raise PeerError(400, "More Than One Contact With reg-id")
    return keys


def key_of(binding: Binding) -> FlowKey | None:
    return (binding.instance, binding.reg_id) if binding.instance and binding.reg_id else None


def instance_of(params: dict[str, str | None]) -> str:
    """Of a contact's parameters: what can be written back between quotes as it is; a URN in angle brackets (section 4.1)."""
    text = params.get("+sip.instance")
    return "" if text is None or '"' in text or "\\" in text else text


def _key(contact: NameAddr) -> FlowKey | None:
    params = contact.params
    instance, reg_id = instance_of(params), params.get("reg-id")
    if not instance or reg_id is None or not reg_id.isascii() or not reg_id.isdigit() or len(reg_id) > MAX_REG_ID_DIGITS:
        return None
    return (instance, int(reg_id)) if int(reg_id) else None


def _first_hop_is_outbound(request: Message) -> bool:
    """Proxies put their Path on top, so the first hop's is the last one; a single URI may stand for all that follow it."""
    paths = request.paths
    return bool(paths) and any("ob" in path.uri.params for path in (paths[0], paths[-1]))


def _removes(contact: NameAddr, request: Message) -> bool:
    expires = contact.params.get("expires", request.get("Expires"))
    return expires is not None and expires.strip("0") == "" and expires != ""
