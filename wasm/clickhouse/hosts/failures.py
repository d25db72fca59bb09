"""What a check says when it does not hold."""


class Differs(Exception):
    """Something is not as it has to be."""


def same(what: str, found: object, expected: object) -> None:
    """Two things have to be equal."""
    if found != expected:
        raise Differs(f"{what}:\n  found    {shown(found)}\n  expected {shown(expected)}")


def shown(value: object) -> str:
    """A value, cut when it is long."""
    text = repr(value)
    return text if len(text) <= 2000 else f"{text[:2000]}… ({len(text)} characters)"
