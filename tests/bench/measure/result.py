"""The result of a row: its figures, its goals, and how they are printed."""

class Result:
    def __init__(self, name, title):
        self.name = name
        self.title = title
        self.cells = {}
        self.shown = {}
        self.goals = []
        self.failure = None

    def add(self, cells):
        self.cells.update(cells)
        return cells

    def show(self, label, text):
        """What the table says of a broker."""
        self.shown.setdefault(label, []).append(text)

    def goal(self, what, value, operator, wanted):
        """`value` None: the broker to compare with did not survive the load, so the goal is met."""
        met = value is None or (value >= wanted if operator == ">=" else value <= wanted)
        self.goals.append({"what": what, "value": value, "operator": operator, "wanted": wanted,
                           "met": met})

    def is_met(self):
        return not self.failure and all(goal["met"] for goal in self.goals)

    def print(self):
        print(f"\n{self.name}: {self.title}")
        for label, texts in self.shown.items():
            for index, text in enumerate(texts):
                print(f"  {label if index == 0 else '':<12} {text}")
        for goal in self.goals:
            print(f"  {'met   ' if goal['met'] else 'MISSED'} {goal['what']}: {number(goal['value'])}"
                  f" (goal {'≥' if goal['operator'] == '>=' else '≤'} {goal['wanted']})")
        if self.failure:
            print(f"  FAILED {self.failure}")

    def as_json(self):
        return {"title": self.title, "failure": self.failure, "goals": self.goals,
                "shown": self.shown,
                "reports": {label: cell.reports for label, cell in self.cells.items()}}


def number(value):
    if value is None:
        return "it failed"
    if value == 0:
        return f"{value}"
    return f"{value:.3g}" if abs(value) < 100 else f"{value:,.0f}"
