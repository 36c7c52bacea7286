from media import reply_cache
from media.reply_cache import GENERATION_S, ReplyCache

KEY = ("127.0.0.1", 40000, b"cookie")


def test_a_reply_lives_one_generation_and_at_most_two() -> None:
    cache = ReplyCache(0.0)
    cache.put(KEY, b"reply")
    assert cache.get(KEY, 1.0 + GENERATION_S) == b"reply"
    assert cache.get(KEY, 1.0 + 2 * GENERATION_S + 0.1) is None


def test_a_long_pause_forgets_both_generations() -> None:
    cache = ReplyCache(0.0)
    cache.put(KEY, b"reply")
    assert cache.get(KEY, 1000.0) is None
    assert len(cache) == 0


def test_replies_are_forgotten_though_no_request_comes() -> None:
    cache = ReplyCache(0.0)
    cache.put(KEY, b"reply")
    cache.scan(0.9 * GENERATION_S)
    cache.scan(1.1 * GENERATION_S)
    assert (len(cache), cache.get(KEY, 1.2 * GENERATION_S)) == (1, b"reply")
    cache.scan(2.2 * GENERATION_S)
    assert len(cache) == 0


def test_clients_may_use_the_same_cookie() -> None:
    cache = ReplyCache(0.0)
    cache.put(("10.0.0.1", 40000, b"1"), b"one")
    cache.put(("10.0.0.1", 40001, b"1"), b"two")
    assert (cache.get(("10.0.0.1", 40000, b"1"), 0.0), cache.get(("10.0.0.1", 40001, b"1"), 0.0)) == (b"one", b"two")


def test_too_many_bytes_turn_the_generation_early() -> None:
    big = b"x" * (reply_cache.MAX_GENERATION_BYTES // 2)
    cache = ReplyCache(0.0)
    for number in range(6):
        assert cache.get(("h", 1, b"%d" % number), 0.0) is None
        cache.put(("h", 1, b"%d" % number), big)
    assert len(cache) <= 4
    assert cache.get(("h", 1, b"5"), 0.0) is big
    assert cache.get(("h", 1, b"0"), 0.0) is None


def test_replies_to_pings_take_memory_too() -> None:
    cache = ReplyCache(0.0)
    for number in range(200_000):
        cache.get(key := ("h", 1, b"%d" % number), 0.0)
        cache.put(key, b"pong")
    assert len(cache) <= 2 * reply_cache.MAX_GENERATION_BYTES // 300
