"""`rules.csv` becomes the routing table, if every rule can match and every category is answered everywhere."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from chassis.pack import PackError, read_table, split_list
from services.router.city_rows import RuleRow
from services.router.platform_choice import ANY, DISTRICT, Rule, Rules, fits


def read_rules(
    folder: Path, platforms: Collection[str], categories: Collection[str], platform_of_district: Mapping[str, str]
) -> Rules:
    """The table. `PackError` for an unknown platform or district, a rule that can never match (what stands before it
    takes all of it), and a category that nobody answers in some district."""
    rows = read_table(folder / "rules.csv", RuleRow, "rule")
    rules = tuple(_rule(row, platforms, platform_of_district) for row in rows)
    matched = _matched(rules, categories, platform_of_district)
    for row in rows:
        if not any(fits(row.category, category) for category in categories):
            raise row.wrong("rules.csv", f"rule {row.rule} can never match: there is no category {row.category}")
        if row.rule not in matched:
            raise row.wrong("rules.csv", f"rule {row.rule} can never match: rules before it take all that it fits")
    return Rules(rules, platform_of_district)


def _rule(row: RuleRow, platforms: Collection[str], districts: Collection[str]) -> Rule:
    chain = (row.platform, *split_list(row.fallback or ""))
    if unknown := [code for code in chain if code != DISTRICT and code not in platforms]:
        raise row.wrong("rules.csv", f"platform {unknown[0]} is not in platforms.csv")
    if row.district not in (ANY, *districts):
        raise row.wrong("rules.csv", f"district {row.district} has no platform of its own in platforms.csv")
    return Rule(row.rule, row.category, row.district, row.owner, chain)


def _matched(rules: Sequence[Rule], categories: Collection[str], districts: Collection[str]) -> set[str]:
    """The rules that some case would meet, tried with every category, district and named owner."""
    matched: set[str] = set()
    for category in categories:
        ordered = [rule for rule in rules if fits(rule.category, category)]
        for owner in {None, *(rule.owner for rule in ordered if rule.owner != ANY)}:
            owned = [rule for rule in ordered if rule.owner in (ANY, owner)]
            for district in districts:
                found = next((rule for rule in owned if rule.district in (ANY, district)), None)
                if found is None:
                    raise PackError(f"rules.csv: nobody answers category {category} in district {district}")
                matched.add(found.rule)
    return matched
