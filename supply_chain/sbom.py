"""The software bill of materials: one CycloneDX document for each lock file, under `docs/sbom/`.

Made from the lock files, `licences.yml` and the project's own name and version alone, so that it comes out the same on
every machine; no time, no address. File hashes stay in the lock file, whose own SHA-256 each document names.
"""

import hashlib
import json
import tomllib
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path

from supply_chain.licences import identifiers
from supply_chain.locks import INSTALLED, LOCKS, Locked

DIRECTORY = "docs/sbom"
_SERIALS = uuid.UUID("6f1c8c2e-5c0f-5d1b-9a53-2f6a2b0d7e41")

Json = dict[str, object]


def documents(root: Path, locked: Mapping[str, Iterable[Locked]], licences: Mapping[str, str]) -> dict[str, str]:
    """File name, from the top of the repository -> the document for each lock file."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    made = {}
    for lock, packages in locked.items():
        digest = hashlib.sha256((root / lock).read_bytes()).hexdigest()
        document = _document(project, lock, digest, [_component(package, licences) for package in packages])
        made[f"{DIRECTORY}/{LOCKS[lock]}.cdx.json"] = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    return made


def differences(root: Path, wanted: Mapping[str, str]) -> list[str]:
    """What is missing, left over or not as it should be under `docs/sbom/`, one line each."""
    there = {path.relative_to(root).as_posix() for path in (root / DIRECTORY).glob("*")}
    found = [f"{name} belongs to no lock file" for name in sorted(there - wanted.keys())]
    for name, content in wanted.items():
        if name not in there or (root / name).read_text(encoding="utf-8") != content:
            found.append(f"{name} does not match its lock file: run `python -m supply_chain sbom`")
    return found


def _document(project: Mapping[str, str], lock: str, digest: str, components: list[Json]) -> Json:
    name, version = project["name"], project["version"]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_SERIALS, f'{lock} {digest} {version}')}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": name,
                "name": name,
                "version": version,
                "licenses": _licences(project["license"]),
            },
            "properties": [
                {"name": "kontakt:lock", "value": lock},
                {"name": "kontakt:lock:sha256", "value": digest},
            ],
        },
        "components": components,
    }


def _component(package: Locked, licences: Mapping[str, str]) -> Json:
    address = f"pkg:pypi/{package.name}@{package.version}"
    component: Json = {
        "type": "library",
        "bom-ref": address,
        "name": package.name,
        "version": package.version,
        "scope": "required" if LOCKS[package.lock] in INSTALLED else "excluded",
    }
    if package.name in licences:
        component["licenses"] = _licences(licences[package.name])
    component["purl"] = address
    if package.marker:
        component["properties"] = [{"name": "kontakt:marker", "value": package.marker}]
    return component


def _licences(expression: str) -> list[Json]:
    if len(identifiers(expression)) == 1:
        return [{"license": {"id": expression}}]
    return [{"expression": expression}]
