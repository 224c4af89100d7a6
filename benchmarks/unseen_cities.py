"""Cities that never occur in ATIS's training sentences: are they found, and told apart?

    python benchmarks/unseen_cities.py [bilstm_atis] [--split test]

Puts the names of cities into sentences of which the one leaves and the other arrives there, and
counts the names that come out whole, as a departure or an arrival as they should. Half of names and
sentences are for choosing a recipe (`--split validation`), the other half for the result.
"""

from collections import defaultdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

import zoo

# In pairs, the first of each for validation; none is in ATIS's training sentences.
CITIES = """
Taipei Taichung Berlin Helsinki Lisbon Madrid Oslo Nairobi Hamburg Kyoto Osaka Mumbai Lagos Accra
Bogota Quito Prague Vienna Warsaw Krakow Dublin Glasgow Zurich Geneva Kaohsiung Hsinchu Jakarta
Manila Reykjavik Ljubljana Tashkent Samarkand Antananarivo Ouagadougou Brisbane Adelaide
Buenos_Aires Cape_Town Tel_Aviv Abu_Dhabi Kuala_Lumpur Hong_Kong Addis_Ababa Phnom_Penh
Port_Moresby Guatemala_City Santo_Domingo Porto_Alegre Rio_de_Janeiro Ho_Chi_Minh
"""
LEAVE, ARRIVE = "fromloc.city_name", "toloc.city_name"
# A sentence, and what its {} are; in pairs as above.
SENTENCES = [
    ("arrive {} on November 2nd", [ARRIVE]),
    ("arrive in {} on the second of November", [ARRIVE]),
    ("leave {} on November 2nd", [LEAVE]),
    ("depart from {} on Monday morning", [LEAVE]),
    ("I want to fly from {} to {} tomorrow", [LEAVE, ARRIVE]),
    ("show me flights from {} to {}", [LEAVE, ARRIVE]),
    ("what flights leave {} after 5 pm", [LEAVE]),
    ("which flights depart {} before noon", [LEAVE]),
    ("flights arriving in {} on Sunday", [ARRIVE]),
    ("list all flights to {} next Tuesday", [ARRIVE]),
    ("is there a nonstop flight to {} leaving {} in the evening", [ARRIVE, LEAVE]),
    ("I need the cheapest flight to {} from {}", [ARRIVE, LEAVE]),
]


def halves(items: list, split: str) -> list:
    """Returns every second item: the first of each pair for validation, the second for test."""
    return items[("validation", "test").index(split) :: 2]


def main(
    name: Annotated[str, typer.Argument(help="A slot filler's name or folder.")] = "bilstm_atis",
    split: Annotated[str, typer.Option(help="validation or test")] = "test",
    trust: bool = False,
) -> None:
    """Print what share of the names is found, by sentence and by words a name."""
    fill = zoo.pipeline(name, trust=trust)
    cities = [city.replace("_", " ") for city in halves(CITIES.split(), split)]
    found: dict[str, list[bool]] = defaultdict(list)
    for form, slots in halves(SENTENCES, split):
        for i, city in enumerate(cities):
            names = [city, cities[i - 1]][: len(slots)]
            answer = fill(form.format(*names))
            got = {(slot["slot"], slot["text"]) for slot in answer["slots"]}
            for slot, wanted in zip(slots, names, strict=True):
                right = (slot, wanted) in got
                for key in (form, f"names of {len(wanted.split())} words", "all"):
                    found[key].append(right)
    table = Table("sentences", "names", "right", title=f"{name}, {len(cities)} cities, {split}")
    for key, rights in found.items():
        table.add_row(key, str(len(rights)), f"{sum(rights) / len(rights):.3f}")
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
