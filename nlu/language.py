"""Which language a message is written in, or None when nobody could tell.

Small words decide first (they are what a short chat message has), then the script, then langdetect, seeded
and limited to the offered languages and a few it would otherwise mistake them for. A name, a
number, an emoji or one short word never says anything. Whether a conversation then changes its
language is left to the dialogue.
"""

import math
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType

import langdetect.detector_factory
from langdetect.detector_factory import DetectorFactory

SMALL_WORDS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        language: frozenset(words.split())
        for language, words in {
            "sv": """
                och att det är jag inte ett som på för med vi ni kan har hade hur vad när vem vilka
                min mitt mina till av om får vill ska skulle eller blir bli varför vart den dom de
                han hon oss mig dig sig er så hej tack finns måste behöver nån någon något inget
                ingen också bara redan efter från under vid åt eftersom därför gör göra ju nog sen
                sedan vet ar pa for far nar behover mar gor nagon ansöka söka barn barnet familj
                familjen kommun kommunen vardag kontaktperson kontaktfamilj kontaktgrupp
                umgängesstöd umgängesstödjare stödet jättegärna gärna heter bor går mycket mamma
                pappa dotter bebis bebisen ny nya bra dag hela leva dricker slår helg helgen gruppen
                pengar skolan hemma tar kanske fel ja nej me å va e int nåt nåra o ä hu hä då ta
                fler alla inga deras deg hos tid mej dej sej ungdom skicka svara pratar prata
                snackar jobbar skola elev ensam vuxna vuxen svenska en person kontakt anmälan
                intresse rolig berätta
            """,
            "en": """
                the and is you to of how what do does can my it are we want need who when where why
                with have has be an i'm i'd it's don't can't would should could will they she he me
                us our your this that there from or if not but about please thanks hello which was
                were been did just like get help there's what's am any some much many long often
                contact family person group support child children social services apply i on at by
                before start dad mum mom daughter brother sister made mistake never wish up wake out
                take got more anyone someone else after until still really had let make pay tax work
                school home drinking drinks english speak bye for in so all no one two day year old
                time his him them than because only back keep going die kill again yes kids teenager
                own meet first
            """,
            "fi": """
                ja on ei että mitä miten minä sinä hän kuinka voiko voi voinko saada saako onko mikä
                kuka missä koska miksi minun meidän tai jos kun myös haluan halua tarvitsen lapsi
                lapsen lapselle perhe kiitos hei moi mulla mun olen ovat paljonko maksaa enää elää
                isä äiti äitini isäni lyö juo kotona minua en minulla minulle saan apua mies lapset
                lapsia lapseni siskoni poikani
            """,
            "so": """
                waa maxaa waxaan sidee ayaa iyo ku ka oo aan waxa ma miyaa goorma kuma xaggee ilmaha
                carruurta qoys qof rabaa karaa karaan uu ay noqon inaan mahadsanid fadlan salaan
                kaalmo taageero wax si
            """,
            "pl": """
                się nie jest czy jak co to na dla do jestem mam chcę proszę dziękuję cześć gdzie
                kiedy kto dlaczego ile kosztuje może mogę moje mój moja dziecko dziecka dzieci syn
                syna córka rodzina rodziny oraz albo że są być mnie już żyć moi ojciec matka mąż
                bije pije za dużo rodzice w z i o po mi
            """,
            "es": """
                el la los las que de y por cómo como qué para con mi es un una cuánto cuesta puedo
                puede quiero necesito hijo hija niños familia gracias hola dónde cuándo quién si no
                se lo del al está están hay ser tengo me mis padre madre marido casa pega pegan
                vivir más muy pero porque nos su sus
            """,
            "de": "der die das und ist nicht ich wir wie was kann haben mein meine für mit auf ein eine zu",
            "no": "ikke hva hvordan jeg dere noen fra meg deg hvem hvorfor skal",
        }.items()
    }
)
"""Words that are common in a language; one that two offered languages share says nothing."""

UNMISTAKABLE: Mapping[str, str] = MappingProxyType(
    {
        word: language
        for language, words in {
            "sv": """
                tjena hejsan godmorgon godkväll hjälp kontaktfamilj kontaktgrupp kontaktperson
                umgängesstöd umgängesstödjare svenska tjenare
            """,
            "en": "hello english",
            "fi": "suomeksi terve huomenta kiitos suomi",
            "so": "soomaali soomaaliga mahadsanid",
            "pl": "dziękuję cześć polski polsku",
            "es": "hola gracias español",
            "uk": "привіт українською українська дякую допоможіть",
            "ar": "مرحبا العربية عربي السلام شكرا مساعدة",
            "fa": "سلام فارسی",
        }.items()
        for word in words.split()
    }
)
"""Single words that settle the language of a conversation which has none yet."""

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_NOISE = re.compile(r"https?://\S+|www\.\S+|\S+@\S+|\S*\d\S*")
_SCRIPTS = (
    ("arabic", re.compile("[\u0600-\u06ff\u0750-\u077f]"), frozenset({"ar", "fa", "ur", "ckb"})),
    ("cyrillic", re.compile("[\u0400-\u04ff]"), frozenset({"uk", "ru", "bg", "mk", "sr"})),
)
_OTHER_SCRIPT = re.compile(
    "[\u0370-\u03ff\u0530-\u05ff\u0900-\u109f\u10a0-\u10ff\u1200-\u137f\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]"
)
_OTHER_SCRIPT_LANGUAGES = frozenset({"el", "he", "hi", "th", "ja", "ko", "zh", "ti", "am", "hy", "ka"})
_PERSIAN = re.compile("[پچژگکی]")
_UKRAINIAN, _RUSSIAN = re.compile("[іїєґ]"), re.compile("[ыэъё]")
_MISTAKEN_FOR_OFFERED = ("fi", "so", "pl", "es", "de", "fr", "tr", "et", "sq", "ro")
_LEAST_WORDS, _LEAST_LETTERS = 2, 8
_SURE = 0.9


