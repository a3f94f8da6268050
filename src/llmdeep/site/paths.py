"""Where things stand in the repository."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SOURCES = ROOT / "src"
DOCS = ROOT / "docs"
ASSETS = DOCS / "assets"  # everything built; ignored by git
KERNEL_PAGES = DOCS / "gpu" / "kernels"  # written by the build, too; ignored by git
CACHE = ROOT / ".cache"  # everything that can be computed again
SITE = ROOT / "site"
BROWSER = Path(__file__).parent / "browser"
