"""How a case ends when it doesn't pass."""


class FailedError(Exception):
    """The clause is not obeyed; the text says what was seen."""


class NotApplicableError(Exception):
    """The target can't be judged on this clause; the text says why."""
