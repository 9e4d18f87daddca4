"""Names in messages: services however they are spelt, municipalities, languages and who writes."""

import pytest

from nlu.client import NluClient

SERVICES = [
    ("vad är en kontaktperson", ["kontaktperson"]),
    ("kontakt person för min son 14 år", ["kontaktperson"]),
    ("kontakt-person", ["kontaktperson"]),
    ("kåntaktpärsson", ["kontaktperson"]),
    ("komtaktpersson", ["kontaktperson"]),
    ("kontakperson", ["kontaktperson"]),
    ("kontaktpersonernas uppdrag", ["kontaktperson"]),
    ("stödperson", ["kontaktperson"]),
    ("Vad är en kontaktfamilj?", ["kontaktfamilj"]),
    ("kontaktfamlij", ["kontaktfamilj"]),
    ("kntaktfamilj", ["kontaktfamilj"]),
    ("stöd familj åt min dotter", ["kontaktfamilj"]),
    ("stodfamiljer", ["kontaktfamilj"]),
    ("KONTAKTGRUPPEN", ["kontaktgrupp"]),
    ("kontagtgrupp", ["kontaktgrupp"]),
    ("umgängesstöd", ["umgangesstodjare"]),
    ("umgangestod", ["umgangesstodjare"]),
    ("umgänges stödjarens uppdrag", ["umgangesstodjare"]),
    ("särskilt kvalificerad kontaktperson", ["sarskilt_kvalificerad_kontaktperson"]),
    ("sarskillt kvalifiserad kontakt person", ["sarskilt_kvalificerad_kontaktperson"]),
    ("särskilt kvalificerad kåntaktpersson", ["sarskilt_kvalificerad_kontaktperson"]),
    ("särskilt kvalificerad", ["sarskilt_kvalificerad_kontaktperson"]),
    ("skkp", ["sarskilt_kvalificerad_kontaktperson"]),
    ("min pappa är 80 och behöver en kontaktperson", ["kontaktperson_vuxen"]),
    ("kontaktperson för äldre", ["kontaktperson_vuxen"]),
    ("kontaktperson för vuxna", ["kontaktperson_vuxen"]),
    ("kan vuxna få kontaktperson", ["kontaktperson_vuxen"]),
    ("Kan man få en kontaktperson fast man är vuxen?", ["kontaktperson_vuxen"]),
    ("jag är 74, kan jag få kontaktperson", ["kontaktperson_vuxen"]),
    ("a contact person for my dad who is 80", ["kontaktperson_vuxen"]),
    ("Hello, I would like to be a contact person for an older person", ["kontaktperson_vuxen"]),
    ("jag är 45 och vill bli kontaktperson", ["kontaktperson"]),
    ("kontaktperson för ett äldre syskon", ["kontaktperson"]),
    ("en kontaktperson är en trygg vuxen", ["kontaktperson"]),
    ("min son är 14 och behöver kontaktperson", ["kontaktperson"]),
    ("hur ofta är kontaktgruppen och vad kostar kontaktfamilj", ["kontaktgrupp", "kontaktfamilj"]),
    ("skillnad på kontaktfamilj och kontaktperson?", ["kontaktfamilj", "kontaktperson"]),
    ("contact family or support person", ["kontaktfamilj", "kontaktperson"]),
    ("what is a visitation supporter", ["umgangesstodjare"]),
    ("contact group for my kid", ["kontaktgrupp"]),
    ("specially qualified contact person", ["sarskilt_kvalificerad_kontaktperson"]),
    ("mikä on tukihenkilö", ["kontaktperson"]),
    ("tukiperhe lapselle", ["kontaktfamilj"]),
    ("ما هي العائلة الداعمة", ["kontaktfamilj"]),
    ("контактна особа", ["kontaktperson"]),
    ("osoba kontaktowa", ["kontaktperson"]),
    ("familia de contacto", ["kontaktfamilj"]),
    ("خانواده حامی", ["kontaktfamilj"]),
    ("qof xiriir", ["kontaktperson"]),
    ("kontakta familjen", []),
    ("ni kontaktar personen", []),
    ("kontaktuppgifter till kommunen", []),
    ("kontaktpersonal", []),
    ("kontorsperson", []),
    ("stödgrupp", []),
    ("umgås med familjen", []),
    ("jag pratar med min kontakt på soc", []),
]

NAMED = [
    ("jag bor i Götene", "municipality", ["gotene"]),
    ("gotene", "municipality", ["gotene"]),
    ("KRAMFORS KOMMUN", "municipality", ["kramfors"]),
    ("kramfrs", "municipality", ["kramfors"]),
    ("Vingåkers kommun", "municipality", ["vingaker"]),
    ("vingaker", "municipality", ["vingaker"]),
    ("i sala", "municipality", ["sala"]),
    ("i Uppsala", "municipality", []),
    ("från Sala till Götene", "municipality", ["sala", "gotene"]),
    ("på svenska tack", "language", ["sv"]),
    ("in English please", "language", ["en"]),
    ("suomeksi", "language", ["fi"]),
    ("på arabiska", "language", ["ar"]),
    ("بالعربية من فضلك", "language", ["ar"]),
    ("українською будь ласка", "language", ["uk"]),
    ("po polsku", "language", ["pl"]),
    ("en español", "language", ["es"]),
    ("فارسی", "language", ["fa"]),
    ("af soomaali", "language", ["so"]),
    ("min son är ensam", "role", ["guardian"]),
    ("jag är 16 år och vill ha någon att prata med", "role", ["youth"]),
    ("jag arbetar som skolkurator", "role", ["kurator"]),
    ("hur blir man kontaktfamilj", "role", ["volunteer"]),
    ("jag är pensionär", "role", ["adult"]),
    ("my daughter needs help", "role", ["guardian"]),
]


@pytest.mark.parametrize(("text", "services"), SERVICES)
def test_services_are_found_however_they_are_spelt(nlu_client: NluClient, text: str, services: list[str]) -> None:
    assert list(nlu_client.understand(text).values("service")) == services


@pytest.mark.parametrize(("text", "name", "values"), NAMED)
def test_other_names_are_found(nlu_client: NluClient, text: str, name: str, values: list[str]) -> None:
    assert list(nlu_client.understand(text).values(name)) == values


def test_an_entity_says_where_it_stands(nlu_client: NluClient) -> None:
    text = "hej, vad är stöd familj i Sala?"
    for entity in nlu_client.understand(text).entities:
        assert text[entity.start : entity.end] == entity.text
