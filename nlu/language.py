"""Which language a message is written in, or None when nobody could tell.

The script says which languages it can be. Among those langdetect's profiles speak first, every n-gram counted
once so that nothing is left to chance; then common words and letters that few languages have, and what is
common here. Words that people of all languages write (courtesies, names of services and places) are not
listened to, and a name, a number, an emoji or one short word never says anything. Whether a conversation then
changes its language is left to the dialogue.
"""

import math
import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType

import langdetect.detector_factory
from langdetect.detector_factory import DetectorFactory
from langdetect.utils.ngram import NGram

from nlu.language_words import load_words

_WORD = re.compile(r"[^\W\d_]+(?:['’ʼ][^\W\d_]+)*")
_NOISE = re.compile(r"https?://\S+|www\.\S+|\S+@\S+|\S*\d\S*")
_SERVICE_IN_TWO_WORDS = re.compile(
    r"(?<=kontaktperson) f[öo]r vuxna|\bkontakt (?:person|famil|grupp)\w*", re.IGNORECASE
)
_MARKS = re.compile("[\u064b-\u0652\u0640\u200c\u200d]")
_LETTERS_OF_SCRIPTS: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {
        "arabic": re.compile("[\u0600-\u06ff\u0750-\u077f]"),
        "cyrillic": re.compile("[\u0400-\u04ff]"),
        "latin": re.compile("[a-z\u00c0-\u024f]"),
    }
)
_CANDIDATES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "arabic": ("ar", "fa", "ur", "ckb", "ps"),
        "cyrillic": ("uk", "ru", "bg", "mk"),
        "latin": (
            "sv", "en", "fi", "so", "pl", "es", "no", "da", "hr", "tr", "de", "et", "sq", "ro", "fr", "nl", "it", "pt",
            "cs", "sl", "lt", "hu", "id", "sw", "tl", "vi",
        ),
    }
)  # fmt: skip
"""The languages each script is looked for in: ours, and those they would otherwise be mistaken for."""

_COMMON_HERE = frozenset({"no", "da", "ru", "hr", "tr", "de", "ckb"})
_PRIOR_OF_COMMON, _PRIOR_OF_OTHERS, _PRIOR_OF_USUAL = 0.2, 0.05, 3.0
_TELLING_LETTERS: Mapping[str, tuple[re.Pattern[str], float]] = MappingProxyType(
    {
        "fa": (re.compile("[پچژگکی]"), 2.0),
        "ar": (re.compile("[ةىإأؤ]"), 1.5),
        "ur": (re.compile("[ٹڈڑںےہھ]"), 4.0),
        "ckb": (re.compile("[ەێۆڕڵڤ]"), 4.0),
        "ps": (re.compile("[ټډړښږڼۍې]"), 4.0),
        "uk": (re.compile("[іїєґ]"), 4.0),
        "ru": (re.compile("[ыэъё]"), 4.0),
        "pl": (re.compile("[łąęśźżń]"), 1.0),
        "es": (re.compile("[ñ¿¡]"), 1.0),
        "tr": (re.compile("[ğışİ]"), 1.0),
        "no": (re.compile("[øæ]"), 1.5),
        "da": (re.compile("[øæ]"), 1.5),
    }
)
"""Letters few languages have, and how much each speaks for its language."""

_CALM = 4.0
"""The n-grams overlap, so they are less sure than their number: what they say is divided by this."""
_RARE, _NO_PROFILE = 0.5 / 10_000, 2.0
_WORTH, _WORTH_OF_LETTER, _MOST_WORTH, _BARE_SHARE = 1.0, 0.5, 4.5, 0.7
"""What a common word is worth: the more the longer it is, less when it is written without its diacritics."""
_LEAST_WORDS, _LEAST_LETTERS, _READ = 2, 5, 400
"""A message is looked at from so many words and letters on, and no further than so many characters."""
_SURE = 0.75


def detect(text: str, offered: Sequence[str], usual: str | None = None) -> str | None:
    """The offered language the text is written in, or None when it cannot be told.

    `usual` is the language the conversation has, if it has one: a single word never speaks against
    it, and longer text needs to be clearer to do so. Same text, same answer, always.
    """
    listed = load_words()
    said = [_plain(word) for word in _WORD.findall(_SERVICE_IN_TWO_WORDS.sub(" ", _NOISE.sub(" ", text[:_READ])))]
    words = [word for word in said if word not in listed.anybodys and not word.startswith(listed.service)]
    longer = [word for word in words if len(word) > 1]  # letters alone are no language
    if min(len(longer), len(text.split())) < _LEAST_WORDS or sum(map(len, words)) < _LEAST_LETTERS:
        return _of_few_words(said, offered) if usual is None else None
    candidates = _of_script(words)
    if not candidates:
        return None
    chances = _chances(words, candidates, offered, usual)
    best = max(chances, key=chances.__getitem__)
    known = [word for word in longer if _worth(word, best) and word not in listed.in_names]
    return best if known and best in offered and chances[best] >= _SURE else None


