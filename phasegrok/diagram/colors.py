"""The one table of colours. They keep the literature's meaning of each hue.

The first four stay apart for all three kinds of colour blindness (smallest CIE76 distance 30
under Machado's simulation, against 12 for those of Liu et al. 2022) and in grey.
"""

from __future__ import annotations

PHASE_COLORS = {
    "comprehension": "#35B779",
    "grokking": "#FDE725",
    "memorization": "#3E4A89",
    "confusion": "#1E1E1E",
    "inversion": "#C44E9A",
    "val_only": "#E8A33D",
    "undecided": "#9E9E9E",
}

# Cells without a colour of their own are white: crossed where all runs failed, hatched where
# there is no run at all.
EMPTY = "#FFFFFF"
MARKS = "#8A8A8A"
FRAME = "#D0D0D0"
