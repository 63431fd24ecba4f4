"""The one table of colours. They keep the literature's meaning of each hue.

The four of first crossing without its side cases, and the six of final accuracies, stay apart for
all three kinds of colour blindness (smallest CIE76 distance 30 under Machado's simulation, against
12 for those of Liu et al. 2022) and in grey (12 or more of lightness). Coexistence, partial and
full inversion are red, purple and green as in Doshi et al. 2023.
"""

from __future__ import annotations

PHASE_COLORS = {
    "comprehension": "#35B779",
    "grokking": "#FDE725",
    "memorization": "#3E4A89",
    "confusion": "#1E1E1E",
    "inversion": "#C44E9A",
    "val_only": "#E8A33D",
    "coexistence": "#DD3A17",
    "partial inversion": "#BC89EB",
    "full inversion": "#52DB78",
    "forgetting": "#C8F6F8",
    "undecided": "#9E9E9E",
}

# Cells without a colour of their own are white: crossed where all runs failed, hatched where
# there is no run at all. Censored ones are grey and hatched the other way; grey alone stands for
# cells of which the question cannot be asked.
EMPTY = "#FFFFFF"
MARKS = "#8A8A8A"
FRAME = "#D0D0D0"
CENSORED = "#E2E2E2"
CENSORED_MARKS = "#6A6A6A"
NONE = "#C4C4C4"

# Light to dark, in none of the hues of the phases: shares and bits, and steps or other values.
SHARES, VALUES = "Blues", "rocket_r"

# Lines: of training and of validation data (Okabe and Ito), and of what is measured or asked.
TRAIN, VAL = "#0072B2", "#D55E00"
CORRUPTED = "#AA3377"  # training examples whose label was drawn anew
THRESHOLD = "#777777"

# Whether two maps agree.
SAME, DIFFERENT = "#DADADA", "#B2182B"
