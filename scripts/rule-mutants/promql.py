"""The tokens of a PromQL expression, and what can be changed in it so that it stays one.

There is no library for it: PromQL's grammar has no Python package that gives positions, and the lexer of Pygments drops characters of
names. Only what rules need is told apart here; promtool says so if a mutant is not valid.
"""

import re

TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<duration>(?:\d+(?:ms|[smhdwy]))+)
      | (?P<number>\d+(?:\.\d+)?(?:e[+-]?\d+)?)
      | (?P<name>[A-Za-z_:][A-Za-z0-9_:]*)
      | (?P<operator>=~|!~|==|!=|>=|<=|[><=+\-*/%^])
      | (?P<mark>[(){}\[\],])""",
    re.X,
)

# What a comparison becomes: its opposite, and the same with or without its bound.
FLIPPED = {">": ("<", ">="), "<": (">", "<="), ">=": ("<", ">"), "<=": (">", "<"), "==": ("!=",), "!=": ("==",)}
SET_OPERATORS = ("and", "unless", "or")
LABEL_LISTS = ("by", "without", "on", "ignoring", "group_left", "group_right")


class Token:
    """A token, where it stands, and in how many brackets."""

    def __init__(self, kind, text, start, depth, is_in_matchers):
        self.kind, self.text, self.start, self.end = kind, text, start, start + len(text)
        self.depth, self.is_in_matchers = depth, is_in_matchers


def tokens(expr):
    """The tokens of `expr` without spaces."""
    found, at, open_marks = [], 0, []
    while at < len(expr):
        match = TOKEN.match(expr, at)
        if not match:
            raise ValueError(f"cannot read PromQL from here on: {expr[at:at + 40]!r}")
        kind, text = match.lastgroup, match.group()
        if text in ")}]" and kind == "mark":
            open_marks.pop()
        if kind != "space":
            found.append(Token(kind, text, at, len(open_marks), "{" in open_marks))
        if text in "({[" and kind == "mark":
            open_marks.append(text)
        at = match.end()
    return found


def replaced(expr, start, end, text):
    return f"{expr[:start]}{text}{expr[end:]}"


def mutants(expr):
    """Pairs of a description and the changed expression."""
    found = tokens(expr)
    for place, token in enumerate(found):
        where = f"`{token.text}` at {token.start}"
        if token.kind == "operator" and token.text in FLIPPED and not token.is_in_matchers:
            for flipped in FLIPPED[token.text]:
                yield f"{where} becomes `{flipped}`", replaced(expr, token.start, token.end, flipped)
        elif token.kind == "number":
            value = float(token.text)
            more = f"{value * 10:g}" if value else "1"
            yield f"{where} becomes `{more}`", replaced(expr, token.start, token.end, more)
        elif token.kind == "name" and is_label(found, place):
            yield f"the label {where} is misspelt", replaced(expr, token.start, token.end, token.text + "x")
            if token.is_in_matchers:
                yield without_matcher(expr, found, place)
        elif token.kind == "name" and token.text in SET_OPERATORS and not is_label(found, place):
            yield from without_clauses(expr, found, place)


def is_label(found, place):
    """Whether the name at `place` is a label: of a matcher, or in a list after `by` and its like."""
    if found[place].is_in_matchers:
        return place + 1 < len(found) and found[place + 1].text in ("=", "!=", "=~", "!~")
    depth = found[place].depth
    opening = next((i for i in range(place - 1, -1, -1) if found[i].depth < depth), None)
    return bool(opening) and found[opening].text == "(" and found[opening - 1].text in LABEL_LISTS


def without_matcher(expr, found, place):
    """The matcher whose label is at `place` is left out, and a comma with it."""
    first, last = place, place + 2
    if found[last + 1].text == ",":
        last += 1
    elif found[first - 1].text == ",":
        first -= 1
    text = expr[found[place].start : found[place + 2].end]
    return f"the matcher `{text}` at {found[place].start} is left out", replaced(expr, found[first].start, found[last].end, "")


def without_clauses(expr, found, place):
    """What a set operator adds is left out: its right side, and of an `or` also its left one."""
    word, depth = found[place].text, found[place].depth
    ends = ("or",) if word == "or" else SET_OPERATORS
    right = place + 1
    while right < len(found) and found[right].depth >= depth and not (found[right].depth == depth and found[right].text in ends):
        right += 1
    yield f"`{word}` at {found[place].start} and what follows is left out", replaced(
        expr, found[place].start, found[right - 1].end, ""
    )
    if word != "or":
        return
    left = place - 1
    while left >= 0 and found[left].depth >= depth and not (found[left].depth == depth and found[left].text == "or"):
        left -= 1
    after = place + 1
    while found[after].text in LABEL_LISTS:
        after = next(i for i in range(after, len(found)) if found[i].text == ")") + 1
    yield f"what stands before `{word}` at {found[place].start} is left out", replaced(
        expr, found[left + 1].start, found[after].start, ""
    )
