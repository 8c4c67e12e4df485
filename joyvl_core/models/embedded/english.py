"""English nouns: one and several of them, and their articles."""

from __future__ import annotations

import re

_MANY = {
    "person": "people", "man": "men", "woman": "women", "child": "children", "mouse": "mice", "goose": "geese",
    "foot": "feet", "tooth": "teeth", "knife": "knives", "wolf": "wolves", "leaf": "leaves", "scarf": "scarves",
    "wife": "wives", "loaf": "loaves", "calf": "calves", "policeman": "policemen", "policewoman": "policewomen",
    "fireman": "firemen", "postman": "postmen", "mailman": "mailmen", "fisherman": "fishermen", "workman": "workmen",
    "salesman": "salesmen", "passer-by": "passers-by", "passerby": "passersby", "sheep": "sheep", "fish": "fish",
    "deer": "deer", "traffic": "traffic", "staff": "staff", "luggage": "luggage", "stuff": "stuff",
    "scissors": "scissors", "headphones": "headphones", "glasses": "glasses", "wheels": "wheels", "gas": "gases",
    "cookie": "cookies", "movie": "movies", "pixie": "pixies", "zombie": "zombies", "auntie": "aunties",
    "budgie": "budgies", "hoodie": "hoodies", "selfie": "selfies", "bus": "buses", "lens": "lenses", "shoe": "shoes",
    "taxi": "taxis", "hero": "heroes", "potato": "potatoes", "tomato": "tomatoes", "axe": "axes", "horse": "horses",
    "bicycle": "bicycles", "vase": "vases", "suitcase": "suitcases", "purse": "purses", "house": "houses",
}  # fmt: skip
_ONE = {many: one for one, many in _MANY.items()} | {"persons": "person"}
_UNCOUNTED = frozenset(("traffic", "staff", "luggage", "stuff", "scissors", "headphones", "glasses", "wheels"))
_AN = re.compile(
    r"(?!uni[cfostvq]|use|usu|ut[ie]|eu|ewe|one|once|ufo)[aeiou]|hour|honest|heir|(?:[fhlmnrsx]\d|8|11|18)|suv\b|mp\b",
    re.IGNORECASE,
)


def singular(word: str) -> str:
    """One of what the word names; the word itself where it names one already."""
    if word in _MANY or word in _UNCOUNTED:
        return word
    if word in _ONE:
        return _ONE[word]
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies"):
        return f"{word[:-3]}y"
    return word[:-2] if word.endswith(("ches", "shes", "xes", "sses", "zzes")) else word[:-1]


def plural(words: str) -> str:
    """Several of what the words name; of "dog or cat", of each."""
    if joint := re.search(r" (?:and|or) ", words):
        return f"{plural(words[: joint.start()])}{joint[0]}{plural(words[joint.end() :])}"
    *before, word = words.split() or [""]
    if word in _MANY:
        word = _MANY[word]
    elif word in _ONE or word in _UNCOUNTED or singular(word) != word:
        pass
    elif word.endswith("y") and word[-2:-1] not in tuple("aeiou"):
        word = f"{word[:-1]}ies"
    else:
        word = f"{word}es" if word.endswith(("s", "x", "ch", "sh", "z")) else f"{word}s"
    return " ".join([*before, word])


def with_article(words: str) -> str:
    """The words with their indefinite article: "a car", "an animal", "a dog or a cat"; none where there is none."""
    if joint := re.search(r" (?:and|or) ", words):
        return f"{with_article(words[: joint.start()])}{joint[0]}{with_article(words[joint.end() :])}"
    if words.split()[-1:] and words.split()[-1] in _UNCOUNTED:
        return words
    return f"{'an' if _AN.match(words) else 'a'} {words}"


def as_said(words: str, text: str) -> str:
    """A noun with the article that the person gave it, from the bot's side: "my dog" is "your dog"."""
    named = re.search(
        rf"\b(?P<whose>my|our|your|his|their|the|that|this) (?:first |next )?{re.escape(words)}(?P<many>e?s)?\b", text
    )
    if named is None:
        return with_article(words)
    if named["many"]:
        return f"one of your {plural(words)}" if named["whose"] in ("my", "our") else with_article(words)
    whose = {"my": "your", "our": "your", "your": "my", "that": "the", "this": "the"}.get(
        named["whose"], named["whose"]
    )
    return f"{whose} {words}"
