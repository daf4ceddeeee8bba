"""Rules and their tests as they are in the files, and which belong to which."""

import copy
import pathlib

import yaml

from promql import tokens

FOLDER = pathlib.Path(__file__).parents[2] / "infra/monitoring/prometheus"


class Rules:
    """All rules, and the tests of all files."""

    def __init__(self):
        self.rules, self.groups, self.tests = {}, {}, []
        for path in sorted((FOLDER / "rules").glob("*.yml")):
            # Written by `belfry slo rules` from the objectives, with names that many rules share.
            if path.name == "slo.yml":
                continue
            for group in yaml.safe_load(path.read_text())["groups"]:
                for rule in group["rules"]:
                    name = name_of(rule)
                    if name in self.rules:
                        raise SystemExit(f"{path}: {name} is there twice")
                    self.rules[name], self.groups[name] = rule, group["name"]
        for path in sorted((FOLDER / "tests").glob("*.yml")):
            # Without types: series such as 0x30 would be taken for numbers.
            file = yaml.load(path.read_text(), yaml.BaseLoader)
            for test in file["tests"]:
                for one in test.get("promql_expr_test", []):
                    for sample in one["exp_samples"]:
                        sample["value"] = float(sample["value"])
                self.tests.append((file, test))
        # As in the tests: what is recorded first.
        self.rules = dict(sorted(self.rules.items(), key=lambda named: "record" not in named[1]))
        self.reads = {name: self.names_in(rule["expr"]) for name, rule in self.rules.items()}

    def names_in(self, expr):
        """The recording rules that an expression reads."""
        return {token.text for token in tokens(expr) if token.kind == "name" and token.text in self.rules}

    def needed_for(self, names):
        """These rules and all that they read, in order."""
        needed = set()
        more = set(names)
        while more:
            needed |= more
            more = set().union(*(self.reads[name] for name in more)) - needed
        return [name for name in self.rules if name in needed]

    def affected_by(self, name):
        """This rule and all that read it."""
        affected = {name}
        while more := {reader for reader, read in self.reads.items() if read & affected} - affected:
            affected |= more
        return affected

    def case(self, name, mutant):
        """The rule file and the test files that a mutant of the rule `name` must not pass: the parts of the tests that are about it
        or about what reads it, and the rules that these need."""
        affected = self.affected_by(name)
        tests, tested = [], set()
        for file, test in self.tests:
            alerts = [one for one in test.get("alert_rule_test", []) if one["alertname"] in affected]
            exprs = [one for one in test.get("promql_expr_test", []) if self.names_in(one["expr"]) & affected]
            if alerts or exprs:
                tested |= {one["alertname"] for one in alerts}.union(*(self.names_in(one["expr"]) for one in exprs))
                part = {**test, "alert_rule_test": alerts, "promql_expr_test": exprs}
                tests.append((file, part))
        groups = []
        for needed in self.needed_for(tested):
            rule = mutant if needed == name else self.rules[needed]
            if not groups or groups[-1]["name"] != self.groups[needed]:
                groups.append({"name": self.groups[needed], "rules": []})
            groups[-1]["rules"].append(copy.deepcopy(rule))
        # One file for each evaluation interval.
        by_interval = {}
        for file, part in tests:
            by_interval.setdefault(file["evaluation_interval"], []).append(part)
        order = [group["name"] for group in groups]
        files = [
            {"rule_files": ["rules.json"], "evaluation_interval": interval, "group_eval_order": order, "tests": parts}
            for interval, parts in by_interval.items()
        ]
        return {"groups": groups}, files


def name_of(rule):
    return rule.get("alert") or rule["record"]
