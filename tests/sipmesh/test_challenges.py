"""What clients of different understanding are offered."""

from native.sip import Message
from sipcore.digest import Algorithm
from sipmesh.signalling.challenges import REMEMBERED, Challenges

BOTH = (Algorithm.SHA_256, Algorithm.MD5)
MD5_ALONE = (Algorithm.MD5,)


def register(call_id: str = "c1", *, agent: str = "Phone/1", branch: str = "z9hG4bKabc", user: str = "alice") -> Message:
    headers = [
        ("Via", f"SIP/2.0/UDP 192.0.2.7:5060;branch={branch}"),
        ("From", f"<sip:{user}@example.com>;tag=1"),
        ("To", f"<sip:{user}@example.com>"),
        ("Call-ID", call_id),
        ("CSeq", "1 REGISTER"),
        ("User-Agent", agent),
    ]
    return Message.request("REGISTER", "sip:example.com", headers)


def test_strongest_first_by_default() -> None:
    assert Challenges().algorithms(register(), BOTH, answered=False) == BOTH


def test_one_algorithm_or_no_md5_is_left_as_configured() -> None:
    challenges = Challenges()
    for configured in ((Algorithm.SHA_256,), MD5_ALONE):
        for _ in range(2):
            assert challenges.algorithms(register(), configured, answered=False) == configured


def test_client_that_comes_back_empty_handed_gets_md5_alone_from_then_on() -> None:
    challenges = Challenges()
    for _ in range(2):  # the request may be repeated
        assert challenges.algorithms(register("c1"), BOTH, answered=False) == BOTH
    assert challenges.algorithms(register("c1", branch="z9hG4bKnew"), BOTH, answered=False) == MD5_ALONE
    assert challenges.algorithms(register("another call"), BOTH, answered=False) == MD5_ALONE
    assert challenges.algorithms(register("another call"), BOTH, answered=True) == MD5_ALONE
    assert challenges.algorithms(register("c1", user="bob"), BOTH, answered=True) == BOTH


def test_client_that_answered_may_start_without_credentials_again() -> None:
    challenges = Challenges()
    challenges.algorithms(register("c1"), BOTH, answered=False)
    challenges.challenged.drop("c1")
    assert challenges.algorithms(register("c1"), BOTH, answered=False) == BOTH


def test_wrong_credentials_are_no_sign_of_misunderstanding() -> None:
    challenges = Challenges()
    challenges.algorithms(register("c1"), BOTH, answered=False)
    for _ in range(3):
        assert challenges.algorithms(register("c1"), BOTH, answered=True) == BOTH


def test_known_clients_are_served_at_once() -> None:
    challenges = Challenges()
    old = register("c1", agent="baresip v1.0.0 (x86_64/linux)")
    assert challenges.algorithms(old, BOTH, answered=False) == MD5_ALONE
    new = register("c2", agent="baresip v3.5.1 (x86_64/linux)")
    assert challenges.algorithms(new, BOTH, answered=False) == BOTH
    for call_id, branch in (("sipp", "z9hG4bK-4711-1-0"), ("sipsak", "z9hG4bK.2eedcb6a")):
        assert challenges.algorithms(register(call_id, branch=branch), BOTH, answered=False) == (
            Algorithm.MD5,
            Algorithm.SHA_256,
        )
    linphone = register("linphone", branch="z9hG4bK.mfhuKYt~e")
    assert challenges.algorithms(linphone, BOTH, answered=False) == BOTH


def test_memory_is_bounded() -> None:
    challenges = Challenges()
    challenges.algorithms(register("first"), BOTH, answered=False)
    for number in range(2 * REMEMBERED):
        challenges.algorithms(register(f"c{number}"), BOTH, answered=False)
    assert challenges.algorithms(register("first"), BOTH, answered=False) == BOTH
