"""Keys and sealing: nothing opens that was changed, moved or sealed by others; key files are kept to their owner."""

import base64
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from storage.encryption import KeyFileError, Keyring, SealError, load_keys, make_keys

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
    with pytest.raises(SealError, match="not among the key files"):
        load_keys(directory).open(sealed, "here")


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
    for key in (keyring.lookup, keyring.session_secret, *keyring.keys.values()):
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
