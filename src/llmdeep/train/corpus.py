"""The text: a folder of .txt files, each cut into what is learned from and what is held out."""

import hashlib
from pathlib import Path
from typing import NamedTuple


class Text(NamedTuple):
    """One file."""

    name: str
    training: str
    held_out: str

    @property
    def sha256(self) -> str:
        """Of the whole file, as it is on disk."""
        return hashlib.sha256((self.training + self.held_out).encode()).hexdigest()


class CorpusError(ValueError):
    """The folder cannot be trained on; the message says why."""


def read_corpus(folder: Path) -> list[Text]:
    """Every .txt file of a folder, in the order of their names, with its last tenth held out.

    Raises:
        CorpusError: If there is no such folder, no text in it, or one that is empty or not UTF-8.
    """
    if not folder.is_dir():
        raise CorpusError(f"{folder} is not a folder; give one that holds .txt files")
    paths = sorted(folder.glob("*.txt"))
    if not paths:
        raise CorpusError(f"{folder} holds no .txt file")
    texts = []
    for path in paths:
        content = path.read_bytes()
        if not content.strip():
            raise CorpusError(f"{path} is empty")
        try:
            content.decode("utf-8")
        except UnicodeDecodeError as error:
            raise CorpusError(
                f"{path} is not UTF-8: byte {error.start} is 0x{content[error.start]:02x}; "
                "save it as UTF-8 first"
            ) from None
        training, held_out = cut(content)
        texts.append(Text(path.stem, training.decode(), held_out.decode()))
    return texts


def cut(content: bytes) -> tuple[bytes, bytes]:
    """The first nine tenths and the last, by bytes.

    Where the cut would fall inside a character it moves back to that character's first byte.

    Examples:
        >>> cut(b"0123456789")
        (b'012345678', b'9')
        >>> [part.decode() for part in cut("éééé".encode())]
        ['ééé', 'é']
    """
    end = len(content) * 9 // 10
    while end > 0 and content[end] & 0b1100_0000 == 0b1000_0000:
        end -= 1
    return content[:end], content[end:]


def for_selection(texts: list[Text]) -> list[Text]:
    """The training parts alone, cut once more: settings are chosen without the held-out text."""
    chosen = []
    for text in texts:
        training, held_out = cut(text.training.encode())
        chosen.append(Text(text.name, training.decode(), held_out.decode()))
    return chosen
