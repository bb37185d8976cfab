"""Lecture 18."""

from kdcourse.grading.hints import Hints

HINTS = {
    "paired_interval": Hints(
        "Section 1 of lecture 18 sets paired intervals beside unpaired ones. Compare three things with your "
        "code: the differences come before anything else, their squared deviations are divided by n - 1, and "
        "the quantile is one of Student's t that leaves half of the rest on each side.",
        "Check it without a table: equal arms give 0, 0, 0; a number that is added to both arms of one seed "
        "changes nothing; twice the gains make all three numbers twice as large; four times as many seeds "
        "make the interval about half as wide. Which of these does yours break?",
        "t([91.0, 93.0, 95.0]), t([90.0, 90.0, 93.0]), 0.9",
    ),
    "holm_adjust": Hints(
        "Section 4 of lecture 18 does it by hand. Compare four steps with your code: sort, multiply by m, "
        "m - 1, ..., 1, let nothing fall below the one before (and nothing rise above 1), and bring the "
        "numbers back to where their p-values stood.",
        "Write three columns for a short list in *mixed* order: the sorted p-values, their products, their "
        "running maximum. Then write each of these beside the p-value it came from. With one p-value nothing "
        "changes; no adjusted p is below its p; the smallest is multiplied by m.",
        "t([0.03, 0.2, 0.01, 0.02])",
    ),
    "choose_setting": Hints(
        "Section 3 of lecture 18 shows what choosing on the test images does to the score. Compare with your "
        "code: which split is read, what is computed from its list, and what is returned: a name, not a "
        "number.",
        "Try three small cases: two settings with equal means (the first wins), one setting with more seeds "
        "than the other (a sum is no mean), and scores that are all negative. What does your search begin "
        "with?",
    ),
    "mean_ranks": Hints(
        "Section 5 of lecture 18 compares orders of methods. Compare three things with your code: within "
        "which axis places are given (among the methods of one block), which end is number 1, and what two "
        "equal scores get.",
        "The places of one block always add up to k (k + 1) / 2, also with ties; so do the mean ranks. Work "
        "out one block in which two methods are equal and best: they share places 1 and 2, so each has 1.5, "
        "and the next one has 3.",
        "t([[90.0, 80.0], [90.0, 70.0], [85.0, 80.0]])",
    ),
}
