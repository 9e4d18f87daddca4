"""What Kontakt is built from: the lock files, known weaknesses, licences and the list of parts (SBOM).

`python -m supply_chain check` needs no network and is part of `make check`; `python -m supply_chain sbom` writes the
lists under `docs/sbom/` anew; `python -m supply_chain audit` asks an advisory service through pip-audit; `python -m
supply_chain secrets` looks for keys and passwords in our own files. What is decided stands in `advisories.yml`,
`licences.yml` and `secrets.yml`; docs/supply_chain.md explains it.
"""
