from media.origin import Announced
from media.session import Call, Dialogue, Offer, Side
from tests.media.world import NEAR


def dialogue(one: str, other: str = "", branch: str = "", offered: bool = True) -> Dialogue:
    sides = (Side(one, NEAR, Announced(1), 0.0), Side(other, NEAR, Announced(2), 0.0))
    made = Dialogue(sides, branch, 0.0)
    made.offers[0] = Offer(0, frozenset(), [], [], [], [], [], [], [], frozenset(), [], False) if offered else None
    return made


def call(*dialogues: Dialogue) -> Call:
    return Call("c", 0.0, 0.0, 0, list(dialogues))


def test_an_offer_without_to_tag_continues_the_same_branch_only() -> None:
    one, two = dialogue("a", branch="1"), dialogue("a", "b", branch="2")
    both = call(one, two)
    assert both.dialogue_for_offer("a", "", "1") is one
    assert both.dialogue_for_offer("a", "", "2") is two
    assert both.dialogue_for_offer("a", "", "3") is None
    assert both.dialogue_for_offer("x", "", "1") is None


def test_who_has_answered_goes_on_in_that_dialogue_though_nobody_says_with_whom() -> None:
    first, second, other = dialogue("a", "b", "1"), dialogue("x", "b"), dialogue("a", "c")
    of_all = call(first, second, other)
    assert of_all.dialogue_for_offer("b", "", "") is second
    assert of_all.dialogue_for_offer("b", "", "1") is first
    assert of_all.dialogue_for_offer("b", "", "2") is None
    assert of_all.dialogue_for_offer("c", "", "") is other


def test_an_offer_in_a_dialog_is_found_from_either_side_whatever_its_branch() -> None:
    other, own = dialogue("a", "b1", "1"), dialogue("a", "b2", "2")
    both = call(other, own)
    assert both.dialogue_for_offer("a", "b2", "x") is own
    assert both.dialogue_for_offer("b2", "a", "") is own


def test_an_offer_in_an_early_dialog_takes_the_open_dialogue() -> None:
    waiting = dialogue("a")
    assert call(waiting).dialogue_for_offer("a", "b", "") is waiting
    assert call(waiting).dialogue_for_offer("b", "a", "") is None


def test_an_answer_prefers_its_branch_then_its_tags() -> None:
    inner, outer = dialogue("a", "b", "1"), dialogue("a", branch="2")
    both = call(inner, outer)
    assert both.dialogue_for_answer("a", "b", "2") is outer
    assert both.dialogue_for_answer("a", "b", "1") is inner
    assert both.dialogue_for_answer("a", "b", "") is inner


def test_an_answer_takes_the_newest_open_offer_then_the_newest_answered_one() -> None:
    answered, waiting = dialogue("a", "b1"), dialogue("a")
    assert call(answered, waiting).dialogue_for_answer("a", "b2", "") is waiting
    assert call(answered).dialogue_for_answer("a", "b2", "x") is answered
    assert call(dialogue("a", "b1", offered=False)).dialogue_for_answer("a", "b2", "") is None
    assert call(dialogue("a", "b1", "1")).dialogue_for_answer("a", "b2", "2") is None


def test_matching_takes_what_is_given_only() -> None:
    one, two = dialogue("a", "b1", "1"), dialogue("a", "b2", "2")
    both = call(one, two)
    assert both.matching("", "", "") == [one, two]
    assert both.matching("a", "", "2") == [two]
    assert both.matching("b1", "a", "") == [one]
    assert both.matching("a", "b3", "") == []


def test_a_tag_on_both_sides_is_the_first_sides() -> None:
    assert dialogue("a", "a").side_of("a") == 0
    assert dialogue("a", "b").side_of("b") == 1
    assert dialogue("a", "b").side_of("c") is None
