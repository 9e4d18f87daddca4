"""Keys and sealing: nothing opens that was changed, moved or sealed by others; key files are kept to their owner."""

import base64
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from storage.encryption import (
    PREFIX_BYTES,
    DataKey,
    Keyring,
    SealError,
    UnknownKeyError,
    key_id_of,
    keyring_from_texts,
    load_keys,
    make_data_key,
    make_keys,
    prefix_of,
)
from storage.key_files import KeyFileError

FILES = ("encryption.keys", "lookup.key", "session.key")
TEXTS = ["", "Åsa Öberg", "a\x00b", "\ud800 lone", "‮bidi", "😀" * 5000]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    path = tmp_path / "var" / "keys"
    make_keys(path)
    return path


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_sealed_opens_again(text: str, keyring: Keyring) -> None:
    value = {"name": text, text: [None, True, 1, "x"]}
    assert keyring.open_json(keyring.seal_json(value, "here"), "here") == value


def test_the_same_text_is_never_sealed_the_same_way_twice(keyring: Keyring) -> None:
    assert keyring.seal(b"text", "here") != keyring.seal(b"text", "here")


def test_every_changed_byte_is_noticed(keyring: Keyring) -> None:
    sealed = keyring.seal(b"text", "here")
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(SealError):
            keyring.open(bytes(changed), "here")
        with pytest.raises(SealError):
            keyring.open(sealed[:place], "here")


def test_a_value_moved_elsewhere_does_not_open(keyring: Keyring) -> None:
    sealed = keyring.seal(b"text", "submissions:A:content")
    with pytest.raises(SealError):
        keyring.open(sealed, "submissions:B:content")


def test_a_key_put_on_top_seals_and_the_old_one_still_opens(directory: Path) -> None:
    before = load_keys(directory)
    sealed = before.seal(b"text", "here")
    file = directory / "encryption.keys"
    new_line = f"newer {base64.b64encode(b'k' * 32).decode()}\n"
    file.write_text(new_line + file.read_text())
    after = load_keys(directory)
    assert after.open(sealed, "here") == b"text"
    assert b"newer" in after.seal(b"text", "here")
    file.write_text(new_line)
    with pytest.raises(UnknownKeyError, match="not among the key files"):
        load_keys(directory).open(sealed, "here")


def test_a_sealed_value_tells_its_key(keyring: Keyring) -> None:
    for key_id in ("a", "A-_9" * 8):
        sealed = replace(keyring, sealing=key_id, keys={key_id: b"k" * 32}).seal(b"", "here")
        assert key_id_of(sealed[:PREFIX_BYTES]) == key_id and sealed.startswith(prefix_of(key_id))
    for other in (b"", b"\x01", b"plain text", make_data_key().seal_json(None, "here")):
        assert key_id_of(other) is None


@pytest.mark.parametrize("text", TEXTS)
def test_a_data_key_opens_what_it_has_sealed(text: str) -> None:
    key = make_data_key()
    sealed = key.seal_json({"name": text}, "here")
    assert key.open_json(sealed, "here") == {"name": text}
    assert sealed != key.seal_json({"name": text}, "here")


def test_a_data_key_opens_nothing_else(keyring: Keyring) -> None:
    key = make_data_key()
    sealed = key.seal_json("text", "submissions:A:content")
    as_if_by_keyring = keyring.sealing.encode()
    others: list[tuple[DataKey | Keyring, bytes, str]] = [
        (make_data_key(), sealed, "submissions:A:content"),
        (key, sealed, "submissions:B:content"),
        (key, keyring.seal_json("text", "submissions:A:content"), "submissions:A:content"),
        (keyring, sealed, "submissions:A:content"),
        (keyring, b"\x01" + bytes([len(as_if_by_keyring)]) + as_if_by_keyring + sealed[1:], "submissions:A:content"),
        *((key, sealed[:length], "submissions:A:content") for length in range(len(sealed))),
        *(
            (key, bytes(byte ^ (1 if at == place else 0) for at, byte in enumerate(sealed)), "submissions:A:content")
            for place in range(len(sealed))
        ),
    ]
    for sealer, value, context in others:
        with pytest.raises(SealError):
            sealer.open_json(value, context)


def test_fingerprints_tell_equal_from_different_and_nothing_more(keyring: Keyring) -> None:
    one = keyring.fingerprint("070-1740605", "sender:web")
    assert one == keyring.fingerprint("070-1740605", "sender:web")
    others = [
        keyring.fingerprint("070-1740606", "sender:web"),
        keyring.fingerprint("070-1740605", "sender:telegram"),
        keyring.fingerprint("\ud800", "sender:web"),
        replace(keyring, lookup=b"x" * 32).fingerprint("070-1740605", "sender:web"),
    ]
    assert len({one, *others}) == 5
    assert len(one) == 64 and int(one, 16) >= 0


