"""The result of a row: its figures, its goals, and how they are printed."""

OTHERS = ("pushpin", "nchan", "limit")


class Result:
    def __init__(self, name, title):
        self.name = name
        self.title = title
        self.cells = {}
        self.shown = {}
        self.goals = []
        self.failure = None
        self.seconds = 0
        self.own_table = []

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
            print(f"  {'met   ' if goal['met'] else 'MISSED'} {goal_text(goal)}:"
                  f" {number(goal['value'])}")
        if self.failure:
            print(f"  FAILED {self.failure}")

    def as_json(self):
        return {"title": self.title, "seconds": round(self.seconds), "failure": self.failure,
                "goals": self.goals,
                "shown": self.shown,
                "reports": {label: cell.reports for label, cell in self.cells.items()}}

    # ---- for docs/performance.md ----

    def tabulate(self, head, cells):
        """A line of a table of its own, under the great one."""
        self.own_table = self.own_table or [head, ["---"] * len(head)]
        self.own_table.append(cells)

    def column(self, name):
        """A broker in all its forms: its name, or the name, '-' and a form. Who is none of the
        others is ours."""
        texts = []
        for label, shown in self.shown.items():
            broker, _, form = label.partition("-")
            if (broker if broker in OTHERS else "slip") == name:
                form = form or ("" if broker in (*OTHERS, "slip") else broker)
                texts.append(f"{form}: " * bool(form) + "; ".join(shown))
        return "<br>".join(texts) or "–"

    def lines(self):
        """Its lines of the table: the figures beside the first goal, a line for each other one."""
        if self.failure:
            return [f"| {self.title} | | | | **failed**: {self.failure} | | | **missed** |"]
        figures = " | ".join([self.title, *(self.column(name) for name in (*OTHERS, "slip"))])
        if not self.goals:
            return [f"| {figures} | – | – | |"]
        return [f"| {figures if index == 0 else '… | | | | '} | {goal_text(goal)} | {number(goal['value'])} |"
                f" {'ok' if goal['met'] else '**missed**'} |" for index, goal in enumerate(self.goals)]


HEAD = """\
| work | Pushpin | Nchan | limit | slip-sockets | goal | reached | |
|---|---|---|---|---|---|---|---|
"""


def table(results):
    """All rows as one Markdown table, to be pasted, and the tables that rows have of their own."""
    text = HEAD + "".join(line + "\n" for result in results for line in result.lines())
    for result in results:
        if result.own_table:
            text += f"\n{result.title}:\n\n"
            text += "".join(f"| {' | '.join(cells)} |\n" for cells in result.own_table)
    return text


def goal_text(goal):
    return f"{goal['what']} {'≥' if goal['operator'] == '>=' else '≤'} {goal['wanted']}"


def number(value):
    if value is None:
        return "it failed"
    if value == 0:
        return f"{value}"
    return f"{value:.3g}" if abs(value) < 100 else f"{value:,.0f}"
