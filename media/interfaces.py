"""Which local address faces which party."""

from media.errors import RequestError
from media.options import Options
from media.sdp import Description
from media.session import Dialogue
from media.settings import Interface

Pair = tuple[Interface, Interface]


def first_pair(interfaces: tuple[Interface, ...], description: Description, options: Options) -> Pair:
    """For a new dialogue: (towards the offerer, towards the answerer), the same unless the proxy names others.

    RequestError when no address fits."""
    family = media_family(description) or interfaces[0].family
    if not options.direction and not options.family:
        near = _of_family(interfaces, family)
        return near, near
    near = _named(interfaces, options, 0, family) or _of_family(interfaces, family)
    far_family = options.family or near.family
    far = _named(interfaces, options, 1, far_family) or _named(interfaces, options, 1, options.family)
    if far is None:
        same = near.family == far_family and not options.direction
        far = near if same else _of_family(interfaces, far_family)
    return near, far


def next_pair(
    interfaces: tuple[Interface, ...], dialogue: Dialogue, side: int, description: Description, options: Options
) -> Pair:
    """For a further offer, in the order of the dialogue's sides: what was chosen stays as long as it still fits."""
    near, far = dialogue.sides[side].interface, dialogue.sides[1 - side].interface
    family = media_family(description) or near.family
    near = _named(interfaces, options, 0, family) or (near if near.family == family else _of_family(interfaces, family))
    far_family = options.family or far.family
    if far.family != far_family:
        far = _of_family(interfaces, far_family)
    far = _named(interfaces, options, 1, far_family) or far
    return (far, near) if side else (near, far)


def media_family(description: Description) -> int:
    """4 or 6, of the addresses media will come from; 0 when the body has none."""
    for media in description.media:
        connection = description.connection_of(media)
        if media.port and connection is not None:
            return connection.family
    return description.session.connection.family if description.session.connection else 0


def _named(interfaces: tuple[Interface, ...], options: Options, which: int, family: int) -> Interface | None:
    """The interface the proxy names in ``direction``; an unknown name is no one's."""
    if which >= len(options.direction):
        return None
    name = options.direction[which]
    return next((item for item in interfaces if item.name == name and family in (0, item.family)), None)


def _of_family(interfaces: tuple[Interface, ...], family: int) -> Interface:
    for interface in interfaces:
        if interface.family == family:
            return interface
    raise RequestError(f"No local address of family IP{family}")
