"""A sentence among the steps of something long that is to stay on the screen."""


class Remark(str):
    """Handed to a `progress` like any step, which it is for whoever takes no notice."""

    __slots__ = ()
