"""Speed, measured side by side in one run: `make bench`. Ratios are what to compare; the machine sets the rest."""
