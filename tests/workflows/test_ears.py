"""While deliveries come, a look for lost ones can wait; not for ever, and never when it is quiet."""

from workflows.ears import Ears


def test_a_turn_waits_only_while_deliveries_come() -> None:
    time = [0.0]
    ears = Ears(lambda: time[0])
    assert ears.time_to_look(30)
    time[0] = 20
    ears.hear()
    time[0] = 30
    assert not ears.time_to_look(30)
    time[0] = 60
    assert ears.time_to_look(30)


def test_the_first_turn_is_taken_and_other_deliveries_hide_a_lost_one_for_a_few_turns_at_most() -> None:
    time = [0.0]
    ears = Ears(lambda: time[0])
    taken = []
    for turn in range(8):
        time[0] = turn * 30.0
        ears.hear()
        taken.append(ears.time_to_look(30))
    assert taken == [True, False, False, False] * 2


def test_a_process_that_hears_nothing_always_looks() -> None:
    assert all(Ears().time_to_look(30) for _ in range(5))