def _plain(word: str) -> str:
    """Small letters, one kind of apostrophe, no Arabic vowel signs."""
    return _MARKS.sub("", word.lower().replace("’", "'").replace("ʼ", "'"))


def _bare(word: str) -> str:
    """The word as written without diacritics: måste, maste; Arabic and Persian letters as one."""
    decomposed = unicodedata.normalize("NFD", word.translate(_BARE_LETTERS))
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


_BARE_LETTERS = str.maketrans({"ł": "l", "ø": "o", "æ": "ae", "ı": "i", "ß": "ss", "ي": "ی", "ى": "ی", "ك": "ک"})


def _of_few_words(words: Sequence[str], offered: Sequence[str]) -> str | None:
    """The language of words that are all unmistakable, for a conversation which has no language yet."""
    said = {load_words().unmistakable.get(word) for word in words}
    language = said.pop() if len(said) == 1 else None
    return language if language in offered else None


def _of_script(words: Sequence[str]) -> tuple[str, ...]:
    """The languages written in the script of most words; none when it is not one of ours."""
    for script, letters in _LETTERS_OF_SCRIPTS.items():
        if sum(1 for word in words if letters.search(word)) * 2 > len(words):
            return _CANDIDATES[script]
    return ()


def _chances(
    words: Sequence[str], candidates: Sequence[str], offered: Collection[str], usual: str | None
) -> dict[str, float]:
    """How likely each language is, together 1: profiles, words, letters and what is common here."""
    text = " ".join(words)
    weights = _of_langdetect(text, candidates)
    for language in candidates:
        weights[language] += sum(_worth(word, language) for word in words)
        if language in _TELLING_LETTERS:
            letters, worth = _TELLING_LETTERS[language]
            weights[language] += worth * min(len(letters.findall(text)), 3)
        common = 1.0 if language in offered else _PRIOR_OF_COMMON if language in _COMMON_HERE else _PRIOR_OF_OTHERS
        weights[language] += math.log(common * (_PRIOR_OF_USUAL if language == usual else 1.0))
    most = max(weights.values())
    shares = {language: math.exp(weight - most) for language, weight in weights.items()}
    return {language: share / sum(shares.values()) for language, share in shares.items()}


def _of_langdetect(text: str, candidates: Sequence[str]) -> dict[str, float]:
    """What langdetect's profiles say of each language, as logarithms; near the likeliest where there is no profile."""
    profiles = _profiles()
    sums = dict.fromkeys(candidates, 0.0)
    ngram = NGram()
    for letter in f" {text} ":
        ngram.add_char(letter)
        for size in range(1, NGram.N_GRAM + 1):
            chances = profiles.word_lang_prob_map.get(ngram.get(size))
            if chances:
                for language in sums.keys() & _places().keys():
                    sums[language] += math.log(chances[_places()[language]] + _RARE) / _CALM
    likeliest = max(sums[language] for language in candidates if language in _places())
    return {language: sums[language] if language in _places() else likeliest - _NO_PROFILE for language in candidates}


def _worth(word: str, language: str) -> float:
    """What a word says for a language: something if it is common there, else 0."""
    exact, bare = _known(language)
    share = 1.0 if word in exact else _BARE_SHARE if _bare(word) in bare else 0.0
    return share * min(_WORTH + _WORTH_OF_LETTER * len(word), _MOST_WORTH)


@cache
def _known(language: str) -> tuple[frozenset[str], frozenset[str]]:
    """The common words of a language, and the same without diacritics."""
    words = load_words().common.get(language, frozenset())
    return words, frozenset(map(_bare, words))


@cache
def _profiles() -> DetectorFactory:
    """langdetect's profiles of every candidate that has one (0.1 s the first time)."""
    directory = Path(langdetect.detector_factory.PROFILES_DIRECTORY)
    paths = [directory / language for languages in _CANDIDATES.values() for language in languages]
    factory = DetectorFactory()
    factory.load_json_profile([path.read_text("utf-8") for path in paths if path.exists()])
    return factory


@cache
def _places() -> Mapping[str, int]:
    """Where each language stands in langdetect's lists."""
    return {language: place for place, language in enumerate(_profiles().langlist)}
