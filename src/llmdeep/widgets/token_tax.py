"""What one text costs in 29 languages, in tokens relative to English, and what yours costs.

Notice: the tax is no property of a language. Choose another vocabulary and Hindi, Hebrew or
Georgian become several times cheaper; Amharic hardly does.
"""

from statistics import median
from typing import Annotated

from llmdeep.token_tax import VOCABULARIES, count, measured, tax
from llmdeep.vocabularies import TITLES
from llmdeep.widgets import Choice, Matrix, Metric, Metrics, Note, Table, Text, View

NAMES = {TITLES[name]: name for name in VOCABULARIES}


def render(
    vocabulary: Annotated[str, Choice(*NAMES)] = TITLES["cl100k"],
    text: Annotated[str, Text(max_length=5_000, multiline=True, label="your text")] = (
        "Where is the library, and when does it open?"
    ),
    translation: Annotated[
        str, Text(max_length=5_000, multiline=True, label="the same in another language")
    ] = "Πού είναι η βιβλιοθήκη και πότε ανοίγει;",
) -> list[View]:
    name = NAMES[vocabulary]
    taxes = tax(name)
    dearest = [*taxes][-1]
    own, other = count(text, [name]), count(translation, [name])
    ratio = other.tokens[name] / own.tokens[name]
    everywhere = [tax(vocabulary) for vocabulary in VOCABULARIES]
    return [
        Matrix(
            [[found[language] for found in everywhere] for language in taxes],
            rows=[*taxes],
            columns=[*NAMES],
            title=f"Tokens relative to English, in the order of {vocabulary}",
            domain=(1, 8),
            digits=2,
            row_label="language",
            column_label="vocabulary",
        ),
        Metrics(
            median_of_the_languages=Metric(median(taxes.values()), "× English"),
            the_dearest=Metric(taxes[dearest], "× English", dearest),
            your_two_texts=Metric(ratio, "×", "tokens of the translation for each of the text"),
        ),
        Table(
            (
                "text",
                "words",
                "characters",
                "bytes",
                "tokens",
                "tokens a character",
                "bytes a token",
            ),
            [
                (label, c.words, c.characters, c.bytes, t, t / c.characters, c.bytes / t)
                for label, c in [
                    ("yours", own),
                    ("its translation", other),
                    ("English declaration", measured()["English"]),
                    (f"{dearest} declaration", measured()[dearest]),
                ]
                for t in [c.tokens[name]]
            ],
            title=f"Counted with {vocabulary}",
        ),
        Note(
            "The declaration is that of human rights, in its published translations. They differ "
            "in length and in what stands before them, so take a second digit lightly. Colours "
            "end at 8; the numbers do not."
        ),
    ]