def test_keys_are_not_shown(keyring: Keyring) -> None:
    shown = f"{keyring} {keyring!r}"
    data_key = make_data_key()
    shown += f"{data_key} {data_key!r}"
    for key in (keyring.lookup, keyring.session_secret, data_key.key, *keyring.keys.values()):
        assert repr(key) not in shown and base64.b64encode(key).decode() not in shown


def test_key_files_are_made_for_their_owner_only(directory: Path) -> None:
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()} == dict.fromkeys(FILES, 0o600)
    assert len(load_keys(directory).session_secret) == 32


@pytest.mark.parametrize("missing", FILES)
def test_only_what_is_missing_is_made(missing: str, directory: Path) -> None:
    before = {name: (directory / name).read_text() for name in FILES}
    (directory / missing).unlink()
    make_keys(directory)
    after = {name: (directory / name).read_text() for name in FILES}
    assert [name for name in FILES if before[name] != after[name]] == [missing]


def test_a_damaged_file_is_not_replaced(directory: Path) -> None:
    (directory / "lookup.key").write_text("")
    make_keys(directory)
    assert (directory / "lookup.key").read_text() == ""


KEY = base64.b64encode(b"k" * 32).decode()
DAMAGES = [
    ("encryption.keys", ""),
    ("encryption.keys", "\n\n"),
    ("encryption.keys", KEY),
    ("encryption.keys", f"a {KEY}\nb {KEY[:-5]}\n"),
    ("encryption.keys", f"a {KEY}\na {KEY}\n"),
    ("encryption.keys", f"å {KEY}\n"),
    ("lookup.key", ""),
    ("lookup.key", KEY[:20]),
    ("lookup.key", base64.b64encode(b"k" * 31).decode()),
    ("session.key", "not base64!"),
]


@pytest.mark.parametrize(("name", "content"), DAMAGES)
def test_a_damaged_key_file_is_refused(name: str, content: str, directory: Path) -> None:
    (directory / name).write_text(content, encoding="utf-8")
    with pytest.raises(KeyFileError, match=rf"{name} is damaged: restore it") as caught:
        load_keys(directory)
    assert "\n" not in str(caught.value) and KEY not in str(caught.value)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_key_file_is_refused(name: str, directory: Path) -> None:
    (directory / name).unlink()
    with pytest.raises(KeyFileError, match=f"{name} is missing: restore it"):
        load_keys(directory)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
@pytest.mark.parametrize("name", FILES)
def test_a_key_file_open_to_others_is_refused(name: str, mode: int, directory: Path) -> None:
    (directory / name).chmod(mode)
    with pytest.raises(KeyFileError, match=f"chmod 600 {directory / name}"):
        load_keys(directory)


def test_a_key_directory_open_to_others_or_missing_is_refused(directory: Path) -> None:
    directory.chmod(0o755)
    with pytest.raises(KeyFileError, match=f"chmod 700 {directory}"):
        load_keys(directory)
    with pytest.raises(KeyFileError, match="is missing"):
        load_keys(directory / "elsewhere")


def texts_of(directory: Path) -> list[str]:
    return [(directory / name).read_text() for name in FILES]


def test_keys_come_as_texts_too(directory: Path) -> None:
    from_files, texts = load_keys(directory), texts_of(directory)
    from_texts = keyring_from_texts(*texts)
    assert replace(from_files, file=None, stamp=()) == from_texts == from_texts.current()
    assert from_texts.open(from_files.seal(b"text", "here"), "here") == b"text"
    for separator in ("\n", ",", " , ", "\r\n"):
        two = keyring_from_texts(separator.join([f"newer {KEY}", texts[0].strip()]), *texts[1:])
        assert list(two.keys) == ["newer", from_files.sealing] and two.sealing == "newer"


SETTINGS = dict(zip(FILES, ("KONTAKT_ENCRYPTION_KEYS", "KONTAKT_LOOKUP_KEY", "KONTAKT_SESSION_KEY"), strict=True))


@pytest.mark.parametrize(("name", "content"), [*DAMAGES, ("lookup.key", f"å{KEY}"), ("session.key", "\ud800")])
def test_a_damaged_key_text_is_refused(name: str, content: str, directory: Path) -> None:
    texts = texts_of(directory)
    texts[FILES.index(name)] = content
    problem = "damaged" if content.strip() else "missing"
    with pytest.raises(KeyFileError, match=rf"^the setting {SETTINGS[name]} is {problem}: restore it") as caught:
        keyring_from_texts(*texts)
    assert "\n" not in str(caught.value)
    assert not [text for text in texts if text.strip() and text.strip() in str(caught.value)]
