"""The faults, one function each: it gets a running ring under load, breaks something, says in
`ring.expect` what that allows, and mends it. What must hold is in checker.py alone."""

import importlib
import pkgutil


class Skip(Exception):
    """This machine does not allow it; the text says what is missing."""


class Scene:
    """What a fault may ask for besides the ring: chance, and whether there is time."""

    def __init__(self, rng, long):
        self.rng, self.long = rng, long

    def some(self, things):
        return self.rng.choice(things)

    def moment(self, most=0.5):
        """A random moment, for ring.pause()."""
        return self.rng.uniform(0, most)


class Fault:
    def __init__(self, function, *, ring=None, load=None, soak=False, long_only=False, place=None, times=3):
        self.function = function
        self.name = function.__name__.replace("_", "-")
        self.ring = ring or {}
        self.load = load or {}
        self.soak = soak            # may be mixed with others, in a ring of two of everything
        self.long_only = long_only
        self.place = place          # makes a PostgreSQL of its own: a context manager
        self.times = times          # in the long form


FAULTS = []


def fault(**options):
    """`load=False`: the function starts the load itself."""
    def declare(function):
        begins = options.get("load") is False
        one = Fault(function, **{**options, "load": options.get("load") or {}})
        one.begins = begins
        FAULTS.append(one)
        return function

    return declare


def all_faults():
    for module in sorted(found.name for found in pkgutil.iter_modules(__path__)):
        importlib.import_module(f"{__name__}.{module}")
    return FAULTS
