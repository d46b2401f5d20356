"""A remark: a sentence among a long task's steps that stays on the screen."""


class Remark(str):
    """A sentence that stays. `progress` is called with it as with a step, and may treat it so."""

    __slots__ = ()
