"""What is put in the place of one piece of code: faults as people make them, each a small one.

Tables count as code, for much of the decision core is a table: an entry that is missing, two in the wrong order (see
``tables``), another member of an enumeration.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence

Members = Mapping[str, Sequence[str]]
"""Enumerations by the name that the module has for them, with the names of their members in order."""

_COMPARED: Mapping[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_RECKONED: Mapping[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
    ast.BitXor: ast.BitOr,
}
_CALLED: Mapping[str, str] = {"min": "max", "max": "min", "any": "all", "all": "any"}
_TEXT_METHODS = frozenset({"strip", "lstrip", "rstrip", "lower", "upper", "title", "removeprefix", "removesuffix"})


def instead_of(node: ast.AST, members: Members) -> Iterator[ast.AST]:
    """What may stand in the place of the expression or statement; each alone is a fault."""
    match node:
        case ast.Compare():
            yield from _comparisons(node)
        case ast.BoolOp(op=op, values=values):
            yield ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
            for place in range(len(values)):
                left = _without(values, place)
                yield left[0] if len(left) == 1 else ast.BoolOp(op, left)
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield operand
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _RECKONED:
            yield ast.BinOp(left, _RECKONED[type(op)](), right)
        case ast.IfExp(body=body, orelse=otherwise):
            yield body
            yield otherwise
        case ast.Constant(value=value):
            yield from _constants(value)
        case ast.Attribute(value=ast.Name(id=name), attr=attr) if attr in members.get(name, ()):
            yield from _neighbours(node, members[name])
        case ast.Call():
            yield from _calls(node)
        case ast.AugAssign() | ast.Raise() | ast.Continue() | ast.Break():
            yield ast.Pass()
        case ast.Expr(value=value) if not isinstance(value, ast.Constant):
            yield ast.Pass()


def condition(test: ast.expr) -> Iterator[ast.expr]:
    """A condition that always holds, and one that never does."""
    if not isinstance(test, ast.Constant):
        yield ast.Constant(True)
        yield ast.Constant(False)


def nothing_of(iterable: ast.expr) -> Iterator[ast.expr]:
    """Nothing to go through."""
    if not isinstance(iterable, ast.Tuple) or iterable.elts:
        yield ast.Tuple([], ast.Load())


def _comparisons(node: ast.Compare) -> Iterator[ast.AST]:
    for place, op in enumerate(node.ops):
        for other in _COMPARED[type(op)]:
            ops = [*node.ops[:place], other(), *node.ops[place + 1 :]]
            yield ast.Compare(node.left, ops, node.comparators)


def _constants(value: object) -> Iterator[ast.AST]:
    match value:
        case bool():
            yield ast.Constant(not value)
        case int() | float():
            yield ast.Constant(value + 1)
            yield ast.Constant(value - 1)
        case str():
            yield ast.Constant("" if value else "?")


def _neighbours(node: ast.Attribute, names: Sequence[str]) -> Iterator[ast.AST]:
    """The members before and after, round the end: a fault is rarely far off."""
    place = names.index(node.attr)
    for name in dict.fromkeys((names[place - 1], names[(place + 1) % len(names)])):
        if name != node.attr:
            yield ast.Attribute(node.value, name, ast.Load())


def _calls(node: ast.Call) -> Iterator[ast.AST]:
    match node.func:
        case ast.Name(id=name) if name in _CALLED:
            yield ast.Call(ast.Name(_CALLED[name], ast.Load()), node.args, node.keywords)
        case ast.Attribute(value=value, attr=attr) if attr in _TEXT_METHODS:
            yield value
    for place, keyword in enumerate(node.keywords):
        if keyword.arg is not None:
            yield ast.Call(node.func, node.args, _without(node.keywords, place))


def _without(parts: Sequence, place: int) -> list:  # type: ignore[type-arg]
    return [*parts[:place], *parts[place + 1 :]]