def detect(text: str, offered: Sequence[str], usual: str | None = None) -> str | None:
    """The offered language the text is written in, or None when it cannot be told.

    `usual` is the language the conversation has, if it has one: a single word never speaks against
    it, and longer text needs to be clearer to do so. Same text, same answer, always.
    """
    words = [word.lower().replace("’", "'") for word in _WORD.findall(_NOISE.sub(" ", text[:2000]))]
    letters = sum(map(len, words))
    if len(words) < _LEAST_WORDS or letters < _LEAST_LETTERS:
        return _of_few_words(words, offered, usual)
    script = _of_script(words)
    if script is not None:
        return _only(script & set(offered), words, offered)
    weights = _weigh(words, offered)
    best = max(weights, key=lambda language: weights[language], default=None)
    if best is not None:
        runner_up = max((weight for language, weight in weights.items() if language != best), default=0.0)
        clear = 2.0 if best == usual or usual is None else 2.5
        enough = weights[best] >= (2.0 if len(words) > 5 else 1.0)
        if enough and weights[best] >= clear * runner_up:
            return best if best in offered else None
    if not weights and (len(words) < 4 or letters < 16):
        return None
    return _of_langdetect(" ".join(words), offered, usual, weights)


def _of_few_words(words: Sequence[str], offered: Sequence[str], usual: str | None) -> str | None:
    """The language of words that are unmistakable, when the conversation has no language yet."""
    said = {UNMISTAKABLE[word] for word in words if word in UNMISTAKABLE}
    if usual is not None or len(said) != 1:
        return None
    language = said.pop()
    return language if language in offered else None


def _of_script(words: Sequence[str]) -> frozenset[str] | None:
    """Languages of the script most words are written in; None for Latin letters."""
    for _, pattern, languages in _SCRIPTS:
        if sum(1 for word in words if pattern.search(word)) * 2 > len(words):
            return languages
    if sum(1 for word in words if _OTHER_SCRIPT.search(word)) * 2 > len(words):
        return _OTHER_SCRIPT_LANGUAGES
    return None


def _only(candidates: frozenset[str], words: Sequence[str], offered: Sequence[str]) -> str | None:
    """Of languages that share a script, the one whose own letters are there."""
    text = " ".join(words)
    if "ar" in candidates or "fa" in candidates:
        meant = "fa" if _PERSIAN.search(text) else "ar"
    elif "uk" in candidates or "ru" in candidates:
        meant = "ru" if _RUSSIAN.search(text) and not _UKRAINIAN.search(text) else "uk"
    elif len(candidates) == 1:
        (meant,) = candidates
    else:
        return None
    return meant if meant in offered else None


def _weigh(words: Sequence[str], offered: Sequence[str]) -> dict[str, float]:
    """How much the small words speak for each language: 1 each, less where a language not offered shares the word."""
    weights: dict[str, float] = {}
    for word in words:
        owners = [language for language, small in SMALL_WORDS.items() if word in small]
        ours = [language for language in owners if language in offered]
        if len(owners) == 1:
            weights[owners[0]] = weights.get(owners[0], 0.0) + 1.0
        elif len(ours) == 1:
            weights[ours[0]] = weights.get(ours[0], 0.0) + 0.7
    return weights


def _of_langdetect(text: str, offered: Sequence[str], usual: str | None, weights: Mapping[str, float]) -> str | None:
    """What langdetect says, with priors from the conversation and the small words."""
    candidates = [language for language in dict.fromkeys([*offered, *_MISTAKEN_FOR_OFFERED]) if language in _profiles()]
    factory = _factory(tuple(sorted(candidates)))
    detector = factory.create()
    detector.set_prior_map(
        {
            language: (1.0 if language in offered else 0.1)
            * (3.0 if language == usual else 1.0)
            * math.exp(weights.get(language, 0.0))
            for language in candidates
        }
    )
    detector.append(text)
    try:
        likely = detector.get_probabilities()
    except langdetect.LangDetectException:
        return None
    if not likely or likely[0].prob < _SURE or likely[0].lang not in offered:
        return None
    return str(likely[0].lang)


@cache
def _profiles() -> frozenset[str]:
    """Languages langdetect has a profile of."""
    return frozenset(path.name for path in Path(langdetect.detector_factory.PROFILES_DIRECTORY).iterdir())


@cache
def _factory(languages: tuple[str, ...]) -> DetectorFactory:
    """A seeded detector factory for some languages (0.1 s the first time)."""
    directory = Path(langdetect.detector_factory.PROFILES_DIRECTORY)
    factory = DetectorFactory()
    factory.seed = 0
    factory.load_json_profile([(directory / language).read_text("utf-8") for language in languages])
    return factory
