"""native.sip.RecentTexts: which texts were put there, of as many as there is room for."""

from native.sip import RecentTexts


def test_what_was_put_there_is_there_until_all_is_forgotten() -> None:
    texts = RecentTexts()
    assert "alice@example.com" not in texts
    texts.add("alice@example.com")
    texts.add("alice@example.com")
    assert "alice@example.com" in texts
    assert "alice@example.co" not in texts
    texts.clear()
    texts.clear()
    assert "alice@example.com" not in texts
    texts.add("bob@example.com")
    assert "bob@example.com" in texts


def test_the_latest_stay_however_many_there_are() -> None:
    texts = RecentTexts()
    names = [f"subscriber{number}@example.com" for number in range(100_000)]
    for name in names:
        texts.add(name)
        assert name in texts
    there = sum(name in texts for name in names)
    assert 20_000 < there <= 32_768
    assert sum(name in texts for name in names[-1000:]) > 950


def test_two_that_meet_are_both_there() -> None:
    """Few among many accounts may be looked up each time, and never the same two in turn."""
    texts = RecentTexts()
    names = [f"user{number}@example.com" for number in range(500)]
    for name in names:
        texts.add(name)
    assert all(name in texts for name in names)


def test_a_text_that_is_not_kept_is_not_there() -> None:
    texts = RecentTexts()
    longest = "a" * 63
    for text in (longest, longest + "a", "", "zoë", "a\udcff", "\0"):
        texts.add(text)
    assert [text in texts for text in (longest, longest + "a", "", "zoë", "a\udcff", "\0", "\0\0")] == [
        *(True, False, False, False, False, True, False)
    ]
    texts.add(1)  # type: ignore[arg-type]
    assert 1 not in texts
